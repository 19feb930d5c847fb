/** An item that this worker has, as long as nobody else has replaced its object. */
import type {ItemRecord, JobPlace} from './place.js'

import {DataOpsError} from '../model/errors.js'
import {type Clock, elapsedSince, type Moment, momentOf} from '../store/clock.js'
import {MAX_FAILURES, type Taken} from './queue.js'

export interface HeldOptions<P, R> {
  /** When the write began that took it. */
  begun: Moment
  clock: Clock
  /** Milliseconds that a lease lasts; see `leaseMs`. */
  leaseMs: number
  number: number
  payload: P
  place: JobPlace<R>
  record: ItemRecord<R>
  /** Milliseconds between two renewals. */
  renewMs: number
  tag: string
}

/** Milliseconds that a lease lasts without renewal: doubled at each attempt, for items that stop their worker for long. */
export function leaseMs(baseMs: number, attempt: number): number {
  return baseMs * 2 ** Math.min(attempt - 1, 7)
}

export class HeldItem<P, R> implements Taken<P, R> {
  readonly attempt: number
  readonly number: number
  readonly payload: P
  readonly #abort = new AbortController()
  /** Ends the renewals. */
  readonly #end = new AbortController()
  #isOver = false
  #note: unknown
  #record: ItemRecord<R>
  #renewed: Moment
  #tag: string
  /** One write after the other: each needs the tag of the one before. */
  #writes: Promise<unknown> = Promise.resolve()

  constructor(private readonly options: HeldOptions<P, R>) {
    this.attempt = options.record.attempt
    this.number = options.number
    this.payload = options.payload
    this.#record = options.record
    this.#renewed = options.begun
    this.#tag = options.tag
    void this.#renewUntilOver()
  }

  get earlier(): Taken<P, R>['earlier'] {
    if (this.attempt === 1) return 'none'
    return this.#record.unseen ? 'unseen' : 'ended'
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  note(progress: unknown): void {
    this.#note = progress
  }

  async check(): Promise<void> {
    const {clock, leaseMs: ms} = this.options
    // Again where the answer took so long that it says nothing any more.
    while (this.#isOver || elapsedSince(this.#renewed, clock) >= ms / 2)
      if (!(await this.#replace({}))) throw this.#lost()
  }

  async done(result: R): Promise<boolean> {
    const isOurs = await this.#replace({note: undefined, result, state: 'done'})
    this.#close()
    if (isOurs) await this.options.place.mark(this.number, 'done')
    return isOurs
  }

  async failed(error: unknown): Promise<void> {
    const failure = {
      attempt: this.attempt,
      ...(error instanceof DataOpsError && {code: error.code}),
      host: this.#record.holder?.host,
      message: error instanceof Error ? error.message : String(error),
    }
    const failures = [...this.#record.failures, failure]
    await this.#giveBack({failures, state: 'failed'}, failures.length >= MAX_FAILURES)
  }

  async release(): Promise<void> {
    await this.#giveBack({state: 'released'}, false)
  }

  async #giveBack(change: Partial<ItemRecord<R>>, isAside: boolean): Promise<void> {
    if (this.#isOver) return
    let isOurs: boolean
    try {
      isOurs = await this.#replace(change)
    } finally {
      // Where that failed, too: nobody would get what is renewed for a worker that has gone.
      this.#close()
    }

    if (isOurs) await this.options.place.mark(this.number, isAside ? 'aside' : `open-${this.attempt}`)
  }

  async #replace(change: Partial<ItemRecord<R>>): Promise<boolean> {
    const {clock, number, place} = this.options
    const write = this.#writes.then(async () => {
      if (this.#isOver) return false
      const began = momentOf(clock)
      const record = {...this.#record, beat: this.#record.beat + 1, note: this.#note, ...change}
      const tag = await place.replace(number, record, this.#tag)
      if (tag === undefined) {
        this.#close()
        this.#abort.abort(this.#lost())
        return false
      }

      this.#record = record
      this.#renewed = began
      this.#tag = tag
      return true
    })
    this.#writes = write.catch(() => {})
    return write
  }

  async #renewUntilOver(): Promise<void> {
    const {clock, place, renewMs} = this.options
    for (;;) {
      try {
        await clock.sleep(renewMs, this.#end.signal)
      } catch {
        return
      }

      try {
        if (!(await this.#replace({}))) return
        if (await place.isCancelled()) this.#abort.abort(cancelled(place.describe()))
      } catch {
        // The next renewal tries again; `check` tells the worker.
      }
    }
  }

  #close(): void {
    this.#isOver = true
    this.#end.abort()
  }

  #lost(): DataOpsError {
    const {number, place} = this.options
    return new DataOpsError('STORAGE', `Item ${number} of ${place.describe()} was lost to another worker.`, {
      details: {item: number, leaseLost: true},
      hint: 'This worker stood still for too long; the other one does the item.',
      retryable: true,
    })
  }
}

export function cancelled(job: string): DataOpsError {
  return new DataOpsError('INTERRUPTED', `The job ${job} was cancelled.`, {
    details: {cancelled: true},
    retryable: false,
  })
}
