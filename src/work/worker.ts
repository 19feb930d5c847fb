/** A worker: takes items until none is left for it. */
import type {Taken, WorkQueue} from './queue.js'

import {DataOpsError, interrupted, throwIfAborted} from '../model/errors.js'
import {isLeaseLost} from '../store/lease.js'

export interface WorkerOptions<P, R> {
  onItem?: (event: ItemEvent<P, R>) => void
  signal?: AbortSignal
}

export interface ItemEvent<P, R> {
  error?: unknown
  item: Taken<P, R>
  /** `lost`: another worker has it by now, and what came of it is not used. */
  what: 'begun' | 'done' | 'failed' | 'lost'
}

/**
 * Takes items and does them, until the job is over, or can go no further. What an item fails with is written down with it; what is wrong
 * with this worker (it was interrupted, cannot connect, may not, or says `details.ofWorker`) ends it, and it gives back what it had. Returns how many it has done.
 * @throws DataOpsError INTERRUPTED, CANNOT_CONNECT, NOT_ALLOWED, or what the place answered.
 */
export async function work<P, R>(
  queue: WorkQueue<P, R>,
  run: (item: Taken<P, R>, signal: AbortSignal) => Promise<R>,
  {onItem, signal}: WorkerOptions<P, R> = {},
): Promise<number> {
  for (let done = 0; ;) {
    const item = await queue.take(signal)
    if (!item) return done
    onItem?.({item, what: 'begun'})
    const either = signal ? AbortSignal.any([item.signal, signal]) : item.signal
    try {
      const result = await run(item, either)
      const isOurs = await item.done(result)
      if (isOurs) done++
      onItem?.({item, what: isOurs ? 'done' : 'lost'})
    } catch (error) {
      // Not among the arguments of a call that may not be made.
      const what = await giveBack(item, error, signal)
      onItem?.({error, item, what})
    }
  }
}

/** @throws what ends the worker. */
async function giveBack<P, R>(item: Taken<P, R>, error: unknown, signal?: AbortSignal): Promise<'failed' | 'lost'> {
  const isLost = isLeaseLost(error) || isLeaseLost(item.signal.reason)
  if (isLost) {
    throwIfAborted(signal)
    return 'lost'
  }

  if (!isOfWorker(error) && !signal?.aborted && !item.signal.aborted) {
    await item.failed(error)
    return 'failed'
  }

  await item.release()
  if (signal?.aborted) throw interrupted(signal)
  // The queue ends by itself once the job is cancelled.
  if (item.signal.aborted) return 'lost'
  throw error
}

/** Nothing that another item, or another attempt of this worker, would not meet as well. */
function isOfWorker(error: unknown): boolean {
  if (!(error instanceof DataOpsError)) return false
  return ['CANNOT_CONNECT', 'INTERRUPTED', 'NOT_ALLOWED'].includes(error.code) || error.details.ofWorker === true
}
