/** Jobs of collections with tenants, which nothing tells from others of their names: a worker at another server must find that out. */
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {BackupManager, connect} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {ALIAS_SUFFIX, makeTenants} from '../../fault/samples.js'
import {makeCollection} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'WitnessedTenants'
const COPY = 'WitnessedCopy'
const OTHER = 'WitnessedPlain'
const COUNT = 30
const USUAL = GRACE.ms

let servers: EmbeddedWeaviate[]
let here: Connection
let there: Connection
/** The same server as `here`, by another address. */
let again: Connection
let store: Store
let digest: string
let id: string

beforeAll(async () => {
  GRACE.ms = 20
  servers = [await startEmbeddedWeaviate(), await startEmbeddedWeaviate()]
  const [one, other] = servers.map(({grpcUrl, url}) => ({grpcUrl, url}))
  here = await connect(one)
  there = await connect(other)
  again = await connect({
    grpcUrl: one?.grpcUrl?.replace('127.0.0.1', 'localhost'),
    url: one?.url.replace('127.0.0.1', 'localhost'),
  })
  expect(again.describe).not.toBe(here.describe)
  for (const connection of [here, there]) await makeTenants(connection, NAME, {objects: COUNT, tenants: 3})
  await here.deleteAlias(`${NAME}${ALIAS_SUFFIX}`)
  await there.deleteAlias(`${NAME}${ALIAS_SUFFIX}`)
}, 60_000)

afterAll(async () => {
  GRACE.ms = USUAL
  for (const connection of [here, there, again]) await connection.close()
  for (const server of servers) await server.close()
})

beforeEach(async () => {
  store = memoryStore()
  for (const connection of [here, there]) for (const name of [COPY, OTHER]) await connection.deleteCollection(name)
  const backup = await new BackupManager(here, {store}).backupCollection(NAME, {format: 'parquet'})
  digest = backup.digest
  id = backup.id
})

const manager = (): JobManager => new JobManager({store})

async function createRestore(): Promise<string> {
  return (await manager().createRestore(here, [id], {leaseMs: 600, name: COPY})).id
}

async function createBackup(): Promise<string> {
  return (await manager().createBackup(here, [NAME], {leaseMs: 600})).id
}

/** The same collection, with the same tenants, as the job has made it. */
async function copyThere(): Promise<void> {
  const schema = await here.getCollection(COPY)
  if (!schema) throw new Error('the job has made it')
  await there.createCollection({...schema, shardingConfig: undefined})
  await there.createTenants(COPY, await here.listTenants(COPY))
}

async function expectRefused(job: string, connection: Connection): Promise<void> {
  const refused = {code: 'CHECKPOINT', details: {ofWorker: true, server: connection.describe}}
  await expect(manager().work(connection, job)).rejects.toMatchObject(refused)
  await expect(manager().cancel(connection, job)).rejects.toMatchObject(refused)
  expect(await manager().show(job)).toMatchObject({aside: [], end: 'open', workers: []})
}

it.each([
  ['by a collection that is no part of it', true],
  ['by its address, where nothing else tells', false],
])('a worker at another server finds that out %s, and nothing is written there', async (_, isWitnessed) => {
  if (isWitnessed) {
    await makeCollection(here, OTHER, 1)
    await makeCollection(there, OTHER, 1)
  }

  const restore = await createRestore()
  await copyThere()
  await expectRefused(restore, there)
  for (const {name} of await there.listTenants(COPY)) {
    await there.setTenantStatus(COPY, [{name, status: 'HOT'}])
    expect(await there.count(COPY, name)).toBe(0)
  }

  const backup = await createBackup()
  await expectRefused(backup, there)
  expect(await manager().work(here, restore)).toMatchObject({end: 'done', restored: [{restored: COUNT}]})
  expect(await manager().work(here, backup)).toMatchObject({end: 'done', sealed: [{collection: NAME, digest}]})
})

it('another address of the same server will do where a collection shows that it is', async () => {
  await makeCollection(here, OTHER, 1)
  expect(await manager().work(again, await createRestore())).toMatchObject({end: 'done', restored: [{restored: COUNT}]})
})

it('another address will not do where nothing shows what it is', async () => {
  await expectRefused(await createRestore(), again)
})

it('another server behind the same address is found out', async () => {
  await makeCollection(here, OTHER, 1)
  const job = await createRestore()
  await copyThere()
  await makeCollection(there, OTHER, 1)
  // A connection's address is what it says of itself.
  const astray = new Proxy(there, {
    get: (target, name): unknown => (name === 'describe' ? here.describe : Reflect.get(target, name)),
  })
  await expectRefused(job, astray)
})

it('what showed it may be gone: then the address tells', async () => {
  await makeCollection(here, OTHER, 1)
  const job = await createRestore()
  await here.deleteCollection(OTHER)
  expect(await manager().work(here, job)).toMatchObject({end: 'done', restored: [{restored: COUNT}]})
})

it('creation leaves nothing in the place when other collections cannot be listed', async () => {
  const before = await store.list('')
  const blind = {
    ...here,
    async listCollections() {
      throw new DataOpsError('SERVER_REFUSED', 'No list today.')
    },
  }
  await expect(manager().createBackup(blind, [NAME])).rejects.toThrow('No list today.')
  expect(await store.list('')).toEqual(before)
})
