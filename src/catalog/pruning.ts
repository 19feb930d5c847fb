/** What a prune of a place comes to, by what lies there: nothing is changed. */
import type {Store} from '../store/store.js'
import type {Grouping} from './grouping.js'
import type {UnusableFile} from './scan.js'
import type {ListedBackup} from './status.js'

import {lockedUntil} from '../archive/locked.js'
import {parseBackupName, partialLockName} from '../archive/names.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {isNotAllowed, removeIfAllowed} from '../store/denied.js'
import {Lease} from '../store/lease.js'
import {reasonToKeep} from './in-use.js'
import {JobBackups} from './job-backups.js'
import {lookAt, type Looked} from './look.js'
import {chooseForRemoval, DAMAGED, problemOf, type PruneResult} from './prune.js'
import {strangersIn} from './removal.js'
import {type RetentionPolicy} from './retention.js'

export interface PlannedPrune extends Omit<PruneResult, 'leftovers'> {
  unnamed: Unnamed[]
}

/** What lies in the folder of a kept backup, and no seal names. */
interface Unnamed {
  folder: string
  keys: string[]
}

interface PruneWork {
  groupBy: Grouping | undefined
  now: number
  signal: AbortSignal | undefined
  store: Store
}

/** `backups`: newest first. `now`: by the clock of the place, or a little before. @throws DataOpsError INVALID_INPUT, STORAGE, INTERRUPTED. */
export async function planPrune(
  backups: readonly ListedBackup[],
  policy: RetentionPolicy,
  {groupBy, now, signal, store}: PruneWork,
): Promise<PlannedPrune> {
  const looking = new Looking(store, {now, signal})
  const candidates = backups.filter(({status}) => status !== 'damaged' && status !== 'missing')
  const {reasons, remove: removed} = await chooseForRemoval(candidates, policy, {
    groupBy,
    lookAt: looking.lookAt,
    obstacleTo: looking.obstacleTo,
  })
  for (const {file, status} of backups) if (status === 'damaged') reasons.set(file, [DAMAGED])
  const gone = new Set(removed.map(({file}) => file))
  const kept = backups.filter(({file, status}) => status !== 'missing' && !gone.has(file))
  return {
    kept: kept.map((backup) => looking.ofItsServer(backup)),
    reasons: Object.fromEntries(reasons),
    removed: removed.map((backup) => looking.ofItsServer(backup)),
    unnamed: await looking.unnamedOf(kept),
    unread: looking.unread,
  }
}

class Looking {
  readonly #servers = new Map<string, string | undefined>()
  readonly #unnamed = new Map<string, string[]>()
  readonly unread: UnusableFile[] = []

  constructor(
    private readonly store: Store,
    private readonly how: {now: number; signal: AbortSignal | undefined},
  ) {}

  /** What a listed backup holds, when that very backup is there, whole as far as can be seen without reading it; or why not, in words. */
  readonly lookAt = async ({file, id}: ListedBackup): Promise<Looked | string> => {
    try {
      const looked = await lookAt(this.store, file, this.how)
      if (looked.id !== id) return DAMAGED
      this.#servers.set(file, looked.server)
      this.#unnamed.set(file, looked.unnamed)
      return {...looked, isWhole: async () => looked.isWhole().catch((error: unknown) => this.#failed(file, error))}
    } catch (error) {
      this.#note(file, error)
      return problemOf(error)
    }
  }

  /** Why a backup that nobody needs must stay all the same. */
  readonly obstacleTo = async ({file}: ListedBackup): Promise<string | undefined> => {
    try {
      const use = (await lockedUntil(this.store, file)) ?? (await reasonToKeep(this.store, file))
      if (use !== undefined || parseBackupName(file)?.kind === 'document') return use
      const strangers = await strangersIn(this.store, file)
      return strangers.length > 0 ? `its folder holds other files: ${strangers.slice(0, 3).join(', ')}` : undefined
    } catch (error) {
      this.#note(file, error)
      return `whether it may go could not be seen: ${problemOf(error)}`
    }
  }

  /** As it says itself: an earlier release that enters its own backups leaves out what it does not know. */
  ofItsServer(backup: ListedBackup): ListedBackup {
    return this.#servers.has(backup.file) ? {...backup, server: this.#servers.get(backup.file)} : backup
  }

  #failed(file: string, error: unknown): never {
    this.#note(file, error)
    throw error
  }

  #note(file: string, error: unknown): void {
    const isUnread = error instanceof DataOpsError && error.code === 'STORAGE'
    if (isUnread && this.unread.every((each) => each.file !== file)) this.unread.push({file, reason: error.message})
  }

  /** Of what may be locked nobody removes anything, nor of what another backup may need that is being written there. */
  async unnamedOf(kept: readonly ListedBackup[]): Promise<Unnamed[]> {
    const all: Unnamed[] = []
    const jobs = new JobBackups(this.store)
    for (const {file} of kept) {
      const keys = this.#unnamed.get(file) ?? []
      if (keys.length === 0 || (await lockedUntil(this.store, file)) !== undefined) continue
      if ((await Lease.isHeld(this.store, partialLockName(file))) || (await jobs.has(file))) continue
      all.push({folder: file, keys})
    }

    return all
  }
}

/** Those that may be removed, once they are: while nobody writes there. */
export async function removeUnnamed(store: Store, unnamed: readonly Unnamed[]): Promise<string[]> {
  const removed: string[] = []
  for (const {folder, keys} of unnamed) {
    const lease = await Lease.tryAcquire(store, partialLockName(folder)).catch(insteadOf(undefined, isNotAllowed))
    try {
      // Asked anew: others may have been proven meanwhile, for hours.
      if (!lease || (await new JobBackups(store).has(folder))) continue
      for (const key of keys) if (await removeIfAllowed(store, key, 'file')) removed.push(key)
    } finally {
      await lease?.release()
    }
  }

  return removed
}
