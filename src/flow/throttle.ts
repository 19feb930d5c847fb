import type {Warning} from '../model/progress.js'
import type {RateLimit, RetryOptions} from './options.js'

import {DataOpsError, throwIfAborted} from '../model/errors.js'
import {retryAloud, sleep} from '../weaviate/retry.js'
import {AdaptiveConcurrency} from './concurrency.js'
import {onKnownCollection} from './known-collection.js'
import {Sleepers} from './sleepers.js'

export interface ThrottleOptions extends RetryOptions {
  /** Calls in flight at most. */
  concurrency: number
  /** Connections that they go over; default 1. */
  lanes?: number | undefined
  maxRate?: RateLimit
  /** Told when the server has pushed back. */
  onPushBack?: () => void
  onWarning?: (warning: Warning) => void
  /** Kept elsewhere, in place of `maxRate`. */
  rate?: Rate
  signal?: AbortSignal
}

/** Lets so much pass, and no more. */
export interface Rate {
  /** Resolves once that may pass. */
  take: (cost: Cost) => Promise<void>
}

export interface Cost {
  bytes: number
  objects: number
}

/**
 * Every call to the server during a transfer goes through one of these: it bounds the calls in flight by what they bring and by what the
 * server answers, retries what is worth retrying, and keeps to the rate the user set.
 */
export class Throttle {
  /** What the user set; undefined: nothing. */
  readonly rate?: Rate
  readonly #concurrency: AdaptiveConcurrency
  #running = 0
  readonly #waiting = new Sleepers()

  constructor(private readonly options: ThrottleOptions) {
    this.#concurrency = new AdaptiveConcurrency(options.concurrency, {lanes: options.lanes})
    this.rate = options.rate ?? (options.maxRate && new TokenBucket(options.maxRate, options.signal))
  }

  /**
   * Runs a call, again while it fails with a `retryable` error. `cost` is what it takes from the rate; a read, whose size is known
   * only afterwards, pays with `pay`.
   */
  async run<T>(call: () => Promise<T>, cost?: Cost): Promise<T> {
    await this.#acquire()
    try {
      if (cost) await this.rate?.take(cost)
      throwIfAborted(this.options.signal)
      const result = await retryAloud(async () => onKnownCollection(call), {
        ...this.options,
        onWarning: (warning) => {
          this.pushBack()
          this.options.onPushBack?.()
          this.options.onWarning?.(warning)
        },
      })
      if (cost) this.#concurrency.observe(cost.objects)
      return result
    } finally {
      this.#running--
      // All look again: the bound may have moved by more than one.
      this.#waiting.wake()
    }
  }

  async pay(cost: Cost): Promise<void> {
    this.#concurrency.observe(cost.objects)
    await this.rate?.take(cost)
  }

  /** The server has pushed back, here or in another thread. */
  pushBack(): void {
    this.#concurrency.pushBack()
  }

  async #acquire(): Promise<void> {
    while (this.#running >= this.#concurrency.limit) await this.#waiting.sleep()
    this.#running++
  }
}

/** Lets `rate` units a second pass, with at most one second saved up. */
class TokenBucket implements Rate {
  readonly #perSecond: number
  readonly #unit: 'bytes' | 'objects'
  readonly #signal?: AbortSignal
  #free: number
  #at = performance.now()

  constructor(rate: RateLimit, signal?: AbortSignal) {
    const [unit, perSecond] =
      'bytesPerSecond' in rate
        ? (['bytes', rate.bytesPerSecond] as const)
        : (['objects', rate.objectsPerSecond] as const)
    if (Number.isNaN(perSecond) || perSecond <= 0)
      throw new DataOpsError('INVALID_INPUT', 'The maximum rate must be greater than 0.')
    this.#unit = unit
    this.#perSecond = perSecond
    // Nothing is saved up at the start: a short job would otherwise ignore the rate.
    this.#free = 0
    this.#signal = signal
  }

  async take(cost: Cost): Promise<void> {
    const now = performance.now()
    this.#free = Math.min(this.#perSecond, this.#free + ((now - this.#at) / 1000) * this.#perSecond) - cost[this.#unit]
    this.#at = now
    if (this.#free >= 0) return
    const waitMs = (-this.#free / this.#perSecond) * 1000
    await sleep(waitMs, this.#signal)
  }
}
