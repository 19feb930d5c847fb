import {DataOpsError} from '../model/errors.js'

/**
 * Runs a call about a collection that is known to be there: a server that starts again answers before it has read its schema, and says
 * that there is no such collection. That passes, like anything else that is `retryable`.
 */
export async function onKnownCollection<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code !== 'COLLECTION_MISSING') throw error
    throw error.with({retryable: true})
  }
}
