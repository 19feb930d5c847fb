/** Backups that nobody can change or remove before a time: written so that all of one is locked once it is a backup, and read as they were locked. */
import type {
  KnownKind,
  LockedEntry,
  LockMode,
  ObjectLock,
  Store,
  StoreEntry,
  StoreLocks,
  StoreWriter,
} from '../store/store.js'

import {DataOpsError} from '../model/errors.js'
import {inParallel} from '../model/in-parallel.js'
import {overlay} from '../model/overlay.js'
import {byName, folderEntry} from '../store/entries.js'
import {nameOf} from '../store/key.js'
import {asOpened} from '../store/open.js'
import {commitKey, isBackupFile, METADATA_FILE, parseBackupName} from './names.js'

/** Files that are locked at the same time. */
const AT_ONCE = 8

export interface LockOptions {
  /** Milliseconds from the moment in which the backup is sealed. */
  forMs: number
  mode: LockMode
}

/** The backup that a key belongs to; undefined for all else that lies in a place. */
function backupOf(key: string): string | undefined {
  const [backup = ''] = key.split('/', 1)
  const parsed = parseBackupName(backup)
  return parsed && (parsed.kind === 'directory' || backup === key) ? backup : undefined
}

/**
 * The store, in which what was written over a locked backup, or says that it was removed, hides nothing. The store itself where nothing
 * can be locked.
 */
export function pastWhatHides(store: Store): Store {
  const {locks} = store
  if (!locks || 'isPastWhatHides' in store) return store
  const hiddenOf = async (backup: string): Promise<Map<string, LockedEntry>> => hiddenFiles(locks, backup)
  const hiddenAt = async (key: string): Promise<LockedEntry | undefined> => {
    const backup = backupOf(key)
    if (backup === undefined || (key === backup && commitKey(backup) !== backup)) return undefined
    const hidden = await locks.hidden(key)
    const found = hidden.get(key)
    return found && (await isLocked(locks, backup, hidden)) ? found : undefined
  }

  const past = overlay(store, {
    isPastWhatHides: true,
    async list(folder: string): Promise<StoreEntry[]> {
      const shown = await store.list(folder)
      if (folder === '' || backupOf(folder) !== folder) return shown
      const hidden = [...(await hiddenOf(folder)).values()]
      const names = new Set(hidden.map(({name}) => name))
      return [...shown.filter(({name}) => !names.has(name)), ...hidden].sort(byName)
    },
    async openRead(key: string) {
      const hidden = await hiddenAt(key)
      return hidden ? locks.openRead(key, hidden.version) : store.openRead(key)
    },
    async stat(key: string, kind?: KnownKind): Promise<StoreEntry | undefined> {
      const hidden = await hiddenAt(key)
      if (hidden) return hidden
      const found = await store.stat(key, kind)
      if (found || backupOf(key) !== key) return found
      return (await hiddenOf(key)).size > 0 ? folderEntry(key) : undefined
    },
  })
  return asOpened(past, store)
}

async function isLocked(locks: StoreLocks, backup: string, hidden: ReadonlyMap<string, LockedEntry>): Promise<boolean> {
  const key = commitKey(backup)
  return hidden.has(key) || (await locks.find(key)) !== undefined
}

/** Files of a locked backup that something lies over, by their keys. What a killed run has locked and not sealed is no backup. */
async function hiddenFiles(locks: StoreLocks, backup: string): Promise<Map<string, LockedEntry>> {
  const hidden = await locks.hidden(commitKey(backup) === backup ? backup : `${backup}/`)
  return hidden.size === 0 || (await isLocked(locks, backup, hidden)) ? hidden : new Map()
}

/** What lies in a place, and the locked backups of which nothing is shown any more. */
export async function listPlace(store: Store): Promise<StoreEntry[]> {
  const shown = await store.list('')
  const {locks} = store
  if (!locks || (await locks.areOn()) === false) return shown
  const entries = new Map(shown.map((entry) => [entry.name, entry]))
  const mayBeHidden = (name: string): boolean =>
    backupOf(name) === name && (commitKey(name) === name || !entries.has(name))
  const found = await inParallel(
    (await locks.names('')).filter((name) => mayBeHidden(name)),
    {atOnce: AT_ONCE},
    async (name) => {
      const hidden = await hiddenFiles(locks, name)
      const document = hidden.get(name)
      return document ?? (hidden.size > 0 ? folderEntry(name) : undefined)
    },
  )
  for (const entry of found) if (entry) entries.set(entry.name, entry)
  return [...entries.values()].sort(byName)
}

/** The lock of a sealed backup; undefined: it has none, or its time is over; `unknown`: these credentials may not look. */
export async function lockOf({locks}: Store, backup: string): Promise<'unknown' | ObjectLock | undefined> {
  const found = await locks?.find(commitKey(backup))
  return found === 'unknown' ? found : found?.lock
}

/** What lets credentials see locks. */
export const SEES_LOCKS =
  'Allow s3:GetBucketObjectLockConfiguration and, where objects are locked, s3:ListBucketVersions and s3:GetObjectRetention; storage.buckets.get; or to read the properties of the container.'

/** Why a backup cannot be removed, in words; undefined where it can. */
export async function lockedUntil(store: Store, backup: string): Promise<string | undefined> {
  const lock = await lockOf(store, backup)
  if (lock === 'unknown') return 'these credentials may not see whether it is locked'
  return lock && `it is locked until ${timeOf(lock.until)}`
}

function timeOf(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Whether anything of an unfinished backup is locked, or may be: then it cannot be changed any more. */
export async function isPartLocked(store: Store, backup: string): Promise<'unknown' | boolean> {
  const {locks} = store
  if (!locks || (await locks.areOn()) === false) return false
  const found = await inParallel(await store.list(backup), {atOnce: AT_ONCE}, async ({name}) =>
    locks.find(`${backup}/${name}`),
  )
  if (found.some((entry) => entry !== undefined && entry !== 'unknown')) return true
  return found.includes('unknown') ? 'unknown' : false
}

/** Milliseconds by which the end of a lock may be off. */
const MOST_APART = 5 * 60_000

/** Its end is set by the clock of this machine, and goes by that of the place. @throws DataOpsError STORAGE. */
function checkClock(where: string, apart = 0): void {
  if (apart <= MOST_APART) return
  throw new DataOpsError(
    'STORAGE',
    `The clock of ${where} and this one are ${Math.round(apart / 60_000)} minutes apart: a lock would end too early, or too late.`,
    {
      details: {milliseconds: apart, path: where, reason: 'clock'},
      hint: 'Set the clock of this machine (let it follow NTP), and run it again.',
    },
  )
}

/**
 * Before anything is written. @throws DataOpsError INVALID_INPUT where objects cannot be locked one by one; STORAGE where nobody may ask, or
 * the clocks are minutes apart.
 */
export async function requireLocks(store: Store): Promise<StoreLocks> {
  const {locks} = store
  const areOn = locks ? await locks.areOn() : false
  const where = store.describe('')
  if (locks && areOn) {
    checkClock(where, await locks.clocksApart())
    return locks
  }

  if (areOn === undefined) {
    throw new DataOpsError(
      'STORAGE',
      `The credentials do not allow to ask whether anything can be locked at ${where}.`,
      {
        details: {path: where, reason: 'denied'},
        hint: SEES_LOCKS,
      },
    )
  }

  throw new DataOpsError('INVALID_INPUT', `Nothing can be locked at ${where}.`, {
    details: {path: where, reason: 'no-locks'},
    hint: 'Single objects can be locked in S3 buckets with object lock, in buckets of Google with object retention, and in containers of Azure with version-level immutability.',
  })
}

/** The store, in which a backup that is sealed is locked, every file of it: before it can be seen, and from its first moment. */
export function locking(store: Store, {forMs, mode}: LockOptions): Store {
  const {locks} = store
  if (!locks) return store
  // From now on: a backup may have taken hours.
  const lock = (): ObjectLock => ({mode, until: Date.now() + forMs})
  const lockedWriter = async (key: string): Promise<StoreWriter> => {
    const writer = await locks.createWriter(key, lock())
    return overlay(writer, {
      async complete(as = key) {
        const isComplete = await writer.complete(as)
        if (isComplete) await locks.lock(as, lock())
        return isComplete
      },
    })
  }

  return overlay(store, {
    createWriter: async (key: string) => (backupOf(key) === key ? lockedWriter(key) : store.createWriter(key)),
    async put(...[key, bytes, condition]: Parameters<Store['put']>): Promise<string | undefined> {
      const backup = backupOf(key)
      const isCommit = backup !== undefined && condition && 'ifAbsent' in condition && key === commitKey(backup)
      if (!isCommit) return store.put(key, bytes, condition)
      // Somebody else's folder is not locked.
      if (await store.stat(key)) return undefined
      const now = lock()
      await lockFiles(store, locks, backup, now)
      return locks.put(key, bytes, condition, now)
    },
  })
}

/** All files of a folder but `metadata.json`. */
async function lockFiles(store: Store, locks: StoreLocks, backup: string, lock: ObjectLock): Promise<void> {
  const files = (await store.list(backup)).filter(({kind, name}) => kind === 'file' && isBackupFile(name))
  const others = files.filter(({name}) => name !== METADATA_FILE)
  await inParallel(others, {atOnce: AT_ONCE}, async ({name}) => locks.lock(`${backup}/${name}`, lock))
}

/** Locks a sealed backup, or locks it for longer; what is locked for longer already stays so. */
export async function lockBackup(store: Store, backup: string, {forMs, mode}: LockOptions): Promise<ObjectLock> {
  const locks = await requireLocks(store)
  const lock = {mode, until: Date.now() + forMs}
  const key = commitKey(backup)
  // What the backup is known by last: until when it is locked, so is the rest.
  if (key !== backup) await lockFiles(store, locks, backup, lock)
  await locks.lock(key, lock)
  const found = await lockOf(store, backup)
  return found === 'unknown' ? lock : (found ?? lock)
}

/** Puts a file beside those of a sealed backup, locked for as long as they are, where that can be seen. */
export async function putBeside(store: Store, key: string, bytes: Uint8Array): Promise<string | undefined> {
  const lock = await lockOf(store, backupOf(key) ?? nameOf(key))
  const condition = {ifAbsent: true as const}
  return lock && lock !== 'unknown' && store.locks
    ? store.locks.put(key, bytes, condition, lock)
    : store.put(key, bytes, condition)
}
