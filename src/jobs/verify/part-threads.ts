/** Leads the threads that check parts of a backup. */
import type {PartChecker} from '../../archive/hashes.js'
import type {Archive} from '../../archive/reader.js'
import type {Store} from '../../store/store.js'
import type {VerifyBackupOptions} from './options.js'
import type {PartReader, PartRowsOptions} from './part-rows.js'
import type {LeaderCalls, PartThreadSetup, ThreadCalls} from './thread-calls.js'

import {throwIfAborted} from '../../model/errors.js'
import {uuidsIn} from '../../model/uuid-range.js'
import {encryptionOf} from '../../store/encryption.js'
import {storeOpenedAs} from '../../store/open.js'
import {Thread, workersFor, workersWorth} from '../workers/thread.js'

/** A part is read so much faster than a server is that a thread of its own is worth its start for so many times the objects. */
const WORTH_MORE = 4
/** The same for bytes that are hashed and no more, 512 MB of them: what makes up an object. */
const BYTES_OF_ONE = 20 * 1024

export interface PartThreadsOptions extends Pick<VerifyBackupOptions, 'quick' | 'signal' | 'workers'> {
  /** Also of the `workers` that were asked for no more than are worth their start. */
  isFrugal?: boolean
}

/** Undefined: this thread checks all of it itself. `place`: what the backup lies in, as it was opened. */
export async function startPartThreads(
  {archive, place}: {archive: Archive; place: Store},
  {isFrugal = false, quick, signal, workers}: PartThreadsOptions,
): Promise<PartThreads | undefined> {
  const {manifest, name, seal} = archive
  const {identities, passphrase} = encryptionOf(place)
  const store = storeOpenedAs(place)
  // What opens a backup by a passphrase takes a second, by design: each thread would need it.
  if (!seal || !store || manifest.kind !== 'directory' || passphrase !== undefined) return undefined
  const {object_count: objects, parts} = seal
  const work = Math.floor(quick ? manifest.bytes / BYTES_OF_ONE : objects / WORTH_MORE)
  const wanted = workersFor(workers, {objects: work, pages: parts.length})
  const count = Math.min(wanted, parts.length, isFrugal ? workersWorth(work) : Infinity)
  if (count <= 1) return undefined
  const threads = new PartThreads(count, signal)
  try {
    await threads.start({checksum: seal.checksum, keys: {identities}, name, store})
    return threads
  } catch (error) {
    await threads.close()
    throw error
  }
}

/** What a part that is being checked tells. */
interface Listener {
  onBytes?: (bytes: number) => void
  onPage?: PartRowsOptions['onPage']
}

export class PartThreads implements PartChecker, PartReader {
  readonly #idle: Array<Thread<ThreadCalls>>
  readonly #listeners = new Map<number, Listener>()
  readonly #threads: Array<Thread<ThreadCalls>>
  readonly #end = (): void => {
    void this.close()
  }

  constructor(
    readonly atOnce: number,
    private readonly signal?: AbortSignal,
  ) {
    const calls: LeaderCalls = {
      hashed: ({bytes, part}) => this.#listeners.get(part)?.onBytes?.(bytes),
      page: async ({ids, objects, part, tenants}) => {
        const keys = uuidsIn(ids).map((id, index) => ({id, tenant: tenants?.[index]}))
        await this.#listeners.get(part)?.onPage?.({keys, objects})
      },
    }
    this.#threads = Array.from({length: atOnce}, (_, index) => new Thread('verification', index + 1, {...calls}))
    this.#idle = [...this.#threads]
    signal?.addEventListener('abort', this.#end)
  }

  async start(setup: PartThreadSetup): Promise<void> {
    await this.#orInterrupted(Promise.all(this.#threads.map(async ({peer}) => peer.call('start', setup))))
  }

  async close(): Promise<void> {
    this.signal?.removeEventListener('abort', this.#end)
    await Promise.all(this.#threads.map(async (thread) => thread.close()))
  }

  async check(...[part, {isProven, onBytes}]: Parameters<PartChecker['check']>): ReturnType<PartChecker['check']> {
    return this.#byOne(part, {onBytes}, async ({peer}) => peer.call(isProven ? 'prove' : 'hash', part))
  }

  async rows(...[part, {onPage}]: Parameters<PartReader['rows']>): ReturnType<PartReader['rows']> {
    return this.#byOne(part, {onPage}, async ({peer}) => peer.call('rows', part))
  }

  /** No more parts are asked for at once than there are threads. */
  async #byOne<T>(part: number, listener: Listener, work: (thread: Thread<ThreadCalls>) => Promise<T>): Promise<T> {
    const thread = this.#idle.pop()
    if (!thread) throw new TypeError('no thread is idle')
    this.#listeners.set(part, listener)
    try {
      return await this.#orInterrupted(work(thread))
    } finally {
      this.#listeners.delete(part)
      this.#idle.push(thread)
    }
  }

  async #orInterrupted<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throwIfAborted(this.signal)
      throw error
    }
  }
}
