/** One backup, restored into several targets that refuse objects: none touches another's file. */
import {readdir, readFile, rm} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest'

import type {EncryptionOptions} from '../../../src/store/encryption.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupManager, type BackupOptions, RestoreManager, type RestoreOptions} from '../../../src/index.js'
import {SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {fillCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'SharedRejected'
const OTHER = 'SharedRejectedToo'
const sample = {className: NAME, dims: 4, objects: 20}
const SAVED_EVERY = SAVE_EVERY.ms

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  server = await startTestServer()
  SAVE_EVERY.ms = 0
})

afterAll(async () => {
  SAVE_EVERY.ms = SAVED_EVERY
  await server.close()
})

beforeEach(async () => {
  directory = await temporaryDirectory()
  await fillCollection(server.connection, makeClass(sample), makeObjects(sample))
})

afterEach(async () => {
  for (const name of [NAME, OTHER]) await server.connection.deleteCollection(name)
  await directory.remove()
})

async function backUp(options: BackupOptions = {}, keys: EncryptionOptions = {}): Promise<string> {
  const manager = new BackupManager(server.connection, {directory: directory.path, ...keys})
  const backup = await manager.backupCollection(NAME, options)
  await server.connection.deleteCollection(NAME)
  return backup.path
}

/** Refuses those of one residue, and everything after so many calls. */
function refusing(residue: number, calls = Infinity): Connection {
  let count = 0
  return {
    ...server.connection,
    async writeObjects(request) {
      if (++count > calls) throw new DataOpsError('SERVER_REFUSED', 'These were calls enough.')
      const isRefused = ({id}: {id: string}): boolean => Number.parseInt(id.slice(-2), 16) % 3 === residue
      const objects = request.objects.filter((object) => !isRefused(object))
      const refused = request.objects.filter((object) => isRefused(object))
      if (objects.length > 0) await server.connection.writeObjects({...request, objects})
      return refused.map(({id}) => ({id, reason: `residue ${residue}`}))
    },
  }
}

async function restore(backup: string, by: Connection, options: RestoreOptions = {}, keys: EncryptionOptions = {}) {
  const manager = new RestoreManager(by, {directory: directory.path, ...keys})
  return manager.restoreCollection(backup, {batchSize: 4, concurrency: 1, ...options})
}

async function reasonsIn(file = ''): Promise<string[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.map((line) => (JSON.parse(line) as {reason: string}).reason)
}

it('one that was cut off goes on with its own lines, whatever was refused of another meanwhile', async () => {
  const backup = await backUp()
  await expect(restore(backup, refusing(0, 3))).rejects.toThrow(/calls enough/)
  const other = await restore(backup, refusing(1), {name: OTHER})
  const first = await restore(backup, refusing(0))
  expect(await reasonsIn(first.rejectedFile)).toEqual(Array.from({length: first.rejected}, () => 'residue 0'))
  expect(await reasonsIn(other.rejectedFile)).toEqual(Array.from({length: other.rejected}, () => 'residue 1'))
  expect(first.warnings).toEqual([])
})

it('one that ended keeps its lines while another begins of which nothing is refused', async () => {
  const backup = await backUp()
  const {rejected, rejectedFile} = await restore(backup, refusing(0))
  expect(rejected).toBeGreaterThan(0)
  expect(await restore(backup, server.connection, {name: OTHER})).toMatchObject({rejected: 0})
  expect(await reasonsIn(rejectedFile)).toHaveLength(rejected)
})

it('says when the lines of an earlier run are gone', async () => {
  const backup = await backUp()
  await expect(restore(backup, refusing(0, 3))).rejects.toThrow(/calls enough/)
  for (const name of await readdir(directory.path))
    if (name.endsWith('.rejected.jsonl')) await rm(path.join(directory.path, name))
  const {warnings} = await restore(backup, refusing(0))
  expect(warnings.map(({code}) => code)).toEqual(['rejected-lines-lost'])
})

it('of an encrypted backup too, what is sent again never goes into the file that is read', async () => {
  const {identity, recipient} = await newIdentity()
  const backup = await backUp({format: 'parquet'}, {encryptTo: [recipient]})
  const keys = {identities: [identity]}
  const {rejected, rejectedFile = ''} = await restore(backup, refusing(0), {}, keys)
  const before = await readFile(rejectedFile)
  const again = await restore(backup, refusing(0), {retryRejected: rejectedFile}, keys)
  expect(again).toMatchObject({rejected, restored: 0})
  expect(again.rejectedFile).toBe(rejectedFile.replace('.rejected.', '.still-rejected.'))
  expect(await readFile(rejectedFile)).toEqual(before)
  const still = await restore(backup, server.connection, {merge: true, retryRejected: again.rejectedFile}, keys)
  expect(still).toMatchObject({rejected: 0, restored: rejected})
})
