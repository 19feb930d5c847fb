import type {Store, StoreEntry} from '../store/store.js'

import {isBackupFile, METADATA_FILE, removedName} from '../archive/names.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {type CatalogEntry, kindOfName, readEntryOf} from './entry.js'

/**
 * `sealed`: listed and there. `unlisted`: sealed and there, without an entry. `missing`: an entry without its files.
 * `damaged`: its files do not have the size that they had. `unread`: an entry whose files cannot be looked at now.
 */
export type BackupStatus = 'damaged' | 'missing' | 'sealed' | 'unlisted' | 'unread'

/** An entry of the catalog, or what would be one, and what its files are now. */
export type ListedBackup = CatalogEntry & {status: BackupStatus}

/** Of a backup with an entry; `onDisk`: what lies in its place, by name. @throws DataOpsError STORAGE where it cannot be looked at now. */
export async function statusOf(
  store: Store,
  entry: CatalogEntry,
  onDisk: ReadonlyMap<string, StoreEntry>,
): Promise<Exclude<BackupStatus, 'unlisted' | 'unread'>> {
  const found = onDisk.get(entry.file)
  // Of a link that cannot be followed nobody can say that it leads nowhere.
  if (found?.kind === 'other') await readEntryOf(store, entry.file).catch(insteadOf(undefined, isNoBackup))
  if (found?.kind === undefined || found.kind !== kindOfName(entry.file)) return 'missing'
  if (found.kind === 'file') return found.bytes === entry.size ? 'sealed' : 'damaged'
  let bytes = 0
  let isCommitted = false
  for (const file of await store.list(entry.file)) {
    // More may lie there, a file manager's own, say: it makes up for nothing.
    if (isBackupFile(file.name)) bytes += file.bytes
    isCommitted ||= file.name === METADATA_FILE
  }

  if (isCommitted && bytes >= entry.size) return 'sealed'
  // What a removal has begun on is as good as gone; with its `metadata.json` it has not, and a copy that may remove nothing leaves that mark.
  if (!isCommitted && onDisk.has(removedName(entry.file))) return 'missing'
  if (entry.encrypted !== true) return 'damaged'
  // The file of its key may be a shorter one by now.
  const now = await readEntryOf(store, entry.file).catch(insteadOf(undefined, isNoBackup))
  return now?.id === entry.id ? 'sealed' : 'damaged'
}

/** Not what cannot be read now. */
function isNoBackup(error: unknown): boolean {
  return error instanceof DataOpsError && error.code !== 'STORAGE'
}
