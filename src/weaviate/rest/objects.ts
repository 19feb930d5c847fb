/** The data path over REST: all of it where gRPC cannot be reached, and what gRPC would lose where it can. */
import type {Connection} from '../connection.js'

import {countRest} from './count.js'
import {type HttpClient} from './http.js'
import {getObjectsRest, readPageRest} from './reading.js'
import {deleteObjectsRest, writeObjectsRest, writeReferencesRest} from './writing.js'

export type ObjectOperations = Pick<
  Connection,
  'count' | 'deleteObjects' | 'getObjects' | 'readPage' | 'writeObjects' | 'writeReferences'
>

/** A connection's object methods over REST alone. */
export function restObjects(http: HttpClient): ObjectOperations {
  return {
    count: async (collection, tenant, signal) => countRest(http, {className: collection, signal, tenant}),
    deleteObjects: async (request) => deleteObjectsRest(http, request),
    getObjects: async (request) => getObjectsRest(http, request),
    readPage: async (request) => readPageRest(http, request),
    writeObjects: async (request) => writeObjectsRest(http, request),
    writeReferences: async (request) => writeReferencesRest(http, request),
  }
}
