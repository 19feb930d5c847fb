/** What has a backup's name and cannot be looked at, beside those that were found: one of them may be the one that is meant. */
import type {Store} from '../store/store.js'
import type {Listing} from './listing.js'
import type {UnusableFile} from './scan.js'
import type {ListedBackup} from './status.js'

import {fileStem, isHiddenName, parseBackupName} from '../archive/names.js'
import {DataOpsError} from '../model/errors.js'
import {matchesPattern} from '../model/pattern.js'
import {plural} from '../model/plural.js'
import {type BackupName, isOfTime} from './named.js'

/** Those of which nobody knows what they are: an entry is tried as what it says. */
function unknownIn({backups, unread}: Listing): UnusableFile[] {
  const listed = new Set(backups.map(({file}) => file))
  return unread.filter(({file}) => !listed.has(file))
}

/** Those that may be newer backups of what was asked for than the ones that were taken. */
export function unreadBeside(name: BackupName, taken: readonly ListedBackup[], listing: Listing): UnusableFile[] {
  if (name.kind === 'run') return []
  return unknownIn(listing).filter(({file}) => {
    const parsed = parseBackupName(file)
    if (!parsed) return false
    const at = parsed.startedAt.toISOString()
    if (name.kind === 'at' && !isOfTime(at, name.time)) return false
    const isAny = isHiddenName(file) || (name.kind === 'latest' && name.collection === undefined)
    // Its name has the time to the second.
    return taken.some(
      ({collection, timestamp}) =>
        (isAny || fileStem(collection) === parsed.collection) && at.slice(0, 19) >= timestamp.slice(0, 19),
    )
  })
}

/** Those that a pattern or a run may stand for as well, of collections of which nothing was taken. */
export function unreadAmong(name: BackupName, taken: readonly ListedBackup[], listing: Listing): UnusableFile[] {
  if (name.kind === 'run') return unknownIn(listing)
  if (name.kind !== 'pattern') return []
  const {pattern} = name
  const beside = new Set(unreadBeside(name, taken, listing).map(({file}) => file))
  const known = new Set(taken.map(({collection}) => fileStem(collection)))
  return unknownIn(listing).filter(({file}) => {
    const collection = parseBackupName(file)?.collection
    if (collection === undefined || beside.has(file)) return false
    if (isHiddenName(file)) return true
    return !known.has(collection) && (matchesPattern(collection, pattern) || matchesPattern(file, pattern))
  })
}

/** What is found; where that is nothing, with how many could not be looked at. @throws DataOpsError. */
export async function orUnread<T>(listing: Listing, store: Store, find: () => Promise<T>): Promise<T> {
  try {
    return await find()
  } catch (error) {
    const unread = unknownIn(listing)
    const [first] = unread
    if (!first || !(error instanceof DataOpsError) || error.code !== 'NOT_A_BACKUP') throw error
    const count = plural(
      unread.length,
      'file there could not be looked at, and may be the one',
      'files there could not be looked at, and one may be the one',
    )
    const paths = unread.map(({file}) => store.describe(file))
    const hint = [error.hint, `${count} that is meant: ${store.describe(first.file)}. ${first.reason}`]
    throw error.with({details: {unread: paths}, hint: hint.filter(Boolean).join(' ')})
  }
}
