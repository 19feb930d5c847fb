/** Tenants that were activated for a while become what they were. */
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Connection} from '../../weaviate/connection.js'

import {DataOpsError, insteadOf} from '../../model/errors.js'

export type TenantStates = Pick<Connection, 'listTenants' | 'setTenantStatus'>

/** Those of them that are active: what is gone, or was deactivated or offloaded by somebody else, is theirs. Returns how many. */
export async function putBackActive(
  connection: TenantStates,
  collection: string,
  tenants: readonly WeaviateTenant[],
): Promise<number> {
  const live = new Map((await connection.listTenants(collection)).map(({name, status}) => [name, status]))
  const active = tenants.filter(({name}) => live.get(name) === 'HOT' || live.get(name) === 'UNFREEZING')
  if (active.length > 0) await connection.setTenantStatus(collection, active)
  return active.length
}

/** All in one call; where one of them is refused, those that still need it: a tenant, or the collection, that somebody has removed meanwhile keeps no other active. */
export async function putBackAll(
  connection: TenantStates,
  collection: string,
  tenants: readonly WeaviateTenant[],
): Promise<void> {
  try {
    await connection.setTenantStatus(collection, tenants)
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code !== 'SERVER_REFUSED') throw error
    await putBackActive(connection, collection, tenants).catch(insteadOf(0, 'COLLECTION_MISSING'))
  }
}
