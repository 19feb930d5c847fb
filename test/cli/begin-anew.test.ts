/** What cannot be continued, while the collection is there: each way that the hint names works. */
import {readdir, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import {CopyManager, LocalStore, RestoreManager} from '../../src/index.js'
import {startTestServer, type TestServer} from '../support/collections.js'
import {fill, filler} from './fill.js'
import {cli, type CliRun, temporaryFolder} from './run-cli.js'

const OBJECTS = 40
const WAYS = '"Copied" is there: start over under another name'

let server: TestServer
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let env: Record<string, string>
let backup: string

beforeEach(async () => {
  server = await startTestServer()
  folder = await temporaryFolder()
  env = {ELYSIACTL_BACKUPS: folder.path, WEAVIATE_GRPC_URL: server.grpcUrl, WEAVIATE_URL: server.url}
  await fill(filler(server.url), 'Book', OBJECTS)
  const made = await cli(['col', 'backup', 'Book', '--json'], env)
  backup = made.json().path as string
})

afterEach(async () => {
  for (const {class: name} of await server.connection.listCollections()) await server.connection.deleteCollection(name)
  await server.close()
  await folder.remove()
})

type Run = (options: {
  batchSize: number
  concurrency: number
  name: string
  onProgress: (event: {completed: number; stage: string}) => void
  signal: AbortSignal
}) => Promise<unknown>

async function interrupted(run: Run): Promise<void> {
  const controller = new AbortController()
  const stopped = run({
    batchSize: 5,
    concurrency: 1,
    name: 'Copied',
    onProgress({completed, stage}) {
      if (stage === 'restore' && completed >= 10) controller.abort()
    },
    signal: controller.signal,
  })
  await expect(stopped).rejects.toMatchObject({code: 'INTERRUPTED'})
}

const restore: Run = async (options) =>
  new RestoreManager(server.connection, {directory: folder.path}).restoreCollection(backup, options)
const copy: Run = async (options) => {
  const store = new LocalStore(folder.path)
  return new CopyManager(server.connection, server.connection, {store}).copyCollection('Book', options)
}

async function anotherCollection(): Promise<void> {
  await server.connection.deleteCollection('Copied')
  await fill(filler(server.url), 'Copied', 3)
}

async function garbage(): Promise<void> {
  for (const entry of await readdir(folder.path)) {
    if (entry.endsWith('.checkpoint')) await writeFile(path.join(folder.path, entry), 'garbage')
  }
}

/** As `--json` has it. */
function failure(run: CliRun): {code: string; hint: string} {
  return run.json().error as {code: string; hint: string}
}

const RESTORE = ['col', 'restore']
const situations: Array<[string, () => Promise<void>, string[]]> = [
  ['the collection is another', anotherCollection, []],
  ['options are others', async () => {}, ['--set', 'description=other']],
  ['the checkpoint is damaged', garbage, []],
]

describe.each(situations)('a restore, where %s', (_, happens, flags) => {
  it.each([
    ['under another name with --name', ['--name', 'Beside', '--restart'], 'Beside'],
    ['into it with --merge', ['--name', 'Copied', '--restart', '--merge'], 'Copied'],
    ['in its place with col restore --replace', ['--name', 'Copied', '--replace'], 'Copied'],
  ])('begins anew %s', async (way, added, name) => {
    await interrupted(restore)
    await happens()
    const again = await cli([...RESTORE, backup, '--name', 'Copied', ...flags, '--json'], env)
    expect(failure(again)).toMatchObject({code: 'CHECKPOINT', hint: expect.stringContaining(WAYS) as string})
    expect(failure(again).hint).toContain(way)
    const followed = await cli([...RESTORE, backup, ...added, '--json'], env)
    expect(followed, followed.stderr + followed.stdout).toMatchObject({code: 0})
    const compared = await cli(['col', 'verify', name, '--against', backup, '--json'], env)
    expect(compared.json()).toMatchObject({counts: {backup: OBJECTS}, equal: true})
  })

  it('begins anew with --restart alone once it is gone', async () => {
    await interrupted(restore)
    await happens()
    await server.connection.deleteCollection('Copied')
    const again = await cli([...RESTORE, backup, '--name', 'Copied', ...flags, '--json'], env)
    expect(again.stdout).not.toContain(WAYS)
    const followed = await cli([...RESTORE, backup, '--name', 'Copied', '--restart', ...flags, '--json'], env)
    expect(followed, followed.stderr).toMatchObject({code: 0})
  })
})

describe.each(situations)('a copy, where %s', (_, happens, flags) => {
  it.each([
    ['under another name', ['Beside', '--restart']],
    ['into it with --merge', ['Copied', '--restart', '--merge']],
  ])('begins anew %s, with nothing said of restores', async (way, added) => {
    await interrupted(copy)
    await happens()
    const again = await cli(['col', 'copy', 'Book', 'Copied', ...flags, '--json'], env)
    expect(failure(again)).toMatchObject({code: 'CHECKPOINT', hint: expect.stringContaining(WAYS) as string})
    expect(failure(again).hint).toContain(way)
    expect(failure(again).hint).not.toMatch(/--name|col restore/)
    const followed = await cli(['col', 'copy', 'Book', ...added, '--json'], env)
    expect(followed, followed.stderr + followed.stdout).toMatchObject({code: 0})
  })
})

it('a copy to where one is names only what a copy has', async () => {
  await anotherCollection()
  const {stderr} = await cli(['col', 'copy', 'Book', 'Copied'], env)
  expect(stderr.replaceAll(/[\s›]+/g, ' ')).toContain('Copy under another name, or into it with --merge.')
})
