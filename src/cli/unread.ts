/** What a job could not read, though it was meant to: done, but not everything. */
import type {BackupResult} from '../jobs/backup/options.js'
import type {ClearResult} from '../jobs/clear/options.js'
import type {Warning} from '../model/progress.js'

import {NOT_SELECTED} from '../archive/incomplete.js'

/** Whether the backup lacks objects that were counted or asked for, or tenants that could not be read; what was not chosen is nobody's loss. */
export function isLacking({complete, dryRun, tenants, warnings}: BackupResult): boolean {
  const skipped = (tenants?.skipped ?? []).some(({reason}) => reason !== NOT_SELECTED)
  return !complete || (!dryRun && (skipped || warnings.some(({code}) => code === 'ids-not-there')))
}

/** Whether what was restored or copied comes from a backup, or a collection, that could not be read whole. */
export function comesFromLacking({dryRun, warnings}: {dryRun: boolean; warnings: readonly Warning[]}): boolean {
  // Whoever wants it on every replica has not got it.
  const isAway = warnings.some(({code, details}) => code === 'replicas-away' && details?.consistency === 'ALL')
  return !dryRun && (isAway || warnings.some(({code, details}) => LACKING.has(code) && details?.unread !== 0))
}

const LACKING = new Set([
  'backup-not-read',
  'came-later',
  'ids-not-there',
  'incomplete-backup',
  'not-all-compared',
  'references-gone',
  'source-changed',
  'tenant-skipped',
  'tenants-not-in-backup',
  'written-meanwhile',
])

/** Whether a clear has left objects: such as were written meanwhile, can still be read, are in offloaded tenants, or on nodes that were away. */
export function leavesSome({dryRun, kept, remaining, tenantsNotCounted = [], warnings}: ClearResult): boolean {
  if (dryRun) return false
  const isShown = warnings.some(({code}) => code === 'objects-remain' || code === 'replicas-away')
  return kept > 0 || remaining > 0 || tenantsNotCounted.length > 0 || isShown
}
