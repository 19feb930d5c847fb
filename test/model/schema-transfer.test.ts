import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {JsonValue} from '../../src/model/object.js'
import type {WeaviateClass} from '../../src/model/schema.js'
import type {Connection} from '../../src/weaviate/connection.js'

import {compareSchemas} from '../../src/model/schema-compare.js'
import {prepareForCreate} from '../../src/model/schema-prepare.js'
import {connect} from '../../src/weaviate/connect.js'
import {createCollectionFrom} from '../support/create-collection.js'
import {startTestServer, type TestServer} from '../weaviate/server.js'

const NAME = 'TransferTest'
const COPY = 'TransferTestCopy'
const TARGET = 'TransferTestTarget'
const LATER = 'TransferTestLater'
const TEXT = {dataType: ['text'], name: 'text'}

/** One of each family of settings that the server takes. */
const FAMILIES: Record<string, Omit<WeaviateClass, 'class'>> = {
  'no properties': {vectorizer: 'none'},
  'hnsw, every setting': {
    properties: [TEXT],
    vectorIndexConfig: {
      cleanupIntervalSeconds: 77,
      distance: 'l2-squared',
      dynamicEfFactor: 4,
      dynamicEfMax: 300,
      dynamicEfMin: 50,
      ef: 55,
      efConstruction: 99,
      filterStrategy: 'sweeping',
      flatSearchCutoff: 1000,
      maxConnections: 17,
      vectorCacheMaxObjects: 5000,
    },
    vectorIndexType: 'hnsw',
    vectorizer: 'none',
  },
  'skipped index': {vectorIndexConfig: {skip: true}, vectorizer: 'none'},
  'product quantization': {
    vectorIndexConfig: {
      pq: {
        centroids: 8,
        enabled: true,
        encoder: {distribution: 'normal', type: 'tile'},
        segments: 4,
        trainingLimit: 1000,
      },
    },
    vectorizer: 'none',
  },
  'binary quantization': {vectorIndexConfig: {bq: {enabled: true}}, vectorizer: 'none'},
  'scalar quantization': {
    vectorIndexConfig: {sq: {enabled: true, rescoreLimit: 30, trainingLimit: 500}},
    vectorizer: 'none',
  },
  'rotational quantization': {vectorIndexConfig: {rq: {bits: 8, enabled: true, rescoreLimit: 3}}, vectorizer: 'none'},
  flat: {
    vectorIndexConfig: {bq: {cache: true, enabled: true, rescoreLimit: 9}, distance: 'dot', vectorCacheMaxObjects: 99},
    vectorIndexType: 'flat',
    vectorizer: 'none',
  },
  'named vectors': {
    properties: [TEXT],
    vectorConfig: {
      flat: {vectorIndexType: 'flat', vectorizer: {none: {}}},
      hnsw: {vectorIndexConfig: {ef: 10}, vectorIndexType: 'hnsw', vectorizer: {none: {}}},
      multi: {
        vectorIndexConfig: {multivector: {enabled: true}},
        vectorIndexType: 'hnsw',
        vectorizer: {none: {}},
      },
      muvera: {
        vectorIndexConfig: {
          multivector: {enabled: true, muvera: {dprojections: 8, enabled: true, ksim: 3, repetitions: 5}},
        },
        vectorIndexType: 'hnsw',
        vectorizer: {none: {}},
      },
    },
  },
  'inverted index': {
    invertedIndexConfig: {
      bm25: {b: 0.5, k1: 1.5},
      cleanupIntervalSeconds: 11,
      indexNullState: true,
      indexPropertyLength: true,
      indexTimestamps: true,
      stopwords: {additions: ['foo'], preset: 'en', removals: ['the']},
    },
    properties: [TEXT],
    vectorizer: 'none',
  },
  tokenizations: {
    properties: ['word', 'lowercase', 'whitespace', 'field', 'trigram'].map((tokenization) => ({
      dataType: ['text'],
      name: tokenization,
      tokenization,
    })),
    vectorizer: 'none',
  },
  'data types': {
    properties: [
      ...['text', 'int', 'number', 'boolean', 'date', 'uuid'].flatMap((type) => [type, `${type}[]`]),
      'geoCoordinates',
      'phoneNumber',
      'blob',
    ].map((type, index) => ({dataType: [type], name: `p${index}`})),
    vectorizer: 'none',
  },
  'property settings': {
    description: 'Some "text"\nin two lines',
    properties: [
      {dataType: ['int'], description: 'a number', indexFilterable: false, indexRangeFilters: true, name: 'n'},
      {dataType: ['text'], indexFilterable: false, indexSearchable: false, name: 't'},
    ],
    vectorizer: 'none',
  },
  'nested properties': {
    properties: [
      {
        dataType: ['object'],
        description: 'outer',
        name: 'o',
        nestedProperties: [
          {dataType: ['text'], description: 'inner', name: 'x', tokenization: 'field'},
          {
            dataType: ['object[]'],
            name: 'deep',
            nestedProperties: [
              {dataType: ['int'], name: 'y'},
              {dataType: ['blob'], name: 'z'},
            ],
          },
        ],
      },
    ],
    vectorizer: 'none',
  },
  references: {
    properties: [
      {dataType: [NAME], name: 'self'},
      {dataType: [NAME, TARGET], name: 'either'},
    ],
    vectorizer: 'none',
  },
  replication: {
    replicationConfig: {deletionStrategy: 'NoAutomatedResolution', factor: 1},
    vectorizer: 'none',
  },
  sharding: {shardingConfig: {desiredCount: 3, virtualPerPhysical: 64}, vectorizer: 'none'},
  'multi-tenancy': {
    multiTenancyConfig: {autoTenantActivation: true, autoTenantCreation: true, enabled: true},
    properties: [TEXT],
    vectorizer: 'none',
  },
}

let server: TestServer
let connection: Connection

beforeAll(async () => {
  server = await startTestServer()
  connection = await connect({transport: 'rest', url: server.url})
  await clean()
  await connection.createCollection({class: TARGET, properties: [TEXT], vectorizer: 'none'})
})

afterAll(async () => {
  await clean()
  await connection.close()
  await server.close()
})

async function clean(...names: string[]) {
  for (const name of names.length > 0 ? names : [NAME, COPY, TARGET, LATER]) await connection.deleteCollection(name)
}

const read = async (name: string) => (await connection.getCollection(name))!

describe('a schema, created again from what the server shows', () => {
  it.each(Object.keys(FAMILIES))('is the same: %s', async (family) => {
    await clean(NAME, COPY)
    await connection.createCollection({...FAMILIES[family], class: NAME})
    const original = await read(NAME)

    await createCollectionFrom(connection, prepareForCreate(original, {name: COPY}))
    const copy = await read(COPY)
    expect(compareSchemas(original, copy, {ignoreName: true})).toEqual([])
    expect(JSON.parse(JSON.stringify(copy).split(COPY).join(NAME))).toEqual(original)

    await clean(NAME)
    await createCollectionFrom(connection, prepareForCreate(original))
    expect(await read(NAME)).toEqual(original)
  })

  it('is the same: an unnamed vector, with named ones added later', async () => {
    await clean(NAME, COPY)
    await connection.createCollection({
      class: NAME,
      properties: [TEXT],
      vectorIndexConfig: {ef: 44},
      vectorizer: 'none',
    })
    await connection.updateCollection({
      class: NAME,
      vectorConfig: {
        added: {vectorIndexConfig: {ef: 12}, vectorIndexType: 'hnsw', vectorizer: {none: {}}},
        multi: {
          vectorIndexConfig: {multivector: {enabled: true}},
          vectorIndexType: 'hnsw',
          vectorizer: {none: {}},
        },
      },
    })
    const original = await read(NAME)
    expect(Object.keys(original.vectorConfig!).toSorted()).toEqual(['added', 'multi'])
    expect(original.vectorIndexType).toBe('hnsw')
    const prepared = prepareForCreate(original, {name: COPY})
    expect(prepared.create.vectorConfig).toBeUndefined()
    expect(prepared.afterCreate).toBeDefined()
    await createCollectionFrom(connection, prepared)
    expect({...(await read(COPY)), class: NAME}).toEqual(original)
  })

  it('can refer to collections that come later, its properties in the same order', async () => {
    await clean(NAME, LATER)
    const properties = [TEXT, {dataType: [LATER], name: 'later'}, {dataType: [NAME], name: 'self'}]
    await connection.createCollection({class: LATER, properties: [], vectorizer: 'none'})
    await connection.createCollection({class: NAME, properties, vectorizer: 'none'})
    const original = await read(NAME)
    await clean(NAME, LATER)
    const prepared = prepareForCreate(original, {existing: [TARGET]})
    await connection.createCollection(prepared.create)
    await connection.createCollection({class: LATER, properties: [], vectorizer: 'none'})
    await connection.updateCollection(prepared.afterCreate!)
    expect(await read(NAME)).toEqual(original)
  })

  it('is refused under a name that is taken', async () => {
    await expect(connection.createCollection({class: TARGET, vectorizer: 'none'})).rejects.toMatchObject({
      code: 'COLLECTION_EXISTS',
    })
  })

  it.each<Record<string, JsonValue>>([
    {properties: 3},
    {properties: ['x']},
    {properties: [null]},
    {properties: [{name: 'title'}]},
    {'properties.title': 3},
    {'properties.title.dataType': 'text'},
    {'properties.title.dataType': []},
    {'properties.title.nestedProperties': 3},
    {vectorConfig: 3},
    {'vectorConfig.x': 3},
    {multiTenancyConfig: 3},
    {'multiTenancyConfig.enabled': 'yes'},
    {vectorIndexType: 3},
  ])('refuses overrides that make no class of it: %j', (overrides) => {
    const schema = {class: 'Shaped', properties: [{dataType: ['text'], name: 'title'}]}
    expect(() => prepareForCreate(schema, {overrides})).toThrowError(
      expect.objectContaining({
        code: 'INVALID_INPUT',
        message: expect.stringContaining('cannot be set to that') as string,
      }),
    )
  })

  it('takes overrides', async () => {
    await clean(NAME, COPY)
    await connection.createCollection({
      class: NAME,
      properties: [TEXT],
      vectorConfig: {v: {vectorIndexType: 'hnsw', vectorizer: {none: {}}}},
    })
    const prepared = prepareForCreate(await read(NAME), {
      name: COPY,
      overrides: {
        description: 'overridden',
        'properties.text.tokenization': 'field',
        'shardingConfig.desiredCount': 2,
        'vectorConfig.v.vectorIndexConfig.ef': 99,
      },
    })
    await createCollectionFrom(connection, prepared)
    const differences = compareSchemas(await read(NAME), await read(COPY), {ignoreName: true})
    expect(differences).toEqual([
      {backup: undefined, live: 'overridden', path: 'description', severity: 'notice'},
      {backup: 'word', live: 'field', path: 'properties.text.tokenization', severity: 'notice'},
      {backup: 1, live: 2, path: 'shardingConfig.desiredCount', severity: 'notice'},
      {backup: -1, live: 99, path: 'vectorConfig.v.vectorIndexConfig.ef', severity: 'notice'},
    ])
  })
})

describe('prepareForCreate', () => {
  const schema: WeaviateClass = {
    class: 'Old',
    multiTenancyConfig: {enabled: true},
    objectTtlConfig: {deleteOn: '_creationTimeUnix', enabled: true},
    properties: [
      {bucketGeneration: 3, dataType: ['Old', 'Other'], name: 'ref', searchableBlockmax: true},
      {dataType: ['blobHash'], name: 'hash'},
      {dataType: ['object'], name: 'Old', nestedProperties: [{dataType: ['text'], name: 'Old'}]},
    ],
    shardingConfig: {actualCount: 0},
    vectorIndexConfig: {trackDefaultQuantization: true},
  }

  it('leaves out what only the server sets, and the original alone', () => {
    const before = structuredClone(schema)
    const {afterCreate, create, warnings} = prepareForCreate(schema, {name: 'New'})
    expect(schema).toEqual(before)
    expect(afterCreate).toBeUndefined()
    expect(create).toEqual({
      ...before,
      class: 'New',
      properties: [{dataType: ['New', 'Other'], name: 'ref'}, ...before.properties!.slice(1)],
      shardingConfig: undefined,
      vectorIndexConfig: {},
    })
    expect('shardingConfig' in create).toBe(false)
    expect(warnings.map(({code}) => code)).toEqual(['object-ttl', 'blob-hash'])
  })

  it('keeps a property back only if nothing needs it at once', () => {
    const needing: WeaviateClass = {
      class: 'A',
      objectTtlConfig: {deleteOn: 'expires', enabled: true},
      properties: [
        {dataType: ['B'], name: 'b'},
        {dataType: ['date'], name: 'expires'},
      ],
    }
    const {afterCreate, create} = prepareForCreate(needing, {existing: []})
    expect(create.properties!.map(({name}) => name)).toEqual(['expires'])
    expect(afterCreate!.properties!.map(({name}) => name)).toEqual(['b'])
  })

  it.each([
    'class',
    '',
    'a..b',
    '__proto__.polluted',
    'constructor.prototype.polluted',
    'properties.nope.tokenization',
    'properties.9',
    'multiTenancyConfig.enabled.deeper',
  ])('refuses to set %j', (path) => {
    expect(() => prepareForCreate(schema, {overrides: {[path]: 'x'}})).toThrowError(
      expect.objectContaining({code: 'INVALID_INPUT'}),
    )
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  it.each(['lower', '', 'With space', '../Up', 'A'.repeat(300)])('refuses the name %j', (name) => {
    expect(() => prepareForCreate(schema, {name})).toThrowError(expect.objectContaining({code: 'INVALID_INPUT'}))
  })

  it('removes what is set to null, and makes room for what is new', () => {
    const {create} = prepareForCreate(schema, {
      overrides: {'moduleConfig.generative-x.model': 'm', objectTtlConfig: null, 'properties.hash': null},
    })
    expect(create.objectTtlConfig).toBeUndefined()
    expect(create.moduleConfig).toEqual({'generative-x': {model: 'm'}})
    expect(create.properties!.map(({name}) => name)).toEqual(['ref', 'Old'])
  })
})

describe('overrides', () => {
  const schema: WeaviateClass = {
    class: 'Set',
    description: 'text',
    properties: [{dataType: ['text'], indexFilterable: true, name: 'tïtle'}],
    replicationConfig: {factor: 1},
  }

  it('that remove what is not there make nothing', () => {
    const overrides = {'a.b.c': null, 'objectTtlConfig.enabled': null, 'properties.tïtle.x.y': null}
    expect(prepareForCreate(schema, {overrides}).create).toEqual(prepareForCreate(schema).create)
  })

  it('take names that every object has by itself for names like others', () => {
    const overrides = {'moduleConfig.toString.valueOf': 'x', 'properties.tïtle.description': '\u{1F30D}'}
    const {create} = prepareForCreate(schema, {overrides})
    expect(create).toMatchObject({
      moduleConfig: {toString: {valueOf: 'x'}},
      properties: [{description: '\u{1F30D}', name: 'tïtle'}],
    })
  })

  it.each<[string, JsonValue, string]>([
    ['replicationConfig.factor', 'abc', '"replicationConfig.factor" is a number, and cannot be set to "abc".'],
    ['replicationConfig.factor', '3', '"replicationConfig.factor" is a number, and cannot be set to "3".'],
    ['replicationConfig.factor', [3], '"replicationConfig.factor" is a number, and cannot be set to [3].'],
    ['replicationConfig', 5, '"replicationConfig" cannot be set to that: it is an object.'],
    ['replicationConfig', [5], '"replicationConfig" cannot be set to that: it is an object.'],
    ['properties.0.dataType', {}, '"properties.0.dataType" cannot be set to that: it is a list.'],
    ['description', 2024, '"description" is a text, and cannot be set to 2024.'],
    ['properties.0.indexFilterable', 1, '"properties.0.indexFilterable" is true or false, and cannot be set to 1.'],
    ['properties.length', 1, 'The schema has no place for "properties.length".'],
    ['properties.1', {}, 'The schema has no place for "properties.1".'],
    ['a.constructor.b', null, 'The schema has no place for "a.constructor.b".'],
    ['description.x', 1, 'The schema has no place for "description.x".'],
  ])('of %s to %j are refused', (path, value, message) => {
    expect(() => prepareForCreate(schema, {overrides: {[path]: value}})).toThrowError(
      expect.objectContaining({code: 'INVALID_INPUT', message}),
    )
  })
})

describe('compareSchemas', () => {
  const base: WeaviateClass = {
    class: 'Base',
    multiTenancyConfig: {enabled: false},
    properties: [
      {dataType: ['text'], name: 'title', tokenization: 'word'},
      {dataType: ['Base', 'Other'], name: 'ref'},
      {dataType: ['object'], name: 'o', nestedProperties: [{dataType: ['int'], name: 'n'}]},
    ],
    vectorConfig: {
      v: {vectorIndexConfig: {distance: 'cosine', multivector: {enabled: false}}, vectorIndexType: 'hnsw'},
    },
  }
  const [title, ref, object] = base.properties!
  const vector = base.vectorConfig!.v!

  it.each<[string, Partial<WeaviateClass>, string, 'blocking' | 'notice']>([
    ['a missing property', {properties: [title!, ref!]}, 'properties.o', 'blocking'],
    [
      'an added property',
      {properties: [...base.properties!, {dataType: ['int'], name: 'x'}]},
      'properties.x',
      'notice',
    ],
    [
      'another data type',
      {properties: [{...title!, dataType: ['int']}, ref!, object!]},
      'properties.title.dataType',
      'blocking',
    ],
    [
      'a missing target',
      {properties: [title!, {...ref!, dataType: ['Base']}, object!]},
      'properties.ref.dataType',
      'blocking',
    ],
    [
      'one more target',
      {properties: [title!, {...ref!, dataType: ['Base', 'Other', 'X']}, object!]},
      'properties.ref.dataType',
      'notice',
    ],
    [
      'a setting of a property',
      {properties: [{...title!, tokenization: 'field'}, ref!, object!]},
      'properties.title.tokenization',
      'notice',
    ],
    [
      'a missing nested property',
      {properties: [title!, ref!, {...object!, nestedProperties: []}]},
      'properties.o.nestedProperties.n',
      'blocking',
    ],
    [
      'a nested data type',
      {properties: [title!, ref!, {...object!, nestedProperties: [{dataType: ['text'], name: 'n'}]}]},
      'properties.o.nestedProperties.n.dataType',
      'blocking',
    ],
    ['a missing named vector', {vectorConfig: {}}, 'vectorConfig.v', 'blocking'],
    ['no named vectors', {vectorConfig: undefined}, 'vectorConfig', 'blocking'],
    ['an added named vector', {vectorConfig: {v: vector, w: vector}}, 'vectorConfig.w', 'notice'],
    [
      'another distance',
      {vectorConfig: {v: {...vector, vectorIndexConfig: {distance: 'dot', multivector: {enabled: false}}}}},
      'vectorConfig.v.vectorIndexConfig.distance',
      'notice',
    ],
    [
      'a multi vector',
      {vectorConfig: {v: {...vector, vectorIndexConfig: {distance: 'cosine', multivector: {enabled: true}}}}},
      'vectorConfig.v.vectorIndexConfig.multivector.enabled',
      'blocking',
    ],
    ['an unnamed vector more', {vectorIndexType: 'hnsw'}, 'vectorIndexType', 'notice'],
    ['multi-tenancy', {multiTenancyConfig: {enabled: true}}, 'multiTenancyConfig.enabled', 'blocking'],
    ['another name', {class: 'Elsewhere'}, 'class', 'blocking'],
  ])('reports %s', (_what, change, path, severity) => {
    const live = {...base, ...change}
    const found = compareSchemas(base, live).map((difference) => [difference.path, difference.severity])
    expect(found).toContainEqual([path, severity])
    expect(found.filter(([, level]) => level === 'blocking')).toHaveLength(severity === 'blocking' ? 1 : 0)
  })

  it('takes the order of properties, server fields, null and the own name for nothing', () => {
    const other = JSON.parse(JSON.stringify(base).replaceAll('Base', 'Elsewhere')) as WeaviateClass
    other.properties!.reverse()
    Object.assign(other, {description: '', moduleConfig: null})
    Object.assign(other.properties![0]!, {bucketGeneration: 2})
    expect(compareSchemas(base, other, {ignoreName: true})).toEqual([])
    expect(compareSchemas(base, base)).toEqual([])
  })

  it('takes the older string for text', () => {
    const older: WeaviateClass = {class: 'A', properties: [{dataType: ['string[]'], name: 's'}]}
    const newer: WeaviateClass = {class: 'A', properties: [{dataType: ['text[]'], name: 's'}]}
    expect(compareSchemas(older, newer)).toMatchObject([{path: 'properties.s.dataType', severity: 'notice'}])
  })
})

it('what a server shows of the sharding of tenants is not taken over once there are none', () => {
  const shardingConfig = {actualCount: 0, desiredCount: 0, function: '', key: '', strategy: '', virtualPerPhysical: 0}
  const left: WeaviateClass = {class: NAME, shardingConfig, vectorizer: 'none'}
  expect(prepareForCreate(left).create).toEqual({class: NAME, vectorizer: 'none'})
  const overrides = {'shardingConfig.desiredCount': 3}
  expect(prepareForCreate(left, {overrides}).create.shardingConfig).toEqual({desiredCount: 3})
  const tenanted = {...left, multiTenancyConfig: {enabled: true}}
  expect(prepareForCreate(tenanted, {overrides}).create.shardingConfig).toBeUndefined()
})
