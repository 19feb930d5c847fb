import type {WeaviateObject} from '../model/object.js'

import {ParallelReader, type ParallelReaderOptions} from './parallel-reader.js'
import {Throttle} from './throttle.js'

/** Ids and times weigh little: pages of the server's usual limit. */
const PAGE = 10_000

type ListedSlices = Pick<ParallelReaderOptions, 'concurrency' | 'connection' | 'plan' | 'signal' | 'slices'>

/** Objects of slices page by page, for whoever need not go on later from where it stopped. */
export async function* readSlices(options: ParallelReaderOptions): AsyncGenerator<WeaviateObject[], void, undefined> {
  for await (const page of new ParallelReader(options).pages()) {
    yield page.objects
    page.done()
  }
}

/** The same, with ids and times alone. `throttle`: shared with whoever else reads; `expectedObjects`: default many. */
export async function* listIds({
  expectedObjects = Number.MAX_SAFE_INTEGER,
  throttle,
  ...options
}: ListedSlices & Partial<Pick<ParallelReaderOptions, 'expectedObjects' | 'throttle'>>): AsyncGenerator<
  WeaviateObject[],
  void,
  undefined
> {
  yield* readSlices({
    ...options,
    batchSize: PAGE,
    expectedObjects,
    include: 'ids',
    throttle: throttle ?? new Throttle(options),
  })
}
