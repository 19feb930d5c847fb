/** A backup by several threads is the backup that one takes, however many they are. */
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {BackupOptions, BackupResult} from '../../../src/jobs/backup/options.js'

import {BackupManager, Verifier} from '../../../src/index.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {bundledWorker} from '../../support/worker-bundle.js'

bundledWorker()
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

afterEach(async () => directory.remove())

const backUp = async (options: BackupOptions): Promise<BackupResult> =>
  new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {batchSize: 50, ...options})

describe.each([{format: 'parquet'}, {format: 'arrow'}, {format: 'json'}, {compress: true, format: 'json'}] as const)(
  '%o',
  (options) => {
    it('has the same content with 1, 2 and 4 workers', async () => {
      const [one, ...others] = [
        await backUp({...options, workers: 1}),
        await backUp({...options, workers: 2}),
        await backUp({...options, workers: 4}),
      ]
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
