/** What is to be said of a sealed backup that lacks objects. */
import type {BackupSeal} from '../codec/document.js'
import type {Warning} from '../model/progress.js'

/** undefined: it is whole, or has no seal that would say. `path`: of the backup, for people. */
export function incompleteWarning(
  path: string,
  seal: Pick<BackupSeal, 'complete' | 'counted' | 'missing' | 'object_count'> | undefined,
): undefined | Warning {
  if (seal?.complete !== false) return undefined
  const {counted, missing = []} = seal
  const counts = counted
    ? `the server counted ${counted.before ?? 'an unknown number'} objects before and ${counted.after ?? 'an unknown number'} after, ${counted.read} are in it`
    : `${seal.object_count} objects are in it`
  const ids = missing.slice(0, 3).map(({id}) => id)
  const named = ids.length > 0 ? `; missing are ${ids.join(', ')}` : ''
  const more = missing.length > 3 ? ` and ${missing.length - 3} more that are known` : ''
  return {
    code: 'incomplete-backup',
    details: {counted, missing: missing.slice(0, 20), path},
    message: `${path} is an incomplete backup: ${counts}${named}${more}.`,
  }
}

/** Why the tenants are not in a backup that somebody left out on purpose. */
export const NOT_SELECTED = 'not selected'

/** What is to be said of a backup, or an export, that was made without some tenants. undefined: it has all that there were. `details.unread`: those that nobody left out on purpose. */
export function skippedWarning(
  path: string,
  seal: Partial<Pick<BackupSeal, 'tenants'>> | undefined,
): undefined | Warning {
  const skipped = (seal?.tenants ?? []).flatMap(({name, skipped: reason}) =>
    reason === undefined ? [] : [{name, reason}],
  )
  const [first] = skipped
  if (!first) return undefined
  const names = skipped.slice(0, 3).map(({name}) => `"${name}"`)
  const more = skipped.length > 3 ? ` and ${skipped.length - 3} more` : ''
  return {
    code: 'tenants-not-in-backup',
    details: {
      count: skipped.length,
      path,
      tenants: skipped.slice(0, 20),
      unread: skipped.filter(({reason}) => reason !== NOT_SELECTED).length,
    },
    message: `${path} was made without ${names.join(', ')}${more} (${first.reason}): nothing of them is restored.`,
  }
}
