import type {Connection} from '../../weaviate/connection.js'

import {DataOpsError, throwIfAborted} from '../../model/errors.js'
import {type TenantStatus, type WeaviateTenant} from '../../model/tenant.js'

/** Tenants are activated for reading in groups of this many (the server changes at most 100 a call). */
export const ACTIVATION_GROUP = 100

/**
 * Runs `body` once with the tenants that are active, then with the others in groups of at most 100, each group activated before and put
 * back afterwards: also when `body` fails or the signal fires. Whoever must not onload offloaded tenants leaves them out of `tenants`.
 * @throws DataOpsError whatever `body` threw, or what the server answered; `details.tenants` names those that could not be put back.
 */
export async function withActiveTenants(
  connection: Pick<Connection, 'setTenantStatus'>,
  className: string,
  tenants: readonly WeaviateTenant[],
  {signal}: {signal?: AbortSignal},
  body: (group: WeaviateTenant[]) => Promise<void>,
): Promise<void> {
  const active = tenants.filter(({status}) => status === 'HOT')
  const inactive = tenants.filter(({status}) => status !== 'HOT')
  if (active.length > 0) await body(active)
  for (let start = 0; start < inactive.length; start += ACTIVATION_GROUP) {
    throwIfAborted(signal)
    await withActiveGroup(connection, className, inactive.slice(start, start + ACTIVATION_GROUP), signal, body)
  }
}

async function withActiveGroup(
  connection: Pick<Connection, 'setTenantStatus'>,
  className: string,
  group: WeaviateTenant[],
  signal: AbortSignal | undefined,
  body: (group: WeaviateTenant[]) => Promise<void>,
): Promise<void> {
  const restore = group.map(({name, status}) => ({name, status: settledStatus(status)}))
  try {
    await connection.setTenantStatus(
      className,
      group.map(({name}) => ({name, status: 'HOT'})),
      signal,
    )
    await body(group)
  } catch (error) {
    try {
      await connection.setTenantStatus(className, restore)
    } catch {
      // The first failure is the one to report, with what it leaves behind.
      throw leftActive(error, className, group)
    }

    throw error
  }

  // No signal: what was activated is put back, whatever happens.
  await connection.setTenantStatus(className, restore)
}

/** A state that can be asked for: those on the way there cannot. */
export function settledStatus(status: TenantStatus): TenantStatus {
  if (status === 'FREEZING') return 'FROZEN'
  return status === 'UNFREEZING' ? 'HOT' : status
}

function leftActive(error: unknown, className: string, group: readonly WeaviateTenant[]): unknown {
  if (!(error instanceof DataOpsError)) return error
  return error.with({
    details: {tenants: group.map(({name, status}) => ({name, status}))},
    message: `${error.message} ${group.length} tenants of "${className}" may have been left active.`,
  })
}
