/** What a backup will do, decided before it starts. Pure: nothing here talks to a server or a disk. */
import type {BackupFormat} from '../codec/codec.js'
import type {WeaviateTenant} from '../weaviate/weaviate.js'
import type {BackupOptions} from './options.js'

import {DataOpsError} from '../errors.js'
import {ACTIVATION_GROUP} from '../transfer/activation.js'
import {defaultBatchSize} from '../transfer/page-size.js'

export const FORMATS: readonly BackupFormat[] = ['json', 'parquet', 'arrow']

export interface TenantPlan {
  /** Inactive (and, when asked for, offloaded) tenants, in groups: each is activated, read and put back. */
  activate: WeaviateTenant[][]
  /** Tenants that can be read as they are. */
  active: WeaviateTenant[]
  skipped: Array<{name: string; reason: string}>
}

/** @throws DataOpsError INVALID_INPUT naming the option. */
export function checkOptions(options: BackupOptions): void {
  if (options.format !== undefined && !FORMATS.includes(options.format)) {
    throw new DataOpsError('INVALID_INPUT', `"${options.format}" is not a backup format.`, {
      hint: `Choose one of ${FORMATS.join(', ')}.`,
    })
  }

  checkPositiveInteger(options.batchSize, 'batch size')
  checkPositiveInteger(options.concurrency, 'concurrency')
}

/** @throws DataOpsError INVALID_INPUT. */
export function checkPositiveInteger(value: number | undefined, name: string): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
    throw new DataOpsError('INVALID_INPUT', `The ${name} must be a whole number above 0, not ${value}.`)
  }
}

/** @throws DataOpsError INVALID_INPUT when a tenant asked for does not exist. */
export function planTenants(
  tenants: readonly WeaviateTenant[],
  options: {includeOffloaded?: boolean; tenants?: readonly string[]},
): TenantPlan {
  const selected = selectTenants(tenants, options.tenants)
  const plan: TenantPlan = {activate: [], active: [], skipped: []}
  const inactive: WeaviateTenant[] = []
  for (const tenant of selected) {
    if (tenant.status === 'HOT') plan.active.push(tenant)
    else if (tenant.status === 'COLD' || options.includeOffloaded) inactive.push(tenant)
    else plan.skipped.push({name: tenant.name, reason: 'offloaded'})
  }

  for (let start = 0; start < inactive.length; start += ACTIVATION_GROUP) {
    plan.activate.push(inactive.slice(start, start + ACTIVATION_GROUP))
  }

  return plan
}

/** @throws DataOpsError INVALID_INPUT when a name is not among the tenants. */
export function selectTenants<Tenant extends {name: string}>(
  tenants: readonly Tenant[],
  names: readonly string[] | undefined,
): Tenant[] {
  if (!names || names.length === 0) return [...tenants]
  const known = new Map(tenants.map((tenant) => [tenant.name, tenant]))
  const missing = names.filter((name) => !known.has(name))
  if (missing.length > 0) {
    throw new DataOpsError('INVALID_INPUT', `There is no tenant ${missing.map((name) => `"${name}"`).join(', ')}.`, {
      hint: `The collection has ${tenants.length} tenants${tenants.length > 0 ? `, "${tenants[0]!.name}" among them` : ''}.`,
    })
  }

  return [...new Set(names)].map((name) => known.get(name)!)
}

/** The page size that the user set, or the one for a collection of this size. */
export function batchSizeFor(options: {batchSize?: number}, objectCount: number): number {
  return options.batchSize ?? defaultBatchSize(objectCount)
}
