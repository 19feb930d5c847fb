import {chunks} from '../../model/chunks.js'
import {DataOpsError, throwIfAborted} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {type TenantStatus, type WeaviateTenant} from '../../model/tenant.js'
import {ActiveTenants, type HeldNote} from './active-tenants.js'
import {type TenantStates} from './put-back.js'
import {ACTIVATION_GROUP} from './room.js'

/**
 * Runs `body` once with the tenants that are active, then with the others in groups of at most 100, each group activated before and put
 * back afterwards: also when `body` fails or the signal fires, and by the next run on that collection when this one is killed. Whoever
 * must not onload offloaded tenants leaves them out of `tenants`.
 * @throws DataOpsError whatever `body` threw, or what the server answered; `details.tenants` names those that could not be put back.
 */
export async function withActiveTenants(
  connection: TenantStates,
  {
    className,
    note,
    signal,
    tenants,
  }: {className: string; note?: HeldNote; signal?: AbortSignal; tenants: readonly WeaviateTenant[]},
  body: (group: WeaviateTenant[]) => Promise<void>,
): Promise<void> {
  const active = tenants.filter(({status}) => status === 'HOT')
  const inactive = tenants.filter(({status}) => status !== 'HOT')
  if (active.length > 0) await body(active)
  if (inactive.length === 0) return
  const engine = new ActiveTenants(connection, {limit: ACTIVATION_GROUP, note})
  engine.admit(className, inactiveNow(inactive))
  for (const group of chunks(inactive, ACTIVATION_GROUP)) {
    throwIfAborted(signal)
    await withActiveGroup(engine, {className, group, signal}, body)
  }
}

/** Runs `body` once with these tenants, which the engine knows, active; then all that it holds is put back. @throws as `withActiveTenants`. */
export async function withActiveGroup<T>(
  engine: ActiveTenants,
  {className, group, signal}: {className: string; group: WeaviateTenant[]; signal?: AbortSignal},
  body: (group: WeaviateTenant[]) => Promise<T>,
): Promise<T> {
  let result: T
  try {
    const release = await engine.hold(
      group.map(({name}) => ({collection: className, name})),
      signal,
    )
    try {
      result = await body(group)
    } finally {
      release()
    }
  } catch (error) {
    try {
      await engine.putBack()
    } catch {
      // The first failure is the one to report, with what it leaves behind.
      throw leftActive(error, className, group)
    }

    throw error
  }

  // No signal: what was activated is put back, whatever happens.
  await engine.putBack()
  return result
}

/** As `ActiveTenants` is to know them: not active, and in the end as they are. */
export function inactiveNow(tenants: readonly WeaviateTenant[]): Array<WeaviateTenant & {isActive: boolean}> {
  return tenants.map(({name, status}) => ({isActive: false, name, status: settledStatus(status)}))
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
    message: `${error.message} ${plural(group.length, 'tenant')} of "${className}" may have been left active.`,
  })
}
