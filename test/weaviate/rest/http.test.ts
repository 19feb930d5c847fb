import type {AddressInfo} from 'node:net'

import fc from 'fast-check'
import {type Buffer} from 'node:buffer'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import {afterEach, describe, expect, it} from 'vitest'

import {encodeJson, HttpClient, isEmptyReply, parseRetryAfter} from '../../../src/weaviate/rest/http.js'

const closers: Array<() => Promise<unknown>> = []
afterEach(async () => {
  while (closers.length > 0) await closers.pop()!()
})

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
  options: {
    headers?: () => Promise<Record<string, string>>
    maxBodyBytes?: number
    proxy?: string
    timeoutMs?: number
    url?: string
  } = {},
) {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      answer(request, response, body)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const http = new HttpClient({headers: async () => ({}), timeoutMs: 5000, url, ...options})
  closers.push(
    async () => http.close(),
    async () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => {
          resolve(undefined)
        })
      }),
  )
  return {http, url}
}

const GET = {action: 'ask', method: 'GET', path: '/v1/x'} as const

describe('HttpClient', () => {
  it('sends JSON with fresh headers, and reads JSON with its size', async () => {
    let token = 0
    const headers = async () => ({authorization: `Bearer token-${++token}`})
    const {http} = await serve(
      (request, response, body) => {
        response.end(JSON.stringify([request.method, request.url, request.headers.authorization, body]))
      },
      {headers},
    )
    const post = {action: 'tell', body: '{"a":1}', method: 'POST', path: '/v1/y', query: {after: '', n: 2}} as const
    expect((await http.json({...post, query: {...post.query, none: undefined}})).value).toEqual([
      'POST',
      '/v1/y?after=&n=2',
      'Bearer token-1',
      '{"a":1}',
    ])
    const second = await http.json(GET)
    expect(second.value).toEqual(['GET', '/v1/x', 'Bearer token-2', ''])
    expect(second.bytes).toBe(JSON.stringify(second.value).length)
  })

  it('keeps a path prefix, and its headers from other places', async () => {
    const {url} = await serve((request, response) => {
      response.end(JSON.stringify([request.url, request.headers.authorization ?? 'none']))
    })
    const prefixed = new HttpClient({
      headers: async () => ({authorization: 'Bearer secret-token'}),
      timeoutMs: 1000,
      url: `${url}/prefix`,
    })
    closers.push(async () => prefixed.close())
    expect((await prefixed.json(GET)).value).toEqual(['/prefix/v1/x', 'Bearer secret-token'])
    expect((await prefixed.json({...GET, path: `${url}/elsewhere`})).value).toEqual(['/elsewhere', 'none'])
  })

  it('turns a refusal into an error that tells everything but the key', async () => {
    const headers = async () => ({authorization: 'Bearer my-secret-key'})
    const {http} = await serve(
      (_request, response) => {
        response.writeHead(429, {'retry-after': '3'})
        response.end('{"error":[{"message":"my-secret-key asks too often"}]}')
      },
      {headers},
    )
    const error = await http.send(GET).catch((error_: unknown) => error_)
    expect(error).toMatchObject({code: 'SERVER_UNAVAILABLE', retryable: true, retryAfterMs: 3000})
    expect((error as Error).message).toContain('*** asks too often')
    expect(JSON.stringify(error)).not.toContain('my-secret-key')
  })

  it('says what is wrong with a 200 that holds no JSON', async () => {
    let text = ''
    const {http} = await serve((_request, response) => {
      response.end(text)
    })
    const empty = await http.json(GET).catch((error: unknown) => error)
    expect(empty).toMatchObject({code: 'UNEXPECTED'})
    expect(isEmptyReply(empty)).toBe(true)
    text = '<html>'
    const html = await http.json(GET).catch((error: unknown) => error)
    expect(html).toMatchObject({code: 'UNEXPECTED'})
    expect(isEmptyReply(html)).toBe(false)
  })

  it('gives up after its timeout, or when told to, also in the middle of a reply', async () => {
    const {http} = await serve(
      (_request, response) => {
        response.write('[1,')
      },
      {timeoutMs: 150},
    )
    await expect(http.json(GET)).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE', details: {networkCode: 'TIMEOUT'}})
    await expect(http.json({...GET, signal: AbortSignal.timeout(20)})).rejects.toMatchObject({code: 'INTERRUPTED'})
    await expect(http.json({...GET, signal: AbortSignal.abort()})).rejects.toMatchObject({code: 'INTERRUPTED'})
  })

  it('reads a reply without end no further than its bound, and lets go of it', async () => {
    let written = 0
    const gone = Promise.withResolvers<void>()
    const {http} = await serve(
      (_, response) => {
        const timer = setInterval(() => {
          written += 1000
          response.write('x'.repeat(1000))
        }, 1)
        response.on('close', () => {
          clearInterval(timer)
          gone.resolve()
        })
      },
      {maxBodyBytes: 5000},
    )
    await expect(http.json(GET)).rejects.toMatchObject({
      code: 'UNEXPECTED',
      details: {tooLarge: true},
      message: expect.stringContaining('longer than 5000 bytes') as string,
    })
    await gone.promise
    expect(written).toBeLessThan(200_000)
  })

  it('reports a cut connection as one that may be tried again', async () => {
    const {http} = await serve((request, response) => {
      response.writeHead(200, {'content-length': '100'})
      response.write('[1,')
      setTimeout(() => {
        request.socket.destroy()
      }, 10)
    })
    await expect(http.json(GET)).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE', retryable: true})
  })

  it.each(['before', 'within'])('asks again where a connection ends %s the reply, but twice at most', async (where) => {
    let seen = 0
    let breaks = 2
    const {http} = await serve((request, response) => {
      seen++
      if (breaks-- <= 0) {
        response.end('[7]')
        return
      }

      if (where === 'before') request.socket.destroy()
      else {
        response.writeHead(200, {'content-length': '100'})
        response.write('[1,', () => request.socket.destroy())
      }
    })
    expect(await http.json(GET)).toEqual({bytes: 3, value: [7]})
    expect(seen).toBe(3)
    breaks = 3
    await expect(http.json(GET)).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE', retryable: true})
    expect(seen).toBe(6)
    // What changes something may have been heard; of a page of objects the next one may have to be smaller.
    for (const once of [{method: 'POST'}, {meter: {received: 0}}] as const) {
      breaks = 1
      await expect(http.json({...GET, ...once})).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE'})
    }

    expect(seen).toBe(8)
  })

  it('goes through a proxy, and gives up on one that does not answer', async () => {
    const seen: string[] = []
    const {url: proxy} = await serve((request, response) => {
      seen.push(request.url ?? '')
      response.end('{"via":"proxy"}')
    })
    const through = (protocol: string) => {
      const url = `${protocol}://weaviate.invalid:8080`
      const http = new HttpClient({headers: async () => ({}), proxy, timeoutMs: 300, url})
      closers.push(async () => http.close())
      return http
    }

    expect((await through('http').json(GET)).value).toEqual({via: 'proxy'})
    expect(seen[0]).toMatch(/^http:\/\/weaviate\.invalid:8080\/v1\/x$/)
    // This one knows no CONNECT, and undici tries again and again.
    await expect(through('https').json(GET)).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE', retryable: true})
    const signal = AbortSignal.timeout(30)
    await expect(through('https').json({...GET, signal})).rejects.toMatchObject({code: 'INTERRUPTED'})
  })

  it('refuses a header that would break the request', async () => {
    const {http} = await serve(
      (_request, response) => {
        response.end('{}')
      },
      {
        headers: async () => ({authorization: 'Bearer key\n'}),
      },
    )
    await expect(http.json(GET)).rejects.toMatchObject({code: 'INVALID_INPUT'})
  })
})

describe('parseRetryAfter', () => {
  it.each([
    ['2', 2000],
    ['0', 0],
    [new Date(10_000).toUTCString(), 4000],
    [new Date(1000).toUTCString(), 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (header, ms) => {
    expect(parseRetryAfter(header, 6000)).toBe(ms)
  })
})

describe('encodeJson', () => {
  it('keeps every float64', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.double({noDefaultInfinity: true, noNaN: true}), (value, number) => {
        const document = {list: [number, {value}], text: '-0 9007199254740993'}
        expect(JSON.parse(encodeJson(document))).toEqual(document)
      }),
    )
  })

  it('writes what Weaviate reads as int64', () => {
    expect(encodeJson([-0, 2 ** 53, 2 ** 62, 2 ** 63, -(2 ** 63), 1e21, 0.5])).toBe(
      '[-0,9007199254740992,4611686018427387904,9223372036854775807,-9223372036854775808,1e+21,0.5]',
    )
  })
})
