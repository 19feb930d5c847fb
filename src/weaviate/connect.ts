/** Opens a connection: address, credentials, readiness, and the transport that objects go by. */
import type {Connection, ConnectOptions} from './connection.js'

import {DataOpsError} from '../model/errors.js'
import {isMultiTenant, type WeaviateClass} from '../model/schema.js'
import {defaultGrpcAddress, isDoubtfulGuess, isReadableOnTheWay, parseGrpcUrl, parseRestUrl} from './address.js'
import {createAuthorize, detailsOf} from './auth.js'
import {capabilitiesOf} from './capabilities.js'
import {hasStatus} from './errors.js'
import {identifyCollection} from './identity.js'
import {withReplicas} from './merged.js'
import {closeAll, describePlace, openNodes} from './nodes.js'
import {perCall, refusingUnknownVectors} from './per-call.js'
import {requirePermission} from './permissions.js'
import {aboutServer} from './rest/about.js'
import {createAlias, deleteAlias, listAliases, updateAlias} from './rest/aliases.js'
import {encodeJson, HttpClient} from './rest/http.js'
import {restObjects} from './rest/objects.js'
import {createRestSide} from './rest/side.js'
import {createTenants, listTenants, setTenantStatus} from './rest/tenants.js'
import {openTransports, type Place, type Transports} from './transports.js'

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
    const headers = async () => {
      const {authorization, headers: own} = await authorize()
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
    return createConnection(main, nodes)
  } catch (error) {
    await closeAll([...(main ? [main] : []), ...nodes])
    throw toConnectError(error, url)
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
    capabilities,
    async close() {
      grpc?.close()
      await http.close()
    },
    describe: describePlace(place),
    ...(restSide && {restSide}),
    transport: grpc ? 'grpc' : 'rest',
    version,

    createCollection: async (schema) => createCollection(http, schema),
    async deleteCollection(name) {
      await http.send({action: `delete collection ${name}`, method: 'DELETE', path: classPath(name)})
    },
    getCollection: async (name) => getCollection(http, name),
    identify: async (schema) => identifyCollection(http, schema.class, isMultiTenant(schema)),
    async listCollections() {
      const {value} = await http.json<{classes?: null | WeaviateClass[]}>({
        action: 'list the collections',
        method: 'GET',
        path: '/v1/schema',
      })
      const classes: unknown = value.classes ?? []
      if (!Array.isArray(classes)) throw malformed('list the collections', 'it is no list')
      if (classes.length === 0) await requirePermission(http, 'list the collections', 'read_collections')
      return classes as WeaviateClass[]
    },
    updateCollection: async (schema) => updateCollection(http, schema),

    createAlias: async (alias, collection) => createAlias(http, alias, collection),
    deleteAlias: async (alias) => deleteAlias(http, alias),
    async listAliases() {
      const aliases = await listAliases(http)
      if (aliases.length === 0) await requirePermission(http, 'list aliases', 'read_aliases')
      return aliases
    },
    updateAlias: async (alias, collection) => updateAlias(http, alias, collection),

    createTenants: async (collection, tenants) => createTenants(http, collection, tenants),
    async listTenants(collection) {
      const tenants = await listTenants(http, collection)
      if (tenants.length === 0) await requirePermission(http, `list the tenants of ${collection}`, 'read_tenants')
      return tenants
    },
    setTenantStatus: async (collection, tenants, signal) => setTenantStatus(http, collection, tenants, {signal}),

    count: async (collection, tenant, signal) => objects.count(collection, tenant, signal),
    deleteObjects: async (request) => objects.deleteObjects(request),
    getObjects: async (request) => objects.getObjects(request),
    readPage: async (request) => objects.readPage(request),
    writeObjects: async (request) => objects.writeObjects(request),
    writeReferences: async (request) => objects.writeReferences(request),
  }
}

async function createCollection(http: HttpClient, schema: WeaviateClass): Promise<void> {
  try {
    await http.send({
      action: `create collection ${schema.class}`,
      body: encodeJson(schema),
      method: 'POST',
      path: '/v1/schema',
    })
  } catch (error) {
    // 422 stands for a taken name too.
    if (!hasStatus(error, 422) || !(await getCollection(http, schema.class))) throw error
    throw new DataOpsError('COLLECTION_EXISTS', `There is already a collection ${schema.class}.`, {
      details: {collection: schema.class},
    })
  }
}

function malformed(action: string, reason: string): DataOpsError {
  return new DataOpsError('UNEXPECTED', `Cannot ${action}: what the server answered cannot be right: ${reason}.`, {
    details: {reason},
  })
}

async function getCollection(http: HttpClient, name: string): Promise<undefined | WeaviateClass> {
  try {
    const {value} = await http.json<WeaviateClass>({
      action: `read the schema of ${name}`,
      method: 'GET',
      path: classPath(name),
    })
    if (typeof value.class !== 'string') throw malformed(`read the schema of ${name}`, 'it describes no collection')
    // The server follows aliases, and writes the first letter in upper case.
    return value.class === name ? value : undefined
  } catch (error) {
    if (hasStatus(error, 404)) return undefined
    throw error
  }
}

/** Adds the properties that the collection lacks, in order, then changes what else differs. Members left out stay as they are. */
async function updateCollection(http: HttpClient, schema: WeaviateClass): Promise<void> {
  const live = await getCollection(http, schema.class)
  if (!live) {
    throw new DataOpsError('COLLECTION_MISSING', `There is no collection ${schema.class}.`, {
      details: {collection: schema.class},
    })
  }

  const existing = new Set((live.properties ?? []).map((property) => property.name))
  const added = (schema.properties ?? []).filter((property) => !existing.has(property.name))
  for (const property of added) {
    await http.send({
      action: `add property ${property.name} to ${schema.class}`,
      body: encodeJson(property),
      method: 'POST',
      path: `${classPath(schema.class)}/properties`,
    })
  }

  const rest: Partial<WeaviateClass> = {...schema}
  delete rest.properties
  const known = (schema.properties ?? []).filter((property) => existing.has(property.name))
  if (Object.keys(rest).length === 1 && known.length === 0) return
  const now = added.length > 0 ? ((await getCollection(http, schema.class)) ?? live) : live
  const changes = new Map(known.map((property) => [property.name, property]))
  await http.send({
    action: `update the schema of ${schema.class}`,
    body: encodeJson({
      ...now,
      ...rest,
      properties: (now.properties ?? []).map((property) => ({...property, ...changes.get(property.name)})),
    }),
    method: 'PUT',
    path: classPath(schema.class),
  })
}

function classPath(name: string): string {
  // As a path these would mean another place.
  if (['', '.', '..'].includes(name)) {
    throw new DataOpsError('INVALID_INPUT', `"${name}" cannot be the name of a collection.`)
  }

  return `/v1/schema/${encodeURIComponent(name)}`
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
