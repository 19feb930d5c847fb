/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return -- answers are read as they come: a wrong shape fails the expectation */

import {Client, credentials} from '@grpc/grpc-js'
import {Buffer} from 'node:buffer'
import {afterEach, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, type EmbeddedWeaviateOptions, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {upperFirst} from '../../src/testing/store.js'
import {
  AggregateRequest,
  BatchDeleteRequest,
  BatchObjectsRequest,
  BatchReferencesRequest,
  SearchRequest,
} from '../../src/weaviate/proto/generated/weaviate.js'
import {EVERYTHING, floats, idsOf, uuid} from '../contract/target.js'
import {rawClient, rest} from './raw.js'

/** A server's circumstances: replicas, limits, age, pages that are not as they should be. */
const cleanups: Array<() => Promise<void> | void> = []
afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
  cleanups.length = 0
})

async function start(options?: EmbeddedWeaviateOptions): Promise<EmbeddedWeaviate & {grpcUrl: string}> {
  const server = await startEmbeddedWeaviate(options)
  cleanups.push(server.close)
  return {...server, grpcUrl: server.grpcUrl!}
}

function client(grpcUrl: string): ReturnType<typeof rawClient> {
  const raw = rawClient(grpcUrl)
  cleanups.push(raw.close)
  return raw
}

const objects = (...numbers: number[]) => ({
  objects: numbers.map((number) => ({collection: 'A', uuid: uuid(number)})),
})

async function listed(grpcUrl: string, request: object = {}): Promise<string[]> {
  const wanted = {collection: 'A', limit: 100, metadata: {uuid: true, vectors: []}, ...request}
  return idsOf(await client(grpcUrl).call('search', SearchRequest, wanted))
}

const listedRest = async (url: string): Promise<string[]> =>
  ((await rest(url, 'GET', '/objects?class=A')).json.objects as Array<{id: string}>).map(({id}) => id)
const uuids = (...numbers: number[]): string[] => numbers.map((number) => uuid(number))
const countOf = async (grpcUrl: string): Promise<bigint> =>
  (await client(grpcUrl).call('aggregate', AggregateRequest, {collection: 'A', objectsCount: true})).result.value
    .objectsCount as bigint

describe('replicas', () => {
  const replicas = [
    {misses: ({id}: {id: string}) => id === uuid(2), name: 'a'},
    {keeps: ({id}: {id: string}) => id === uuid(3), name: 'b'},
    {name: 'c'},
  ]

  it('miss what was written, and keep what was deleted, while they were away', async () => {
    const {grpcUrl, nodes, url} = await start({replicas})
    await rest(url, 'POST', '/schema', {class: 'A', replicationConfig: {factor: 3}})
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(1, 2, 3, 4))
    await rest(url, 'DELETE', `/objects/A/${uuid(3)}`)
    expect(nodes.map(({name}) => name)).toEqual(['a', 'b', 'c'])
    expect(nodes[0]!.url).toBe(url)
    const expected = [uuids(1, 4), uuids(1, 2, 3, 4), uuids(1, 2, 4)]
    for (const [index, node] of nodes.entries()) {
      expect(await listed(node.grpcUrl!)).toEqual(expected[index])
      expect(await listedRest(node.url)).toEqual(expected[index])
      expect(await countOf(node.grpcUrl!)).toBe(3n)
    }

    expect(await listed(nodes[1]!.grpcUrl!, {after: uuid(2)})).toEqual(uuids(3, 4))
    const {json} = await rest(url, 'GET', '/nodes?output=verbose')
    expect(json.nodes.map((node: any) => [node.name, node.shards[0].replicationFactor])).toEqual([
      ['a', 3],
      ['b', 3],
      ['c', 3],
    ])
  })

  it('are read by name without a repair, and repaired by a read of all', async () => {
    const {grpcUrl, url} = await start({replicas})
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(1, 2))
    const read = async (query: string) => (await rest(url, 'GET', `/objects/A/${uuid(2)}${query}`)).status
    expect(await read('?node_name=a')).toBe(404)
    expect(await read('?consistency_level=ONE')).toBe(404)
    expect(await read('?node_name=c')).toBe(200)
    expect(await read('?node_name=d')).toBe(500)
    expect(await listed(grpcUrl)).toEqual(uuids(1))
    expect(await read('')).toBe(200)
    expect(await listed(grpcUrl)).toEqual(uuids(1, 2))
  })

  it('take turns behind a load balancer', async () => {
    const {grpcUrl} = await start({loadBalanced: true, replicas: replicas.slice(0, 2)})
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(1, 2))
    expect(await listed(grpcUrl)).toEqual(uuids(1))
    expect(await listed(grpcUrl)).toEqual(uuids(1, 2))
    expect(await listed(grpcUrl)).toEqual(uuids(1))
  })
})

describe('what is expired', () => {
  it('is hidden by gRPC only, and makes its pages shorter', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z')
    const {grpcUrl, url} = await start({now: () => now})
    const objectTtlConfig = {
      defaultTtl: 60,
      deleteOn: '_creationTimeUnix',
      enabled: true,
      filterExpiredObjects: true,
    }
    await rest(url, 'POST', '/schema', {class: 'A', objectTtlConfig})
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(1, 2))
    now += 30_000
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(3))
    expect(await listed(grpcUrl)).toEqual(uuids(1, 2, 3))
    now += 30_000
    expect(await listed(grpcUrl, {limit: 2})).toEqual([])
    expect(await listed(grpcUrl)).toEqual(uuids(3))
    expect(await listedRest(url)).toEqual(uuids(1, 2, 3))
    expect(await countOf(grpcUrl)).toBe(3n)
  })
})

describe('limits', () => {
  it('of collections are answered as by the real server', async () => {
    const {grpcUrl, url} = await start({maximumCollections: 1})
    expect((await rest(url, 'POST', '/schema', {class: 'A'})).status).toBe(200)
    expect(await rest(url, 'POST', '/schema', {class: 'B'})).toMatchObject({
      json: {
        errorCode: 'USAGE_LIMIT_EXCEEDED',
        limit: 'collections',
        message: 'collections count limit of 1 reached for this instance.',
        value: 1,
      },
      status: 429,
    })
    const {errors} = await client(grpcUrl).call('batchObjects', BatchObjectsRequest, {
      objects: [{collection: 'B', uuid: uuid(1)}],
    })
    expect(errors).toHaveLength(1)
    expect((await rest(url, 'GET', '/schema')).json.classes).toHaveLength(1)
  })

  it('of a proxy are not told by meta', async () => {
    const {grpcUrl, url} = await start({proxyMessageBytes: 1000})
    expect((await rest(url, 'GET', '/meta')).json.grpcMaxMessageSize).toBe(104_858_000)
    await rest(url, 'POST', '/objects', {class: 'A', id: uuid(1), properties: {t: 'x'.repeat(2000)}})
    const properties = {nonRefProperties: [], objectProperties: [], refProperties: []}
    expect(await listed(grpcUrl, {properties})).toEqual(uuids(1))
    await expect(client(grpcUrl).call('search', SearchRequest, {collection: 'A'})).rejects.toMatchObject({code: 8})
    const vectorBytes = floats(...Array.from({length: 500}, () => 1))
    await expect(
      client(grpcUrl).call('batchObjects', BatchObjectsRequest, {
        objects: [{collection: 'A', uuid: uuid(2), vectorBytes}],
      }),
    ).rejects.toMatchObject({code: 8})
  })
})

describe('shards', () => {
  it('that are set read-only refuse every write', async () => {
    const {grpcUrl, url} = await start()
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(1))
    const shard = (await rest(url, 'GET', '/schema/A/shards')).json[0].name as string
    expect((await rest(url, 'PUT', `/schema/A/shards/${shard}`, {status: 'READONLY'})).json).toEqual({
      status: 'READONLY',
    })
    expect((await rest(url, 'GET', '/schema/A/shards')).json[0].status).toBe('READONLY')
    const {errors} = await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(2))
    expect(errors).toEqual([{error: 'store is read-only due to: manually set by user', index: 0}])
    const deleted = await client(grpcUrl).call('batchDelete', BatchDeleteRequest, {
      collection: 'A',
      filters: EVERYTHING,
    })
    expect(deleted).toMatchObject({failed: 1n, matches: 0n, successful: 0n})
    expect((await rest(url, 'DELETE', `/objects/A/${uuid(1)}`)).status).toBe(500)
    await rest(url, 'PUT', `/schema/A/shards/${shard}`, {status: 'READY'})
    expect((await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(2))).errors).toEqual([])
  })

  it('become read-only while they are written, and are named anew with each creation', async () => {
    let isFull = false
    const {grpcUrl, url} = await start({isReadOnly: ({collection}) => isFull && collection === 'A'})
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(1))
    isFull = true
    const {errors} = await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(2))
    expect(errors[0].error).toMatch(/^store is read-only due to: disk usage too high/)
    const [before] = (await rest(url, 'GET', '/schema/A/shards')).json
    expect(before.status).toBe('READONLY')
    await rest(url, 'DELETE', '/schema/A')
    await rest(url, 'POST', '/schema', {class: 'A'})
    expect((await rest(url, 'GET', '/schema/A/shards')).json[0].name).not.toBe(before.name)
  })

  it('refuse dynamic indexes where vectors are not indexed asynchronously, before all else that is wrong', async () => {
    const {url} = await start()
    const message = 'the dynamic index can only be created when async indexing is enabled'
    const dynamic = {vectorIndexConfig: {distance: 'nope'}, vectorIndexType: 'dynamic'}
    const refused = async (method: string, path: string, body: object) => {
      const {json, status} = await rest(url, method, path, body)
      expect(status).toBe(422)
      return json.error[0].message
    }

    expect(await refused('POST', '/schema', {class: 'A', ...dynamic, vectorizer: 'nope'})).toBe(message)
    const none = {vectorizer: {none: {}}}
    const vectorConfig = {x: none, y: {...none, ...dynamic}}
    expect(await refused('POST', '/schema', {class: 'A', vectorConfig})).toBe(`target vector "y": ${message}`)
    await rest(url, 'POST', '/schema', {class: 'A', vectorConfig: {x: none}})
    expect(await refused('PUT', '/schema/A', {class: 'A', vectorConfig})).toBe(`target vector "y": ${message}`)
  })

  it('lose a vector whose index is dropped', async () => {
    const none = {vectorizer: {none: {}}}
    const {url} = await start({droppedVectorMs: 30})
    await rest(url, 'POST', '/schema', {class: 'A', vectorConfig: {x: none, y: none}})
    await rest(url, 'POST', '/objects', {class: 'A', id: uuid(1), vectors: {x: [1], y: [2]}})
    expect((await rest(url, 'DELETE', '/schema/A/vectors/x/index')).status).toBe(200)
    const schema = async () => (await rest(url, 'GET', '/schema/A')).json.vectorConfig
    expect((await schema()).x).toEqual({vectorIndexType: 'none', vectorizer: {none: {}}})
    await expect.poll(async () => Object.keys(await schema())).toEqual(['y'])
    expect((await rest(url, 'GET', `/objects/A/${uuid(1)}?include=vector`)).json.vectors).toEqual({y: [2]})
    const refused = await rest(url, 'POST', '/schema', {
      class: 'B',
      vectorConfig: {x: {vectorIndexType: 'none', vectorizer: {none: {}}}},
    })
    expect(refused.status).toBe(422)
  })
})

describe('older versions', () => {
  async function rawReply(grpcUrl: string, request: object): Promise<Buffer> {
    const raw = new Client(grpcUrl, credentials.createInsecure())
    cleanups.push(() => {
      raw.close()
    })
    return new Promise((resolve, reject) => {
      raw.makeUnaryRequest<unknown, Buffer>(
        '/weaviate.v1.Weaviate/Search',
        (value) => Buffer.from(SearchRequest.encode(SearchRequest.create(value as object)).finish()),
        (bytes) => bytes,
        request,
        (error, reply) => {
          if (error) reject(error)
          else resolve(reply!)
        },
      )
    })
  }

  it('before 1.25 tell texts and lists in fields of their own', async () => {
    // Field and length of a text "hello", and of a list of the values "a" and "b", as read off a 1.24.26.
    const text = Buffer.from([0x12, 7, 0x12, 5, ...Buffer.from('hello')])
    const list = Buffer.from([0x12, 12, 0x2a, 10, 0x0a, 3, 0x12, 1, 0x61, 0x0a, 3, 0x12, 1, 0x62])
    for (const [version, isOld] of [
      ['1.24.26', true],
      ['1.25.0', false],
    ] as const) {
      const {grpcUrl, url} = await start({version})
      await rest(url, 'POST', '/objects', {class: 'A', id: uuid(1), properties: {t: 'hello', ts: ['a', 'b']}})
      const reply = await rawReply(grpcUrl, {collection: 'A', limit: 1})
      expect([reply.includes(text), reply.includes(list)]).toEqual([isOld, isOld])
    }
  })

  it.each([
    ['1.24.26', {aggregate: false, aliases: 404, references: false, tenant: 404}],
    ['1.27.27', {aggregate: false, aliases: 404, references: false, tenant: 405}],
    ['1.30.23', {aggregate: true, aliases: 404, references: false, tenant: 200}],
    ['1.33.0', {aggregate: true, aliases: 200, references: true, tenant: 200}],
  ])('%s lacks what came later', async (version, has) => {
    const {grpcUrl, url} = await start({version})
    await rest(url, 'POST', '/schema', {class: 'A', multiTenancyConfig: {enabled: true}})
    await rest(url, 'POST', '/schema/A/tenants', [{name: 't'}])
    const raw = client(grpcUrl)
    const isThere = async (call: string, type: {create: (value: any) => unknown}, request: object) =>
      raw
        .call(call, type, request)
        .then(() => true)
        .catch((error: unknown) => {
          expect(error).toMatchObject({
            code: 12,
            details: `unknown method ${upperFirst(call)} for service weaviate.v1.Weaviate`,
          })
          return false
        })
    const references = [{fromCollection: 'A', fromUuid: uuid(1), name: 'r', tenant: 't', toUuid: uuid(1)}]
    expect({
      aggregate: await isThere('aggregate', AggregateRequest, {collection: 'A', tenant: 't'}),
      aliases: (await rest(url, 'GET', '/aliases')).status,
      references: await isThere('batchReferences', BatchReferencesRequest, {references}),
      tenant: (await rest(url, 'GET', '/schema/A/tenants/t')).status,
    }).toEqual(has)
  })
})

describe('answers', () => {
  it('are short, repeated or out of order when told to be', async () => {
    const seen: object[] = []
    let change: (ids: readonly string[]) => readonly string[] = (ids) => ids
    const {grpcUrl, url} = await start({
      page({ids, ...about}) {
        seen.push(about)
        return change(ids)
      },
    })
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(1, 2, 3))
    change = (ids) => ids.slice(0, 2)
    expect(await listed(grpcUrl)).toEqual(uuids(1, 2))
    change = (ids) => [...ids, ids[0]!]
    expect(await listed(grpcUrl)).toEqual(uuids(1, 2, 3, 1))
    change = (ids) => ids.toReversed()
    expect(await listedRest(url)).toEqual(uuids(3, 2, 1))
    change = () => uuids(1)
    expect(await listed(grpcUrl, {after: uuid(2), limit: 7})).toEqual(uuids(1))
    expect(seen.at(-1)).toEqual({
      after: uuid(2),
      collection: 'A',
      limit: 7,
      node: 'node1',
      tenant: '',
      transport: 'grpc',
    })
  })

  it('count what they are told to', async () => {
    const {grpcUrl, url} = await start({count: (count) => count + 5})
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, objects(1, 2))
    expect(await countOf(grpcUrl)).toBe(7n)
    const {json} = await rest(url, 'POST', '/graphql', {query: '{Aggregate{A{meta{count}}}}'})
    expect(json.data.Aggregate.A[0].meta.count).toBe(7)
  })

  it('take their time', async () => {
    const {url} = await start({latency: 50})
    const started = performance.now()
    await rest(url, 'GET', '/meta')
    expect(performance.now() - started).toBeGreaterThan(45)
  })
})
