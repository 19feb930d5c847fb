/** Copies a backup to another place: whole and verified, or not there at all. */
import type {OperationOptions} from '../../model/progress.js'
import type {LockMode, Store} from '../../store/store.js'

import {refuseExported} from '../../archive/exported.js'
import {locking, type LockOptions, pastWhatHides, requireLocks} from '../../archive/locked.js'
import {METADATA_FILE, parseBackupName, partialLockName, removedName} from '../../archive/names.js'
import {candidateNames, isNameFree, leaseName} from '../../archive/publish.js'
import {whileThere} from '../../archive/removed-meanwhile.js'
import {BackupCatalog} from '../../catalog/catalog.js'
import {type CatalogEntry, readEntryOf} from '../../catalog/entry.js'
import {locateBackup} from '../../catalog/locate.js'
import {DataOpsError, insteadOf, throwIfAborted} from '../../model/errors.js'
import {isDenied} from '../../store/denied.js'
import {Lease} from '../../store/lease.js'
import {openStoreLike} from '../../store/open.js'
import {type ManagerOptions, storeOf} from '../options.js'
import {checkArrived, copyDocument, copyFiles} from './files.js'
import {arrivedDamaged, findBackup, type FoundBackup, problemsOf, taken} from './found.js'
import {bringKeys} from './keys.js'

export interface CopyBackupOptions extends ManagerOptions, OperationOptions {
  /** Milliseconds from its arrival in which nobody can change or remove the copy. */
  lockForMs?: number
  /** As for backups. */
  lockMode?: LockMode
  /** The place that it goes to. */
  to: Store | string
}

/** A backup that lies in a second place now. */
export interface CopyBackupResult {
  /** Of all its files. */
  bytes: number
  /** Absent where an encrypted backup hides it. */
  collection?: string
  encrypted?: true
  id: string
  lockedUntil?: string
  /** Of the copy. */
  path: string
  /** Bytes that an interrupted run had brought there. */
  resumed: number
  /** It was there already, and is whole. */
  wasThere: boolean
}

/**
 * Copies one backup, given as for `RestoreManager`, to another place, as it is: encrypted ones need no key. An interrupted copy is gone on
 * with by the next run; one that is there already gets the key files that its backup was given since. A backup of that name at the target that is another one is left alone: the copy gets the next free name.
 * @throws DataOpsError NOT_A_BACKUP, BACKUP_DAMAGED, STORAGE, INVALID_INPUT, INTERRUPTED.
 */
export async function copyBackup(reference: string, options: CopyBackupOptions): Promise<CopyBackupResult> {
  const {lockForMs, lockMode: mode = 'compliance', to} = options
  const from = storeOf(options)
  const target = pastWhatHides(typeof to === 'string' ? openStoreLike(to, from) : to)
  const lock = lockForMs === undefined ? undefined : {forMs: lockForMs, mode}
  if (lock) await requireLocks(target)
  const {name, store} = await locateBackup(reference, from, options)
  const backup = await findBackup(store, name)
  return whileThere({name, place: store}, async () => copyFound(backup, {...options, lock, target}))
}

async function copyFound(
  backup: FoundBackup,
  {lock, target, ...options}: Copying & {target: Store},
): Promise<CopyBackupResult> {
  if (backup.manifest) refuseExported(backup.manifest.metadata, 'copied')
  const there = await copyOf(backup, target)
  if (there !== undefined) {
    // Before all of it is read.
    await refuseSamePlace(backup, {name: there, target})
    const problems = await problemsOf({...backup, name: there, store: target}, options)
    if (problems.length === 0) {
      await bringKeys(backup, {name: there, onWarning: options.onWarning, target})
      if (lock) await new BackupCatalog(target).extend(there, lock)
      return register(target, there, {resumed: 0, wasThere: true})
    }
  }

  return copyTo(backup, target, {...options, lock})
}

/** A second spelling of the same place (a link, another URL, a mount) holds no second copy. @throws DataOpsError INVALID_INPUT. */
async function refuseSamePlace(
  {name: from, store}: FoundBackup,
  {name, target}: {name: string; target: Store},
): Promise<void> {
  if (from !== name) return
  const lease = await Lease.tryAcquire(target, partialLockName(name))
  try {
    // Where nobody may look they are taken for two.
    const isSeen = lease?.isIn(store, partialLockName(name)).catch(insteadOf(false, isDenied))
    if (!(await isSeen)) return
  } finally {
    await lease?.release()
  }

  throw new DataOpsError(
    'INVALID_INPUT',
    `${target.describe(name)} is that backup itself: ${target.describe('')} and ${store.describe('')} are one place.`,
    {details: {path: target.describe(name), reason: 'same-place'}, hint: 'Name another place to copy it to.'},
  )
}

interface Copying extends Pick<OperationOptions, 'onProgress' | 'onWarning' | 'signal'> {
  lock?: LockOptions
}

async function copyTo(backup: FoundBackup, target: Store, options: Copying): Promise<CopyBackupResult> {
  const {lease, name} = await claim(target, backup.name)
  const copying = {...options, check: async () => lease.check(), name, target}
  const committing = options.lock ? locking(target, options.lock) : target
  let resumed = 0
  try {
    if (parseBackupName(name)?.kind === 'document') await copyDocument(backup, {...copying, target: committing})
    else {
      const marker = removedName(name)
      // Whoever tidies takes away what is copied no further.
      await target.put(marker, new Uint8Array())
      resumed = await copyFiles(backup, copying)
      throwIfAborted(options.signal)
      const commit = await checkArrived(backup, copying)
      await lease.check()
      const tag = await committing.put(`${name}/${METADATA_FILE}`, commit, {ifAbsent: true})
      if (tag === undefined) throw taken(target, name)
      await target.remove(marker).catch(() => undefined)
    }

    const problems = await problemsOf({...backup, name, store: target}, {})
    if (problems[0]) throw arrivedDamaged(problems[0])
    // It may have got another one while its files were on their way.
    await bringKeys(backup, {name, onWarning: options.onWarning, target})
    return await register(target, name, {resumed, wasThere: false})
  } finally {
    await lease.release()
  }
}

/** The name at the target: one that a copy was begun under, or a free one. */
async function claim(target: Store, wanted: string): Promise<{lease: Lease; name: string}> {
  const found = await leaseName(target, wanted, async (_, name) => {
    const isBegun = (await target.stat(removedName(name))) && !(await target.stat(`${name}/${METADATA_FILE}`))
    // What an earlier one of a document wrote begins anew.
    if (parseBackupName(name)?.kind === 'document') await target.unfinished?.remove(name)
    return Boolean(isBegun) || isNameFree(target, name)
  })
  if (!found) throw taken(target, wanted)
  return found
}

/** The name under which that very backup is at the target; undefined: it is not. */
async function copyOf({id, name}: FoundBackup, target: Store): Promise<string | undefined> {
  for (const candidate of candidateNames(name)) {
    if (!(await target.stat(candidate))) return undefined
    try {
      if ((await findBackup(target, candidate)).id === id) return candidate
    } catch (error) {
      if (!(error instanceof DataOpsError) || error.code === 'STORAGE') throw error
    }
  }

  return undefined
}

async function register(
  target: Store,
  name: string,
  {resumed, wasThere}: {resumed: number; wasThere: boolean},
): Promise<CopyBackupResult> {
  const entry = await readEntryOf(target, name)
  await new BackupCatalog(target).register(entry)
  await checkStillThere(target, name, entry)
  return {
    bytes: entry.size,
    ...(entry.collection !== '' && {collection: entry.collection}),
    ...(entry.encrypted && {encrypted: true as const}),
    id: entry.id,
    ...(entry.locked_until !== undefined && {lockedUntil: entry.locked_until}),
    path: target.describe(name),
    resumed,
    wasThere,
  }
}

/** A prune that was under way when it was looked at has removed it by the time that it is listed. @throws DataOpsError STORAGE. */
async function checkStillThere(target: Store, name: string, {id}: CatalogEntry): Promise<void> {
  const isAway = (error: unknown): boolean =>
    error instanceof DataOpsError && ['BACKUP_DAMAGED', 'NOT_A_BACKUP'].includes(error.code)
  const now = await readEntryOf(target, name).catch(insteadOf(undefined, isAway))
  if (now?.id === id) return
  throw new DataOpsError('STORAGE', `${target.describe(name)} was removed by another process while it was copied.`, {
    details: {path: target.describe(name), reason: 'removed'},
    hint: 'See whether a prune there keeps it, and run it again.',
    retryable: true,
  })
}
