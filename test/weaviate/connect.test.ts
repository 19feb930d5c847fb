import type {AddressInfo} from 'node:net'

import {type Buffer} from 'node:buffer'
import {createServer, type Server} from 'node:http'
import {inspect} from 'node:util'
import {afterEach, describe, expect, it} from 'vitest'
import weaviate from 'weaviate-client'

import type {Warning} from '../../src/model/progress.js'
import type {ConnectOptions} from '../../src/weaviate/connection.js'

import {BackupManager} from '../../src/index.js'
import {startEmbeddedWeaviate} from '../../src/testing/index.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {connect} from '../../src/weaviate/connect.js'
import {startTestServer} from './server.js'

const closers: Array<() => Promise<unknown>> = []
afterEach(async () => {
  while (closers.length > 0) await closers.pop()!()
})

async function embedded(options: Parameters<typeof startEmbeddedWeaviate>[0] = {}) {
  const server = await startEmbeddedWeaviate(options)
  closers.push(server.close)
  return server
}

async function opened(options: ConnectOptions) {
  const connection = await connect(options)
  closers.push(connection.close)
  return connection
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  closers.push(
    async () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => {
          resolve(undefined)
        })
      }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('connect', () => {
  it('asks again where a connection breaks: of all that it asks first, and of roles', async () => {
    const broken = new Set<string>()
    const {grpcUrl, url} = await embedded({
      onRequest({path}) {
        if (broken.has(path) || path.startsWith('/v1/schema')) return undefined
        broken.add(path)
        return {drop: true}
      },
    })
    const warnings: Warning[] = []
    const onWarning = (warning: Warning) => {
      warnings.push(warning)
    }

    const connection = await opened({grpcUrl, onWarning, url})
    expect(connection.transport).toBe('grpc')
    await connection.about!.permissions()
    expect(await connection.listCollections()).toEqual([])
    expect(warnings).toEqual([])
    expect([...broken]).toEqual([
      '/v1/.well-known/ready',
      '/v1/meta',
      '/grpc.health.v1.Health/Check',
      '/v1/users/own-info',
    ])
  })

  it('takes gRPC where it answers', async () => {
    const server = await startTestServer()
    closers.push(server.close)
    const warnings: Warning[] = []
    const onWarning = (warning: Warning) => {
      warnings.push(warning)
    }

    const connection = await opened({grpcUrl: server.grpcUrl, onWarning, url: `${server.url}/`})
    expect(connection.transport).toBe('grpc')
    expect(connection.describe).toBe(server.url)
    expect(connection.version).toMatch(/^\d+\.\d+\.\d+/)
    expect(connection.capabilities.maxMessageBytes).toBeGreaterThan(1_000_000)
    expect(warnings).toEqual([])
  })

  it('falls back to REST, says so, and works', async () => {
    const server = await embedded({grpc: false})
    const warnings: Warning[] = []
    const onWarning = (warning: Warning) => {
      warnings.push(warning)
    }

    const connection = await opened({grpcUrl: '127.0.0.1:9', onWarning, url: server.url})
    expect(connection.transport).toBe('rest')
    expect(warnings).toMatchObject([{code: 'grpc-unreachable', details: {address: '127.0.0.1:9'}}])
    await connection.createCollection({class: 'A', properties: [{dataType: ['text'], name: 't'}], vectorizer: 'none'})
    const collection = planCollection((await connection.getCollection('A'))!)
    const objects = [{id: '00000000-0000-0000-0000-000000000001', properties: {t: 'x'}}]
    expect(await connection.writeObjects({collection, objects})).toEqual([])
    expect(await connection.count('A')).toBe(1)
    await expect(connect({grpcUrl: '127.0.0.1:9', transport: 'grpc', url: server.url})).rejects.toMatchObject({
      code: 'CANNOT_CONNECT',
      details: {address: '127.0.0.1:9'},
    })
    const chosen = await opened({grpcUrl: '127.0.0.1:9', onWarning, transport: 'rest', url: server.url})
    expect(chosen.transport).toBe('rest')
    expect(warnings).toHaveLength(1)
  })

  it('says before anything else that a port of gRPC was guessed', async () => {
    const server = await embedded()
    const warnings: Warning[] = []
    let requests = 0
    const onWarning = (warning: Warning) => {
      warnings.push(warning)
    }

    const other = await embedded({
      onRequest() {
        requests++
        expect(warnings.map(({code}) => code)).toContain('grpc-guessed')
      },
    })
    await opened({onWarning, url: other.url}).catch(() => undefined)
    expect(requests).toBeGreaterThan(0)
    expect(warnings[0]).toMatchObject({code: 'grpc-guessed', details: {address: '127.0.0.1:50051'}})
    warnings.length = 0
    const connection = await opened({grpcUrl: String(server.grpcPort), onWarning, url: server.url})
    expect(connection.restSide?.addresses).toEqual({grpc: server.grpcUrl, rest: server.url})
    await opened({onWarning, transport: 'rest', url: server.url})
    expect(warnings).toEqual([])
  })

  it('lets nobody in without the right key, and shows none', async () => {
    const server = await embedded({apiKeys: ['the-right-key']})
    const connection = await opened({apiKey: 'the-right-key', grpcUrl: server.grpcUrl, url: server.url})
    expect(connection.transport).toBe('grpc')
    expect(await connection.listCollections()).toEqual([])
    for (const apiKey of [undefined, 'a-very-wrong-key']) {
      const error = await connect({apiKey, grpcUrl: server.grpcUrl, url: server.url}).catch((error_: unknown) => error_)
      expect(error).toMatchObject({code: 'NOT_ALLOWED', exitCode: 6})
      expect(JSON.stringify([(error as Error).message, error])).not.toContain('a-very-wrong-key')
    }
  })

  it.each<[string, ConnectOptions]>([
    ['nothing there', {url: 'http://127.0.0.1:9'}],
    ['no such host', {url: 'https://weaviate.invalid'}],
    ['TLS where there is none', {url: 'https://127.0.0.1:9'}],
  ])('says what to check: %s', async (_what, options) => {
    await expect(connect(options)).rejects.toMatchObject({
      code: 'CANNOT_CONNECT',
      exitCode: 6,
      hint: expect.stringContaining('Check') as string,
      message: expect.stringContaining(options.url!) as string,
    })
  })

  it('an empty list of collections is refused where these credentials may read none, with the permission', async () => {
    let action = 'read_data'
    const url = await listen(
      createServer((request, response) => {
        const replies: Record<string, unknown> = {
          '/v1/meta': {version: '1.39.0'},
          '/v1/schema': {classes: []},
          '/v1/users/own-info': {roles: [{name: 'r', permissions: [{action}]}], username: 'u'},
        }
        response.end(JSON.stringify(replies[request.url!] ?? {}))
      }),
    )
    const connection = await opened({transport: 'rest', url})
    await expect(connection.listCollections()).rejects.toMatchObject({
      code: 'NOT_ALLOWED',
      exitCode: 6,
      message: 'Cannot list the collections: these credentials do not have the permission read_collections.',
    })
    action = 'read_collections'
    expect(await connection.listCollections()).toEqual([])
  })

  it.each<[string, unknown]>([
    ['/v1/schema/Any', null],
    ['/v1/schema/Any', {class: null}],
    ['/v1/schema/Any', {class: 'Any', properties: 'none'}],
    ['/v1/schema/Any', {class: 'Any', properties: [{dataType: null, name: 'a'}]}],
    ['/v1/schema/Any', {class: 'Any', vectorConfig: {a: null}}],
    ['/v1/schema', {classes: [null]}],
    ['/v1/schema/Any/tenants', [{name: 7}]],
    ['/v1/aliases', {aliases: {a: 'b'}}],
  ])('an answer that cannot be is an error with a type: %s %j', async (path, answer) => {
    const replies = new Map<string, unknown>([
      ['/v1/meta', {version: '1.39.0'}],
      [path, answer],
    ])
    const url = await listen(
      createServer((request, response) => {
        response.end(JSON.stringify(replies.has(request.url!) ? replies.get(request.url!) : {}))
      }),
    )
    const connection = await opened({transport: 'rest', url})
    const asked: Record<string, () => Promise<unknown>> = {
      '/v1/aliases': async () => connection.listAliases(),
      '/v1/schema': async () => connection.listCollections(),
      '/v1/schema/Any': async () => connection.getCollection('Any'),
      '/v1/schema/Any/tenants': async () => connection.listTenants('Any'),
    }
    await expect(asked[path]!()).rejects.toMatchObject({
      code: 'UNEXPECTED',
      message: expect.stringContaining('cannot be right') as string,
    })
  })

  it('a backup of all that may see nothing is refused, or says that nobody said so', async () => {
    const replies: Record<string, {body: unknown; status?: number}> = {
      '/v1/meta': {body: {version: '1.39.0'}},
      '/v1/schema': {body: {classes: []}},
    }
    const url = await listen(
      createServer((request, response) => {
        const {body, status = 200} = replies[request.url!] ?? {body: {}}
        response.writeHead(status)
        response.end(JSON.stringify(body))
      }),
    )
    const backUp = async (): Promise<{backups: number; codes: string[]}> => {
      const codes: string[] = []
      const {backups} = await new BackupManager(await opened({transport: 'rest', url})).backupCollections('all', {
        maxRetries: 0,
        onWarning({code}) {
          codes.push(code)
        },
      })
      return {backups: backups.length, codes}
    }

    // No roles at all, under RBAC.
    replies['/v1/users/own-info'] = {body: {roles: [], username: 'u'}}
    replies['/v1/schema/ElysiaDataOpsProbe'] = {body: {error: [{message: 'forbidden'}]}, status: 403}
    await expect(backUp()).rejects.toMatchObject({code: 'NOT_ALLOWED', exitCode: 6})
    // Anonymous, without RBAC.
    replies['/v1/users/own-info'] = {body: {error: [{message: 'no user'}]}, status: 401}
    replies['/v1/schema/ElysiaDataOpsProbe'] = {body: {}, status: 404}
    expect(await backUp()).toEqual({backups: 0, codes: ['no-collections']})
    // A role that may see all: there are none.
    replies['/v1/users/own-info'] = {body: {roles: [{name: 'r', permissions: [{action: 'read_collections'}]}]}}
    expect(await backUp()).toEqual({backups: 0, codes: []})
  })

  it('tells other servers, and those not ready yet, from Weaviate', async () => {
    let status = 200
    const url = await listen(
      createServer((_request, response) => {
        response.writeHead(status)
        response.end('{"hello":"world"}')
      }),
    )
    await expect(connect({url})).rejects.toMatchObject({
      code: 'CANNOT_CONNECT',
      message: expect.stringContaining('not Weaviate') as string,
    })
    status = 503
    await expect(connect({url})).rejects.toMatchObject({
      code: 'CANNOT_CONNECT',
      message: expect.stringContaining('not ready') as string,
    })
    status = 404
    await expect(connect({url})).rejects.toMatchObject({code: 'CANNOT_CONNECT'})
  })

  it('never shows a password out of an address', async () => {
    const server = await embedded()
    const url = server.url.replace('//', '//me:pass-word@')
    const connection = await opened({grpcUrl: server.grpcUrl, url})
    expect(connection.describe).toBe(server.url)
    const error = await connect({url: 'http://me:pass-word@127.0.0.1:9'}).catch((error_: unknown) => error_)
    expect(JSON.stringify([(error as Error).message, error])).not.toContain('pass-word')
    await expect(connect({apiKey: 'key', url})).rejects.toMatchObject({code: 'INVALID_INPUT'})
  })

  it('takes an existing client, its token anew for each call', async () => {
    const keys = ['first-key', 'second-key']
    const server = await embedded({apiKeys: keys})
    const client = await weaviate.connectToLocal({
      authCredentials: new weaviate.ApiKey('first-key'),
      grpcPort: server.grpcPort,
      host: '127.0.0.1',
      port: server.port,
    })
    closers.push(async () => client.close())
    const connection = await opened({client, grpcUrl: server.grpcUrl})
    expect(connection.transport).toBe('grpc')
    expect(connection.describe).toBe(server.url)
    expect(await connection.listCollections()).toEqual([])

    let key = 'first-key'
    const host = `127.0.0.1:${server.port}`
    const rotating = {getConnectionDetails: async () => ({bearerToken: `Bearer ${key}`, headers: [['x-a', 'b']], host})}
    const second = await opened({client: rotating, grpcUrl: server.grpcUrl})
    key = 'second-key'
    expect(await second.listCollections()).toEqual([])
    key = 'no-key-of-theirs'
    await expect(second.listCollections()).rejects.toMatchObject({code: 'NOT_ALLOWED'})
    await expect(second.count('A')).rejects.toMatchObject({code: 'NOT_ALLOWED'})
    await expect(connect({apiKey: 'first-key', client})).rejects.toMatchObject({code: 'INVALID_INPUT'})
  })
})

interface Provider {
  forms: URLSearchParams[]
  status: number
  /** Those that the server takes. */
  valid: Set<string>
  url: string
  /** Given in place of a token, made of what was sent. */
  words?: (body: string) => string
}

/** An identity provider, and a Weaviate that trusts it. Tokens expire after `seconds`; refresh tokens are good once. */
async function startProvider(seconds: number): Promise<Provider> {
  const provider: Provider = {forms: [], status: 200, url: '', valid: new Set()}
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      const json = (value: unknown, status = 200) => {
        response.writeHead(status)
        response.end(JSON.stringify(value))
      }

      switch (request.url!) {
        case '/provider': {
          json({token_endpoint: `${provider.url}/token`})
          return
        }

        case '/token': {
          const form = new URLSearchParams(body)
          provider.forms.push(form)
          const number = provider.forms.length
          const isKnown =
            form.get('grant_type') !== 'refresh_token' || form.get('refresh_token') === `refresh-${number - 1}`
          if (provider.words !== undefined) {
            response.writeHead(provider.status, {'retry-after': '7'})
            response.end(provider.words(body))
            return
          }

          if (provider.status !== 200 || !isKnown) {
            json({error: 'invalid_grant'}, 400)
            return
          }

          provider.valid = new Set([`access-${number}`])
          json({
            access_token: `access-${number}`,
            expires_in: seconds,
            refresh_token: `refresh-${number}`,
            token_type: 'Bearer',
          })
          return
        }

        case '/v1/.well-known/openid-configuration': {
          json({clientId: 'weaviate', href: `${provider.url}/provider`, scopes: ['openid']})
          return
        }

        case '/v1/.well-known/ready': {
          json({})
          return
        }

        default: {
          const token = request.headers.authorization?.replace('Bearer ', '') ?? ''
          if (!provider.valid.has(token)) {
            json({error: [{message: 'unauthorized'}]}, 401)
            return
          }

          json(request.url === '/v1/meta' ? {version: '1.39.0'} : {classes: []})
        }
      }
    })
  })
  provider.url = await listen(server)
  return provider
}

describe('OIDC', () => {
  it('gets a token for a client secret, and a new one when it expires', async () => {
    // Two seconds are taken off.
    const provider = await startProvider(2)
    const oidc = {clientSecret: 'client-s3cret', scopes: ['one', 'two']}
    const connection = await opened({oidc, transport: 'rest', url: provider.url})
    await connection.listCollections()
    await connection.listCollections()
    expect(provider.forms.length).toBeGreaterThan(2)
    const form = Object.fromEntries(provider.forms.at(-1)!)
    expect(form).toMatchObject({
      client_id: 'weaviate',
      client_secret: 'client-s3cret',
      grant_type: 'client_credentials',
    })
    expect(form.scope!.split(' ').toSorted()).toEqual(['one', 'openid', 'two'])
  })

  it('gets one token for many requests at once', async () => {
    const provider = await startProvider(3600)
    const oidc = {password: 'p', username: 'u'}
    const connection = await opened({oidc, transport: 'rest', url: provider.url})
    await Promise.all(Array.from({length: 20}, async () => connection.listCollections()))
    expect(provider.forms).toHaveLength(1)
    expect(Object.fromEntries(provider.forms[0]!)).toMatchObject({grant_type: 'password', password: 'p', username: 'u'})
  })

  it('refreshes an access token, also where refresh tokens are good only once', async () => {
    const provider = await startProvider(2)
    provider.valid.add('given')
    provider.forms.push(new URLSearchParams())
    const oidc = {accessToken: 'given', expiresIn: 2, refreshToken: 'refresh-1'}
    const connection = await opened({oidc, transport: 'rest', url: provider.url})
    for (let call = 0; call < 3; call++) await connection.listCollections()
    expect(provider.forms.slice(1).map((form) => form.get('refresh_token'))).toEqual(
      provider.forms.slice(1).map((_form, index) => `refresh-${index + 1}`),
    )
  })

  it('uses an access token alone until the server refuses it', async () => {
    const provider = await startProvider(2)
    provider.valid.add('given')
    const connection = await opened({oidc: {accessToken: 'given'}, transport: 'rest', url: provider.url})
    await connection.listCollections()
    provider.valid.clear()
    await expect(connection.listCollections()).rejects.toMatchObject({code: 'NOT_ALLOWED'})
    expect(provider.forms).toEqual([])
  })

  it('says that the provider gave no token, and no secret', async () => {
    const provider = await startProvider(2)
    provider.status = 400
    const oidc = {clientSecret: 'client-s3cret'}
    const error = await connect({oidc, transport: 'rest', url: provider.url}).catch((error_: unknown) => error_)
    expect(error).toMatchObject({code: 'NOT_ALLOWED', message: expect.stringContaining('invalid_grant') as string})
    expect(JSON.stringify([(error as Error).message, error])).not.toContain('client-s3cret')
  })

  // Pages of what stands before a provider may show what they were sent.
  it.each([
    {code: 'NOT_ALLOWED', retryable: false, said: 'HTTP 403', status: 403},
    {code: 'NOT_ALLOWED', retryable: false, said: 'HTTP 400', status: 400},
    {code: 'SERVER_UNAVAILABLE', retryable: true, said: 'HTTP 500', status: 500},
    {code: 'SERVER_UNAVAILABLE', retryable: true, retryAfterMs: 7000, said: 'HTTP 503', status: 503},
  ])('takes a provider that fails for no refusal, and repeats none of its words: $status', async (expected) => {
    const {said, status, ...known} = expected
    const oidc = {clientSecret: 'client+s3cret'}
    // Tokens are over at once.
    const provider = await startProvider(2)
    const connection = await opened({oidc, transport: 'rest', url: provider.url})
    provider.status = status
    provider.words = (body) => `<p>Blocked: ${body} ${decodeURIComponent(body)}</p>`
    const errors = await Promise.all(
      [connection.listCollections(), connect({oidc, transport: 'rest', url: provider.url})].map(async (call) =>
        call.then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    )
    const code = known.retryable ? 'CANNOT_CONNECT' : known.code
    const message = expect.stringMatching(new RegExp(String.raw`identity provider.*\b${said}\b`)) as string
    expect(errors).toMatchObject([
      {...known, message},
      {code, message},
    ])
    expect(inspect(errors, {depth: 9})).not.toMatch(/s3cret|Blocked/)
  })

  it('is not for servers without it', async () => {
    const server = await embedded()
    const options = {oidc: {clientSecret: 'x'}, transport: 'rest', url: server.url} as const
    await expect(connect(options)).rejects.toMatchObject({code: 'INVALID_INPUT'})
  })
})
