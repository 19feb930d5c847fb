import {setTimeout as sleepFor} from 'node:timers/promises'

import type {Warning} from '../model/progress.js'

import {DataOpsError, interrupted, throwIfAborted} from '../model/errors.js'

export interface RetryAttempt {
  /** 1 for the first repetition. */
  attempt: number
  error: DataOpsError
  /** Milliseconds until it. */
  waitMs: number
}

export interface RetryOptions {
  /** Repetitions after the first try; default 8. */
  maxRetries?: number
  /** Milliseconds between two tries at most, whatever the server asks; default 30,000. */
  maxWaitMs?: number
  onRetry?: (attempt: RetryAttempt) => void
  signal?: AbortSignal
}

const FIRST_WAIT_MS = 200

/**
 * Runs a task again while it fails with a `retryable` DataOpsError: exponential backoff from 0.2 s with jitter, or what the server asked for.
 * @throws DataOpsError the task's last error, or INTERRUPTED.
 */
export async function retry<T>(task: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const {maxRetries = 8, maxWaitMs = 30_000, onRetry, signal} = options
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(signal)
    try {
      return await task(attempt)
    } catch (error) {
      if (signal?.aborted) throw interrupted(signal)
      if (!(error instanceof DataOpsError) || !error.retryable || attempt >= maxRetries) throw error
      const waitMs = backoffMs(attempt, maxWaitMs, error.retryAfterMs)
      onRetry?.({attempt: attempt + 1, error, waitMs})
      await sleep(waitMs, signal)
    }
  }
}

/** The same, with the names that options of jobs have; each repetition is warned of. */
export async function retryAloud<T>(
  task: (attempt: number) => Promise<T>,
  options: {
    maxRetries?: number
    onWarning?: (warning: Warning) => void
    retryMaxWaitMs?: number
    signal?: AbortSignal
  },
): Promise<T> {
  const {maxRetries, onWarning, retryMaxWaitMs: maxWaitMs, signal} = options
  return retry(task, {
    maxRetries,
    maxWaitMs,
    onRetry({attempt, error, waitMs}) {
      onWarning?.({
        code: 'server-retry',
        details: {attempt, waitMs},
        message: `${error.message} Trying again in ${(waitMs / 1000).toFixed(1)} s.`,
      })
    },
    signal,
  })
}

/** Milliseconds before repetition `attempt` (from 0): between half and all of 0.2 s × 2^attempt, not less than the server asked for, not more than `maxWaitMs`. */
export function backoffMs(attempt: number, maxWaitMs: number, retryAfterMs = 0): number {
  const ceiling = Math.min(maxWaitMs, FIRST_WAIT_MS * 2 ** attempt)
  const jittered = ceiling / 2 + (Math.random() * ceiling) / 2
  return Math.round(Math.min(maxWaitMs, Math.max(jittered, retryAfterMs)))
}

/** @throws DataOpsError INTERRUPTED as soon as the signal fires. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  throwIfAborted(signal)
  try {
    await sleepFor(ms, undefined, {signal})
  } catch {
    throw interrupted(signal)
  }
}
