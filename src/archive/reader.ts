/** Reads one backup, whatever its format: rows in order, voided ones left out. */
import type {Platform, ReadRowsOptions} from '../codec/codec.js'
import type {BackupHead, BackupSeal} from '../codec/document.js'
import type {WeaviateObject} from '../model/object.js'
import type {Store, StoreReader} from '../store/store.js'
import type {Manifest} from './manifest.js'

import {readJsonDocument} from '../codec/json/document.js'
import {DataOpsError, throwIfAborted} from '../model/errors.js'
import {partCodec} from './formats.js'

/** Consecutive rows of a backup, without those that are void. Ordinals count through all parts. */
export interface ArchivePage {
  /** Ordinal behind the last row. */
  endRow: number
  firstRow: number
  objects: WeaviateObject[]
  /** The ordinal of each object. */
  rows: number[]
}

export type ReadArchiveOptions = ReadRowsOptions

export class Archive {
  readonly head: BackupHead
  readonly manifest: Manifest
  readonly #platform: Platform
  readonly store: Store
  /** Key of an amended object → ordinal before which its rows are void. */
  readonly #amendments: ReadonlyMap<string, number>

  constructor(store: Store, manifest: Manifest, platform: Platform) {
    this.store = store
    this.#platform = platform
    this.manifest = manifest
    this.head = {metadata: manifest.metadata, schema: manifest.schema}
    this.#amendments = new Map(
      (manifest.seal?.amendments ?? []).map(([tenant, id, row]) => [objectKey(tenant ?? undefined, id), row]),
    )
  }

  get seal(): BackupSeal | undefined {
    return this.manifest.seal
  }

  /** Objects that the backup says it holds; undefined when it has no seal. */
  get objectCount(): number | undefined {
    return this.manifest.seal?.object_count
  }

  /** Where it lies, for messages. */
  get path(): string {
    return this.store.describe(this.manifest.name)
  }

  /** Pages in row order from `fromRow` on. @throws DataOpsError BACKUP_DAMAGED when a row cannot be read. */
  async *pages(options: ReadArchiveOptions = {}): AsyncGenerator<ArchivePage, void, undefined> {
    if (!this.head.metadata.options.include_data) return
    yield* this.manifest.kind === 'document' ? this.#documentPages(options) : this.#partPages(options)
  }

  async *#documentPages(options: ReadArchiveOptions): AsyncGenerator<ArchivePage> {
    const file = await this.store.openRead(this.manifest.name)
    try {
      const bytes = file.stream()
      const text = this.manifest.compressed ? this.#platform.gunzip(bytes) : bytes
      for await (const part of readJsonDocument(text, {...options, platform: this.#platform})) {
        throwIfAborted(options.signal)
        if (part.kind === 'rows') yield this.#page(part.page.firstRow, part.page.objects)
      }
    } finally {
      await file.close()
    }
  }

  async *#partPages(options: ReadArchiveOptions): AsyncGenerator<ArchivePage> {
    const {metadata, schema} = this.head
    const codec = await partCodec(metadata.options.format)
    let partStart = 0
    for (const part of this.manifest.seal?.parts ?? []) {
      const partEnd = partStart + part.rows
      const fromRow = Math.max(0, (options.fromRow ?? 0) - partStart)
      if (fromRow < part.rows) {
        const file = await this.store.openRead(`${this.manifest.name}/${part.file}`)
        try {
          const decoder = await codec.openDecoder(asByteSource(file), {
            columns: metadata.columns,
            platform: this.#platform,
            schema,
          })
          if (decoder.rows !== part.rows) {
            throw new DataOpsError(
              'BACKUP_DAMAGED',
              `${part.file} has ${decoder.rows} rows where the seal says ${part.rows}.`,
              {
                hint: 'Restore another backup.',
              },
            )
          }

          for await (const page of decoder.read({...options, fromRow})) {
            throwIfAborted(options.signal)
            yield this.#page(partStart + page.firstRow, page.objects)
          }
        } finally {
          await file.close()
        }
      }

      partStart = partEnd
    }
  }

  #page(firstRow: number, all: WeaviateObject[]): ArchivePage {
    const endRow = firstRow + all.length
    if (this.#amendments.size === 0) {
      return {endRow, firstRow, objects: all, rows: all.map((_, index) => firstRow + index)}
    }

    const objects: WeaviateObject[] = []
    const rows: number[] = []
    for (const [index, object] of all.entries()) {
      const row = firstRow + index
      const voidBefore = this.#amendments.get(objectKey(object.tenant, object.id))
      if (voidBefore !== undefined && row < voidBefore) continue
      objects.push(object)
      rows.push(row)
    }

    return {endRow, firstRow, objects, rows}
  }
}

/** One object of one tenant. */
export function objectKey(tenant: string | undefined, id: string): string {
  return tenant === undefined ? id : `${id}/${tenant}`
}

function asByteSource(file: StoreReader): {read: (start: number, end: number) => Promise<Uint8Array>; size: number} {
  return {read: async (start, end) => file.read(start, end), size: file.size}
}
