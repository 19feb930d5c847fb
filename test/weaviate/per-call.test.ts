/** Old servers, embedded: what they lack over gRPC goes over REST, and nothing is tried first. */
import {afterEach, describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../src/model/object.js'

import {type EmbeddedWeaviateOptions, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {connect} from '../../src/weaviate/connect.js'

const closers: Array<() => Promise<unknown>> = []
afterEach(async () => {
  while (closers.length > 0) await closers.pop()!()
})

async function start(options: EmbeddedWeaviateOptions) {
  const calls: string[] = []
  const server = await startEmbeddedWeaviate({
    ...options,
    onRequest({method, path, transport}) {
      calls.push(transport === 'grpc' ? `grpc ${method}` : `${method} ${path.replace(/\?.*/, '')}`)
    },
  })
  closers.push(server.close)
  const connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  closers.push(connection.close)
  return {calls, connection}
}

const uuid = (number: number) => `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`

it('a server older than 1.25 is refused when it is connected to, with its version', async () => {
  const server = await startEmbeddedWeaviate({version: '1.24.26'})
  closers.push(server.close)
  for (const transport of ['auto', 'rest'] as const) {
    await expect(connect({grpcUrl: server.grpcUrl, transport, url: server.url})).rejects.toMatchObject({
      code: 'CANNOT_CONNECT',
      details: {oldest: '1.25.0', version: '1.24.26'},
      exitCode: 6,
      message: `Weaviate at ${server.url} is version 1.24.26: 1.25.0 or later is needed.`,
    })
  }
})

it.each(['grpc', 'rest'] as const)(
  'a server without multi vectors is sent none, over %s: the object is refused by name',
  async (transport) => {
    const server = await startEmbeddedWeaviate({version: '1.27.27'})
    closers.push(server.close)
    const connection = await connect({grpcUrl: server.grpcUrl, transport, url: server.url})
    closers.push(connection.close)
    const vectorConfig = {v: {vectorIndexType: 'hnsw', vectorizer: {none: {}}}}
    await connection.createCollection({class: 'A', vectorConfig})
    const collection = planCollection((await connection.getCollection('A'))!)
    const bytes = Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64)
    const objects: WeaviateObject[] = [
      {id: uuid(1), properties: {}, vectors: new Map([['v', {bytes, dims: 2, kind: 'multi'}]])},
      {id: uuid(2), properties: {}, vectors: new Map([['v', {bytes, kind: 'single'}]])},
    ]
    expect(await connection.writeObjects({collection, objects})).toMatchObject([
      {id: uuid(1), reason: expect.stringContaining('no multi vectors') as string},
    ])
    const {objects: written} = await connection.readPage({collection, include: 'ids', limit: 10})
    expect(written.map(({id}) => id)).toEqual([uuid(2)])
  },
)

describe('a server of', () => {
  it.each([
    ['1.27.27', 'POST /v1/graphql', 'POST /v1/batch/references'],
    ['1.30.23', 'grpc Aggregate', 'POST /v1/batch/references'],
    ['1.33.0', 'grpc Aggregate', 'grpc BatchReferences'],
  ])('%s is asked for counts by %s and for references by %s', async (version, counting, writing) => {
    const {calls, connection} = await start({version})
    expect(connection.transport).toBe('grpc')
    await connection.createCollection({
      class: 'A',
      properties: [{dataType: ['A'], name: 'next'}],
      vectorizer: 'none',
    })
    const collection = planCollection((await connection.getCollection('A'))!)
    const objects: WeaviateObject[] = [1, 2].map((number) => ({
      id: uuid(number),
      properties: {next: [{beacon: `weaviate://localhost/A/${uuid(3 - number)}`}]},
    }))
    expect(await connection.writeObjects({collection, objects})).toEqual([])
    calls.length = 0
    expect(await connection.writeReferences({collection, objects})).toEqual([])
    expect(await connection.count('A')).toBe(2)
    expect(calls).toEqual([writing, counting])
    const page = await connection.readPage({collection, include: 'objects', limit: 10})
    expect(page.objects.map(({properties}) => properties)).toEqual(objects.map(({properties}) => properties))
  })
})
