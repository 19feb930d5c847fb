import type {JsonObject} from '../model/object.js'

import {Refusal} from './refusal.js'

/** One request, before it is answered. */
export interface RequestInfo {
  /** HTTP: the verb. gRPC: the name of the call, e.g. `Search`. */
  method: string
  /** Requests of this server so far, this one included, over both transports. */
  ordinal: number
  /** HTTP: path and query, e.g. `/v1/objects?class=A`. gRPC: the full name, e.g. `/weaviate.v1.Weaviate/Search`. */
  path: string
  transport: 'grpc' | 'rest'
}

/** What happens to a request instead of, or after, its answer. */
export type Fault =
  /** The connection is cut: unanswered, or (`after`) once the server has done what was asked, but before it says so. */
  | {after?: boolean; drop: true}
  /** It is refused with this HTTP status or gRPC code, and nothing is done. */
  | {headers?: Record<string, string>; message?: string; status: number}

/** A message of a `BatchStream`, before anything is done with it. */
export interface StreamedBatch {
  /** Of its references: the beacon of the object that refers, and the property. */
  beacons: readonly string[]
  /** Messages of this stream so far, the one that opens it not counted. */
  ordinal: number
  uuids: readonly string[]
}

/** What happens to a message of a `BatchStream`. */
export type StreamFault =
  /** The client is told of a better batch size; the message is written. */
  | {backoff: number}
  /** The connection is cut, and nothing written; or (`after`) once the message was acknowledged and written, but no result told. */
  | {after?: boolean; drop: true}
  /** Nothing of it is written, the client is told so, and the stream ends. */
  | {outOfMemory: true}
  /** The client is told to end the stream; the message is written. */
  | {shuttingDown: true}

/** Where objects are. */
export interface ObjectPlace {
  collection: string
  /** '' for none. */
  tenant: string
}

/** A page of a listing, before it is answered. */
export interface ListedPage extends ObjectPlace {
  /** The cursor that was given; undefined for none. */
  after: string | undefined
  /** In ascending order. */
  ids: readonly string[]
  /** Objects that were asked for. */
  limit: number
  /** The node that answers. */
  node: string
  transport: 'graphql' | 'grpc' | 'rest'
}

/** One node, which holds a replica of every shard. */
export interface Replica {
  /** Whether the node does not answer the others, or has left the cluster, as one that is restarted: `/v1/nodes` says so. Default: neither. */
  away?: () => 'left' | 'unavailable' | undefined
  /** Objects that were deleted while it was away: it still has them. */
  keeps?: (object: ObjectPlace & {id: string}) => boolean
  /** Objects that were written while it was away: it lacks them. */
  misses?: (object: ObjectPlace & {id: string}) => boolean
  name: string
  /** Objects that were replaced while it was away: it has them as they were first. */
  outdated?: (object: ObjectPlace & {id: string}) => boolean
}

/** How the embedded server is, and what goes wrong in it. */
export interface EmbeddedWeaviateOptions {
  /** Keys that may do everything. With any key given (here or in `readOnlyApiKeys`), requests without one are refused. */
  apiKeys?: readonly string[]
  /** Whether vectors are indexed asynchronously, as with ASYNC_INDEXING: without it a dynamic index is refused. Default false, as in the real server. */
  asyncIndexing?: boolean
  /** Whether unknown collections and properties are created by writing; default true, as in the real server. */
  autoSchema?: boolean
  /** What Aggregate (gRPC and GraphQL) tells instead of `count`. */
  count?: (count: number, of: ObjectPlace) => number
  /** Milliseconds that a vector stands as `vectorIndexType: "none"` once its index is dropped. Default: dropping one is refused, as by default in 1.39. */
  droppedVectorMs?: number
  /** Whether there is a gRPC listener; default true. */
  grpc?: boolean
  /** 0 (default): any free port. */
  grpcPort?: number
  /** Whether writes to a shard are refused as after a disk has filled up; asked at each. Default: none are. */
  isReadOnly?: (shard: ObjectPlace) => boolean
  /** Milliseconds that each request waits before anything is done. */
  latency?: number
  /** With `replicas`, whether the listings that come to the first address go to each node in turn, as behind a load balancer. */
  loadBalanced?: boolean
  /** Collections at most; one more is answered 429. Default: no limit. */
  maximumCollections?: number
  /** Bytes of a gRPC message at most, both ways, as `/v1/meta` tells; default 104,858,000. */
  maxMessageBytes?: number
  /** What the time is, in milliseconds since 1970; default Date.now. Times of objects and their expiry follow it. */
  now?: () => number
  /** Whether tenants can be FROZEN, as with the offload-s3 module; default true. */
  offload?: boolean
  /** Sees each message of a `BatchStream`, and may return what goes wrong with it. */
  onBatchStream?: (message: StreamedBatch) => StreamFault | undefined | void
  /** Sees each request first (health checks of gRPC too). May wait, and may return what is to go wrong. */
  onRequest?: (request: RequestInfo) => Fault | Promise<Fault | undefined | void> | undefined | void
  /** The ids that a page of a listing has instead of its own: fewer, repeated, in another order. undefined: its own. */
  page?: (page: ListedPage) => readonly string[] | undefined
  /** 0 (default): any free port. */
  port?: number
  /** Bytes of a gRPC message that a proxy before the server lets through, both ways; `/v1/meta` does not tell. Default: no limit. */
  proxyMessageBytes?: number
  /** Objects in a page when a listing names no limit; default 10. */
  queryDefaultsLimit?: number
  /** Objects that one listing or one delete reaches; default 10,000. */
  queryMaximumResults?: number
  /** Keys that may only read. */
  readOnlyApiKeys?: readonly string[]
  /** The nodes of a cluster, each with addresses of its own (`nodes` of the server). Default: one, `node1`. */
  replicas?: readonly Replica[]
  /** What a vectorizer module makes of an object without a vector. Default: it refuses for want of an API key. */
  vectorize?: (properties: JsonObject, module: string) => number[]
  /** The version that it is, e.g. `1.24.26`: what older ones lack, it lacks. Default 1.39.0. */
  version?: string
}

export type Settings = Required<EmbeddedWeaviateOptions>

export function withDefaults(options: EmbeddedWeaviateOptions): Settings {
  return {
    apiKeys: [],
    asyncIndexing: false,
    autoSchema: true,
    count: (count) => count,
    droppedVectorMs: -1,
    grpc: true,
    grpcPort: 0,
    isReadOnly: () => false,
    latency: 0,
    loadBalanced: false,
    maximumCollections: Infinity,
    maxMessageBytes: 104_858_000,
    now: Date.now,
    offload: true,
    onBatchStream: () => undefined,
    onRequest: () => undefined,
    page: ({ids}) => ids,
    port: 0,
    proxyMessageBytes: Infinity,
    queryDefaultsLimit: 10,
    queryMaximumResults: 10_000,
    readOnlyApiKeys: [],
    replicas: [{name: 'node1'}],
    vectorize: withoutKey,
    version: '1.39.0',
    ...options,
  }
}

function withoutKey(_: JsonObject, module: string): never {
  const vendor = module.slice(module.indexOf('-') + 1)
  const header = `X-${vendor.slice(0, 1).toUpperCase()}${vendor.slice(1)}-Api-Key`
  throw new Refusal(
    `vectorize target vector : update vector: API Key: no api key found neither in request header: ${header} nor in environment variable under ${vendor.toUpperCase()}_APIKEY`,
    500,
  )
}
