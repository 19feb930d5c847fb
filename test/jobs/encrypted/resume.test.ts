/** An encrypted backup that was stopped goes on, on a host that cannot read it. */
import {readdir, readFile, rm, utimes} from 'node:fs/promises'
import path from 'node:path'
import {afterEach, beforeEach, expect, it} from 'vitest'

import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupCatalog, BackupManager, type BackupResult, Verifier} from '../../../src/index.js'
import {FLUSH_EVERY} from '../../../src/jobs/backup/transfer.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'EncryptedResume'
const SETTINGS = {...FLUSH_EVERY}

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let state: Awaited<ReturnType<typeof temporaryDirectory>>
let keys: {identity: string; recipient: string}

beforeEach(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  state = await temporaryDirectory()
  keys = await newIdentity()
  await makeCollection(server.connection, NAME, 60, 4)
  FLUSH_EVERY.ms = 0
})

afterEach(async () => {
  Object.assign(FLUSH_EVERY, SETTINGS)
  await server.connection.deleteCollection(NAME)
  await server.close()
  await directory.remove()
  await state.remove()
})

async function interrupt(format: 'json' | 'parquet'): Promise<void> {
  const controller = new AbortController()
  const backup = manager().backupCollection(NAME, {
    batchSize: 5,
    concurrency: 1,
    format,
    onProgress({completed}) {
      if (completed >= 20) controller.abort()
    },
    signal: controller.signal,
  })
  await expect(backup).rejects.toMatchObject({code: 'INTERRUPTED'})
}

function manager(identities?: string[]): BackupManager {
  return new BackupManager(server.connection, {
    directory: directory.path,
    encryptTo: [keys.recipient],
    identities,
    stateDirectory: state.path,
  })
}

async function verify({path: file}: BackupResult): Promise<void> {
  const verifier = new Verifier({directory: directory.path, identities: [keys.identity]})
  expect(await verifier.verifyBackup(file)).toMatchObject({objectCount: 60, problems: []})
}

it.each([false, true])('goes on from its finished parts, with an identity: %s', async (hasIdentity) => {
  await interrupt('parquet')
  // Nothing beside the backup says what it is made of.
  for (const file of await readdir(directory.path, {recursive: true, withFileTypes: true})) {
    if (!file.isFile()) continue
    const content = await readFile(path.join(file.parentPath, file.name), 'latin1')
    expect(content.startsWith('age-encryption.org/v1') || !content.includes('"properties"'), file.name).toBe(true)
    expect(file.name).not.toContain('journal')
  }

  expect((await readdir(state.path)).filter((name) => name.startsWith('journal-'))).toHaveLength(1)
  const result = await manager(hasIdentity ? [keys.identity] : undefined).backupCollection(NAME, {
    format: 'parquet',
    resume: true,
  })
  expect(result.resumed).toBeGreaterThanOrEqual(20)
  const codes = result.warnings.map(({code}) => code)
  expect(codes.includes('not-looked-at-again')).toBe(!hasIdentity)
  await verify(result)
  expect((await readdir(state.path)).filter((name) => name.startsWith('journal-'))).toEqual([])
  expect((await readdir(result.path)).filter((name) => name.startsWith('key-'))).toHaveLength(1)
})

it('begins a document again, and leaves nothing of the first attempt', async () => {
  await interrupt('json')
  const result = await manager().backupCollection(NAME, {format: 'json', resume: 'auto'})
  expect(result.resumed).toBe(0)
  await verify(result)
  expect((await readdir(result.path)).toSorted()).toEqual([
    expect.stringMatching(/^key-1-/),
    'metadata.json',
    'objects.json.age',
  ])
  expect((await readdir(directory.path)).filter((name) => name.startsWith(NAME))).toEqual([path.basename(result.path)])
})

const HOUR = 3_600_000

/** As if nobody had written there for so long. */
async function age(folder: string, ms: number): Promise<void> {
  const then = new Date(Date.now() - ms)
  for (const entry of await readdir(folder, {recursive: true, withFileTypes: true})) {
    await utimes(path.join(entry.parentPath, entry.name), then, then)
  }
}

const journals = async (): Promise<string[]> =>
  (await readdir(state.path)).filter((name) => name.startsWith('journal-'))

it('what it can go on with stays when it is pruned, and its journal, whatever their age', async () => {
  await interrupt('parquet')
  const own = new BackupCatalog(directory.path, {stateDirectory: state.path})
  const elsewhere = new BackupCatalog(directory.path)
  await age(directory.path, 48 * HOUR)
  await age(state.path, 48 * HOUR)
  for (const catalog of [elsewhere, own]) expect((await catalog.prune()).leftovers).toEqual([])
  const result = await manager([keys.identity]).backupCollection(NAME, {format: 'parquet', resume: true})
  expect(result.resumed).toBeGreaterThanOrEqual(20)
  await verify(result)
})

it('a journal goes once nothing is left of what it continues', async () => {
  await interrupt('parquet')
  const own = new BackupCatalog(directory.path, {stateDirectory: state.path})
  const [journal = ''] = await journals()
  const folder = (await readdir(directory.path)).find((name) => name.startsWith(NAME))!
  await rm(path.join(directory.path, folder), {recursive: true})
  await age(state.path, HOUR / 2)
  expect((await own.prune()).leftovers).toEqual([])
  await age(state.path, 2 * HOUR)
  const {leftovers} = await own.prune({}, {dryRun: true})
  expect(leftovers).toEqual([expect.stringContaining(folder)])
  expect(journal.endsWith(leftovers[0]!)).toBe(true)
  expect(await journals()).toEqual([journal])
  expect((await own.prune()).leftovers).toEqual(leftovers)
  expect(await journals()).toEqual([])
})
