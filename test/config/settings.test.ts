import {describe, expect, it} from 'vitest'

import {normalizeUrl, parseHeaders} from '../../src/config/setting-texts.js'
import {
  connectOptions,
  describeSettings,
  resolveSettings,
  secretsOf,
  secretsOfEnvironment,
} from '../../src/config/settings.js'

const layer = (from: string, values: object) => ({from, values})

describe('precedence', () => {
  const all = {
    env: {WEAVIATE_URL: 'http://env:1'},
    file: layer('the settings file s.yaml', {url: 'http://file:1'}),
    flags: {url: 'http://flag:1'},
    host: [layer('the host (h)', {url: 'http://host:1'})],
  }

  it('takes each setting from flag, environment, host, settings file, default, in this order', () => {
    const order: Array<[object, string, string]> = [
      [{}, 'http://flag:1', '--url'],
      [{flags: {}}, 'http://env:1', 'WEAVIATE_URL'],
      [{env: {}, flags: {}}, 'http://host:1', 'the host (h)'],
      [{env: {}, flags: {}, host: []}, 'http://file:1', 'the settings file s.yaml'],
      [{env: {}, file: undefined, flags: {}, host: []}, 'http://localhost:8080', 'the default'],
    ]
    for (const [without, value, from] of order)
      expect(resolveSettings({...all, ...without}).url).toMatchObject({from, value})
  })

  it('prefers the variables of this tool to those of Weaviate, and those to those of its cloud', () => {
    const env = {ELYSIACTL_URL: 'http://a:1', WCD_URL: 'http://c:1', WEAVIATE_URL: 'http://b:1'}
    expect(resolveSettings({env, flags: {}}).url?.from).toBe('ELYSIACTL_URL')
    expect(resolveSettings({env: {...env, ELYSIACTL_URL: ''}, flags: {}}).url?.from).toBe('WEAVIATE_URL')
    expect(resolveSettings({env: {WCD_URL: 'x.weaviate.cloud'}, flags: {}}).url?.value).toBe('https://x.weaviate.cloud')
  })

  it('mixes sources setting by setting and joins headers by name', () => {
    const settings = resolveSettings({
      env: {ELYSIACTL_HEADERS: 'X-One: env\nX-Two: env', WEAVIATE_API_KEY: 'env-key'},
      file: layer('f', {batchSize: 50, headers: {'X-Three': 'file'}}),
      flags: {headers: {'X-One': 'flag'}},
      host: [layer('h', {apiKey: 'host-key', url: 'http://host:1'})],
    })
    expect(settings.headers).toEqual({
      from: '--header',
      kind: 'flag',
      value: {'X-One': 'flag', 'X-Three': 'file', 'X-Two': 'env'},
    })
    expect(settings.apiKey?.value).toBe('env-key')
    expect(settings.url?.value).toBe('http://host:1')
    expect(settings.batchSize).toMatchObject({from: 'f', value: 50})
  })
})

describe('connectOptions', () => {
  it('passes on the sign-in of the stronger source only', () => {
    const key = {WEAVIATE_API_KEY: 'key-text'}
    const oidc = {ELYSIACTL_OIDC_CLIENT_SECRET: 'secret-text', ELYSIACTL_OIDC_SCOPES: 'a b'}
    expect(connectOptions(resolveSettings({env: {...key, ...oidc}, flags: {}}))).toMatchObject({apiKey: 'key-text'})
    const options = connectOptions(resolveSettings({env: oidc, flags: {}, host: [layer('h', {apiKey: 'host-key'})]}))
    expect(options.oidc).toEqual({clientSecret: 'secret-text', scopes: ['a', 'b']})
    expect(options.apiKey).toBeUndefined()
  })

  it("uses a host's client unless address or sign-in are given by flag or environment", () => {
    const client = {getConnectionDetails: async () => ({host: 'h'})}
    const host = [layer('h', {client})]
    expect(connectOptions(resolveSettings({env: {}, flags: {}, host})).client).toBe(client)
    expect(connectOptions(resolveSettings({env: {}, flags: {url: 'http://x:1'}, host})).client).toBeUndefined()
  })

  it('counts seconds in the environment, milliseconds inside', () => {
    expect(connectOptions(resolveSettings({env: {ELYSIACTL_TIMEOUT: '2.5'}, flags: {}})).timeoutMs).toBe(2500)
  })
})

describe('how objects travel', () => {
  it('is what the strongest source says, and left to connect() without one', () => {
    const file = layer('the settings file f', {transport: 'grpc'})
    const of = (sources: object) => connectOptions(resolveSettings({env: {}, flags: {}, ...sources})).transport
    expect(of({})).toBeUndefined()
    expect(of({file})).toBe('grpc')
    expect(of({env: {ELYSIACTL_TRANSPORT: 'rest'}, file})).toBe('rest')
    expect(of({env: {ELYSIACTL_TRANSPORT: 'rest'}, file, flags: {transport: 'auto'}})).toBe('auto')
  })
})

describe('what cannot be used', () => {
  it('names the source, and never the value of a secret', () => {
    const wrong: Array<[object, RegExp]> = [
      [{env: {WEAVIATE_URL: 'ftp://x'}}, /^WEAVIATE_URL gives an address that is not http or https\.$/],
      [{env: {ELYSIACTL_BATCH_SIZE: '-3'}}, /^ELYSIACTL_BATCH_SIZE needs a positive integer\.$/],
      [
        {env: {ELYSIACTL_TRANSPORT: 'pigeon'}},
        /^ELYSIACTL_TRANSPORT gives something else than auto, grpc or rest as transport\.$/,
      ],
      [{env: {ELYSIACTL_HEADERS: 'sekret-value'}}, /^ELYSIACTL_HEADERS needs "Name: value"/],
      [{host: [layer('the host (h)', {apiKey: 17})]}, /^The host \(h\) gives something else than text as apiKey\.$/],
      [
        {file: layer('the settings file f', {batchSize: 0.5})},
        /^The settings file f gives something else than a positive integer as batchSize/,
      ],
    ]
    for (const [sources, message] of wrong) {
      const resolve = () => resolveSettings({env: {}, flags: {}, ...sources})
      expect(resolve).toThrow(message)
      expect(resolve).toThrow(expect.objectContaining({code: 'INVALID_INPUT'}))
      expect(resolve).not.toThrow(/sekret/)
    }
  })
})

describe('secrets', () => {
  const env = {
    ELYSIACTL_HEADERS: 'X-Key: header-secret',
    WEAVIATE_API_KEY: 'key-secret',
    WEAVIATE_URL: 'http://user:url-secret@host:1',
  }

  it('are masked when settings are described', () => {
    const described = describeSettings(resolveSettings({env, flags: {}}))
    expect(described.apiKey).toEqual({from: 'WEAVIATE_API_KEY', value: '***'})
    expect(described.url).toEqual({from: 'WEAVIATE_URL', value: 'http://host:1'})
    expect(JSON.stringify(described)).not.toMatch(/secret/)
  })

  it('of addresses are masked whole, of every node too, whatever they hold', () => {
    const addresses = {
      ELYSIACTL_NODES: 'http://me:node-secret@n1:2,n1:3\nhttp://me:sec/ret@n2,me:grpc,secret@n2:4',
      WEAVIATE_GRPC_URL: 'me:gr@pc-secret@host:5',
      WEAVIATE_URL: 'http://me:se@cr:et@host:1',
    }
    const settings = resolveSettings({env: addresses, flags: {}})
    expect(describeSettings(settings)).toEqual({
      grpcUrl: {from: 'WEAVIATE_GRPC_URL', value: 'host:5'},
      nodes: {from: 'ELYSIACTL_NODES', value: ['http://n1:2,n1:3', 'http://n2:4']},
      url: {from: 'WEAVIATE_URL', value: 'http://host:1'},
    })
    for (const known of [secretsOf(settings), secretsOfEnvironment(addresses)])
      for (const secret of ['node-secret', 'sec/ret', 'gr@pc-secret', 'se@cr:et']) expect(known).toContain(secret)
  })

  it('are known one by one, to be taken out of any text', () => {
    // However short a password is, it is found before the @.
    const all = ['header-secret', 'key-secret', 'url-secret', 'url-secret@', 'user:url-secret@']
    expect(secretsOf(resolveSettings({env, flags: {}})).toSorted()).toEqual(all)
    expect(secretsOfEnvironment(env).toSorted()).toEqual(all)
  })
})

describe('addresses and headers', () => {
  it('get a scheme, and lose what does not belong to them', () => {
    const cases = {
      '10.0.0.7': 'http://10.0.0.7',
      'http://h:8080/v1/': 'http://h:8080',
      'https://h/prefix/': 'https://h/prefix',
      'localhost:8080': 'http://localhost:8080',
      'my.weaviate.cloud': 'https://my.weaviate.cloud',
    }
    for (const [text, url] of Object.entries(cases)) expect(normalizeUrl(text)).toBe(url)
    expect(normalizeUrl('db.example:443')).toBe('https://db.example:443')
    for (const text of ['', 'ftp://x', 'http://', 'http:// x', 'http:/me:sekret@h', 'https//me:sekret@h'])
      expect(() => normalizeUrl(text)).toThrow()
  })

  it('keep colons in header values and refuse what is no header', () => {
    expect(parseHeaders(['X-A: b:c', ''])).toEqual({'X-A': 'b:c'})
    for (const line of ['X-A', ': v', 'X A: v', 'X-A:']) expect(() => parseHeaders([line])).toThrow(/Name: value/)
  })
})
