/** What there is in a place: what the catalog lists, and what lies there without an entry. */
import type {Store} from '../store/store.js'

import {listPlace} from '../archive/locked.js'
import {DataOpsError} from '../model/errors.js'
import {inParallel} from '../model/in-parallel.js'
import {type CatalogEntry, kindOfName, withHiddenName} from './entry.js'
import {newestFirst} from './retention.js'
import {PARALLEL, tryReadEntry, type UnusableFile} from './scan.js'
import {type BackupStatus, type ListedBackup, statusOf} from './status.js'

export interface Listing {
  /** Newest first. */
  backups: ListedBackup[]
  /** What cannot be looked at now, and why: with an entry it is among `backups`, as `unread`; what has none may be a backup, or not. */
  unread: UnusableFile[]
}

/** @throws DataOpsError STORAGE when the place itself cannot be listed. */
export async function listBackups(store: Store, listed: readonly CatalogEntry[]): Promise<Listing> {
  const onDisk = await listPlace(store)
  const byName = new Map(onDisk.map((entry) => [entry.name, entry]))
  const unread: UnusableFile[] = []
  const statusNow = async (entry: CatalogEntry): Promise<BackupStatus> =>
    statusOf(store, entry, byName).catch((error: unknown) => {
      if (!(error instanceof DataOpsError) || error.code !== 'STORAGE') throw error
      unread.push({file: entry.file, reason: error.message})
      return 'unread' as const
    })
  const known = await inParallel(listed, {atOnce: PARALLEL}, async (entry) => ({
    ...entry,
    status: await statusNow(entry),
  }))
  const files = new Set(listed.map(({file}) => file))
  const others = onDisk.filter(({kind, name}) => kindOfName(name) === kind && !files.has(name))
  const unlisted = await inParallel(others, {atOnce: PARALLEL}, async ({name}): Promise<ListedBackup | undefined> => {
    const found = await tryReadEntry(store, name)
    if ('entry' in found) return {...found.entry, status: 'unlisted'}
    if (found.isUnread) unread.push({file: found.file, reason: found.reason})
    return undefined
  })
  const all = [...known, ...unlisted.filter((entry) => entry !== undefined)]
  const backups = await inParallel(all, {atOnce: PARALLEL}, async (entry) => withHiddenName(store, entry))
  return {backups: backups.toSorted(newestFirst), unread}
}

/** What could not be looked at, each once. */
export function withMore(unread: readonly UnusableFile[], more: readonly UnusableFile[]): UnusableFile[] {
  const known = new Set(unread.map(({file}) => file))
  return [...unread, ...more.filter(({file}) => !known.has(file))]
}
