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
