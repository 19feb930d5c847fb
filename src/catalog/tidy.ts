/** What killed runs, and such as woke after another had gone on in their place, leave behind: what no backup needs any more goes once it is old. */
import type {Warning} from '../model/progress.js'
import type {Store, StoreEntry} from '../store/store.js'
import type {UnusableFile} from './scan.js'

import {readJournalFacts} from '../archive/journal-facts.js'
import {
  backupOfJournal,
  backupOfRemoved,
  isBackupFile,
  isKeyFileName,
  isOwnFile,
  jobLeaseOf,
  journalName,
  METADATA_FILE,
  parseBackupName,
  partialLockName,
  partialName,
  SCHEMA_FILE,
  sealedNameOf,
} from '../archive/names.js'
import {isContinuable, removeUnfinished} from '../archive/unfinished.js'
import {type DataOpsError, insteadOf} from '../model/errors.js'
import {isNotAllowed, removeIfAllowed} from '../store/denied.js'
import {Lease} from '../store/lease.js'
import {isTemporaryName} from '../store/temporary-name.js'
import {JobBackups} from './job-backups.js'
import {finishRemoval, strangersIn} from './removal.js'

/** Milliseconds after which a temporary file, an unfinished backup that nothing can continue, or a part that no seal names, is nobody's. */
const ABANDONED = 3_600_000

/** Both by the clock of the place: this machine's may be wrong, and what somebody is writing would be taken away. */
export function isAbandoned(modified: number, now: number): boolean {
  return now - modified > ABANDONED
}

export interface TidyOptions {
  /** Nothing is removed, nor any lease taken. */
  isDryRun?: boolean
  /** By the clock of the place, or a little before: milliseconds since 1970. */
  now: number
  /** Ids of the backups that are there, and sealed: what else has one of them is a run that woke too late. */
  sealed: ReadonlySet<string>
  warn: (warning: Warning) => void
}

export interface Tidied {
  /** Keys of what was removed, or would be; leases are not among them. */
  leftovers: string[]
  /** What these credentials may not look at, or remove, and why. `''`: uploads that were begun. */
  unread: UnusableFile[]
}

/** Removes it, and says so where it was a backup once begun. @throws DataOpsError STORAGE. */
export async function tidy(store: Store, options: TidyOptions): Promise<Tidied> {
  const tidying = new Tidying(store, options)
  await tidying.entries()
  await tidying.uploads()
  return tidying
}

class Tidying implements Tidied {
  readonly leftovers: string[] = []
  readonly unread: UnusableFile[] = []

  constructor(
    private readonly store: Store,
    private readonly options: TidyOptions,
  ) {}

  async entries(): Promise<void> {
    const jobs = new JobBackups(this.store)
    const entries = await this.store.list('')
    for (const entry of entries) {
      await this.#ifAllowed(entry.name, async () => {
        const {modified, name} = entry
        const isOld = isAbandoned(modified, this.options.now)
        // Whoever may remove nothing has to live with it.
        if (isOld && isTemporaryName(name)) await this.#remove(name, async () => removeIfAllowed(this.store, name))
        await this.#finishRemoval(entry)
        if (isOld) await this.#journal(name, jobs)
      })
    }

    // What was a journal's is looked at once that is gone.
    for (const entry of entries) {
      if (!isAbandoned(entry.modified, this.options.now)) continue
      await this.#ifAllowed(entry.name, async () => {
        if (!this.options.isDryRun) await tidyLease(this.store, entry.name)
        await this.#unfinished(entry, jobs)
      })
    }
  }

  /** What nobody lets us do at one of them is said, and the others have their turn. */
  async #ifAllowed(file: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!isNotAllowed(error)) throw error
      if (this.unread.every((each) => each.file !== file)) this.unread.push({file, reason: reasonOf(error)})
    }
  }

  async uploads(): Promise<void> {
    // Anew, since these are listed now: the job of one of them may have been planned since the others were asked for.
    const jobs = new JobBackups(this.store)
    const found: string[] = []
    const mayGo = async (key: string, begun: number): Promise<boolean> => {
      const isLeft = await isLeftUpload(this.store, jobs, {begun, key, now: this.options.now})
      if (isLeft) found.push(key)
      return isLeft && !this.options.isDryRun
    }

    await this.#ifAllowed('', async () => {
      const dropped = (await this.store.uploads?.drop(mayGo)) ?? []
      this.leftovers.push(...(this.options.isDryRun ? found : dropped))
    })
  }

  /** `work`: false where it may not be removed. */
  async #remove(key: string, work: () => Promise<boolean>): Promise<void> {
    if (this.options.isDryRun || (await work())) this.leftovers.push(key)
  }

  /** Does it while nobody else is at that backup; not at all where somebody is. */
  async #alone(backup: string, work: () => Promise<void>): Promise<void> {
    const name = partialLockName(backup)
    if (this.options.isDryRun) {
      if (!(await Lease.isHeld(this.store, name))) await work()
      return
    }

    const lease = await Lease.tryAcquire(this.store, name)
    if (!lease) return
    try {
      await work()
    } finally {
      await lease.release()
    }
  }

  async #finishRemoval(mark: StoreEntry): Promise<void> {
    const backup = backupOfRemoved(mark.name)
    if (backup === undefined) return
    const isDone = this.options.isDryRun
      ? !(await Lease.isHeld(this.store, partialLockName(backup)))
      : await finishRemoval(this.store, mark)
    if (isDone) this.leftovers.push(mark.name)
  }

  /** Removes a journal, and what its process has written, where another has sealed that backup, or nothing of it is left to be continued. */
  async #journal(name: string, jobs: JobBackups): Promise<void> {
    const backup = backupOfJournal(name)
    if (backup === undefined) return
    await this.#alone(backup, async () => {
      if (!(await this.#isOrphan(backup)) || (await jobs.has(backup))) return
      await this.#remove(name, async () => {
        // The journal goes last: without it nobody knows what the rest is.
        await removeUnfinished(this.store, backup)
        return removeIfAllowed(this.store, name, 'file')
      })
      this.#tell(name, 'is the journal of a backup that was sealed without it, or of which nothing is left')
    })
  }

  /** Not one that nobody understands, nor one that says which tenants are to be put back. */
  async #isOrphan(backup: string): Promise<boolean> {
    const facts = await readJournalFacts(this.store, backup).catch(insteadOf(undefined, 'CHECKPOINT'))
    if (!facts || facts.activated > 0) return false
    return this.options.sealed.has(facts.backupId) || !(await isContinuable(this.store, backup, facts))
  }

  /** Removes an unfinished backup that nobody can continue: it has no journal, and no process writes it. */
  async #unfinished({kind, modified, name}: StoreEntry, jobs: JobBackups): Promise<void> {
    const backup = sealedNameOf(name) ?? (parseBackupName(name)?.kind === 'directory' ? name : undefined)
    if (backup === undefined || (backup === name && kind !== 'directory')) return
    await this.#alone(backup, async () => {
      if (await this.store.stat(journalName(backup), 'file')) return
      // Asked for by its name: what a listing does not show, as one that is older than the seal, may be there.
      if (backup === name && (await this.store.stat(`${name}/${METADATA_FILE}`, 'file'))) return
      if (
        kind === 'directory' &&
        !(await isUnfinishedFolder(this.store, name, {changed: modified, now: this.options.now}))
      )
        return
      if (await jobs.has(backup)) return
      // It went with its journal.
      if (!(await this.store.stat(name))) return
      await this.#remove(name, async () => this.store.remove(name).then(() => true))
      this.#tell(name, 'was left by a killed run that cannot be continued')
    })
  }

  #tell(file: string, what: string): void {
    if (this.options.isDryRun) return
    const message = `${this.store.describe(file)} ${what}; it was removed.`
    this.options.warn({code: 'unfinished-removed', details: {file}, message})
  }
}

/** With what would allow it. */
function reasonOf({details, message}: DataOpsError): string {
  return typeof details.permission === 'string' ? `${message} It needs ${details.permission}.` : message
}

/** Whether an upload was of a backup of which nobody holds the lease any more, nor a job writes it, or by somebody who was looking at the place an hour ago. */
async function isLeftUpload(
  store: Store,
  jobs: JobBackups,
  {begun, key, now}: {begun: number; key: string; now: number},
): Promise<boolean> {
  if (isTemporaryName(key)) return isAbandoned(begun, now)
  const [backup = ''] = key.split('/', 1)
  if (parseBackupName(backup) === undefined || (await Lease.isHeld(store, partialLockName(backup)))) return false
  return !(await jobs.has(backup))
}

/** Removes a lease that its holder could not give back. */
async function tidyLease(store: Store, name: string): Promise<void> {
  const lease = jobLeaseOf(name)
  if (lease !== undefined) await (await Lease.tryAcquire(store, lease))?.release()
}

/**
 * Whether a folder without a journal is what a run left: under the name of an unfinished one it is, under a backup's own name only while
 * it has no part. With parts it may be a backup that somebody took `metadata.json` from.
 */
async function isUnfinishedFolder(
  store: Store,
  folder: string,
  {changed, now}: {changed: number; now: number},
): Promise<boolean> {
  const files = await store.list(folder)
  // In object storage a folder has no time of its own.
  if (changed === 0 && files.some(({modified}) => !isAbandoned(modified, now))) return false
  const names = files.map(({name}) => name)
  if (folder === partialName(sealedNameOf(folder) ?? '')) return (await strangersIn(store, folder)).length === 0
  return names.every((name) => name === SCHEMA_FILE || isKeyFileName(name) || (isOwnFile(name) && !isBackupFile(name)))
}
