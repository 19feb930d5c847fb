import type {Store} from '../../store/store.js'

import {DataOpsError} from '../../model/errors.js'
import {isForgotten} from '../../store/forget.js'

/**
 * What a small JSON file, left for the next run in case this one is killed, says; undefined when there is none. `maxBytes`: a larger file is none of ours.
 * @throws DataOpsError CHECKPOINT when there is one that `check` does not trust: what it said is not known; STORAGE when it cannot be read now.
 */
export async function readMarker<Marker>(
  store: Store,
  name: string,
  {check, maxBytes}: {check: (value: Partial<Marker>) => Marker | undefined; maxBytes: number},
): Promise<Marker | undefined> {
  const entry = await store.stat(name)
  if (!entry || (await isForgotten(store, name, entry))) return undefined
  if (entry.kind !== 'file' || entry.bytes > maxBytes) throw unusable(store, name)
  const reader = await store.openRead(name)
  try {
    const text = new TextDecoder().decode(await reader.read(0, reader.size))
    const marker = check(JSON.parse(text) as Partial<Marker>)
    if (!marker) throw unusable(store, name)
    return marker
  } catch (error) {
    throw error instanceof DataOpsError ? error : unusable(store, name, error)
  } finally {
    await reader.close()
  }
}

function unusable(store: Store, name: string, cause?: unknown): DataOpsError {
  return new DataOpsError('CHECKPOINT', `${store.describe(name)}, which a killed run left, cannot be understood.`, {
    cause,
    details: {path: store.describe(name)},
    hint: 'It says what was to be put back: look at that collection, and remove the file once it is as it should be.',
  })
}
