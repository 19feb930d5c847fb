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
  const said = (count: null | number | undefined): string =>
    typeof count === 'number' ? String(count) : 'an unknown number'
  const counts = counted
    ? `the server counted ${said(counted.before)} objects before and ${said(counted.after)} after, ${counted.read} are in it`
    : `${seal.object_count} objects are in it`
  const named =
    missing.length > 0
      ? `; missing are ${missing
          .slice(0, 3)
          .map(({id}) => id)
          .join(', ')}`
      : ''
  const more = missing.length > 3 ? ` and ${missing.length - 3} more that are known` : ''
  return {
    code: 'incomplete-backup',
    details: {counted, missing: missing.slice(0, 20), path},
    message: `${path} is an incomplete backup: ${counts}${named}${more}.`,
  }
}
