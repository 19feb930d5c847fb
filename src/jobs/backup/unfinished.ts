import type {Store} from '../../store/store.js'

import {readManifest, type SealedManifest} from '../../archive/manifest.js'
import {backupOfJournal, partialLockName, partialName} from '../../archive/names.js'
import {candidateNames} from '../../archive/publish.js'
import {DataOpsError} from '../../model/errors.js'
import {Lease} from '../../store/lease.js'
import {type BackupJournal, type JournalBinding, readJournal, removeJournal, sameBinding} from './journal.js'

export interface UnfinishedBackup {
  /** Another process is writing it now. */
  inUse: boolean
  journal: BackupJournal
  /** The name it will have once sealed. */
  name: string
}

/** The unfinished backups of the same server, collection, schema and options, newest first. */
export async function findUnfinished(store: Store, binding: JournalBinding): Promise<UnfinishedBackup[]> {
  const found: UnfinishedBackup[] = []
  for (const {journal, name} of await journals(store)) {
    if (!sameBinding(journal.binding, binding) || !(await store.stat(partialName(name)))) continue
    found.push({inUse: await Lease.isHeld(store, partialLockName(name)), journal, name})
  }

  return found
}

export interface Leftover {
  journal: BackupJournal
  /** Set when the backup was sealed, and only its last steps are missing. */
  sealed?: SealedManifest
}

/** Runs `end` for every backup of a collection that a killed run left, while no other process can continue it. */
export async function endLeftovers(
  store: Store,
  {collection, server}: Pick<JournalBinding, 'collection' | 'server'>,
  end: (name: string, leftover: Leftover) => Promise<void>,
): Promise<void> {
  for (const {journal: seen, name} of await journals(store)) {
    if (seen.binding.collection !== collection || seen.binding.server !== server) continue
    const isWaiting = !(await store.stat(name)) && (await store.stat(partialName(name)))
    if (isWaiting && seen.activated.length === 0) continue
    const claim = await claimUnfinished(store, name)
    if (!claim) continue
    const {journal, release} = claim
    try {
      const sealed = await sealedAs(store, name, journal)
      await end(name, {journal, ...(sealed && {sealed})})
      if (sealed) await store.remove(partialName(name))
      if (sealed || !(await store.stat(partialName(name)))) await removeJournal(store, name)
    } finally {
      await release()
    }
  }
}

/** Journals that can be read, of the newest backup first. */
async function journals(store: Store): Promise<Array<{journal: BackupJournal; name: string}>> {
  const found: Array<{journal: BackupJournal; name: string}> = []
  for (const entry of await store.list('')) {
    const name = backupOfJournal(entry.name)
    const journal = name === undefined ? undefined : await readJournal(store, name).catch(() => {})
    if (name !== undefined && journal) found.push({journal, name})
  }

  const time = ({journal}: {journal: BackupJournal}): number => Date.parse(journal.head.metadata.timestamp)
  return found.sort((a, b) => time(b) - time(a))
}

/** A run may have been killed between the last rename and the end: then that very backup has its name already. */
async function sealedAs(store: Store, name: string, journal: BackupJournal): Promise<SealedManifest | undefined> {
  if (!(await store.stat(name))) return undefined
  const manifest = await readManifest(store, name).catch(() => {})
  return manifest?.metadata.backup_id === journal.head.metadata.backup_id ? manifest : undefined
}

export interface ClaimedName {
  name: string
  release: () => Promise<void>
}

/** Takes a name that is free and that no other process writes to. @throws DataOpsError STORAGE when there is none. */
export async function claimName(store: Store, wanted: string): Promise<ClaimedName> {
  for (const name of candidateNames(wanted)) {
    const lock = await Lease.tryAcquire(store, partialLockName(name))
    if (!lock) continue
    if (!(await store.stat(name)) && !(await store.stat(partialName(name)))) {
      return {name, release: async () => lock.release()}
    }

    await lock.release()
  }

  throw new DataOpsError('STORAGE', `All names like ${store.describe(wanted)} are taken.`, {
    hint: 'Try again in a second.',
  })
}

/** Takes an unfinished backup, with its journal as it is by then; undefined when another process writes it or has finished it. */
export async function claimUnfinished(
  store: Store,
  name: string,
): Promise<undefined | (ClaimedName & {journal: BackupJournal})> {
  const lock = await Lease.tryAcquire(store, partialLockName(name))
  if (!lock) return undefined
  const journal = await readJournal(store, name).catch(() => {})
  if (journal) return {journal, name, release: async () => lock.release()}
  await lock.release()
  return undefined
}
