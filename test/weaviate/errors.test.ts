import {describe, expect, it} from 'vitest'

import type {DataOpsError} from '../../src/model/errors.js'

import {grpcError, isTooLarge, networkError, redact, restError, serverWords} from '../../src/weaviate/errors.js'

const rest = (status: number, message = '') =>
  restError({action: 'do it', body: JSON.stringify({error: [{message}]}), status})

describe('restError', () => {
  it.each([
    [401, '', 'NOT_ALLOWED', false],
    [403, 'forbidden', 'NOT_ALLOWED', false],
    [404, '', 'SERVER_REFUSED', false],
    [422, 'invalid date', 'SERVER_REFUSED', false],
    [422, 'leader not found', 'SERVER_UNAVAILABLE', true],
    [422, 'store is read-only due to: disk usage too high', 'SERVER_UNAVAILABLE', true],
    [429, 'too many requests', 'SERVER_UNAVAILABLE', true],
    [500, 'something broke', 'UNEXPECTED', false],
    [500, 'put object: not enough memory', 'SERVER_UNAVAILABLE', true],
    [500, 'get status for node n1: unmarshal node status: unexpected end of JSON input', 'SERVER_UNAVAILABLE', true],
    [500, 'shard xCIz: resolve node name "node3" to host', 'SERVER_UNAVAILABLE', true],
    [502, '', 'SERVER_UNAVAILABLE', true],
    [503, '', 'SERVER_UNAVAILABLE', true],
    [504, '', 'SERVER_UNAVAILABLE', true],
    [301, '', 'SERVER_REFUSED', false],
  ])('%i %s is %s', (status, message, code, retryable) => {
    expect(rest(status, message)).toMatchObject({code, details: {reason: message, status}, retryable})
  })

  it('names the permission that RBAC misses', () => {
    const words =
      "rbac: authorization, forbidden action: user 'nobody' has insufficient permissions to read_data [[Domain: data, Collection: Rb, Tenant: *, Object: *]]"
    expect(rest(403, words)).toMatchObject({
      code: 'NOT_ALLOWED',
      details: {permission: 'read_data', reason: words},
      hint: 'Ask for a role with read_data.',
      message: expect.stringMatching(/these credentials do not have the permission read_data\.$/) as string,
    })
    expect(rest(403, 'forbidden').details).not.toHaveProperty('permission')
  })

  it('tells what is too large apart from what is too much', () => {
    expect(isTooLarge(rest(413))).toBe(true)
    expect(isTooLarge(rest(429))).toBe(false)
  })

  it("gives the server's words without markup, and not at any length", () => {
    expect(serverWords('{"code":602,"message":"no such route"}')).toBe('no such route')
    expect(serverWords('<html><body><h1>502</h1>\n Bad Gateway</body></html>')).toBe('502 Bad Gateway')
    expect(serverWords('x'.repeat(5000))).toHaveLength(1001)
    expect(serverWords('')).toBe('')
  })
})

describe('grpcError', () => {
  const grpc = (code: number, details = 'why') => grpcError({code, details}, {action: 'do it'})

  it.each([
    [1, 'SERVER_UNAVAILABLE'],
    [2, 'SERVER_REFUSED'],
    [3, 'SERVER_REFUSED'],
    [4, 'SERVER_UNAVAILABLE'],
    [7, 'NOT_ALLOWED'],
    [8, 'SERVER_UNAVAILABLE'],
    [13, 'UNEXPECTED'],
    [14, 'SERVER_UNAVAILABLE'],
    [16, 'NOT_ALLOWED'],
  ])('status %i is %s', (code, expected) => {
    const error = grpc(code)
    expect(error.code).toBe(expected)
    expect(error.retryable).toBe(expected === 'SERVER_UNAVAILABLE')
  })

  it('reads what only the words say', () => {
    expect(grpc(2, 'shard x: store is read-only').retryable).toBe(true)
    expect(grpc(13, 'Received RST_STREAM with code 2').retryable).toBe(true)
    expect(grpc(2, 'extract auth: unauthorized: invalid api key').code).toBe('NOT_ALLOWED')
    const large = grpc(8, 'grpc: received message larger than max (200 vs. 100)')
    expect(large.retryable).toBe(false)
    expect(isTooLarge(large)).toBe(true)
  })

  it('is INTERRUPTED when the caller gave up', () => {
    const signal = AbortSignal.abort()
    expect(grpcError({code: 1, details: ''}, {action: 'do it', signal}).code).toBe('INTERRUPTED')
  })

  it('leaves out what was sent to authorize', () => {
    const metadata = {authorization: 'Bearer top-secret-key'}
    const error = grpcError({code: 3, details: 'bad header Bearer top-secret-key'}, {action: 'do it', metadata})
    expect(JSON.stringify([error.message, error.details])).not.toContain('top-secret')
  })
})

describe('a tenant that is gone, or not active any more', () => {
  const action = 'read objects of Article'
  const errors = (reason: string): DataOpsError[] => [
    grpcError({code: 2, details: `explorer: list class: search: object search at index article: ${reason}`}, {action}),
    restError({action, body: JSON.stringify({error: [{message: `repo: object by id: ${reason}`}]}), status: 500}),
  ]

  it.each([
    ["tenant not active: 'eu'", 'the tenant "eu" is not active', /activate it/],
    ['tenant not found: "eu"', 'there is no tenant "eu"', /without this tenant/],
  ])('is said in our own words, with what to do: %s', (reason, words, hint) => {
    for (const error of errors(reason)) {
      expect(error.code).toBe('SERVER_REFUSED')
      expect(error.message).toBe(`Cannot read objects of Article: ${words}.`)
      expect(error.hint).toMatch(hint)
      expect(error.details).toMatchObject({reason: expect.stringContaining(reason) as string, tenant: 'eu'})
    }
  })
})

describe('networkError', () => {
  it.each([
    ['ECONNREFUSED', 'SERVER_UNAVAILABLE', false],
    ['ECONNRESET', 'SERVER_UNAVAILABLE', true],
    ['UND_ERR_SOCKET', 'SERVER_UNAVAILABLE', true],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'CANNOT_CONNECT', true],
    ['HPE_INVALID_CONSTANT', 'CANNOT_CONNECT', true],
  ])('%s is %s', (networkCode, code, reached) => {
    const cause = Object.assign(new Error('inner'), {code: networkCode})
    const error = networkError(new TypeError('fetch failed', {cause}), 'do it', 'host:1')
    expect(error).toMatchObject({code, details: {address: 'host:1', networkCode, reached}})
  })
})

describe('redact', () => {
  it('takes out header values and bare tokens, but no short words', () => {
    const headers = {authorization: 'Bearer abcdef123', 'content-type': 'application/json', 'x-mode': 'on'}
    expect(redact('key abcdef123 is not on the list; Bearer abcdef123 application/json', headers)).toBe(
      'key *** is not on the list; *** application/json',
    )
  })
})
