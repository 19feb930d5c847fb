/** Workers in one process that share nothing but a store: time is made up, and a worker stands still or dies where it is told to. */
import type {Clock} from '../../src/store/clock.js'
import type {PutCondition, Store} from '../../src/store/store.js'

import {interrupted} from '../../src/model/errors.js'
import {memoryStore} from '../support/memory-store.js'

interface Event {
  at: number
  resume: () => void
}

/** Milliseconds that pass only once everybody waits. */
export class VirtualTime {
  now = 0
  readonly #events: Event[] = []

  /** Resolves when its time has come. */
  async until(at: number): Promise<void> {
    await new Promise<void>((resume) => {
      this.plan(at, resume)
    })
  }

  plan(at: number, resume: () => void): Event {
    const event = {at: Math.max(at, this.now), resume}
    let index = this.#events.length
    while (index > 0 && this.#events[index - 1]!.at <= event.at) index--
    this.#events.splice(index, 0, event)
    return event
  }

  drop(event: Event): void {
    const index = this.#events.indexOf(event)
    if (index !== -1) this.#events.splice(index, 1)
  }

  /** Until `goal` has settled. @throws when nothing is left that could bring it about. */
  async run<T>(goal: Promise<T>): Promise<T> {
    let isOver = false
    const watch = (): void => {
      isOver = true
    }

    void goal.then(watch).catch(watch)
    for (;;) {
      await new Promise<void>((resume) => {
        setImmediate(resume)
      })
      if (isOver) return goal
      const event = this.#events.pop()
      if (!event) throw new Error('Everybody waits for ever.')
      this.now = event.at
      event.resume()
    }
  }
}

export interface Fate {
  /** Milliseconds by which its clocks differ from others'. */
  clockOffset?: number
  /** Call to the store at which it dies; with the call being done, or not. */
  dies?: {at: number; isDone: boolean}
  /** Calls to the store at which it stands still, and for how long. */
  stalls?: Array<{at: number; ms: number}>
}

/** One worker's view of the world. */
export class SimulatedWorker {
  calls = 0
  isDead = false
  #stalledUntil = 0

  constructor(
    private readonly time: VirtualTime,
    private readonly fate: Fate,
    /** Milliseconds that a call to the store takes, one way. */
    private readonly latency: () => number,
  ) {}

  readonly clock: Clock = {
    monotonic: () => this.time.now + (this.fate.clockOffset ?? 0),
    ofDay: () => this.time.now + (this.fate.clockOffset ?? 0) * 2,
    sleep: async (ms, signal) => {
      let event: Event | undefined
      await new Promise<void>((resolve, reject) => {
        if (signal?.aborted) {
          reject(interrupted(signal))
          return
        }

        event = this.time.plan(this.time.now + ms, resolve)
        signal?.addEventListener('abort', () => {
          if (event) this.time.drop(event)
          reject(interrupted(signal))
        })
      })
      await this.#whileStill()
    },
  }

  /** A process that stands still does nothing at all. */
  async #whileStill(): Promise<void> {
    if (this.isDead) await new Promise(() => {})
    while (this.time.now < this.#stalledUntil) await this.time.until(this.#stalledUntil)
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    await this.#whileStill()
    const call = ++this.calls
    const {dies, stalls = []} = this.fate
    const stall = stalls.find(({at}) => at === call)
    // Before it, or after it: a call that is under way gets there, whatever becomes of its sender.
    if (stall) this.#stalledUntil = this.time.now + stall.ms
    if (stall && call % 2 === 0) await this.#whileStill()
    if (dies?.at === call) {
      this.isDead = true
      if (!dies.isDone) await new Promise(() => {})
    }

    await this.time.until(this.time.now + this.latency())
    const result = await work()
    await this.time.until(this.time.now + this.latency())
    await this.#whileStill()
    return result
  }

  storeOn(store: Store): Store {
    return {
      ...store,
      list: async (folder) => this.#call(async () => store.list(folder)),
      openRead: async (key) => this.#call(async () => store.openRead(key)),
      put: async (key, bytes, condition) => this.#call(async () => store.put(key, bytes, condition)),
      stat: async (key) => this.#call(async () => store.stat(key)),
    }
  }
}

/** Keys that a place shows in one page of a listing. */
const PAGE = 1000

/** Counts requests as a cloud would. `renewals`: conditional writes that change nothing but the beat. */
export function counting(): {requests: Record<string, number>; store: Store} {
  const objects = new Map<string, {bytes: Buffer; modified: number; tag: string}>()
  const store = memoryStore(objects)
  const requests: Record<string, number> = {}
  const count = (name: string, by = 1): void => {
    requests[name] = (requests[name] ?? 0) + by
  }

  const kindOf = (bytes: Uint8Array, condition?: PutCondition): string => {
    const isTaken = bytes.length > 0 && Buffer.from(bytes).includes('"state":"taken"')
    return condition && 'ifMatch' in condition && isTaken ? 'renewals' : 'put'
  }

  return {
    requests,
    store: {
      ...store,
      async list(folder) {
        const entries = await store.list(folder)
        count('list', Math.max(1, Math.ceil(entries.length / PAGE)))
        return entries
      },
      async openRead(key) {
        count('get')
        return store.openRead(key)
      },
      async put(key, bytes, condition) {
        count(kindOf(bytes, condition))
        return store.put(key, bytes, condition)
      },
      async stat(key) {
        count('head')
        // Nobody asks whether it is a folder, which takes long in memory.
        return objects.has(key) ? store.stat(key) : undefined
      },
    },
  }
}
