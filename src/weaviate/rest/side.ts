/** The REST side of a connection whose objects go over gRPC. */
import type {KnownObject, ObjectRequest, RestSide} from '../connection.js'
import type {HttpClient} from './http.js'

import {isRefusal} from '../../model/errors.js'
import {getObjectRest, listIds} from './reading.js'
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
    listObjects: async (request) => listIds(http, request),
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
