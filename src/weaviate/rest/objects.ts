/** The data path over REST: all of it where gRPC cannot be reached, and what gRPC would lose where it can. */
import type {
  CollectionPlan,
  Connection,
  ConsistencyLevel,
  KnownObject,
  ObjectPage,
  PageRequest,
  WriteFailure,
} from '../connection.js'

import {DataOpsError} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {type JsonObject, type JsonValue, type NamedVector, setOwn, type WeaviateObject} from '../../model/object.js'
import {type DeleteOutcome, withReason} from '../delete-outcome.js'
import {forbidden, hasStatus, isForbidden, isTransientReason} from '../errors.js'
import {encodeJson, type HttpClient, isEmptyReply} from './http.js'

/** Objects fetched singly at a time. */
const SINGLE_FETCHES = 8

export type ObjectOperations = Pick<
  Connection,
  'count' | 'deleteObjects' | 'getObjects' | 'readPage' | 'writeObjects' | 'writeReferences'
>

/** A connection's object methods over REST alone. */
export function restObjects(http: HttpClient): ObjectOperations {
  return {
    count: async (collection, tenant, signal) => countRest(http, collection, tenant, signal),
    deleteObjects: async (request) => deleteObjectsRest(http, request),
    getObjects: async (request) => getObjectsRest(http, request),
    readPage: async (request) => readPageRest(http, request),
    writeObjects: async (request) => writeObjectsRest(http, request),
    writeReferences: async (request) => writeReferencesRest(http, request),
  }
}

/** An object as REST shows it. */
interface RestObject {
  creationTimeUnix?: number
  id: string
  lastUpdateTimeUnix?: number
  properties?: JsonObject | null
  tenant?: string
  vector?: number[] | null
  vectors?: Record<string, number[] | number[][]> | null
}

export interface ListRequest {
  after?: string
  className: string
  limit: number
  signal?: AbortSignal
  tenant?: string
}

/** Ids and properties, as REST shows them, of one page of the cursor listing, vectors left out: every beacon verbatim, dangling ones too. */
export async function readReferencesPage(
  http: HttpClient,
  request: ListRequest,
): Promise<Array<{id: string; lastUpdateTimeUnix?: number; properties: JsonObject}>> {
  const {objects} = await list(http, request, false)
  return objects.map((object) => ({
    id: object.id.toLowerCase(),
    lastUpdateTimeUnix: object.lastUpdateTimeUnix,
    properties: object.properties ?? {},
  }))
}

/** Ids and times of one page of the cursor listing. */
export async function listIds(http: HttpClient, request: ListRequest): Promise<KnownObject[]> {
  const {objects} = await list(http, request, false)
  return objects.map((object) => toKnown(object))
}

function toKnown({creationTimeUnix, id, lastUpdateTimeUnix}: RestObject): KnownObject {
  return {creationTimeUnix, id: id.toLowerCase(), lastUpdateTimeUnix}
}

export interface GetObjectOptions {
  /** Default ONE: above it, what a replica lacks is written to it. Not with `node`. */
  consistency?: ConsistencyLevel
  /** The replica to ask, by the name of its node; default: any one. */
  node?: string
  /** Properties to be reduced to bare beacons. */
  referenceNames?: Iterable<string>
  signal?: AbortSignal
  tenant?: string
  /** Default false: a vector that is not finite cannot come over REST. */
  vectors?: boolean
}

/** One object by id, of one replica unless a level is given. undefined when there is none, or no such collection. */
export async function getObjectRest(
  http: HttpClient,
  className: string,
  id: string,
  {consistency = 'ONE', node, referenceNames = [], signal, tenant, vectors = false}: GetObjectOptions = {},
): Promise<undefined | WeaviateObject> {
  try {
    const {value} = await http.json<RestObject>({
      action: `read object ${id} of ${className}`,
      method: 'GET',
      path: `/v1/objects/${encodeURIComponent(className)}/${encodeURIComponent(id)}`,
      query: {
        ...(node === undefined ? {consistency_level: consistency} : {node_name: node}),
        include: vectors ? 'vector' : undefined,
        tenant,
      },
      signal,
    })
    const [object] = checkedObjects([value], {className, limit: 1, tenant})
    return toObject(object!, referenceNames, tenant)
  } catch (error) {
    if (hasStatus(error, 404)) return undefined
    if (vectors && isEmptyReply(error)) throw nonFinite(className, id, tenant)
    throw error
  }
}

async function readPageRest(http: HttpClient, request: PageRequest): Promise<ObjectPage> {
  const {after, collection, include, limit, signal, tenant} = request
  const {bytes, objects} = await list(
    http,
    {after, className: collection.className, limit, signal, tenant},
    include === 'objects',
  )
  return {
    bytes,
    objects: objects.map((object) => {
      if (include === 'objects') return toObject(object, collection.referenceNames, tenant)
      object.properties = include === 'ids' ? {} : pickReferences(object.properties, collection.referenceNames)
      return toObject(object, collection.referenceNames, tenant)
    }),
  }
}

/** One page of the cursor listing, in ascending order over all shards. */
async function list(
  http: HttpClient,
  request: ListRequest,
  hasVectors: boolean,
): Promise<{bytes: number; objects: RestObject[]}> {
  const {after, className, limit, signal, tenant} = request
  try {
    const {bytes, value} = await http.json<{objects?: RestObject[] | null}>({
      action: `read objects of ${className}`,
      method: 'GET',
      path: '/v1/objects',
      // An empty `after` asks for the cursor listing, from its beginning.
      query: {after: after ?? '', class: className, include: hasVectors ? 'vector' : undefined, limit, tenant},
      signal,
    })
    return {bytes, objects: checkedObjects(value.objects ?? [], request)}
  } catch (error) {
    if (hasStatus(error, 404)) throw collectionMissing(className)
    if (hasVectors && isEmptyReply(error)) return findNonFinite(http, request)
    throw error
  }
}

/** @throws DataOpsError UNEXPECTED when a listing holds what is no object of it. */
function checkedObjects(objects: unknown, {className, tenant}: ListRequest): RestObject[] {
  if (!Array.isArray(objects)) throw malformed(className, 'its objects are no list')
  for (const object of objects as Array<null | Partial<RestObject>>) {
    if (typeof object?.id !== 'string') throw malformed(className, 'an object has no id')
    const {id, properties, vector, vectors} = object
    if (tenant !== undefined && object.tenant !== undefined && object.tenant !== tenant) {
      throw malformed(className, `${id} is of tenant ${JSON.stringify(object.tenant)}`)
    }

    if (!isAbsent(properties) && (typeof properties !== 'object' || Array.isArray(properties))) {
      throw malformed(className, `the properties of ${id} are no object`)
    }

    if (!isAbsent(vector) && !isVector(vector)) throw malformed(className, `the vector of ${id} is no list of numbers`)
    if (isAbsent(vectors)) continue
    for (const [name, value] of Object.entries(vectors)) {
      if (!isVector(value) && !isMultiVector(value)) {
        throw malformed(className, `the vector "${name}" of ${id} is no list of numbers`)
      }
    }
  }

  return objects as RestObject[]
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function isVector(value: unknown): boolean {
  return Array.isArray(value) && value.every((component) => typeof component === 'number')
}

/** Rows of one length. */
function isMultiVector(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  const dims = (value[0] as undefined | unknown[])?.length
  return value.every((row) => isVector(row) && (row as unknown[]).length === dims)
}

function malformed(className: string, reason: string): DataOpsError {
  return new DataOpsError('UNEXPECTED', `What the server answered for ${className} cannot be right: ${reason}.`, {
    details: {collection: className, reason},
  })
}

/** Reads a page that came empty again in halves, down to the object that cannot come over REST, and rejects with its id. */
async function findNonFinite(http: HttpClient, request: ListRequest): Promise<{bytes: number; objects: RestObject[]}> {
  const {className, limit, tenant} = request
  if (limit <= 1) {
    const {objects} = await list(http, request, false)
    const [object] = objects
    if (object) throw nonFinite(className, object.id, tenant)
    return {bytes: 0, objects: []}
  }

  const half = Math.ceil(limit / 2)
  const first = await list(http, {...request, limit: half}, true)
  const last = first.objects.at(-1)
  if (!last || first.objects.length < half) return first
  const second = await list(http, {...request, after: last.id, limit: limit - half}, true)
  return {bytes: first.bytes + second.bytes, objects: [...first.objects, ...second.objects]}
}

async function getObjectsRest(
  http: HttpClient,
  {collection, ids, signal, tenant}: Parameters<Connection['getObjects']>[0],
): Promise<WeaviateObject[]> {
  const options = {referenceNames: collection.referenceNames, signal, tenant, vectors: true}
  const objects = await inParallel(ids, {atOnce: SINGLE_FETCHES, signal}, async (id) =>
    getObjectRest(http, collection.className, id, options),
  )
  return objects.filter((object) => object !== undefined)
}

async function countRest(http: HttpClient, className: string, tenant?: string, signal?: AbortSignal): Promise<number> {
  try {
    return await countByGraphql(http, className, tenant, signal)
  } catch (error) {
    // GraphQL can be switched off, or not allowed by a role; the listing gives the same number, or the true reason why not.
    if (!(error instanceof DataOpsError) || error.retryable || error.code === 'INTERRUPTED') throw error
    return countByListing(http, className, tenant, signal)
  }
}

async function countByGraphql(
  http: HttpClient,
  className: string,
  tenant?: string,
  signal?: AbortSignal,
): Promise<number> {
  const action = `count the objects of ${className}`
  // A name that is no GraphQL name would be read as something else.
  if (!/^\w+$/.test(className)) throw collectionMissing(className)
  const filter = tenant === undefined ? '' : `(tenant:${JSON.stringify(tenant)})`
  const {value} = await http.json<{
    data?: {Aggregate?: Record<string, Array<{meta?: {count?: number}}> | null> | null}
    errors?: Array<{message?: string}>
  }>({
    action,
    body: JSON.stringify({query: `{Aggregate{${className}${filter}{meta{count}}}}`}),
    method: 'POST',
    path: '/v1/graphql',
    signal,
  })
  const count = value.data?.Aggregate?.[className]?.[0]?.meta?.count
  if (count !== undefined) return count
  const reason = value.errors?.map((error) => error.message ?? '').join('; ') ?? ''
  throw new DataOpsError(
    isTransientReason(reason) ? 'SERVER_UNAVAILABLE' : 'SERVER_REFUSED',
    `Cannot ${action}: ${reason || 'the server gave no count'}`,
    {details: {reason}},
  )
}

const COUNT_PAGE = 1000

async function countByListing(
  http: HttpClient,
  className: string,
  tenant?: string,
  signal?: AbortSignal,
): Promise<number> {
  let count = 0
  for (let after: string | undefined; ;) {
    const {objects} = await list(http, {after, className, limit: COUNT_PAGE, signal, tenant}, false)
    count += objects.length
    after = objects.at(-1)?.id
    if (objects.length < COUNT_PAGE) return count
  }
}

async function deleteObjectsRest(
  http: HttpClient,
  {collection, consistency, ids, signal, tenant}: Parameters<Connection['deleteObjects']>[0],
): Promise<DeleteOutcome> {
  const where = ids
    ? {operator: 'ContainsAny', path: ['id'], valueTextArray: ids}
    : {operator: 'Like', path: ['id'], valueText: '*'}
  const action = `delete objects of ${collection}`
  return withReason(action, async (isVerbose) => {
    const {value} = await http.json<{
      results?: {
        failed?: number
        matches?: number
        objects?: Array<{errors?: {error?: Array<{message?: string}>}}> | null
        successful?: number
      }
    }>({
      action,
      body: JSON.stringify({match: {class: collection, where}, output: isVerbose ? 'verbose' : 'minimal'}),
      method: 'DELETE',
      path: '/v1/batch/objects',
      query: {consistency_level: consistency, tenant},
      signal,
    })
    const {failed = 0, matches = 0, objects, successful = 0} = value.results ?? {}
    const reason = objects?.map(({errors}) => errors?.error?.[0]?.message).find(Boolean)
    return {deleted: successful, failed, matched: matches, reason}
  })
}

interface BatchResult {
  result?: {errors?: {error?: Array<{message?: string}>} | null; status?: string}
}

async function writeObjectsRest(
  http: HttpClient,
  {collection, consistency, objects, signal}: Parameters<Connection['writeObjects']>[0],
): Promise<WriteFailure[]> {
  const failures: WriteFailure[] = []
  const sent: WeaviateObject[] = []
  const texts: string[] = []
  for (const object of objects) {
    const text = encodeObject(object, collection)
    if (text === undefined) {
      const reason = 'a vector holds NaN or infinity, which REST cannot carry: use gRPC'
      failures.push({id: object.id, reason, tenant: object.tenant})
      continue
    }

    sent.push(object)
    texts.push(text)
  }

  if (sent.length === 0) return failures
  const action = `write objects to ${collection.className}`
  const {value} = await http.json<BatchResult[]>({
    action,
    body: `{"objects":[${texts.join(',')}]}`,
    method: 'POST',
    path: '/v1/batch/objects',
    query: {consistency_level: consistency},
    signal,
  })
  return [...failures, ...collectFailures(action, value, sent)]
}

async function writeReferencesRest(
  http: HttpClient,
  {collection, consistency, objects, signal}: Parameters<Connection['writeReferences']>[0],
): Promise<WriteFailure[]> {
  const sources: WeaviateObject[] = []
  const references: Array<{from: string; tenant?: string; to: JsonValue}> = []
  for (const object of objects) {
    for (const name of collection.referenceNames) {
      for (const {beacon} of beacons(own(object.properties, name))) {
        sources.push(object)
        const from = `weaviate://localhost/${collection.className}/${object.id}/${name}`
        references.push({from, tenant: object.tenant, to: beacon})
      }
    }
  }

  if (references.length === 0) return []
  const action = `write references of ${collection.className}`
  const {value} = await http.json<BatchResult[]>({
    action,
    body: JSON.stringify(references),
    method: 'POST',
    path: '/v1/batch/references',
    query: {consistency_level: consistency},
    signal,
  })
  return collectFailures(action, value, sources)
}

/** Failures by index. @throws DataOpsError SERVER_UNAVAILABLE when one of them would pass by itself. */
function collectFailures(action: string, results: BatchResult[], sent: readonly WeaviateObject[]): WriteFailure[] {
  if (!Array.isArray(results) || results.length !== sent.length) {
    throw new DataOpsError(
      'UNEXPECTED',
      `Cannot ${action}: the reply names ${Array.isArray(results) ? results.length : 'no'} results for ${sent.length}.`,
    )
  }

  const failures: WriteFailure[] = []
  for (const [index, {result}] of results.entries()) {
    const errors = result?.errors?.error ?? []
    if (result?.status !== 'FAILED' && errors.length === 0) continue
    const reason = errors.map((error) => error.message ?? '').join('; ') || 'no reason given'
    if (isTransientReason(reason)) {
      throw new DataOpsError('SERVER_UNAVAILABLE', `Cannot ${action}: ${reason}`, {details: {reason}})
    }

    if (isForbidden(reason)) throw forbidden(action, reason)
    failures.push({id: sent[index]!.id, reason, tenant: sent[index]!.tenant})
  }

  return failures
}

/** JSON text of an object without its references; undefined when a vector is not finite. */
function encodeObject(object: WeaviateObject, collection: CollectionPlan): string | undefined {
  const properties: JsonObject = {}
  const phones = phoneNames(collection)
  for (const [name, value] of Object.entries(object.properties)) {
    if (collection.referenceNames.has(name)) continue
    setOwn(properties, name, phones.has(name) ? phoneInput(value) : value)
  }

  let text = `{"class":${JSON.stringify(collection.className)},"id":${JSON.stringify(object.id)}`
  if (object.tenant !== undefined) text += `,"tenant":${JSON.stringify(object.tenant)}`
  text += `,"properties":${encodeJson(properties)}`
  if (object.vector && object.vector.byteLength > 0) {
    const vector = encodeVector(object.vector)
    if (vector === undefined) return undefined
    text += `,"vector":${vector}`
  }

  const vectors: string[] = []
  for (const [name, vector] of object.vectors ?? []) {
    if (vector.bytes.byteLength === 0) continue
    const encoded = vector.kind === 'multi' ? encodeRows(vector.bytes, vector.dims) : encodeVector(vector.bytes)
    if (encoded === undefined) return undefined
    vectors.push(`${JSON.stringify(name)}:${encoded}`)
  }

  if (vectors.length > 0) text += `,"vectors":{${vectors.join(',')}}`
  return `${text}}`
}

function encodeRows(bytes: Uint8Array, dims: number): string | undefined {
  const rows: string[] = []
  for (let start = 0; start < bytes.byteLength; start += dims * 4) {
    const row = encodeVector(bytes.subarray(start, start + dims * 4))
    if (row === undefined) return undefined
    rows.push(row)
  }

  return `[${rows.join(',')}]`
}

function encodeVector(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let text = '['
  for (let offset = 0; offset < bytes.byteLength; offset += 4) {
    const component = view.getFloat32(offset, true)
    if (!Number.isFinite(component)) return undefined
    if (offset > 0) text += ','
    text += Object.is(component, -0) ? '-0' : component
  }

  return `${text}]`
}

function toObject(object: RestObject, referenceNames: Iterable<string>, tenant?: string): WeaviateObject {
  const references = new Set(referenceNames)
  const properties: JsonObject = {}
  for (const [name, value] of Object.entries(object.properties ?? {})) {
    if (value !== null) setOwn(properties, name, references.has(name) ? beacons(value) : value)
  }

  const result: WeaviateObject = {
    creationTimeUnix: object.creationTimeUnix,
    id: object.id.toLowerCase(),
    lastUpdateTimeUnix: object.lastUpdateTimeUnix,
    properties,
  }
  const itsTenant = tenant ?? object.tenant
  if (itsTenant) result.tenant = itsTenant
  if (object.vector && object.vector.length > 0) result.vector = floatBytes(object.vector)
  const vectors = new Map<string, NamedVector>()
  for (const [name, value] of Object.entries(object.vectors ?? {})) {
    if (value.length > 0) vectors.set(name, toNamedVector(value))
  }

  if (vectors.size > 0) result.vectors = vectors
  return result
}

function toNamedVector(value: number[] | number[][]): NamedVector {
  if (!Array.isArray(value[0])) return {bytes: floatBytes(value as number[]), kind: 'single'}
  return {bytes: floatBytes((value as number[][]).flat()), dims: value[0].length, kind: 'multi'}
}

function floatBytes(numbers: readonly number[]): Uint8Array {
  const floats = Float32Array.from(numbers)
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
}

function phoneNames(collection: CollectionPlan): Set<string> {
  const phones = (collection.schema.properties ?? []).filter((property) => property.dataType[0] === 'phoneNumber')
  return new Set(phones.map((property) => property.name))
}

/** What was put in; the server works out the rest. */
function phoneInput(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const {defaultCountry, input} = value
  return {...(defaultCountry !== undefined && {defaultCountry}), ...(input !== undefined && {input})}
}

function pickReferences(properties: JsonObject | null | undefined, names: Iterable<string>): JsonObject {
  const picked: JsonObject = {}
  for (const name of names) {
    const value = own(properties ?? {}, name)
    if (value !== undefined) setOwn(picked, name, beacons(value))
  }

  return picked
}

/** The references of a property's value, without the href and what else REST shows beside a beacon. */
function beacons(value: JsonValue | undefined): Array<{beacon: string}> {
  if (!Array.isArray(value)) return []
  return (value as Array<null | {beacon: string}>).map((item) => {
    if (typeof item?.beacon !== 'string') throw malformed('an object', 'a reference has no beacon')
    return {beacon: item.beacon}
  })
}

function own(properties: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(properties, name) ? properties[name] : undefined
}

export function collectionMissing(className: string): DataOpsError {
  return new DataOpsError('COLLECTION_MISSING', `There is no collection ${className}.`, {
    details: {collection: className},
  })
}

function nonFinite(className: string, id: string, tenant?: string): DataOpsError {
  return new DataOpsError(
    'SERVER_REFUSED',
    `Cannot read object ${id} of ${className} over REST: its vector holds NaN or infinity, which JSON cannot carry.`,
    {details: {id, tenant}, hint: 'Use gRPC, which can.'},
  )
}
