/** Tenants that were activated for a while become what they were. */
import type {TenantStatus, WeaviateTenant} from '../../model/tenant.js'
import type {Connection} from '../../weaviate/connection.js'

import {DataOpsError} from '../../model/errors.js'
import {isChangedBack} from '../../weaviate/rest/tenants.js'

export type TenantStates = Pick<Connection, 'listTenants' | 'setTenantStatus'>

/** Those of them that are active: what is gone, or was deactivated or offloaded by somebody else, is theirs. Returns how many. */
export async function putBackActive(
  connection: TenantStates,
  collection: string,
  tenants: readonly WeaviateTenant[],
): Promise<number> {
  return putBackThose(connection, collection, tenants, isActive)
}

/**
 * What was active a moment ago. What somebody else has removed, deactivated or offloaded meanwhile stays as that one wants it: it would be
 * onloaded, or an offloading taken back.
 */
export async function putBackAll(
  connection: TenantStates,
  collection: string,
  tenants: readonly WeaviateTenant[],
): Promise<void> {
  // An activation of which no answer came may still be on its way: said once more, inactive comes after it.
  const isOwn = (now: TenantStatus, wanted: TenantStatus): boolean =>
    isActive(now) || (now === 'COLD' && now === wanted)
  const put = async (): Promise<number> => putBackThose(connection, collection, tenants, isOwn)
  try {
    // Refused: one of them has changed in between, or is gone, and keeps no other active.
    await put().catch(async (error: unknown) => {
      if (!(error instanceof DataOpsError) || error.code !== 'SERVER_REFUSED') throw error
      return put()
    })
  } catch (error) {
    // With the collection, its tenants are gone; what somebody has activated again since is that one's.
    const isTheirs = isChangedBack(error) || (error instanceof DataOpsError && error.code === 'COLLECTION_MISSING')
    if (!isTheirs) throw error
  }
}

function isActive(now: TenantStatus): boolean {
  return now === 'HOT' || now === 'UNFREEZING'
}

async function putBackThose(
  connection: TenantStates,
  collection: string,
  tenants: readonly WeaviateTenant[],
  isOwn: (now: TenantStatus, wanted: TenantStatus) => boolean,
): Promise<number> {
  const names = tenants.map(({name}) => name)
  const live = new Map((await connection.listTenants(collection, names)).map(({name, status}) => [name, status]))
  const own = tenants.filter(({name, status}) => {
    const now = live.get(name)
    return now !== undefined && isOwn(now, status)
  })
  if (own.length > 0) await connection.setTenantStatus(collection, own)
  return own.length
}
