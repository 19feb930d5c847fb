/** Tenant activity as REST names it. */
export type TenantStatus = 'COLD' | 'FREEZING' | 'FROZEN' | 'HOT' | 'UNFREEZING'

export interface WeaviateTenant {
  name: string
  status: TenantStatus
}
