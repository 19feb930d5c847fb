/** The inventory of a backup folder: a cache in `.backup_catalog.json`, of which the backups themselves are the truth. */
import type {ProgressEvent, Warning} from '../model/progress.js'
import type {ObjectLock, Store} from '../store/store.js'

import {withJournalsIn} from '../archive/encrypted/private-journals.js'
import {refuseExportedAt} from '../archive/exported.js'
import {lockBackup, type LockOptions, pastWhatHides, requireLocks} from '../archive/locked.js'
import {CATALOG_FILE, CATALOG_LOCK_FILE} from '../archive/names.js'
import {whileThere} from '../archive/removed-meanwhile.js'
import {DataOpsError, throwIfAborted} from '../model/errors.js'
import {MalformedError} from '../model/fields.js'
import {type EncryptionOptions, withEncryption} from '../store/encryption.js'
import {Lease} from '../store/lease.js'
import {openStore} from '../store/open.js'
import {waitsToldTo} from '../store/waiting.js'
import {
  catalogChanged,
  type CatalogTag,
  keepDamaged,
  notEntered,
  readCatalog,
  tagOfCatalog,
  writeCatalog,
} from './catalog-file.js'
import {type CatalogEntry, readEntryOf, wellFormedEntry, withMissing, withoutFile} from './entry.js'
import {findAmong} from './find.js'
import {mayBeOf, ofCollection} from './hidden.js'
import {assertRemovable} from './in-use.js'
import {listBackups, type Listing, withMore} from './listing.js'
import {makingRoom} from './make-room.js'
import {checkGrouping, type PruneOptions, type PruneResult} from './prune.js'
import {type PlannedPrune, planPrune, removeUnnamed} from './pruning.js'
import {rekeyBackup, type RekeyOptions} from './rekey.js'
import {finishRemovalOf, removeBackup, removeEach} from './removal.js'
import {findInPart} from './removed-in-part.js'
import {type RetentionPolicy, selectForRemoval} from './retention.js'
import {type ReindexResult, scanBackups, tryReadEntry, type UnusableFile} from './scan.js'
import {type BackupStatus, isThere, type ListedBackup} from './status.js'
import {type Tidied, tidy} from './tidy.js'

export type {PruneOptions, PruneResult} from './prune.js'
export type {BackupStatus, ListedBackup} from './status.js'

/** How a catalog is worked on. */
export interface BackupCatalogOptions extends EncryptionOptions {
  /** Milliseconds to wait for another process; default 45,000. */
  lockWaitMs?: number
  /** Told of a wait for another process (`wait`) that has become a long one. */
  onProgress?: (event: ProgressEvent) => void
  /** Called once a warning, when it arises. */
  onWarning?: (warning: Warning) => void
  /** Folder of this host in which journals of encrypted backups lie (`ManagerOptions`): what they can continue stays, and they go once it is gone. */
  stateDirectory?: string
  /** Aborting ends what is being done between two steps, with INTERRUPTED: what is removed by then stays removed. */
  signal?: AbortSignal
}

/** Times that a change is made anew on a catalog that somebody else has replaced. */
const MAX_ATTEMPTS = 10

/** The backups of a place: what there is, what can go, and how one is found. */
export class BackupCatalog {
  readonly #options: BackupCatalogOptions
  readonly #store: Store

  constructor(place: Store | string, options: BackupCatalogOptions = {}) {
    this.#store = pastWhatHides(withEncryption(typeof place === 'string' ? openStore(place) : place, options))
    this.#options = options
  }

  /** The entries on disk; when they cannot be read, those that the backups themselves give. */
  async #load(isRepairing: boolean): Promise<CatalogEntry[]> {
    try {
      return await readCatalog(this.#store)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
    }

    if (isRepairing) {
      try {
        return await this.#locked(async (lock) => this.#readOrRebuild(lock))
      } catch (error) {
        if (!(error instanceof DataOpsError && error.code === 'STORAGE')) throw error
        const message = `The damaged catalog ${this.#store.describe(CATALOG_FILE)} could not be replaced.`
        this.#warn('catalog-not-repaired', message, {reason: error.message})
      }
    }

    const {entries} = await this.#scan()
    return entries
  }

  async #locked<T>(work: (lock: Lease) => Promise<T>): Promise<T> {
    const {lockWaitMs, onProgress, signal} = this.#options
    const onWait = waitsToldTo(onProgress, '')
    const lock = await Lease.acquire(this.#store, CATALOG_LOCK_FILE, {onWait, signal, waitMs: lockWaitMs})
    try {
      throwIfAborted(signal)
      return await work(lock)
    } finally {
      await lock.release()
    }
  }

  /** As `#locked`, for what frees room, also where none is left. */
  async #lockedToRemove<T>(work: (lock: Lease) => Promise<T>): Promise<T> {
    const enter = async (entries: readonly CatalogEntry[]): Promise<void> =>
      this.#locked(async (lock) => this.#update(lock, withMissing(entries)))
    return makingRoom(this.#store, async () => this.#locked(work), enter)
  }

  /** Under the lock: the entries, after putting aside a catalog that cannot be read. `asked`: its tag, where that is known already. */
  async #readOrRebuild(lock: Lease, asked?: {tag: CatalogTag}): Promise<CatalogEntry[]> {
    const {tag} = asked ?? {tag: await tagOfCatalog(this.#store)}
    try {
      return await readCatalog(this.#store)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      const aside = await keepDamaged(this.#store)
      const {entries} = await this.#scan()
      await this.#write(entries, lock, tag)
      this.#warn(
        'catalog-rebuilt',
        `The catalog was damaged (${error.message}); it was rebuilt from the backups and the old one kept as ${aside}.`,
        {file: aside},
      )
      return entries
    }
  }

  async #scan(listed: readonly CatalogEntry[] = []): Promise<ReindexResult> {
    const result = await scanBackups(this.#store, listed, this.#options.signal)
    for (const each of result.unread) this.#warnUnread(each)
    return result
  }

  #warnUnread({file, reason}: UnusableFile): void {
    const message = `Whether ${this.#store.describe(file)} is a backup cannot be said now. ${reason}`
    this.#warn('backup-not-read', message, {file, reason})
  }

  /** `backups`: those that are there. */
  async #tidy(
    backups: ReadonlyArray<{id: string; status?: BackupStatus}>,
    how: {isDryRun?: boolean; now: number},
  ): Promise<Tidied> {
    const whole = backups.filter(({status = 'sealed'}) => status === 'sealed' || status === 'unlisted')
    const sealed = new Set(whole.map(({id}) => id))
    const {onWarning, stateDirectory} = this.#options
    const warn = (warning: Warning): void => onWarning?.(warning)
    const tidied = await tidy(withJournalsIn(this.#store, stateDirectory), {...how, sealed, warn})
    for (const {file, reason} of tidied.unread) {
      const message = `What killed runs may have left at ${this.#store.describe(file)} could not all be looked at and removed. ${reason}`
      this.#warn('not-tidied', message, {file, reason})
    }

    return tidied
  }

  /** What is not to be looked at is told of once. `all`: of every collection. */
  async #plan(
    entries: readonly CatalogEntry[],
    policy: RetentionPolicy,
    {collection, groupBy, now}: PruneOptions & {now: number},
  ): Promise<{all: ListedBackup[]; plan: PlannedPrune}> {
    const {backups, unread} = await listBackups(this.#store, entries)
    const plan = await planPrune(this.#of(collection, backups), policy, {
      groupBy,
      now,
      signal: this.#options.signal,
      store: this.#store,
    })
    const all = withMore(unread, plan.unread)
    for (const each of all) this.#warnUnread(each)
    return {all: backups, plan: {...plan, unread: all}}
  }

  /** The entry goes first: what a killed run leaves is a whole backup without an entry, or none. @throws DataOpsError STORAGE. */
  async #remove(file: string, lock: Lease): Promise<void> {
    throwIfAborted(this.#options.signal)
    await lock.check()
    await assertRemovable(this.#store, file)
    const entry = (await this.#readOrRebuild(lock)).find((each) => each.file === file)
    if (entry) await this.#update(lock, withoutFile(file))
    try {
      await removeBackup(this.#store, file, entry)
    } catch (error) {
      if (entry && 'entry' in (await tryReadEntry(this.#store, file))) {
        // What failed is what is to be said; without its entry it is listed all the same.
        await this.#enter(entry, lock).catch(() => {})
      }

      throw error
    }
  }

  /** Changes a backup that nobody changes or removes meanwhile, and its entry. */
  async #change<T>(
    {file}: ListedBackup,
    work: () => Promise<T>,
    known: (result: T) => Partial<CatalogEntry> = () => ({}),
  ): Promise<{entry: CatalogEntry; result: T}> {
    return this.#locked(async (lock) => {
      // Somebody may have removed it before the lock was had.
      const result = await whileThere({name: file, place: this.#store}, work)
      try {
        const entry = {...known(result), ...(await readEntryOf(this.#store, file))}
        await this.#enter(entry, lock)
        return {entry, result}
      } catch (error) {
        throw error instanceof DataOpsError ? notEntered(error) : error
      }
    })
  }

  async #enter(entry: CatalogEntry, lock: Lease): Promise<void> {
    await this.#update(lock, (entries) => [entry, ...withoutFile(entry.file)(entries)])
  }

  /** Changes what is listed, anew when somebody else has done so meanwhile. @throws DataOpsError STORAGE. */
  async #update(lock: Lease, change: (entries: readonly CatalogEntry[]) => CatalogEntry[]): Promise<void> {
    for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
      // Its tag first: what is read then is of that one, or the write is refused and tried again.
      const tag = await tagOfCatalog(this.#store)
      if (await this.#tryWrite(change(await this.#readOrRebuild(lock, {tag})), lock, tag)) return
    }

    throw catalogChanged(this.#store)
  }

  async #tryWrite(entries: readonly CatalogEntry[], lock: Lease, tag: CatalogTag): Promise<boolean> {
    await lock.check()
    return writeCatalog(this.#store, entries, tag)
  }

  async #write(entries: readonly CatalogEntry[], lock: Lease, tag: CatalogTag): Promise<void> {
    if (!(await this.#tryWrite(entries, lock, tag))) throw catalogChanged(this.#store)
  }

  #warn(code: string, message: string, details: Record<string, unknown>): void {
    this.#options.onWarning?.({code, details, message})
  }

  #of(collection: string | undefined, all: ListedBackup[]): ListedBackup[] {
    return collection === undefined ? all : ofCollection(collection, all, this.#options)
  }

  /**
   * The backup of that id, start of an id (4 characters or more), name or path; undefined when there is none.
   * @throws DataOpsError INVALID_INPUT when several ids start like that.
   */
  async find(reference: string): Promise<ListedBackup | undefined> {
    return findAmong(await this.list(), reference, (file) => this.#store.describe(file))
  }

  /**
   * Backups, newest first: those with an entry, whether their files are there or not, and sealed ones without. A damaged
   * catalog is rebuilt (warning `catalog-rebuilt`). Of one collection: those that hide what they are of are left out (warning `backups-hidden`).
   * @throws DataOpsError STORAGE when the folder cannot be read.
   */
  async list(options: {collection?: string} = {}): Promise<ListedBackup[]> {
    const {backups, unread} = await this.listing(options)
    for (const each of unread) this.#warnUnread(each)
    return backups
  }

  /** The same, with what cannot be looked at now: a backup with an entry is listed as `unread`; what has none may be one, or not. */
  async listing({collection}: {collection?: string} = {}): Promise<Listing> {
    let {backups, unread} = await listBackups(this.#store, await this.#load(true))
    // Its entry may be older than what somebody has removed, or given another key, meanwhile.
    const isDoubtful = ({status}: ListedBackup): boolean => status === 'missing' || status === 'damaged'
    if (backups.some((backup) => isDoubtful(backup)))
      ({backups, unread} = await listBackups(this.#store, await this.#load(true)))
    return {backups: this.#of(collection, backups), unread: unread.filter(({file}) => mayBeOf(collection, file))}
  }

  /**
   * Removes what the policy does not keep, per collection of each server (`groupBy`). Only sealed backups are removed, never the last good one of a
   * collection, nor one that is damaged, has other files in its folder or lies behind a symlink that leads out.
   * @throws DataOpsError INVALID_INPUT, STORAGE; `details.removed`: the files of those that were removed before.
   */
  async prune(
    policy: RetentionPolicy = {},
    {dryRun = false, ...options}: PruneOptions & {dryRun?: boolean} = {},
  ): Promise<PruneResult> {
    checkGrouping(options.groupBy)
    if (dryRun) {
      const entries = await this.#load(false)
      // Nothing is written to ask the place what time it is there: the run itself does.
      const now = Date.now()
      const {all, plan} = await this.#plan(entries, policy, {...options, now})
      const {unnamed, ...choice} = plan
      const {leftovers, unread} = await this.#tidy(all, {isDryRun: true, now})
      return {
        ...choice,
        leftovers: [...unnamed.flatMap(({keys}) => keys), ...leftovers],
        unread: withMore(choice.unread, unread),
      }
    }

    // Before the lock, which creates the folder: a policy that makes no sense changes nothing.
    selectForRemoval([], policy, new Date())
    if (!(await this.#store.stat(''))) return {kept: [], leftovers: [], reasons: {}, removed: [], unread: []}
    return this.#lockedToRemove(async (lock) => {
      const now = await lock.renewedAt()
      const {all, plan} = await this.#plan(await this.#readOrRebuild(lock), policy, {...options, now})
      const {unnamed, ...choice} = plan
      await removeEach(choice.removed, async ({file}) => this.#remove(file, lock))
      const parts = await removeUnnamed(this.#store, unnamed)
      const {leftovers, unread} = await this.#tidy(all, {now})
      return {...choice, leftovers: [...parts, ...leftovers], unread: withMore(choice.unread, unread)}
    })
  }

  /** Enters a sealed backup, in place of what was known of that file. @throws DataOpsError STORAGE. */
  async register(entry: CatalogEntry): Promise<void> {
    const checked = wellFormedEntry(entry)
    await this.#locked(async (lock) => this.#enter(checked, lock))
  }

  /** Makes the catalog anew from the sealed backups in the folder; what cannot be read now keeps its entry (warning `backup-not-read`). @throws DataOpsError STORAGE. */
  async reindex(): Promise<ReindexResult> {
    if (!(await this.#store.stat(''))) return {damaged: [], entries: [], unread: []}
    return this.#locked(async (lock) => {
      const listed = await this.#readOrRebuild(lock)
      const tag = await tagOfCatalog(this.#store)
      const result = await this.#scan(listed)
      await this.#write(result.entries, lock, tag)
      const unread = new Set(result.unread.map(({file}) => file))
      const now = await lock.renewedAt()
      const tidied = await this.#tidy(
        result.entries.filter(({file}) => !unread.has(file)),
        {now},
      )
      return {...result, unread: withMore(result.unread, tidied.unread)}
    })
  }

  /**
   * Gives an encrypted backup other readers, by the keys that came with the store; its data stays as it is.
   * @throws DataOpsError NOT_A_BACKUP when there is none; INVALID_INPUT when it is not encrypted, or the keys do not open it.
   */
  async rekey(reference: string, to: RekeyOptions): Promise<ListedBackup> {
    const backup = await this.#required(reference)
    const {entry, result: kept} = await this.#change(backup, async () => rekeyBackup(this.#store, backup.file, to))
    if (kept.length > 0) {
      const message = `Who could open ${this.#store.describe(backup.file)} before still can: it is locked, or these credentials may not see whether it is, or remove nothing there.`
      this.#warn('old-keys-kept', message, {files: kept})
    }

    return {...backup, ...entry, collection: backup.collection}
  }

  /**
   * Locks a backup in its place, or locks it for longer: until then nobody can change or remove it. Never for shorter.
   * @throws DataOpsError NOT_A_BACKUP when there is none; INVALID_INPUT where nothing can be locked, or its objects lie in an export; STORAGE.
   */
  async extend(reference: string, lock: LockOptions): Promise<ListedBackup> {
    await requireLocks(this.#store)
    const backup = await this.#required(reference)
    await refuseExportedAt(this.#store, backup.file, 'locked')
    const locking = async (): Promise<ObjectLock> => lockBackup(this.#store, backup.file, lock)
    // Also where nobody may look at it afterwards.
    const known = ({until}: ObjectLock) => ({locked_until: new Date(until).toISOString()})
    const {entry} = await this.#change(backup, locking, known)
    return {...backup, ...entry, collection: backup.collection, status: 'sealed'}
  }

  async #required(reference: string): Promise<ListedBackup> {
    return (await this.find(reference)) ?? this.#missing(reference)
  }

  #missing(reference: string): never {
    throw new DataOpsError('NOT_A_BACKUP', `There is no backup ${reference} in ${this.#store.describe('')}.`, {
      hint: 'List what there is with `BackupCatalog.list`.',
    })
  }

  /**
   * Removes a backup, given as for `find`, with its files and its entry; one whose files are gone loses its entry, and of one whose removal
   * was cut off the rest goes. `confirm` gets what was found before anything is changed: what it throws ends it.
   * @throws DataOpsError NOT_A_BACKUP when there is none; STORAGE when its folder holds other files as well, or somebody counts on it.
   */
  async remove(
    reference: string,
    {confirm}: {confirm?: (backup: ListedBackup) => Promise<void> | void} = {},
  ): Promise<ListedBackup> {
    const found = (await this.find(reference)) ?? (await findInPart(this.#store, reference))
    const backup = found ?? this.#missing(reference)
    const {file, status} = backup
    await confirm?.(backup)
    await this.#lockedToRemove(async (lock) => {
      // A listing that does not show it may be an old one.
      if (status !== 'missing' || (await isThere(this.#store, file))) return this.#remove(file, lock)
      await this.#update(lock, withoutFile(file))
      await finishRemovalOf(this.#store, file)
    })
    return backup
  }
}
