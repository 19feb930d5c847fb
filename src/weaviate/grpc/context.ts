/** What reading and writing over gRPC work with: a way to call, and REST beside it. */
import type {JsonObject, WeaviateObject} from '../../model/object.js'
import type {Connection} from '../connection.js'
import type {GrpcCall, GrpcMethod} from './channel.js'

import {DataOpsError} from '../../model/errors.js'

/** A gRPC call about one collection. @throws DataOpsError COLLECTION_MISSING when there is none of that name. */
export type CollectionCall = <Request, Reply>(
  method: GrpcMethod<Request, Reply>,
  request: Request,
  options: GrpcCall & {collection: string},
) => Promise<Reply>

export interface RestPageRequest {
  after?: string
  className: string
  limit: number
  signal?: AbortSignal
  tenant?: string
}

/** What gRPC cannot carry goes over REST: references whose target is gone, some properties, ints of 2^63. */
export interface RestObjects {
  /** Whole objects, as `Connection` has them. */
  getObjects: Connection['getObjects']
  /** With all its properties as REST shows them; undefined when there is none. */
  getObject: (
    className: string,
    id: string,
    tenant?: string,
    signal?: AbortSignal,
  ) => Promise<undefined | WeaviateObject>
  /** Whole pages, as `Connection` has them. */
  readPage: Connection['readPage']
  /** A page of the same cursor listing, with all properties as REST shows them. */
  readReferencesPage: (
    request: RestPageRequest,
  ) => Promise<Array<{id: string; lastUpdateTimeUnix?: number; properties: JsonObject}>>
  writeObjects: Connection['writeObjects']
}

export interface GrpcContext {
  call: CollectionCall
  /** Takes the memory of a reply for those to come: nobody may look at its bytes any more. */
  release: (reply: Uint8Array) => void
  rest: RestObjects
}

/** The server's words for why a call failed, or nothing. */
export function reasonOf(error: unknown): string {
  return error instanceof DataOpsError && typeof error.details.reason === 'string' ? error.details.reason : ''
}
