/** Small files of our own that are of no more use, also where nothing may be removed. */
import type {Store, StoreEntry} from './store.js'

import {isSameBytes, utf8} from '../codec/bytes.js'
import {removeIfAllowed} from './denied.js'
import {readAll} from './read-all.js'

/** An empty file may be one that was damaged. */
const OVER = utf8('{"over":true}\n')
export const OVER_BYTES = OVER.length

/** Whether this is what says that a file is over. */
export function isOver(bytes: Uint8Array): boolean {
  return isSameBytes(bytes, OVER)
}

/** Removes it; where that is not allowed it says that it is over. Never for anything of a backup. @throws DataOpsError STORAGE. */
export async function forget(store: Store, key: string): Promise<void> {
  if (await removeIfAllowed(store, key, 'file')) return
  const entry = await store.stat(key, 'file')
  if (entry && !(await isForgotten(store, key, entry))) await store.put(key, OVER)
}

/** Whether it says that it is over. */
export async function isForgotten(store: Store, key: string, {bytes, kind}: StoreEntry): Promise<boolean> {
  if (kind !== 'file' || bytes !== OVER.length) return false
  return isOver(await readAll(store, key))
}
