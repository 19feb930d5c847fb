/** Merges: what is there already is left alone or an error, in every run, and what was written is counted. */
import {readdir} from 'node:fs/promises'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Connection} from '../../../src/weaviate/connection.js'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {BackupManager, RestoreManager} from '../../../src/index.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {restDump, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'MergeTest'
const TENANTS = ['active', 'idle']

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let backup: string

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

const sample = {className: NAME, dims: 4, objects: 5}

/** Writes the same objects into each tenant; `title` tells one time from another. */
async function write(tenant: string, change = ''): Promise<void> {
  const collection = planCollection((await server.connection.getCollection(NAME))!)
  const objects = makeObjects(sample).map((object) => {
    const properties = Object.entries(object.properties).map(([name, value]) => [
      name,
      typeof value === 'string' && name === 'property0' ? value + change : value,
    ])
    return {...object, properties: Object.fromEntries(properties) as typeof object.properties, tenant}
  })
  expect(await server.connection.writeObjects({collection, objects})).toEqual([])
}

beforeEach(async () => {
  directory = await temporaryDirectory()
  const {connection} = server
  await connection.deleteCollection(NAME)
  const {shardingConfig: _, ...schema} = makeClass(sample)
  await connection.createCollection({...schema, multiTenancyConfig: {enabled: true}})
  await connection.createTenants(
    NAME,
    TENANTS.map((name) => ({name, status: 'HOT'})),
  )
  for (const tenant of TENANTS) await write(tenant)
  backup = (await new BackupManager(connection, {directory: directory.path}).backupCollection(NAME)).path
  for (const tenant of TENANTS) await write(tenant, ' changed')
  await connection.setTenantStatus(NAME, [{name: 'idle', status: 'COLD'}])
})

afterEach(async () => directory.remove())

const restores = (changes: Partial<Connection> = {}): RestoreManager =>
  new RestoreManager({...server.connection, ...changes}, {directory: directory.path})

const checkpoints = async (): Promise<string[]> =>
  (await readdir(directory.path)).filter((entry) => entry.endsWith('.checkpoint'))

const stateOf = async (tenant: string): Promise<string | undefined> =>
  (await server.connection.listTenants(NAME)).find(({name}) => name === tenant)?.status

/** Every object of both tenants; the idle one is idle again afterwards. */
async function dump(): Promise<Array<Map<string, unknown>>> {
  await server.connection.setTenantStatus(NAME, [{name: 'idle', status: 'HOT'}])
  const dumps = await Promise.all(TENANTS.map(async (tenant) => restDump(server.url, NAME, tenant)))
  await server.connection.setTenantStatus(NAME, [{name: 'idle', status: 'COLD'}])
  return dumps
}

describe('what is there already', () => {
  it('is an error in every run, which leaves nothing behind', async () => {
    const before = await dump()
    for (let run = 0; run < 2; run++) {
      await expect(restores().restoreCollection(backup, {merge: true, onConflict: 'fail'})).rejects.toMatchObject({
        code: 'COLLECTION_EXISTS',
        details: {objects: 10},
      })
      expect(await checkpoints()).toEqual([])
      expect(await stateOf('idle')).toBe('COLD')
    }

    expect(await dump()).toEqual(before)
  })

  it.each(['fail', 'skip'] as const)(
    'is still found after a run that ended while it was looked for (%s)',
    async (onConflict) => {
      const before = await dump()
      const failing = restores({
        async getObjects() {
          throw new DataOpsError('SERVER_REFUSED', 'Nothing is found today.')
        },
      })
      await expect(failing.restoreCollection(backup, {merge: true, onConflict})).rejects.toThrow(/found today/)
      expect(await checkpoints()).toHaveLength(1)
      const again = restores().restoreCollection(backup, {merge: true, onConflict})
      if (onConflict === 'fail') await expect(again).rejects.toMatchObject({code: 'COLLECTION_EXISTS'})
      else expect(await again).toMatchObject({restored: 0, skipped: 10})
      expect(await checkpoints()).toEqual([])
      expect(await dump()).toEqual(before)
      expect(await stateOf('idle')).toBe('COLD')
    },
  )

  it('is not what an earlier run of the same merge has written', async () => {
    const {connection} = server
    await connection.deleteObjects({collection: NAME, tenant: 'active'})
    let calls = 0
    const failing = restores({
      async writeObjects(request) {
        // The first shows that REST and gRPC are one server.
        if (++calls > 2) throw new DataOpsError('SERVER_REFUSED', 'One call is enough.')
        return connection.writeObjects(request)
      },
    })
    const options = {batchSize: 2, concurrency: 1, merge: true, onConflict: 'fail', tenants: ['active']} as const
    await expect(failing.restoreCollection(backup, options)).rejects.toThrow(/One call is enough/)
    expect(await connection.count(NAME, 'active')).toBe(2)
    expect(await restores().restoreCollection(backup, options)).toMatchObject({restored: 3, resumed: 2, skipped: 0})
  })
})

describe('the count', () => {
  it('is compared in a merge: less than was written is an error', async () => {
    const losing = restores({count: async () => 4})
    const refusal = losing.restoreCollection(backup, {merge: true})
    await expect(refusal).rejects.toMatchObject({code: 'CONTENT_DIFFERS', details: {live: 8, written: 10}})
    expect(await stateOf('idle')).toBe('COLD')
    // More than that is not.
    expect(await restores({count: async () => 6}).restoreCollection(backup, {merge: true})).toMatchObject({resumed: 10})
  })

  it("is not made up by others' objects: some of what was written are read by id", async () => {
    const {connection} = server
    await connection.deleteObjects({collection: NAME, tenant: 'active'})
    const collection = planCollection((await connection.getCollection(NAME))!)
    const others = makeObjects(sample).map((object) => ({
      ...object,
      id: object.id.replace(/^.{8}/, 'ffffffff'),
      tenant: 'active',
    }))
    expect(await connection.writeObjects({collection, objects: [...others]})).toEqual([])
    let calls = 0
    const losing = restores({
      // The first is looked for at once.
      writeObjects: async (request) => (++calls > 1 ? [] : connection.writeObjects(request)),
    })
    const options = {batchSize: 1, concurrency: 1, merge: true, tenants: ['active']} as const
    const refusal = losing.restoreCollection(backup, options)
    await expect(refusal).rejects.toMatchObject({
      code: 'CONTENT_DIFFERS',
      message: expect.stringContaining('of 5 objects that were written') as string,
    })
    const restored = await restores().restoreCollection(backup, {...options, restart: true})
    expect(restored).toMatchObject({confirmation: {by: 'sample', sample: 5}, restored: 5})
    expect(await connection.count(NAME, 'active')).toBe(10)
  })

  it('takes four tenants at a time', async () => {
    const {connection} = server
    const names = Array.from({length: 9}, (_, index) => `more${index}`)
    await connection.createTenants(
      NAME,
      names.map((name) => ({name, status: 'HOT'})),
    )
    for (const name of names) await write(name)
    const {path} = await new BackupManager(connection, {directory: directory.path}).backupCollection(NAME)
    await connection.deleteCollection(NAME)
    let [running, most] = [0, 0]
    const watched = restores({
      async count(...request) {
        most = Math.max(most, ++running)
        await new Promise((resolve) => {
          setTimeout(resolve, 10)
        })
        return connection.count(...request).finally(() => running--)
      },
    })
    expect(await watched.restoreCollection(path)).toMatchObject({restored: 55, tenants: 11})
    expect(most).toBe(4)
  })
})
