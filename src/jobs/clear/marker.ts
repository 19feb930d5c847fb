import type {Store} from '../../store/store.js'

import {DataOpsError} from '../../model/errors.js'
import {readOwnJson} from '../../store/own-json.js'

/**
 * What a small JSON file, left for the next run in case this one is killed, says; undefined when there is none. `maxBytes`: a larger file is none of ours.
 * @throws DataOpsError CHECKPOINT when there is one that `check` does not trust: what it said is not known; STORAGE when it cannot be read now.
 */
export async function readMarker<Marker>(
  store: Store,
  name: string,
  {check, maxBytes}: {check: (value: Partial<Marker>) => Marker | undefined; maxBytes: number},
): Promise<Marker | undefined> {
  return readOwnJson(store, name, {
    check: (value) => check(value as Partial<Marker>),
    damaged: (cause) => unusable(store, name, cause),
    maxBytes,
  })
}

function unusable(store: Store, name: string, cause?: unknown): DataOpsError {
  return new DataOpsError('CHECKPOINT', `${store.describe(name)}, which a killed run left, cannot be understood.`, {
    cause,
    details: {path: store.describe(name)},
    hint: 'It says what was to be put back: look at that collection, and remove the file once it is as it should be.',
  })
}
