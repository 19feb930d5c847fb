/** The files of one encrypted backup as if they were not: readers and writers of archives see their text under the names of a plain backup. */
import type {BackupFormat} from '../../codec/codec.js'
import type {KnownKind, Store, StoreEntry, StoreReader} from '../../store/store.js'
import type {BackupKind} from '../sealed-fields.js'

import {openAgeHeader, SINGLE_HEADER_BYTES} from '../../codec/age/header.js'
import {textBytesOf} from '../../codec/age/payload.js'
import {overlay} from '../../model/overlay.js'
import {openAgeReader} from '../../store/age/reader.js'
import {damaged} from '../../store/damaged.js'
import {nameOf} from '../../store/key.js'
import {keepOpen} from '../../store/read-all.js'
import {keyOfUnfinished} from '../../store/temporary-name.js'
import {ENCRYPTED_SUFFIX, isKeyFileName, METADATA_FILE} from '../names.js'

/** Where the files of an encrypted backup lie. */
export class EncryptedNames {
  constructor(
    /** Of the backup. */
    readonly backup: string,
    readonly kind: BackupKind,
    readonly isCompressed: boolean,
  ) {}

  /** A document's only file with objects. */
  get document(): string {
    return `objects.json${this.isCompressed ? '.gz' : ''}${ENCRYPTED_SUFFIX}`
  }

  /** Of a document, which has no `metadata.json` of its own. */
  isCover(key: string): boolean {
    return this.kind === 'document' && key === `${this.backup}/${METADATA_FILE}`
  }

  /** The key of the encrypted file that holds the text of `key`; undefined for what is no file of the backup. */
  placeOf(key: string): string | undefined {
    if (this.kind === 'document') return key === this.backup ? `${this.backup}/${this.document}` : undefined
    if (!key.startsWith(`${this.backup}/`)) return undefined
    // What a killed run left keeps the name that it has.
    return keyOfUnfinished(key) === undefined ? `${key}${ENCRYPTED_SUFFIX}` : key
  }

  /** The plain name of a file in the backup's folder; undefined for the cover and the files of the key. */
  plainName(file: string): string | undefined {
    if (file === METADATA_FILE || isKeyFileName(file)) return undefined
    return file.endsWith(ENCRYPTED_SUFFIX) ? file.slice(0, -ENCRYPTED_SUFFIX.length) : file
  }
}

export function namesOf(name: string, {compress, format}: {compress: boolean; format: BackupFormat}): EncryptedNames {
  return new EncryptedNames(name, format === 'json' ? 'document' : 'directory', compress)
}

/** What lies in the backup, by names and sizes of its text. */
export function plainView(store: Store, names: EncryptedNames): Pick<Store, 'describe' | 'list' | 'stat'> {
  return {
    describe: (key) => store.describe(names.placeOf(key) ?? key),
    async list(folder) {
      const entries = await store.list(folder)
      return folder === names.backup ? plainEntries(entries, names) : entries
    },
    async stat(key, kind) {
      const place = names.placeOf(key)
      const entry = await store.stat(place ?? key, kind)
      return entry && place !== undefined ? {...entry, bytes: textBytes(entry.bytes), name: nameOf(key)} : entry
    },
  }
}

/** Reads the text of a backup's files. `identity`: the backup's own key. */
export function decryptedFiles(store: Store, names: EncryptedNames, identity: string): Store {
  const view = plainView(store, names)
  return overlay(store, {
    ...view,
    // The cover is no file of what it covers: without its document such a backup is no folder with a seal.
    stat: async (key: string, kind?: KnownKind) => (names.isCover(key) ? undefined : view.stat(key, kind)),
    async openRead(key: string): Promise<StoreReader> {
      const place = names.placeOf(key)
      return place === undefined ? store.openRead(key) : openDecrypted(store, place, identity)
    },
  })
}

/** @throws DataOpsError BACKUP_DAMAGED when the file is not one of the backup with this key. */
async function openDecrypted(store: Store, place: string, identity: string): Promise<StoreReader> {
  const file = await store.openRead(place)
  const where = store.describe(place)
  return keepOpen(file, async () =>
    openAgeReader(file, {
      async fileKeyOf(header) {
        try {
          // Sizes are told from listings: every header has the same.
          if (header.length !== SINGLE_HEADER_BYTES) throw new Error('its header is not for one recipient')
          return await openAgeHeader(header, {identities: [identity]})
        } catch (error) {
          const hint = 'It was changed, or is the file of another backup. Use another backup.'
          throw damaged(where, 'it is not encrypted to the key of this backup', {cause: error, hint})
        }
      },
      where,
    }),
  )
}

/** A size that no encrypted file has is that of an empty text: whoever reads it finds out. */
function textBytes(bytes: number): number {
  return textBytesOf(bytes - SINGLE_HEADER_BYTES) ?? 0
}

function plainEntries(entries: readonly StoreEntry[], names: EncryptedNames): StoreEntry[] {
  const plain: StoreEntry[] = []
  for (const entry of entries) {
    const name = names.plainName(entry.name)
    if (name === undefined) continue
    // What is not encrypted keeps its own name: nothing of the backup has it.
    plain.push(name === entry.name ? entry : {...entry, bytes: textBytes(entry.bytes), name})
  }

  return plain
}
