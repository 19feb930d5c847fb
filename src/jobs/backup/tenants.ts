/** Which tenants a backup reads, and how: decided before it starts. Pure: nothing here talks to a server or a disk. */
import type {Slice} from '../../flow/parallel-reader.js'
import type {WeaviateTenant} from '../../model/tenant.js'

import {ACTIVATION_GROUP} from '../../flow/tenants/active-tenants.js'
import {chunks} from '../../model/chunks.js'
import {DataOpsError} from '../../model/errors.js'
import {selectTenants} from '../options.js'
import {activationGroup, type ActivationGroup, type TransferProgress} from './transfer.js'

export interface TenantPlan {
  /** Inactive (and, when asked for, offloaded) tenants, in groups: each is activated, read and put back. */
  activate: WeaviateTenant[][]
  /** Tenants that can be read as they are. */
  active: WeaviateTenant[]
  skipped: Array<{name: string; reason: string}>
}

/** The tenants of a backup, decided when it starts and kept when it is resumed. */
export interface TenantScope {
  /** Names of those that are in it. */
  read: string[]
  skipped: Array<{name: string; reason: string}>
}

export function scopeOf(plan: TenantPlan): TenantScope {
  return {read: [...plan.active, ...plan.activate.flat()].map(({name}) => name), skipped: plan.skipped}
}

/** @throws DataOpsError INVALID_INPUT when a tenant asked for does not exist. */
export function planTenants(
  tenants: readonly WeaviateTenant[],
  options: {includeData?: boolean; includeOffloaded?: boolean; tenants?: readonly string[]},
): TenantPlan {
  const selected = selectTenants(tenants, options.tenants)
  // Nothing of them is read: their names and states are all there is.
  if (options.includeData === false) return {activate: [], active: selected, skipped: []}
  const plan: TenantPlan = {activate: [], active: [], skipped: []}
  const inactive: WeaviateTenant[] = []
  for (const tenant of selected) {
    if (tenant.status === 'HOT') plan.active.push(tenant)
    else if (tenant.status === 'COLD' || options.includeOffloaded) inactive.push(tenant)
    else plan.skipped.push({name: tenant.name, reason: 'offloaded'})
  }

  plan.activate.push(...chunks(inactive, ACTIVATION_GROUP))

  return plan
}

/**
 * What a resumed backup has still to read, by the states that the tenants are in now.
 * @throws DataOpsError INVALID_INPUT when a tenant is gone, or was offloaded since and may not be onloaded.
 */
export function planRemaining(
  progress: Pick<TransferProgress, 'remaining' | 'waiting'>,
  tenants: readonly WeaviateTenant[] | undefined,
  options: {includeOffloaded?: boolean},
): {activation: ActivationGroup[]; slices: Slice[]} {
  if (!tenants) return {activation: [], slices: progress.remaining}
  const left = [...progress.remaining, ...progress.waiting.flatMap((group) => group.slices)]
  const byTenant = Map.groupBy(left, ({tenant}) => tenant!)

  const live = new Map(tenants.map((tenant) => [tenant.name, tenant]))
  for (const name of byTenant.keys()) {
    if (!live.has(name)) {
      throw new DataOpsError('INVALID_INPUT', `Tenant "${name}" is gone since the backup was interrupted.`, {
        hint: 'Take a new backup, without `resume`.',
      })
    }
  }

  const {activate, active, skipped} = planTenants(
    [...byTenant.keys()].map((name) => live.get(name)!),
    options,
  )
  if (skipped.length > 0) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `Tenant "${skipped[0]!.name}" was offloaded since the backup was interrupted.`,
      {
        hint: 'Activate it, or take a new backup without `resume`.',
      },
    )
  }

  const slicesOf = (group: readonly WeaviateTenant[]): Slice[] => group.flatMap(({name}) => byTenant.get(name)!)
  return {
    activation: activate.map((group) => ({...activationGroup(group), slices: slicesOf(group)})),
    slices: slicesOf(active),
  }
}
