/** Calls of a cloud: each with a deadline, repeated while that may help. */
import {setTimeout as sleep} from 'node:timers/promises'

import type {Call, Failure, ObjectClient} from './client.js'

import {ClientError, type ObjectAction} from './failure.js'
import {once} from './once.js'

/** How long to try. */
export interface Patience {
  /** Calls of one action, the first included. */
  attempts: number
  /** Milliseconds that a call may take, and for each byte that it carries. */
  callMs: number
  callMsPerByte: number
  /** Milliseconds before the second attempt; doubled each time, up to `maxPauseMs`. */
  maxPauseMs: number
  pauseMs: number
}

/** 64 KiB a second is less than any network on which a backup makes sense. */
export const PATIENCE: Patience = {
  attempts: 10,
  callMs: 60_000,
  callMsPerByte: 1000 / 65_536,
  maxPauseMs: 10_000,
  pauseMs: 100,
}
/** Attempts to reach a service that has not answered yet: the address may be wrong. */
const FIRST_ATTEMPTS = 3
/** A clock that differs is corrected by some clients once they are told. */
const CLOCK_ATTEMPTS = 2
const MAX_RETRY_AFTER_MS = 60_000

export interface AttemptOptions extends ObjectAction {
  /** That go either way. */
  bytes?: number
  /** Ends it early. */
  signal?: AbortSignal
}

/** What is known of earlier attempts of the same action. */
export interface Earlier {
  /** One of them failed so that nobody knows whether it was done. */
  mayBeDone: boolean
}

export class Calls {
  /** Made by the first call. */
  readonly client: () => Promise<ObjectClient>
  #hasAnswered = false

  constructor(
    connect: () => Promise<ObjectClient>,
    private readonly patience: Patience = PATIENCE,
  ) {
    this.client = once(connect)
  }

  /** @throws ClientError once it makes no sense to go on; DataOpsError for a client that cannot be loaded. */
  async attempt<T>(
    options: AttemptOptions,
    work: (client: ObjectClient, call: Call, earlier: Earlier) => Promise<T>,
  ): Promise<T> {
    const client = await this.client()
    const earlier: Earlier = {mayBeDone: false}
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await this.#once(options, async (call) => work(client, call, earlier))
        this.#hasAnswered = true
        return result
      } catch (error) {
        if (error instanceof ClientError && error.failure.kind !== 'busy') throw error
        const failure = error instanceof ClientError ? error.failure : client.failure(error)
        this.#hasAnswered ||= failure.status !== undefined
        if (options.signal?.aborted || attempt >= this.#attemptsFor(failure)) throw new ClientError(failure, options)
        earlier.mayBeDone ||= failure.mayBeDone
        await this.#pause(attempt, failure)
      }
    }
  }

  #attemptsFor({kind}: Failure): number {
    const {attempts} = this.patience
    if (kind === 'busy' || kind === 'conflict') return attempts
    if (kind === 'clock') return Math.min(attempts, CLOCK_ATTEMPTS)
    if (kind === 'unreachable') return this.#hasAnswered ? attempts : Math.min(attempts, FIRST_ATTEMPTS)
    return 1
  }

  /** With a deadline, also for a client that does not look at the signal. */
  async #once<T>(options: AttemptOptions, work: (call: Call) => Promise<T>): Promise<T> {
    const {bytes = 0, signal} = options
    const ms = this.patience.callMs + bytes * this.patience.callMsPerByte
    const controller = new AbortController()
    const {promise: ended, reject} = Promise.withResolvers<never>()
    const end = (reason: string): void => {
      reject(new ClientError({kind: 'busy', mayBeDone: true, reason}, options))
      controller.abort()
    }

    const timer = setTimeout(() => {
      end(`no answer within ${Math.round(ms / 1000)} seconds`)
    }, ms)
    const stop = (): void => {
      end('no longer wanted')
    }

    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, {once: true})
    const result = work({signal: controller.signal})
    try {
      return await Promise.race([result, ended])
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      // Whichever of the two came second.
      ended.catch(() => undefined)
      result.catch(() => undefined)
    }
  }

  /** Jitter, so that those who wait do not meet again and again. */
  async #pause(attempt: number, {retryAfterMs = 0}: Failure): Promise<void> {
    const {maxPauseMs, pauseMs} = this.patience
    const pause = Math.min(pauseMs * 2 ** (attempt - 1), maxPauseMs) * (0.5 + Math.random() / 2)
    await sleep(Math.max(pause, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)))
  }
}
