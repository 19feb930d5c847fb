import type {WeaviateObject} from '../model/object.js'

import {objectsOf, type ParallelReaderOptions} from './parallel-reader.js'
import {Throttle} from './throttle.js'

/** Ids and times weigh little: pages of the server's usual limit. */
const PAGE = 10_000

type ListedSlices = Pick<ParallelReaderOptions, 'concurrency' | 'connection' | 'plan' | 'signal' | 'slices'>

/** Objects of slices page by page, with ids and times alone. `throttle`: shared with whoever else reads; `expectedObjects`: default many. */
export async function* listIds({
  expectedObjects = Number.MAX_SAFE_INTEGER,
  throttle,
  ...options
}: ListedSlices & Partial<Pick<ParallelReaderOptions, 'expectedObjects' | 'throttle'>>): AsyncGenerator<
  WeaviateObject[],
  void,
  undefined
> {
  yield* objectsOf({
    ...options,
    batchSize: PAGE,
    expectedObjects,
    include: 'ids',
    throttle: throttle ?? new Throttle(options),
  })
}
