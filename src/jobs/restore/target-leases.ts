/** One restore at a time into one target: two would write every reference twice. */
import type {ProgressEvent} from '../../model/progress.js'
import type {Store} from '../../store/store.js'

import {targetLeaseName} from '../../archive/names.js'
import {DataOpsError} from '../../model/errors.js'
import {describeHolder, Lease} from '../../store/lease.js'
import {waitsToldTo} from '../../store/waiting.js'
import {reservationNow, reserve, type ReservedBy} from './reserved.js'

export interface LeasedTarget {
  /** Name of the backup in its store: it is kept while a lease names it. */
  backup: string
  collection: string
  onProgress?: (event: ProgressEvent) => void
  signal?: AbortSignal
  /** Where leases lie: beside the backup, and beside the checkpoint where that is another place. */
  stores: readonly Store[]
}

export class TargetLeases {
  readonly #held: Array<{lease: Lease; name: string; store: Store}> = []
  readonly #keys = new Set<string>()

  constructor(private readonly target: LeasedTarget) {}

  /**
   * Takes the target under one of the things that it is known by. @throws DataOpsError STORAGE, naming who restores into it.
   * A backup in a place that cannot be written to can be restored all the same, with a checkpoint elsewhere.
   */
  async take(key: string): Promise<void> {
    if (this.#keys.has(key)) return
    this.#keys.add(key)
    const {stores} = this.target
    for (const [index, store] of stores.entries()) {
      try {
        await this.#takeIn(store, targetLeaseName(key))
      } catch (error) {
        const isUnwritable = error instanceof DataOpsError && error.code === 'STORAGE' && !error.details.isHeld
        if (!isUnwritable) throw error
        if (index < stores.length - 1) continue
        const hint =
          'Nothing can be written beside the backup: name a folder for the checkpoint with `checkpointDirectory`.'
        throw stores.length === 1 ? error.with({hint}) : error
      }
    }
  }

  async #takeIn(store: Store, name: string): Promise<void> {
    const {backup, collection, onProgress, signal} = this.target
    // The checkpoint's place may be the backup's own, by whatever name: then it is held already.
    for (const held of this.#held) if (await held.lease.isIn(store, name)) return
    const lease = await Lease.watchAndAcquire(store, name, {
      onWait: waitsToldTo(onProgress, collection),
      signal,
      subject: backup,
    })
    if (lease) {
      this.#held.push({lease, name, store})
      const reserved = await reservationNow(store, name)
      if (reserved) throw restoredByJob(reserved, collection, store.describe(name))
      return
    }

    const holder = (await Lease.describe(store, name)) ?? {}
    const what = holder.subject === undefined ? 'a backup' : store.describe(holder.subject)
    throw new DataOpsError('STORAGE', `${describeHolder(holder)} is restoring ${what} into "${collection}".`, {
      details: {host: holder.host, isHeld: true, path: store.describe(name), pid: holder.pid, since: holder.since},
      hint: 'Wait until it has finished: two at once would write every reference twice.',
      retryable: true,
    })
  }

  /** @throws DataOpsError STORAGE when another process has taken the target over. */
  async check(): Promise<void> {
    for (const {lease} of this.#held) await lease.check()
  }

  /** Before each write to the target: cheap. @throws DataOpsError as `check`; trying again is of no use. */
  async guard(): Promise<void> {
    try {
      for (const {lease} of this.#held) await lease.checkIfStale()
    } catch (error) {
      const hint =
        'This process stood still for too long. See what the other one has done, and compare once both have ended: a call that was on its way may have been sent when this one woke.'
      throw error instanceof DataOpsError ? error.with({hint, retryable: false}) : error
    }
  }

  /** From here on the target is the job's, until `unreserve`, whoever holds the lease. Returns the names of the leases. */
  async reserve(by: ReservedBy): Promise<string[]> {
    for (const {name, store} of this.#held) await reserve(store, name, by)
    return this.#held.map(({name}) => name)
  }

  async release(): Promise<void> {
    this.#keys.clear()
    for (let held = this.#held.pop(); held; held = this.#held.pop()) await held.lease.release()
  }
}

function restoredByJob({job}: ReservedBy, collection: string, path: string): DataOpsError {
  return new DataOpsError('STORAGE', `The job "${job}" restores into "${collection}".`, {
    details: {isHeld: true, job, path},
    hint: `Wait until it has ended (\`JobManager.show\` ${job}), or end it with \`JobManager.cancel\` ${job}: two at once would write every reference twice.`,
    retryable: true,
  })
}
