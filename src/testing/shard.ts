import type {Collection, Shard} from './store.js'

import {Refusal} from './refusal.js'

/** The shard that a request with this tenant ('' for none) is about. @throws Refusal 422. */
export function resolveShard(collection: Collection, tenant: string): Shard {
  if (!collection.tenants) {
    if (tenant !== '')
      throw new Refusal(`class ${collection.name} has multi-tenancy disabled, but request was with tenant`)
    return collection.shard
  }

  if (tenant === '')
    throw new Refusal(`class ${collection.name} has multi-tenancy enabled, but request was without tenant`)
  const found = collection.tenants.get(tenant)
  if (!found) throw new Refusal(`tenant not found: "${tenant}"`)
  if (found.status === 'HOT') return found.shard
  if (found.status === 'COLD' && isActivatedByUse(collection)) {
    found.status = 'HOT'
    return found.shard
  }

  throw new Refusal(`tenant not active: '${tenant}'`)
}

function isActivatedByUse(collection: Collection): boolean {
  return collection.schema.multiTenancyConfig?.autoTenantActivation === true
}
