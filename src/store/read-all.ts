import type {Store} from './store.js'

/** All bytes of a small object. @throws DataOpsError as `openRead`, and as its reader. */
export async function readAll(store: Store, key: string): Promise<Uint8Array> {
  const reader = await store.openRead(key)
  try {
    return await reader.read(0, reader.size)
  } finally {
    await reader.close()
  }
}
