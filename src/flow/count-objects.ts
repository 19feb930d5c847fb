import type {Connection} from '../weaviate/connection.js'

import {WHOLE_RANGE} from '../model/uuid-range.js'
import {planCollection} from '../weaviate/collection-plan.js'
import {listIds} from './list-ids.js'
import {slicesOfTenants} from './parallel-reader.js'
import {countInTenants} from './tenants/count.js'

/** Pages under way. */
const AT_ONCE = 4

/** Whether listings go through several nodes, so that a count of one of them would say less. */
export function isListedThroughNodes(connection: Connection): boolean {
  return (connection.replicas?.members.length ?? 1) > 1
}

/**
 * Objects in a collection, or in these tenants of it, which are active: as the server counts them, or as they come out when several nodes
 * list them. @throws DataOpsError INTERRUPTED, or what the server answered.
 */
export async function countObjects(
  connection: Connection,
  className: string,
  tenants: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<number> {
  const schema = isListedThroughNodes(connection) ? await connection.getCollection(className) : undefined
  if (!schema) {
    return tenants
      ? countInTenants(connection, className, tenants, signal)
      : connection.count(className, undefined, signal)
  }

  const slices = tenants ? slicesOfTenants(tenants.map((name) => ({name}))) : [{...WHOLE_RANGE}]
  let objects = 0
  for await (const page of listIds({concurrency: AT_ONCE, connection, plan: planCollection(schema), signal, slices}))
    objects += page.length
  return objects
}
