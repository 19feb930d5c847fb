/** `col restore --replace` as it is typed. */
import {readdir} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout} from 'node:timers/promises'
import {afterAll, beforeAll, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fill, type Filler, filler} from './fill.js'
import {cli, type CliRun, start, temporaryFolder} from './run-cli.js'

let server: EmbeddedWeaviate
/** Holds the calls that write once so many of them were let through. */
let gate: undefined | {left: number; opened: Promise<void>; reached: () => void}
let weaviate: Filler
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let place: string
let env: Record<string, string>

beforeAll(async () => {
  server = await startEmbeddedWeaviate({
    async onRequest({method}) {
      if (method !== 'BatchObjects' || !gate || --gate.left >= 0) return
      gate.reached()
      await gate.opened
    },
  })
  weaviate = filler(server.url)
  folder = await temporaryFolder()
  place = path.join(folder.path, 'backups')
  env = {WEAVIATE_GRPC_URL: server.grpcUrl!, WEAVIATE_URL: server.url}
  await fill(weaviate, 'Book', 2000)
  expect(await on('col', 'backup', 'Book', '-q')).toMatchObject({code: 0})
  await weaviate.request('DELETE', 'schema/Book')
  await fill(weaviate, 'Book', 30)
})
afterAll(async () => {
  await server.close()
  await folder.remove()
})

async function on(...argv: string[]): Promise<CliRun> {
  return cli([...argv, '-o', place], env)
}

it('is refused beside flags that mean something else', async () => {
  for (const other of [['--merge'], ['--atomic'], ['--tenant', 'a'], ['--skip-data']])
    expect(await on('col', 'restore', 'Book@latest', '--replace', ...other)).toMatchObject({code: 2})
  expect(await on('col', 'restore', 'Book@latest', '--allow-protected')).toMatchObject({code: 2})
  expect(await weaviate.count('Book')).toBe(30)
})

it('goes on when it was killed after the drop, by the same command', async () => {
  const argv = ['col', 'restore', 'Book@latest', '--replace', '--batch-size', '100', '--max-rate', '400']
  const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  // By the rate that is later than a checkpoint is saved. What is waited for stays, however late it is looked at.
  gate = {left: 8, opened: opened.promise, reached: reached.resolve}
  const first = start([...argv, '-o', place], env)
  await reached.promise
  while ((await readdir(place)).every((name) => !name.endsWith('.checkpoint'))) await setTimeout(20)
  // Not within a write: what that leaves is a leftover of its own.
  for (;;) {
    first.kill('SIGSTOP')
    await setTimeout(20)
    if ((await readdir(place)).every((name) => !name.endsWith('.tmp'))) break
    first.kill('SIGCONT')
    await setTimeout(5)
  }

  first.kill('SIGKILL')
  await first.done
  gate = undefined
  opened.resolve()
  const left = await on('doctor')
  expect(left.stdout).toMatch(/\.replace-Book\.json says that a collection was dropped to be replaced/)
  const again = await on('col', 'restore', 'Book@latest', '--replace')
  expect(again, again.stderr).toMatchObject({code: 0})
  expect(again.stdout).toMatch(/^Restored Book: /)
  expect(again.stdout).toMatch(/ {2}What was there before is in .*Book_.*\.json\./)
  expect(await weaviate.count('Book')).toBe(2000)
  expect((await readdir(place)).filter((name) => /\.replace-|\.checkpoint$/.test(name))).toEqual([])
  expect((await on('doctor')).stdout).toMatch(/^✔ Killed runs left nothing behind/m)
})
