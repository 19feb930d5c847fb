/** The files of one collection of an export: looked at whole before any of them is believed, and read as what was looked at. */
import type {ReadRowsOptions, RowPage} from '../../codec/codec.js'
import type {ExportFooter} from '../../codec/parquet/export-file.js'
import type {OperationOptions} from '../../model/progress.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {StoreReader} from '../../store/store.js'
import type {ArchivePage} from '../reader.js'
import type {ExportedCollection, NamedFile, NativeExport} from './export.js'

import {toHex} from '../../codec/bytes.js'
import {DataOpsError, throwIfAborted} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {settleIntZeros} from '../../model/int-zeros.js'
import {plural} from '../../model/plural.js'
import {nodePlatform, sha256Hex} from '../../platform/node.js'
import {damaged} from '../../store/damaged.js'
import {withReader} from '../../store/read-all.js'
import {type FileProof, ProofMaker, ProvenReader} from '../proof.js'
import {EXPORT_AGAIN} from './metadata.js'
import {SequentialSource} from './sequential.js'

/** Small files that are looked at at the same time: of large ones one is. */
const AT_ONCE = 4
/** Of objects, decoded at once: pages of the file are large as it is, and seven columns of them are held beside the objects. */
const OBJECTS_BYTES = 1024 * 1024
/** Of objects without all but their ids, decoded at once. */
const IDS_BYTES = 256 * 1024
const SMALL_BYTES = 4 * 1024 * 1024

/** Parquet is loaded by jobs of exports alone: every command can read one. */
const parquet = async () => import('../../codec/parquet/export-file.js')

/** A file that was looked at from its first byte to its last. */
export interface LookedFile extends NamedFile {
  /** The first one and the last one; absent where it has no rows. */
  extent?: {first: string; last: string}
  footer: ExportFooter
  proof: FileProof
  sha256: string
}

type LookOptions = Pick<OperationOptions, 'onProgress' | 'signal'>

export class ExportFiles {
  readonly collection: ExportedCollection
  readonly #export: NativeExport
  #looked?: readonly LookedFile[]

  constructor(native: NativeExport, name: string) {
    this.#export = native
    this.collection = native.collection(name)
  }

  /** Bytes of all. */
  get bytes(): number {
    return this.collection.files.reduce((sum, {bytes}) => sum + bytes, 0)
  }

  /**
   * Reads every byte of every file, once: each page has its CRC, the counts are those that were exported, and ids ascend.
   * @throws DataOpsError BACKUP_DAMAGED; STORAGE; INTERRUPTED.
   */
  async look(options: LookOptions = {}): Promise<readonly LookedFile[]> {
    if (this.#looked) return this.#looked
    let bytes = 0
    const {name} = this.collection
    const {files} = this.collection
    const isSmall = files.every((file) => file.bytes <= SMALL_BYTES)
    const looked = await inParallel(files, {atOnce: isSmall ? AT_ONCE : 1, signal: options.signal}, async (file) =>
      this.#lookAt(file, (more) => {
        throwIfAborted(options.signal)
        bytes += more
        options.onProgress?.({bytes, collection: name, completed: 0, stage: 'verify'})
      }),
    )
    this.#checkCounts(looked)
    this.#looked = await this.#withIds(looked, options)
    return this.#looked
  }

  /** Whether its shards are tenants; undefined when no file says it. Known once it was looked at. */
  get hasTenants(): boolean | undefined {
    const [first] = this.#looked ?? []
    return first?.footer.tenant !== undefined
  }

  /** Tells this content from any other. Once it was looked at. */
  get fingerprint(): string {
    const {id} = this.#export.facts
    const files = (this.#looked ?? []).map(({file, sha256}) => [file, sha256])
    return sha256Hex(JSON.stringify([id, this.collection.name, files]))
  }

  /** In the order of the files, what was looked at and nothing else. @throws DataOpsError BACKUP_DAMAGED. */
  async *pages(schema: WeaviateClass, options: ReadRowsOptions = {}): AsyncGenerator<ArchivePage, void, undefined> {
    const {fromRow = 0, pageBytes = OBJECTS_BYTES, signal} = options
    let start = 0
    for (const looked of await this.look({signal})) {
      const {rows} = looked.footer
      if (fromRow < start + rows) {
        for await (const page of this.#rowsOf(looked, schema, {
          ...options,
          fromRow: Math.max(0, fromRow - start),
          pageBytes,
        })) {
          throwIfAborted(signal)
          for (const {properties} of page.objects) settleIntZeros(schema, properties)
          const firstRow = start + page.firstRow
          const endRow = firstRow + page.objects.length
          yield {...page, endRow, firstRow, rows: page.objects.map((_, index) => firstRow + index)}
        }
      }

      start += rows
    }
  }

  async #lookAt(named: NamedFile, onBytes: (bytes: number) => void): Promise<LookedFile> {
    const {file, shard} = named
    const {checkExportPages, readExportFooter} = await parquet()
    return this.#withFile(file, async (reader, where) => {
      const footer = await readExportFooter(reader)
      if (footer.collection !== this.collection.name || (footer.tenant !== undefined && footer.tenant !== shard)) {
        throw new DataOpsError('BACKUP_DAMAGED', 'It says that it is of another collection or tenant than its name.')
      }

      const maker = new ProofMaker(reader.size)
      const hash = nodePlatform.createSha256()
      const source = new SequentialSource(reader, where, (bytes) => {
        maker.update(bytes)
        hash.update(bytes)
        onBytes(bytes.length)
      })
      try {
        await checkExportPages(source, footer, nodePlatform)
        await source.finish()
      } finally {
        await source.close()
      }

      const proof = maker.finish()
      // What was read before the rest was hashed.
      const again = await readExportFooter(new ProvenReader(reader, proof, where))
      return {...named, footer: again, proof, sha256: toHex(hash.digest())}
    })
  }

  #checkCounts(looked: readonly LookedFile[]): void {
    const {name, shards} = this.collection
    const rows = new Map<string, number>()
    for (const {footer, shard} of looked) rows.set(shard, (rows.get(shard) ?? 0) + footer.rows)
    for (const {name: shard, objects} of shards) {
      const found = rows.get(shard) ?? 0
      if (found !== objects) {
        throw this.#damaged(
          `the files of ${name}, ${shard}, have ${plural(found, 'object')}, and ${objects} were exported`,
        )
      }
    }

    if (new Set(looked.map(({footer}) => footer.tenant !== undefined)).size > 1) {
      throw this.#damaged(`some of the files of ${name} are of a tenant, and some of none`)
    }

    this.#checkNoneTwice(looked)
  }

  /** Nothing in a file says which shard it is of, so that one that was copied over another of as many objects has its name and its count. */
  #checkNoneTwice(looked: readonly LookedFile[]): void {
    const known = new Map<string, string>()
    for (const {file, footer, sha256} of looked) {
      const other = known.get(sha256)
      if (other !== undefined && footer.rows > 0)
        throw this.#damaged(`the files ${other} and ${file} are one and the same: other objects are missing`)
      known.set(sha256, file)
    }
  }

  /** In a shard they ascend, over all of its files: nothing stands there twice. */
  async #withIds(looked: readonly LookedFile[], {signal}: LookOptions): Promise<LookedFile[]> {
    let last: undefined | {id: string; shard: string}
    const known: LookedFile[] = []
    const schema = {class: this.collection.name}
    for (const file of looked) {
      const {shard} = file
      let first: string | undefined
      for await (const {objects} of this.#rowsOf(file, schema, {columns: 'ids', pageBytes: IDS_BYTES, signal})) {
        for (const {id} of objects) {
          if (last?.shard === shard && last.id >= id) {
            throw damaged(this.#describe(file.file), `object ${id} stands behind ${last.id}`, {hint: EXPORT_AGAIN})
          }

          first ??= id
          last = {id, shard}
        }
      }

      known.push({...file, ...(first !== undefined && last && {extent: {first, last: last.id}})})
    }

    return known
  }

  async *#rowsOf(
    {file, footer, proof}: LookedFile,
    schema: WeaviateClass,
    options: ReadRowsOptions,
  ): AsyncGenerator<RowPage, void, undefined> {
    const {openExportFile} = await parquet()
    const reader = await this.#export.store.openRead(`${this.#export.name}/${file}`)
    const where = this.#describe(file)
    try {
      const source = new ProvenReader(reader, proof, where)
      const decoder = await openExportFile(source, footer, {platform: nodePlatform, schema})
      let next = options.fromRow ?? 0
      for await (const page of decoder.read(options)) {
        next = page.firstRow + page.objects.length
        yield page
      }

      if (next !== footer.rows) throw damaged(where, `it ends after ${next} of ${footer.rows} rows`)
    } catch (error) {
      throw inFile(error, where)
    } finally {
      await reader.close()
    }
  }

  async #withFile<T>(file: string, work: (reader: StoreReader, where: string) => Promise<T>): Promise<T> {
    const where = this.#describe(file)
    return withReader(this.#export.store, `${this.#export.name}/${file}`, async (reader) =>
      work(reader, where).catch((error: unknown) => {
        throw inFile(error, where)
      }),
    )
  }

  #describe(file: string): string {
    return this.#export.store.describe(`${this.#export.name}/${file}`)
  }

  #damaged(reason: string): DataOpsError {
    return damaged(this.#export.path, reason, {hint: EXPORT_AGAIN})
  }
}

/** The same, with the file that it is about. */
function inFile(error: unknown, where: string): unknown {
  if (!(error instanceof DataOpsError && error.code === 'BACKUP_DAMAGED') || error.message.includes(where)) return error
  return new DataOpsError('BACKUP_DAMAGED', `${where} is damaged: ${error.message}`, {
    cause: error,
    details: {path: where},
    hint: EXPORT_AGAIN,
  })
}
