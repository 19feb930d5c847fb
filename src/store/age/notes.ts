/** Small files that jobs leave in a place, encrypted to whoever may read what they speak of: as any file of age, under their name and `.age`. */
import type {AgeHeader} from '../../codec/age/header.js'
import type {KnownKind, PutCondition, Store, StoreEntry, StoreReader} from '../store.js'

import {overlay} from '../../model/overlay.js'
import {isOver, OVER_BYTES} from '../forget.js'
import {keepOpen, withReader} from '../read-all.js'
import {openAgeReader} from './reader.js'
import {encryptAge} from './writer.js'

/** Who the notes are encrypted to, and what opens them. */
export interface NoteKeys {
  /** @throws DataOpsError INVALID_INPUT when nothing is there that opens it; whatever else, when it is not theirs. */
  fileKeyOf: (header: Uint8Array, where: string) => Promise<Uint8Array>
  makeHeader: () => Promise<AgeHeader>
}

/** The key of the encrypted file that holds the text of `key`; undefined for what is no such note. */
type PlaceOf = (key: string) => string | undefined

/** The store, in which such notes are read and written as if they were not encrypted. What says that a note is over (`forget`) is not: everybody may know it. */
export function withEncryptedNotes(store: Store, placeOf: PlaceOf, keys: NoteKeys): Store {
  const place = (key: string): string => placeOf(key) ?? key
  const open = async (at: string): Promise<StoreReader> => openNote(store, at, keys)
  return overlay(store, {
    describe: (key: string) => store.describe(place(key)),
    async openRead(key: string): Promise<StoreReader> {
      const at = placeOf(key)
      return at === undefined ? store.openRead(key) : open(at)
    },
    async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string | undefined> {
      const at = placeOf(key)
      if (at === undefined || isOver(bytes)) return store.put(place(key), bytes, condition)
      return store.put(at, encryptAge(await keys.makeHeader(), bytes).content, condition)
    },
    remove: async (key: string, kind?: KnownKind) => store.remove(place(key), kind),
    async stat(key: string, kind?: KnownKind): Promise<StoreEntry | undefined> {
      const at = placeOf(key)
      const entry = await store.stat(at ?? key, kind)
      if (at === undefined || entry?.kind !== 'file') return entry
      return withReader({openRead: open}, at, async ({size}) => ({...entry, bytes: size}))
    },
  })
}

async function openNote(store: Store, at: string, keys: NoteKeys): Promise<StoreReader> {
  const where = store.describe(at)
  const file = await store.openRead(at)
  // No file of age is as short.
  if (file.size === OVER_BYTES) return file
  const fileKeyOf = async (header: Uint8Array): Promise<Uint8Array> => keys.fileKeyOf(header, where)
  return keepOpen(file, async () => openAgeReader(file, {fileKeyOf, where}))
}
