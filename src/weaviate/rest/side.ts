/** The REST side of a connection whose objects go over gRPC. */
import type {KnownObject, ObjectRequest, RestSide} from '../connection.js'
import type {HttpClient} from './http.js'

import {isRefusal} from '../../model/errors.js'
import {isTooLarge} from '../errors.js'
import {getObjectRest, listIds, type ListRequest} from './reading.js'
import {readNodes} from './replicas.js'

export function createRestSide(http: HttpClient, addresses: RestSide['addresses']): RestSide {
  return {
    addresses,
    async deleteObject({className, id, signal, tenant}) {
      await http.send({
        action: `delete object ${id} of ${className}`,
        method: 'DELETE',
        path: `/v1/objects/${encodeURIComponent(className)}/${encodeURIComponent(id)}`,
        query: {tenant},
        signal,
      })
    },
    findObject: async (request) => findObject(http, request),
    listObjects: async (request) => listObjects(http, request),
  }
}

/** Bytes of a listing of several objects: over REST each comes with all that it has. */
const MOST_BYTES = 16 * 1024 * 1024

/** As many as are asked for, or fewer where those are too large together. */
async function listObjects(http: HttpClient, request: ListRequest): Promise<KnownObject[]> {
  for (let {limit} = request; ; limit >>= 1) {
    try {
      return await listIds(http, {...request, limit, ...(limit > 1 && {meter: {most: MOST_BYTES, received: 0}})})
    } catch (error) {
      if (!isTooLarge(error) || limit <= 1) throw error
    }
  }
}

async function findObject(
  http: HttpClient,
  {className, id, signal, tenant}: ObjectRequest,
): Promise<KnownObject | undefined> {
  const found = await getObjectRest(http, className, id, {signal, tenant})
  if (found) return found
  for (const {isHealthy, name: node} of (await readNodes(http, undefined, signal)) ?? []) {
    if (!isHealthy) continue
    try {
      const there = await getObjectRest(http, className, id, {node, signal, tenant})
      if (there) return there
    } catch (error) {
      // A node without a replica of the shard says so in its own words.
      if (!isRefusal(error)) throw error
    }
  }

  return undefined
}
