import type {BackupHead, BackupSeal} from '../../codec/document.js'
import type {HeldKind} from './cover.js'

import {isMultiTenant} from '../../model/schema.js'

/** What a backup holds of its collection. */
export function heldKind({metadata, schema}: BackupHead, seal: Pick<BackupSeal, 'complete' | 'tenants'>): HeldKind {
  if (!metadata.options.include_data) return 'schema'
  if (seal.complete === false) return 'incomplete'
  if (metadata.partial || metadata.transforms) return 'part'
  const isAll =
    (metadata.options.tenants ?? []).length === 0 && (seal.tenants ?? []).every(({skipped}) => skipped === undefined)
  return isMultiTenant(schema) && !isAll ? 'some' : 'all'
}
