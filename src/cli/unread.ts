/** What a job could not read, though it was meant to: done, but not everything. */
import type {BackupResult} from '../jobs/backup/options.js'
import type {Warning} from '../model/progress.js'

import {NOT_SELECTED} from '../archive/incomplete.js'

/** Whether the backup lacks objects that were counted, or tenants that could not be read; what was not chosen is nobody's loss. */
export function isLacking({complete, dryRun, tenants}: BackupResult): boolean {
  return !complete || (!dryRun && (tenants?.skipped ?? []).some(({reason}) => reason !== NOT_SELECTED))
}

/** Whether what was restored or copied comes from a backup, or a collection, that could not be read whole. */
export function comesFromLacking({dryRun, warnings}: {dryRun: boolean; warnings: readonly Warning[]}): boolean {
  return !dryRun && warnings.some(({code, details}) => LACKING.has(code) && details?.unread !== 0)
}

const LACKING = new Set(['incomplete-backup', 'tenant-skipped', 'tenants-not-in-backup'])
