import type {WeaviateObject} from '../model/object.js'

import {type SealedPart} from '../codec/document.js'
import {DataOpsError} from '../model/errors.js'
import {isOwnFile, METADATA_FILE, partName, SCHEMA_FILE} from './names.js'
import {PartsWriter} from './parts-writer.js'
import {publishFolder} from './publish.js'
import {sealFolder} from './seal-folder.js'
import {
  type ArchivePosition,
  type ArchiveWriter,
  type ArchiveWriterOptions,
  type SealedArchive,
  type SealSummary,
  type SharedFolder,
} from './writer.js'

/** Writes the directory of `format parquet` and `format arrow`. A flush ends the part being written: its footer comes last. */
export class DirectoryWriter implements ArchiveWriter {
  readonly #parts: SealedPart[] = []
  #finishedBytes = 0
  #finishedRows = 0

  private constructor(
    private readonly options: ArchiveWriterOptions,
    private readonly nextName: (extension: string) => string,
    private readonly writer: PartsWriter,
  ) {
    for (const part of options.resumeAt?.parts ?? []) this.#add(part)
  }

  static async open(options: ArchiveWriterOptions): Promise<DirectoryWriter> {
    const nextName = options.shared?.nextName ?? namesBeside(options.resumeAt?.parts)
    const writer = new DirectoryWriter(options, nextName, await PartsWriter.open({...options, nextName}))
    if (options.resumeAt) await writer.#dropUnfinished()
    return writer
  }

  /** What the earlier run wrote after its last flush has no footer. What it had finished must be there. */
  async #dropUnfinished(): Promise<void> {
    const {name, shared, store} = this.options
    const sizes = new Map((await store.list(name)).map((entry) => [entry.name, entry.bytes]))
    for (const {bytes, file} of this.#parts) {
      if (sizes.get(file!) === bytes) continue
      throw new DataOpsError(
        'BACKUP_DAMAGED',
        `${store.describe(`${name}/${file}`)} has not the ${bytes} bytes that were written.`,
        {hint: 'Start the backup anew, with `resume: false`.'},
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
    return this.#finishedBytes + this.writer.bytes
  }

  get rows(): number {
    return this.#finishedRows + this.writer.rows
  }

  async write(objects: readonly WeaviateObject[]): Promise<readonly never[]> {
    return this.writer.write(objects)
  }

  get folder(): SharedFolder {
    return {
      adopt: (parts) => {
        for (const part of parts) this.#add(part)
      },
      nextName: this.nextName,
    }
  }

  async flush(): Promise<ArchivePosition> {
    await this.options.check?.()
    await this.#finishPart()
    return {parts: [...this.#parts], rows: this.#finishedRows}
  }

  async seal(summary: SealSummary): Promise<SealedArchive> {
    const {check, head, name, shared, store} = this.options
    await check?.()
    // An empty collection has one empty part: readers in the wild expect the file.
    if (head.metadata.options.include_data && this.#parts.length === 0) await this.writer.begin()
    await this.#finishPart()
    const held = {bytes: this.#finishedBytes, parts: this.#parts, rows: this.#finishedRows}
    const {metadata, schema, seal} = sealFolder(summary, {head, held, where: store.describe(name)})
    await check?.()
    // Last of all: without it the directory is no backup.
    const contents = {files: [{bytes: schema, name: SCHEMA_FILE}], parts: this.#parts}
    const published = await publishFolder(store, name, metadata, {...contents, isSealed: shared?.isSealed})
    const {bytes} = held
    return {bytes: bytes + schema.length + metadata.length, name: published, seal}
  }

  async close(): Promise<void> {
    await this.writer.close()
  }

  async #finishPart(): Promise<void> {
    const part = await this.writer.finish()
    if (part) this.#add(part)
  }

  #add(part: SealedPart): void {
    this.#parts.push(part)
    this.#finishedBytes += part.bytes
    this.#finishedRows += part.rows
  }
}

/** Names of parts by their ordinals, each given once. */
function namesBeside(there: readonly SealedPart[] = []): (extension: string) => string {
  const given = new Set(there.map(({file}) => file))
  let ordinal = 0
  return (extension) => {
    for (;;) {
      const name = partName(extension, ++ordinal)
      if (!given.has(name)) return name
    }
  }
}
