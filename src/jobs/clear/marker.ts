import type {Field} from '../../model/fields.js'
import type {PutCondition, Store, StoreEntry} from '../../store/store.js'

import {markerName} from '../../archive/names.js'
import {utf8} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {encryptionOf} from '../../store/encryption.js'
import {forget} from '../../store/forget.js'
import {readOwnJson} from '../../store/own-json.js'

const MAX_ATTEMPTS = 5

/** Shown and hidden. */
function namesOf(kind: 'drop' | 'replace', collection: string): string[] {
  return [false, true].map((isHidden) => markerName(kind, collection, isHidden))
}

/** What a marker of that collection is called in a store that has none of it. */
export function markerNameIn(store: Store, kind: 'drop' | 'replace', collection: string): string {
  return markerName(kind, collection, encryptionOf(store).hideNames === true)
}

/**
 * In place of an earlier one, whichever way its name was written: there are never two of a collection. Returns where it lies, for people.
 * @throws DataOpsError CHECKPOINT, and nothing is written, when another address has left one meanwhile, or one that is not understood.
 */
export async function writeMarker(
  kind: 'drop' | 'replace',
  collection: string,
  {marker, store}: {marker: object & {server: string}; store: Store},
): Promise<string> {
  const read = (file: Field): {server: string} => ({server: file.member('server').text()})
  const wanted = markerNameIn(store, kind, collection)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const places = await placesOf(kind, collection, {read, server: marker.server, store})
    const {entry, name} = lastOf(places) ?? places.find((place) => place.name === wanted)!
    const condition: PutCondition = entry ? {ifMatch: entry.tag ?? ''} : {ifAbsent: true}
    if ((await store.put(name, utf8(JSON.stringify(marker)), condition)) !== undefined) return store.describe(name)
  }

  throw new DataOpsError('STORAGE', `${store.describe(wanted)} is being changed by another process.`, {
    hint: 'Try again.',
    retryable: true,
  })
}

/**
 * Whichever way its name was written, with where it lies, for people; undefined when there is none.
 * @throws DataOpsError as `readMarker`; CHECKPOINT for one of another address, which may be this server's too: what it says is neither finished nor written over.
 */
export async function findMarker<Marker extends {server: string}>(
  kind: 'drop' | 'replace',
  collection: string,
  where: {read: (file: Field) => Marker; server: string; store: Store},
): Promise<(Marker & {file: string}) | undefined> {
  const {marker, name = ''} = lastOf(await placesOf(kind, collection, where)) ?? {}
  return marker && {...marker, file: where.store.describe(name)}
}

/** Where a marker of a collection may lie, and what is there. */
interface MarkerPlace<Marker> {
  entry?: StoreEntry
  marker?: Marker
  name: string
}

/** Of earlier versions there may be two: the one that a run has left last. */
function lastOf<Marker>(places: ReadonlyArray<MarkerPlace<Marker>>): MarkerPlace<Marker> | undefined {
  const left = places.filter(({marker}) => marker !== undefined)
  return left.toSorted((one, other) => (other.entry?.modified ?? 0) - (one.entry?.modified ?? 0))[0]
}

/** At once: what is written to a collection while it waits to be dropped is lost. */
async function placesOf<Marker extends {server: string}>(
  kind: 'drop' | 'replace',
  collection: string,
  {read, server, store}: {read: (file: Field) => Marker; server: string; store: Store},
): Promise<Array<MarkerPlace<Marker>>> {
  return Promise.all(
    namesOf(kind, collection).map(async (name) => {
      // Before it is read: what somebody writes after that is not written over.
      const entry = await store.stat(name, 'file')
      const marker = entry && (await readMarker(store, name, {maxBytes: 65_536, read}))
      if (!marker || marker.server === server) return {entry, marker, name}
      throw ofOther(marker.server, server, {collection, path: store.describe(name)})
    }),
  )
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
  for (const name of namesOf(kind, collection)) await forget(store, name)
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
