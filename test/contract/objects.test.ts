/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access -- answers are read as they come: a wrong shape fails the expectation */
import {setTimeout as sleep} from 'node:timers/promises'
import {beforeAll, describe, expect, it} from 'vitest'

import {floats, messageOf, useTarget, uuid} from './target.js'

const {create, named, target} = useTarget()

async function put(name: string, number: number, more: Record<string, unknown> = {}): Promise<any> {
  const answer = await target.rest('POST', '/objects', {class: name, id: uuid(number), ...more})
  expect(answer.text).toContain(uuid(number))
  expect(answer.status).toBe(200)
  return answer.json as unknown
}

describe('one object over REST', () => {
  let name: string
  beforeAll(async () => {
    name = await create('One', {properties: [{dataType: ['text'], name: 't'}]})
  })

  it('is created once, and read back', async () => {
    const before = Date.now() - 5000
    const created = await put(name, 1, {properties: {t: 'x'}, vector: [0.1, 1e-8, -3]})
    expect(Object.keys(created as object)).toEqual([
      'class',
      'creationTimeUnix',
      'id',
      'lastUpdateTimeUnix',
      'properties',
      'vector',
    ])
    expect(created.creationTimeUnix).toBeGreaterThan(before)
    const read = await target.rest('GET', `/objects/${name}/${uuid(1)}?include=vector`)
    expect(read.json).toEqual({...created, vectorWeights: null})
    expect(read.text).toContain('"vector":[0.1,1e-8,-3]')
    const bare = await target.rest('GET', `/objects/${name}/${uuid(1)}`)
    expect(bare.json).not.toHaveProperty('vector')
    const again = await target.rest('POST', '/objects', {class: name, id: uuid(1)})
    expect({message: messageOf(again), status: again.status}).toEqual({
      message: `id '${uuid(1)}' already exists`,
      status: 422,
    })
  })

  it('gets an id when it has none, and a lower-case one', async () => {
    const {json} = await target.rest('POST', '/objects', {class: name})
    expect(json.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/)
    const upper = await target.rest('POST', '/objects', {class: name, id: uuid(0xab).toUpperCase()})
    expect(upper.json.id).toBe(uuid(0xab))
  })

  it('is found or not', async () => {
    await put(name, 2)
    expect((await target.rest('HEAD', `/objects/${name}/${uuid(2)}`)).status).toBe(204)
    expect((await target.rest('HEAD', `/objects/${name}/${uuid(99)}`)).status).toBe(404)
    expect(await target.rest('GET', `/objects/${name}/${uuid(99)}`)).toMatchObject({status: 404, text: ''})
    expect(await target.rest('GET', `/objects/${named('Nowhere')}/${uuid(1)}`)).toMatchObject({status: 404, text: ''})
    expect(await target.rest('GET', `/objects/${name}/xyz`)).toMatchObject({
      json: {code: 601, message: 'id in path must be of type uuid: "xyz"'},
      status: 422,
    })
  })

  it('is deleted, also when it is not there', async () => {
    await put(name, 3)
    for (let times = 0; times < 2; times++)
      expect(await target.rest('DELETE', `/objects/${name}/${uuid(3)}`)).toMatchObject({status: 204, text: ''})
    expect((await target.rest('GET', `/objects/${name}/${uuid(3)}`)).status).toBe(404)
  })

  it('is replaced by PUT, which keeps its creation time', async () => {
    const created = await put(name, 4, {properties: {t: 'old'}, vector: [1, 2, 3]})
    const body = {class: name, id: uuid(4), properties: {t: 'new'}}
    const replaced = await target.rest('PUT', `/objects/${name}/${uuid(4)}`, body)
    expect(replaced.json).toMatchObject({creationTimeUnix: created.creationTimeUnix, properties: {t: 'new'}})
    const read = await target.rest('GET', `/objects/${name}/${uuid(4)}?include=vector`)
    expect(read.json).not.toHaveProperty('vector')
    expect((await target.rest('PUT', `/objects/${name}/${uuid(99)}`, {...body, id: uuid(99)})).status).toBe(404)
    expect(messageOf(await target.rest('PUT', `/objects/${name}/${uuid(4)}`, {...body, id: uuid(5)}))).toBe(
      "invalid update: field 'id' is immutable",
    )
  })

  it('is patched: null removes, the vector stays, objects are replaced', async () => {
    const properties = {o: {a: 1, b: 2}, t: 'old', u: 'kept'}
    const created = await put(name, 6, {properties, vector: [1, 2, 3]})
    const patch = await target.rest('PATCH', `/objects/${name}/${uuid(6)}`, {
      class: name,
      properties: {o: {b: 3}, t: null},
    })
    expect(patch).toMatchObject({status: 204, text: ''})
    const {json} = await target.rest('GET', `/objects/${name}/${uuid(6)}?include=vector`)
    expect(json).toMatchObject({
      creationTimeUnix: created.creationTimeUnix,
      properties: {o: {b: 3}, u: 'kept'},
      vector: [1, 2, 3],
    })
    expect(json.properties).not.toHaveProperty('t')
    expect((await target.rest('PATCH', `/objects/${name}/${uuid(99)}`, {class: name})).status).toBe(404)
  })

  it('is refused with the reason', async () => {
    const refuse = async (body: unknown) => target.rest('POST', '/objects', body)
    expect((await refuse({class: name, id: 'xyz'})).json).toEqual({
      code: 601,
      message: 'id in body must be of type uuid: "xyz"',
    })
    expect(messageOf(await refuse({properties: {}}))).toBe('invalid object: the given class is empty')
    expect(messageOf(await refuse({class: name, properties: []}))).toBe(
      "invalid object: could not recognize object's properties: []",
    )
    expect(messageOf(await refuse({class: name, id: uuid(9), tenant: 'a'}))).toBe(
      `determine shard: class ${name} has multi-tenancy disabled, but request was with tenant`,
    )
  })
})

describe('vectors', () => {
  it('have the dimensions of the first', async () => {
    const name = await create('Dims')
    await put(name, 1, {vector: [1, 2, 3]})
    const refused = await target.rest('POST', '/objects', {class: name, id: uuid(2), vector: [1, 2]})
    expect(refused.status).toBe(500)
    expect(messageOf(refused)).toMatch(
      new RegExp(
        String.raw`^put object: import into index ${name.toLowerCase()}: put local object: shard="\w+": store object in LSM store: Validate vector index for ${uuid(2)}: new node has a vector with length 2. Existing nodes have vectors with length 3: vector dimensions do not match the index dimensions$`,
      ),
    )
    expect((await target.rest('GET', `/objects/${name}/${uuid(2)}`)).status).toBe(404)
  })

  it('are named, single and multi', async () => {
    const name = await create('Named', {
      vectorConfig: {
        m: {vectorIndexConfig: {multivector: {enabled: true}}, vectorizer: {none: {}}},
        s: {vectorIndexType: 'flat', vectorizer: {none: {}}},
      },
    })
    const multi = [
      [1, 2],
      [3, 4.5],
    ]
    await put(name, 1, {vectors: {m: multi, s: [0.1, 0.2, 0.3]}})
    await put(name, 2, {vectors: {s: [1, 2, 3]}})
    await put(name, 3)
    const {json} = await target.rest('GET', `/objects?class=${name}&include=vector`)
    expect(json.objects.map((object: any) => object.vectors as unknown)).toEqual([
      {m: multi, s: [0.1, 0.2, 0.3]},
      {s: [1, 2, 3]},
      undefined,
    ])
    const refuse = async (body: object) => messageOf(await target.rest('POST', '/objects', {class: name, ...body}))
    expect(await refuse({vectors: {zz: [1]}})).toBe(
      `invalid object: collection ${name} does not have configuration for vector zz`,
    )
    expect(await refuse({vector: [1]})).toBe(
      `invalid object: collection ${name} configuration does not have single vector index`,
    )
    expect(await refuse({id: uuid(9), vectors: {s: [1, 2]}})).toContain(
      `Validate vector index s for target vector ${uuid(9)}: insert called with a vector of the wrong size: 2. Saved length: 3`,
    )
  })

  it('that are no numbers leave REST without an answer', async () => {
    const name = await create('NotFinite')
    const {errors} = await target.grpc('batchObjects', {
      objects: [{collection: name, uuid: uuid(1), vectorBytes: floats(1, NaN, Infinity)}],
    })
    expect(errors).toEqual([])
    expect(await target.rest('GET', `/objects?class=${name}&include=vector`)).toMatchObject({status: 200, text: ''})
    expect(await target.rest('GET', `/objects/${name}/${uuid(1)}?include=vector`)).toMatchObject({
      status: 200,
      text: '',
    })
    expect((await target.rest('GET', `/objects?class=${name}`)).json.objects).toHaveLength(1)
  })
})

describe('listing over REST', () => {
  let name: string
  beforeAll(async () => {
    name = await create('List')
    for (const number of [5, 3, 1, 0xff, 2]) await put(name, number)
  })

  const list = async (query: string) => {
    const {json} = await target.rest('GET', `/objects?class=${name}${query}`)
    return json.objects.map((object: {id: string}) => Number.parseInt(object.id.slice(-12), 16)) as number[]
  }

  it('goes by id, from any id', async () => {
    expect(await list('')).toEqual([1, 2, 3, 5, 0xff])
    expect(await list('&limit=2')).toEqual([1, 2])
    expect(await list('&limit=2&after=')).toEqual([1, 2])
    expect(await list(`&limit=2&after=${uuid(2)}`)).toEqual([3, 5])
    expect(await list(`&limit=9&after=${uuid(4)}`)).toEqual([5, 0xff])
    expect(await list(`&limit=9&after=${uuid(0xff)}`)).toEqual([])
    expect(await list('&limit=2&offset=3')).toEqual([5, 0xff])
    expect(await list('&limit=0')).toEqual([])
  })

  it('gives ten when nobody says how many', async () => {
    const many = await create('Many')
    const objects = Array.from({length: 12}, (_, index) => ({class: many, id: uuid(index + 1)}))
    await target.rest('POST', '/batch/objects', {objects})
    const {json} = await target.rest('GET', `/objects?class=${many}`)
    expect(json.objects).toHaveLength(10)
    expect(json.totalResults).toBe(10)
  })

  it('says what is wrong', async () => {
    const refuse = async (query: string) => target.rest('GET', `/objects?${query}`)
    const tooMany =
      "msg:offset or limit code:400 err:query maximum results exceeded: the total limit calculated from the provided offset '0' and limit '20000' exceeds the configured value for QUERY_MAXIMUM_RESULTS '10000'. If you've supplied a negative offset or limit, this may be an underflow error"
    expect(messageOf(await refuse(`class=${name}&limit=20000`))).toBe(tooMany)
    expect(messageOf(await refuse(`class=${name}&limit=20000&after=${uuid(0)}`))).toBe(tooMany)
    expect(messageOf(await refuse(`class=${name}&offset=1&after=${uuid(0)}`))).toBe(
      "msg:cursor api: invalid 'after' parameter code:400 err:offset cannot be set with after and limit parameters",
    )
    expect(messageOf(await refuse(`class=${name}&after=xyz`))).toBe(
      "msg:cursor api: invalid 'after' parameter code:400 err:after parameter 'xyz' is not a valid uuid: invalid UUID length: 3",
    )
    expect(messageOf(await refuse(`class=${name}&tenant=x`))).toBe(
      `msg:search index ${name.toLowerCase()} code:422 err:class ${name} has multi-tenancy disabled, but request was with tenant`,
    )
    expect((await refuse(`class=${name}&limit=abc`)).json).toEqual({
      code: 601,
      message: 'limit in query must be of type int64: "abc"',
    })
    expect(await refuse(`class=${named('Nowhere')}`)).toMatchObject({status: 404, text: ''})
    expect(messageOf(await refuse(`after=${uuid(0)}`))).toBe(
      'list objects: after parameter not allowed, cursor must be specific to one class, set class query param',
    )
  })
})

describe('batches over REST', () => {
  it('answer for each object', async () => {
    const name = await create('Batch', {properties: [{dataType: ['int'], name: 'i'}]})
    await put(name, 1, {vector: [1, 2]})
    const {json, status} = await target.rest('POST', '/batch/objects', {
      objects: [
        {class: name, id: uuid(1), properties: {i: 1}, vector: [1, 2]},
        {class: name, id: uuid(2), properties: {i: 1.5}},
        {class: name, id: uuid(3), vector: [1]},
        {class: name, id: uuid(4), tenant: 'x'},
      ],
    })
    expect(status).toBe(200)
    expect(json[0]).toMatchObject({class: name, deprecations: null, id: uuid(1), result: {status: 'SUCCESS'}})
    expect(json.map((each: any) => each.result.errors?.error[0].message as unknown)).toEqual([
      undefined,
      `invalid integer property 'i' on class '${name}': the JSON number '1.5' could not be converted to an int`,
      `Validate vector index for ${uuid(3)}: new node has a vector with length 1. Existing nodes have vectors with length 2: vector dimensions do not match the index dimensions`,
      `class ${name} has multi-tenancy disabled, but request was with tenant`,
    ])
    expect(json[1].result.status).toBe('FAILED')
    expect(messageOf(await target.rest('POST', '/batch/objects', {objects: []}))).toBe(
      "invalid param 'objects': cannot be empty, need at least one object for batching",
    )
  })

  it('replace objects whole, the last of an id winning', async () => {
    const name = await create('Replace')
    const write = async (...objects: Array<Record<string, unknown>>) =>
      target.rest('POST', '/batch/objects', {objects: objects.map((each) => ({class: name, id: uuid(1), ...each}))})
    await write({properties: {a: 'x', b: 'y'}, vector: [1, 2]})
    const first = await target.rest('GET', `/objects/${name}/${uuid(1)}`)
    // The server's clock counts milliseconds.
    await sleep(5)
    await write({properties: {a: 'first'}}, {properties: {a: 'last'}})
    const {json} = await target.rest('GET', `/objects/${name}/${uuid(1)}?include=vector`)
    expect(json.properties).toEqual({a: 'last'})
    expect(json).not.toHaveProperty('vector')
    expect(json.creationTimeUnix).toBeGreaterThan(first.json.creationTimeUnix as number)
  })
})

describe('counting', () => {
  it('works over gRPC and GraphQL', async () => {
    const name = await create('Count')
    for (const number of [1, 2, 3]) await put(name, number)
    const reply = await target.grpc('aggregate', {collection: name, objectsCount: true})
    expect(reply.result.value.objectsCount).toBe(3n)
    const graphql = async (query: string) => (await target.rest('POST', '/graphql', {query})).json as unknown
    expect(await graphql(`{ Aggregate { ${name} { meta { count } } } }`)).toEqual({
      data: {Aggregate: {[name]: [{meta: {count: 3}}]}},
    })
    const none = named('CountNone')
    expect(await graphql(`{Aggregate{${none}{meta{count}}}}`)).toMatchObject({
      errors: [
        {message: expect.stringContaining(`Cannot query field "${none}" on type "AggregateObjectsObj".`) as string},
      ],
    })
    expect(await target.grpcFailure('aggregate', {collection: none, objectsCount: true})).toEqual({
      code: 2,
      details: `parse params: could not find class ${none} in schema`,
    })
  })
})

describe('a vectorizer module', () => {
  it('is asked for the vector of an object that has none', async () => {
    const name = await create('Vectorized', {vectorizer: 'text2vec-openai'})
    const refused = await target.rest('POST', '/objects', {class: name, properties: {t: 'x'}})
    expect(refused.status).toBe(500)
    expect(messageOf(refused)).toBe(
      'vectorize target vector : update vector: API Key: no api key found neither in request header: X-Openai-Api-Key nor in environment variable under OPENAI_APIKEY',
    )
    await put(name, 1, {properties: {t: 'x'}, vector: [1]})
  })
})
