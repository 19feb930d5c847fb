/** Addresses: what a user gives for a server, and what follows from it. */
import {Buffer} from 'node:buffer'

import {DataOpsError} from '../model/errors.js'
import {isLoopback} from '../model/loopback.js'
import {withoutUserInfo} from '../model/user-info.js'

export interface RestAddress {
  /** `Basic …`, when the address held a user and a password. */
  authorization?: string
  /** Scheme, host, port if not the scheme's own, path prefix; without a trailing slash, credentials, query or fragment. */
  url: string
}

/** @throws DataOpsError INVALID_INPUT, which shows the address without what may be secret. */
export function parseRestUrl(text: string): RestAddress {
  const url = parseUrl(text, 'https://host:port')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw badAddress(text, 'https://host:port')
  const address: RestAddress = {url: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`}
  if (url.username || url.password) {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    address.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
  }

  return address
}

export interface GrpcAddress {
  /** `host:port` */
  address: string
  /** TLS. */
  secure: boolean
}

const GRPC_FORM = 'host:port, grpcs://host:port, or a port of the same host'
const GRPC_PORT = '50051'

/**
 * `host:port` with TLS where REST has it or the port is 443, a port of the same host, or a URL whose scheme decides (grpc, http: no;
 * grpcs, https: yes).
 */
export function parseGrpcUrl(text: string, restUrl: string): GrpcAddress {
  const hasScheme = text.includes('://')
  const place = /^\s*:?\d{1,5}\s*$/.test(text) ? `${new URL(restUrl).hostname}:${text.trim().replace(':', '')}` : text
  const isSecureByDefault = restUrl.startsWith('https:') || place.endsWith(':443')
  const url = parseUrl(hasScheme ? text : `${isSecureByDefault ? 'grpcs' : 'grpc'}://${place}`, GRPC_FORM)
  if (!['grpc:', 'grpcs:', 'http:', 'https:'].includes(url.protocol) || url.username || url.password) {
    throw badAddress(text, GRPC_FORM)
  }

  const isSecure = url.protocol === 'grpcs:' || url.protocol === 'https:'
  // URL leaves out the port that is http's or https's own.
  const ownPort = {'grpc:': GRPC_PORT, 'grpcs:': '443', 'http:': '80', 'https:': '443'}[url.protocol]
  return {address: `${url.hostname}:${url.port || ownPort}`, secure: isSecure}
}

/** Where gRPC is when nobody says: as `weaviate-client` knows it for Weaviate Cloud, else port 50051 of the same host. */
export function defaultGrpcAddress(restUrl: string): GrpcAddress {
  const {hostname, protocol} = new URL(restUrl)
  const isSecure = protocol === 'https:'
  if (isSecure && hostname.endsWith('.weaviate.network')) {
    const [cluster, ...rest] = hostname.split('.')
    return {address: `${cluster}.grpc.${rest.join('.')}:443`, secure: isSecure}
  }

  if (isSecure && /\.(weaviate\.(cloud|io)|semi\.technology)$/.test(hostname)) {
    return {address: `grpc-${hostname}:443`, secure: isSecure}
  }

  return {address: `${hostname}:${GRPC_PORT}`, secure: isSecure}
}

const USUAL_PORTS: ReadonlySet<string> = new Set(['', '443', '80', '8080'])

/** Whether the default gRPC address is a guess that is likely wrong: REST is not on its usual port, so gRPC will hardly be on its own. */
export function isDoubtfulGuess(restUrl: string): boolean {
  return !USUAL_PORTS.has(new URL(restUrl).port)
}

function parseUrl(text: string, form: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url?.hostname) throw badAddress(text, form)
  return url
}

function badAddress(text: string, form: string): DataOpsError {
  // A query may be a key.
  const shown = withoutUserInfo(text, {isAddress: true}).replace(/[?#].*$/, '')
  return new DataOpsError('INVALID_INPUT', `"${shown}" is not the address of a server.`, {
    hint: `Write it as ${form}.`,
  })
}

/** Whether what is sent to an address can be read on the way: no TLS, and not on this machine. */
export function isReadableOnTheWay(restUrl: string): boolean {
  return new URL(restUrl).protocol === 'http:' && !isOnThisMachine(restUrl)
}

/** By the name in its address, so that a port that is forwarded counts too. */
export function isOnThisMachine(restUrl: string): boolean {
  const {hostname} = new URL(restUrl)
  return isLoopback(hostname) || hostname.endsWith('.localhost')
}
