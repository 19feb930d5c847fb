/** What the backups of a folder say of themselves, whatever the catalog does. */
import type {Store} from '../store/store.js'

import {listPlace} from '../archive/locked.js'
import {DataOpsError} from '../model/errors.js'
import {inParallel} from '../model/in-parallel.js'
import {type CatalogEntry, kindOfName, readEntryOf} from './entry.js'
import {JobBackups} from './job-backups.js'
import {isUnderWay} from './removal.js'
import {newestFirst} from './retention.js'
import {isThere} from './status.js'

/** Backups that are looked into at the same time. */
export const PARALLEL = 8

export interface UnusableFile {
  file: string
  reason: string
}

/** What a catalog was made of. */
export interface ReindexResult {
  /** Files that look like backups by their names and are none that can be used, and why. */
  damaged: UnusableFile[]
  /** Newest first. */
  entries: CatalogEntry[]
  /** Files that could not be read now, and why: those that had an entry keep it. */
  unread: UnusableFile[]
}

/** The entries of all backups; of those that cannot be read now, what was `listed`. @throws DataOpsError STORAGE when the folder cannot be listed; INTERRUPTED. */
export async function scanBackups(
  store: Store,
  listed: readonly CatalogEntry[],
  signal?: AbortSignal,
): Promise<ReindexResult> {
  const known = new Map(listed.map((entry) => [entry.file, entry]))
  const shown = await listPlace(store)
  // A link that cannot be followed is neither file nor folder.
  const found = shown.filter(({kind, name}) => kindOfName(name) === kind || (kind === 'other' && known.has(name)))
  const names = new Set(found.map(({name}) => name))
  const unshown = listed.filter(({file}) => !names.has(file)).map(({file}) => file)
  const how = {atOnce: PARALLEL, signal}
  const results = [
    ...(await inParallel([...names], how, async (name) => tryReadEntry(store, name))),
    ...(await inParallel(unshown, how, async (file) => readUnshown(store, file))),
  ].filter((each) => each !== undefined)
  const jobs = new JobBackups(store)
  const entries: CatalogEntry[] = []
  const damaged: UnusableFile[] = []
  const unread: UnusableFile[] = []
  for (const first of results) {
    const result = await secondLook(store, first, jobs)
    if (!result) continue
    if ('entry' in result) {
      const {entry} = result
      const before = entry.lock_unknown && known.get(entry.file)?.locked_until
      // What somebody has seen who may look is still so.
      entries.push(before ? {...entry, locked_until: before} : entry)
      continue
    }

    const {file, isUnread, reason} = result
    const before = known.get(file)
    if (isUnread) unread.push({file, reason})
    else damaged.push({file, reason})
    if (isUnread && before) entries.push(before)
  }

  return {damaged, entries: entries.toSorted(newestFirst), unread}
}

type Found = {entry: CatalogEntry} | (UnusableFile & {isUnread: boolean})

/** undefined: it is under way. One that was sealed while it was looked at is no damaged one. */
async function secondLook(store: Store, found: Found, jobs: JobBackups): Promise<Found | undefined> {
  if ('entry' in found || found.isUnread) return found
  try {
    if (await isUnderWay(store, found.file, jobs)) return undefined
  } catch (error) {
    return notRead(found.file, error)
  }

  return tryReadEntry(store, found.file)
}

/** The entry of a backup, or why it has none. `isUnread`: it could not be read now, and may be whole all the same. */
export async function tryReadEntry(store: Store, file: string): Promise<Found> {
  try {
    return {entry: await readEntryOf(store, file)}
  } catch (error) {
    return notRead(file, error)
  }
}

/** One with an entry, which an old listing would not show; undefined: it is not there. */
async function readUnshown(store: Store, file: string): Promise<Found | undefined> {
  try {
    return (await isThere(store, file)) ? await tryReadEntry(store, file) : undefined
  } catch (error) {
    return notRead(file, error)
  }
}

function notRead(file: string, error: unknown): Found {
  if (error instanceof DataOpsError) return {file, isUnread: error.code === 'STORAGE', reason: error.message}
  throw error
}
