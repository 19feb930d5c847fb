/** The HTTP/2 connection to a gRPC server: made when a call needs it, and anew once it is gone. */
import {Buffer} from 'node:buffer'
import {once} from 'node:events'
import {request as httpRequest} from 'node:http'
import {type ClientHttp2Session, connect as connectHttp2} from 'node:http2'
import {connect as connectTcp, isIP, type Socket} from 'node:net'
import {connect as connectTls} from 'node:tls'
import {getProxyForUrl} from 'proxy-from-env'

import {ReceivedBuffers} from '../../platform/received-buffers.js'
import {GrpcStatus, StatusError} from './status.js'

export interface LinkOptions {
  /** `host:port` */
  address: string
  /** The name that TLS and the server see, where `address` is one of several that it stands for: no proxy is used then. */
  authority?: string
  /** PEM text to trust. */
  ca?: string
  /** TLS. */
  secure: boolean
}

// gRPC servers hang up on clients that ask more often than every five minutes whether they are still there.
const KEEPALIVE_MS = 330_000
const KEEPALIVE_TIMEOUT_MS = 20_000

// HTTP/2 windows: Node's 64 KiB would make a page of megabytes wait for a round trip per 64 KiB.
const FLOW_CONTROL_WINDOW = 4 * 1024 * 1024

/** One HTTP/2 session. */
export interface LinkSession {
  received: ReceivedBuffers
  session: ClientHttp2Session
}

export class GrpcLink {
  #current?: Promise<LinkSession>
  #isClosed = false
  /** Of `performance.now()`. */
  #begunAt = 0

  constructor(private readonly options: LinkOptions) {}

  /** Of `:authority`. */
  get authority(): string {
    return this.options.authority ?? this.options.address
  }

  get scheme(): string {
    return this.options.secure ? 'https' : 'http'
  }

  /** @throws StatusError UNAVAILABLE. */
  async session(): Promise<LinkSession> {
    if (this.#isClosed) throw new StatusError(GrpcStatus.UNAVAILABLE, 'The connection was closed')
    if (!this.#current) {
      const current = this.#open()
      this.#current = current
      this.#begunAt = performance.now()
      const forget = () => {
        if (this.#current === current) this.#current = undefined
      }

      current
        .then(({session}) => {
          session.once('close', forget)
          // What is under way is answered; new calls need another connection.
          session.once('goaway', forget)
        })
        .catch(forget)
    }

    return this.#current
  }

  /** Leaves a connection that was begun before `time` (of `performance.now()`), on which nothing is heard any more. Its calls end by their own deadlines. */
  leave(time: number): void {
    if (!this.#current || this.#begunAt > time) return
    this.#current.then(closeSession).catch(() => {})
    this.#current = undefined
  }

  close(): void {
    this.#isClosed = true
    this.#current?.then(closeSession).catch(() => {})
  }

  async #open(): Promise<LinkSession> {
    let socket: Socket
    try {
      socket = await openSocket(this.options)
    } catch (error) {
      throw unconnected(error)
    }

    return new Promise((resolve, reject) => {
      const session = connectHttp2(`${this.scheme}://${this.authority}`, {
        createConnection: () => socket,
        // Node counts all that is on its way, and refuses calls above 10 MB: batches in flight are more, and bounded elsewhere.
        maxSessionMemory: Number.MAX_SAFE_INTEGER,
        settings: {enablePush: false, initialWindowSize: FLOW_CONTROL_WINDOW},
      })
      // Only calls under way keep the process alive.
      session.unref()
      session.on('error', (error) => {
        reject(unconnected(error))
      })
      session.once('close', () => {
        reject(unconnected(new Error('it was closed at once')))
      })
      session.once('connect', () => {
        session.setLocalWindowSize(FLOW_CONTROL_WINDOW * 2)
        resolve({received: new ReceivedBuffers(), session})
      })
      session.setTimeout(KEEPALIVE_MS, () => {
        probe(session)
      })
    })
  }
}

function closeSession({session}: LinkSession): void {
  session.close()
}

function unconnected(error: unknown): StatusError {
  const words = error instanceof Error ? error.message : String(error)
  return new StatusError(GrpcStatus.UNAVAILABLE, `No connection established. Last error: ${words}`, error)
}

/** Whether somebody is still there, asked of a connection that has been silent. */
function probe(session: ClientHttp2Session): void {
  if (session.closed || session.destroyed) return
  const timer = setTimeout(() => {
    session.destroy(new Error('keepalive: no answer'))
  }, KEEPALIVE_TIMEOUT_MS)
  timer.unref()
  session.ping(() => {
    clearTimeout(timer)
  })
}

async function openSocket({address, authority, ca, secure}: LinkOptions): Promise<Socket> {
  const place = placeOf(address)
  const proxy = authority === undefined ? proxyFor(address) : undefined
  const tunnel = proxy && (await openTunnel(proxy, address))
  if (!secure) return tunnel ?? connected(connectTcp(place), 'connect')
  const name = placeOf(authority ?? address).host
  const socket = connectTls({
    ...(tunnel ? {socket: tunnel} : place),
    ALPNProtocols: ['h2'],
    ca,
    // Names only: addresses are not sent.
    ...(isIP(name) ? {host: name} : {servername: name}),
  })
  return connected(socket, 'secureConnect')
}

async function connected(socket: Socket, event: 'connect' | 'secureConnect'): Promise<Socket> {
  await once(socket, event)
  return socket.setNoDelay(true)
}

function placeOf(address: string): {host: string; port: number} {
  const at = address.lastIndexOf(':')
  return {host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(at + 1))}
}

/** By `grpc_proxy`, `https_proxy`, `http_proxy`, `no_proxy`, as gRPC has it. */
function proxyFor(address: string): undefined | URL {
  const found = ['grpc', 'https', 'http'].map((scheme) => getProxyForUrl(`${scheme}://${address}`)).find(Boolean)
  return found === undefined ? undefined : new URL(found)
}

async function openTunnel(proxy: URL, address: string): Promise<Socket> {
  const login = decodeURIComponent(`${proxy.username}:${proxy.password}`)
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      headers: {
        host: address,
        ...(proxy.username && {'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}`}),
      },
      host: proxy.hostname,
      method: 'CONNECT',
      path: address,
      port: proxy.port || 80,
    })
    request.once('error', reject)
    request.once('connect', ({statusCode}, socket, head) => {
      if (statusCode === 200) {
        // A server may have spoken first.
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
      } else {
        socket.destroy()
        reject(new Error(`the proxy answered HTTP ${statusCode}`))
      }
    })
    request.end()
  })
}
