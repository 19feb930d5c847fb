import type {Store, StoreEntry} from '../store/store.js'

import {commitKey, isBackupFile, METADATA_FILE, removedName} from '../archive/names.js'
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
  if (found && found.kind === kindOfName(entry.file) && (await isWholeAsListed(store, entry, found))) return 'sealed'
  // A listing may be an old one: what it does not show is asked for by name.
  const isCommitted = await isThere(store, entry.file)
  if (isCommitted) {
    const now = await readEntryOf(store, entry.file).catch(insteadOf(undefined, isNoBackup))
    // Of an encrypted one the file of its key may be a shorter one by now.
    return now?.id === entry.id && (entry.encrypted === true || now.size >= entry.size) ? 'sealed' : 'damaged'
  }

  if (found?.kind === undefined || found.kind !== kindOfName(entry.file)) return 'missing'
  // What a removal has begun on is as good as gone; with its `metadata.json` it has not, and a copy that may remove nothing leaves that mark.
  return onDisk.has(removedName(entry.file)) ? 'missing' : 'damaged'
}

/** As far as a listing tells. */
async function isWholeAsListed(store: Store, entry: CatalogEntry, found: StoreEntry): Promise<boolean> {
  if (found.kind === 'file') return found.bytes === entry.size
  let bytes = 0
  let isCommitted = false
  for (const file of await store.list(entry.file)) {
    // More may lie there, a file manager's own, say: it makes up for nothing.
    if (isBackupFile(file.name)) bytes += file.bytes
    isCommitted ||= file.name === METADATA_FILE
  }

  return isCommitted && bytes >= entry.size
}

/** Whether what makes a backup of that name one is there, asked for by its name; what a link leads out to is not. @throws DataOpsError STORAGE. */
export async function isThere(store: Store, file: string): Promise<boolean> {
  const found = await store.stat(commitKey(file), 'file').catch(insteadOf(undefined, 'INVALID_INPUT'))
  return found?.kind === 'file'
}

/** Not what cannot be read now. */
function isNoBackup(error: unknown): boolean {
  return error instanceof DataOpsError && error.code !== 'STORAGE'
}
