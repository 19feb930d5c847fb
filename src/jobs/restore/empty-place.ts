/** Whether there is anything in a collection, or a tenant. */
import type {Connection} from '../../weaviate/connection.js'

import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'

export async function isEmptyPlace(connection: Connection, className: string, tenant?: string): Promise<boolean> {
  // Where the collection is, whatever gRPC would say: the two may be two servers.
  if (!connection.restSide) return (await connection.count(className, tenant)) === 0
  return (await connection.restSide.listObjects({className, limit: 1, tenant})).length === 0
}

/** Whether it is as whoever creates a collection finds it: without tenants, where it has such, or without objects. */
export async function isUntouched(connection: Connection, schema: WeaviateClass): Promise<boolean> {
  if (isMultiTenant(schema)) return (await connection.listTenants(schema.class)).length === 0
  return isEmptyPlace(connection, schema.class)
}
