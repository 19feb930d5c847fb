/** REST transport: JSON over HTTP with keep-alive, one timeout a request, and typed errors that never hold a header. */
import type * as Undici from 'undici'

import {Buffer} from 'node:buffer'
import {isIPv6, type LookupFunction} from 'node:net'
import {rootCertificates} from 'node:tls'

import type {JsonValue} from '../../model/object.js'
import type {ReplyMeter, ServerCall} from '../connection.js'

import {DataOpsError, interrupted, orInterrupted, throwIfAborted} from '../../model/errors.js'
import {told} from '../calls.js'
import {networkError, redact, restError} from '../errors.js'
import {type Headers, type HeaderSource, withHeaders} from '../headers.js'
import {backoffMs, sleep} from '../retry.js'

export interface HttpClientOptions {
  /** Extra PEM text to trust, beside the platform's own. */
  ca?: string
  headers: HeaderSource
  onCall?: (call: ServerCall) => void
  /** The IP address that the host's name stands for here; no proxy is used then. */
  pinned?: string
  /** A proxy's URL, or `env` to follow HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  proxy?: string
  /** Milliseconds for one request, its whole reply included. */
  timeoutMs: number
  /** Bytes of a reply at most; default 512 MiB, about what one text can hold. */
  maxBodyBytes?: number
  /** Where `/v1` stands: scheme, host, and a path prefix if there is one; no credentials. */
  url: string
}

export interface HttpRequest {
  /** What is done, to follow "Cannot": `read objects of Article`. */
  action: string
  /** JSON text. */
  body?: string
  /** Other than JSON. */
  contentType?: string
  /** Counts the reply's body as it comes, and those of other requests that have it. */
  meter?: ReplyMeter
  method: 'DELETE' | 'GET' | 'POST' | 'PUT'
  /** Below the client's URL (`/v1/schema`), or a whole URL elsewhere, which gets no headers of ours. */
  path: string
  query?: Record<string, number | string | undefined>
  signal?: AbortSignal
}

export interface HttpReply {
  /** Of the body, after any content encoding is undone. */
  bytes: number
  /** The header. */
  date?: string
  text: string
}

const MAX_BODY_BYTES = 536_000_000
/** Of what is asked again where its connection breaks: a server that lets go of connections that were idle does it once. */
const REPETITIONS = 2
const MAX_WAIT_MS = 1000

export class HttpClient {
  readonly #options: HttpClientOptions
  /** From the first request on: a thread that makes none saves 8 MB. */
  #wire: Promise<Wire> | undefined

  constructor(options: HttpClientOptions) {
    this.#options = options
  }

  async #exchange(
    url: URL,
    {meter, ...options}: Pick<HttpRequest, 'body' | 'meter' | 'method' | 'signal'> & {headers: Headers},
  ): Promise<RawReply> {
    const {dispatcher, request} = await (this.#wire ??= openWire(this.#options))
    const {body, headers, statusCode} = await request(url, {
      ...options,
      // One timer covers both; these count from the last byte.
      bodyTimeout: 0,
      dispatcher,
      headersTimeout: 0,
    })
    const {date, 'retry-after': retryAfter} = headers
    const bytes = await readBody(body, this.#options.maxBodyBytes ?? MAX_BODY_BYTES, meter)
    return {bytes, ...(typeof date === 'string' && {date}), retryAfter, status: statusCode}
  }

  async close(): Promise<void> {
    const wire = await this.#wire?.catch(() => {})
    // Not close(): it would wait for requests that were given up.
    await wire?.dispatcher.destroy()
  }

  /**
   * The reply parsed as JSON.
   * @throws DataOpsError as `send` does; UNEXPECTED when the reply is not JSON, with `details.emptyBody` when it is empty
   * (Weaviate answers 200 with nothing when a vector in it is not finite: JSON cannot carry it).
   */
  async json<T>(httpRequest: HttpRequest): Promise<{bytes: number; value: T}> {
    const {bytes, text} = await this.send(httpRequest)
    if (bytes === 0) {
      throw new DataOpsError('UNEXPECTED', `Cannot ${httpRequest.action}: the server sent an empty reply.`, {
        details: {emptyBody: true},
      })
    }

    try {
      const value: unknown = JSON.parse(text)
      if (typeof value === 'object' && value !== null) return {bytes, value: value as T}
    } catch {
      throw new DataOpsError('UNEXPECTED', `Cannot ${httpRequest.action}: the server's reply is not JSON.`, {
        hint: 'Check that the address is that of a Weaviate server.',
      })
    }

    throw new DataOpsError(
      'UNEXPECTED',
      `Cannot ${httpRequest.action}: what the server answered cannot be right: it is neither an object nor a list.`,
    )
  }

  /**
   * Sends a request and reads the whole reply. What only asks is asked again where its connection breaks, but for pages of objects: how large
   * the next one is to be is for those who asked.
   * @throws DataOpsError by status (see `restError`); SERVER_UNAVAILABLE when there is no reply in time; INTERRUPTED.
   */
  async send(httpRequest: HttpRequest): Promise<HttpReply> {
    const isAskedAgain = httpRequest.method === 'GET' && httpRequest.meter === undefined
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#sendOnce(httpRequest)
      } catch (error) {
        if (!isAskedAgain || attempt >= REPETITIONS || !isBroken(error)) throw error
        await sleep(backoffMs(attempt, MAX_WAIT_MS), httpRequest.signal)
      }
    }
  }

  async #sendOnce(httpRequest: HttpRequest): Promise<HttpReply> {
    return told(this.#options.onCall, {action: httpRequest.action, transport: 'rest'}, async () => {
      throwIfAborted(httpRequest.signal)
      const isElsewhere = !httpRequest.path.startsWith('/')
      const reply = await (isElsewhere
        ? this.#send(httpRequest, {})
        : withHeaders(this.#options.headers, async (headers) => this.#send(httpRequest, headers)))
      return {bytes: reply.bytes, reply}
    })
  }

  async #send(httpRequest: HttpRequest, ours: Headers): Promise<HttpReply> {
    const {action, body, contentType = 'application/json', meter, method, path, query, signal} = httpRequest
    const {timeoutMs} = this.#options
    throwIfAborted(signal)
    const url = new URL(path.startsWith('/') ? `${this.#options.url}${path}` : path)
    for (const [key, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, String(value))
    }

    const headers: Headers = {...ours, ...(body !== undefined && {'content-type': contentType})}
    const deadline = new AbortController()
    // Not AbortSignal.timeout(), which would let the process end meanwhile.
    const timer = setTimeout(() => {
      deadline.abort()
    }, timeoutMs)
    const stop = signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal
    let reply: RawReply
    try {
      // undici heeds a signal only once it is connected, and a proxy may never let it.
      reply = await orInterrupted(this.#exchange(url, {body, headers, meter, method, signal: stop}), stop)
    } catch (error) {
      if (signal?.aborted) throw interrupted(signal)
      if (deadline.signal.aborted) {
        throw new DataOpsError(
          'SERVER_UNAVAILABLE',
          `Cannot ${action}: ${url.host} did not answer within ${timeoutMs / 1000} s.`,
          {details: {address: url.host, networkCode: 'TIMEOUT', reached: true}, hint: 'Allow more time.'},
        )
      }

      throw networkError(error, action, url.host)
    } finally {
      clearTimeout(timer)
    }

    const {bytes, date, retryAfter, status} = reply
    const text = new TextDecoder().decode(bytes)
    if (status < 300) return {bytes: bytes.byteLength, ...(date !== undefined && {date}), text}
    throw restError({
      action,
      body: redact(text, headers),
      retryAfterMs: parseRetryAfter(retryAfter),
      status,
    })
  }
}

/** Whether somebody was there, and the connection ended before the reply did. */
function isBroken(error: unknown): boolean {
  if (!(error instanceof DataOpsError) || error.code !== 'SERVER_UNAVAILABLE') return false
  return error.details.reached === true && error.details.networkCode !== 'TIMEOUT'
}

interface RawReply {
  bytes: Uint8Array
  date?: string
  retryAfter?: string | string[]
  status: number
}

/** The whole body, unless it has no end. */
async function readBody(body: AsyncIterable<Uint8Array>, maxBytes: number, meter?: ReplyMeter): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (meter) meter.received += chunk.byteLength
    const {most = Infinity, received = 0} = meter ?? {}
    if (bytes > maxBytes || received > most) {
      // Whoever asked for a page may ask for a smaller one.
      throw new DataOpsError('UNEXPECTED', `The server's reply is longer than ${Math.min(maxBytes, most)} bytes.`, {
        details: {tooLarge: true},
      })
    }

    chunks.push(chunk)
  }

  return Buffer.concat(chunks, bytes)
}

interface Wire {
  dispatcher: Undici.Dispatcher
  request: typeof Undici.request
}

async function openWire({ca, pinned, proxy, url}: HttpClientOptions): Promise<Wire> {
  // As a whole: bundlers that split give no more of what is imported late.
  const {Agent, EnvHttpProxyAgent, ProxyAgent, request} = (await import('undici')).default
  const connect = {
    // `ca` replaces what Node trusts: name both.
    ...(ca && {ca: [...rootCertificates, ca]}),
    ...(pinned !== undefined && {lookup: alwaysTo(pinned)}),
    timeout: 10_000,
  }
  const options = {connect, keepAliveTimeout: 30_000, requestTls: connect}
  if (!proxy || pinned !== undefined) return {dispatcher: new Agent(options), request}
  if (proxy === 'env') return {dispatcher: new EnvHttpProxyAgent(options), request}
  try {
    // Plain http goes through the proxy as a forwarded request, https through a tunnel.
    return {dispatcher: new ProxyAgent({...options, proxyTunnel: url.startsWith('https:'), uri: proxy}), request}
  } catch {
    throw new DataOpsError('INVALID_INPUT', 'The address of the proxy is not a URL.', {
      hint: 'Write it as http://host:port.',
    })
  }
}

/** Resolves every name to one address, so that TLS and the Host header keep the name. */
function alwaysTo(address: string): LookupFunction {
  const family = isIPv6(address) ? 6 : 4
  return (_hostname, options, callback) => {
    if (options.all) callback(null, [{address, family}])
    else callback(null, address, family)
  }
}

/** Milliseconds that a Retry-After header (seconds, or an HTTP date) asks for. */
export function parseRetryAfter(header: string | string[] | undefined, now = Date.now()): number | undefined {
  const text = Array.isArray(header) ? header[0] : header
  if (!text) return undefined
  if (/^\d+(\.\d+)?$/.test(text.trim())) return Math.round(Number(text) * 1000)
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** Whether a 200 came without a body. */
export function isEmptyReply(error: unknown): boolean {
  return error instanceof DataOpsError && error.details.emptyBody === true
}

const {rawJSON} = JSON as unknown as {rawJSON: (text: string) => JsonValue}

/**
 * JSON text that keeps every float64: negative zero, and integers past 2^53 written out, which Weaviate reads as int64
 * (`JSON.stringify` rounds their decimal digits, 9223372036854776000 no longer being one).
 */
export function encodeJson(value: unknown): string {
  if (!requiresRawNumbers(value)) return JSON.stringify(value)
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'number' && isRawNumber(item) ? rawJSON(rawNumber(item)) : item,
  )
}

function requiresRawNumbers(value: unknown): boolean {
  if (typeof value === 'number') return isRawNumber(value)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some((item) => requiresRawNumbers(item))
  for (const key in value) if (requiresRawNumbers((value as Record<string, unknown>)[key])) return true
  return false
}

function isRawNumber(value: number): boolean {
  return Object.is(value, -0) || (Math.abs(value) > Number.MAX_SAFE_INTEGER && Math.abs(value) <= 2 ** 63)
}

function rawNumber(value: number): string {
  if (value === 0) return '-0'
  // 2^63 is no int64, but the largest int64 reads back as the same float64.
  return value === 2 ** 63 ? '9223372036854775807' : String(BigInt(value))
}
