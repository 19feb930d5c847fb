import type {Store, StoreReader, StoreWriter} from './store.js'

import {withReader} from './read-all.js'

/** Where an object lies. */
export interface StoredObject {
  key: string
  store: Store
}

export interface CopyOptions {
  /** Before it can be seen. What it throws leaves nothing there. */
  beforeComplete?: () => Promise<void> | void
  /** Gets what was written. What it throws ends the copy. */
  onChunk?: (chunk: Uint8Array) => void
}

/** Copies an object; false when the key is taken. @throws DataOpsError STORAGE; NOT_A_BACKUP when there is none. */
export async function copyObject(
  from: StoredObject,
  {key, store}: StoredObject,
  {beforeComplete, onChunk}: CopyOptions = {},
): Promise<boolean> {
  return withReader(from.store, from.key, async (reader) => {
    const writer = await store.createWriter(key)
    let isComplete = false
    try {
      await copyBytes(reader, writer, reader.size, onChunk)
      await beforeComplete?.()
      isComplete = await writer.complete()
      return isComplete
    } finally {
      await writer.close()
      if (!isComplete) await store.unfinished?.remove(key)
    }
  })
}

/** Appends the first bytes of one to another. */
export async function copyBytes(
  reader: StoreReader,
  writer: StoreWriter,
  bytes: number,
  onChunk?: CopyOptions['onChunk'],
): Promise<void> {
  for await (const chunk of reader.stream(0, bytes)) {
    await writer.append([chunk])
    onChunk?.(chunk)
  }
}
