import type {SealedManifest} from '../archive/manifest.js'

import {isMultiTenant} from '../model/schema.js'

/** What a backup holds, and so what it may stand in for. */
export interface Held {
  /** Counted apart: none of one kind takes the place of one of another. */
  kind: 'all' | 'incomplete' | 'schema' | 'some'
  /** Of which there are objects; in a backup of some tenants. */
  tenants: ReadonlySet<string>
}

export function heldBy({metadata, schema, seal}: SealedManifest): Held {
  const tenants = new Set<string>()
  let isAll = (metadata.options.tenants ?? []).length === 0
  for (const {name, skipped} of seal.tenants ?? []) {
    if (skipped === undefined) tenants.add(name)
    else isAll = false
  }

  if (!metadata.options.include_data) return {kind: 'schema', tenants}
  if (seal.complete === false) return {kind: 'incomplete', tenants}
  return {kind: isMultiTenant(schema) && !isAll ? 'some' : 'all', tenants}
}
