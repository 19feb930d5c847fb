import type {OperationOptions} from '../../model/progress.js'
import type {Store} from '../../store/store.js'

import {readCover} from '../../archive/encrypted/cover.js'
import {readManifest, type SealedManifest} from '../../archive/manifest.js'
import {backupOfJournal, fileStem, isHiddenName, parseBackupName, partialLockName} from '../../archive/names.js'
import {leaseName} from '../../archive/publish.js'
import {copyUnfinished, isContinuable, removeUnfinished} from '../../archive/unfinished.js'
import {DataOpsError} from '../../model/errors.js'
import {Lease} from '../../store/lease.js'
import {waitsToldTo} from '../../store/waiting.js'
import {type BackupJournal, type JournalBinding, readJournal, removeJournal, sameWork, writeJournal} from './journal.js'

export interface UnfinishedBackup {
  /** Another process is writing it now. */
  inUse: boolean
  journal: BackupJournal
  /** The name it will have once sealed. */
  name: string
}

/** The unfinished backups of a collection of the same name, schema and options, newest first; whether it is that very collection `unfitness` tells. */
export async function findUnfinished(store: Store, binding: JournalBinding): Promise<UnfinishedBackup[]> {
  const found: UnfinishedBackup[] = []
  for (const {journal, name} of (await journals(store)).readable) {
    if (!sameWork(journal.binding, binding) || !(await isContinuable(store, name, journal))) continue
    found.push({inUse: await Lease.isHeld(store, partialLockName(name)), journal, name})
  }

  return found
}

export interface Leftover {
  /** The backup was sealed, and only its last steps are missing. */
  isSealed: boolean
  journal: BackupJournal
  /** Of one that is, where it can be read. */
  sealed?: SealedManifest
}

/** Runs `end` for every backup of a collection that a killed run left, while no other process can continue it. */
export async function endLeftovers(
  store: Store,
  {collection, server}: Pick<JournalBinding, 'collection' | 'server'>,
  end: (name: string, leftover: Leftover) => Promise<void>,
): Promise<void> {
  for (const {journal: seen, name} of (await journals(store)).readable) {
    if (seen.binding.collection !== collection || seen.binding.server !== server) continue
    const isSealed = seen.position.document && (await store.stat(name))
    if (!isSealed && seen.activated.length === 0 && (await isContinuable(store, name, seen))) continue
    const claim = await claimUnfinished(store, name)
    if (!claim) continue
    const {journal, release} = claim
    try {
      const sealed = await sealedAs(store, name, journal)
      const isFinished = sealed !== undefined || (await isCovered(store, name, journal))
      await end(name, {isSealed: isFinished, journal, ...(sealed && {sealed})})
      if (!isFinished && (await isContinuable(store, name, journal))) continue
      // The journal goes last: without it nobody knows what the rest is.
      await removeUnfinished(store, name)
      await removeJournal(store, name)
    } finally {
      await release()
    }
  }
}

/** An unfinished backup of which nobody knows how far it is, nor whether it has left tenants active. */
export interface UnreadableJournal {
  error: DataOpsError
  /** Of the backup. */
  name: string
}

/** Of backups of this collection, that no other process writes. */
export async function unreadableJournals(store: Store, collection: string): Promise<UnreadableJournal[]> {
  const found: UnreadableJournal[] = []
  for (const each of (await journals(store)).unreadable) {
    // The name of an encrypted one may hide what it is of.
    const isOfCollection = parseBackupName(each.name)?.collection === fileStem(collection) || isHiddenName(each.name)
    if (isOfCollection && !(await Lease.isHeld(store, partialLockName(each.name)))) found.push(each)
  }

  return found
}

interface Journals {
  /** Of the newest backup first. */
  readable: Array<{journal: BackupJournal; name: string}>
  unreadable: UnreadableJournal[]
}

async function journals(store: Store): Promise<Journals> {
  const found: Journals = {readable: [], unreadable: []}
  for (const entry of await store.list('')) {
    const name = backupOfJournal(entry.name)
    if (name === undefined) continue
    try {
      const journal = await readJournal(store, name)
      if (journal) found.readable.push({journal, name})
    } catch (error) {
      if (!(error instanceof DataOpsError)) throw error
      found.unreadable.push({error, name})
    }
  }

  const time = ({journal}: {journal: BackupJournal}): number => Date.parse(journal.head.metadata.timestamp)
  found.readable.sort((a, b) => time(b) - time(a))
  return found
}

/** A run may have been killed between the last rename and the end: then that very backup has its name already. */
async function sealedAs(store: Store, name: string, journal: BackupJournal): Promise<SealedManifest | undefined> {
  if (!(await store.stat(name))) return undefined
  const manifest = await readManifest(store, name).catch(() => {})
  return manifest?.metadata.backup_id === journal.head.metadata.backup_id ? manifest : undefined
}

/** The same of an encrypted one, of which the outside is enough. */
async function isCovered(store: Store, name: string, journal: BackupJournal): Promise<boolean> {
  const cover = await readCover(store, name).catch(() => {})
  return cover?.backupId === journal.head.metadata.backup_id
}

export interface ClaimedName {
  /** @throws DataOpsError STORAGE when another process has taken it over. */
  check: () => Promise<void>
  name: string
  release: () => Promise<void>
}

export type ClaimedBackup = ClaimedName & {journal: BackupJournal}

/** Takes a name that is free and that no other process writes to. @throws DataOpsError STORAGE when there is none. */
export async function claimName(store: Store, wanted: string): Promise<ClaimedName> {
  const found = await leaseName(store, wanted)
  if (found) return claimed(found.name, found.lease)
  throw new DataOpsError('STORAGE', `All names like ${store.describe(wanted)} are taken.`, {
    hint: 'Try again in a second.',
  })
}

function claimed(name: string, lease: Lease): ClaimedName {
  return {check: async () => lease.check(), name, release: async () => lease.release()}
}

/** Takes an unfinished backup, with its journal as it is by then; undefined when another process writes it or has finished it. */
async function claimUnfinished(store: Store, name: string): Promise<ClaimedBackup | undefined> {
  const lease = await Lease.tryAcquire(store, partialLockName(name))
  return lease && withJournal(store, claimed(name, lease))
}

async function withJournal(store: Store, claim: ClaimedName): Promise<ClaimedBackup | undefined> {
  let journal: BackupJournal | undefined
  try {
    journal = await readJournal(store, claim.name)
  } finally {
    if (!journal) await claim.release()
  }

  return journal && {...claim, journal}
}

/**
 * Takes an unfinished backup to go on with it, after watching whoever holds it; undefined when another process writes it or has
 * finished it. What was taken from a process that may wake again goes on under another name.
 * @throws DataOpsError STORAGE, INTERRUPTED.
 */
export async function claimToContinue(
  store: Store,
  name: string,
  {collection, onProgress, signal}: Pick<OperationOptions, 'onProgress' | 'signal'> & {collection: string},
): Promise<ClaimedBackup | undefined> {
  const onWait = waitsToldTo(onProgress, collection)
  const lease = await Lease.watchAndAcquire(store, partialLockName(name), {onWait, signal})
  const claim = lease && (await withJournal(store, claimed(name, lease)))
  if (!claim) return undefined
  try {
    const isThere = await isContinuable(store, name, claim.journal)
    if (isThere && !lease.isTakenOver) return claim
    const moved = isThere ? await moveUnfinished(store, claim) : undefined
    await claim.release()
    return moved
  } catch (error) {
    await claim.release()
    throw error
  }
}

/**
 * Goes on under another name, in an order that leaves what can be continued whenever it is killed: what its process writes when it wakes
 * must land elsewhere.
 */
async function moveUnfinished(store: Store, {journal, name}: ClaimedBackup): Promise<ClaimedBackup> {
  const next = await claimName(store, name)
  const {position} = journal
  try {
    // A folder is known as unfinished by its journal, and only by that.
    if (!position.document) await writeJournal(store, next.name, journal)
    await copyUnfinished(store, {from: name, position, to: next.name})
    await writeJournal(store, next.name, journal)
    await removeUnfinished(store, name)
    await removeJournal(store, name)
    return {...next, journal}
  } catch (error) {
    await next.release()
    throw error
  }
}
