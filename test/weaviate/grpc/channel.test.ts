/** Unary calls on the wire, against an HTTP/2 server that says what each test wants. */
import {once} from 'node:events'
import {createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream} from 'node:http2'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import {setTimeout} from 'node:timers/promises'
import {afterEach, describe, expect, it} from 'vitest'

import {GrpcChannel, type GrpcChannelOptions} from '../../../src/weaviate/grpc/channel.js'
import {MessageAssembler, MessageMemory} from '../../../src/weaviate/grpc/message.js'

const closers: Array<() => void> = []
afterEach(() => {
  delete process.env.grpc_proxy
  while (closers.length > 0) closers.pop()!()
})

type Answer = (stream: ServerHttp2Stream, request: Buffer, headers: Record<string, unknown>) => void

async function start(answer: Answer): Promise<{port: number; server: Http2Server; sessions: ServerHttp2Session[]}> {
  const sessions: ServerHttp2Session[] = []
  const server = createServer({maxSessionMemory: 1000})
  server.on('session', (session) => {
    sessions.push(session)
  })
  server.on('stream', (stream, headers) => {
    const pieces: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece)
    })
    stream.on('end', () => {
      answer(stream, Buffer.concat(pieces), headers)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return {port: (server.address() as AddressInfo).port, server, sessions}
}

function channelTo(port: number, more: Partial<GrpcChannelOptions> = {}): GrpcChannel {
  const channel = new GrpcChannel({
    address: `127.0.0.1:${port}`,
    maxMessageBytes: 1 << 24,
    metadata: async () => ({authorization: 'Bearer the-secret'}),
    secure: false,
    timeoutMs: 5000,
    ...more,
  })
  closers.push(() => {
    channel.close()
  })
  return channel
}

const ECHO = {
  path: '/test.Service/Echo',
  requestSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
}

function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

const OK: Readonly<Record<string, string>> = {'grpc-status': '0'}

function reply(stream: ServerHttp2Stream, bytes: Uint8Array, trailers = OK) {
  stream.respond({':status': 200, 'content-type': 'application/grpc'}, {waitForTrailers: true})
  stream.on('wantTrailers', () => {
    stream.sendTrailers(trailers)
  })
  stream.end(bytes)
}

const call = async (channel: GrpcChannel, request: Uint8Array = Buffer.from('hello'), signal?: AbortSignal) =>
  channel.call(ECHO, Buffer.from(request), {action: 'echo', signal})

describe('a call', () => {
  it('sends one message with its metadata and deadline, and returns the one that comes back', async () => {
    let seen: Record<string, unknown> = {}
    const {port} = await start((stream, request, headers) => {
      seen = headers
      reply(stream, request)
    })
    expect(await call(channelTo(port))).toEqual(Buffer.from('hello'))
    expect(seen).toMatchObject({
      ':method': 'POST',
      ':path': '/test.Service/Echo',
      authorization: 'Bearer the-secret',
      'content-type': 'application/grpc',
      'grpc-timeout': '5000m',
      te: 'trailers',
    })
  })

  it('keeps every byte of many large replies at once, with their memory used again', async () => {
    const {port} = await start((stream, request) => {
      const body = Buffer.alloc(request.readUInt32LE(6), request[5])
      reply(stream, framed(body))
    })
    const channel = channelTo(port)
    const runs = Array.from({length: 4}, async (_, worker) => {
      for (let round = 0; round < 12; round++) {
        const length = 1_000_000 + worker * 7919 + round * 104_729
        const request = Buffer.alloc(5)
        request[0] = worker * 16 + round
        request.writeUInt32LE(length, 1)
        const bytes = await call(channel, framed(request).subarray(5))
        expect(bytes.length).toBe(length)
        // Others arrive meanwhile.
        await setTimeout(1)
        expect(bytes.every((byte) => byte === request[0])).toBe(true)
        channel.release(bytes)
      }
    })
    await Promise.all(runs)
  })

  it('goes through beside others of many megabytes in all', async () => {
    const {port} = await start((stream, request) => {
      reply(stream, framed(Buffer.from(String(request.length))))
    })
    const channel = channelTo(port)
    const large = Buffer.alloc(4 * 1024 * 1024)
    const lengths = await Promise.all(Array.from({length: 8}, async () => (await call(channel, large)).toString()))
    expect(lengths).toEqual(Array.from({length: 8}, () => String(large.length + 5)))
  })

  it('takes what it needs when it is short, and the memory of another when it is long', () => {
    const memory = new MessageMemory()
    const short = memory.take(100)
    expect(short.buffer.byteLength).toBe(100)
    memory.giveBack(short)
    expect(memory.take(100).buffer).not.toBe(short.buffer)
    const long = memory.take(100_000)
    memory.giveBack(long)
    expect(memory.take(100).buffer).not.toBe(long.buffer)
    expect(memory.take(200_000).buffer).toBe(long.buffer)
  })

  it('takes a message cut anywhere, and refuses what is none', () => {
    const message = Buffer.from('some bytes of a message')
    const whole = framed(message)
    for (let cut = 1; cut < whole.length; cut++) {
      const assembler = new MessageAssembler(100, new MessageMemory())
      assembler.add(whole.subarray(0, cut))
      expect(assembler.isWhole).toBe(false)
      assembler.add(whole.subarray(cut))
      expect(assembler.isWhole).toBe(true)
      expect(assembler.bytes).toEqual(message)
    }

    const add = (...pieces: Buffer[]) => {
      const assembler = new MessageAssembler(100, new MessageMemory())
      for (const piece of pieces) assembler.add(piece)
      return assembler.isWhole
    }

    expect(() => add(whole, whole)).toThrow('More than one message')
    expect(add(whole.subarray(0, 12))).toBe(false)
    expect(add()).toBe(false)
    expect(add(framed(Buffer.alloc(0)))).toBe(true)
    expect(() => add(Buffer.from([1, 0, 0, 0, 0]))).toThrow('compressed')
    expect(() => add(framed(Buffer.alloc(101)))).toThrow('larger than max (101 vs 100)')
  })
})

describe('a call that fails', () => {
  it.each([
    [
      {'grpc-message': 'no%20such%20class', 'grpc-status': '5'},
      {code: 'SERVER_REFUSED', details: {grpcStatus: 'NOT_FOUND', reason: 'no such class'}},
    ],
    [
      {'grpc-message': 'the-secret', 'grpc-status': '16'},
      {code: 'NOT_ALLOWED', details: {reason: '***'}},
    ],
    [
      {'grpc-message': 'later', 'grpc-status': '14'},
      {code: 'SERVER_UNAVAILABLE', retryable: true},
    ],
    [{'grpc-message': 'received message larger than max (2 vs 1)', 'grpc-status': '8'}, {details: {tooLarge: true}}],
    [{'grpc-message': '100%', 'grpc-status': 'odd'}, {details: {grpcStatus: 'UNKNOWN', reason: '100%'}}],
  ])('says what the server says: %j', async (trailers, expected) => {
    const behind = await start((stream) => {
      reply(stream, Buffer.alloc(0), trailers)
    })
    await expect(call(channelTo(behind.port))).rejects.toMatchObject(expected)
    const alone = await start((stream) => {
      stream.respond({':status': 200, 'content-type': 'application/grpc', ...trailers}, {endStream: true})
    })
    await expect(call(channelTo(alone.port))).rejects.toMatchObject(expected)
  })

  it.each([
    [401, 'NOT_ALLOWED', false],
    [403, 'NOT_ALLOWED', false],
    [404, 'SERVER_REFUSED', false],
    [503, 'SERVER_UNAVAILABLE', true],
  ])('takes the HTTP status %i of what stands between', async (status, code, retryable) => {
    const {port} = await start((stream) => {
      stream.respond({':status': status, 'content-type': 'text/html'})
      stream.end('<html>no</html>')
    })
    await expect(call(channelTo(port))).rejects.toMatchObject({code, retryable})
  })

  it('does not take a reply for whole that lacks its end, its status or its message', async () => {
    const {port} = await start((stream, request) => {
      const kind = request.subarray(5).toString()
      switch (kind) {
        case 'reset': {
          stream.respond({':status': 200, 'content-type': 'application/grpc'})
          stream.write(framed(Buffer.alloc(100)).subarray(0, 50))
          void setTimeout(20).then(() => {
            stream.close(2)
          })

          break
        }

        case 'bare': {
          stream.respond({':status': 200, 'content-type': 'application/grpc'})
          stream.end(framed(Buffer.from('x')))

          break
        }

        case 'cut': {
          reply(stream, framed(Buffer.alloc(100)).subarray(0, 50))
          break
        }

        default: {
          stream.session?.destroy()
        }
      }
    })
    const channel = channelTo(port)
    await expect(call(channel, Buffer.from('reset'))).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE'})
    await expect(call(channel, Buffer.from('bare'))).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE'})
    await expect(call(channel, Buffer.from('cut'))).rejects.toMatchObject({code: 'UNEXPECTED'})
    await expect(call(channel, Buffer.from('gone'))).rejects.toMatchObject({retryable: true})
  })

  it('is a call to nobody: it can be tried again, and works once somebody is there', async () => {
    const {port, server, sessions} = await start((stream, request) => {
      reply(stream, request)
    })
    const channel = channelTo(port)
    await call(channel)
    for (const session of sessions) session.destroy()
    server.close()
    await once(server, 'close')
    await expect(call(channel)).rejects.toMatchObject({
      code: 'SERVER_UNAVAILABLE',
      details: {grpcStatus: 'UNAVAILABLE'},
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    expect(await call(channel)).toEqual(Buffer.from('hello'))
  })

  it('ends at its deadline, and by its signal', async () => {
    const {port, sessions} = await start(() => {})
    await expect(call(channelTo(port, {timeoutMs: 80}))).rejects.toMatchObject({
      code: 'SERVER_UNAVAILABLE',
      details: {grpcStatus: 'DEADLINE_EXCEEDED'},
    })
    const controller = new AbortController()
    const running = call(channelTo(port), undefined, controller.signal)
    await setTimeout(50)
    controller.abort()
    await expect(running).rejects.toMatchObject({code: 'INTERRUPTED'})
    expect(sessions).toHaveLength(2)
  })
})

describe('a connection', () => {
  it('that the server takes leave of is finished, and the next call takes another', async () => {
    const waiting = Promise.withResolvers<() => void>()
    const {port, sessions} = await start((stream, request) => {
      const answer = () => {
        reply(stream, request)
      }

      if (request.subarray(5).toString() === 'slow') waiting.resolve(answer)
      else answer()
    })
    const channel = channelTo(port)
    const slow = call(channel, Buffer.from('slow'))
    const answer = await waiting.promise
    sessions[0]!.goaway()
    await setTimeout(30)
    expect(await call(channel)).toEqual(Buffer.from('hello'))
    answer()
    expect(await slow).toEqual(Buffer.from('slow'))
    expect(sessions).toHaveLength(2)
  })

  it('on which nothing is heard is left after a deadline', async () => {
    let isSilent = true
    const {port, sessions} = await start((stream, request) => {
      if (!isSilent) reply(stream, request)
    })
    const channel = channelTo(port, {timeoutMs: 100})
    await expect(call(channel)).rejects.toMatchObject({details: {grpcStatus: 'DEADLINE_EXCEEDED'}})
    isSilent = false
    await call(channel)
    expect(sessions).toHaveLength(2)
  })

  it('goes through the proxy that the environment names, with its password, and not where it is told not to', async () => {
    const {port} = await start((stream, request) => {
      reply(stream, request)
    })
    const asked: string[] = []
    const tunnel = (socket: Socket) => {
      const onward = connectTcp(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.pipe(onward).pipe(socket)
      })
      onward.on('error', () => {})
    }

    const proxy: Server = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', (head) => {
        asked.push(head.toString())
        tunnel(socket)
      })
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    closers.push(() => {
      proxy.close()
    })
    process.env.grpc_proxy = `http://user:p%40ss@127.0.0.1:${(proxy.address() as AddressInfo).port}`
    expect(await call(channelTo(port))).toEqual(Buffer.from('hello'))
    expect(asked).toHaveLength(1)
    expect(asked[0]).toContain(`CONNECT 127.0.0.1:${port} HTTP/1.1`)
    expect(asked[0]!.toLowerCase()).toContain(
      `proxy-authorization: basic ${Buffer.from('user:p@ss').toString('base64')}`.toLowerCase(),
    )
    expect(await call(channelTo(port, {authority: `127.0.0.1:${port}`}))).toEqual(Buffer.from('hello'))
    expect(asked).toHaveLength(1)
  })
})
