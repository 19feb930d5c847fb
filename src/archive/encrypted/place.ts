/** Where one encrypted backup is written: writers of archives put its text there, and what lies there is encrypted. */
import type {SealedPart} from '../../codec/document.js'
import type {KnownKind, PutCondition, Store, StoreWriter} from '../../store/store.js'
import type {Agree, WrittenPart} from '../writer.js'

import {makeAgeHeader} from '../../codec/age/header.js'
import {concatBytes, isSameBytes, utf8} from '../../codec/bytes.js'
import {type DataOpsError} from '../../model/errors.js'
import {overlay} from '../../model/overlay.js'
import {sha256Hex} from '../../platform/node.js'
import {AgeFileWriter} from '../../store/age/file-writer.js'
import {encryptAge, type EncryptedFile} from '../../store/age/writer.js'
import {nameOf} from '../../store/key.js'
import {readAll} from '../../store/read-all.js'
import {ENCRYPTED_SUFFIX, isKeyFileName, METADATA_FILE} from '../names.js'
import {nameTaken, putCommit} from '../publish.js'
import {type CoveredFile, hashFile} from './cover.js'
import {type EncryptedNames, plainView} from './files.js'
import {type KeyFile} from './key-file.js'

export interface EncryptedPlaceOptions {
  /**
   * Where others may be sealing it at this moment: they all write the same files and the same cover. The backup holds what was told and
   * written here, whatever else lies in its folder.
   */
  agree?: Agree
  /** What stands in the clear once these are all files of the backup. */
  cover: (files: CoveredFile[], keys: string[]) => Uint8Array
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
  /** What others have written of it, by file name. */
  readonly #theirs = new Set<string>()
  #bytes = 0
  #isTheirs = false
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

  /** Whether the cover is another's, of whom nobody knows what it has sealed. */
  get isTheirs(): boolean {
    return this.#isTheirs
  }

  /** Takes it that these parts lie there as they say: what is told here is not read once more. Returns them as their text is. */
  know(parts: readonly WrittenPart[]): SealedPart[] {
    return parts.map(({stored, ...part}) => {
      if (stored) this.#files.set(this.#nameOf(part), stored)
      else this.#theirs.add(this.#nameOf(part))
      return part
    })
  }

  /** A part that was written here. */
  fileOf(part: SealedPart): EncryptedFile | undefined {
    return this.#files.get(this.#nameOf(part))
  }

  #nameOf({file}: SealedPart): string {
    return nameOf(this.#placeOf(`${this.#options.names.backup}/${file}`))
  }

  /** Puts the key there: before the journal, by which a later run goes on without knowing it. */
  async begin(): Promise<void> {
    await this.#putKey(this.#options.names.backup)
  }

  #overlay(): Store {
    const {names} = this.#options
    const store = this.#store
    return overlay(store, {
      ...plainView(store, names),
      createWriter: async (key: string) => this.#createWriter(key),
      openRead: async (key: string) => {
        if (names.placeOf(key) !== undefined) throw this.#taken()
        return store.openRead(key)
      },
      put: async (key: string, bytes: Uint8Array, condition?: PutCondition) => this.#put(key, bytes, condition),
      remove: async (key: string, kind?: KnownKind) => store.remove(names.placeOf(key) ?? key, kind),
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
    return nameTaken(this.#store, this.#options.names.backup)
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
    return overlay(writer, {
      complete: async (as?: string) => {
        // Another folder has not the files of this one.
        if (as !== undefined && as !== backup) return false
        completing ??= writer.complete()
        return (await completing) && (await this.#commit(backup)) !== undefined
      },
    })
  }

  async #put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string | undefined> {
    const {names} = this.#options
    const at = this.#placeOf(key)
    await this.#putKey(names.backup)
    const isCommit = nameOf(key) === METADATA_FILE
    const {bytes: size, content, sha256} = encryptAge(await this.#header(), bytes)
    const {agree} = this.#options
    if (agree)
      return isCommit ? this.#commitAmongOthers(at, content, agree) : this.#putAgreed(at, await agree(at, content))
    // The cover decides who was first: of what is before it, the last attempt stays.
    const tag = await this.#store.put(at, content, isCommit ? undefined : condition)
    if (tag === undefined) return undefined
    this.#files.set(nameOf(at), {bytes: size, sha256})
    return isCommit ? this.#commit(names.backup) : tag
  }

  /**
   * Whoever dies in the middle of it leaves what all others write, and nobody writes anything else: so what the cover names is never
   * written over, whoever was asleep meanwhile.
   */
  async #commitAmongOthers(at: string, content: Uint8Array, agree: Agree): Promise<string | undefined> {
    const {backup} = this.#options.names
    this.#know(at, content)
    const proposal = joined(content, await this.#coverOf(backup, {bytes: content.length, name: nameOf(at)}))
    const agreed = await agree(`${backup}/${METADATA_FILE}`, proposal)
    this.#isTheirs = !isSameBytes(agreed, proposal)
    const {cover, inner} = parted(agreed)
    await this.#putAgreed(at, inner)
    return putCommit(this.#store, `${backup}/${METADATA_FILE}`, cover)
  }

  /** Until the cover is there, what else lies under that name is nobody's. */
  async #putAgreed(at: string, content: Uint8Array): Promise<string> {
    const store = this.#store
    this.#know(at, content)
    const tag = await store.put(at, content, {ifAbsent: true})
    if (tag !== undefined) return tag
    const there = await store.stat(at, 'file')
    const isThere = there !== undefined && isSameBytes(await readAll(store, at), content)
    if (isThere || (await store.stat(`${this.#options.names.backup}/${METADATA_FILE}`, 'file'))) return there?.tag ?? ''
    const over = await store.put(at, content, there ? {ifMatch: there.tag ?? ''} : {ifAbsent: true})
    if (over === undefined) throw this.#taken()
    return over
  }

  #know(at: string, content: Uint8Array): void {
    this.#files.set(nameOf(at), {bytes: content.length, sha256: sha256Hex(content)})
  }

  async #putKey(folder: string): Promise<void> {
    const file = this.#keyFile
    if (!file) return
    await this.#store.put(`${folder}/${file.name}`, file.content)
    this.#keyFile = undefined
  }

  /** Puts the cover over what lies in the folder: with it, that is a backup. Undefined when one is there. */
  async #commit(folder: string): Promise<string | undefined> {
    return putCommit(this.#store, `${folder}/${METADATA_FILE}`, await this.#coverOf(folder))
  }

  /** `coming`: what it is to name in place of whatever is there under that name. */
  async #coverOf(folder: string, coming?: {bytes: number; name: string}): Promise<Uint8Array> {
    const files: CoveredFile[] = []
    const keys: string[] = []
    let bytes = 0
    const there = (await this.#store.list(folder)).filter(({name}) => name !== coming?.name)
    for (const {bytes: size, name} of coming ? [...there, coming] : there) {
      if (!name.endsWith(ENCRYPTED_SUFFIX)) continue
      const isKey = isKeyFileName(name)
      if (!isKey && this.#options.agree && !this.#files.has(name) && !this.#theirs.has(name)) continue
      bytes += size
      if (isKey) keys.push(name)
      if (isKey) continue
      // What an earlier run wrote is read once more.
      files.push({file: name, ...(this.#files.get(name) ?? (await hashFile(this.#store, `${folder}/${name}`)))})
    }

    const cover = this.#options.cover(files, keys)
    this.#bytes = bytes + cover.length
    return cover
  }

  async #header(): ReturnType<typeof makeAgeHeader> {
    return makeAgeHeader({recipients: [this.#options.recipient]})
  }
}

/** What is agreed on is one object: the bytes of the inner document, after how many they are, then the cover. */
function joined(inner: Uint8Array, cover: Uint8Array): Uint8Array {
  return concatBytes([utf8(`${inner.length}\n`), inner, cover])
}

function parted(agreed: Uint8Array): {cover: Uint8Array; inner: Uint8Array} {
  const start = agreed.indexOf(0x0a) + 1
  const end = start + Number(new TextDecoder().decode(agreed.subarray(0, start)))
  return {cover: agreed.subarray(end), inner: agreed.subarray(start, end)}
}
