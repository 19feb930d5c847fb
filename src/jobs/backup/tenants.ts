/** Which tenants a backup reads, and how: decided before it starts. Pure: nothing here talks to a server or a disk. */
import type {WeaviateTenant} from '../../model/tenant.js'
import type {ActivationGroup, BackupJournal, TenantScope} from './journal.js'

import {type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {settledStatus} from '../../flow/tenants/activation.js'
import {ACTIVATION_GROUP} from '../../flow/tenants/room.js'
import {chunks} from '../../model/chunks.js'
import {DataOpsError} from '../../model/errors.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {selectTenants} from '../options.js'

export interface TenantPlan {
  /** Inactive (and, when asked for, offloaded) tenants, in groups: each is activated, read and put back. */
  activate: WeaviateTenant[][]
  /** Tenants that can be read as they are. */
  active: WeaviateTenant[]
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

export function activationGroup(tenants: readonly WeaviateTenant[]): ActivationGroup {
  return {
    slices: slicesOfTenants(tenants),
    tenants: tenants.map(({name, status}) => ({name, status: settledStatus(status)})),
  }
}

/** What there is to read. */
export interface TransferWork {
  /** Tenants to activate, group by group, with what is to be read of them. */
  activation: ActivationGroup[]
  slices: Slice[]
}

export function planWhole(plan: TenantPlan | undefined): TransferWork {
  if (!plan) return {activation: [], slices: [{...WHOLE_RANGE}]}
  return {activation: plan.activate.map((group) => activationGroup(group)), slices: slicesOfTenants(plan.active)}
}

/** Active tenants that an earlier run has read, or begun to, and whose end it did not come to. */
export function uncounted(journal: BackupJournal, tenants: readonly WeaviateTenant[]): string[] {
  const counted = new Set(journal.checked?.counts.filter(([, {after}]) => after !== undefined).map(([name]) => name))
  const read = new Set(journal.tenants?.read)
  return tenants.flatMap(({name, status}) => (status === 'HOT' && read.has(name) && !counted.has(name) ? [name] : []))
}

/**
 * What a resumed backup has still to read, by the states that the tenants are in now.
 * @throws DataOpsError INVALID_INPUT when a tenant is gone, or was offloaded since and may not be onloaded.
 */
export function planRemaining(
  progress: Pick<BackupJournal, 'remaining' | 'waiting'>,
  tenants: readonly WeaviateTenant[] | undefined,
  options: {includeOffloaded?: boolean},
): TransferWork {
  if (!tenants) return {activation: [], slices: progress.remaining}
  const left = [...progress.remaining, ...progress.waiting.flatMap((group) => group.slices)]
  const byTenant = Map.groupBy(left, ({tenant}) => tenant!)

  const live = new Map(tenants.map((tenant) => [tenant.name, tenant]))
  const gone = left.find(({tenant}) => !live.has(tenant!))
  if (gone) {
    throw new DataOpsError('INVALID_INPUT', `Tenant "${gone.tenant}" is gone since the backup was interrupted.`, {
      hint: 'Take a new backup, without `resume`.',
    })
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
