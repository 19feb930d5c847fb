/** What is saved while several threads read: the rows that are written and the slices that remain are the collection, each object once. */
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi} from 'vitest'

import {BackupManager} from '../../../src/index.js'
import {type TransferProgress} from '../../../src/jobs/backup/journal.js'
import {KeptJournal} from '../../../src/jobs/backup/kept-journal.js'
import {FLUSH_EVERY} from '../../../src/jobs/backup/transfer.js'
import {fillCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {bundledWorker} from '../../support/worker-bundle.js'

bundledWorker()
const SETTINGS = {...FLUSH_EVERY}
const NAME = 'WorkerJournals'
const COUNT = 1500
let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let ids: string[]

beforeAll(async () => {
  server = await startTestServer()
  // All in the range that one thread is given first: the others take from it whatever they read.
  ids = Array.from(
    {length: COUNT},
    (_, at) => `000${(at * 7).toString(16).padStart(5, '0')}-0000-4000-8000-000000000000`,
  )
  const schema = {class: NAME, properties: [{dataType: ['text'], name: 'title'}], vectorizer: 'none'}
  const objects = ids.map((id, at) => ({id, properties: {title: `title ${at}`}}))
  await fillCollection(server.connection, schema, objects)
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(async () => {
  vi.restoreAllMocks()
  Object.assign(FLUSH_EVERY, SETTINGS)
  await directory.remove()
})

describe.each(['json', 'parquet'] as const)('%s', (format) => {
  it('each journal says of every object once that it is there, or is still to be read', async () => {
    FLUSH_EVERY.ms = 0
    const saved: Array<[rows: number, left: number]> = []

    const original = KeptJournal.prototype.saveProgress
    vi.spyOn(KeptJournal.prototype, 'saveProgress').mockImplementation(async function (
      this: KeptJournal,
      progress: TransferProgress,
    ) {
      const {position, remaining} = progress
      let left = 0
      for (const {after = '', until} of remaining) left += ids.filter((id) => id > after && id <= until).length
      saved.push([position.rows, left])
      await original.call(this, progress)
      // A slow place: pages wait for their turn, while slices change hands.
      await sleep(2)
    })
    const manager = new BackupManager(server.connection, {directory: directory.path})
    const backup = await manager.backupCollection(NAME, {batchSize: 20, format, workers: 3})
    expect(backup.objectCount).toBe(COUNT)
    expect(saved.length).toBeGreaterThan(20)
    expect(saved.filter(([rows, left]) => rows + left !== COUNT)).toEqual([])
  })
})
