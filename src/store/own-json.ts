/** Small JSON files of our own, by which one run tells the next what it needs to know. */
import type {Store} from './store.js'

import {DataOpsError} from '../model/errors.js'
import {Field, MalformedError} from '../model/fields.js'
import {isForgotten} from './forget.js'
import {readAll} from './read-all.js'

export interface OwnJsonOptions<T> {
  /** Makes the error of a file that is there and cannot be understood. Default: CHECKPOINT, which says just that. */
  damaged?: (cause?: unknown) => DataOpsError
  /** A larger file is none of ours. Default 64 KiB. */
  maxBytes?: number
  /** What its members are named by in errors: `checkpoint`. */
  name: string
  /** @throws MalformedError when it is nothing that can be trusted. */
  read: (file: Field) => T
}

const decoder = new TextDecoder('utf-8', {fatal: true})

/** undefined: there is none, or it says that it is over. @throws DataOpsError what `damaged` makes, with `details.reason`; STORAGE when it cannot be read now. */
export async function readOwnJson<T>(
  store: Store,
  key: string,
  {damaged = (cause) => notUnderstood(store, key, cause), maxBytes = 65_536, name, read}: OwnJsonOptions<T>,
): Promise<T | undefined> {
  const entry = await store.stat(key, 'file')
  if (!entry || (await isForgotten(store, key, entry))) return undefined
  if (entry.kind !== 'file' || entry.bytes > maxBytes) throw damaged()
  try {
    return read(new Field(JSON.parse(decoder.decode(await readAll(store, key))), name))
  } catch (error) {
    // It is gone meanwhile.
    if (!(await store.stat(key, 'file'))) return undefined
    if (error instanceof DataOpsError) throw error
    throw error instanceof MalformedError ? damaged(error).with({details: {reason: error.message}}) : damaged(error)
  }
}

function notUnderstood(store: Store, key: string, cause?: unknown): DataOpsError {
  return new DataOpsError('CHECKPOINT', `${store.describe(key)} cannot be understood.`, {cause})
}
