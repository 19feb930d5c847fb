import {Buffer} from 'node:buffer'
import {describe, expect, it} from 'vitest'

import {defaultGrpcAddress, isReadableOnTheWay, parseGrpcUrl, parseRestUrl} from '../../src/weaviate/address.js'

describe('parseRestUrl', () => {
  it.each([
    ['http://localhost:8080', 'http://localhost:8080'],
    ['https://host/', 'https://host'],
    ['https://host:443/weaviate/', 'https://host/weaviate'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
    ['http://host?key=secret#x', 'http://host'],
  ])('%s is %s', (text, url) => {
    expect(parseRestUrl(text)).toEqual({url})
  })

  it('takes user and password out of the address', () => {
    const {authorization, url} = parseRestUrl('https://me:s%40cret@host')
    expect(url).toBe('https://host')
    expect(authorization).toBe(`Basic ${Buffer.from('me:s@cret').toString('base64')}`)
  })

  it.each(['', 'localhost', 'localhost:8080', 'ftp://host', 'http://', 'ftp://me:s3cret-word@host?k=s3cret-word'])(
    'refuses %j without showing secrets',
    (text) => {
      let refused: unknown
      try {
        parseRestUrl(text)
      } catch (error) {
        refused = error
      }

      expect(refused).toMatchObject({code: 'INVALID_INPUT'})
      expect((refused as Error).message).not.toContain('s3cret-word')
    },
  )
})

describe('gRPC addresses', () => {
  it.each([
    ['host:50051', 'http://host:8080', 'host:50051', false],
    ['host:50051', 'https://host', 'host:50051', true],
    ['grpc://host', 'https://host', 'host:50051', false],
    ['grpcs://host', 'http://host', 'host:443', true],
    ['https://host:444', 'http://host', 'host:444', true],
    ['https://host', 'http://host', 'host:443', true],
    ['http://host', 'https://host', 'host:80', false],
    ['50052', 'http://host:8081/prefix', 'host:50052', false],
    [':50052', 'https://host', 'host:50052', true],
    ['50052', 'http://[::1]:8080', '[::1]:50052', false],
    ['[::1]:50051', 'http://host', '[::1]:50051', false],
  ])('%s beside %s is %s', (text, restUrl, address, secure) => {
    expect(parseGrpcUrl(text, restUrl)).toEqual({address, secure})
  })

  it.each([
    ['http://localhost:8080', 'localhost:50051', false],
    ['https://weaviate.example.com', 'weaviate.example.com:50051', true],
    ['https://abc.c0.europe-west3.gcp.weaviate.cloud', 'grpc-abc.c0.europe-west3.gcp.weaviate.cloud:443', true],
    ['https://abc.weaviate.network', 'abc.grpc.weaviate.network:443', true],
    ['https://notweaviate.cloud', 'notweaviate.cloud:50051', true],
  ])('by default that of %s is %s', (restUrl, address, secure) => {
    expect(defaultGrpcAddress(restUrl)).toEqual({address, secure})
  })
})

it.each([
  ['http://db.example:8080', true],
  ['http://10.0.0.7', true],
  ['https://db.example', false],
  ['http://localhost:8080', false],
  ['http://127.0.0.1:8080', false],
  ['http://127.0.0.1.example:8080', true],
  ['http://[::1]:8080', false],
])('%s can be read on the way: %s', (url, isReadable) => {
  expect(isReadableOnTheWay(url)).toBe(isReadable)
})
