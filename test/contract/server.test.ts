/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access -- answers are read as they come: a wrong shape fails the expectation */

import {credentials, makeGenericClientConstructor} from '@grpc/grpc-js'
import {describe, expect, it} from 'vitest'

import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from '../../src/weaviate/proto/generated/health.js'
import {useTarget} from './target.js'

type Done = (error: Error | null, response: HealthCheckResponse) => void

const {create, target} = useTarget()

describe('the server', () => {
  it('tells its version and message size', async () => {
    const {json, status} = await target.rest('GET', '/meta')
    expect(status).toBe(200)
    expect(json.version).toMatch(/^1\.\d+\.\d+/)
    expect(json.grpcMaxMessageSize).toBe(104_858_000)
  })

  it('is live and ready, and has no OpenID configuration', async () => {
    expect(await target.rest('GET', '/.well-known/live')).toMatchObject({status: 200, text: ''})
    expect(await target.rest('GET', '/.well-known/ready')).toMatchObject({status: 200, text: ''})
    expect(await target.rest('GET', '/.well-known/openid-configuration')).toMatchObject({status: 404})
  })

  it.each(['', 'weaviate', '/grpc.health.v1.Health/Check'])('is healthy over gRPC as %j', async (service) => {
    const Health = makeGenericClientConstructor(HealthService, 'grpc.health.v1.Health')
    const client = new Health(target.grpcUrl, credentials.createInsecure())
    const reply = await new Promise<HealthCheckResponse>((resolve, reject) => {
      const check = client.check!.bind(client) as (request: HealthCheckRequest, done: Done) => void
      check({service}, (error, response) => {
        if (error) reject(error)
        else resolve(response)
      })
    })
    client.close()
    expect(reply.status).toBe(HealthCheckResponse_ServingStatus.SERVING)
  })

  it('says what it does not know', async () => {
    expect(await target.rest('GET', '/nope')).toMatchObject({
      json: {code: 404, message: 'path /v1/nope was not found'},
      status: 404,
    })
    expect(await target.rest('POST', '/meta', {})).toMatchObject({
      json: {code: 405, message: 'method POST is not allowed, but [GET] are'},
      status: 405,
    })
  })

  it('exports nothing by itself unless that was switched on', async ({skip}) => {
    const {json: meta} = await target.rest('GET', '/meta')
    if (Number(String(meta.version).split('.', 2)[1]) < 37) skip('exports came with Weaviate 1.37')
    const words = 'export API is disabled; enable it via EXPORT_ENABLED=true or the runtime config'
    const refused = {json: {error: [{message: words}]}, status: 422}
    const order = {file_format: 'parquet', id: 'contract'}
    expect(await target.rest('POST', '/export/filesystem', order)).toMatchObject(refused)
    expect(await target.rest('GET', '/export/filesystem/contract')).toMatchObject(refused)
    expect(await target.rest('DELETE', '/export/filesystem/contract')).toMatchObject(refused)
  })

  it('refuses a body that is no JSON', async () => {
    const {json, status} = await target.rest('POST', '/schema', '{bad')
    expect(status).toBe(400)
    expect(json.code).toBe(400)
    expect(json.message).toMatch(/^parsing \w+ body from "" failed, because /)
  })

  it('lists its nodes, with shards when asked', async () => {
    const name = await create('Nodes')
    const plain = await target.rest('GET', '/nodes')
    expect(plain.json.nodes[0]).toMatchObject({shards: null, status: 'HEALTHY'})
    const verbose = await target.rest('GET', `/nodes/${name}?output=verbose`)
    expect(verbose.json.nodes[0].shards).toMatchObject([{class: name, loaded: true, vectorIndexingStatus: 'READY'}])
    expect(verbose.json.nodes[0].stats.shardCount).toBe(1)
    expect(verbose.json.nodes[0].shards[0].objectCount).toBeTypeOf('number')
  })
})
