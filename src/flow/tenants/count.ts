import type {Connection} from '../../weaviate/connection.js'

import {inParallel} from '../../model/in-parallel.js'

/** Tenants counted at the same time. */
const COUNTS_AT_ONCE = 4

/** Objects in these tenants together, all of which are active. @throws DataOpsError INTERRUPTED, or what the server answered. */
export async function countInTenants(
  connection: Pick<Connection, 'count'>,
  className: string,
  tenants: Iterable<string>,
  signal?: AbortSignal,
): Promise<number> {
  const counts = await inParallel(tenants, {atOnce: COUNTS_AT_ONCE, signal}, async (tenant) =>
    connection.count(className, tenant, signal),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
