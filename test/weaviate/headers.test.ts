/** Credentials that the server no longer accepts, though their time has not run out. */
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {Connection} from '../../src/weaviate/connection.js'

import {DataOpsError} from '../../src/model/errors.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {connect} from '../../src/weaviate/connect.js'
import {withHeaders} from '../../src/weaviate/headers.js'
import {type OidcServer, startOidcServer} from '../support/oidc-server.js'

const refusal = () => new DataOpsError('NOT_ALLOWED', 'no', {details: {status: 401}})

describe('a call', () => {
  const sent: string[] = []
  beforeEach(() => {
    sent.length = 0
  })

  const call =
    (accepted: string, error: () => Error = refusal) =>
    async ({authorization = ''}: Record<string, string>) => {
      sent.push(authorization)
      if (authorization !== accepted) throw error()
      return authorization
    }

  it('is made once more with other headers', async () => {
    expect(await withHeaders(async (refused) => ({authorization: refused ? 'two' : 'one'}), call('two'))).toBe('two')
    expect(sent).toEqual(['one', 'two'])
  })

  it('is made twice at most', async () => {
    let number = 0
    const source = async () => ({authorization: `${++number}`})
    await expect(withHeaders(source, call('9'))).rejects.toMatchObject({code: 'NOT_ALLOWED', details: {status: 401}})
    expect(sent).toEqual(['1', '2'])
  })

  it('is made once with a key that stays the same, and once where a permission lacks', async () => {
    await expect(withHeaders(async () => ({authorization: 'key'}), call('other'))).rejects.toThrow('no')
    const forbidden = () => new DataOpsError('NOT_ALLOWED', 'forbidden', {details: {status: 403}})
    const source = async (refused?: unknown) => ({authorization: refused ? 'two' : 'one'})
    await expect(withHeaders(source, call('two', forbidden))).rejects.toThrow('forbidden')
    expect(sent).toEqual(['key', 'one'])
  })
})

describe.each(['grpc', 'rest'] as const)('a token that the server forgets, over %s', (transport) => {
  let server: OidcServer
  let connection: Connection
  const writes: string[] = []
  const NAME = 'Forgotten'

  beforeEach(async () => {
    writes.length = 0
    server = await startOidcServer(({method, path}) => {
      if (method === 'BatchObjects' || path.startsWith('/v1/batch/objects')) writes.push(path)
    })
    const oidc = {clientSecret: 'provider-s3cret'}
    connection = await connect({grpcUrl: server.grpcUrl, oidc, transport, url: server.url})
    await connection.createCollection({class: NAME, properties: [{dataType: ['text'], name: 't'}], vectorizer: 'none'})
  })

  afterEach(async () => {
    await connection.close()
    await server.close()
  })

  it('is replaced by one that all calls under way share', async () => {
    expect(server.tokens()).toBe(1)
    server.revoke()
    const counts = await Promise.all(Array.from({length: 20}, async () => connection.count(NAME)))
    expect(counts).toEqual(Array.from({length: 20}, () => 0))
    expect(server.tokens()).toBe(2)
  })

  it('loses and doubles no write', async () => {
    const collection = planCollection((await connection.getCollection(NAME))!)
    const objects = [{id: '00000000-0000-0000-0000-000000000001', properties: {t: 'x'}}]
    server.revoke()
    expect(await connection.writeObjects({collection, objects})).toEqual([])
    expect(await connection.count(NAME)).toBe(1)
    expect(writes).toHaveLength(2)
    expect(server.tokens()).toBe(2)
  })
})
