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

  // Who goes on with a command by these words would write to another bucket, or read others' objects.
  it.each([
    ['-o', 's3://bucket/team@corp/backups'],
    ['--output=gs://bucket/a:b@c'],
    ['-os3://bucket/team@corp'],
    ['-o', 'file:///data/me@host/10:30@night'],
    ['--checkpoint-dir', '/data/10:30@night'],
    ['--where', 'mail != "a:b@c"'],
    ['--where=mail=="mailto:me@host"'],
    ['--set=description=write to:me@host'],
    ['Article@2026-02-01T10:00:00'],
    ['az://account/container/x@y/Article_2026-02-01_100000'],
  ])('without passwords stay as they are, and are masked nowhere: %s %s', (...words) => {
    expect(withoutSecrets(words)).toEqual(words)
    expect(secretsOfArguments(words)).toEqual([])
  })

  it.each([
    ['http://me:p@ss/w:ord@host', 'http://host', 'p@ss/w:ord'],
    ['--url=http:/me:secret-1@host', '--url=http:/host', 'secret-1'],
    ['http:///me:secret-1@host', 'http://host', 'secret-1'],
    ['http:me:secret-1@host', 'host', 'secret-1'],
    ['--grpc-url=me:secret-1@host:50051', '--grpc-url=host:50051', 'secret-1'],
    ['https://token-1@host', 'https://host', 'token-1'],
    ['s3://AKIA1:sec/ret-1@bucket/a', 's3://bucket/a', 'sec/ret-1'],
  ])('lose what stands before a host: %s', (given, left, secret) => {
    expect(withoutSecrets([given])).toEqual([left])
    expect(secretsOfArguments([given])).toContain(secret)
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
