import {isDeepStrictEqual} from 'node:util'

import type {CheckpointNote} from '../../archive/checkpoint-note.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'

import {checkpointName} from '../../archive/names.js'
import {utf8} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {forget, isForgotten} from '../../store/forget.js'
import {OwnFile} from '../../store/own-file.js'
import {unchangedFor} from '../../store/store-time.js'
import {sleep} from '../../weaviate/retry.js'
import {
  type CheckpointBinding,
  type CheckpointFile,
  type EndedCheckpoint,
  type PassFile,
  type Placeholder,
  readCheckpoint,
  type TargetTenant,
} from './checkpoint-file.js'
import {type EndedTogether} from './ended-together.js'
import {type Forgotten, forgottenIn} from './forgotten.js'
import {RowRanges} from './row-ranges.js'

/** One pass over the backup's rows: objects first, references second. */
export interface Pass {
  count: number
  done: RowRanges
  finished: boolean
}

/** How long a change may wait for the disk. A crash costs the work of that time, no more: it is done again. Tests save more often; no option. */
export const SAVE_EVERY = {ms: 500}
/** Where a save takes long, as in a cloud, so many times as long lies between two of the objects' pass, up to so many times the usual pause. */
const SAVE_TIMES = 20
/** How long a call that a killed run has sent may go on in the server. Tests wait less; no option. */
export const GRACE = {ms: 3000}

/** How far a restore is: bound to a backup and a target, replaced atomically, removed on success. */
export class Checkpoint {
  /** Rows of a live source whose objects were written, and which it did not show any more when their references came to be read. */
  readonly bereft: RowRanges
  readonly binding: CheckpointBinding
  /** What the target had already is known, and `skipped` holds it: from here on its objects may be ours. */
  conflictsSettled: boolean
  /** The collection was created by this restore, or was about to be: only with `isMade` is it known that it came to that. */
  created = false
  /** It was there after that, and nothing in it. */
  isMade: boolean
  /** Those of the same go that are confirmed, and whose checkpoints go before this one. */
  #endedWith: readonly EndedCheckpoint[] = []
  /** Rows whose objects were no longer in the source when they came to be read: not written, whatever comes to be there. */
  readonly gone: RowRanges
  /** What tells the target from another collection of its name; undefined where the server does not show it. */
  identity?: string
  /** Of `unseen`, those that a source showed later. */
  readonly late: RowRanges
  /** `announced`: those before it may have been sent, confirmed or not; kept where what others write is left alone. */
  readonly objects: Pass & {announced: number}
  /** `announced`: references of rows before it may have been sent, confirmed or not. */
  readonly references: Pass & {announced: number}
  /** To be deleted before anything else. */
  placeholders: Placeholder[]
  /** Rows whose objects (or their references) the server refused. Each has its line in `rejectedFile` first, and is not sent again. */
  readonly rejected: RowRanges
  /** Rows left alone because the target had their objects before they were to be sent (`onConflict: 'skip'`). */
  readonly skipped: RowRanges
  /** Rows of a live source that it did not show, or that were not chosen, when the target was looked through: nobody knows whether that has their objects. */
  readonly unseen: RowRanges
  /** Tenants that are to be inactive, or offloaded, once it is done or has failed. */
  tenants?: WeaviateTenant[]
  /** The same in collections that are referred to and were there before. */
  targetTenants: TargetTenant[]
  /** Bytes of the file of rejected objects as of the last save. */
  readonly rejectedBytes: number
  /** The file of rejected objects, which is on the disk before the rows are said to be done. */
  rejectedFile?: {readonly bytes: number; sync: () => Promise<void>}
  /** Beside the backup, where that lies in another place. */
  note?: CheckpointNote
  /** Asked before it is written. @throws when another process restores into the target by now. */
  fence?: () => Promise<void>
  /** Its file is gone, and that of another restore says what was in it. */
  isOnlyTold = false
  forgotten?: Forgotten
  /** Read from disk. */
  readonly resumed: boolean
  /** All objects were there when the earlier run had left it. */
  readonly #hadObjects: boolean
  /** For how long the earlier run had not written it, milliseconds, at a moment of the monotonic clock. */
  #quiet?: {at: number; ms: number}
  readonly #file: OwnFile
  readonly #name: string
  readonly #store: Store
  #savedAt = -Infinity
  /** How long the last save took, milliseconds. */
  #savedIn = 0
  #saving: Promise<void> = Promise.resolve()

  private constructor(store: Store, name: string, binding: CheckpointBinding, file?: CheckpointFile) {
    this.resumed = file !== undefined
    const rows = (of: 'bereft' | 'gone' | 'late' | 'rejected' | 'skipped' | 'unseen'): RowRanges =>
      new RowRanges(file?.[of])
    this.#store = store
    this.#name = name
    this.#file = new OwnFile(store, name, async () => this.fence?.())
    this.bereft = rows('bereft')
    this.binding = binding
    this.objects = {...passFrom(file?.objects), announced: announcedIn(file)}
    this.#hadObjects = this.objects.finished
    this.references = {...passFrom(file?.references), announced: file?.references.announced ?? 0}
    this.conflictsSettled = file?.conflictsSettled ?? false
    this.created = file?.created ?? false
    this.isMade = file?.made ?? false
    this.gone = rows('gone')
    this.identity = file?.identity
    this.late = rows('late')
    this.placeholders = file?.placeholders ?? []
    this.rejected = rows('rejected')
    this.rejectedBytes = file?.rejectedBytes ?? 0
    this.skipped = rows('skipped')
    this.unseen = rows('unseen')
    this.tenants = file?.tenants
    this.targetTenants = file?.targetTenants ?? []
  }

  /**
   * The checkpoint of an earlier run, or a new one that is not on the disk yet. `restart` forgets the earlier one, but for tenants of a
   * merge that it may have left active, and its placeholders. `isRetry`: of a run that sends what was refused, beside that of the restore
   * itself. `together`: of the restores of the same go, one of which may say that this one was done.
   * @throws DataOpsError CHECKPOINT when there is one of another backup, another target or other options, or one that cannot be read.
   */
  static async open(
    store: Store,
    backupName: string,
    binding: CheckpointBinding,
    options: {isRetry?: boolean; restart?: boolean; together?: EndedTogether} = {},
  ): Promise<Checkpoint> {
    const name = checkpointFileOf(backupName, binding, options)
    if (options.restart) {
      const restarted = new Checkpoint(store, name, binding)
      restarted.forgotten = await forgottenIn(store, name)
      const earlier = restarted.forgotten === 'unreadable' ? undefined : restarted.forgotten
      if (earlier && !earlier.created) restarted.tenants = earlier.tenants
      restarted.targetTenants = earlier?.targetTenants ?? []
      // Deleted as they would have been: what they stand in for is nobody's object.
      restarted.placeholders = earlier?.placeholders ?? []
      return restarted
    }

    const own = await readCheckpoint(store, name)
    const found = own ?? (await options.together?.find(store, name))
    if (found && !isDeepStrictEqual(found.binding, binding)) {
      throw new DataOpsError(
        'CHECKPOINT',
        `The checkpoint ${store.describe(name)} belongs to another backup or other options.`,
        {hint: 'Use the options of the interrupted run, or `restart: true` to start over.'},
      )
    }

    const checkpoint = new Checkpoint(store, name, binding, found)
    checkpoint.isOnlyTold = found !== undefined && !own
    checkpoint.#endedWith = found?.endedWith ?? []
    return checkpoint
  }

  /** Whether a restore of that backup to that target was begun and not finished. */
  static async exists(
    store: Store,
    backupName: string,
    at: Pick<CheckpointBinding, 'server' | 'target'>,
  ): Promise<boolean> {
    const name = checkpointFileOf(backupName, at)
    const entry = await store.stat(name, 'file')
    return entry !== undefined && !(await isForgotten(store, name, entry))
  }

  /** Resolves once nothing that the earlier run has sent can still be at work in the server. @throws DataOpsError INTERRUPTED. */
  async calm(signal?: AbortSignal): Promise<void> {
    if (!this.resumed && !this.forgotten) return
    const {at, ms} = await this.#measureQuiet()
    const waitMs = Math.min(GRACE.ms, GRACE.ms - ms - (performance.now() - at))
    if (waitMs > 0) await sleep(waitMs, signal)
  }

  /** Before this run writes it. While it writes objects a run may go on for long after a save. */
  async #measureQuiet(): Promise<{at: number; ms: number}> {
    this.#quiet ??= {at: performance.now(), ms: this.#hadObjects ? await this.#unchanged() : 0}
    return this.#quiet
  }

  /** Both times are those of the place: the clock of this machine may be another. */
  async #unchanged(): Promise<number> {
    return (await unchangedFor(this.#store, this.#name)) ?? 0
  }

  /** Saves now and resolves once it is on the disk. */
  async save(): Promise<void> {
    // One after another: an older state must not land on a newer one.
    this.#saving = this.#saving.then(async () => {
      this.#savedAt = performance.now()
      // Rows and bytes of one moment: each row that is said to be refused has its line on the disk, and no other line is kept.
      const text = JSON.stringify(this.#content())
      await this.fence?.()
      if (this.resumed) await this.#measureQuiet()
      await this.rejectedFile?.sync()
      await this.note?.write()
      await this.#file.put(utf8(text))
      this.#savedIn = performance.now() - this.#savedAt
    })
    return this.#saving
  }

  /** Saves when the last time is long enough ago. `isUsual`: however long a save takes, since `calm` counts from the last one. */
  async saveSoon({isUsual = false} = {}): Promise<void> {
    const longest = isUsual ? 0 : SAVE_TIMES * Math.min(this.#savedIn, SAVE_EVERY.ms)
    const pause = Math.max(SAVE_EVERY.ms, longest)
    if (performance.now() - this.#savedAt >= pause) await this.save()
  }

  /**
   * Removes those of restores that ended in the same go. One by one they go, and until the last one is gone it says of all that they were
   * done: a later run does not take what they have written for somebody else's.
   */
  static async removeAll(checkpoints: readonly Checkpoint[]): Promise<void> {
    const last = checkpoints.at(-1)
    if (!last) return
    const others = checkpoints.slice(0, -1)
    if (others.length > 0) {
      last.#endedWith = others.map((one) => {
        const {endedWith: _, ...file} = one.#content()
        return {file, path: one.describe()}
      })
      await last.save()
    }

    for (const checkpoint of [...others, last]) await checkpoint.remove()
  }

  async remove(): Promise<void> {
    await this.#saving
    await this.fence?.()
    await forget(this.#store, this.#name)
    await this.note?.remove()
  }

  describe(): string {
    return this.#store.describe(this.#name)
  }

  #content(): CheckpointFile {
    const {announced} = this.objects
    const pass = ({count, done, finished}: Pass): PassFile => ({count, done: done.toJSON(), finished})
    return {
      ...(this.bereft.size > 0 && {bereft: this.bereft.toJSON()}),
      binding: this.binding,
      ...(this.conflictsSettled && {conflictsSettled: true}),
      created: this.created,
      ...(this.#endedWith.length > 0 && {endedWith: [...this.#endedWith]}),
      ...(this.gone.size > 0 && {gone: this.gone.toJSON()}),
      ...(this.identity !== undefined && {identity: this.identity}),
      ...(this.late.size > 0 && {late: this.late.toJSON()}),
      ...(this.isMade && {made: true}),
      objects: {...pass(this.objects), ...(Number.isFinite(announced) && {announced})},
      ...(this.placeholders.length > 0 && {placeholders: this.placeholders}),
      references: {...pass(this.references), announced: this.references.announced},
      rejected: this.rejected.toJSON(),
      rejectedBytes: this.rejectedFile?.bytes ?? this.rejectedBytes,
      skipped: this.skipped.toJSON(),
      ...(this.targetTenants.length > 0 && {targetTenants: this.targetTenants}),
      ...(this.tenants && {tenants: this.tenants}),
      ...(this.unseen.size > 0 && {unseen: this.unseen.toJSON()}),
      version: 1,
    }
  }
}

/** All that an earlier release wrote may have been sent. */
function announcedIn(file: CheckpointFile | undefined): number {
  return file ? (file.objects.announced ?? Infinity) : 0
}

/** What the file of a checkpoint is called. */
export function checkpointFileOf(
  backupName: string,
  {server, target}: Pick<CheckpointBinding, 'server' | 'target'>,
  {isRetry}: {isRetry?: boolean} = {},
): string {
  return checkpointName(backupName, `${target}@${server}${isRetry ? ' retry' : ''}`)
}

export function passFrom(file: PassFile | undefined): Pass {
  return {count: file?.count ?? 0, done: new RowRanges(file?.done), finished: file?.finished ?? false}
}
