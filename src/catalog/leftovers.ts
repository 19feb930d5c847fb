/** What killed runs have left in a place: what is to be finished, put back or given up. Nothing is changed. */
import type {Store} from '../store/store.js'

import {notedCheckpoint} from '../archive/checkpoint-note.js'
import {exportInWords, readExportNote} from '../archive/export-note.js'
import {
  backupOfJournal,
  backupOfRemoved,
  CATALOG_LOCK_FILE,
  isCheckpoint,
  isCheckpointNote,
  isMarker,
  type MarkerKind,
  METADATA_FILE,
  parseBackupName,
  partialLockName,
  targetLeaseOf,
} from '../archive/names.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {isForgotten} from '../store/forget.js'
import {Lease} from '../store/lease.js'
import {isTemporaryName, keyOfUnfinished} from '../store/temporary-name.js'
import {markedEntry} from './removed-in-part.js'

export interface Leftover {
  /** What to do about it. */
  hint: string
  /** `temporary`: nobody needs it. `unread`: nobody can say what it is. */
  kind: 'activated' | 'drop' | 'export' | 'removal' | 'replace' | 'restore' | 'temporary' | 'unfinished' | 'unread'
  /** In the place. */
  name: string
  /** What it is, behind its path. */
  what: string
}

/** Notes that a run leaves in case it is killed. */
const NOTES: ReadonlyArray<Omit<Leftover, 'name'> & {kind: MarkerKind}> = [
  {
    hint: 'Unless that is being done now: run the same `clearCollection` again, which finishes it.',
    kind: 'drop',
    what: 'says that a collection was dropped and not yet made again',
  },
  {
    hint: 'Unless that is being done now: run the same `replaceCollection` again, which finishes it.',
    kind: 'replace',
    what: 'says that a collection was dropped to be replaced, and where it is saved',
  },
  {
    hint: 'Clear or count that collection from here once more, which puts them back.',
    kind: 'activated',
    what: 'says that tenants may have been left active by a run that was killed',
  },
]

export async function leftoversIn(store: Store): Promise<Leftover[]> {
  const names: string[] = []
  const found: Leftover[] = []
  /** The others are looked at all the same. */
  const ifRead = async <T>(name: string, look: () => Promise<T>): Promise<T | undefined> =>
    look().catch((error: unknown) => {
      found.push(unreadLeftover(name, error))
      return undefined
    })
  for (const entry of await store.list('')) {
    const isForgottenNow = await ifRead(entry.name, async () => isForgotten(store, entry.name, entry))
    if (isForgottenNow === false) names.push(entry.name)
  }

  const restored = await restoredNow(store, names, ifRead)
  const unfinished = new Set<string>()
  for (const name of names) {
    // A document has a file and a journal.
    const backup = backupOfJournal(name) ?? keyOfUnfinished(name)
    if (backup !== undefined && unfinished.has(backup)) continue
    if (backup !== undefined) unfinished.add(backup)
    const leftover = await ifRead(name, async () => leftoverOf(store, name))
    // What somebody is at is not left.
    const isHeld = leftover?.kind === 'restore' && [...restored].some((file) => name.startsWith(`${file}.`))
    if (leftover && !isHeld) found.push(leftover)
  }

  return found
}

function unreadLeftover(name: string, error: unknown): Leftover {
  if (!(error instanceof DataOpsError) || error.code !== 'STORAGE') throw error
  return {
    hint: error.hint ?? 'Try again once it can be read.',
    kind: 'unread',
    name,
    what: `could not be looked at, and may be what a killed run has left: ${error.message.replace(/\.$/, '')}`,
  }
}

type IfRead = <T>(name: string, look: () => Promise<T>) => Promise<T | undefined>

/** Backups that are being restored. */
async function restoredNow(store: Store, names: readonly string[], ifRead: IfRead): Promise<Set<string>> {
  const subjects = new Set<string>()
  for (const lease of new Set(names.map((name) => targetLeaseOf(name)).filter((name) => name !== undefined))) {
    const holder = await ifRead(lease, async () => Lease.describe(store, lease))
    if (holder?.subject !== undefined) subjects.add(holder.subject)
  }

  return subjects
}

/** Whoever copies a backup there marks it as whoever removes one does: undefined where that is under way, or a whole backup is there. */
async function isPartOf(store: Store, backup: string, name: string): Promise<Leftover | undefined> {
  if (await store.stat(`${backup}/${METADATA_FILE}`, 'file')) return undefined
  // Held by who copies, and by who removes.
  for (const lease of [partialLockName(backup), CATALOG_LOCK_FILE])
    if (await Lease.isHeld(store, lease)) return undefined
  const marked = await markedEntry(store, backup).catch(insteadOf(undefined, 'STORAGE'))
  if (marked) {
    return {
      hint: `Remove ${backup} again (\`BackupCatalog.remove\`), which finishes that; so does \`BackupCatalog.reindex\`.`,
      kind: 'removal',
      name,
      what: `says that the backup ${marked.id} was being removed, and that was cut off`,
    }
  }

  return {
    hint: 'Copy it there again, which goes on with that; `BackupCatalog.reindex` removes what is left.',
    kind: 'removal',
    name,
    what: 'says that a backup is there in part: a killed run was removing it, or copying it to this place',
  }
}

/** What a note says that cannot be understood, nobody knows; it is of an export all the same. */
async function exportLeft(store: Store, name: string): Promise<Leftover> {
  const note = await readExportNote(store, name).catch(insteadOf(undefined, 'CHECKPOINT'))
  const what = note ? `${exportInWords(note)}, by ${note.server}` : 'an export by a server'
  return {
    hint: `Unless that is being made now: once it is whole it can be restored from where it lies as it is, or be removed there. Then remove ${store.describe(name)}.`,
    kind: 'export',
    name,
    what: `says that a run did not end that waited for ${what}`,
  }
}

async function leftoverOf(store: Store, name: string): Promise<Leftover | undefined> {
  const removed = backupOfRemoved(name)
  if (removed !== undefined) return isPartOf(store, removed, name)

  const unfinished = backupOfJournal(name) ?? keyOfUnfinished(name)
  const backup = unfinished === undefined ? undefined : parseBackupName(unfinished)
  if (backup && unfinished !== undefined) {
    if (await Lease.describe(store, partialLockName(unfinished))) return undefined
    return {
      hint: `Back up "${backup.collection}" again, which continues it where it can; \`BackupCatalog.reindex\` removes what nobody can continue.`,
      kind: 'unfinished',
      name,
      what: 'is a backup that a killed run has not finished',
    }
  }

  if (isCheckpoint(name) || isCheckpointNote(name)) {
    const elsewhere = isCheckpointNote(name) ? ((await notedCheckpoint(store, name)) ?? 'another place') : undefined
    return {
      hint: 'Run that restore again, or remove the file to give it up.',
      kind: 'restore',
      name,
      what: `waits for a restore to be continued${elsewhere === undefined ? '' : `, by ${elsewhere}`}`,
    }
  }

  if (isMarker(name, 'export')) return exportLeft(store, name)
  const note = NOTES.find(({kind}) => isMarker(name, kind))
  if (note) return {...note, name}
  if (!isTemporaryName(name)) return undefined
  return {
    hint: 'Nobody needs it once it is an hour old: `BackupCatalog.reindex` removes it then.',
    kind: 'temporary',
    name,
    what: 'is a temporary file',
  }
}
