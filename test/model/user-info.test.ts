import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import {isBeforeHost, secretsInUserInfo, withoutUserInfo} from '../../src/model/user-info.js'

describe('user and password', () => {
  it.each([
    ['http://user:p@ss@host', 'http://host', 'p@ss'],
    ['https://u:p%40@h/path', 'https://h/path', 'p@'],
    ['https://u:p%40@h/path', 'https://h/path', 'p%40'],
    ['me:secret@host:50051', 'host:50051', 'secret'],
    ['s3://key:secret@bucket', 's3://bucket', 'secret'],
    ['http:/me:key@host', 'http:/host', 'key'],
    ['https://token@host', 'https://host', 'token'],
  ])('of %s', (text, left, secret) => {
    for (const isAddress of [false, true]) {
      expect(withoutUserInfo(text, {isAddress})).toBe(left)
      expect(secretsInUserInfo(text, {isAddress})).toContain(secret)
      expect(secretsInUserInfo(text, {isAddress}).filter((each) => isBeforeHost(each))).toContain(`${secret}@`)
    }
  })

  it('of an address alone are what stands before an @ of anything', () => {
    expect(withoutUserInfo('host/a@b')).toBe('host/a@b')
    expect(withoutUserInfo('host/a@b', {isAddress: true})).toBe('b')
    expect(secretsInUserInfo('s3://bucket/team@corp', {isAddress: true})).toEqual([])
    expect(secretsInUserInfo('http://host:1/path')).toEqual([])
  })

  it('never stay, whatever a password holds', () => {
    const schemes = fc.constantFrom('http://', 'https://', 'grpc://', 'grpcs://', 'ftp://', '')
    const password = fc.string({minLength: 3}).filter((text) => !/[\s"']/.test(text))
    fc.assert(
      fc.property(schemes, password, (scheme, secret) => {
        const text = `${scheme}me:${secret}@host.example:1`
        expect(withoutUserInfo(text, {isAddress: true})).toBe(`${scheme}host.example:1`)
        expect(withoutUserInfo(text)).toBe(`${scheme}host.example:1`)
        expect(secretsInUserInfo(text)).toContain(secret)
      }),
    )
  })
})
