/** What a collection is written to: a live one, or a backup. What it is read from is in `src/flow/source.ts`. */
import type {WeaviateObject, WriteFailure} from './object.js'

import {DataOpsError} from './errors.js'

export interface ObjectSink {
  /** Takes objects, without their references where it has `writeReferences`; whatever was there of these ids is replaced. Resolves with those refused for good. */
  write: (objects: readonly WeaviateObject[]) => Promise<readonly WriteFailure[]>
  /**
   * Appends the references of objects that it has taken, once all are there. Absent: they come with their objects. `again` is called before a
   * call whose answer was lost is made once more, with what writes objects in it: it clears what may have arrived, and resolves with what to send.
   */
  writeReferences?: (objects: readonly WeaviateObject[], again?: SendAgain) => Promise<readonly WriteFailure[]>
}

export type SendAgain = (write: ObjectSink['write']) => Promise<readonly WeaviateObject[]>

/** For whoever must not lose one. @throws DataOpsError UNEXPECTED when one is refused. */
export async function writeAll(sink: Pick<ObjectSink, 'write'>, objects: readonly WeaviateObject[]): Promise<void> {
  const [refused] = await sink.write(objects)
  if (!refused) return
  throw new DataOpsError('UNEXPECTED', `Object ${refused.id} could not be written: ${refused.reason}.`, {
    details: {...refused},
  })
}
