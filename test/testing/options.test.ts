/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access -- answers are read as they come: a wrong shape fails the expectation */

import {afterEach, describe, expect, it} from 'vitest'
import weaviate from 'weaviate-client'

import {
  type EmbeddedWeaviate,
  type EmbeddedWeaviateOptions,
  type RequestInfo,
  startEmbeddedWeaviate,
} from '../../src/testing/index.js'
import {
  BatchDeleteRequest,
  BatchObjectsRequest,
  BatchReferencesRequest,
  SearchRequest,
} from '../../src/weaviate/proto/generated/weaviate.js'
import {EVERYTHING, floats, uuid} from '../contract/target.js'
import {rawClient, rest} from './raw.js'
import {startServerProcess} from './server-process.js'

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

function client(grpcUrl: string, key?: string): ReturnType<typeof rawClient> {
  const raw = rawClient(grpcUrl, key)
  cleanups.push(raw.close)
  return raw
}

const oneObject = (name = 'A') => ({objects: [{collection: name, uuid: uuid(1)}]})

describe('API keys', () => {
  it('let nobody in without one, as the real server says it', async () => {
    const {grpcUrl, url} = await start({apiKeys: ['secret'], readOnlyApiKeys: ['reader']})
    expect(await rest(url, 'GET', '/meta')).toMatchObject({
      json: {
        code: 401,
        message: 'anonymous access not enabled. Please authenticate through one of the available methods: [API-keys]',
      },
      status: 401,
    })
    expect(await rest(url, 'GET', '/schema', undefined, 'wrong')).toMatchObject({
      json: {code: 401, message: 'unauthorized: invalid api key'},
      status: 401,
    })
    expect((await rest(url, 'GET', '/.well-known/ready')).status).toBe(200)
    expect((await rest(url, 'GET', '/meta', undefined, 'secret')).status).toBe(200)
    for (const key of [undefined, 'wrong'])
      await expect(client(grpcUrl, key).call('search', SearchRequest, {collection: 'A'})).rejects.toMatchObject({
        code: 2,
        details: 'extract auth: unauthorized: invalid api key',
      })
  })

  it('of readers let them read, and not write', async () => {
    const {grpcUrl, url} = await start({apiKeys: ['secret'], readOnlyApiKeys: ['reader']})
    await rest(url, 'POST', '/schema', {class: 'A'}, 'secret')
    const writer = client(grpcUrl, 'secret')
    expect((await writer.call('batchObjects', BatchObjectsRequest, oneObject())).errors).toEqual([])
    expect((await rest(url, 'GET', '/objects?class=A', undefined, 'reader')).json.objects).toHaveLength(1)
    for (const [method, path, body] of [
      ['POST', '/schema', {class: 'B'}],
      ['POST', '/batch/objects', {objects: [{class: 'A'}]}],
      ['DELETE', '/schema/A', undefined],
      ['PUT', '/schema/A', {class: 'A'}],
    ] as const) {
      const {json, status} = await rest(url, method, path, body, 'reader')
      expect(status).toBe(403)
      expect(json.error[0].message).toMatch(
        /^adminlist: authorization, forbidden action: user 'read-only' has insufficient permissions to [CDU] \[/,
      )
    }

    const reader = client(grpcUrl, 'reader')
    expect((await reader.call('search', SearchRequest, {collection: 'A', limit: 1})).results).toHaveLength(1)
    const {errors} = await reader.call('batchObjects', BatchObjectsRequest, oneObject())
    expect(errors[0].error).toContain('insufficient permissions to U [data/collections/A/shards/*/objects/*]')
    await expect(
      reader.call('batchDelete', BatchDeleteRequest, {collection: 'A', filters: EVERYTHING}),
    ).rejects.toMatchObject({code: 7})
    const references = [{fromCollection: 'A', fromUuid: uuid(1), name: 'r', toUuid: uuid(1)}]
    await expect(reader.call('batchReferences', BatchReferencesRequest, {references})).rejects.toMatchObject({code: 7})
  })

  it('work with the official client', async () => {
    const {grpcPort, port} = await start({apiKeys: ['secret']})
    const options = {grpcHost: '127.0.0.1', grpcPort, httpHost: '127.0.0.1', httpPort: port}
    const allowed = await weaviate.connectToCustom({...options, authCredentials: new weaviate.ApiKey('secret')})
    await allowed.collections.createFromSchema({class: 'A'})
    const {hasErrors} = await allowed.collections.use('A').data.insertMany([{id: uuid(1), properties: {t: 'x'}}])
    expect(hasErrors).toBe(false)
    await allowed.close()
    await expect(weaviate.connectToCustom(options)).rejects.toThrow('401')
  })
})

describe('limits', () => {
  it('of a query bound listings and deletes', async () => {
    const {grpcUrl, url} = await start({queryMaximumResults: 5})
    const raw = client(grpcUrl)
    const objects = Array.from({length: 7}, (_, index) => ({collection: 'A', uuid: uuid(index + 1)}))
    await raw.call('batchObjects', BatchObjectsRequest, {objects})
    await expect(raw.call('search', SearchRequest, {collection: 'A', limit: 6})).rejects.toMatchObject({
      details: expect.stringContaining("QUERY_MAXIMUM_RESULTS '5'") as string,
    })
    // Where none is named, the default is no exception.
    await expect(raw.call('search', SearchRequest, {collection: 'A'})).rejects.toMatchObject({
      details: expect.stringContaining("limit '10' exceeds") as string,
    })
    expect((await rest(url, 'GET', '/objects?class=A&limit=6')).status).toBe(422)
    const first = await raw.call('batchDelete', BatchDeleteRequest, {collection: 'A', filters: EVERYTHING})
    expect(first).toMatchObject({matches: 7n, successful: 5n})
    const where = {operator: 'Like', path: ['id'], valueText: '*'}
    const second = await rest(url, 'DELETE', '/batch/objects', {match: {class: 'A', where}})
    expect(second.json.results).toMatchObject({limit: 5, matches: 2, successful: 2})
  })

  it('of a message bound both ways', async () => {
    const {grpcUrl, url} = await start({maxMessageBytes: 100_000})
    expect((await rest(url, 'GET', '/meta')).json.grpcMaxMessageSize).toBe(100_000)
    const raw = client(grpcUrl)
    const object = (number: number, length: number) => ({
      collection: 'A',
      properties: {nonRefProperties: {t: 'x'.repeat(length)}},
      uuid: uuid(number),
    })
    await expect(raw.call('batchObjects', BatchObjectsRequest, {objects: [object(1, 200_000)]})).rejects.toMatchObject({
      code: 8,
    })
    for (const number of [1, 2])
      await raw.call('batchObjects', BatchObjectsRequest, {objects: [object(number, 80_000)]})
    await expect(raw.call('search', SearchRequest, {collection: 'A', limit: 2})).rejects.toMatchObject({
      code: 8,
      details: expect.stringMatching(
        /^grpc: trying to send message larger than max \(16\d{4} vs\. 100000\)$/,
      ) as string,
    })
    expect((await raw.call('search', SearchRequest, {collection: 'A', limit: 1})).results).toHaveLength(1)
  })
})

describe('options', () => {
  it('switch gRPC off, and name the version', async () => {
    const server = await start({grpc: false, version: '1.30.1'})
    expect(server.grpcUrl).toBeUndefined()
    expect((await rest(server.url, 'GET', '/meta')).json.version).toBe('1.30.1')
  })

  it('switch auto-schema off', async () => {
    const {grpcUrl, url} = await start({autoSchema: false})
    const raw = client(grpcUrl)
    expect((await raw.call('batchObjects', BatchObjectsRequest, oneObject())).errors[0].error).toBe(
      "class 'A' not present in schema",
    )
    await rest(url, 'POST', '/schema', {class: 'A'})
    const answer = await rest(url, 'POST', '/objects', {class: 'A', properties: {t: 'x'}})
    expect(answer.json.error[0].message).toContain("no such prop with name 't' found in class 'A'")
  })

  it('offload tenants, in their time', async () => {
    const {url} = await start()
    await rest(url, 'POST', '/schema', {class: 'A', multiTenancyConfig: {enabled: true}})
    await rest(url, 'POST', '/schema/A/tenants', [{name: 't'}])
    await rest(url, 'POST', '/objects', {class: 'A', id: uuid(1), tenant: 't'})
    const status = async () => (await rest(url, 'GET', '/schema/A/tenants/t')).json.activityStatus as string
    /** What it is at first: on a busy machine it is something else once that can be asked. */
    const turn = async (activityStatus: string) =>
      (await rest(url, 'PUT', '/schema/A/tenants', [{activityStatus, name: 't'}])).json[0].activityStatus as string
    expect(await turn('OFFLOADED')).toBe('FREEZING')
    await expect.poll(status).toBe('FROZEN')
    const read = async () => rest(url, 'GET', '/objects?class=A&tenant=t')
    expect((await read()).json.error[0].message).toContain("tenant not active: 't'")
    expect(await turn('ACTIVE')).toBe('UNFREEZING')
    await expect.poll(status).toBe('HOT')
    expect((await read()).json.objects).toHaveLength(1)
  })

  it('vectorize what has no vector', async () => {
    const {url} = await start({vectorize: ({t}) => [(t as string).length, 1]})
    await rest(url, 'POST', '/schema', {class: 'A', vectorizer: 'text2vec-openai'})
    await rest(url, 'POST', '/objects', {class: 'A', id: uuid(1), properties: {t: 'four'}})
    await rest(url, 'POST', '/objects', {class: 'A', id: uuid(2), properties: {t: 'four'}, vector: [9, 9]})
    const {json} = await rest(url, 'GET', '/objects?class=A&include=vector')
    expect(json.objects.map((object: any) => object.vector as unknown)).toEqual([
      [4, 1],
      [9, 9],
    ])
  })

  it('refuse searches that are more than a listing', async () => {
    const {grpcPort, port} = await start()
    const official = await weaviate.connectToCustom({
      grpcHost: '127.0.0.1',
      grpcPort,
      httpHost: '127.0.0.1',
      httpPort: port,
    })
    await official.collections.createFromSchema({class: 'A'})
    await expect(official.collections.use('A').query.nearVector([1])).rejects.toThrow('lists, filters and aggregates')
    await official.close()
  })
})

describe('faults', () => {
  it('see each request', async () => {
    const seen: RequestInfo[] = []
    const {grpcUrl, url} = await start({
      onRequest(request) {
        seen.push(request)
      },
    })
    await rest(url, 'GET', '/objects?class=A')
    await client(grpcUrl).call('batchObjects', BatchObjectsRequest, oneObject())
    expect(seen).toEqual([
      {method: 'GET', ordinal: 1, path: '/v1/objects?class=A', transport: 'rest'},
      {method: 'BatchObjects', ordinal: 2, path: '/weaviate.v1.Weaviate/BatchObjects', transport: 'grpc'},
    ])
  })

  it('refuse requests, and nothing is done', async () => {
    let isBroken = true
    const {grpcUrl, url} = await start({
      onRequest({transport}) {
        if (!isBroken) return undefined
        return transport === 'rest' ? {headers: {'retry-after': '2'}, status: 429} : {message: 'busy', status: 14}
      },
    })
    const raw = client(grpcUrl)
    const {headers, status} = await rest(url, 'POST', '/schema', {class: 'A'})
    expect([status, headers.get('retry-after')]).toEqual([429, '2'])
    await expect(raw.call('batchObjects', BatchObjectsRequest, oneObject())).rejects.toMatchObject({
      code: 14,
      details: 'busy',
    })
    isBroken = false
    expect((await rest(url, 'GET', '/schema')).json.classes).toEqual([])
  })

  it('cut the connection before or after the work', async () => {
    let fault: undefined | {after?: boolean; drop: true}
    const {grpcUrl, url} = await start({onRequest: () => fault})
    const raw = client(grpcUrl)
    const stored = async () => {
      fault = undefined
      const {json} = await rest(url, 'GET', '/objects?class=A')
      return json?.objects.length as number | undefined
    }

    await rest(url, 'POST', '/schema', {class: 'A'})
    const body = (number: number) => ({objects: [{collection: 'A', uuid: uuid(number), vectorBytes: floats(1)}]})
    fault = {drop: true}
    await expect(raw.call('batchObjects', BatchObjectsRequest, body(1))).rejects.toMatchObject({code: 14})
    await expect(rest(url, 'POST', '/objects', {class: 'A', id: uuid(2)})).rejects.toThrow('fetch failed')
    expect(await stored()).toBe(0)
    fault = {after: true, drop: true}
    await expect(raw.call('batchObjects', BatchObjectsRequest, body(3))).rejects.toMatchObject({code: 14})
    expect(await stored()).toBe(1)
    fault = {after: true, drop: true}
    await expect(rest(url, 'POST', '/objects', {class: 'A', id: uuid(4)})).rejects.toThrow('fetch failed')
    expect(await stored()).toBe(2)
    expect((await raw.call('batchObjects', BatchObjectsRequest, body(5))).errors).toEqual([])
  })

  it('delay', async () => {
    const {url} = await start({
      onRequest: async () =>
        new Promise((resolve) => {
          setTimeout(resolve, 60)
        }),
    })
    const started = performance.now()
    await rest(url, 'GET', '/meta')
    expect(performance.now() - started).toBeGreaterThan(55)
  })
})

describe('a server', () => {
  it('closes at once, open connections and requests under way or not', async () => {
    const asked = Promise.withResolvers<void>()
    const server = await startEmbeddedWeaviate({
      async onRequest({path}) {
        if (path !== '/v1/nodes') return
        asked.resolve()
        await new Promise(() => {})
      },
    })
    const raw = client(server.grpcUrl!)
    await raw.call('batchObjects', BatchObjectsRequest, oneObject())
    await rest(server.url, 'GET', '/meta')
    // Whoever waited for it would wait for ever.
    const unanswered = expect(rest(server.url, 'GET', '/nodes')).rejects.toThrow('fetch failed')
    await asked.promise
    await server.close()
    await unanswered
    await expect(rest(server.url, 'GET', '/meta')).rejects.toThrow('fetch failed')
    await expect(raw.call('search', SearchRequest, {collection: 'A'})).rejects.toMatchObject({code: 14})
    const again = await startEmbeddedWeaviate({grpcPort: server.grpcPort, port: server.port})
    expect((await rest(again.url, 'GET', '/schema')).json.classes).toEqual([])
    await again.close()
  })

  it('runs in a process of its own', async () => {
    const server = await startServerProcess({version: '1.38.0'})
    expect((await rest(server.url, 'GET', '/meta')).json.version).toBe('1.38.0')
    const raw = client(server.grpcUrl)
    expect((await raw.call('batchObjects', BatchObjectsRequest, oneObject())).errors).toEqual([])
    await server.kill()
    await expect(rest(server.url, 'GET', '/meta')).rejects.toThrow('fetch failed')
  })
})
