import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import {chown, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, expect, it, vi} from 'vitest'

import {sweepTemporaryFolders, TemporaryFolder} from '../../src/flow/temporary-folder.js'

const NAMED = /^elysia-tmp-(?<machine>\w+)-(?<pid>\d+)-(?<started>\d*)-\w+$/

let place: string

beforeEach(async () => {
  place = await mkdtemp(path.join(tmpdir(), 'data-ops-temporary-'))
  vi.stubEnv('TMPDIR', place)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(place, {recursive: true})
})

it('temporary folders are private, and go with a process that is ended at once', async () => {
  const before = process.listeners('exit')
  const [first, second, removed] = [new TemporaryFolder(), new TemporaryFolder(), new TemporaryFolder()]
  const paths = [await first.path(), await second.path()]
  expect((await stat(paths[0]!)).mode & 0o777).toBe(0o700)
  await removed.path()
  await removed.remove()
  for (const each of paths) await writeFile(path.join(each, 'objects.parquet'), 'in the clear')
  const added = process.listeners('exit').filter((listener) => !before.includes(listener))
  expect(added).toHaveLength(1)
  added[0]!(130)
  expect(paths.map((each) => existsSync(each))).toEqual([false, false])
  await first.remove()
  await second.remove()
  expect(process.listeners('exit')).toEqual(before)
})

it('what a killed process has left is swept, and nothing else', async () => {
  const own = new TemporaryFolder()
  const name = path.basename(await own.path())
  const {machine = '', pid = '', started = ''} = NAMED.exec(name)?.groups ?? {}
  const {pid: gone} = spawnSync(process.execPath, ['-e', ''])
  const folder = async (...words: Array<number | string>): Promise<string> => {
    const made = ['elysia-tmp', ...words].join('-')
    await mkdir(path.join(place, made))
    await writeFile(path.join(place, made, 'objects.parquet'), 'in the clear')
    return made
  }

  const dead = [await folder(machine, gone, '1', 'abcdef'), await folder(machine, gone, '', 'abcdef')]
  // The number is used again.
  if (started !== '') dead.push(await folder(machine, pid, '1', 'abcdef'))
  const others = [
    name,
    // It runs, and could not see when it was started.
    await folder(machine, pid, '', 'ghijkl'),
    await folder('0123456789ab', gone, '1', 'abcdef'),
    await folder(machine, gone, '1', 'abcdef', 'more'),
    await folder('verify', 'abcdef'),
  ]
  // Who is root may give it away.
  if (process.getuid?.() === 0) {
    others.push(await folder(machine, gone, '1', 'others'))
    await chown(path.join(place, others.at(-1)!), 12_345, 12_345)
  }

  const foreign = path.join(place, 'foreign')
  await mkdir(foreign)
  await writeFile(path.join(foreign, 'kept'), '')
  await symlink(foreign, path.join(place, `elysia-tmp-${machine}-${gone}-1-linked`))
  await writeFile(path.join(place, `elysia-tmp-${machine}-${gone}-1-afilex`), '')
  sweepTemporaryFolders()
  expect(await readdir(place)).not.toEqual(expect.arrayContaining(dead))
  expect((await readdir(place)).toSorted()).toEqual(
    [
      ...others,
      'foreign',
      `elysia-tmp-${machine}-${gone}-1-linked`,
      `elysia-tmp-${machine}-${gone}-1-afilex`,
    ].toSorted(),
  )
  expect(await readdir(foreign)).toEqual(['kept'])
  await own.remove()
})
