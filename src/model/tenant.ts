import {nearestNames} from './nearest.js'
import {plural} from './plural.js'

/** Tenant activity as REST names it. */
export type TenantStatus = 'COLD' | 'FREEZING' | 'FROZEN' | 'HOT' | 'UNFREEZING'

/** A tenant of a collection and its state. */
export interface WeaviateTenant {
  name: string
  status: TenantStatus
}

/** Whether a tenant's objects lie elsewhere, or are on the way there or back. */
export function isOffloaded({status}: WeaviateTenant): boolean {
  return status !== 'HOT' && status !== 'COLD'
}

/** What the server's versions call each status, in capitals. */
export const TENANT_STATUSES: Readonly<Record<string, TenantStatus>> = {
  ACTIVE: 'HOT',
  COLD: 'COLD',
  FREEZING: 'FREEZING',
  FROZEN: 'FROZEN',
  HOT: 'HOT',
  INACTIVE: 'COLD',
  OFFLOADED: 'FROZEN',
  OFFLOADING: 'FREEZING',
  ONLOADING: 'UNFREEZING',
  UNFREEZING: 'UNFREEZING',
}

/** What to say where tenants were named that are not there. `names`: of those that are; `of`: whose they are, as a sentence begins. */
export function tenantsNotThere(
  wanted: readonly string[],
  names: readonly string[],
  of: string,
): {details: {near?: string[]; tenants: string[]}; hint: string} {
  const near = [...new Set(wanted.flatMap((name) => nearestNames(name.replaceAll(/[*?]/g, ''), names)))].slice(0, 3)
  const details = {tenants: [...wanted], ...(near.length > 0 && {near})}
  if (near.length > 0) return {details, hint: `Did you mean ${near.join(', ')}?`}
  const some = names.length > 0 ? `, "${names[0]}" among them` : ''
  return {details, hint: `${of} has ${plural(names.length, 'tenant')}${some}.`}
}
