/** What a restore leaves out is asked for, and named. */
import {describe, expect, it} from 'vitest'

import type {WeaviateClass} from '../../../src/model/schema.js'

import {BackupManager, RestoreManager, type RestoreRunOptions} from '../../../src/index.js'
import {type Connection} from '../../../src/weaviate/connection.js'
import {fillCollection, restDump} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'
import {objectId} from '../../support/object-id.js'

const servers = embeddedServers()

const backupOf = async (connection: Connection, name: string): Promise<string> =>
  (await new BackupManager(connection, {directory: servers.directory}).backupCollection(name)).path

const restoring = (connection: Connection) => new RestoreManager(connection, {directory: servers.directory})

describe('references to a collection that is gone', () => {
  const schema: WeaviateClass = {
    class: 'Pointing',
    properties: [
      {dataType: ['text'], name: 'title'},
      {dataType: ['Gone'], name: 'lost'},
      {dataType: ['Gone', 'Pointing'], name: 'either'},
    ],
    vectorizer: 'none',
  }

  const backup = async (): Promise<string> => {
    const {connection} = await servers.start()
    await connection.createCollection({class: 'Gone', vectorizer: 'none'})
    const beacons = [`weaviate://localhost/Gone/${objectId(9)}`, `weaviate://localhost/Pointing/${objectId(1)}`]
    await fillCollection(connection, schema, [
      {
        id: objectId(1),
        properties: {either: beacons.map((beacon) => ({beacon})), lost: [{beacon: beacons[0]!}], title: 'a'},
      },
    ])
    return backupOf(connection, 'Pointing')
  }

  it('are dropped, and nothing else', async () => {
    const file = await backup()
    const {connection, url} = await servers.start()
    await expect(restoring(connection).restoreCollection(file)).rejects.toMatchObject({details: {missing: ['Gone']}})
    expect(await connection.listCollections()).toEqual([])
    const options = {missingTarget: 'drop', verify: true} as const
    const restored = await restoring(connection).restoreCollection(file, options)
    expect(restored).toMatchObject({references: 1, rejected: 0, restored: 1, verification: {equal: true}})
    expect(restored.warnings.map(({code}) => code)).toContain('references-dropped')
    const text = JSON.stringify((await restDump(url, 'Pointing')).get(objectId(1)))
    expect(text).toContain(`weaviate://localhost/Pointing/${objectId(1)}`)
    expect(text).not.toContain('Gone')
  })

  it('are kept, with the collection made empty', async () => {
    const file = await backup()
    const {connection} = await servers.start()
    const options = {missingTarget: 'create', verify: true} as const
    const restored = await restoring(connection).restoreCollection(file, options)
    expect(restored).toMatchObject({references: 3, rejected: 0, restored: 1, verification: {equal: true}})
    expect(await connection.count('Gone')).toBe(0)
  })
})

it('goes on with the other backups, and names what was left out', async () => {
  const source = await servers.start()
  const files: string[] = []
  for (const name of ['First', 'Second', 'Third']) {
    await fillCollection(source.connection, {class: name, vectorizer: 'none'}, [{id: objectId(1), properties: {}}])
    files.push(await backupOf(source.connection, name))
  }

  const {connection} = await servers.start()
  await connection.createCollection({class: 'Second', vectorizer: 'none'})
  const {collections, failed} = await restoring(connection).restoreCollections(files, {keepGoing: true})
  expect(collections.map(({collection, restored}) => [collection, restored])).toEqual([
    ['First', 1],
    ['Third', 1],
  ])
  expect(failed).toMatchObject([{backup: files[1], collection: 'Second', error: {code: 'COLLECTION_EXISTS'}}])
  expect(await connection.count('Second')).toBe(0)

  // Of one there are no others.
  const options: RestoreRunOptions = {keepGoing: true}
  await expect(restoring(connection).restoreCollection(files[1]!, options)).rejects.toMatchObject({
    code: 'COLLECTION_EXISTS',
  })
})

it('hashes hashes again only when it may, and then finds no difference', async () => {
  const source = await servers.start()
  const schema: WeaviateClass = {
    class: 'Hashed',
    properties: [{dataType: ['blobHash'], name: 'hash'}],
    vectorizer: 'none',
  }
  await fillCollection(source.connection, schema, [{id: objectId(1), properties: {hash: 'aGVsbG8='}}])
  const file = await backupOf(source.connection, 'Hashed')
  const {connection} = await servers.start()
  await expect(restoring(connection).restoreCollection(file)).rejects.toMatchObject({code: 'INVALID_INPUT'})
  expect(await connection.listCollections()).toEqual([])
  const restored = await restoring(connection).restoreCollection(file, {allowRehash: true, verify: true})
  expect(restored).toMatchObject({restored: 1, verification: {equal: true}})
})

it('hashes hashes again only when it may, also beside references that are put off', async () => {
  const source = await servers.start()
  await source.connection.createCollection({class: 'Later', vectorizer: 'none'})
  const schema: WeaviateClass = {
    class: 'Earlier',
    properties: [
      {dataType: ['blobHash'], name: 'hash'},
      {dataType: ['Later'], name: 'to'},
    ],
    vectorizer: 'none',
  }
  await fillCollection(source.connection, schema, [{id: objectId(1), properties: {hash: 'aGVsbG8='}}])
  const files = [await backupOf(source.connection, 'Earlier'), await backupOf(source.connection, 'Later')]
  const {connection} = await servers.start()
  await expect(restoring(connection).restoreCollections(files)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    details: {properties: ['hash']},
  })
  expect(await connection.listCollections()).toEqual([])
})

it('says which refused objects the server keeps all the same', async () => {
  const source = await servers.start()
  const objects = [1, 2, 3].map((number) => ({id: objectId(number), properties: {}}))
  await fillCollection(source.connection, {class: 'Kept', vectorizer: 'none'}, objects)
  const file = await backupOf(source.connection, 'Kept')
  const {connection} = await servers.start()
  const refusing: Connection = {
    ...connection,
    async writeObjects(request) {
      await connection.writeObjects(request)
      return request.objects
        .filter((object) => object.id === objectId(2))
        .map((object) => ({id: object.id, reason: "vector lengths don't match"}))
    },
  }
  const restored = await restoring(refusing).restoreCollection(file, {verify: true})
  expect(restored).toMatchObject({rejected: 1, rejectedButKept: 1, restored: 2})
  expect(restored.warnings.find(({code}) => code === 'rejected-but-kept')?.details).toEqual({ids: [objectId(2)]})
})

it('leaves aliases out on a server without them, and refuses to be atomic there', async () => {
  const source = await servers.start()
  await fillCollection(source.connection, {class: 'Named', vectorizer: 'none'}, [{id: objectId(1), properties: {}}])
  await source.connection.createAlias('Other', 'Named')
  const file = await backupOf(source.connection, 'Named')
  const {connection} = await servers.start({version: '1.30.23'})
  await expect(restoring(connection).restoreCollection(file, {atomic: true})).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  })
  expect(await connection.listCollections()).toEqual([])
  const restored = await restoring(connection).restoreCollection(file)
  expect(restored).toMatchObject({aliases: [], restored: 1})
  expect(restored.warnings.map(({code}) => code)).toContain('aliases-left-out')
})
