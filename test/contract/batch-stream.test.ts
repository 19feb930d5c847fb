import {type ClientDuplexStream, credentials, makeGenericClientConstructor} from '@grpc/grpc-js'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {BatchStreamReply, BatchStreamRequest} from '../../src/weaviate/proto/generated/batch_stream.js'

import {BATCH_STREAM} from '../../src/testing/grpc/batch-stream.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate, type StreamFault} from '../../src/testing/index.js'
import {BatchObject} from '../../src/weaviate/proto/generated/weaviate.js'
import {useTarget, uuid} from './target.js'

type Stream = ClientDuplexStream<BatchStreamRequest, BatchStreamReply>
type Message = NonNullable<BatchStreamRequest['message']>

const START: Message = {$case: 'start', value: {consistencyLevel: undefined}}

function data(collection: string, numbers: number[], tenant = ''): Message {
  const values = numbers.map((number) => BatchObject.create({collection, tenant, uuid: uuid(number)}))
  return {$case: 'data', value: {objects: {values}, references: undefined}}
}

/** Sends all, ends, and gives what came back: cases, and the error if it ended with one. */
async function converse(
  grpcUrl: string,
  messages: Message[],
): Promise<{cases: string[]; error?: string; replies: Array<BatchStreamReply['message']>}> {
  const Client = makeGenericClientConstructor({batchStream: {...BATCH_STREAM}}, 'Weaviate')
  const client = new Client(grpcUrl, credentials.createInsecure())
  const stream = (client.batchStream as unknown as () => Stream)()
  const replies: Array<BatchStreamReply['message']> = []
  const error = await new Promise<string | undefined>((resolve) => {
    stream.on('data', ({message}: BatchStreamReply) => {
      replies.push(message)
    })
    stream.on('end', () => {
      resolve(undefined)
    })
    stream.on('error', ({message}) => {
      resolve(message)
    })
    for (const message of messages) stream.write({message})
    stream.end()
  })
  client.close()
  return {cases: replies.map((message) => message?.$case ?? 'none'), error, replies}
}

const {create, named, target} = useTarget()

describe('BatchStream', () => {
  it('acknowledges, writes, and tells of each object', async () => {
    const name = await create('Streamed')
    const given: Message[] = [START, data(name, [1, 2]), {$case: 'stop', value: {}}]
    const {cases, error, replies} = await converse(target.grpcUrl, given)
    expect(error).toBeUndefined()
    expect([...cases].sort()).toEqual(['acks', 'results', 'started'])
    expect(cases[0]).toBe('started')
    const acks = replies.find((message) => message?.$case === 'acks')
    expect(acks?.value).toEqual({beacons: [], uuids: [uuid(1), uuid(2)]})
    const results = replies.find((message) => message?.$case === 'results')
    expect(results?.value.errors).toEqual([])
    expect(results?.value.successes.map(({detail}) => detail?.value)).toEqual([uuid(1), uuid(2)])
    expect((await target.rest('GET', `/objects/${name}/${uuid(2)}`)).status).toBe(200)
  })

  it('tells which are refused', async () => {
    const name = await create('Tenants', {multiTenancyConfig: {enabled: true}})
    const {replies} = await converse(target.grpcUrl, [START, data(name, [1], 'nope')])
    const results = replies.find((message) => message?.$case === 'results')
    expect(results?.value.successes).toEqual([])
    expect(results?.value.errors).toMatchObject([{detail: {value: uuid(1)}}])
    expect(results?.value.errors[0]?.error).toMatch(/tenant not found/)
  })

  it('wants a start first', async () => {
    const {error, replies} = await converse(target.grpcUrl, [data(named('Never'), [1])])
    expect(error).toMatch(/first message must be a start message/)
    expect(replies).toEqual([])
  })
})

describe('faults of an embedded BatchStream', () => {
  let server: EmbeddedWeaviate
  let fault: StreamFault | undefined
  beforeAll(async () => {
    server = await startEmbeddedWeaviate({onBatchStream: ({ordinal}) => (ordinal === 1 ? fault : undefined)})
  })
  afterAll(async () => server.close())

  it.each<[string, StreamFault, string[], number]>([
    ['a backoff', {backoff: 7}, ['started', 'backoff', 'acks', 'results', 'acks', 'results'], 2],
    ['a shutdown', {shuttingDown: true}, ['started', 'shuttingDown', 'acks', 'results', 'acks', 'results'], 2],
    ['no memory', {outOfMemory: true}, ['started', 'outOfMemory'], 0],
    ['a cut before', {drop: true}, ['started'], 0],
    ['a cut after', {after: true, drop: true}, ['started', 'acks'], 1],
  ])('%s', async (_, given, expected, written) => {
    fault = given
    await fetch(`${server.url}/v1/schema/Faulty`, {method: 'DELETE'})
    const {cases, error} = await converse(server.grpcUrl!, [START, data('Faulty', [1]), data('Faulty', [2])])
    // What is on its way when a connection is cut may be lost.
    if ('drop' in given) expect(expected.slice(0, cases.length)).toEqual(cases)
    else expect(cases).toEqual(expected)
    expect(error !== undefined).toBe('drop' in given)
    const {objects = []} = (await (await fetch(`${server.url}/v1/objects?class=Faulty`)).json().catch(() => ({}))) as {
      objects?: unknown[]
    }
    expect(objects).toHaveLength(written)
  })
})
