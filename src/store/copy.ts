import type {Store, StoreReader, StoreWriter} from './store.js'

/** Copies an object; false when the key is taken. @throws DataOpsError STORAGE; NOT_A_BACKUP when there is none. */
export async function copyObject(store: Store, from: string, to: string): Promise<boolean> {
  const reader = await store.openRead(from)
  try {
    const writer = await store.createWriter(to)
    let isComplete = false
    try {
      await copyBytes(reader, writer, reader.size)
      isComplete = await writer.complete()
      return isComplete
    } finally {
      await writer.close()
      if (!isComplete) await store.unfinished?.remove(to)
    }
  } finally {
    await reader.close()
  }
}

/** Appends the first bytes of one to another. */
export async function copyBytes(reader: StoreReader, writer: StoreWriter, bytes: number): Promise<void> {
  for await (const chunk of reader.stream(0, bytes)) await writer.append([chunk])
}
