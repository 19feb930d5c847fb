/** REST of one server, gRPC of another: found out before anything is sealed, deleted or written. */
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'

import type {WeaviateClass} from '../../src/model/schema.js'
import type {WeaviateTenant} from '../../src/model/tenant.js'

import {
  BackupManager,
  ClearManager,
  connect,
  type Connection,
  DataOpsError,
  RestoreManager,
  Verifier,
} from '../../src/index.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {temporaryDirectory} from '../support/collections.js'
import {objectId} from '../support/object-id.js'

// Looking again is what counts here, not the time in between.
vi.mock('../../src/weaviate/retry.js', async (original) => ({
  ...(await original<Record<string, unknown>>()),
  sleep: async () => undefined,
}))

const NAME = 'Prod'
const SCHEMA: WeaviateClass = {class: NAME, properties: [{dataType: ['text'], name: 'a'}], vectorizer: 'none'}
const WITH_TENANTS: WeaviateClass = {...SCHEMA, multiTenancyConfig: {enabled: true}}

/** A connection whose credentials may not read objects. */
function withoutReading(connection: Connection): Connection {
  return new Proxy(connection, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target)
      if (member === 'readPage') {
        return async () => {
          throw new DataOpsError('NOT_ALLOWED', 'These credentials do not have the permission read_data.')
        }
      }

      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

let a: EmbeddedWeaviate
let b: EmbeddedWeaviate
let atA: Connection
let atB: Connection
/** REST at A, gRPC at B. */
let mixed: Connection
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let writesAtB: string[]

beforeEach(async () => {
  writesAtB = []
  a = await startEmbeddedWeaviate()
  b = await startEmbeddedWeaviate({
    onRequest({method}) {
      if (/^(Batch|POST|PUT|DELETE)/.test(method)) writesAtB.push(method)
    },
  })
  atA = await connect({grpcUrl: a.grpcUrl, url: a.url})
  atB = await connect({grpcUrl: b.grpcUrl, url: b.url})
  mixed = await connect({grpcUrl: b.grpcUrl, url: a.url})
  directory = await temporaryDirectory()
})

afterEach(async () => {
  for (const connection of [atA, atB, mixed]) await connection.close()
  await a.close()
  await b.close()
  await directory.remove()
})

function objects(count: number, tenant?: string) {
  return Array.from({length: count}, (_, index) => ({
    id: objectId(index),
    properties: {a: `text ${index}`},
    ...(tenant !== undefined && {tenant}),
  }))
}

async function fill(connection: Connection, count: number, tenant?: WeaviateTenant): Promise<void> {
  const schema = tenant ? WITH_TENANTS : SCHEMA
  if (!(await connection.getCollection(NAME))) await connection.createCollection(schema)
  if (tenant) await connection.createTenants(NAME, [{...tenant, status: 'HOT'}])
  const collection = planCollection((await connection.getCollection(NAME))!)
  if (count > 0) expect(await connection.writeObjects({collection, objects: objects(count, tenant?.name)})).toEqual([])
  if (tenant && tenant.status !== 'HOT') await connection.setTenantStatus(NAME, [tenant])
  // The next server's objects must not be of the same millisecond.
  await new Promise((resolve) => {
    setTimeout(resolve, 5)
  })
}

async function failureOf(run: Promise<unknown>): Promise<DataOpsError> {
  const error = await run.then(() => undefined).catch((error_: unknown) => error_)
  expect(error).toBeInstanceOf(DataOpsError)
  expect(error).toMatchObject({
    code: 'CANNOT_CONNECT',
    details: {addresses: {grpc: b.grpcUrl, rest: a.url}},
    exitCode: 6,
  })
  expect((error as DataOpsError).message).toContain(a.url)
  expect((error as DataOpsError).message).toContain(b.grpcUrl)
  return error as DataOpsError
}

const folder = () => ({directory: directory.path})

async function backupOfA(): Promise<string> {
  return (await new BackupManager(atA, folder()).backupCollection(NAME)).path
}

describe('a collection of the same name on both', () => {
  it.each([
    [12, 7],
    [12, 0],
    [0, 7],
  ])('%i and %i objects: no job begins', async (countA, countB) => {
    await fill(atA, countA)
    const backup = await backupOfA()
    await fill(atB, countB)
    writesAtB = []
    await failureOf(new BackupManager(mixed, folder()).backupCollection(NAME))
    await failureOf(new ClearManager(mixed, folder()).clearCollection(NAME))
    await failureOf(new ClearManager(mixed, folder()).clearCollection(NAME, {dryRun: true}))
    await failureOf(new ClearManager(mixed, folder()).clearCollection(NAME, {keepSchema: false}))
    await failureOf(new RestoreManager(mixed, folder()).restoreCollection(backup, {merge: true, verify: true}))
    await failureOf(new Verifier({connection: mixed, ...folder()}).verifyCollection(NAME, backup))
    expect(await atA.count(NAME)).toBe(countA)
    expect(await atB.count(NAME)).toBe(countB)
    expect(writesAtB).toEqual([])
  })

  it('that hides what has expired, and so is read over REST: no job begins', async () => {
    const ttl = {defaultTtl: 3600, deleteOn: '_creationTimeUnix', enabled: true, filterExpiredObjects: true}
    for (const connection of [atA, atB])
      await connection.createCollection({
        ...SCHEMA,
        invertedIndexConfig: {indexTimestamps: true},
        objectTtlConfig: ttl,
      })
    await fill(atA, 12)
    const backup = await backupOfA()
    await fill(atB, 7)
    writesAtB = []
    await failureOf(new BackupManager(mixed, folder()).backupCollection(NAME))
    await failureOf(new ClearManager(mixed, folder()).clearCollection(NAME))
    await failureOf(new RestoreManager(mixed, folder()).restoreCollection(backup, {merge: true}))
    expect([await atA.count(NAME), await atB.count(NAME)]).toEqual([12, 7])
    expect(writesAtB).toEqual([])
  })

  it('empty on both: the first object of a restore is taken back', async () => {
    await fill(atA, 9)
    const backup = await backupOfA()
    await new ClearManager(atA, folder()).clearCollection(NAME)
    await fill(atB, 0)
    await failureOf(new RestoreManager(mixed, folder()).restoreCollection(backup, {merge: true}))
    expect(writesAtB.filter((method) => method.startsWith('Batch'))).toEqual(['BatchObjects', 'BatchDelete'])
    expect([await atA.count(NAME), await atB.count(NAME)]).toEqual([0, 0])
    // With the right address the same restore goes on.
    const restored = await new RestoreManager(atA, folder()).restoreCollection(backup, {merge: true, verify: true})
    expect(restored).toMatchObject({restored: 9, verification: {counts: {live: 9}, equal: true}})
  })

  it.each(['HOT', 'COLD'] as const)(
    'empty on both, with a tenant (%s): the first object is taken back',
    async (status) => {
      const tenant = {name: 'T', status}
      await fill(atA, 9, tenant)
      const backup = await backupOfA()
      await atA.deleteCollection(NAME)
      await fill(atA, 0, tenant)
      await fill(atB, 0, {...tenant, status: 'HOT'})
      writesAtB = []
      await failureOf(new RestoreManager(mixed, folder()).restoreCollection(backup, {merge: true}))
      expect(writesAtB).toEqual(['BatchObjects', 'BatchDelete'])
      expect(await atB.count(NAME, 'T')).toBe(0)
      expect(await atA.listTenants(NAME)).toEqual([tenant])
      const restored = await new RestoreManager(atA, folder()).restoreCollection(backup, {merge: true, verify: true})
      expect(restored).toMatchObject({restored: 9, verification: {counts: {live: 9}, equal: true}})
    },
  )

  it('empty on both: what was refused once is not sent to the wrong one, and to the right one as a whole', async () => {
    await fill(atA, 9)
    const backup = await backupOfA()
    await atA.deleteCollection(NAME)
    const refusing = Object.assign(Object.create(atA) as Connection, {
      writeObjects: async ({objects: sent}: Parameters<Connection['writeObjects']>[0]) =>
        sent.map(({id}) => ({id, reason: 'not today'})),
    })
    const {rejectedFile} = await new RestoreManager(refusing, folder()).restoreCollection(backup)
    expect(await atA.count(NAME)).toBe(0)
    await fill(atB, 0)
    writesAtB = []
    await failureOf(new RestoreManager(mixed, folder()).restoreCollection(backup, {retryRejected: rejectedFile}))
    expect(writesAtB).toEqual(['BatchObjects', 'BatchDelete'])
    expect([await atA.count(NAME), await atB.count(NAME)]).toEqual([0, 0])
    const retried = await new RestoreManager(atA, folder()).restoreCollection(backup, {retryRejected: rejectedFile})
    expect(retried).toMatchObject({rejected: 0, restored: 9})
    expect(await new Verifier({connection: atA, ...folder()}).verifyCollection(NAME, backup)).toMatchObject({
      equal: true,
    })
  })

  it('with tenants, active and inactive', async () => {
    for (const status of ['HOT', 'COLD'] as const) {
      const tenant = {name: `T${status}`, status}
      for (const connection of [atA, atB]) await connection.deleteCollection(NAME)
      await fill(atA, 5, tenant)
      const backup = await backupOfA()
      await fill(atB, 4, {...tenant, status: 'HOT'})
      writesAtB = []
      await failureOf(new BackupManager(mixed, folder()).backupCollection(NAME))
      await failureOf(new ClearManager(mixed, folder()).clearCollection(NAME))
      await failureOf(new Verifier({connection: mixed, ...folder()}).verifyCollection(NAME, backup))
      await failureOf(new RestoreManager(mixed, folder()).restoreCollection(backup, {merge: true}))
      expect(await atA.listTenants(NAME)).toEqual([tenant])
      expect(await atB.count(NAME, tenant.name)).toBe(4)
      expect(writesAtB).toEqual([])
    }
  })
})

describe('a collection on one of them only', () => {
  it('at REST', async () => {
    await fill(atA, 3)
    const backup = await backupOfA()
    await failureOf(new BackupManager(mixed, folder()).backupCollection(NAME))
    await failureOf(new ClearManager(mixed, folder()).clearCollection(NAME))
    await failureOf(new Verifier({connection: mixed, ...folder()}).verifyCollection(NAME, backup))
    await failureOf(new RestoreManager(mixed, folder()).restoreCollection(backup, {merge: true}))
    await failureOf(new RestoreManager(mixed, folder()).restoreCollection(backup, {name: 'Copy'}))
    expect(await atA.getCollection('Copy')).toBeUndefined()
    expect(await atA.count(NAME)).toBe(3)
    expect(writesAtB).toEqual([])
  })

  it('at gRPC', async () => {
    await fill(atA, 3)
    const backup = await backupOfA()
    await atA.deleteCollection(NAME)
    await fill(atB, 4)
    writesAtB = []
    await failureOf(new BackupManager(mixed, folder()).backupCollection(NAME))
    await failureOf(new ClearManager(mixed, folder()).clearCollection(NAME))
    await failureOf(new RestoreManager(mixed, folder()).restoreCollection(backup))
    expect(await atA.getCollection(NAME)).toBeUndefined()
    expect(await atB.count(NAME)).toBe(4)
    expect(writesAtB).toEqual([])
  })

  it('at neither: it is missing, and that is all', async () => {
    await expect(new BackupManager(mixed, folder()).backupCollection(NAME)).rejects.toMatchObject({
      code: 'COLLECTION_MISSING',
    })
  })
})

it('credentials that may not read are no second server: the missing permission is what is said', async () => {
  await atA.createCollection(WITH_TENANTS)
  // No active one: then all that can be asked is whether gRPC knows the collection.
  await atA.createTenants(NAME, [{name: 'asleep', status: 'COLD'}])
  const backing = new BackupManager(withoutReading(atA), folder()).backupCollection(NAME)
  await expect(backing).rejects.toMatchObject({
    code: 'NOT_ALLOWED',
    message: expect.stringContaining('read_data') as string,
  })
  // A name that REST does not know is missing, whatever gRPC may say.
  const missing = new BackupManager(withoutReading(atA), folder()).backupCollection('Nowhere')
  await expect(missing).rejects.toMatchObject({code: 'COLLECTION_MISSING'})
})

it('one object in common is enough', async () => {
  await fill(atA, 300)
  const inner = atA.restSide!
  // A replica that lags: its listing has only what was written last.
  const lagging = Object.assign(Object.create(atA) as Connection, {
    restSide: {...inner, listObjects: async () => [{creationTimeUnix: 1, id: 'f0000000-0000-4000-8000-000000000000'}]},
  })
  const backup = await new BackupManager(lagging, folder()).backupCollection(NAME)
  expect(backup).toMatchObject({objectCount: 300, warnings: []})
  const empty = Object.assign(Object.create(atA) as Connection, {restSide: {...inner, listObjects: async () => []}})
  expect(await new BackupManager(empty, folder()).backupCollection(NAME)).toMatchObject({objectCount: 300})
})

it('is not asked any longer once it is interrupted', async () => {
  const stop = new AbortController()
  const held = Promise.withResolvers<void>()
  const server = await startEmbeddedWeaviate({
    async onRequest({method}) {
      if (method !== 'Search') return
      stop.abort(new DataOpsError('INTERRUPTED', 'Stopped.'))
      await held.promise
    },
  })
  const connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  try {
    await fill(connection, 1, {name: 'a', status: 'COLD'})
    // Of inactive tenants no object is read: gRPC is asked for the collection alone.
    const backup = new BackupManager(connection, {directory: directory.path})
    await expect(backup.backupCollection(NAME, {signal: stop.signal})).rejects.toMatchObject({code: 'INTERRUPTED'})
  } finally {
    held.resolve()
    await connection.close()
    await server.close()
  }
})
