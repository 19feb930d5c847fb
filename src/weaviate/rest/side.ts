/** The REST side of a connection whose objects go over gRPC. */
import type {KnownObject, RestSide} from '../connection.js'
import type {HttpClient} from './http.js'

import {DataOpsError} from '../../model/errors.js'
import {hasStatus} from '../errors.js'
import {getObjectRest, listIds} from './objects.js'

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

/** Names of the cluster's nodes; empty when these credentials may not see them. */
export async function listNodes(http: HttpClient, signal?: AbortSignal): Promise<string[]> {
  try {
    const {value} = await http.json<{nodes?: Array<{name?: string; status?: string}> | null}>({
      action: 'list the nodes',
      method: 'GET',
      path: '/v1/nodes',
      signal,
    })
    return (value.nodes ?? []).flatMap(({name, status}) => (name && status === 'HEALTHY' ? [name] : []))
  } catch (error) {
    if (error instanceof DataOpsError && (error.code === 'NOT_ALLOWED' || hasStatus(error, 404))) return []
    throw error
  }
}

async function findObject(
  http: HttpClient,
  {className, id, signal, tenant}: Parameters<RestSide['findObject']>[0],
): Promise<KnownObject | undefined> {
  const found = await getObjectRest(http, className, id, {signal, tenant})
  if (found) return found
  for (const node of await listNodes(http, signal)) {
    try {
      const there = await getObjectRest(http, className, id, {node, signal, tenant})
      if (there) return there
    } catch (error) {
      // A node without a replica of the shard says so in its own words.
      if (!(error instanceof DataOpsError) || error.retryable || error.code === 'INTERRUPTED') throw error
    }
  }

  return undefined
}
