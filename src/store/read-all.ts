import type {Store, StoreReader} from './store.js'

/** What is made of an object while it is open: it is closed then, whatever comes of it. @throws DataOpsError as `openRead`, and as `work`. */
export async function withReader<T>(
  place: Pick<Store, 'openRead'>,
  key: string,
  work: (reader: StoreReader) => Promise<T>,
): Promise<T> {
  const reader = await place.openRead(key)
  try {
    return await work(reader)
  } finally {
    await reader.close()
  }
}

/** What is made of something that stays open, and is closed when that fails. */
export async function keepOpen<T>(opened: {close: () => Promise<void>}, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await opened.close()
    throw error
  }
}

/** All bytes of a small object. @throws DataOpsError as `openRead`, and as its reader. */
export async function readAll(store: Store, key: string): Promise<Uint8Array> {
  return withReader(store, key, async (reader) => reader.read(0, reader.size))
}
