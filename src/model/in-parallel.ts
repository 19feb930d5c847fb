import {throwIfAborted} from './errors.js'

export interface ParallelOptions {
  /** Items that are worked on at the same time, at most. */
  atOnce: number
  /** Once it fires, nothing more begins. */
  signal?: AbortSignal
}

/**
 * Runs `work` for each item and resolves with what it returned, in the order of the items. After the first failure nothing more begins;
 * it is thrown once everything under way has ended. The one pool of the project: whatever is added up, is added up from the results.
 * @throws DataOpsError INTERRUPTED, or the first failure.
 */
export async function inParallel<T, R>(
  items: Iterable<T>,
  {atOnce, signal}: ParallelOptions,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const queue = [...items].entries()
  const results: R[] = []
  let failure: undefined | {error: unknown}
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      try {
        throwIfAborted(signal)
        results[index] = await work(item)
      } catch (error) {
        failure ??= {error}
      }

      if (failure) return
    }
  }

  // Also of what is no number: items that nobody works on would seem to be done.
  const workers = Number.isNaN(atOnce) ? 1 : Math.max(1, atOnce)
  await Promise.all(Array.from({length: workers}, async () => worker()))
  if (failure) throw failure.error
  return results
}
