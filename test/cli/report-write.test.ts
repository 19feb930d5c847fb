import {mkdir, mkdtemp, readdir, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {expect, it, onTestFinished} from 'vitest'

import {checkPagePlace, writePage} from '../../src/cli/report/write.js'

it('a page that could not be written whole is not left by half, and says why', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'data-ops-page-'))
  onTestFinished(async () => rm(folder, {recursive: true}))
  const file = path.join(folder, 'page.html')
  // A text that fails on its way, as a disk does that is full.
  const failing = (function* () {
    yield '<html>'
    throw Object.assign(new Error('ENOSPC'), {code: 'EFBIG'})
  })()
  await expect(writePage(file, failing as unknown as string)).rejects.toMatchObject({
    code: 'STORAGE',
    message: `Cannot write the page to ${file}: files there may not get that large.`,
  })
  expect(await readdir(folder)).toEqual([])
})

it.each([
  ['in a folder that is not there', 'none/page.html', (folder: string) => `there is no folder ${folder}/none.`],
  ['below a file', 'file/page.html', (folder: string) => `there is no folder ${folder}/file.`],
  ['in place of a folder', 'folder', () => 'it is a folder.'],
])('a page %s is refused before it is made in the words in which it would be then', async (_, name, reason) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'data-ops-page-'))
  onTestFinished(async () => rm(folder, {recursive: true}))
  await mkdir(path.join(folder, 'folder'))
  await writeFile(path.join(folder, 'file'), 'mine')
  const file = path.join(folder, name)
  const expected = {code: 'STORAGE', message: `Cannot write the page to ${file}: ${reason(folder)}`}
  const before = await checkPagePlace(file).catch((error: unknown) => error)
  expect(before).toMatchObject(expected)
  const then = (await writePage(file, '').catch((error: unknown) => error)) as {details: unknown; hint: string}
  expect(then).toMatchObject(expected)
  expect(before).toMatchObject({details: then.details, hint: then.hint})
  expect((await readdir(folder)).toSorted()).toEqual(['file', 'folder'])
})

it('a page is allowed over a file, and where there is none yet', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'data-ops-page-'))
  onTestFinished(async () => rm(folder, {recursive: true}))
  await writeFile(path.join(folder, 'old.html'), 'old')
  for (const name of ['old.html', 'new.html']) await checkPagePlace(path.join(folder, name))
})
