import {describe, expect, it} from 'vitest'

import {redact, redactDeep, secretsOfArguments, shellLine, withoutSecrets} from '../../src/cli/secrets.js'

describe('arguments', () => {
  const argv = [
    'Article',
    '--api-key',
    'key-secret',
    '--header',
    'X-A: header-secret',
    '--header=X-B: other-secret',
    '--api-key=third-secret',
    '--url',
    'http://user:url-secret@host:1',
    '--url=http://u:p4ssword@host',
    '-z',
  ]

  it('lose secret flags and passwords', () => {
    expect(withoutSecrets(argv)).toEqual(['Article', '--url', 'http://host:1', '--url=http://host', '-z'])
    expect(withoutSecrets(['--', '--api-key', 'x'])).toEqual(['--', '--api-key', 'x'])
  })

  it('give every secret in them, parsed or not', () => {
    const secrets = secretsOfArguments(argv)
    for (const secret of ['key-secret', 'header-secret', 'other-secret', 'third-secret', 'url-secret', 'p4ssword'])
      expect(secrets).toContain(secret)
  })

  it('are quoted for a shell', () => {
    expect(shellLine(['col', 'a b', "it's", '--x=1', ''])).toBe(String.raw`col 'a b' 'it'\''s' --x=1 ''`)
  })
})

describe('redact', () => {
  it('takes out every secret, the longer first, and leaves short words alone', () => {
    expect(redact('Bearer abcdef-long and abcdef', ['abcdef', 'abcdef-long', 'and'])).toBe('Bearer *** and ***')
    expect(redact('cost $& abcdef', ['abcdef'])).toBe('cost $& ***')
  })

  it('goes into values, arrays, errors and bigints', () => {
    const value = {a: ['x secret-1'], b: {c: new Error('secret-1!')}, d: 5n, e: null, f: 1}
    expect(redactDeep(value, ['secret-1'])).toEqual({a: ['x ***'], b: {c: '***!'}, d: '5', e: null, f: 1})
  })
})
