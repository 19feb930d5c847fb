import type {WeaviateObject} from '../model/object.js'

import {toHex, utf8} from '../codec/bytes.js'
import {type BackupHead, documentHead, documentTail, type SealedPart, sealLine} from '../codec/document.js'
import {DataOpsError} from '../model/errors.js'
import {checkSealLine} from './limits.js'
import {isOwnFile, METADATA_FILE, partName, SCHEMA_FILE} from './names.js'
import {PartsWriter} from './parts-writer.js'
import {publishFolder} from './publish.js'
import {
  type ArchivePosition,
  type ArchiveWriter,
  type ArchiveWriterOptions,
  type SealedArchive,
  sealedFacts,
  type SealSummary,
  type SharedFolder,
} from './writer.js'

/** Writes the directory of `format parquet` and `format arrow`. A flush ends the part being written: its footer comes last. */
export class DirectoryWriter implements ArchiveWriter {
  readonly #options: ArchiveWriterOptions
  readonly #names: Pick<PartNames, 'next'>
  readonly #parts: SealedPart[] = []
  readonly #writer: PartsWriter
  #finishedBytes = 0
  #finishedRows = 0

  private constructor(options: ArchiveWriterOptions, names: Pick<PartNames, 'next'>, writer: PartsWriter) {
    this.#options = options
    this.#names = names
    this.#writer = writer
    for (const part of options.resumeAt?.parts ?? []) this.#add(part)
  }

  static async open(options: ArchiveWriterOptions): Promise<DirectoryWriter> {
    const names = options.shared ? {next: options.shared.nextName} : new PartNames(options.resumeAt?.parts)
    const parts = await PartsWriter.open({...options, nextName: (extension) => names.next(extension)})
    const writer = new DirectoryWriter(options, names, parts)
    if (options.resumeAt) await writer.#dropUnfinished()
    return writer
  }

  /** What the earlier run wrote after its last flush has no footer. What it had finished must be there. */
  async #dropUnfinished(): Promise<void> {
    const {name, shared, store} = this.#options
    const sizes = new Map((await store.list(name)).map((entry) => [entry.name, entry.bytes]))
    for (const {bytes, file} of this.#parts) {
      if (sizes.get(file!) === bytes) continue
      throw new DataOpsError(
        'BACKUP_DAMAGED',
        `${store.describe(`${name}/${file}`)} has not the ${bytes} bytes that were written.`,
        {
          hint: 'Start the backup anew, with `resume: false`.',
        },
      )
    }

    if (shared) return
    const finished = new Set(this.#parts.map((part) => part.file))
    for (const file of sizes.keys()) {
      const isLeft = isOwnFile(file) && file !== METADATA_FILE && !finished.has(file)
      if (isLeft) await store.remove(`${name}/${file}`)
    }
  }

  get bytes(): number {
    return this.#finishedBytes + this.#writer.bytes
  }

  get rows(): number {
    return this.#finishedRows + this.#writer.rows
  }

  async write(objects: readonly WeaviateObject[]): Promise<void> {
    await this.#writer.write(objects)
  }

  get folder(): SharedFolder {
    return {
      adopt: (parts) => {
        for (const part of parts) this.#add(part)
      },
      nextName: (extension) => this.#names.next(extension),
    }
  }

  async flush(): Promise<ArchivePosition> {
    await this.#options.check?.()
    await this.#finishPart()
    return {parts: [...this.#parts], rows: this.#finishedRows}
  }

  async seal(summary: SealSummary): Promise<SealedArchive> {
    const {check, head, name, platform, shared, store} = this.#options
    await check?.()
    // An empty collection has one empty part: readers in the wild expect the file.
    if (head.metadata.options.include_data && this.#parts.length === 0) await this.#writer.begin()
    await this.#finishPart()
    const schema = schemaFile(head)
    const document = utf8(documentHead(head) + documentTail(summary.objectCount))
    const sha256 = (bytes: Uint8Array): string => toHex(platform.sha256(bytes))
    const seal = {
      ...sealedFacts(summary),
      parts: this.#parts,
      amendments: summary.amendments,
      schema_sha256: sha256(schema),
      statistics: {
        ...summary.statistics,
        bytes: this.#finishedBytes + schema.length + document.length,
        rows: this.#finishedRows,
      },
      document: {bytes: document.length, sha256: sha256(document)},
    }
    const line = sealLine(seal, (text) => sha256(utf8(text)))
    const lineBytes = utf8(line)
    checkSealLine(lineBytes, store.describe(name))
    const metadata = new Uint8Array(document.length + lineBytes.length)
    metadata.set(document)
    metadata.set(lineBytes, document.length)
    await check?.()
    // Last of all: without it the directory is no backup.
    const contents = {files: [{bytes: schema, name: SCHEMA_FILE}], parts: this.#parts}
    const published = await publishFolder(store, name, metadata, {...contents, isSealed: shared?.isSealed})
    return {
      bytes: seal.statistics.bytes + lineBytes.length,
      name: published,
      seal: {...seal, checksum: line.slice(-68, -4)},
    }
  }

  async close(): Promise<void> {
    await this.#writer.close()
  }

  async #finishPart(): Promise<void> {
    const part = await this.#writer.finish()
    if (part) this.#add(part)
  }

  #add(part: SealedPart): void {
    this.#parts.push(part)
    this.#finishedBytes += part.bytes
    this.#finishedRows += part.rows
  }
}

/** What `schema.json` holds. */
export function schemaFile({schema}: BackupHead): Uint8Array {
  return utf8(`${JSON.stringify(schema, null, 2)}\n`)
}

/** Names of parts by their ordinals, each given once. */
class PartNames {
  readonly #given: Set<null | string>
  #ordinal = 0

  constructor(there: readonly SealedPart[] = []) {
    this.#given = new Set(there.map(({file}) => file))
  }

  next(extension: string): string {
    for (;;) {
      this.#ordinal++
      const name = partName(extension, this.#ordinal)
      if (!this.#given.has(name)) return name
    }
  }
}
