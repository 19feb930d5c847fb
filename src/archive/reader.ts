/** Reads one backup, whatever its format: rows in order, voided ones left out. */
import type {ReadRowsOptions, RowPage} from '../codec/codec.js'
import type {BackupHead, BackupSeal} from '../codec/document.js'
import type {WeaviateObject} from '../model/object.js'
import type {Store, StoreReader} from '../store/store.js'
import type {ArchiveContent} from './content.js'
import type {Manifest} from './manifest.js'

import {isVoid, voidedRows} from '../codec/amendments.js'
import {type DocumentEnd, readJsonDocument} from '../codec/json/document.js'
import {type DataOpsError, throwIfAborted} from '../model/errors.js'
import {plural} from '../model/plural.js'
import {nodePlatform} from '../platform/node.js'
import {damaged} from '../store/damaged.js'
import {keepOpen} from '../store/read-all.js'
import {ContentDigest} from './content-digest.js'
import {partCodec} from './formats.js'
import {assertWhole, type CheckHashesOptions, type PartChecker} from './hashes.js'
import {partsPlace} from './parts-place.js'
import {type Proof, ProvenReader} from './proof.js'
import {type BackupAt, orRemoved, whileThere} from './removed-meanwhile.js'

/** Consecutive rows of a backup, without those that are void. Ordinals count through all parts. */
export interface ArchivePage {
  /** Ordinal behind the last row. */
  endRow: number
  firstRow: number
  objects: WeaviateObject[]
  /** See `RowPage.release`. */
  release?: () => void
  /** The ordinal of each object. */
  rows: number[]
}

export interface ReadArchiveOptions extends ReadRowsOptions {
  /** Reads every row, those before `fromRow` too, and compares their number and digest with the seal at the end. With all columns only. */
  check?: boolean
}

type WholeOptions = Pick<CheckHashesOptions, 'onProgress' | 'signal'>
type StartChecker = (options: WholeOptions) => Promise<undefined | (PartChecker & {close: () => Promise<void>})>

export class Archive {
  readonly head: BackupHead
  /** Key of an amended object → ordinal before which its rows are void. */
  readonly #amendments: ReadonlyMap<string, number>
  #proof?: Proof
  #startChecker?: StartChecker

  constructor(
    readonly store: Store,
    readonly manifest: Manifest,
    private readonly content: ArchiveContent,
    /** What it lies in as it lies there: of an encrypted one, not what opens it. */
    private readonly place: Store = store,
  ) {
    this.head = {metadata: manifest.metadata, schema: manifest.schema}
    this.#proof = content.proof
    this.#amendments = voidedRows(content.amendments)
  }

  /** Where it lies, as it can be named: of an encrypted one the folder, whatever is in it. */
  get path(): string {
    return this.place.describe(this.name)
  }

  get #at(): BackupAt {
    return {name: this.name, place: this.place}
  }

  /** Of its file or folder in the store. */
  get name(): string {
    return this.manifest.name
  }

  get seal(): BackupSeal | undefined {
    return this.manifest.seal
  }

  /** Tells its content from any other: the sealed digest, or a hash of all files. */
  get fingerprint(): string {
    return this.content.fingerprint
  }

  /** Objects that the backup holds; undefined when that is known only once it is read. */
  get objectCount(): number | undefined {
    const {amendments, rows} = this.content
    return this.manifest.seal?.object_count ?? (amendments.length === 0 ? rows : undefined)
  }

  /**
   * Makes sure that it is whole, and that whatever is read from now on is what was looked at.
   * @throws DataOpsError BACKUP_DAMAGED, with `details.problems`; NOT_A_BACKUP where it was removed meanwhile; STORAGE; INTERRUPTED.
   */
  async assertWhole(options: WholeOptions = {}): Promise<void> {
    // What was hashed when it was opened is not hashed again.
    if (this.#proof && this.seal) return
    const proof: Proof = new Map()
    const parts = await this.#startChecker?.(options)
    try {
      await whileThere(this.#at, async () => assertWhole(this, {...options, parts, proof}))
    } finally {
      await parts?.close()
    }

    this.#proof = proof
  }

  /** Has its parts looked at by others, where `start` does not leave it to this thread. */
  checkedBy(start: StartChecker): this {
    this.#startChecker = start
    return this
  }

  /**
   * Pages in row order from `fromRow` on. @throws DataOpsError BACKUP_DAMAGED when a row cannot be read, or is missing at the end;
   * NOT_A_BACKUP where it was removed meanwhile.
   */
  async *pages(options: ReadArchiveOptions = {}): AsyncGenerator<ArchivePage, void, undefined> {
    try {
      yield* this.#pages(options)
    } catch (error) {
      throw await orRemoved(error, this.#at)
    }
  }

  async *#pages(options: ReadArchiveOptions = {}): AsyncGenerator<ArchivePage, void, undefined> {
    if (!this.head.metadata.options.include_data) return
    const {check = false, fromRow = 0} = options
    const content = check && this.seal ? new ContentDigest(this.head.schema) : undefined
    const read = {...options, fromRow: content ? 0 : fromRow}
    const pages = this.manifest.kind === 'document' ? this.#documentPages(read) : this.#partPages(read)
    for await (const page of pages) {
      if (content) for (const object of page.objects) content.add(object)
      if (page.endRow > fromRow) yield from(page, fromRow)
    }

    if (content) this.#checkContent(content)
  }

  #checkContent(content: ContentDigest): void {
    const {seal} = this
    if (!seal) return
    if (content.objects !== seal.object_count) {
      throw this.#damaged(`it has ${plural(content.objects, 'object')} where its seal says ${seal.object_count}`)
    }

    if (content.hex() !== seal.digest) throw this.#damaged('its objects are not those that were sealed')
  }

  async *#documentPages(options: ReadRowsOptions): AsyncGenerator<ArchivePage> {
    const file = await this.#open(this.manifest.name)
    try {
      // Lines are decoded before the next chunk is asked for; zlib asks ahead.
      const bytes = file.stream(0, file.size, {isPassing: !this.manifest.compressed})
      const text = this.manifest.compressed ? nodePlatform.gunzip(bytes, {isPassing: true}) : bytes
      for await (const part of readJsonDocument(text, {...options, platform: nodePlatform, reusesMemory: true})) {
        throwIfAborted(options.signal)
        if (part.kind === 'rows') yield this.#page(part.page)
        else if (part.kind === 'end') this.#checkEnd(part.end)
      }
    } finally {
      await file.close()
    }
  }

  #checkEnd({objectCount, rows, seal}: DocumentEnd): void {
    if (rows !== this.content.rows) {
      throw this.#damaged(`it has ${rows} rows where ${this.content.rows} should be`)
    }

    if (!this.seal) return
    if (objectCount !== this.seal.object_count || seal?.checksum !== this.seal.checksum) {
      throw this.#damaged('it ends with another seal than it had when it was opened')
    }
  }

  async *#partPages(options: ReadRowsOptions): AsyncGenerator<ArchivePage> {
    const {metadata, schema} = this.head
    const codec = await partCodec(metadata.options.format)
    const parts = partsPlace(this.store, this.manifest.name, metadata)
    let partStart = 0
    for (const part of this.content.parts) {
      const partEnd = partStart + part.rows
      const fromRow = Math.max(0, (options.fromRow ?? 0) - partStart)
      if (fromRow < part.rows) {
        const file = await this.#open(`${this.manifest.name}/${part.file}`, parts.keyOf(part.file ?? ''), parts.store)
        try {
          const decoder = await codec.openDecoder(file, {columns: metadata.columns, platform: nodePlatform, schema})
          if (decoder.rows !== part.rows) {
            throw this.#damaged(`${part.file} has ${decoder.rows} rows where ${part.rows} should be`)
          }

          let next = fromRow
          for await (const page of decoder.read({...options, fromRow})) {
            throwIfAborted(options.signal)
            next = page.firstRow + page.objects.length
            yield this.#page({...page, firstRow: partStart + page.firstRow})
          }

          if (next !== part.rows) throw this.#damaged(`${part.file} ends after ${next} of ${part.rows} rows`)
        } finally {
          await file.close()
        }
      }

      partStart = partEnd
    }
  }

  /** A file of the backup; once it was proven whole, nothing but that is read of it. */
  async #open(name: string, key = name, store = this.store): Promise<StoreReader> {
    const reader = await store.openRead(key)
    const proofs = this.#proof
    if (!proofs) return reader
    return keepOpen(reader, async () => {
      const proof = proofs.get(name)
      if (!proof) throw this.#damaged(`${name} was not there when it was looked at`)
      return new ProvenReader(reader, proof, store.describe(key))
    })
  }

  #damaged(reason: string): DataOpsError {
    return damaged(this.path, reason, {hint: 'See what is wrong with `verifyBackup`. Use another backup.'})
  }

  #page(page: RowPage): ArchivePage {
    const {firstRow, objects: all} = page
    const endRow = firstRow + all.length
    if (this.#amendments.size === 0) {
      return {...page, endRow, rows: all.map((_, index) => firstRow + index)}
    }

    const objects: WeaviateObject[] = []
    const rows: number[] = []
    for (const [index, object] of all.entries()) {
      const row = firstRow + index
      if (isVoid(this.#amendments, object, row)) continue
      objects.push(object)
      rows.push(row)
    }

    return {...page, endRow, objects, rows}
  }
}

/** The rows of a page that are not before `fromRow`. */
function from(page: ArchivePage, fromRow: number): ArchivePage {
  if (page.firstRow >= fromRow) return page
  const first = page.rows.findIndex((row) => row >= fromRow)
  const at = first === -1 ? page.rows.length : first
  return {...page, firstRow: fromRow, objects: page.objects.slice(at), rows: page.rows.slice(at)}
}
