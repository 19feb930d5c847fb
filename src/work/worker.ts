/** A worker: takes items until none is left for it. */
import type {Taken, WorkQueue} from './queue.js'

import {DataOpsError, interrupted, throwIfAborted} from '../model/errors.js'
import {isLeaseLost} from '../store/lease.js'

export interface WorkerOptions<P, R> {
  signal?: AbortSignal
  /** Is told of what came of an item that another worker had by then; or of this worker's own, where the answer was lost that it counts. */
  unused?: (item: Taken<P, R>, result: R) => Promise<void>
}

/**
 * Takes items and does them, until the job is over, or can go no further. What an item fails with is written down with it; what is wrong
 * with this worker (it was interrupted, cannot connect, may not, has no room, or says `details.ofWorker`) ends it, and it gives back what it had. Returns how many it has done.
 * @throws DataOpsError INTERRUPTED, CANNOT_CONNECT, NOT_ALLOWED, or what the place answered.
 */
export async function work<P, R>(
  queue: Pick<WorkQueue<P, R>, 'take'>,
  run: (item: Taken<P, R>, signal: AbortSignal) => Promise<R>,
  {signal, unused}: WorkerOptions<P, R> = {},
): Promise<number> {
  for (let done = 0; ;) {
    const item = await queue.take(signal)
    if (!item) return done
    try {
      const result = await run(item, signal ? AbortSignal.any([item.signal, signal]) : item.signal)
      if (await item.done(result)) done++
      else await unused?.(item, result)
    } catch (error) {
      await giveBack(item, error, signal)
    }
  }
}

/** Nothing is given back of an item that another worker has by now: what came of it is not used. @throws what ends the worker. */
async function giveBack<P, R>(item: Taken<P, R>, error: unknown, signal?: AbortSignal): Promise<void> {
  if (isLeaseLost(error) || isLeaseLost(item.signal.reason)) {
    throwIfAborted(signal)
    return
  }

  if (!isOfWorker(error) && !signal?.aborted && !item.signal.aborted) {
    await item.failed(error)
    return
  }

  await item.release()
  if (signal?.aborted) throw interrupted(signal)
  // The queue ends by itself once the job is cancelled.
  if (!item.signal.aborted) throw error
}

/** What a place answers to this worker, or this machine's disk; another worker may have better credentials, and more room. */
const OF_PLACE: ReadonlySet<unknown> = new Set([
  'clock',
  'denied',
  'EACCES',
  'EDQUOT',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENODEV',
  'ENOSPC',
  'EPERM',
  'EROFS',
  'ESTALE',
  'full',
  'no-bucket',
  'no-credentials',
  'region',
  'unreachable',
])

/** Nothing that another item, or another attempt of this worker, would not meet as well. */
function isOfWorker(error: unknown): boolean {
  if (!(error instanceof DataOpsError)) return false
  const {code, details} = error
  if (code === 'STORAGE' && (OF_PLACE.has(details.reason) || OF_PLACE.has(details.code))) return true
  return ['CANNOT_CONNECT', 'INTERRUPTED', 'NOT_ALLOWED'].includes(code) || details.ofWorker === true
}
