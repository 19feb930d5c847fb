/** A restore by several machines that is cancelled: whatever has become of its workers, its target and its backup. */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {CreateRestoreJobOptions} from '../../../src/jobs/machines/options.js'
import type {Store} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {BackupManager, connect, RestoreManager, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {makeReferences} from '../../fault/samples.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'
import {objectId} from '../../support/object-id.js'

const NAME = 'MachinesCancelled'
const PLAIN = 'MachinesPlainOne'
const COPY = 'MachinesCancelledCopy'
const DANGLING = 'MachinesDangling'
const COUNT = 2000
const USUAL = GRACE.ms
/** Whoever cancels looks for a sixth of it. */
const LEASE_MS = 6000

let server: TestServer
let references: number
let objects: NonNullable<Parameters<typeof memoryStore>[0]>
let store: Store
let connection: Connection

beforeAll(async () => {
  server = await startTestServer()
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  references = await makeReferences(server.connection, NAME, {dims: 4, objects: COUNT, references: 2})
  await makeCollection(server.connection, PLAIN, 100, 4)
  GRACE.ms = 200
}, 60_000)

afterAll(async () => {
  GRACE.ms = USUAL
  for (const name of [NAME, PLAIN, COPY, DANGLING]) await server.connection.deleteCollection(name)
  await connection.close()
  await server.close()
})

beforeEach(async () => {
  objects = new Map()
  store = memoryStore(objects)
  await server.connection.deleteCollection(COPY)
})

async function backup(name = NAME): Promise<string> {
  return (await new BackupManager(server.connection, {store}).backupCollection(name, {format: 'parquet'})).id
}

async function create(id: string, options: CreateRestoreJobOptions = {}): Promise<string> {
  return (
    await new JobManager({store}).createRestore(connection, [id], {items: 2, leaseMs: LEASE_MS, name: COPY, ...options})
  ).id
}

async function isEqual(id: string, of = COPY): Promise<boolean> {
  return (await new Verifier({connection: server.connection, store}).verifyCollection(of, id)).equal
}

const leftInPlace = async (): Promise<string[]> =>
  (await store.list('')).map(({name}) => name).filter((name) => /checkpoint|\.restore-|\.tenants-/.test(name))

describe('a restore by several machines that is cancelled', () => {
  it('sends nothing any more once the cancellation has returned, also where a worker was between two items', async () => {
    const id = await backup()
    const job = await create(id)
    const reached = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    let taken = 0
    const slow: Store = {
      ...store,
      async put(key, bytes, condition) {
        const isTaking = /\/items\/\d+\/\d+$/.test(key) && condition !== undefined && 'ifAbsent' in condition
        if (isTaking && ++taken === 2) {
          reached.resolve()
          await gate.promise
        }

        return store.put(key, bytes, condition)
      },
    }
    let isCancelled = false
    let late = 0
    const counting: Connection = {
      ...connection,
      async writeObjects(request) {
        if (isCancelled) late++
        return connection.writeObjects(request)
      },
    }
    const working = new JobManager({store: slow}).work(counting, job)
    await reached.promise
    expect(await new JobManager({store}).cancel(connection, job)).toMatchObject({left: [COPY], wasOpen: true})
    isCancelled = true
    gate.resolve()
    expect(await working).toMatchObject({done: 1, end: 'cancelled', workers: []})
    expect(late).toBe(0)
  })

  it('is not cancelled a second time: what came after it is left alone', async () => {
    const id = await backup()
    const job = await create(id)
    const manager = new JobManager({store})
    expect(await manager.cancel(connection, job)).toMatchObject({left: [COPY], wasOpen: true})
    const one = new RestoreManager(connection, {store})
    expect(await one.restoreCollection(id, {name: COPY})).toMatchObject({references, restored: COUNT})
    expect(await leftInPlace()).toEqual([])
    expect(await manager.cancel(connection, job)).toEqual({id: job, left: [], removed: [], wasOpen: true})
    expect(await leftInPlace()).toEqual([])
    // Nothing is there that could be continued.
    await expect(one.restoreCollection(id, {name: COPY})).rejects.toMatchObject({code: 'COLLECTION_EXISTS'})
  })

  it('leaves the collections alone that it had ended', async () => {
    const [id, plain] = [await backup(), await backup(PLAIN)]
    await server.connection.deleteCollection(PLAIN)
    const other = await new JobManager({store}).createRestore(connection, [plain, id], {leaseMs: LEASE_MS, merge: true})
    const ended = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    const aborting = new AbortController()
    // The end of the second collection is taken, and nothing comes of it.
    const stopped: Store = {
      ...store,
      async put(key, bytes, condition) {
        const isSecondEnd = bytes.length > 0 && key.endsWith(`/0000${other.items - 1}`)
        if (isSecondEnd) {
          ended.resolve()
          await held.promise
        }

        return store.put(key, bytes, condition)
      },
    }
    const working = new JobManager({store: stopped}).work(connection, other.id, {hint: 0, signal: aborting.signal})
    working.catch(() => {})
    await ended.promise
    const state = await new JobManager({store}).show(other.id)
    expect(state).toMatchObject({end: 'open', restored: [{collection: PLAIN, restored: 100}]})
    expect(await new JobManager({store}).cancel(connection, other.id)).toMatchObject({left: [NAME], wasOpen: true})
    const one = new RestoreManager(connection, {store})
    await expect(one.restoreCollection(plain)).rejects.toMatchObject({code: 'COLLECTION_EXISTS'})
    aborting.abort()
    held.resolve()
    await working.catch(() => {})
    await one.restoreCollection(id, {merge: true})
    expect(await isEqual(id, NAME)).toBe(true)
  })

  it('gives a target free that was dropped meanwhile', async () => {
    const id = await backup()
    const job = await create(id)
    await server.connection.deleteCollection(COPY)
    expect(await new JobManager({store}).cancel(connection, job)).toMatchObject({left: [], wasOpen: true})
    const restored = await new RestoreManager(connection, {store}).restoreCollection(id, {name: COPY, restart: true})
    expect(restored).toMatchObject({references, restored: COUNT})
    expect(await isEqual(id)).toBe(true)
  })

  it('gives a target free whose backup is gone, and says that it cannot be continued', async () => {
    const [id, other] = [await backup(), await backup(PLAIN)]
    const job = await create(id)
    for (const key of objects.keys()) if (key.startsWith(`${NAME}_`)) objects.delete(key)
    const warned: string[] = []
    const cancelled = await new JobManager({store}).cancel(connection, job, {
      onWarning({code, details}) {
        warned.push(`${code} ${String(details?.collection)}`)
      },
    })
    expect(cancelled).toMatchObject({left: [], wasOpen: true})
    expect(warned).toEqual([`restore-not-continued ${COPY}`])
    await server.connection.deleteCollection(COPY)
    const restored = await new RestoreManager(connection, {store}).restoreCollection(other, {name: COPY})
    expect(restored).toMatchObject({restored: 100})
  })

  it('leaves nothing behind that stood in for an object that is not there', async () => {
    const {connection: on} = server
    const schema = {
      class: DANGLING,
      multiTenancyConfig: {enabled: true},
      properties: [{dataType: [DANGLING], name: 'to'}],
      vectorizer: 'none',
    }
    await on.createCollection(schema)
    await on.createTenants(DANGLING, [{name: 'a', status: 'HOT'}])
    const collection = planCollection((await on.getCollection(DANGLING))!)
    const beacon = `weaviate://localhost/${DANGLING}/${objectId(9)}`
    const referring = {id: objectId(1), properties: {to: [{beacon}]}, tenant: 'a'}
    await on.writeObjects({collection, objects: [referring, {id: objectId(9), properties: {}, tenant: 'a'}]})
    await on.writeReferences({collection, objects: [referring]})
    await on.deleteObjects({collection: DANGLING, ids: [objectId(9)], tenant: 'a'})
    const id = await backup(DANGLING)
    await on.deleteCollection(DANGLING)
    const {id: job} = await new JobManager({store}).createRestore(connection, [id], {leaseMs: 1000})
    const killed = Promise.withResolvers<never>()
    const gate = Promise.withResolvers<void>()
    killed.promise.catch(() => {})
    let isGone = false
    const isolated: Store = {
      ...store,
      async put(...given) {
        return isGone ? killed.promise : store.put(...given)
      },
    }
    const dying: Connection = {
      ...connection,
      async deleteObjects() {
        isGone = true
        gate.resolve()
        return killed.promise
      },
    }
    const working = new JobManager({store: isolated}).work(dying, job)
    working.catch(() => {})
    await gate.promise
    expect(await on.count(DANGLING, 'a')).toBe(2)
    expect(await new JobManager({store}).cancel(connection, job)).toMatchObject({left: [DANGLING]})
    killed.reject(new Error('killed'))
    await working.catch(() => {})
    const restored = await new RestoreManager(connection, {store}).restoreCollection(id)
    expect(restored).toMatchObject({references: 1, rejected: 0, restored: 1})
    expect(await on.count(DANGLING, 'a')).toBe(1)
    expect(await isEqual(id, DANGLING)).toBe(true)
  })
})
