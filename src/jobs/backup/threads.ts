/** Leads the threads of a backup: gives each of them slices to read, and takes in what they have written. */
import type {OpenAgain} from '../../store/open.js'
import type {BackupReading} from './reading.js'
import type {LeaderCalls, ThreadCalls, ThreadPage, ThreadResult, ThreadSetup} from './thread-calls.js'

import {PAGES_WORTH_CUTTING, type Slice} from '../../flow/parallel-reader.js'
import {Sleepers} from '../../flow/sleepers.js'
import {throwIfAborted} from '../../model/errors.js'
import {splitRange, uuidsIn} from '../../model/uuid-range.js'
import {type Opened, sentConnection} from '../../weaviate/connect.js'
import {type Offer} from '../workers/peer.js'
import {thisThread, Thread, type WorkingThread} from '../workers/thread.js'
import {without} from './slices.js'
import {backupThread} from './thread.js'

/** Slices (tenants) that a thread is given at once. */
const MOST_SLICES = 64
/** A thread's share of what is left that it is given at once. */
const SHARE = 4
/** Milliseconds between two times that all are told of a server that pushes back. */
const PUSHBACK_MS = 1000

/** What threads are started with. */
export interface ThreadsToStart {
  count: number
  opened: Opened
  setup: Omit<ThreadSetup, 'connect' | 'isLimited' | 'store'>
  store: OpenAgain
}

/** What the threads read now. */
export interface ThreadReading {
  /** Whether a document is to be saved once more. */
  isDue: () => boolean
  /** Called when something more was read. */
  onProgress: () => void
  /** Puts what is written for good on the disk, with what remains. */
  save: () => Promise<void>
}

interface Led {
  /** Objects read since the last flush, by tenant. */
  ahead: Map<string | undefined, number>
  /** Of the part that it is writing. */
  bytes: number
  /** Documents: what it has told of, and what is not appended yet. */
  coming: ThreadResult[]
  /** What it was given and has not written for good. */
  held: Slice[]
  isReading: boolean
  spare: number
  thread: WorkingThread<ThreadCalls>
}

export class BackupThreads {
  readonly #sleepers = new Sleepers()
  readonly #threads: Led[] = []
  #failure?: {error: unknown}
  #lastTurn: Promise<unknown> = Promise.resolve()
  #pushedBackAt = -Infinity
  #queue: Slice[] = []
  #reading?: ThreadReading

  private constructor(private readonly backup: BackupReading) {}

  /** @throws DataOpsError when one of them cannot connect. */
  static async start(backup: BackupReading, {count, opened, setup, store}: ThreadsToStart): Promise<BackupThreads> {
    const threads = new BackupThreads(backup)
    for (let number = 1; number <= count; number++) threads.#add(number, opened)
    const isLimited = backup.throttle.rate !== undefined
    try {
      const given = {...setup, connect: await sentConnection(opened), isLimited, store}
      await Promise.all(threads.#threads.map(async ({thread}) => thread.peer.call('start', given)))
      return threads
    } catch (error) {
      await threads.close()
      throw error
    }
  }

  /** Of parts that are being written. */
  get bytes(): number {
    return this.#threads.reduce((sum, {bytes}) => sum + bytes, 0)
  }

  /** What is not read, or not written for good. */
  remaining(): Slice[] {
    return [...this.#queue, ...this.#threads.flatMap(({held}) => held)].map((slice) => ({...slice}))
  }

  /** Resolves once the slices are read. @throws DataOpsError INTERRUPTED, or the first failure, once all have stopped. */
  async read(slices: readonly Slice[], reading: ThreadReading): Promise<void> {
    const {signal} = this.backup
    const stop = (): void => {
      this.#stop()
    }

    this.#reading = reading
    this.#queue = this.#divide(slices)
    signal?.addEventListener('abort', stop)
    try {
      await Promise.all(this.#threads.map(async (led) => this.#keepReading(led)))
    } finally {
      signal?.removeEventListener('abort', stop)
    }

    throwIfAborted(signal)
    if (this.#failure) throw this.#failure.error
  }

  /** All that was read is in the writer afterwards. */
  async finish(save: ThreadReading['save']): Promise<void> {
    this.#reading = {isDue: () => false, onProgress() {}, save}
    await Promise.all(this.#threads.map(async ({thread}) => thread.peer.call('finish', undefined)))
  }

  /** Puts on the disk what is written for good. */
  async save(): Promise<void> {
    await this.#inTurn(async () => this.#reading?.save())
  }

  async close(): Promise<void> {
    const [own] = this.#threads
    // The others go with all that they have open.
    await own?.thread.peer.call('close', undefined).catch(() => {})
    await Promise.all(this.#threads.map(async ({thread}) => thread.close()))
  }

  #add(number: number, opened: Opened): void {
    const {open, throttle} = this.backup
    const {claim, plan, writer} = open
    const calls: LeaderCalls = {
      called: (call) => opened.onCall?.(call),
      flushed: async (result) => this.#flushed(led, result),
      headers: async (refused) => opened.headers(refused),
      page: async (page) => this.#page(led, page),
      async partName(extension) {
        await claim.check()
        if (!writer.folder) throw new TypeError('a document has no parts')
        return writer.folder.nextName(extension)
      },
      pay: async (cost) => throttle.rate?.take(cost),
      pushedBack: () => {
        this.#pushBack(led)
      },
      warn: plan.job.warn,
    }
    const offer: Offer = {...calls}
    const led: Led = {
      ahead: new Map(),
      bytes: 0,
      coming: [],
      held: [],
      isReading: false,
      spare: 0,
      // The first one is this one: the others are what it leads.
      thread: number === 1 ? thisThread(backupThread, offer) : new Thread('backup', number, offer),
    }
    this.#threads.push(led)
  }

  /** A collection in one piece starts in equal parts: right for random UUIDs, and put right for all others while it runs. */
  #divide(slices: readonly Slice[]): Slice[] {
    const [whole] = slices
    if (!whole || slices.length > 1) return slices.map((slice) => ({...slice}))
    return splitRange(whole, this.#threads.length).map((range) => ({...whole, ...range}))
  }

  async #keepReading(led: Led): Promise<void> {
    try {
      for (;;) {
        const slices = await this.#next(led)
        if (!slices) return
        led.isReading = true
        await led.thread.peer.call('read', slices)
        led.isReading = false
        this.#sleepers.wake()
      }
    } catch (error) {
      this.#failure ??= {error}
      this.#stop()
    } finally {
      led.isReading = false
      this.#sleepers.wake()
    }
  }

  /** From the queue, or from the thread that has most left; undefined: there is nothing left to take. */
  async #next(led: Led): Promise<Slice[] | undefined> {
    while (!this.#failure && !this.backup.signal?.aborted) {
      const share = Math.ceil(this.#queue.length / this.#threads.length / SHARE)
      if (share > 0) return hold(led, this.#queue.splice(0, Math.min(share, MOST_SLICES)))
      const others = this.#threads.filter((other) => other !== led && other.isReading)
      if (others.length === 0) return undefined
      const [most] = others.toSorted((a, b) => b.spare - a.spare)
      if (!most || most.spare <= PAGES_WORTH_CUTTING) {
        await this.#sleepers.sleep()
        continue
      }

      // Until it says more.
      most.spare = 0
      const slice = await most.thread.peer.call('give', undefined)
      if (!slice) continue
      most.held = without(most.held, slice)
      // Pages that it had told of before say that this remains for it.
      for (const result of most.coming) result.remaining = without(result.remaining, slice)
      return hold(led, [slice])
    }

    return undefined
  }

  async #page(led: Led, page: ThreadPage): Promise<void> {
    const {completeness, sink} = this.backup
    const {bytes, document, ids, spare, tenant} = page
    if (document) led.coming.push(document.result)
    const objects = uuidsIn(ids).map((id) => ({id, ...(tenant !== undefined && {tenant})}))
    await completeness.note(objects)
    await sink.noteOthers({
      changed: page.changed,
      indexed: page.indexed?.map(([lastUpdateTimeUnix, content], at) => [
        {...objects[at]!, lastUpdateTimeUnix, properties: {}},
        content,
      ]),
      sample: page.sample,
    })
    if (!document) {
      led.ahead.set(tenant, (led.ahead.get(tenant) ?? 0) + objects.length)
      sink.countAhead(tenant, objects.length)
    }

    led.bytes = bytes
    led.spare = spare
    if (document) await this.#inTurn(async () => this.#append(led, document, {objects: objects.length, tenant}))
    this.#reading?.onProgress()
    if (spare > PAGES_WORTH_CUTTING) this.#sleepers.wake()
  }

  async #append(
    led: Led,
    {lines, result, written}: NonNullable<ThreadPage['document']>,
    {objects, tenant}: {objects: number; tenant?: string},
  ): Promise<void> {
    const {open, sink} = this.backup
    const {content, writer} = open
    await writer.appendLines?.(lines, written)
    content.merge(result.content)
    if (sink.isChanging) sink.count(tenant, objects)
    if (result.takenSum !== undefined) sink.countSum(result.takenSum)
    led.coming = led.coming.filter((other) => other !== result)
    led.held = result.remaining
    if (this.#reading?.isDue()) await this.#reading.save()
  }

  async #flushed(led: Led, {content, parts, remaining, takenSum}: ThreadResult): Promise<void> {
    const {open, sink} = this.backup
    // All at once: what is saved fits together.
    open.content.merge(content)
    open.writer.folder?.adopt(parts)
    led.held = remaining
    for (const [tenant, objects] of led.ahead) {
      sink.countAhead(tenant, -objects)
      if (sink.isChanging) sink.count(tenant, objects)
    }

    if (takenSum !== undefined) sink.countSum(takenSum)
    led.ahead.clear()
    led.bytes = 0
    await this.#inTurn(async () => this.#reading?.save())
  }

  /** One after another: an older state must not land on a newer one, and lines stand one behind another. */
  async #inTurn(work: () => Promise<void> | undefined): Promise<void> {
    const turn = this.#lastTurn.then(work)
    this.#lastTurn = turn.catch(() => {})
    return turn
  }

  #pushBack(from: Led): void {
    const now = performance.now()
    if (now - this.#pushedBackAt < PUSHBACK_MS) return
    this.#pushedBackAt = now
    for (const led of this.#threads) if (led !== from) led.thread.peer.call('pushBack', undefined).catch(() => {})
  }

  #stop(): void {
    for (const {thread} of this.#threads) thread.peer.call('stop', undefined).catch(() => {})
    this.#sleepers.wake()
  }
}

/** At once, so that nothing that is saved in between lacks them. */
function hold(led: Led, slices: Slice[]): Slice[] {
  led.held.push(...slices)
  return slices
}
