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
