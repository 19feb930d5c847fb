/** Creating the target: whose it is, and whether the server has kept what it was asked for. */
import {readdir} from 'node:fs/promises'
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest'

import type {Connection} from '../../../src/weaviate/connection.js'

import {BackupManager, DataOpsError, RestoreManager} from '../../../src/index.js'
import {
  makeCollection,
  restDump,
  startTestServer,
  temporaryDirectory,
  type TestServer,
} from '../../support/collections.js'

const NAME = 'CreationTest'

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

beforeEach(async () => {
  directory = await temporaryDirectory()
  await makeCollection(server.connection, NAME, 5, 4)
  backup = (await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME)).path
  await server.connection.deleteCollection(NAME)
})

afterEach(async () => directory.remove())

const restores = (changes: Partial<Connection> = {}): RestoreManager =>
  new RestoreManager({...server.connection, ...changes}, {directory: directory.path})

const checkpoints = async (): Promise<string[]> =>
  (await readdir(directory.path)).filter((entry) => entry.endsWith('.checkpoint'))

it('does not take a collection for its own that somebody else created at the same time', async () => {
  const {connection} = server
  const late = restores({
    async createCollection(schema) {
      await makeCollection(connection, NAME, 3, 4)
      return connection.createCollection(schema)
    },
  })
  await expect(late.restoreCollection(backup)).rejects.toMatchObject({code: 'COLLECTION_EXISTS'})
  expect(await checkpoints()).toEqual([])
  const theirs = await restDump(server.url, NAME)
  await expect(restores().restoreCollection(backup)).rejects.toMatchObject({code: 'COLLECTION_EXISTS'})
  expect(await restDump(server.url, NAME)).toEqual(theirs)
  expect(theirs.size).toBe(3)
})

it.each(['objects', 'tenants'])(
  'does not take for its own what somebody else has created, with %s, after a restore that died before it had',
  async (what) => {
    const {connection} = server
    let isGone = false
    const dying = restores({
      async createCollection() {
        isGone = true
        throw new DataOpsError('NOT_ALLOWED', 'These credentials are revoked.')
      },
      async getCollection(name) {
        if (isGone) throw new DataOpsError('NOT_ALLOWED', 'These credentials are revoked.')
        return connection.getCollection(name)
      },
    })
    await expect(dying.restoreCollection(backup)).rejects.toMatchObject({code: 'NOT_ALLOWED'})
    expect(await checkpoints()).toHaveLength(1)
    await makeCollection(connection, NAME, 3, 4)
    if (what === 'tenants') {
      const {shardingConfig: _, ...schema} = (await connection.getCollection(NAME))!
      await connection.deleteCollection(NAME)
      await connection.createCollection({...schema, multiTenancyConfig: {enabled: true}})
      await connection.createTenants(NAME, [{name: 'theirs', status: 'HOT'}])
    }

    const restored = restores().restoreCollection(backup)
    await expect(restored).rejects.toMatchObject({code: 'COLLECTION_EXISTS', details: {collection: NAME}})
    expect(await checkpoints()).toEqual([])
    if (what === 'objects') expect(await connection.count(NAME)).toBe(3)
  },
)

it('goes on in what it has created where nobody has told it so', async () => {
  const {connection} = server
  const cut = restores({
    async createCollection(schema) {
      await connection.createCollection(schema)
      throw new DataOpsError('SERVER_UNAVAILABLE', 'The connection broke.', {retryable: false})
    },
  })
  await expect(cut.restoreCollection(backup)).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE'})
  expect(await restores().restoreCollection(backup)).toMatchObject({restored: 5})
  expect(await checkpoints()).toEqual([])
})

it.each([{}, {atomic: true}, {merge: true}])('refuses two backups with one target up front (%o)', async (options) => {
  await restores().restoreCollection(backup)
  const second = (await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME)).path
  await server.connection.deleteCollection(NAME)
  await expect(restores().restoreCollections([backup, second], options)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    details: {collection: NAME},
  })
  expect(await server.connection.getCollection(NAME)).toBeUndefined()
  expect(await checkpoints()).toEqual([])
})

it('reports field by field what the server has not kept, and leaves no collection behind', async () => {
  const {connection} = server
  const older = restores({
    async createCollection({properties, ...schema}) {
      const kept = properties!
        .filter(({name}) => name !== 'property3')
        .map((property) => (property.name === 'property2' ? {...property, dataType: ['number']} : property))
      await connection.createCollection({...schema, properties: kept})
    },
  })
  await expect(older.restoreCollection(backup)).rejects.toMatchObject({
    code: 'SCHEMA_MISMATCH',
    details: {differences: [{path: 'properties.property2.dataType'}, {path: 'properties.property3'}]},
    message: /property2\.dataType .*property3 /,
  })
  expect(await connection.getCollection(NAME)).toBeUndefined()
  expect(await checkpoints()).toEqual([])
  expect(await restores().restoreCollection(backup, {verify: true})).toMatchObject({restored: 5, warnings: []})
})

it('warns of settings that the server has not kept and that no object needs', async () => {
  const {connection} = server
  const older = restores({
    createCollection: async (schema) => connection.createCollection({...schema, invertedIndexConfig: undefined}),
  })
  const options = {overrides: {'invertedIndexConfig.bm25.b': 0.5}, verify: true}
  expect(await older.restoreCollection(backup, options)).toMatchObject({
    restored: 5,
    warnings: [{code: 'schema-changed', details: {backup: 0.5, field: 'invertedIndexConfig.bm25.b'}}],
  })
})
