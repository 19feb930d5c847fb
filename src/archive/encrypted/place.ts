/** Where one encrypted backup is written: writers of archives put its text there, and what lies there is encrypted. */
import type {PutCondition, Store, StoreEntry, StoreWriter} from '../../store/store.js'

import {makeAgeHeader} from '../../codec/age/header.js'
import {DataOpsError} from '../../model/errors.js'
import {AgeFileWriter} from '../../store/age/file-writer.js'
import {encryptAge, type EncryptedFile} from '../../store/age/writer.js'
import {overlay} from '../../store/overlay.js'
import {isKeyFileName, METADATA_FILE} from '../names.js'
import {type CoveredFile, hashFile} from './cover.js'
import {type EncryptedNames, plainEntries, textBytes} from './files.js'
import {type KeyFile} from './key-file.js'

export interface EncryptedPlaceOptions {
  /** What stands in the clear once these are all files of the backup. */
  cover: (files: CoveredFile[]) => Uint8Array
  /** Put beside the first file; undefined where the folder has one already. */
  keyFile?: KeyFile
  names: EncryptedNames
  /** Of the backup's own key. */
  recipient: string
}

export class EncryptedPlace {
  readonly #options: EncryptedPlaceOptions
  readonly #store: Store
  /** What was written by this process, by file name. */
  readonly #files = new Map<string, EncryptedFile>()
  #bytes = 0
  #keyFile?: KeyFile
  /** What archives are written to. */
  readonly store: Store

  constructor(store: Store, options: EncryptedPlaceOptions) {
    this.#options = options
    this.#store = store
    this.#keyFile = options.keyFile
    this.store = this.#overlay()
  }

  /** Of the backup as it lies there; once it is sealed. */
  get bytes(): number {
    return this.#bytes
  }

  /** Puts the key there: before the journal, by which a later run goes on without knowing it. */
  async begin(): Promise<void> {
    await this.#putKey(this.#options.names.backup)
  }

  #overlay(): Store {
    const {names} = this.#options
    const store = this.#store
    const place = (key: string): string => names.placeOf(key) ?? key
    return overlay(store, {
      createWriter: async (key: string) => this.#createWriter(key),
      describe: (key: string) => store.describe(place(key)),
      async list(folder: string): Promise<StoreEntry[]> {
        const entries = await store.list(folder)
        return folder === names.backup ? plainEntries(entries, names) : entries
      },
      openRead: async (key: string) => {
        if (names.placeOf(key) !== undefined) throw this.#taken()
        return store.openRead(key)
      },
      put: async (key: string, bytes: Uint8Array, condition?: PutCondition) => this.#put(key, bytes, condition),
      remove: async (key: string) => store.remove(place(key)),
      async stat(key: string): Promise<StoreEntry | undefined> {
        const at = names.placeOf(key)
        const entry = await store.stat(at ?? key)
        if (!entry || at === undefined) return entry
        return {...entry, bytes: textBytes(entry.bytes), name: key.slice(key.lastIndexOf('/') + 1)}
      },
      // What a killed run left is dropped: an encrypted text has no place in the middle to go on from.
      unfinished: undefined,
    })
  }

  /** @throws DataOpsError STORAGE for a file of another folder: it would not be encrypted. */
  #placeOf(key: string): string {
    const at = this.#options.names.placeOf(key)
    if (at === undefined) throw this.#taken()
    return at
  }

  #taken(): DataOpsError {
    const path = this.#store.describe(this.#options.names.backup)
    return new DataOpsError('STORAGE', `The name ${path} was taken while the backup was written.`, {
      details: {path},
      hint: 'Run the backup again.',
    })
  }

  async #createWriter(key: string): Promise<StoreWriter> {
    const {names} = this.#options
    const at = this.#placeOf(key)
    await this.#putKey(names.backup)
    const writer = new AgeFileWriter(await this.#store.createWriter(at), await this.#header(), (file) =>
      this.#files.set(nameOf(at), file),
    )
    return names.kind === 'document' ? this.#committing(writer) : writer
  }

  /** A document is there once its cover is. */
  #committing(writer: AgeFileWriter): StoreWriter {
    const {backup} = this.#options.names
    let completing: Promise<boolean> | undefined
    return {
      append: async (chunks) => writer.append(chunks),
      get bytes() {
        return writer.bytes
      },
      close: async () => writer.close(),
      complete: async (as) => {
        // Another folder has not the files of this one.
        if (as !== undefined && as !== backup) return false
        completing ??= writer.complete()
        return (await completing) && (await this.#commit(backup)) !== undefined
      },
      sync: async () => writer.sync(),
    }
  }

  async #put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string | undefined> {
    const {names} = this.#options
    const at = this.#placeOf(key)
    await this.#putKey(names.backup)
    const isCommit = nameOf(key) === METADATA_FILE
    const {bytes: size, content, sha256} = encryptAge(await this.#header(), bytes)
    // The cover decides who was first: of what is before it, the last attempt stays.
    const tag = await this.#store.put(at, content, isCommit ? undefined : condition)
    if (tag === undefined) return undefined
    this.#files.set(nameOf(at), {bytes: size, sha256})
    return isCommit ? this.#commit(names.backup) : tag
  }

  async #putKey(folder: string): Promise<void> {
    const file = this.#keyFile
    if (!file) return
    await this.#store.put(`${folder}/${file.name}`, file.content)
    this.#keyFile = undefined
  }

  /** Puts the cover over what lies in the folder: with it, that is a backup. Undefined when one is there. */
  async #commit(folder: string): Promise<string | undefined> {
    const files: CoveredFile[] = []
    let bytes = 0
    for (const {bytes: size, name} of await this.#store.list(folder)) {
      if (!name.endsWith('.age')) continue
      bytes += size
      if (isKeyFileName(name)) continue
      // What an earlier run wrote is read once more.
      files.push({file: name, ...(this.#files.get(name) ?? (await hashFile(this.#store, `${folder}/${name}`)))})
    }

    const cover = this.#options.cover(files)
    this.#bytes = bytes + cover.length
    return this.#store.put(`${folder}/${METADATA_FILE}`, cover, {ifAbsent: true})
  }

  async #header(): ReturnType<typeof makeAgeHeader> {
    return makeAgeHeader({recipients: [this.#options.recipient]})
  }
}

function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
