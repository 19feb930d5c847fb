/** What reading and writing over gRPC work with: a way to call, and REST beside it. */
import type {WeaviateObject} from '../../model/object.js'
import type {Connection, ObjectRequest} from '../connection.js'
import type {ListRequest, ReferencesPage} from '../rest/reading.js'
import type {GrpcCall, GrpcMethod} from './channel.js'

import {DataOpsError} from '../../model/errors.js'

/** A gRPC call about one collection. @throws DataOpsError COLLECTION_MISSING when there is none of that name. */
export type CollectionCall = <Request, Reply>(
  method: GrpcMethod<Request, Reply>,
  request: Request,
  options: GrpcCall & {collection: string},
) => Promise<Reply>

/** What gRPC cannot carry goes over REST: references whose target is gone, some properties, ints of 2^63. */
export interface RestObjects extends Pick<Connection, 'getObjects' | 'readPage' | 'writeObjects'> {
  /** With all its properties as REST shows them; undefined when there is none. */
  getObject: (request: ObjectRequest) => Promise<undefined | WeaviateObject>
  /** A page of the same cursor listing, with all properties as REST shows them. */
  readReferencesPage: (request: ListRequest) => Promise<ReferencesPage>
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
