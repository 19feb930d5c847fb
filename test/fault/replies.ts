/** A proxy for REST and gRPC that changes one reply on its way, as a fault of a server, a proxy or a network could. */
import {once} from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import {type AddressInfo} from 'node:net'

export type Random = () => number

/** One reply, to be changed or left: `index` counts those of both transports. */
export interface Reply {
  index: number
  /** HTTP: `GET /v1/schema`; gRPC: `/weaviate.v1.Weaviate/Search`. */
  of: string
}

export interface RepliesProxy {
  close: () => Promise<void>
  grpcUrl: string
  /** Starts to count anew, and changes the reply of that number; returns how it was changed once it was. */
  next: (target: number, random: Random) => {done?: string}
  /** Replies since. */
  readonly replies: number
  url: string
}

export async function startRepliesProxy(server: {grpcUrl: string; url: string}): Promise<RepliesProxy> {
  let target = -1
  let count = 0
  let random: Random = () => 0
  let outcome: {done?: string} = {}
  const isChosen = (): boolean => count++ === target

  const rest = http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', server.url)
    const upstream = http.request(
      url,
      {headers: {...request.headers, host: url.host}, method: request.method},
      (reply) => {
        const chunks: Buffer[] = []
        reply.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
        })
        reply.on('end', () => {
          const {'content-length': _length, 'transfer-encoding': _encoding, ...headers} = reply.headers
          let status = reply.statusCode ?? 500
          let body: Buffer = Buffer.concat(chunks)
          if (isChosen()) {
            const changed = changeRest({body, status}, random)
            outcome.done = `${request.method} ${url.pathname}: ${changed.how}`
            ;({body, status} = changed)
          }

          response.writeHead(status, headers)
          response.end(status === 204 || status === 304 ? undefined : body)
        })
      },
    )
    upstream.on('error', () => response.destroy())
    request.pipe(upstream)
  })
  const session = http2.connect(`http://${server.grpcUrl}`)
  session.on('error', () => {})
  const grpc = http2.createServer()
  grpc.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const upstream = session.request({...headers, ':authority': server.grpcUrl})
    upstream.on('error', () => {
      if (!stream.destroyed) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
    })
    stream.pipe(upstream)
    let replied: http2.IncomingHttpHeaders = {}
    let trailers: http2.IncomingHttpHeaders = {}
    const chunks: Buffer[] = []
    upstream.on('response', (response: http2.IncomingHttpHeaders) => {
      replied = response
    })
    upstream.on('trailers', (response: http2.IncomingHttpHeaders) => {
      trailers = response
    })
    upstream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
    })
    upstream.on('end', () => {
      if (stream.destroyed) return
      let body: Buffer = Buffer.concat(chunks)
      if (isChosen()) {
        const changed = changeGrpc(body, random)
        outcome.done = `${String(headers[':path'])}: ${changed.how}`
        ;({body} = changed)
      }

      // Errors are a reply of trailers alone.
      if (body.length === 0 && replied['grpc-status'] !== undefined) {
        stream.respond(replied, {endStream: true})
        return
      }

      stream.respond(replied, {waitForTrailers: true})
      stream.on('wantTrailers', () => {
        stream.sendTrailers(trailers)
      })
      stream.end(body)
    })
  })
  rest.listen(0, '127.0.0.1')
  grpc.listen(0, '127.0.0.1')
  await Promise.all([once(rest, 'listening'), once(grpc, 'listening')])
  const portOf = (listener: {address: () => unknown}): number => (listener.address() as AddressInfo).port
  const sessions = new Set<http2.ServerHttp2Session>()
  grpc.on('session', (each) => {
    sessions.add(each)
    each.once('close', () => sessions.delete(each))
  })
  return {
    async close() {
      session.destroy()
      for (const each of sessions) each.destroy()
      rest.closeAllConnections()
      await Promise.all(
        [rest, grpc].map(async (each) => {
          await new Promise((resolve) => {
            each.close(resolve)
          })
        }),
      )
    },
    grpcUrl: `127.0.0.1:${portOf(grpc)}`,
    next(wanted, by) {
      target = wanted
      count = 0
      random = by
      outcome = {}
      return outcome
    },
    get replies() {
      return count
    },
    url: `http://127.0.0.1:${portOf(rest)}`,
  }
}

const pick = <T>(choices: readonly T[], random: Random): T => choices[Math.floor(random() * choices.length)]!

interface RestReply {
  body: Buffer
  status: number
}

type Json = Json[] | boolean | number | string | {[key: string]: Json} | null

const STRANGE: readonly Json[] = [null, '', 'x', 0, -1, 1.5, 1e30, true, [], {}, [null], {a: null}]

function changeRest({body, status}: RestReply, random: Random): RestReply & {how: string} {
  const text = body.toString('utf8')
  const kind = pick(['member', 'member', 'member', 'text', 'status'], random)
  if (kind === 'status') {
    const other = pick(
      [200, 204, 301, 400, 404, 422, 500, 502].filter((each) => each !== status),
      random,
    )
    return {body, how: `status ${other}`, status: other}
  }

  let json: Json | undefined
  try {
    json = kind === 'member' ? (JSON.parse(text) as Json) : undefined
  } catch {
    // Not JSON: changed as text.
  }

  if (json === undefined) {
    const how = pick(['cut', 'empty', 'flip', 'twice', 'html'] as const, random)
    const changed = {
      cut: () => body.subarray(0, Math.floor(random() * body.length)),
      empty: () => Buffer.alloc(0),
      flip: () => flipped(body, random),
      html: () => Buffer.from('<html><body>Bad gateway</body></html>'),
      twice: () => Buffer.concat([body, body]),
    }[how]()
    return {body: changed, how: `text ${how}`, status}
  }

  const holder = {'': json}
  const how = changeJson(holder, random)
  return {body: Buffer.from(JSON.stringify(holder['']) ?? ''), how, status}
}

/** Changes one place of a JSON value. Returns where and how. */
function changeJson(root: Record<string, Json>, random: Random): string {
  const places: Array<{at: string; holder: Json[] | Record<string, Json>; key: string}> = []
  const walk = (holder: Json[] | Record<string, Json>, at: string): void => {
    for (const [key, value] of Object.entries(holder)) {
      places.push({at: `${at}/${key}`, holder, key})
      if (typeof value === 'object' && value !== null) walk(value, `${at}/${key}`)
    }
  }

  walk(root, '')
  const {at, holder, key} = pick(places, random)
  const members = holder as Record<string, Json>
  const value = members[key]!
  if (Array.isArray(value) && value.length > 0 && random() < 0.7) {
    const how = pick(['shorter', 'first gone', 'twice', 'reversed', 'empty', 'one twice', 'null within'], random)
    const changed: Record<string, () => Json[]> = {
      empty: () => [],
      'first gone': () => value.slice(1),
      'null within': () => [...value.slice(0, -1), null],
      'one twice': () => [...value, value.at(-1)!],
      reversed: () => value.toReversed(),
      shorter: () => value.slice(0, Math.floor(random() * value.length)),
      twice: () => [...value, ...value],
    }
    members[key] = changed[how]!()
    return `${at} ${how}`
  }

  if (random() < 0.4) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1)
    else Reflect.deleteProperty(members, key)
    return `${at} gone`
  }

  const strange = pick(STRANGE, random)
  members[key] = strange
  return `${at} = ${JSON.stringify(strange)}`
}

function flipped(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length > 0) copy[Math.floor(random() * copy.length)]! ^= 1 << Math.floor(random() * 8)
  return copy
}

function changeGrpc(body: Buffer, random: Random): {body: Buffer; how: string} {
  const kind = pick(['field', 'field', 'field', 'field', 'frame'], random)
  if (body.length < 5 || kind === 'frame') {
    const how = pick(['cut', 'empty', 'length', 'compressed', 'twice', 'no message'], random)
    const changed: Record<string, () => Buffer> = {
      compressed: () => withByte(body, 0, 1),
      cut: () => body.subarray(0, Math.floor(random() * body.length)),
      empty: () => Buffer.alloc(0),
      length: () => withByte(body, 4, (body[4] ?? 0) ^ 0x11),
      'no message': () => Buffer.from([0, 0, 0, 0, 0]),
      twice: () => Buffer.concat([body, body]),
    }
    return {body: changed[how]!(), how: `frame ${how}`}
  }

  const {bytes, how} = changeMessage(body.subarray(5), random, 0)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(bytes.length, 1)
  return {body: Buffer.concat([head, bytes]), how}
}

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  if (at < copy.length) copy[at] = value
  return copy
}

interface ProtoField {
  /** Tag, length and payload. */
  bytes: Buffer
  number: number
  /** Of a length-delimited one. */
  payload?: Buffer
}

function readVarint(bytes: Buffer, from: number): undefined | {end: number; value: number} {
  let value = 0
  for (let at = from, shift = 0; at < bytes.length && shift < 49; at++, shift += 7) {
    value += (bytes[at]! & 0x7f) * 2 ** shift
    if (bytes[at]! < 0x80) return {end: at + 1, value}
  }

  return undefined
}

/** undefined: it is no message. */
function fieldsOf(bytes: Buffer): ProtoField[] | undefined {
  const fields: ProtoField[] = []
  for (let at = 0; at < bytes.length;) {
    const tag = readVarint(bytes, at)
    if (!tag || tag.value < 8) return undefined
    const wire = tag.value & 7
    let end: number
    let payload: Buffer | undefined
    switch (wire) {
      case 0: {
        end = readVarint(bytes, tag.end)?.end ?? Infinity
        break
      }

      case 1: {
        end = tag.end + 8
        break
      }

      case 5: {
        end = tag.end + 4
        break
      }

      case 2: {
        const length = readVarint(bytes, tag.end)
        if (!length) return undefined
        end = length.end + length.value
        payload = bytes.subarray(length.end, end)

        break
      }

      default: {
        return undefined
      }
    }

    if (end > bytes.length) return undefined
    fields.push({bytes: bytes.subarray(at, end), number: Math.floor(tag.value / 8), payload})
    at = end
  }

  return fields
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push(rest >= 0x80 ? (rest % 0x80) | 0x80 : rest)
    rest = Math.floor(rest / 0x80)
  } while (rest > 0)

  return Buffer.from(bytes)
}

function delimited(number: number, payload: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(payload.length), payload])
}

/** Changes one field, at any depth. */
function changeMessage(bytes: Buffer, random: Random, depth: number): {bytes: Buffer; how: string} {
  const fields = fieldsOf(bytes)
  if (!fields || fields.length === 0) return {bytes: flipped(bytes, random), how: `${depth}: flip`}
  const index = Math.floor(random() * fields.length)
  const field = fields[index]!
  const {number, payload} = field
  const inner = payload && payload.length > 0 ? fieldsOf(payload) : undefined
  const replaced = (by: Buffer[]): Buffer =>
    Buffer.concat(
      [...fields.slice(0, index), ...by.map((each) => ({bytes: each})), ...fields.slice(index + 1)].map(
        (each) => each.bytes,
      ),
    )
  if (inner && random() < 0.65 && payload) {
    const changed = changeMessage(payload, random, depth + 1)
    return {bytes: replaced([delimited(number, changed.bytes)]), how: `${number}.${changed.how}`}
  }

  const how = pick(['gone', 'twice', 'cut', 'empty', 'other number', 'varint', 'swap', 'rest gone', 'flip'], random)
  const changes: Record<string, () => Buffer> = {
    cut: () => replaced([delimited(number, (payload ?? field.bytes).subarray(0, -1))]),
    empty: () => replaced([delimited(number, Buffer.alloc(0))]),
    flip: () => replaced([flipped(field.bytes, random)]),
    gone: () => replaced([]),
    'other number': () =>
      replaced([
        payload ? delimited(number + 40, payload) : varint((number + 40) * 8),
        ...(payload ? [] : [varint(1)]),
      ]),
    'rest gone': () => Buffer.concat(fields.slice(0, index).map((each) => each.bytes)),
    swap: () => Buffer.concat(fields.toReversed().map((each) => each.bytes)),
    twice: () => replaced([field.bytes, field.bytes]),
    varint: () => replaced([varint(number * 8), varint(2 ** 40)]),
  }
  return {bytes: changes[how]!(), how: `${number} ${how}`}
}
