/** Two seal the same encrypted backup: one of them slept through its lease in the middle of that. */
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'

import {BackupManager, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {fasterClock} from '../../support/faster-clock.js'
import {memoryStore} from '../../support/memory-store.js'
import {openerOf} from '../../support/plain-or-encrypted.js'
import {sleepyStore} from '../../support/sleepy-store.js'

const NAME = 'MachinesTwoSealers'
const COUNT = 300
const LEASE_MS = 600
fasterClock()
let server: TestServer
let digest: string

beforeAll(async () => {
  server = await startTestServer()
  await makeCollection(server.connection, NAME, COUNT, 4)
  const manager = new BackupManager(server.connection, {store: memoryStore()})
  digest = (await manager.backupCollection(NAME, {format: 'parquet'})).digest
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

/** Falls asleep at the first put of that file of a backup. */
const asleepAt = (place: Store, file: string, dies = false): ReturnType<typeof sleepyStore> =>
  sleepyStore(place, {atPut: (key) => key.startsWith(NAME) && key.endsWith(`/${file}`), dies})

/** An encrypted backup, about to be written. */
async function planned(): Promise<{id: string; opened: (below: Store) => Store; place: Store}> {
  const place = memoryStore()
  const opened = await openerOf('encrypted')
  const options = {items: 2, leaseMs: LEASE_MS}
  const {id} = await new JobManager({store: opened(place)}).createBackup(server.connection, [NAME], options)
  return {id, opened, place}
}

it.each([
  ['schema.json.age', undefined],
  ['metadata.json.age', undefined],
  ['metadata.json', undefined],
  ['schema.json.age', 'schema.json.age'],
  ['metadata.json.age', 'schema.json.age'],
  ['metadata.json', 'schema.json.age'],
  ['metadata.json.age', 'metadata.json.age'],
  ['metadata.json', 'metadata.json.age'],
  ['metadata.json.age', 'metadata.json'],
  ['metadata.json', 'metadata.json'],
] as const)(
  'one sleeps at %s, the other at %s while the first goes on',
  async (first, second) => {
    const {id, opened, place} = await planned()
    const one = asleepAt(place, first)
    const late = new JobManager({store: opened(one.store)}).work(server.connection, id)
    await one.asleep
    const other = second === undefined ? undefined : asleepAt(place, second)
    const work = new JobManager({store: opened(other?.store ?? place)}).work(server.connection, id)
    await (other ? other.asleep : work)
    one.wake()
    if (other) {
      await sleep(50)
      other.wake()
    }

    const ends = await Promise.allSettled([late, work])
    const last = await new JobManager({store: opened(place)}).work(server.connection, id)
    expect(ends.map(({status}) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect(last).toMatchObject({end: 'done', sealed: [{object_count: COUNT}]})
    const folders = (await place.list('')).filter(({name}) => name.startsWith(NAME))
    expect(folders).toHaveLength(1)
    const found = await new Verifier({store: opened(place)}).verifyBackup(folders[0]!.name)
    expect(found).toMatchObject({digest, objectCount: COUNT, problems: []})
  },
  30_000,
)

it.each(['schema.json.age', 'metadata.json.age', 'metadata.json'])(
  'the late one dies right behind its %s, and what the other has sealed is whole',
  async (file) => {
    const {id, opened, place} = await planned()
    const one = asleepAt(place, 'metadata.json')
    const first = new JobManager({store: opened(one.store)}).work(server.connection, id)
    await one.asleep
    const other = asleepAt(place, file, true)
    const late = new JobManager({store: opened(other.store)}).work(server.connection, id)
    // Where it has no such file to write, it ends.
    await Promise.race([other.asleep, late])
    one.wake()
    await first
    other.wake()
    await late.catch(() => {})
    const last = await new JobManager({store: opened(place)}).work(server.connection, id)
    expect(last).toMatchObject({end: 'done', sealed: [{object_count: COUNT}]})
    const folder = (await place.list('')).find(({name}) => name.startsWith(NAME))
    const found = await new Verifier({store: opened(place)}).verifyBackup(folder!.name)
    expect(found).toMatchObject({digest, objectCount: COUNT, problems: []})
  },
  30_000,
)
