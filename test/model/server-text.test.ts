import {describe, expect, it} from 'vitest'

import {isServerText, serversCalled, serverText, shortNameOf} from '../../src/model/server-text.js'

function textOf(address: string): string | undefined {
  return serverText(address, 'Machine-A.example')
}

describe('which server a backup is of', () => {
  it('is the same text for the same address, without credentials, query and fragment', () => {
    const written = ['https://Prod.Example:443/', 'https://user:secret@prod.example', 'https://prod.example./?key=s#k']
    expect(new Set(written.map((address) => textOf(address)))).toEqual(new Set(['https://prod.example']))
    expect(textOf('http://gateway:8080/weaviate-a/')).toBe('http://gateway:8080/weaviate-a')
    expect(textOf('http://10.0.0.5:8080 (10.0.0.6)')).toBe('http://10.0.0.5:8080')
    expect(textOf('http://prod:80')).not.toBe(textOf('https://prod:443'))
  })

  it('has the name of the machine where each machine has such an address', () => {
    const own = ['localhost', '127.0.0.1', '127.1.2.3', '[::1]', '0.0.0.0', '[::ffff:127.0.0.1]', 'weaviate.localhost']
    for (const host of own) {
      expect(textOf(`http://${host}:8080`), host).toMatch(/^http:\/\/\S+:8080 on machine-a\.example$/)
      expect(serverText(`http://${host}:8080`, 'b'), host).not.toBe(textOf(`http://${host}:8080`))
    }

    expect(serverText('http://localhost:8080', 'Anna’s\u{1B}[31mMac')).toBe('http://localhost:8080 on anna-s-31mmac')
    expect(textOf('http://127.0.0.1.example:8080')).toBe('http://127.0.0.1.example:8080')
  })

  it('is not known of what is no address of a server', () => {
    for (const address of ['memory', '', 'ftp://prod', 'file:///tmp', `http://prod/${'a'.repeat(3000)}`])
      expect(textOf(address), address).toBeUndefined()
    expect(['http://prod', 'http://\u{1B}[31mprod', '', 'a\nb'].map((text) => isServerText(text))).toEqual([
      true,
      false,
      false,
      false,
    ])
  })
})

describe('names of servers', () => {
  const servers = [
    'http://prod:8080',
    'https://prod',
    'http://gateway/a',
    'http://gateway/b',
    'http://localhost:8080 on laptop',
    'anything else',
  ]

  it.each([
    ['http://prod:8080', ['http://prod:8080']],
    ['prod:8080', ['http://prod:8080']],
    // As it stands comes before a part of another.
    ['PROD', ['https://prod']],
    ['gateway', ['http://gateway/a', 'http://gateway/b']],
    ['laptop', ['http://localhost:8080 on laptop']],
    ['localhost:8080', ['http://localhost:8080 on laptop']],
    ['localhost', ['http://localhost:8080 on laptop']],
    ['anything else', ['anything else']],
    ['', []],
    ['staging', []],
  ])('%j', (name, expected) => {
    expect(serversCalled(name, servers)).toEqual(expected)
  })

  it('are as short as they can be', () => {
    expect(servers.map((server) => shortNameOf(server, servers))).toEqual([
      'prod:8080',
      'prod',
      undefined,
      undefined,
      'localhost',
      'anything else',
    ])
  })
})
