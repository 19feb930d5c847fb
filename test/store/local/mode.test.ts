import {chmod, mkdtemp, rm, stat} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, expect, it} from 'vitest'

import {LocalStore} from '../../../src/store/local/store.js'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'elysia-mode-'))
})

afterEach(async () => {
  await rm(folder, {force: true, recursive: true})
})

it.each([
  {files: 0o600, folders: 0o700},
  {files: 0o640, folders: 0o750, mode: 0o640},
  {files: 0o666, folders: 0o777, mode: 0o666},
])('gives files $files, folders $folders', async ({files, folders, mode}) => {
  const root = path.join(folder, 'backups')
  const store = new LocalStore(root, {mode})
  const modeOf = async (name: string): Promise<number> => (await stat(path.join(root, name))).mode & 0o777
  const writer = await store.createWriter('sealed/part')
  await writer.complete()
  await store.put('small', new Uint8Array(3))
  expect(await Promise.all(['', 'sealed', 'sealed/part', 'small'].map(async (name) => modeOf(name)))).toEqual([
    folders,
    folders,
    files,
    files,
  ])
  // What somebody has allowed stays allowed, unless it is said otherwise.
  await chmod(path.join(root, 'small'), 0o644)
  await store.put('small', new Uint8Array(4))
  expect(await modeOf('small')).toBe(mode ?? 0o644)
})
