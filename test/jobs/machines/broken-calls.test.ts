/** A connection breaks while a machine stands still, or the server pauses: what a job asks of the server is asked again. */
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {BackupManager} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {overlay} from '../../../src/model/overlay.js'
import {makeReferences} from '../../fault/samples.js'
import {startTestServer, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'BrokenCalls'
const COPY = `${NAME}Copy`
const COUNT = 40
const CALLS = [
  'count',
  'getCollection',
  'identify',
  'listAliases',
  'listCollections',
  'listTenants',
] as const satisfies ReadonlyArray<keyof Connection>

let server: TestServer
let store: Store

beforeAll(async () => {
  GRACE.ms = 20
  server = await startTestServer()
  await server.connection.deleteCollection(NAME)
  await makeReferences(server.connection, NAME, {dims: 4, objects: COUNT, references: 1})
})

beforeEach(async () => {
  store = memoryStore()
  await server.connection.deleteCollection(COPY)
})

afterAll(async () => {
  for (const name of [COPY, NAME]) await server.connection.deleteCollection(name)
  await server.close()
})

/** Each of its calls breaks the first time, as one over a connection that the server has closed meanwhile. */
function breaking(): {broken: Set<string>; connection: Connection} {
  const broken = new Set<string>()
  const calls = CALLS.map((name) => {
    const call = server.connection[name] as (...given: unknown[]) => Promise<unknown>
    const breaks = async (...given: unknown[]): Promise<unknown> => {
      if (broken.has(name)) return call.apply(server.connection, given)
      broken.add(name)
      throw new DataOpsError('SERVER_UNAVAILABLE', `Cannot ${name}: the connection broke (UND_ERR_SOCKET).`)
    }

    return [name, breaks] as const
  })
  return {broken, connection: overlay(server.connection, Object.fromEntries(calls) as Partial<Connection>)}
}

it('by a job that backs up', async () => {
  const manager = new JobManager({store})
  const creating = breaking()
  const {id} = await manager.createBackup(creating.connection, 'all', {exclude: [`!${NAME}`], items: undefined})
  expect(creating.broken.size).toBeGreaterThan(2)
  const working = breaking()
  const state = await manager.work(working.connection, id)
  expect(state).toMatchObject({aside: [], end: 'done'})
  expect(state.sealed).toMatchObject([{collection: NAME, object_count: COUNT}])
  expect([...working.broken]).toContain('identify')
})

it('by one that restores, and by whoever cancels it', async () => {
  const backup = await new BackupManager(server.connection, {store}).backupCollection(NAME, {format: 'parquet'})
  const manager = new JobManager({store})
  const {id} = await manager.createRestore(breaking().connection, [backup.id], {name: COPY})
  expect(await manager.work(breaking().connection, id)).toMatchObject({aside: [], end: 'done'})
  expect(await server.connection.count(COPY)).toBe(COUNT)
  await server.connection.deleteCollection(COPY)
  const other = await manager.createRestore(breaking().connection, [backup.id], {name: COPY})
  expect(await manager.cancel(breaking().connection, other.id)).toMatchObject({wasOpen: true})
})
