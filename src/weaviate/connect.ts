/** Opens a connection: address, credentials, readiness, and the transport that objects go by. */
import type {Connection, ConnectOptions, ServerCall} from './connection.js'
import type {HeaderSource} from './headers.js'

import {DataOpsError} from '../model/errors.js'
import {belowOf} from '../model/overlay.js'
import {defaultGrpcAddress, isDoubtfulGuess, isReadableOnTheWay, parseGrpcUrl, parseRestUrl} from './address.js'
import {createAuthorize, detailsOf} from './auth.js'
import {capabilitiesOf} from './capabilities.js'
import {hasStatus} from './errors.js'
import {withReplicas} from './merged.js'
import {closeAll, describePlace, openNodes} from './nodes.js'
import {perCall, refusingUnknownVectors} from './per-call.js'
import {requirePermission} from './permissions.js'
import {aboutServer} from './rest/about.js'
import {aliasOperations} from './rest/aliases.js'
import {serverExports} from './rest/exports.js'
import {HttpClient} from './rest/http.js'
import {restObjects} from './rest/objects.js'
import {collectionOperations} from './rest/schema.js'
import {createRestSide} from './rest/side.js'
import {createTenants, listTenants, setTenantStatus, someTenants} from './rest/tenants.js'
import {openTransports, type Place, type ServerFacts, type Transports} from './transports.js'

const DEFAULT_URL = 'http://localhost:8080'

const DEFAULT_TIMEOUT_MS = 60_000

/**
 * Connects to a Weaviate server, and checks that it is ready and lets us in.
 * @throws DataOpsError CANNOT_CONNECT, NOT_ALLOWED (wrong credentials), INVALID_INPUT (an address that is none, contradicting options).
 */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  const {ca, client, onCall, proxy, timeoutMs = DEFAULT_TIMEOUT_MS, transport = 'auto'} = options
  if (Number.isNaN(timeoutMs) || timeoutMs <= 0)
    throw new DataOpsError('INVALID_INPUT', 'The timeout is not a positive number of milliseconds.')
  const given = options.url ?? (client ? await urlOf(options) : DEFAULT_URL)
  const {authorization: basic, url} = parseRestUrl(given)
  const grpcAddress = options.grpcUrl ? parseGrpcUrl(options.grpcUrl, url) : defaultGrpcAddress(url)
  if (!options.grpcUrl && transport !== 'rest' && isDoubtfulGuess(url)) {
    options.onWarning?.({
      code: 'grpc-guessed',
      details: {address: grpcAddress.address},
      message: `No gRPC address was given: ${grpcAddress.address} is tried, though REST is not on its usual port (${url}). Give it with \`grpcUrl\`.`,
    })
  }

  const place: Place = {grpc: grpcAddress, url}
  let main: Transports | undefined
  let nodes: Transports[] = []
  try {
    const authorize = await createAuthorize(options, basic, {ca, proxy, timeoutMs, url})
    const headers: HeaderSource = async (refused) => {
      const {authorization, headers: own} = await authorize(refused?.authorization)
      return lowerCase({
        // The server passes it on to Weaviate's own vectorizers, which want both.
        ...(authorization && {authorization, 'x-weaviate-cluster-url': url}),
        ...own,
        ...options.headers,
      })
    }

    const {onWarning} = options
    main = await openTransports(place, {ca, headers, onCall, onWarning, proxy, timeoutMs, transport})
    nodes = await openNodes(main, options, {ca, headers, onCall, onWarning, proxy, timeoutMs, transport})
    for (const each of [main, ...nodes]) warnOfReadableCredentials(each.place.url, options)
    const connection = createConnection(main, nodes)
    if (nodes.length === 0) {
      const {maxMessageBytes, version} = main
      const again = {
        ca,
        isLogged: onCall !== undefined,
        known: {maxMessageBytes, version},
        place,
        proxy,
        timeoutMs,
        transport: connection.transport,
      }
      OPENED.set(connection, {again, headers, isFixed: !client && !options.oidc, onCall})
    }

    return connection
  } catch (error) {
    await closeAll([...(main ? [main] : []), ...nodes])
    throw toConnectError(error, url)
  }
}

/** What another thread connects by to the same server. */
export interface ConnectAgain {
  ca?: string
  /** Sent with each call, where they stay the same: told to nobody else. Absent: they are asked for with each. */
  headers?: Record<string, string>
  /** Whether somebody wants to know of each call. */
  isLogged: boolean
  /** So that a thread that needs gRPC alone loads nothing for REST: 8 MB. */
  known: ServerFacts
  place: Place
  proxy?: string
  timeoutMs: number
  transport: 'grpc' | 'rest'
}

/** A connection, and what others need to have one like it. */
export interface Opened {
  again: ConnectAgain
  headers: HeaderSource
  /** Whether the headers stay the same. */
  isFixed: boolean
  onCall?: (call: ServerCall) => void
}

/** Not members: whoever prints a connection prints no headers. */
const OPENED = new WeakMap<Connection, Opened>()

/** Undefined for a connection of somebody else's making, and for one that lists through several nodes. */
export function openedAs(connection: Connection): Opened | undefined {
  const below = belowOf(connection)
  return OPENED.get(connection) ?? (below && openedAs(below))
}

/** For another thread of this process. */
export async function sentConnection({again, headers, isFixed}: Opened): Promise<ConnectAgain> {
  return isFixed ? {...again, headers: await headers()} : again
}

/** As `connect` in another thread. */
export async function connectAgain(
  {headers: _, isLogged, place, ...again}: ConnectAgain,
  {headers, onCall}: Pick<Opened, 'headers' | 'onCall'>,
): Promise<Connection> {
  try {
    return createConnection(await openTransports(place, {...again, headers, ...(isLogged && {onCall})}), [])
  } catch (error) {
    throw toConnectError(error, place.url)
  }
}

function warnOfReadableCredentials(url: string, {apiKey, client, oidc, onWarning}: ConnectOptions): void {
  if (!(apiKey ?? client ?? oidc) || !isReadableOnTheWay(url)) return
  onWarning?.({
    code: 'credentials-unencrypted',
    details: {url},
    message: `The credentials go to ${url} without TLS: whoever is on the way can read them.`,
  })
}

/** Where the nodes were discovered, objects are read from one of them, and never from whichever the name leads to. */
function createConnection(main: Transports, nodes: readonly Transports[]): Connection {
  const plain = createPlain(main)
  const [first] = nodes
  const isDiscovered = first?.place.pinned !== undefined
  const members = [...(isDiscovered ? [] : [plain]), ...nodes.map((node) => createPlain(node))]
  return withReplicas(plain, members, main.http, async () => closeAll([main, ...nodes]))
}

function createPlain({grpc, http, maxMessageBytes, place, version}: Transports): Connection {
  const restSide = grpc && createRestSide(http, {grpc: place.grpc.address, rest: describePlace(place)})
  const capabilities = capabilitiesOf(version, maxMessageBytes)
  const rest = restObjects(http)
  const objects = refusingUnknownVectors(grpc ? perCall(grpc, rest, capabilities) : rest, capabilities)
  return {
    about: aboutServer(http),
    ...(capabilities.exports && {exports: serverExports(http)}),
    capabilities,
    async close() {
      grpc?.close()
      await http.close()
    },
    describe: describePlace(place),
    ...(restSide && {restSide}),
    transport: grpc ? 'grpc' : 'rest',
    version,

    ...collectionOperations(http),

    ...aliasOperations(http),

    createTenants: async (collection, tenants) => createTenants(http, collection, tenants),
    async listTenants(collection, names) {
      const tenants = await (names ? someTenants(http, collection, names) : listTenants(http, collection))
      if (tenants.length === 0) await requirePermission(http, `list the tenants of ${collection}`, 'read_tenants')
      return tenants
    },
    setTenantStatus: async (collection, tenants, signal) => setTenantStatus(http, collection, tenants, {signal}),

    ...objects,
  }
}

/** An existing client tells its host and port, but neither scheme nor path. */
async function urlOf(options: ConnectOptions): Promise<string> {
  const {host} = await detailsOf(options.client!)
  const {hostname, port} = new URL(`http://${host}`)
  if (options.grpcUrl?.match(/^(grpcs|https):/i)) return `https://${host}`
  if (['127.0.0.1', '[::1]', 'localhost'].includes(hostname)) return `http://${host}`
  // A port that is left out is https's, as far as anybody sends credentials.
  if (!port) return `https://${host}`
  const {ca, proxy, timeoutMs = DEFAULT_TIMEOUT_MS} = options
  for (const url of [`https://${host}`, `http://${host}`]) {
    // Asked without credentials.
    const probe = new HttpClient({ca, headers: async () => ({}), proxy, timeoutMs, url})
    try {
      await probe.send({action: `connect to ${url}`, method: 'GET', path: '/v1/.well-known/live'})
      return url
    } catch (error) {
      if (hasStatus(error, 401, 403)) return url
    } finally {
      await probe.close()
    }
  }

  throw new DataOpsError('CANNOT_CONNECT', `Cannot connect to ${host}, by https or by http.`, {
    hint: 'Give the URL beside the client.',
  })
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** What keeps a connection from coming about, as CANNOT_CONNECT with what to check. */
function toConnectError(error: unknown, url: string): unknown {
  if (!(error instanceof DataOpsError)) return error
  // Who gives tokens is no Weaviate: what to check is said.
  if (error.code === 'SERVER_UNAVAILABLE' && error.details.providerStatus !== undefined)
    return error.with({code: 'CANNOT_CONNECT'})
  if (error.code === 'SERVER_UNAVAILABLE') {
    const isStarting = error.details.status === 503
    return error.with({
      code: 'CANNOT_CONNECT',
      hint: isStarting
        ? 'It may still be starting: try again in a moment.'
        : 'Check that the server runs, and its address, port and scheme (http or https).',
      message: isStarting ? `Weaviate at ${url} is not ready.` : error.message,
    })
  }

  if (error.code === 'SERVER_REFUSED' || error.code === 'UNEXPECTED') {
    return error.with({
      code: 'CANNOT_CONNECT',
      hint: error.hint ?? 'Check that the address is that of a Weaviate server, its path included.',
    })
  }

  return error
}
