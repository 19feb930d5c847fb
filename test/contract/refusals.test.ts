import {describe, expect, it} from 'vitest'

import {floats, useTarget, uuid} from './target.js'

const {create, named, target} = useTarget()
const NONE = {vectorizer: {none: {}}}

describe('an unnamed vector in a class with one named vector', () => {
  it('is that one, however it comes', async () => {
    const name = await create('One', {vectorConfig: {x: NONE}})
    const vectorOf = async (number: number) =>
      ((await target.rest('GET', `/objects/${name}/${uuid(number)}?include=vector`)).json as {vectors: unknown}).vectors
    await target.rest('POST', '/objects', {class: name, id: uuid(1), vector: [1, 2]})
    expect(await vectorOf(1)).toEqual({x: [1, 2]})
    await target.rest('PUT', `/objects/${name}/${uuid(1)}`, {class: name, id: uuid(1), vector: [3, 4]})
    expect(await vectorOf(1)).toEqual({x: [3, 4]})
    await target.rest('PATCH', `/objects/${name}/${uuid(1)}`, {class: name, vector: [5, 6]})
    expect(await vectorOf(1)).toEqual({x: [5, 6]})
    await target.rest('POST', '/batch/objects', {objects: [{class: name, id: uuid(2), vector: [1, 2]}]})
    expect(await vectorOf(2)).toEqual({x: [1, 2]})
    const vectorBytes = floats(7, 8)
    await target.grpc('batchObjects', {objects: [{collection: name, uuid: uuid(3), vectorBytes}]})
    expect(await vectorOf(3)).toEqual({x: [7, 8]})
  })

  it('is refused by one with two', async () => {
    const name = await create('Two', {vectorConfig: {x: NONE, y: NONE}})
    expect((await target.rest('POST', '/objects', {class: name, id: uuid(1), vector: [1, 2]})).status).toBe(422)
  })
})

describe('requests without a body', () => {
  it.each([
    ['POST', '/schema', 'objectClass'],
    ['POST', '/objects', 'body'],
    ['POST', '/batch/objects', 'body'],
    ['DELETE', '/batch/objects', 'body'],
    ['POST', '/batch/references', 'body'],
    ['POST', '/schema/Nope/tenants', 'body'],
    ['DELETE', '/schema/Nope/tenants', 'tenants'],
    ['POST', '/aliases', 'body'],
    ['POST', '/graphql', 'body'],
  ])('%s %s', async (method, path, what) => {
    expect(await target.rest(method, path)).toMatchObject({
      json: {code: 602, message: `${what} in body is required`},
      status: 422,
    })
  })
})

describe('classes that are refused', () => {
  it.each<[object, RegExp]>([
    [{properties: [{dataType: ['text'], name: 'a', tokenization: 'nope'}]}, /tokenization in body should be one of/],
    [{invertedIndexConfig: {stopwords: {preset: 'xx'}}}, /stopwordPreset 'xx' does not exist/],
    [{invertedIndexConfig: {bm25: {b: 2, k1: 1}}}, /BM25\.b must be/],
    [{invertedIndexConfig: {bm25: {b: 0.5, k1: -1}}}, /BM25\.k1 must be/],
    [{vectorIndexConfig: {pq: {enabled: true, encoder: {type: 'xx'}}}}, /invalid encoder type xx/],
    [{vectorIndexConfig: {maxConnections: 1}}, /maxConnections must be a positive integer/],
    [{vectorIndexConfig: {efConstruction: 1}}, /efConstruction must be a positive integer/],
    [{shardingConfig: {desiredCount: 0}}, /TYPE_ADD_CLASS/],
    [{shardingConfig: {desiredCount: -1}}, /desiredCount must not be negative/],
    [{vectorConfig: {'a b': NONE}}, /target vector name/],
    [{properties: [{dataType: ['text', 'int'], name: 'a'}]}, /'text' is not a valid class name/],
    [
      {properties: [{dataType: ['string'], name: 'a', tokenization: 'lowercase'}]},
      /tokenization 'lowercase' is not allowed for data type 'string'/,
    ],
    [
      {properties: [{dataType: ['object'], name: 'a', nestedProperties: [{dataType: ['string'], name: 'b'}]}]},
      /property 'a\.b': data type 'string' is deprecated and not allowed as nested property/,
    ],
    ...['indexFilterable', 'indexSearchable', 'indexRangeFilters'].map((index): [object, RegExp] => [
      {properties: [{dataType: ['text'], indexInverted: true, [index]: false, name: 'a'}]},
      /`indexInverted` is deprecated and can not be set together with/,
    ]),
  ])('%j', async (schema, message) => {
    const {status, text} = await target.rest('POST', '/schema', {class: named('Refused'), ...schema})
    expect(status).toBe(422)
    expect(text.replaceAll(String.raw`\"`, '"')).toMatch(message)
  })

  it.each<[string, (schema: Schema) => void, RegExp]>([
    [
      'efConstruction',
      ({vectorIndexConfig}) => {
        vectorIndexConfig.efConstruction = 64
      },
      /efConstruction is immutable/,
    ],
    [
      'desiredCount',
      ({shardingConfig}) => {
        shardingConfig.desiredCount = 2
      },
      /shard count is immutable/,
    ],
    [
      'indexTimestamps',
      ({invertedIndexConfig}) => {
        invertedIndexConfig.indexTimestamps = true
      },
      /setting is immutable/,
    ],
  ])('when %s changes', async (what, change, message) => {
    const name = await create(`Changed${what}`)
    const schema = (await target.rest('GET', `/schema/${name}`)).json as Schema
    change(schema)
    const {status, text} = await target.rest('PUT', `/schema/${name}`, schema)
    expect(status).toBe(422)
    expect(text).toMatch(message)
  })

  it('take a new strategy of deletion, which shows', async () => {
    const name = await create('Strategy')
    const schema = (await target.rest('GET', `/schema/${name}`)).json as Schema
    schema.replicationConfig.deletionStrategy = 'DeleteOnConflict'
    expect((await target.rest('PUT', `/schema/${name}`, schema)).status).toBe(200)
    const after = (await target.rest('GET', `/schema/${name}`)).json as Schema
    expect(after.replicationConfig.deletionStrategy).toBe('DeleteOnConflict')
  })
})

type Schema = Record<
  'invertedIndexConfig' | 'replicationConfig' | 'shardingConfig' | 'vectorIndexConfig',
  Record<string, unknown>
>

describe('tenants, includes and sorting that are refused', () => {
  it('a tenant twice, and one that is on its way', async () => {
    const name = await create('Tenants', {multiTenancyConfig: {enabled: true}})
    const post = async (body: object) => (await target.rest('POST', `/schema/${name}/tenants`, body)).text
    expect(await post([{name: 'a'}, {name: 'a'}])).toContain('tenant name a existed multiple times')
    expect(await post([{activityStatus: 'FREEZING', name: 'c'}])).toContain("invalid activity status 'FREEZING'")
    expect((await target.rest('GET', `/schema/${name}/tenants`)).json).toEqual([])
  })

  it('unknown words in a query', async () => {
    const name = await create('Words')
    expect(await target.rest('GET', `/objects?class=${name}&include=foo`)).toMatchObject({
      json: {error: [{message: "unrecognized property 'foo' in ?include list"}]},
      status: 400,
    })
    expect((await target.rest('GET', `/objects?class=${name}&sort=nope`)).status).toBe(422)
  })
})

describe('routes', () => {
  it('validate an object, and store none', async () => {
    const name = await create('Validated')
    const validate = async (body: object) => (await target.rest('POST', '/objects/validate', body)).status
    expect(await validate({class: name, id: uuid(1)})).toBe(200)
    expect(await validate({class: name, id: uuid(1), properties: {nope: 1}})).toBe(422)
    expect(await validate({class: name})).toBe(422)
    expect((await target.rest('GET', `/objects/${name}/${uuid(1)}`)).status).toBe(404)
  })

  it('drop an index of a property, and set a shard', async () => {
    const name = await create('Indexes', {properties: [{dataType: ['text'], name: 't'}]})
    expect((await target.rest('DELETE', `/schema/${name}/properties/t/index/searchable`)).status).toBe(200)
    const schema = (await target.rest('GET', `/schema/${name}`)).json as {properties: object[]}
    expect(schema.properties[0]).toMatchObject({indexFilterable: true, indexSearchable: false})
    expect((await target.rest('DELETE', `/schema/${name}/properties/a/index/searchable`)).status).toBe(422)
    const [shard] = (await target.rest('GET', `/schema/${name}/shards`)).json as [{name: string}]
    const set = async (status: string) => target.rest('PUT', `/schema/${name}/shards/${shard.name}`, {status})
    expect((await set('READONLY')).json).toEqual({status: 'READONLY'})
    expect((await target.rest('POST', '/objects', {class: name})).text).toContain('read-only due to: manually set')
    expect((await set('READY')).json).toEqual({status: 'READY'})
    expect((await set('FOO')).status).toBe(500)
    expect((await target.rest('GET', '/cluster/statistics')).json).toMatchObject({synchronized: true})
  })

  it('remove a reference by a beacon without a class', async () => {
    const name = await create('Refs')
    await target.rest('POST', `/schema/${name}/properties`, {dataType: [name], name: 'to'})
    for (const number of [1, 2]) await target.rest('POST', '/objects', {class: name, id: uuid(number)})
    const path = `/objects/${name}/${uuid(1)}/references/to`
    await target.rest('POST', path, {beacon: `weaviate://localhost/${name}/${uuid(2)}`})
    expect((await target.rest('DELETE', path, {beacon: `weaviate://localhost/${uuid(2)}`})).status).toBe(204)
    const {properties} = (await target.rest('GET', `/objects/${name}/${uuid(1)}`)).json as {properties: object}
    expect(properties).toEqual({to: []})
  })
})
