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

export interface EmbeddedWeaviateOptions {
  /** Keys that may do everything. With any key given (here or in `readOnlyApiKeys`), requests without one are refused. */
  apiKeys?: readonly string[]
  /** Whether unknown collections and properties are created by writing; default true, as in the real server. */
  autoSchema?: boolean
  /** Whether there is a gRPC listener; default true. */
  grpc?: boolean
  /** 0 (default): any free port. */
  grpcPort?: number
  /** Bytes of a gRPC message at most, both ways; default 104,858,000. */
  maxMessageBytes?: number
  /** Whether tenants can be FROZEN, as with the offload-s3 module; default true. */
  offload?: boolean
  /** Sees each request first (health checks of gRPC too). May wait, and may return what is to go wrong. */
  onRequest?: (request: RequestInfo) => Fault | Promise<Fault | undefined | void> | undefined | void
  /** 0 (default): any free port. */
  port?: number
  /** Objects that one listing or one delete reaches; default 10,000. */
  queryMaximumResults?: number
  /** Keys that may only read. */
  readOnlyApiKeys?: readonly string[]
  /** What a vectorizer module makes of an object without a vector. Default: it refuses for want of an API key. */
  vectorize?: (properties: JsonObject, module: string) => number[]
  /** The version that `/v1/meta` tells; default 1.39.0. */
  version?: string
}

export type Settings = Required<EmbeddedWeaviateOptions>

export function withDefaults(options: EmbeddedWeaviateOptions): Settings {
  return {
    apiKeys: [],
    autoSchema: true,
    grpc: true,
    grpcPort: 0,
    maxMessageBytes: 104_858_000,
    offload: true,
    onRequest: () => undefined,
    port: 0,
    queryMaximumResults: 10_000,
    readOnlyApiKeys: [],
    vectorize: withoutKey,
    version: '1.39.0',
    ...options,
  }
}

function withoutKey(_: JsonObject, module: string): never {
  const vendor = module.slice(module.indexOf('-') + 1)
  const header = `X-${vendor.slice(0, 1).toUpperCase()}${vendor.slice(1)}-Api-Key`
  throw new Refusal(
    500,
    `vectorize target vector : update vector: API Key: no api key found neither in request header: ${header} nor in environment variable under ${vendor.toUpperCase()}_APIKEY`,
  )
}
