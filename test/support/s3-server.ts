/** A small S3 for tests: conditions are atomic, uploads and listings are like the real ones', and it fails on demand. */
import type {AddressInfo, Socket} from 'node:net'

import {createHash, randomBytes} from 'node:crypto'
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import {setTimeout as sleep} from 'node:timers/promises'
import {crc32} from 'node:zlib'

import {type Answer, bucketRoutes, type Buckets, objectRoutes, S3Refusal, type S3Request} from './s3-routes.js'

export type {S3Request} from './s3-routes.js'

/**
 * What happens to a request instead of, or besides, being answered: `cut` without doing it, `lost` after doing it, `short`: half of
 * the answer's body, `stall`: no answer for ever, a status with S3's code, or a pause in milliseconds.
 */
export type Fault =
  'cut' | 'lost' | 'short' | 'stall' | {code: string; retryAfter?: number; status: number} | {pauseMs: number}

export interface S3Server {
  buckets: Buckets
  close: () => Promise<void>
  endpoint: string
  /** Milliseconds that its clock is ahead of this one, as far as its answers tell. */
  clockAheadMs?: number
  /** Forgets what lies in its bucket, unfinished uploads too, and does what it is asked again. */
  empty: () => void
  /** Answers of that operation say that there is more, and not where. */
  endless?: string
  /** Asked for each request, in the order of their arrival. */
  fault: ((request: S3Request) => Fault | undefined) | undefined
  /** The environment of a process that uses it. */
  env: Record<string, string>
  /** Conditions are not looked at. */
  ignoresConditions: boolean
  /** Asked for the lock of an object it gives the object, as moto does. */
  ignoresRetention: boolean
  /** Bytes of the largest request body so far. */
  largestBody: number
  /** Bytes of request bodies that are being worked on, at most. */
  maxBytesAtOnce: number
  /** Operations so far. */
  operations: string[]
}

export const BUCKET = 'backups'

export async function startS3({port = 0}: {port?: number} = {}): Promise<S3Server> {
  const sockets = new Set<Socket>()
  let bytesAtOnce = 0
  const http: Server = createServer((request, response) => {
    void answer(request, response)
  })
  http.keepAliveTimeout = 60_000
  http.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => {
    http.listen(port, '127.0.0.1', resolve)
  })
  const address = http.address() as AddressInfo
  const endpoint = `http://127.0.0.1:${address.port}`
  const server: S3Server = {
    buckets: new Map([[BUCKET, {objects: new Map(), uploads: new Map()}]]),
    empty() {
      const {objects, uploads} = server.buckets.get(BUCKET)!
      objects.clear()
      uploads.clear()
      server.fault = undefined
    },
    async close() {
      const closed = new Promise((resolve) => {
        http.close(resolve)
      })
      for (const socket of sockets) socket.destroy()
      await closed
    },
    endpoint,
    env: {
      AWS_ACCESS_KEY_ID: 'tests-own-key',
      AWS_CONFIG_FILE: '/nonexistent/config',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_SECRET_ACCESS_KEY: 'tests-own-secret',
      AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
    },
    fault: undefined,
    ignoresConditions: false,
    ignoresRetention: false,
    largestBody: 0,
    maxBytesAtOnce: 0,
    operations: [],
  }

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    let size = 0
    try {
      for await (const piece of incoming as AsyncIterable<Buffer>) {
        pieces.push(piece)
        size += piece.length
        bytesAtOnce += piece.length
        server.maxBytesAtOnce = Math.max(server.maxBytesAtOnce, bytesAtOnce)
      }
    } catch {
      bytesAtOnce -= size
      return
    }

    const request = requestOf(incoming, Buffer.concat(pieces))
    server.operations.push(request.operation)
    server.largestBody = Math.max(server.largestBody, request.body.length)
    const fault = server.fault?.(request)
    try {
      if (fault === 'cut') {
        incoming.socket.destroy()
        return
      }

      if (fault === 'stall') return
      if (typeof fault === 'object' && 'pauseMs' in fault) await sleep(fault.pauseMs)
      const result = typeof fault === 'object' && 'code' in fault ? refusal(fault) : handle(server, request)
      if (server.endless === request.operation) result.body = endless(String(result.body))
      if (fault === 'lost') incoming.socket.destroy()
      else send(response, request, dated(result, server), fault === 'short')
    } finally {
      bytesAtOnce -= size
    }
  }

  return server
}

function dated(answer: Answer, {clockAheadMs}: S3Server): Answer {
  if (clockAheadMs === undefined) return answer
  return {...answer, headers: {...answer.headers, date: new Date(Date.now() + clockAheadMs).toUTCString()}}
}

function endless(body: string): string {
  return body.replace('<IsTruncated>false<', '<IsTruncated>true<').replaceAll(/<Next\w+>.*?<\/Next\w+>/g, '')
}

function refusal({code, retryAfter, status}: {code: string; retryAfter?: number; status: number}): Answer {
  return {
    ...new S3Refusal(status, code).answer,
    ...(retryAfter !== undefined && {headers: {'retry-after': String(retryAfter)}}),
  }
}

const CHECKSUMS: Readonly<Record<string, (body: Buffer) => string>> = {
  'x-amz-checksum-crc32'(body) {
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(body))
    return sum.toString('base64')
  },
  'x-amz-checksum-sha256': (body) => createHash('sha256').update(body).digest('base64'),
}

function handle(server: S3Server, request: S3Request): Answer {
  try {
    if (!request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 Credential=tests-own-key/'))
      throw new S3Refusal(403, 'AccessDenied')
    for (const [header, checksumOf] of Object.entries(CHECKSUMS)) {
      const given = request.headers[header]
      if (given !== undefined && checksumOf(request.body) !== given) throw new S3Refusal(400, 'BadDigest')
    }

    const signed = request.headers['x-amz-content-sha256'] ?? ''
    if (/^[\da-f]{64}$/.test(signed) && createHash('sha256').update(request.body).digest('hex') !== signed)
      throw new S3Refusal(400, 'XAmzContentSHA256Mismatch')
    const bucket = server.buckets.get(request.bucket)
    if (!bucket) throw new S3Refusal(404, 'NoSuchBucket')
    const isOther = server.ignoresRetention && request.operation === 'GetObjectRetention'
    const operation = isOther ? 'GetObject' : request.operation
    const route = (request.key === '' ? bucketRoutes : objectRoutes)[operation]
    if (!route) throw new S3Refusal(501, 'NotImplemented')
    const headers = server.ignoresConditions
      ? {...request.headers, 'if-match': undefined, 'if-none-match': undefined}
      : request.headers
    return route(bucket, {...request, headers})
  } catch (error) {
    if (error instanceof S3Refusal) return error.answer
    throw error
  }
}

function send(
  response: ServerResponse,
  request: S3Request,
  {body = '', headers, status}: Answer,
  isShort: boolean,
): void {
  const bytes = Buffer.from(body)
  response.writeHead(status, {
    'content-length': String(bytes.length),
    'x-amz-request-id': randomBytes(8).toString('hex'),
    ...headers,
  })
  if (request.operation.startsWith('Head')) response.end()
  else if (isShort) response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
  else response.end(bytes)
}

function requestOf(incoming: IncomingMessage, body: Buffer): S3Request {
  const url = new URL(incoming.url ?? '/', 'http://s3')
  const [bucket = '', ...rest] = decodeURIComponent(url.pathname.slice(1)).split('/')
  const key = rest.join('/')
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  )
  return {
    body: headers['x-amz-content-sha256']?.startsWith('STREAMING-') ? withoutChunks(body) : body,
    bucket,
    headers,
    key,
    operation: operationOf(incoming.method ?? '', key, url.searchParams),
    query: url.searchParams,
  }
}

/** What stands in the chunks of `aws-chunked`, each after a line with its length; signatures and trailers are not looked at. */
function withoutChunks(body: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; ;) {
    const start = body.indexOf('\r\n', at) + 2
    const length = Number.parseInt(body.toString('latin1', at, start), 16)
    if (length === 0) return Buffer.concat(pieces)
    if (start < 2 || Number.isNaN(length)) throw new S3Refusal(400, 'IncompleteBody')
    pieces.push(body.subarray(start, start + length))
    at = start + length + 2
  }
}

function operationOf(method: string, key: string, query: URLSearchParams): string {
  if (key === '') {
    if (method === 'POST' && query.has('delete')) return 'DeleteObjects'
    if (method === 'GET' && query.has('uploads')) return 'ListMultipartUploads'
    if (method === 'GET' && query.has('versions')) return 'ListObjectVersions'
    if (method === 'GET' && query.has('object-lock')) return 'GetObjectLockConfiguration'
    return {GET: 'ListObjectsV2', HEAD: 'HeadBucket'}[method] ?? method
  }

  if (method === 'POST') return query.has('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload'
  if (query.has('retention')) return method === 'PUT' ? 'PutObjectRetention' : 'GetObjectRetention'
  if (query.has('uploadId')) return {DELETE: 'AbortMultipartUpload', PUT: 'UploadPart'}[method] ?? method
  return {DELETE: 'DeleteObject', GET: 'GetObject', HEAD: 'HeadObject', PUT: 'PutObject'}[method] ?? method
}
