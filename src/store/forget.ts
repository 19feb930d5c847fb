/** Small files of our own that are of no more use, also where nothing may be removed. */
import type {Store, StoreEntry} from './store.js'

import {DataOpsError} from '../model/errors.js'

/** Removes it; where that is not allowed it is emptied. Never for anything of a backup. @throws DataOpsError STORAGE. */
export async function forget(store: Store, key: string): Promise<void> {
  try {
    await store.remove(key)
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.details.reason !== 'denied') throw error
    const entry = await store.stat(key)
    if (entry && !isForgotten(entry)) await store.put(key, new Uint8Array())
  }
}

/** Whether it was emptied. */
export function isForgotten({bytes, kind}: StoreEntry): boolean {
  return kind === 'file' && bytes === 0
}
