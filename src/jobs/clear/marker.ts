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

/**
 * Whichever way its name was written; undefined when there is none.
 * @throws DataOpsError as `readMarker`; CHECKPOINT for one of another address, which may be this server's too: what it says is neither finished nor written over.
 */
export async function findMarker<Marker extends {server: string}>(
  kind: 'drop' | 'replace',
  collection: string,
  {read, server, store}: {read: (file: Field) => Marker; server: string; store: Store},
): Promise<Marker | undefined> {
  for (const isHidden of [false, true]) {
    const name = markerName(kind, collection, isHidden)
    const marker = await readMarker(store, name, {maxBytes: 65_536, read})
    if (marker && marker.server !== server)
      throw ofOther(marker.server, server, {collection, path: store.describe(name)})
    if (marker) return marker
  }

  return undefined
}

function ofOther(other: string, server: string, {collection, path}: {collection: string; path: string}): DataOpsError {
  return new DataOpsError(
    'CHECKPOINT',
    `${path} says that "${collection}" was dropped at ${other} and has to be made again: whether that is this server, ${server}, cannot be said, and nothing was changed.`,
    {
      details: {collection, path, server: other},
      hint: `Run the same command at ${other} first. Where that is another server, give each a place of its own; where it is not there any more, remove the file once the collection is as it should be.`,
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
