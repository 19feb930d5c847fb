import type {WeaviateObject} from '../model/object.js'

import {objectsOf, type ParallelReaderOptions} from './parallel-reader.js'
import {Throttle} from './throttle.js'

/** Ids and times weigh little: pages of the server's usual limit. */
const PAGE = 10_000

type Listing = Omit<ParallelReaderOptions, 'batchSize' | 'include' | 'throttle' | 'viaRest'>

/** Objects of slices page by page, with ids and times alone. `throttle`: shared with whoever else reads. */
export async function* listIds(
  options: Listing & {throttle?: Throttle},
): AsyncGenerator<WeaviateObject[], void, undefined> {
  const {throttle = new Throttle(options)} = options
  yield* objectsOf({...options, batchSize: PAGE, include: 'ids', throttle})
}
