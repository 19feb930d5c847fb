import {createServer} from 'node:http'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {NamedVector, WeaviateObject} from '../../../src/model/object.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {connect} from '../../../src/weaviate/connect.js'
import {HttpClient} from '../../../src/weaviate/rest/http.js'
import {restObjects} from '../../../src/weaviate/rest/objects.js'
import {getObjectRest, readReferencesPage} from '../../../src/weaviate/rest/reading.js'
import {objectId} from '../../support/object-id.js'
import {startTestServer, type TestServer} from '../server.js'

const NAME = 'RestObjectsTest'
const TENANTED = 'RestObjectsTenanted'
const NIL = '00000000-0000-0000-0000-000000000000'
const LAST = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
const HNSW = {vectorIndexType: 'hnsw', vectorizer: {none: {}}}

let server: TestServer
let connection: Connection
let http: HttpClient

beforeAll(async () => {
  server = await startTestServer()
  connection = await connect({transport: 'rest', url: server.url})
  http = new HttpClient({headers: async () => ({}), timeoutMs: 20_000, url: server.url})
  for (const name of [NAME, TENANTED]) await connection.deleteCollection(name)
  await connection.createCollection({
    class: NAME,
    properties: [
      {dataType: ['text'], name: 'text'},
      {dataType: ['int'], name: 'int'},
      {dataType: ['number'], name: 'number'},
      {dataType: ['number[]'], name: 'numbers'},
      {dataType: ['date'], name: 'date'},
      {dataType: ['blob'], name: 'blob'},
      {dataType: ['geoCoordinates'], name: 'geo'},
      {dataType: ['phoneNumber'], name: 'phone'},
      {dataType: ['object'], name: 'object', nestedProperties: [{dataType: ['int'], name: 'inner'}]},
      {dataType: [NAME], name: 'self'},
    ],
    vectorConfig: {
      ...(connection.capabilities.multiVectors && {
        multi: {...HNSW, vectorIndexConfig: {multivector: {enabled: true}}},
      }),
      single: HNSW,
    },
  })
  await connection.createCollection({
    class: TENANTED,
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['text'], name: 'text'}],
    vectorIndexType: 'flat',
    vectorizer: 'none',
  })
})

afterAll(async () => {
  for (const name of [NAME, TENANTED]) await connection.deleteCollection(name)
  await http.close()
  await connection.close()
  await server.close()
})

const floats = (...numbers: number[]) => {
  const {buffer, byteLength, byteOffset} = Float32Array.from(numbers)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

const beacon = (id: string) => ({beacon: `weaviate://localhost/${NAME}/${id}`})

async function plan(name: string) {
  return planCollection((await connection.getCollection(name))!)
}

async function readAll(limit: number, include: 'ids' | 'objects' | 'references' = 'objects') {
  const collection = await plan(NAME)
  const objects: WeaviateObject[] = []
  for (let after: string | undefined; ; after = objects.at(-1)!.id) {
    const page = await connection.readPage({after, collection, include, limit})
    objects.push(...page.objects)
    if (page.objects.length < limit) return objects
  }
}

describe('objects over REST', () => {
  it('come back as they were written, in order', async () => {
    const vectors = new Map<string, NamedVector>([
      ...(connection.capabilities.multiVectors
        ? [['multi', {bytes: floats(1, -0, 0.1, 3e-40), dims: 2, kind: 'multi'}] as [string, NamedVector]]
        : []),
      ['single', {bytes: floats(0.1, -3.4028235e38, -0), kind: 'single'}],
    ])
    const written: WeaviateObject[] = [
      {id: NIL, properties: {int: 9_007_199_254_740_992, number: -0, text: 'nil'}},
      {
        id: objectId(1),
        properties: {
          blob: 'aGVsbG8=',
          date: '2024-02-01T10:30:00.123456789+02:00',
          geo: {latitude: 52.3667, longitude: 4.9},
          int: 2 ** 63,
          number: 5e-324,
          numbers: [],
          object: {inner: 4_503_599_627_370_497 * 8},
          text: 'ünïcode \u{0} "',
        },
        vectors,
      },
      {id: LAST, properties: {int: -(2 ** 63), numbers: [1, 2.5]}},
    ]
    const collection = await plan(NAME)
    expect(await connection.writeObjects({collection, objects: written})).toEqual([])
    for (const limit of [1, 2, 3, 100]) {
      const read = await readAll(limit)
      expect(read.map(({id, properties}) => ({id, properties}))).toEqual(
        written.map(({id, properties}) => ({id, properties})),
      )
      expect(read[1]!.vectors).toEqual(vectors)
      expect(read[0]!.vectors).toBeUndefined()
      expect(read[0]!.creationTimeUnix).toBeGreaterThan(1_600_000_000_000)
    }

    expect(await connection.count(NAME)).toBe(3)
  })

  it('take of a phone number what was put in', async () => {
    const collection = await plan(NAME)
    const phone = {defaultCountry: 'DE', input: '0171 1234567', internationalFormatted: 'not this', valid: false}
    await connection.writeObjects({collection, objects: [{id: objectId(2), properties: {phone}}]})
    const object = await getObjectRest(http, NAME, objectId(2))
    expect(object!.properties.phone).toMatchObject({
      defaultCountry: 'DE',
      input: '0171 1234567',
      national: 1_711_234_567,
      valid: true,
    })
  })

  it('keep references of every kind, in order, as bare beacons', async () => {
    const collection = await plan(NAME)
    const self = [beacon(objectId(404)), beacon(objectId(3)), beacon(NIL), beacon(objectId(404))]
    const objects = [{id: objectId(3), properties: {self, text: 'refers'}}]
    expect(await connection.writeObjects({collection, objects})).toEqual([])
    expect(await connection.writeReferences({collection, objects})).toEqual([])
    const [read] = await connection.getObjects({collection, ids: [objectId(3), objectId(404)]})
    expect(read!.properties).toEqual({self, text: 'refers'})
    const found = (await readAll(100, 'references')).find((object) => object.id === objectId(3))
    expect(found!.properties).toEqual({self})
    const ids = await readAll(100, 'ids')
    expect(ids.every((object) => Object.keys(object.properties).length === 0)).toBe(true)
    const page = await readReferencesPage(http, {after: objectId(2), className: NAME, limit: 1})
    expect(page).toMatchObject([{id: objectId(3), properties: {self, text: 'refers'}}])
  })

  it('are refused one by one, with the reason', async () => {
    const collection = await plan(NAME)
    const vectors = new Map<string, NamedVector>([['single', {bytes: floats(1, NaN), kind: 'single'}]])
    const failures = await connection.writeObjects({
      collection,
      objects: [
        {id: objectId(10), properties: {text: 'good'}},
        {id: objectId(11), properties: {date: 'not a date'}},
        {id: objectId(12), properties: {}, vectors},
      ],
    })
    expect(failures.map(({id}) => id).toSorted()).toEqual([objectId(11), objectId(12)])
    expect(failures.find(({id}) => id === objectId(11))!.reason).toMatch(/date/)
    expect(failures.find(({id}) => id === objectId(12))!.reason).toMatch(/NaN/)
    expect(await getObjectRest(http, NAME, objectId(10))).toMatchObject({properties: {text: 'good'}})
    expect(await getObjectRest(http, NAME, objectId(11))).toBeUndefined()
  })

  it('belong to tenants', async () => {
    const collection = await plan(TENANTED)
    await connection.createTenants(TENANTED, [
      {name: 'one', status: 'HOT'},
      {name: 'two', status: 'HOT'},
    ])
    const objects = ['one', 'two'].map((tenant) => ({
      id: NIL,
      properties: {text: tenant},
      tenant,
      vector: floats(1, 2),
    }))
    expect(await connection.writeObjects({collection, objects})).toEqual([])
    for (const tenant of ['one', 'two']) {
      const {bytes, objects: read} = await connection.readPage({collection, include: 'objects', limit: 10, tenant})
      expect(read).toMatchObject([{id: NIL, properties: {text: tenant}, tenant, vector: floats(1, 2)}])
      expect(bytes).toBeGreaterThan(100)
      expect(await connection.count(TENANTED, tenant)).toBe(1)
    }

    expect(await connection.deleteObjects({collection: TENANTED, tenant: 'one'})).toEqual({
      deleted: 1,
      failed: 0,
      matched: 1,
    })
    expect(await connection.count(TENANTED, 'one')).toBe(0)
    expect(await connection.count(TENANTED, 'two')).toBe(1)
  })

  it('say when their collection is not there', async () => {
    const collection = planCollection({class: 'RestObjectsNone', properties: []})
    const request = {collection, include: 'objects', limit: 10} as const
    await expect(connection.readPage(request)).rejects.toMatchObject({code: 'COLLECTION_MISSING'})
    await expect(connection.count('RestObjectsNone')).rejects.toMatchObject({code: 'COLLECTION_MISSING'})
  })

  it('are deleted all at once', async () => {
    const before = await connection.count(NAME)
    expect(before).toBeGreaterThan(0)
    const result = await connection.deleteObjects({collection: NAME})
    expect(result).toEqual({deleted: before, failed: 0, matched: before})
    expect(await connection.count(NAME)).toBe(0)
  })
})

describe('a vector that JSON cannot carry', () => {
  it('is named when a page comes back empty', async () => {
    const ids = Array.from({length: 20}, (_, index) => objectId(index))
    const bad = ids[13]!
    // Weaviate answers 200 with nothing as soon as such a vector is among those asked for.
    const fake = createServer((request, response) => {
      const query = new URL(request.url!, 'http://x').searchParams
      const page = ids.filter((id) => id > query.get('after')!).slice(0, Number(query.get('limit')))
      if (query.get('include') === 'vector' && page.includes(bad)) response.end()
      else response.end(JSON.stringify({objects: page.map((id) => ({id, properties: {}}))}))
    })
    await new Promise<void>((resolve) => {
      fake.listen(0, '127.0.0.1', resolve)
    })
    const client = new HttpClient({
      headers: async () => ({}),
      timeoutMs: 5000,
      url: `http://127.0.0.1:${(fake.address() as {port: number}).port}`,
    })
    const collection = planCollection({class: NAME, properties: [], vectorIndexType: 'hnsw'})
    const {readPage} = restObjects(client)
    await expect(readPage({collection, include: 'objects', limit: 100})).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      details: {id: bad},
    })
    const {objects} = await readPage({after: bad, collection, include: 'objects', limit: 100})
    expect(objects.map(({id}) => id)).toEqual(ids.slice(14))
    await client.close()
    fake.close()
  })
})
