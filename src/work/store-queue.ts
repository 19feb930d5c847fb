/** A queue of items in a place that all workers reach. Nobody's time of day is asked, and no worker knows of another but by what lies there. */
import type {ItemRecord, JobPlace} from './place.js'

import {throwIfAborted} from '../model/errors.js'
import {inParallel} from '../model/in-parallel.js'
import {type Clock, CLOCK, elapsedSince, type Moment, momentOf} from '../store/clock.js'
import {LEASE} from '../store/lease.js'
import {lifeOf, SELF} from '../store/process.js'
import {HeldItem, type HeldOptions, leaseMs} from './held.js'
import {MAX_FAILURES, type PlannedItem, type QueueEnd, type QueueState, type Taken, type WorkQueue} from './queue.js'
import {foldersOf, ItemsView} from './view.js'

export interface StoreQueueOptions {
  clock?: Clock
  /** Where to start, from 0 to 1: workers that start apart meet late. */
  hint?: number
  /** Milliseconds that the lease of a first attempt lasts without renewal. */
  leaseMs?: number
  /** From 0 to 1, as `Math.random`. */
  random?: () => number
}

/** Renewals that fit into the time of a lease. */
const RENEWALS = 6
/** Milliseconds before an item that has failed is tried again, doubled with each failure. */
const PAUSE_MS = 1000
/** Milliseconds between the first two looks of a worker that waits. */
const FIRST_WAIT_MS = 200
const RESULTS_AT_ONCE = 8

export class StoreQueue<P, R> implements WorkQueue<P, R> {
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #random: () => number
  readonly #view: ItemsView<P, R>
  readonly #hint: number
  #isCancelled = false
  #lookedForCancellation?: Moment
  #end: QueueEnd = 'open'
  /** The item to be taken next where it is free. */
  #next?: number

  constructor(
    private readonly place: JobPlace<R>,
    private readonly items: ReadonlyArray<PlannedItem<P>>,
    options: StoreQueueOptions = {},
  ) {
    this.#clock = options.clock ?? CLOCK
    this.#leaseMs = options.leaseMs ?? LEASE.ms
    this.#random = options.random ?? Math.random
    this.#hint = options.hint ?? this.#random()
    this.#view = new ItemsView(items)
    this.#end = this.#view.end(false)
    this.#begin()
  }

  async take(signal?: AbortSignal): Promise<Taken<P, R> | undefined> {
    for (let waitMs = FIRST_WAIT_MS; ;) {
      throwIfAborted(signal)
      if (this.#end !== 'open' || (await this.#lookForCancellation())) return undefined
      const taken = (await this.#takeNext()) ?? (await this.#takeElsewhere())
      if (taken) return this.#unlessCancelled(taken)
      const isChanged = await this.#lookAtUnfinished()
      if (this.#end !== 'open') return undefined
      const again = await this.#takeAgain()
      if (again) return this.#unlessCancelled(again)
      if (this.#view.untouched().length > 0) continue
      waitMs = isChanged ? FIRST_WAIT_MS : Math.min(waitMs * 1.5, this.#renewMs)
      // Jitter, so that those who wait do not meet again and again.
      await this.#clock.sleep(waitMs * (0.5 + this.#random()), signal)
    }
  }

  async *results(wanted: (number: number) => boolean = () => true): AsyncGenerator<{number: number; result: R}> {
    const numbers = [...this.items.keys()].filter((number) => wanted(number))
    const step = RESULTS_AT_ONCE * 8
    for (let from = 0; from < numbers.length; from += step) {
      const records = await inParallel(numbers.slice(from, from + step), {atOnce: RESULTS_AT_ONCE}, async (number) => ({
        number,
        record: await this.place.readRecord(number),
      }))
      for (const {number, record} of records) if (record?.state === 'done') yield {number, result: record.result as R}
    }
  }

  async state(): Promise<QueueState> {
    for (const folder of foldersOf([...this.items.keys()])) await this.#look(folder)
    this.#view.advance()
    this.#isCancelled ||= await this.place.isCancelled()
    return this.#view.state(this.#isCancelled)
  }

  /**
   * Of a job that was cancelled: takes from their workers what these have not given back, once they are gone; nothing can be done of it any
   * more. Looks for so long that nobody takes anything unseen who has not seen the cancellation. @throws DataOpsError INTERRUPTED.
   */
  async reclaim(signal?: AbortSignal): Promise<void> {
    const began = this.#clock.monotonic()
    for (let isOver = false; !isOver;) {
      throwIfAborted(signal)
      const isSeen = this.#clock.monotonic() - began > this.#renewMs
      const {held} = await this.state()
      isOver = isSeen
      for (const number of held) {
        isOver = false
        const taken = await this.#takeIfFree(number)
        await taken?.release()
      }

      if (!isOver) await this.#clock.sleep(Math.min(FIRST_WAIT_MS * 5, this.#renewMs), signal)
    }
  }

  /**
   * Whoever cancels a job looks for items that somebody has until `renewMs` have gone by: what was taken so long after the last look for
   * a cancellation needs another, and is given back at once.
   */
  async #unlessCancelled(taken: Taken<P, R>): Promise<Taken<P, R> | undefined> {
    try {
      await this.#lookForCancellation()
    } catch (error) {
      await taken.release()
      throw error
    }

    if (!this.#isCancelled) return taken
    await taken.release()
    return undefined
  }

  /** Whether the look showed that something was done, failed, or given back. */
  async #look(folder: number): Promise<boolean> {
    const began = this.#clock.monotonic()
    const listed = await this.place.list(folder)
    return this.#view.update(folder, listed, {began, ended: this.#clock.monotonic()})
  }

  /** Into all folders that may hold something whose turn it is. */
  async #lookAtUnfinished(): Promise<boolean> {
    let isChanged = false
    for (const folder of this.#view.unfinishedFolders()) if (await this.#look(folder)) isChanged = true
    if (this.#view.advance()) this.#begin()
    this.#end = this.#view.end(false)
    return isChanged
  }

  /** Where this worker starts, in a new phase too. */
  #begin(): void {
    const untouched = this.#view.untouched()
    this.#next = untouched[Math.min(untouched.length - 1, Math.floor(this.#hint * untouched.length))]
  }

  async #lookForCancellation(): Promise<boolean> {
    const looked = this.#lookedForCancellation
    if (!this.#isCancelled && (!looked || elapsedSince(looked, this.#clock) >= this.#renewMs)) {
      const now = momentOf(this.#clock)
      this.#isCancelled = await this.place.isCancelled()
      this.#lookedForCancellation = now
    }

    return this.#isCancelled
  }

  get #renewMs(): number {
    return this.#leaseMs / RENEWALS
  }

  async #takeNext(): Promise<Taken<P, R> | undefined> {
    const next = this.#next
    return next !== undefined && this.#view.isUntouched(next) ? this.#takeUntouched(next) : undefined
  }

  /**
   * From a folder in which there seems to be something that nobody has had, the more likely the more there is: the middle of the longest
   * run, since whoever works there comes from its start.
   */
  async #takeElsewhere(): Promise<Taken<P, R> | undefined> {
    for (;;) {
      const untouched = this.#view.untouched()
      const any = untouched[Math.floor(this.#random() * untouched.length)]
      if (any === undefined) return undefined
      const [folder = 0] = foldersOf([any])
      await this.#look(folder)
      const number = middleOfLongestRun(this.#view.untouched(folder))
      const taken = number === undefined ? undefined : await this.#takeUntouched(number)
      if (taken) return taken
    }
  }

  async #takeUntouched(number: number): Promise<Taken<P, R> | undefined> {
    const begun = momentOf(this.#clock)
    const record = this.#newRecord(1, [])
    const tag = await this.place.create(number, record)
    this.#view.begun(number)
    if (tag === undefined) return undefined
    this.#next = number + 1
    return this.#holding(number, {begun, record, tag})
  }

  /** One that failed, or was given back, or whose holder has not renewed it for its time. */
  async #takeAgain(): Promise<Taken<P, R> | undefined> {
    for (const number of [...this.#view.opened(), ...this.#view.held()]) {
      const taken = await this.#takeIfFree(number)
      if (taken) return taken
    }

    return undefined
  }

  async #takeIfFree(number: number): Promise<Taken<P, R> | undefined> {
    const found = await this.#inspect(number)
    if (!found || !this.#isFree(number, found.record)) return undefined
    const begun = momentOf(this.#clock)
    const {attempt, failures, holder, state, unseen} = found.record
    const isUnseen = unseen ?? (state === 'taken' && (holder === undefined || lifeOf(holder) !== 'dead'))
    const record = {...this.#newRecord(attempt + 1, failures), ...(isUnseen && {unseen: true})}
    const tag = await this.place.replace(number, record, found.tag)
    this.#view.begun(number)
    return tag === undefined ? undefined : this.#holding(number, {begun, record, tag})
  }

  /** Its record, where that is worth a request: what is renewed is left alone. */
  async #inspect(number: number): Promise<undefined | {record: ItemRecord<R>; tag: string}> {
    const known = this.#view.inspection(number)
    if (known) return known
    const isOpen = this.#view.isOpen(number)
    if (!isOpen && this.#view.unchangedMs(number) < this.#renewMs * 2) return undefined
    const found = await this.place.read(number)
    if (!found) return undefined
    this.#view.inspected(number, found)
    const {failures, state} = found.record
    const isAside = state === 'failed' && failures.length >= MAX_FAILURES
    // Its worker died before it could say so; the next look shows it.
    if (state === 'done' || isAside) await this.place.mark(number, isAside ? 'aside' : 'done')
    // What was renewed between the look and the reading counts from the next look.
    return state === 'done' || state === 'taken' || isAside ? undefined : found
  }

  #isFree(number: number, {attempt, failures, holder, state}: ItemRecord<R>): boolean {
    const unchangedMs = this.#view.unchangedMs(number)
    if (state === 'released') return true
    if (state === 'failed') return unchangedMs >= PAUSE_MS * 2 ** (failures.length - 1)
    return unchangedMs > leaseMs(this.#leaseMs, attempt) || (holder !== undefined && lifeOf(holder) === 'dead')
  }

  #newRecord(attempt: number, failures: ItemRecord<R>['failures']): ItemRecord<R> {
    const holder = {...SELF, since: new Date(this.#clock.ofDay()).toISOString()}
    return {attempt, beat: 1, failures, holder, state: 'taken'}
  }

  #holding(number: number, taken: Pick<HeldOptions<P, R>, 'begun' | 'record' | 'tag'>): Taken<P, R> {
    return new HeldItem({
      ...taken,
      clock: this.#clock,
      leaseMs: leaseMs(this.#leaseMs, taken.record.attempt),
      number,
      payload: this.#view.payload(number),
      place: this.place,
      renewMs: this.#renewMs,
    })
  }
}

function middleOfLongestRun(numbers: readonly number[]): number | undefined {
  let longest: number[] = []
  let run: number[] = []
  for (const number of numbers) {
    if (run.at(-1) !== number - 1) run = []
    run.push(number)
    if (run.length > longest.length) longest = run
  }

  return longest[longest.length >> 1]
}
