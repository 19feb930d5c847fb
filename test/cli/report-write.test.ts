import {mkdtemp, readdir, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {expect, it, onTestFinished} from 'vitest'

import {writePage} from '../../src/cli/report/write.js'

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
