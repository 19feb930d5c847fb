/** What could be backed up can be restored, or is refused before anything is made, with the change that helps. */
import {readdir} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'
import type {WeaviateClass} from '../../../src/model/schema.js'

import {BackupManager, RestoreManager, type RestoreOptions} from '../../../src/index.js'
import {type Connection} from '../../../src/weaviate/connection.js'
import {fillCollection, restDump} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'
import {objectId} from '../../support/object-id.js'

const NAME = 'RefusedTest'

const servers = embeddedServers()

const floats = (...numbers: number[]): Uint8Array => {
  const {buffer, byteLength, byteOffset} = Float32Array.from(numbers)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Path of a backup of a collection that is made on a server of its own. */
async function backupOf(
  schema: WeaviateClass,
  objects: readonly WeaviateObject[],
  {change, others = []}: {change?: (schema: WeaviateClass) => WeaviateClass; others?: WeaviateClass[]} = {},
): Promise<string> {
  const {connection} = await servers.start()
  for (const other of others) await connection.createCollection(other)
  await fillCollection(connection, schema, objects)
  const source: Connection = change
    ? {
        ...connection,
        async getCollection(name) {
          const found = await connection.getCollection(name)
          return found && name === schema.class ? change(found) : found
        },
      }
    : connection
  return (await new BackupManager(source, {directory: servers.directory}).backupCollection(schema.class)).path
}

const plain = (more: Partial<WeaviateClass> = {}): WeaviateClass => ({
  class: NAME,
  properties: [{dataType: ['text'], name: 'title'}],
  vectorizer: 'none',
  ...more,
})

const restoring = (connection: Connection) => new RestoreManager(connection, {directory: servers.directory})

const leftBehind = async (): Promise<string[]> =>
  (await readdir(servers.directory)).filter((entry) => entry.endsWith('.checkpoint'))

describe('an object over the message limit', () => {
  const objects = [1, 2, 3].map((number) => ({
    id: objectId(number),
    properties: {title: number === 2 ? 'x'.repeat(300_000) : `short ${number}`},
  }))

  it('is written over REST', async () => {
    const backup = await backupOf(plain(), objects)
    const {connection, url} = await servers.start({maxMessageBytes: 100_000})
    const restored = await restoring(connection).restoreCollection(backup)
    expect(restored).toMatchObject({rejected: 0, restored: 3})
    const there = await restDump(url, NAME)
    expect(there.size).toBe(3)
    expect(JSON.stringify(there.get(objectId(2)))).toContain('x'.repeat(300_000))
  })

  it('is named where even that is refused, and the others are restored', async () => {
    const backup = await backupOf(plain(), objects)
    const {connection, url} = await servers.start({
      maxMessageBytes: 100_000,
      onRequest: ({method, path, transport}) =>
        transport === 'rest' && method === 'POST' && path.startsWith('/v1/batch/objects')
          ? {message: 'too large', status: 413}
          : undefined,
    })
    const restored = await restoring(connection).restoreCollection(backup)
    expect(restored).toMatchObject({rejected: 1, restored: 2})
    expect([...(await restDump(url, NAME)).keys()].sort()).toEqual([objectId(1), objectId(3)])
  })
})

describe('a collection that the server refuses', () => {
  const object = [{id: objectId(1), properties: {title: 'a'}}]

  it('says which change helps: more replicas than nodes', async () => {
    const backup = await backupOf(plain(), object, {
      change: (schema) => ({...schema, replicationConfig: {...(schema.replicationConfig as object), factor: 3}}),
    })
    const {connection} = await servers.start()
    await expect(restoring(connection).restoreCollection(backup)).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      hint: expect.stringContaining("`overrides: {'replicationConfig.factor': 1}`") as string,
    })
    expect(await connection.listCollections()).toEqual([])
    expect(await leftBehind()).toEqual([])
    const overrides = {'replicationConfig.factor': 1}
    expect(await restoring(connection).restoreCollection(backup, {overrides})).toMatchObject({restored: 1})
  })

  it('says which change helps: a module that is not there', async () => {
    const backup = await backupOf(plain(), object, {
      change: (schema) => ({...schema, vectorizer: 'text2vec-nosuch'}),
    })
    const {connection} = await servers.start()
    const allowVectorization = true
    await expect(restoring(connection).restoreCollection(backup, {allowVectorization})).rejects.toMatchObject({
      hint: expect.stringContaining("`overrides: {'vectorizer': 'none'}`") as string,
    })
  })

  it('for want of room is not tried again, and the others made in this run are removed', async () => {
    const first = await backupOf(plain(), object)
    const second = await backupOf(plain({class: 'RefusedTwo'}), object)
    let creations = 0
    const {connection} = await servers.start({
      maximumCollections: 1,
      onRequest({method, path}) {
        if (method === 'POST' && path === '/v1/schema') creations++
      },
    })
    await expect(restoring(connection).restoreCollections([first, second])).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      message: expect.stringContaining('collections count limit of 1 reached') as string,
      retryable: false,
    })
    expect(creations).toBe(2)
    expect(await connection.listCollections()).toEqual([])
    expect(await leftBehind()).toEqual([])
  })
})

describe('changes by overrides', () => {
  const objects = [
    {
      id: objectId(1),
      properties: {title: '1'},
      vectors: new Map([['a', {bytes: floats(1, 2), kind: 'single' as const}]]),
    },
  ]
  const schema: WeaviateClass = {
    class: NAME,
    properties: [{dataType: ['text'], name: 'title'}],
    vectorConfig: {a: {vectorIndexType: 'flat', vectorizer: {none: {}}}},
  }

  const cases: Array<{overrides: RestoreOptions['overrides']; path: string}> = [
    {overrides: {'properties.title': null}, path: 'properties.title'},
    {overrides: {'properties.title.name': 'heading'}, path: 'properties.title'},
    {overrides: {'vectorConfig.a': null}, path: 'vectorConfig.a'},
    {overrides: {'multiTenancyConfig.enabled': true}, path: 'tenant'},
  ]

  it.each(cases)(
    'that objects cannot follow are refused before anything is made: $overrides',
    async ({overrides, path}) => {
      const backup = await backupOf(schema, objects)
      const {connection} = await servers.start()
      for (const dryRun of [true, false]) {
        await expect(restoring(connection).restoreCollection(backup, {dryRun, overrides})).rejects.toMatchObject({
          code: 'INVALID_INPUT',
          message: expect.stringContaining(path) as string,
        })
      }

      expect(await connection.listCollections()).toEqual([])
      expect(await leftBehind()).toEqual([])
    },
  )

  it('leave out a reference to what is gone before it is looked for', async () => {
    const properties = [...schema.properties!, {dataType: ['Gone'], name: 'to'}]
    const backup = await backupOf({...schema, properties}, objects, {others: [{class: 'Gone'}]})
    const {connection} = await servers.start()
    await expect(restoring(connection).restoreCollection(backup, {skipData: true})).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      details: {missing: ['Gone']},
    })
    const overrides = {'properties.to': null}
    await restoring(connection).restoreCollection(backup, {overrides, skipData: true})
    expect((await connection.getCollection(NAME))?.properties?.map(({name}) => name)).toEqual(['title'])
  })

  it('name the vectorizer of a vector by its path, which works', async () => {
    const backup = await backupOf(schema, [{id: objectId(1), properties: {title: '1'}}])
    const {connection} = await servers.start()
    const added = {'vectorConfig.a.vectorizer': {'text2vec-openai': {}}}
    await expect(restoring(connection).restoreCollection(backup, {overrides: added})).rejects.toMatchObject({
      hint: expect.stringContaining("`overrides: {'vectorConfig.a.vectorizer': 'none'}`") as string,
    })
    const overrides = {'vectorConfig.a.vectorizer': 'none'}
    expect(await restoring(connection).restoreCollection(backup, {overrides})).toMatchObject({restored: 1})
  })
})

it('restores a vector whose index was dropped with the default index', async () => {
  const vectors = new Map([['a', {bytes: floats(1, 2), kind: 'single' as const}]])
  const schema: WeaviateClass = {class: NAME, vectorConfig: {a: {vectorIndexType: 'flat', vectorizer: {none: {}}}}}
  const backup = await backupOf(schema, [{id: objectId(1), properties: {}, vectors}], {
    change: (found) => ({
      ...found,
      vectorConfig: {a: {vectorIndexConfig: null, vectorIndexType: 'none', vectorizer: {none: {}}}},
    }),
  })
  const {connection} = await servers.start()
  const restored = await restoring(connection).restoreCollection(backup, {verify: true})
  expect(restored).toMatchObject({restored: 1, verification: {equal: true}})
  expect(restored.warnings.map(({code}) => code)).toContain('vector-index-dropped')
})

it('refuses names that servers have reserved since, before anything is made', async () => {
  const properties = [{dataType: ['text'], name: 'title_searchable'}]
  const backup = await backupOf(plain({properties}), [{id: objectId(1), properties: {title_searchable: 'a'}}])
  const {connection} = await servers.start()
  await expect(restoring(connection).restoreCollection(backup, {dryRun: true})).rejects.toMatchObject({
    code: 'SCHEMA_MISMATCH',
    details: {properties: ['title_searchable']},
  })
})
