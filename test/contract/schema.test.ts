/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access -- answers are read as they come: a wrong shape fails the expectation */
import {describe, expect, it} from 'vitest'

import {messageOf, useTarget} from './target.js'

const {create, named, target} = useTarget()

const HNSW = {
  bq: {enabled: false},
  cleanupIntervalSeconds: 300,
  distance: 'cosine',
  dynamicEfFactor: 8,
  dynamicEfMax: 500,
  dynamicEfMin: 100,
  ef: -1,
  efConstruction: 128,
  filterStrategy: 'acorn',
  flatSearchCutoff: 40_000,
  maxConnections: 32,
  multivector: {
    aggregation: 'maxSim',
    enabled: false,
    muvera: {dprojections: 16, enabled: false, ksim: 4, repetitions: 10},
  },
  pq: {
    bitCompression: false,
    centroids: 256,
    enabled: false,
    encoder: {distribution: 'log-normal', type: 'kmeans'},
    segments: 0,
    trainingLimit: 100_000,
  },
  rq: {bits: 8, enabled: false, rescoreLimit: 20},
  skip: false,
  skipDefaultQuantization: false,
  sq: {enabled: false, rescoreLimit: 20, trainingLimit: 100_000},
  trackDefaultQuantization: false,
  vectorCacheMaxObjects: 1_000_000_000_000,
}
const FLAT = {
  bq: {cache: false, enabled: false, rescoreLimit: -1},
  distance: 'cosine',
  pq: {cache: false, enabled: false, rescoreLimit: -1},
  rq: {bits: 8, cache: false, enabled: false, rescoreLimit: -1},
  skipDefaultQuantization: false,
  sq: {cache: false, enabled: false, rescoreLimit: -1},
  trackDefaultQuantization: false,
  vectorCacheMaxObjects: 1_000_000_000_000,
}
const SHARDING = {
  actualCount: 1,
  actualVirtualCount: 128,
  desiredCount: 1,
  desiredVirtualCount: 128,
  function: 'murmur3',
  key: '_id',
  strategy: 'hash',
  virtualPerPhysical: 128,
}
const DEFAULTS = {
  invertedIndexConfig: {
    bm25: {b: 0.75, k1: 1.2},
    cleanupIntervalSeconds: 60,
    stopwords: {additions: null, preset: 'en', removals: null},
    usingBlockMaxWAND: true,
  },
  multiTenancyConfig: {autoTenantActivation: false, autoTenantCreation: false, enabled: false},
  replicationConfig: {asyncEnabled: false, deletionStrategy: 'TimeBasedResolution', factor: 1},
  shardingConfig: SHARDING,
}

/** A property as the server shows it. */
function shown(name: string, type: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const isText = type.startsWith('text')
  return {
    dataType: [type],
    indexFilterable: true,
    indexRangeFilters: false,
    indexSearchable: isText,
    name,
    ...(isText && {tokenization: 'word'}),
    ...more,
  }
}

async function schemaOf(name: string): Promise<any> {
  return (await target.rest('GET', `/schema/${name}`)).json as unknown
}

describe('creating a class', () => {
  it('fills in the defaults', async () => {
    const name = await create('Plain')
    expect(await schemaOf(name)).toEqual({
      class: name,
      ...DEFAULTS,
      properties: null,
      vectorIndexConfig: HNSW,
      vectorIndexType: 'hnsw',
      vectorizer: 'none',
    })
  })

  it('shows named vectors instead of the unnamed one', async () => {
    const name = await create('Named', {
      vectorConfig: {
        a: {vectorizer: {none: {}}},
        f: {vectorIndexConfig: {bq: {enabled: true}}, vectorIndexType: 'flat', vectorizer: {none: {}}},
        m: {vectorIndexConfig: {multivector: {enabled: true}}, vectorIndexType: 'hnsw', vectorizer: {none: {}}},
      },
    })
    expect(await schemaOf(name)).toEqual({
      class: name,
      ...DEFAULTS,
      properties: null,
      vectorConfig: {
        a: {vectorIndexConfig: HNSW, vectorIndexType: 'hnsw', vectorizer: {none: {}}},
        f: {
          vectorIndexConfig: {...FLAT, bq: {...FLAT.bq, enabled: true}},
          vectorIndexType: 'flat',
          vectorizer: {none: {}},
        },
        m: {
          vectorIndexConfig: {...HNSW, multivector: {...HNSW.multivector, enabled: true}},
          vectorIndexType: 'hnsw',
          vectorizer: {none: {}},
        },
      },
    })
  })

  it('keeps what is given, drops unknown vector settings', async () => {
    const name = await create('Given', {
      description: 'about',
      invertedIndexConfig: {
        bm25: {b: 0.5, k1: 1.1},
        indexTimestamps: true,
        stopwords: {additions: ['x'], preset: 'none'},
      },
      replicationConfig: {deletionStrategy: 'NoAutomatedResolution'},
      shardingConfig: {desiredCount: 3, virtualPerPhysical: 16},
      vectorIndexConfig: {distance: 'dot', ef: 64, nonsense: 1, pq: {enabled: true, segments: 4}},
    })
    expect(await schemaOf(name)).toEqual({
      class: name,
      ...DEFAULTS,
      description: 'about',
      invertedIndexConfig: {
        ...DEFAULTS.invertedIndexConfig,
        bm25: {b: 0.5, k1: 1.1},
        indexTimestamps: true,
        stopwords: {additions: ['x'], preset: 'none', removals: null},
      },
      properties: null,
      replicationConfig: {...DEFAULTS.replicationConfig, deletionStrategy: 'NoAutomatedResolution'},
      shardingConfig: {
        ...SHARDING,
        actualCount: 3,
        actualVirtualCount: 48,
        desiredCount: 3,
        desiredVirtualCount: 48,
        virtualPerPhysical: 16,
      },
      vectorIndexConfig: {...HNSW, distance: 'dot', ef: 64, pq: {...HNSW.pq, enabled: true, segments: 4}},
      vectorIndexType: 'hnsw',
      vectorizer: 'none',
    })
    const shards = await target.rest('GET', `/schema/${name}/shards`)
    expect(shards.json).toHaveLength(3)
    expect(shards.json[0]).toMatchObject({status: 'READY'})
  })

  it('lists the shards of tenants, of one where it is named, while they are active', async () => {
    const name = await create('TenantShards', {multiTenancyConfig: {enabled: true}})
    const statuses = ['HOT', 'HOT', 'COLD'].map((activityStatus, at) => ({activityStatus, name: `t${at}`}))
    const shardsOf = async (of: string, query = '') => target.rest('GET', `/schema/${of}/shards${query}`)
    const ready = (tenant: string) => ({name: tenant, status: 'READY', vectorQueueSize: 0})
    await target.rest('POST', `/schema/${name}/tenants`, statuses.slice(0, 2))
    expect((await shardsOf(name)).json).toEqual(expect.arrayContaining([ready('t0'), ready('t1')]))
    expect(await shardsOf(name, '?tenant=t1')).toMatchObject({json: [ready('t1')], status: 200})
    expect(await shardsOf(name, '?tenant=none')).toMatchObject({json: [], status: 200})
    expect(await shardsOf(await create('NoTenants'), '?tenant=t1')).toMatchObject({json: [], status: 200})
    await target.rest('POST', `/schema/${name}/tenants`, statuses.slice(2))
    const refused = {
      json: {error: [{message: 'shard t2: status code: 500 body: (local t2 shard not found\n)'}]},
      status: 500,
    }
    expect(await shardsOf(name)).toMatchObject(refused)
    expect(await shardsOf(name, '?tenant=t2')).toMatchObject(refused)
    expect(await shardsOf(name, '?tenant=t0')).toMatchObject({json: [ready('t0')], status: 200})
  })

  it('has no sharding with multi-tenancy', async () => {
    const name = await create('Tenants', {multiTenancyConfig: {enabled: true}, vectorIndexType: 'flat'})
    expect(await schemaOf(name)).toMatchObject({
      multiTenancyConfig: {...DEFAULTS.multiTenancyConfig, enabled: true},
      shardingConfig: {actualCount: 0, desiredCount: 0, function: '', virtualPerPhysical: 0},
      vectorIndexConfig: FLAT,
    })
  })

  it('completes properties by their types', async () => {
    const name = await create('Properties', {
      properties: [
        {dataType: ['text'], name: 'Upper'},
        {dataType: ['string'], name: 's', tokenization: 'word'},
        {dataType: ['string[]'], name: 'sa'},
        {dataType: ['string'], name: 'sf', tokenization: 'field'},
        {dataType: ['int'], description: 'a number', indexFilterable: false, indexRangeFilters: true, name: 'i'},
        {dataType: ['text'], indexInverted: false, name: 'dark'},
        {dataType: ['text'], indexSearchable: false, name: 'f', tokenization: 'field'},
        ...['boolean', 'date', 'uuid', 'geoCoordinates', 'phoneNumber', 'blob', 'number[]'].map((type) => ({
          dataType: [type],
          name: `x_${type.replace('[]', '_list')}`,
        })),
        {
          dataType: ['object'],
          name: 'o',
          nestedProperties: [
            {dataType: ['text'], name: 'Inner'},
            {dataType: ['object[]'], name: 'deep', nestedProperties: [{dataType: ['int'], name: 'y'}]},
          ],
        },
      ],
    })
    const schema = await schemaOf(name)
    expect(schema.properties).toEqual([
      shown('upper', 'text'),
      shown('s', 'text', {tokenization: 'whitespace'}),
      shown('sa', 'text[]', {tokenization: 'whitespace'}),
      shown('sf', 'text', {tokenization: 'field'}),
      shown('i', 'int', {description: 'a number', indexFilterable: false, indexRangeFilters: true}),
      shown('dark', 'text', {indexFilterable: false, indexSearchable: false}),
      shown('f', 'text', {indexSearchable: false, tokenization: 'field'}),
      ...['boolean', 'date', 'uuid', 'geoCoordinates', 'phoneNumber', 'blob', 'number[]'].map((type) =>
        shown(`x_${type.replace('[]', '_list')}`, type),
      ),
      shown('o', 'object', {
        nestedProperties: [shown('Inner', 'text'), shown('deep', 'object[]', {nestedProperties: [shown('y', 'int')]})],
      }),
    ])
  })

  const named3 = {a: {vectorizer: {none: {}}}}
  const nested = (inner: Record<string, unknown>) => [{dataType: ['object'], name: 'A', nestedProperties: [inner]}]
  it.each<[string, Record<string, unknown>, string]>([
    ['a bad name', {class: 'No-Good'}, "'No-Good' is not a valid class name"],
    ['no name', {class: undefined}, "'' is not a valid class name"],
    [
      'named vectors and a vectorizer',
      {vectorConfig: named3, vectorizer: 'none'},
      'creating a class with both a class level vector index and named vectors is forbidden',
    ],
    [
      'named vectors and an index',
      {vectorConfig: named3, vectorIndexConfig: {distance: 'dot'}},
      'creating a class with both a class level vector index and named vectors is forbidden',
    ],
    [
      'sharding and tenants',
      {multiTenancyConfig: {enabled: true}, shardingConfig: {desiredCount: 2}},
      'cannot have both shardingConfig and multiTenancyConfig',
    ],
    [
      'automatic tenants without tenants',
      {multiTenancyConfig: {autoTenantCreation: true}},
      "can't enable autoTenantCreation on a non-multi-tenant class",
    ],
    [
      'an unknown type',
      {properties: [{dataType: ['nosuch'], name: 'a'}]},
      "property 'a': invalid dataType: [nosuch]: unknown primitive data type 'nosuch'",
    ],
    [
      'no type',
      {properties: [{dataType: [], name: 'a'}]},
      "property 'a': invalid dataType: []: dataType must have at least one element",
    ],
    [
      'an unknown target',
      {properties: [{dataType: ['NoSuchClass'], name: 'a'}]},
      'bad request: reference property to nonexistent class',
    ],
    ['a reserved property', {properties: [{dataType: ['text'], name: 'id'}]}, "'id' is a reserved property name"],
    [
      'tokens of an int',
      {properties: [{dataType: ['int'], name: 'a', tokenization: 'word'}]},
      "tokenization is not allowed for data type 'int'",
    ],
    [
      'search in an int',
      {properties: [{dataType: ['int'], indexSearchable: true, name: 'a'}]},
      '`indexSearchable` is allowed only for text/text[] data types. For other data types set false or leave empty',
    ],
    [
      'ranges of text',
      {properties: [{dataType: ['text'], indexRangeFilters: true, name: 'a'}]},
      '`indexRangeFilters` is allowed only for number/int/date data types. For other data types set false or leave empty',
    ],
    [
      'an object of nothing',
      {properties: [{dataType: ['object'], name: 'A'}]},
      "property 'a': At least one nested property is required for data type object/object[]",
    ],
    [
      'a nested place',
      {properties: nested({dataType: ['geoCoordinates'], name: 'g'})},
      "property 'a.g': data type 'geoCoordinates' not allowed as nested property",
    ],
    [
      'a nested reference',
      {properties: nested({dataType: ['Other'], name: 'g'})},
      "property 'a.g': reference data type not allowed",
    ],
    [
      'more replicas than nodes',
      {replicationConfig: {factor: 3}},
      'init sharding state: could not find enough weaviate nodes for replication: 1 available, 3 requested',
    ],
    ['an unknown index', {vectorIndexType: 'what'}, 'unrecognized or unsupported vectorIndexType "what"'],
    [
      'two quantizers',
      {vectorIndexConfig: {bq: {enabled: true}, pq: {enabled: true}}},
      'class.VectorIndexConfig can not parse: parse vector index config: invalid hnsw config: more than a single compression methods enabled',
    ],
    ['an unknown module', {vectorizer: 'nosuch'}, 'vectorizer: no module with name "nosuch" present'],
    [
      'a named vector without vectorizer',
      {vectorConfig: {v: {vectorIndexType: 'hnsw'}}},
      'class.VectorConfig.Vectorizer must be an object, got <nil>',
    ],
  ])('refuses %s', async (_, schema, message) => {
    const answer = await target.rest('POST', '/schema', {class: named('Refused'), ...schema})
    expect({message: answer.json?.error?.[0].message, status: answer.status}).toEqual({message, status: 422})
    expect(answer.json.allowed).toBeNull()
  })

  it('takes a dynamic index where vectors are indexed asynchronously', async ({skip}) => {
    const flat = {bq: {cache: true, enabled: true}}
    const hnsw = {efConstruction: 64, rq: {enabled: true}}
    const answer = await target.rest('POST', '/schema', {
      class: named('Dynamic'),
      vectorIndexConfig: {flat, hnsw, threshold: 50},
      vectorIndexType: 'dynamic',
    })
    if (answer.status === 422) {
      const message = answer.json?.error?.[0].message
      expect(message).toBe('the dynamic index can only be created when async indexing is enabled')
      skip('this server has no asynchronous indexing (ASYNC_INDEXING=true), and refuses it')
    }

    expect(Object.keys(answer.json.vectorIndexConfig as object).toSorted()).toEqual([
      'distance',
      'flat',
      'hnsw',
      'threshold',
    ])
    // Quantizers of both of its parts are kept: a backup records them, a restore sends them again.
    expect(answer).toMatchObject({
      json: {
        vectorIndexConfig: {
          distance: 'cosine',
          flat: {bq: {cache: true, enabled: true, rescoreLimit: -1}, distance: 'cosine', rq: {enabled: false}},
          hnsw: {distance: 'cosine', efConstruction: 64, maxConnections: 32, rq: {bits: 8, enabled: true}},
          threshold: 50,
        },
        vectorIndexType: 'dynamic',
      },
      status: 200,
    })
  })

  it('gives a dynamic index the defaults of its parts, and keeps what of them cannot be changed', async ({skip}) => {
    const schema = {class: named('DynamicParts'), vectorIndexType: 'dynamic'}
    const created = await target.rest('POST', '/schema', schema)
    if (created.status === 422) skip('this server has no asynchronous indexing (ASYNC_INDEXING=true)')
    const {flat, hnsw, ...rest} = created.json.vectorIndexConfig
    expect(rest).toEqual({distance: 'cosine', threshold: 10_000})
    for (const [type, part] of Object.entries({flat, hnsw})) {
      const alone = await target.rest('POST', '/schema', {class: named(`Dynamic${type}`), vectorIndexType: type})
      expect(part).toEqual(alone.json.vectorIndexConfig)
    }

    const update = async (vectorIndexConfig: object): Promise<unknown> => {
      const answer = await target.rest('PUT', `/schema/${schema.class}`, {...schema, vectorIndexConfig})
      return answer.status === 200 ? answer.json.vectorIndexConfig.threshold : messageOf(answer)
    }

    expect(await update({hnsw: {ef: 77}, threshold: 60})).toBe(60)
    const prefix = 'updating schema: TYPE_UPDATE_CLASS: bad request :parse class update: validate vector index config: '
    expect(await update({hnsw: {efConstruction: 64}})).toBe(
      `${prefix}efConstruction is immutable: attempted change from "128" to "64"`,
    )
    expect(await update({flat: {bq: {enabled: true}}})).toBe(
      `${prefix}bq is immutable: attempted change from "false" to "true"`,
    )
    for (const config of [{distance: 'dot'}, {hnsw: {distance: 'dot'}}])
      expect(await update(config)).toBe(`${prefix}distance is immutable: attempted change from "cosine" to "dot"`)
  })

  it.each([
    [{hnsw: {multivector: {enabled: true}}}, 'multi vector index is not supported for dynamic index'],
    [{flat: {pq: {enabled: true}}}, 'PQ is not currently supported for flat indices'],
    [{hnsw: {efConstruction: 1}}, 'invalid hnsw config: efConstruction must be a positive integer with a minimum of 4'],
    [{hnsw: {rq: {bits: 3, enabled: true}}}, 'RQ bits must be 8, 4 or 1'],
    [
      {hnsw: {bq: {enabled: true}, pq: {enabled: true}}},
      'invalid hnsw config: more than a single compression methods enabled',
    ],
  ])('refuses a dynamic index with %j', async (vectorIndexConfig, reason) => {
    const schema = {class: named('DynamicRefused'), vectorIndexConfig, vectorIndexType: 'dynamic'}
    const message = messageOf(await target.rest('POST', '/schema', schema))
    expect([
      `class.VectorIndexConfig can not parse: parse vector index config: ${reason}`,
      // Without ASYNC_INDEXING.
      'the dynamic index can only be created when async indexing is enabled',
    ]).toContain(message)
  })

  it('refuses names that differ only in case, and a name twice', async () => {
    const properties = [
      {dataType: ['text'], name: 'a'},
      {dataType: ['text'], name: 'A'},
    ]
    const name = named('Case')
    expect(messageOf(await target.rest('POST', '/schema', {class: name, properties}))).toBe(
      `class "${name}": conflict for property "a": already in use or provided multiple times`,
    )
    await create('Twice')
    const lower = named('Twice').replace('C', 'c')
    expect(messageOf(await target.rest('POST', '/schema', {class: lower}))).toBe(
      `class name ${named('Twice')} already exists`,
    )
  })
})

describe('finding and dropping a class', () => {
  it('takes a lower-case first letter', async () => {
    const name = await create('Lower')
    expect((await schemaOf(name.replace('C', 'c'))).class).toBe(name)
    const {json} = await target.rest('GET', '/schema')
    expect(json.classes.map((each: {class: string}) => each.class)).toContain(name)
  })

  it('answers 404 for none, and 200 to dropping none', async () => {
    const name = named('None')
    expect(await target.rest('GET', `/schema/${name}`)).toMatchObject({status: 404, text: ''})
    expect(await target.rest('DELETE', `/schema/${name}`)).toMatchObject({status: 200, text: ''})
    expect(await target.rest('GET', `/schema/${name}/shards`)).toMatchObject({
      json: {error: [{message: `cannot get shards status for a non-existing index for ${name}: not found`}]},
      status: 404,
    })
    await create('None')
    expect((await target.rest('DELETE', `/schema/${name}`)).status).toBe(200)
    expect((await target.rest('GET', `/schema/${name}`)).status).toBe(404)
  })
})

describe('changing a class', () => {
  it('adds a property, once', async () => {
    const name = await create('Add')
    const property = {dataType: ['text'], description: 'new', name: 'added'}
    const answer = await target.rest('POST', `/schema/${name}/properties`, property)
    expect(answer.json).toEqual(shown('added', 'text', {description: 'new'}))
    expect((await schemaOf(name)).properties).toEqual([shown('added', 'text', {description: 'new'})])
    expect(messageOf(await target.rest('POST', `/schema/${name}/properties`, property))).toBe(
      `class "${name}": conflict for property "added": already in use or provided multiple times`,
    )
    const none = named('AddNone')
    expect(messageOf(await target.rest('POST', `/schema/${none}/properties`, property))).toBe(
      `class "${none}": not found`,
    )
  })

  it('adds named vectors to an unnamed one', async () => {
    const name = await create('Mixed', {vectorIndexType: 'flat'})
    const schema = await schemaOf(name)
    const vectorConfig = {late: {vectorIndexType: 'hnsw', vectorizer: {none: {}}}}
    const {status} = await target.rest('PUT', `/schema/${name}`, {...schema, vectorConfig})
    expect(status).toBe(200)
    expect(await schemaOf(name)).toEqual({
      ...schema,
      vectorConfig: {late: {vectorIndexConfig: HNSW, vectorIndexType: 'hnsw', vectorizer: {none: {}}}},
    })
  })

  it('changes descriptions and the inverted index', async () => {
    const name = await create('Change', {description: 'old', properties: [{dataType: ['text'], name: 't'}]})
    const schema = await schemaOf(name)
    schema.description = 'new'
    schema.properties[0].description = 'of t'
    schema.invertedIndexConfig.bm25.k1 = 1.5
    expect((await target.rest('PUT', `/schema/${name}`, schema)).status).toBe(200)
    expect(await schemaOf(name)).toEqual(schema)
  })

  const immutable = 'updating schema: TYPE_UPDATE_CLASS: bad request :parse class update: '
  const useAddProperty =
    'property fields other than description cannot be updated through updating the class. Use the add property feature (e.g. "POST /v1/schema/{className}/properties") to add additional properties'
  it.each<[string, (schema: any) => void, string]>([
    [
      'another distance',
      (schema) => {
        schema.vectorIndexConfig.distance = 'dot'
      },
      `${immutable}validate vector index config: distance is immutable: attempted change from "cosine" to "dot"`,
    ],
    [
      'another index',
      (schema) => {
        schema.vectorIndexType = 'hnsw'
      },
      `${immutable}vector index type is immutable: attempted change from "flat" to "hnsw"`,
    ],
    [
      'another vectorizer',
      (schema) => {
        schema.vectorizer = 'text2vec-openai'
      },
      `${immutable}vectorizer is immutable: attempted change from "none" to "text2vec-openai"`,
    ],
    [
      'a new property',
      (schema) => {
        schema.properties = [...schema.properties, {dataType: ['text'], name: 'x'}]
      },
      `${immutable}${useAddProperty}`,
    ],
    [
      'another tokenization',
      (schema) => {
        schema.properties[0].tokenization = 'field'
      },
      `${immutable}property "t": ${useAddProperty}`,
    ],
  ])('refuses %s', async (what, change, message) => {
    const name = await create(`Immutable${what.replaceAll(' ', '')}`, {
      properties: [{dataType: ['text'], name: 't'}],
      vectorIndexType: 'flat',
    })
    const schema = await schemaOf(name)
    change(schema)
    const answer = await target.rest('PUT', `/schema/${name}`, schema)
    expect({message: answer.json?.error?.[0].message, status: answer.status}).toEqual({message, status: 422})
  })

  it('refuses another name, and a class that is not there', async () => {
    const name = await create('Rename')
    const answer = await target.rest('PUT', `/schema/${name}`, {...(await schemaOf(name)), class: 'Other'})
    expect(messageOf(answer)).toBe(`class name is immutable: attempted change from "${name}" to "Other"`)
    const none = named('PutNone')
    expect(await target.rest('PUT', `/schema/${none}`, {class: none})).toMatchObject({status: 404, text: ''})
  })
})
