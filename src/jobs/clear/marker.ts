import type {Field} from '../../model/fields.js'
import type {Store} from '../../store/store.js'

import {markerName} from '../../archive/names.js'
import {utf8} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {encryptionOf} from '../../store/encryption.js'
import {forget} from '../../store/forget.js'
import {readOwnJson} from '../../store/own-json.js'

/** What a marker of that collection is called in a store. */
export function markerNameIn(store: Store, kind: 'drop' | 'replace', collection: string): string {
  return markerName(kind, collection, encryptionOf(store).hideNames === true)
}

export async function writeMarker(
  kind: 'drop' | 'replace',
  collection: string,
  {marker, store}: {marker: object; store: Store},
): Promise<void> {
  await store.put(markerNameIn(store, kind, collection), utf8(JSON.stringify(marker)))
}

/** Whichever way its name was written. @throws DataOpsError as `readMarker`. */
export async function findMarker<Marker>(
  kind: 'drop' | 'replace',
  collection: string,
  {read, store}: {read: (file: Field) => Marker; store: Store},
): Promise<Marker | undefined> {
  const maxBytes = 65_536
  const shown = await readMarker(store, markerName(kind, collection, false), {maxBytes, read})
  return shown ?? readMarker(store, markerName(kind, collection, true), {maxBytes, read})
}

/**
 * A marker in hand: of this address, or it is not known whether it is of this server, which may have several.
 * @throws DataOpsError CHECKPOINT for another address: what it says is neither finished nor written over.
 */
export function checkMarkerIsOf(
  server: string,
  kind: 'drop' | 'replace',
  {collection, marker, store}: {collection: string; marker: {server: string}; store: Store},
): void {
  if (marker.server === server) return
  const path = store.describe(markerNameIn(store, kind, collection))
  throw new DataOpsError(
    'CHECKPOINT',
    `${path} says that "${collection}" was dropped at ${marker.server} and has to be made again: whether that is this server, ${server}, cannot be said, and nothing was changed.`,
    {
      details: {collection, path, server: marker.server},
      hint: `Run the same command at ${marker.server} first. Where that is another server, give each a place of its own; where it is not there any more, remove the file once the collection is as it should be.`,
    },
  )
}

export async function removeMarker(kind: 'drop' | 'replace', collection: string, store: Store): Promise<void> {
  for (const isHidden of [false, true]) await forget(store, markerName(kind, collection, isHidden))
}

/**
 * What a small JSON file, left for the next run in case this one is killed, says; undefined when there is none. `maxBytes`: a larger file is none of ours.
 * @throws DataOpsError CHECKPOINT when there is one that `read` does not trust: what it said is not known; STORAGE when it cannot be read now.
 */
export async function readMarker<Marker>(
  store: Store,
  name: string,
  {maxBytes, read}: {maxBytes: number; read: (file: Field) => Marker},
): Promise<Marker | undefined> {
  return readOwnJson(store, name, {damaged: (cause) => unusable(store, name, cause), maxBytes, name: 'marker', read})
}

function unusable(store: Store, name: string, cause?: unknown): DataOpsError {
  return new DataOpsError('CHECKPOINT', `${store.describe(name)}, which a killed run left, cannot be understood.`, {
    cause,
    details: {path: store.describe(name)},
    hint: 'It says what was to be put back: look at that collection, and remove the file once it is as it should be.',
  })
}
