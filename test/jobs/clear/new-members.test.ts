/** A property that comes into being while the backup is taken, of which the backup has nothing: what its schema had no place for. */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {SchemaProperty, WeaviateClass} from '../../../src/model/schema.js'
import type {Connection, PageRequest} from '../../../src/weaviate/connection.js'

import {openArchive} from '../../../src/catalog/locate.js'
import {BackupManager, ClearManager, RestoreManager} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {connect} from '../../../src/weaviate/connect.js'
import {fillCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'NewMembers'
const ID = '00000000-0000-4000-8000-000000000001'
const SCHEMA: WeaviateClass = {
  class: NAME,
  properties: [
    {dataType: ['text'], name: 'title'},
    {dataType: ['object'], name: 'place', nestedProperties: [{dataType: ['text'], name: 'city'}]},
  ],
  vectorizer: 'none',
}
const NOTE: SchemaProperty = {dataType: ['text'], name: 'note'}

let server: TestServer
let store = memoryStore()

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

beforeEach(async () => {
  store = memoryStore()
  await fillCollection(server.connection, SCHEMA, [{id: ID, properties: {place: {city: 'Ulm'}, title: 'one'}}])
})

async function send(method: string, path: string, body: object): Promise<void> {
  const response = await fetch(`${server.url}/v1/${path}`, {
    body: JSON.stringify(body),
    headers: {'content-type': 'application/json'},
    method,
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
}

/** Another program: a new property, and an object that has it. */
async function writeNote(): Promise<void> {
  await send('POST', `schema/${NAME}/properties`, NOTE)
  await send('PATCH', `objects/${NAME}/${ID}`, {class: NAME, properties: {note: 'kept nowhere else'}})
}

/** The same within a property that is there, as auto-schema makes it. */
async function writeStreet(): Promise<void> {
  const nested = {city: 'Ulm', street: 'kept nowhere else'}
  await send('PATCH', `objects/${NAME}/${ID}`, {class: NAME, properties: {place: nested}})
}

/** A second vector, and an object that has it. */
async function writeVector(): Promise<void> {
  const schema = await server.connection.getCollection(NAME)
  await send('PUT', `schema/${NAME}`, {
    ...schema,
    vectorConfig: {late: {vectorIndexType: 'flat', vectorizer: {none: {}}}},
  })
  await send('PATCH', `objects/${NAME}/${ID}`, {class: NAME, vectors: {late: [1, 2]}})
}

/** As `connection`; what another program does stands before the first page of whole objects is read. */
function meanwhile(act: () => Promise<void>, connection = server.connection): Connection {
  let isDone = false
  return new Proxy(connection, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return async (...given: unknown[]): Promise<unknown> => {
        if (name === 'readPage' && !isDone && (given[0] as PageRequest).include === 'objects') {
          isDone = true
          await act()
        }

        return (value as (...parameters: unknown[]) => unknown).apply(target, given)
      }
    },
  })
}

async function noteThere(): Promise<unknown> {
  const response = await fetch(`${server.url}/v1/objects/${NAME}/${ID}`)
  return response.ok ? ((await response.json()) as {properties: {note?: unknown}}).properties.note : response.status
}

describe('a property that comes into being during a backup', () => {
  it.each([true, false])('is deleted by no clear that backs up first (keepSchema: %s)', async (keepSchema) => {
    const options = {backupFirst: true, keepSchema, quietForMs: 0}
    const clearing = new ClearManager(meanwhile(writeNote), {store}).clearCollection(NAME, options)
    await expect(clearing).rejects.toMatchObject({code: 'INCOMPLETE', details: {newMembers: ['the property note']}})
    expect(await noteThere()).toBe('kept nowhere else')

    const again = await new ClearManager(server.connection, {store}).clearCollection(NAME, options)
    expect(again).toMatchObject({deleted: 1, kept: 0, remaining: 0})
    await new RestoreManager(server.connection, {store}).restoreCollection(again.backup?.id ?? '', {merge: true})
    expect(await noteThere()).toBe('kept nowhere else')
  })

  it('is told of, and sealed', async () => {
    const told: string[] = []
    const {id, warnings} = await new BackupManager(meanwhile(writeNote), {store}).backupCollection(NAME, {
      onWarning({code}) {
        told.push(code)
      },
    })
    expect(warnings).toMatchObject([{code: 'schema-changed', details: {newMembers: ['the property note']}}])
    expect(told).toEqual(['schema-changed'])
    const {archive} = await openArchive(id, store)
    expect(archive.seal?.guarantee).toContain('The collection got the property note meanwhile')
  })

  it('is told of by the worker that seals, however long a job has waited for it', async () => {
    const jobs = new JobManager({store})
    const {id} = await jobs.createBackup(server.connection, [NAME])
    await writeNote()
    const {end, warnings} = await jobs.work(server.connection, id)
    expect(end).toBe('done')
    expect(warnings).toMatchObject([{code: 'schema-changed', details: {newMembers: ['the property note']}}])
  })

  it.each([
    ['a property', writeNote],
    ['a member of an object', writeStreet],
    ['a vector', writeVector],
  ])('over REST too: %s is in no object whose schema lacks it, so that all of them can be restored', async (_, act) => {
    const connection = await connect({transport: 'rest', url: server.url})
    try {
      const {id, warnings} = await new BackupManager(meanwhile(act, connection), {store}).backupCollection(NAME)
      expect(warnings.map(({code}) => code)).toEqual(['schema-changed'])
      const restores = new RestoreManager(server.connection, {store})
      const restored = await restores.restoreCollection(id, {name: `${NAME}Again`, verify: true})
      expect(restored).toMatchObject({rejected: 0, restored: 1, verification: {equal: true}})
    } finally {
      await server.connection.deleteCollection(`${NAME}Again`)
      await connection.close()
    }
  })

  it('within another one makes a backup that settles begin anew, and has it then', async () => {
    const {id} = await new BackupManager(meanwhile(writeStreet), {store}).backupCollection(NAME, {settle: true})
    const {archive} = await openArchive(id, store)
    const found: unknown[] = []
    for await (const {objects} of archive.pages()) found.push(...objects.map(({properties}) => properties.place))
    expect(found).toEqual([{city: 'Ulm', street: 'kept nowhere else'}])
  })
})
