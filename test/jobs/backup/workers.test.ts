/** A backup by several threads is the backup that one takes, however many they are. */
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {BackupOptions, BackupResult} from '../../../src/jobs/backup/options.js'

import {newIdentity} from '../../../src/codec/age/header.js'
import {sample, transformObjects} from '../../../src/flow/transform/index.js'
import {BackupManager, Verifier} from '../../../src/index.js'
import {FLUSH_EVERY} from '../../../src/jobs/backup/transfer.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {bundledWorker} from '../../support/worker-bundle.js'

// A thread dies once it has heard so often from the leader.
bundledWorker(`
let heard = 0
port.on('message', (message) => {
  if ('result' in message && ++heard === Number(process.env.TEST_DIES_AFTER)) throw new Error('planted')
})
`)
const SETTINGS = {...FLUSH_EVERY}
const NAME = 'WorkersDocs'
const COUNT = 1200
let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  server = await startTestServer()
  await makeCollection(server.connection, NAME, COUNT, 8)
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(async () => {
  Object.assign(FLUSH_EVERY, SETTINGS)
  await directory.remove()
})

const backUp = async (options: BackupOptions): Promise<BackupResult> =>
  new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {batchSize: 50, ...options})

describe.each([{format: 'parquet'}, {format: 'arrow'}, {format: 'json'}, {compress: true, format: 'json'}] as const)(
  '%o',
  (options) => {
    it('has the same content with 1, 2 and 4 workers', async () => {
      const one = await backUp({...options, workers: 1})
      const numbers = options.format === 'parquet' ? [2, 4] : [2]
      const others: BackupResult[] = []
      for (const workers of numbers) others.push(await backUp({...options, workers}))
      for (const backup of others) {
        expect(backup).toMatchObject({
          complete: true,
          counted: {after: COUNT, before: COUNT, read: COUNT},
          digest: one.digest,
          objectCount: COUNT,
          warnings: [],
        })
        const found = await new Verifier({
          connection: server.connection,
          directory: directory.path,
        }).verifyBackup(backup.id)
        expect(found).toMatchObject({digest: one.digest, problems: []})
      }
    })
  },
)

it('is interrupted, and continued with another number of workers', async () => {
  const {digest} = await backUp({format: 'parquet', workers: 1})
  FLUSH_EVERY.ms = 0
  const controller = new AbortController()
  const interrupted = await backUp({
    format: 'parquet',
    onProgress({completed}) {
      if (completed >= COUNT / 3) controller.abort()
    },
    signal: controller.signal,
    workers: 2,
  }).catch((error: unknown) => error)
  expect(interrupted).toMatchObject({code: 'INTERRUPTED', details: {resumable: true}})
  FLUSH_EVERY.ms = SETTINGS.ms
  const backup = await backUp({format: 'parquet', resume: true, workers: 3})
  expect(backup).toMatchObject({complete: true, digest, objectCount: COUNT})
  expect(backup.resumed).toBeGreaterThanOrEqual(COUNT / 3)
})

it('names a worker that dies, and can be continued', async () => {
  FLUSH_EVERY.ms = 0
  process.env.TEST_DIES_AFTER = '12'
  const died = await backUp({format: 'parquet', workers: 2}).catch((error: unknown) => error)
  expect(died).toMatchObject({code: 'UNEXPECTED', details: {resumable: true}})
  expect((died as Error).message).toMatch(/^Worker 2 of the backup ended unexpectedly: planted\.$/)
  delete process.env.TEST_DIES_AFTER
  const backup = await backUp({format: 'parquet', resume: true, workers: 2})
  expect(backup).toMatchObject({complete: true, objectCount: COUNT})
  expect(backup.resumed).toBeGreaterThan(0)
})

it('keeps to one rate with all workers together', async () => {
  const {seconds} = await backUp({format: 'parquet', maxRate: {objectsPerSecond: COUNT * 2}, workers: 2})
  expect(seconds).toBeGreaterThanOrEqual(0.5)
})

it('is encrypted by each worker, with one key', async () => {
  const {identity, recipient} = await newIdentity()
  const place = {directory: directory.path, encryptTo: [recipient]}
  const backup = await new BackupManager(server.connection, place).backupCollection(NAME, {
    batchSize: 50,
    format: 'parquet',
    workers: 2,
  })
  expect(backup).toMatchObject({encrypted: true, objectCount: COUNT, warnings: []})
  const verifier = new Verifier({connection: server.connection, directory: directory.path, identities: [identity]})
  expect(await verifier.verifyBackup(backup.id)).toMatchObject({digest: backup.digest, problems: []})
})

it('settles, and leaves objects out, as one does', async () => {
  const settled = await backUp({format: 'parquet', settle: true, workers: 2})
  expect(settled).toMatchObject({digest: (await backUp({format: 'parquet', workers: 1})).digest, warnings: []})
  const transforms = [sample('10%', 'seed')]
  const one = await backUp({format: 'parquet', transforms, workers: 1})
  const two = await backUp({format: 'parquet', transforms, workers: 2})
  expect(two).toMatchObject({complete: true, digest: one.digest, objectCount: one.objectCount, partial: true})
  expect(two.objectCount).toBeLessThan(COUNT / 4)
})

it('is read by one where something cannot be handed over, and says so', async () => {
  const functions = transformObjects({object: (object) => object, partial: false}, {name: 'mine'})
  const backup = await backUp({format: 'parquet', transforms: [functions], workers: 2})
  expect(backup.warnings).toMatchObject([{code: 'one-worker', details: {workers: 2}}])
  const manager = new BackupManager({...server.connection}, {directory: directory.path})
  const other = await manager.backupCollection(NAME, {batchSize: 50, workers: 2})
  expect(other.warnings).toMatchObject([{code: 'one-worker'}])
})
