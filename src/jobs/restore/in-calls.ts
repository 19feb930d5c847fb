/** What of objects, and of what stands in for their targets, goes in one call. */
import type {CollectionPlan} from '../../weaviate/connection.js'

import {approximateBytes, type WeaviateObject} from '../../model/object.js'
import {lacksVectorOf, vectorizersOf} from '../../model/vectorizers.js'
import {BATCH_BYTES, countReferences} from './objects.js'

/** Objects, and references of theirs, in a call at most: for each of these something may have to stand in. */
const AT_ONCE = 100

/** Objects in groups that may go in one call each: of those and what stands in for their targets. One may be more than that. */
export function* inCalls(plan: CollectionPlan, objects: readonly WeaviateObject[]): Generator<WeaviateObject[]> {
  const vectorizers = vectorizersOf(plan.schema)
  // What the server must vectorize goes by itself: a module that fails may take everything in the call with it.
  const isAlone = (object: WeaviateObject): boolean => lacksVectorOf(object, vectorizers)
  let some: WeaviateObject[] = []
  let references = 0
  let bytes = 0
  for (const object of objects) {
    const more = Math.max(1, countReferences(plan, object))
    const size = approximateBytes(object)
    const isFull = references + more > AT_ONCE || bytes + size > BATCH_BYTES
    const [first] = some
    if (first && (isFull || isAlone(object) || isAlone(first))) {
      yield some
      some = []
      references = 0
      bytes = 0
    }

    some.push(object)
    references += more
    bytes += size
  }

  if (some.length > 0) yield some
}
