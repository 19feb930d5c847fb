/** Small JSON files of our own, by which one run tells the next what it needs to know. */
import type {Store} from './store.js'

import {DataOpsError} from '../model/errors.js'
import {isForgotten} from './forget.js'
import {readAll} from './read-all.js'

export interface OwnJsonOptions<T> {
  /** undefined: nothing that can be trusted. */
  check: (value: unknown) => T | undefined
  /** Makes the error of a file that is there and cannot be understood. */
  damaged: (cause?: unknown) => DataOpsError
  /** A larger file is none of ours. */
  maxBytes: number
}

const decoder = new TextDecoder('utf-8', {fatal: true})

/** undefined: there is none, or it says that it is over. @throws DataOpsError what `damaged` makes; STORAGE when it cannot be read now. */
export async function readOwnJson<T>(
  store: Store,
  key: string,
  {check, damaged, maxBytes}: OwnJsonOptions<T>,
): Promise<T | undefined> {
  const entry = await store.stat(key)
  if (!entry || (await isForgotten(store, key, entry))) return undefined
  if (entry.kind !== 'file' || entry.bytes > maxBytes) throw damaged()
  try {
    const found = check(JSON.parse(decoder.decode(await readAll(store, key))))
    if (found === undefined) throw damaged()
    return found
  } catch (error) {
    throw error instanceof DataOpsError ? error : damaged(error)
  }
}
