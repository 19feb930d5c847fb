/** What is said where a restore begins and its collection is there already. */
import type {Connection} from '../../weaviate/connection.js'

import {DataOpsError} from '../../model/errors.js'

/** What a copy, which has neither, must say in words of its own. */
export const OTHER_WAYS =
  'under another name with `name`, into it with `merge: true`, or in its place with `replaceCollection`'

interface Beginning {
  connection: Pick<Connection, 'getCollection'>
  /** Whether it may be written into what is there. */
  merge?: boolean
  target: string
}

/** Of what cannot be continued, the error says how to begin anew: into what is there nothing is restored unasked. */
export async function orBeginAnew<T>(
  {connection, merge = false, target}: Beginning,
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body()
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code !== 'CHECKPOINT' || merge) throw error
    const isThere = await connection.getCollection(target).catch(() => undefined)
    if (!isThere) throw error
    throw error.with({hint: `${error.hint ?? ''} "${target}" is there: start over ${OTHER_WAYS}.`.trim()})
  }
}
