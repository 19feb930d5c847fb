/** Objects read over REST: by pages of the cursor listing, and by id. */
import type {
  CollectionPlan,
  Connection,
  ConsistencyLevel,
  KnownObject,
  ObjectPage,
  PageRequest,
  ReplyMeter,
} from '../connection.js'

import {DataOpsError} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {type JsonObject, type WeaviateObject} from '../../model/object.js'
import {hasStatus} from '../errors.js'
import {type HttpClient, isEmptyReply} from './http.js'
import {checkedObjects, pickReferences, type RestObject, toKnown, toObject} from './object-json.js'

/** Objects fetched singly at a time. */
const SINGLE_FETCHES = 8

export interface ListRequest {
  after?: string
  className: string
  limit: number
  meter?: ReplyMeter
  signal?: AbortSignal
  tenant?: string
}

/** Ids and properties as REST shows them. */
export type ReferencesPage = Array<{id: string; lastUpdateTimeUnix?: number; properties: JsonObject}>

/** Of one page of the cursor listing, vectors left out: every beacon verbatim, dangling ones too. */
export async function readReferencesPage(http: HttpClient, request: ListRequest): Promise<ReferencesPage> {
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

export interface GetObjectOptions {
  /** What is not in its schema is left out, references are reduced to bare beacons. */
  collection?: CollectionPlan
  /** Default ONE: above it, what a replica lacks is written to it. Not with `node`. */
  consistency?: ConsistencyLevel
  meter?: ReplyMeter
  /** The replica to ask, by the name of its node; default: any one. */
  node?: string
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
  {collection, consistency = 'ONE', meter, node, signal, tenant, vectors = false}: GetObjectOptions = {},
): Promise<undefined | WeaviateObject> {
  try {
    const {value} = await http.json<RestObject>({
      action: `read object ${id} of ${className}`,
      meter,
      method: 'GET',
      path: `/v1/objects/${encodeURIComponent(className)}/${encodeURIComponent(id)}`,
      query: {
        ...(node === undefined ? {consistency_level: consistency} : {node_name: node}),
        include: vectors ? 'vector' : undefined,
        tenant,
      },
      signal,
    })
    const [object] = checkedObjects([value], {className, tenant})
    return toObject(object!, collection, tenant)
  } catch (error) {
    if (hasStatus(error, 404)) return undefined
    if (vectors && isEmptyReply(error)) throw nonFinite(className, id, tenant)
    throw error
  }
}

export async function readPageRest(http: HttpClient, request: PageRequest): Promise<ObjectPage> {
  const {after, collection, include, limit, maxBytes, signal, tenant} = request
  const {bytes, objects} = await list(
    http,
    {
      after,
      className: collection.className,
      limit,
      ...(maxBytes !== undefined && {meter: {most: maxBytes, received: 0}}),
      signal,
      tenant,
    },
    include === 'objects',
  )
  return {
    bytes,
    objects: objects.map((object) => {
      if (include === 'objects') return toObject(object, collection, tenant)
      object.properties = include === 'ids' ? {} : pickReferences(object.properties, collection.referenceNames)
      return toObject(object, collection, tenant)
    }),
  }
}

/** One page of the cursor listing, in ascending order over all shards. */
export async function list(
  http: HttpClient,
  request: ListRequest,
  hasVectors: boolean,
): Promise<{bytes: number; objects: RestObject[]}> {
  const {after, className, limit, meter, signal, tenant} = request
  try {
    const {bytes, value} = await http.json<{objects?: RestObject[] | null}>({
      action: `read objects of ${className}`,
      meter,
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

export async function getObjectsRest(
  http: HttpClient,
  {collection, ids, meter, signal, tenant}: Parameters<Connection['getObjects']>[0],
): Promise<WeaviateObject[]> {
  const options = {collection, meter, signal, tenant, vectors: true}
  const objects = await inParallel(ids, {atOnce: SINGLE_FETCHES, signal}, async (id) =>
    getObjectRest(http, collection.className, id, options),
  )
  return objects.filter((object) => object !== undefined)
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
