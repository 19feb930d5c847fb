import type {IncrementalHash, PartCodec, PartEncoder} from '../codec/codec.js'
import type {WeaviateObject} from '../model/object.js'
import type {StoreWriter} from '../store/store.js'

import {toHex, utf8} from '../codec/bytes.js'
import {documentHead, documentTail, type SealedPart, sealLine} from '../codec/document.js'
import {DataOpsError} from '../model/errors.js'
import {partCodec} from './formats.js'
import {checkSealLine} from './limits.js'
import {isOwnFile, METADATA_FILE, partName, SCHEMA_FILE} from './names.js'
import {publishFolder} from './publish.js'
import {
  type ArchivePosition,
  type ArchiveWriter,
  type ArchiveWriterOptions,
  PartExtent,
  type SealedArchive,
  sealedFacts,
  type SealSummary,
} from './writer.js'

interface OpenPart {
  encoder: PartEncoder
  extent: PartExtent
  file: StoreWriter
  hash: IncrementalHash
  name: string
}

/** Writes the directory of `format parquet` and `format arrow`. A flush ends the part being written: its footer comes last. */
export class DirectoryWriter implements ArchiveWriter {
  readonly #options: ArchiveWriterOptions
  readonly #codec: PartCodec
  readonly #parts: SealedPart[]
  #finishedBytes: number
  #finishedRows: number
  #part?: OpenPart

  private constructor(options: ArchiveWriterOptions, codec: PartCodec) {
    this.#options = options
    this.#codec = codec
    this.#parts = [...(options.resumeAt?.parts ?? [])]
    this.#finishedBytes = sum(this.#parts, 'bytes')
    this.#finishedRows = sum(this.#parts, 'rows')
  }

  static async open(options: ArchiveWriterOptions): Promise<DirectoryWriter> {
    const writer = new DirectoryWriter(options, await partCodec(options.format))
    if (options.resumeAt) await writer.#dropUnfinished()
    return writer
  }

  /** What the earlier run wrote after its last flush has no footer. What it had finished must be there. */
  async #dropUnfinished(): Promise<void> {
    const {name, store} = this.#options
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

    const finished = new Set(this.#parts.map((part) => part.file))
    for (const file of sizes.keys()) {
      const isLeft = isOwnFile(file) && file !== METADATA_FILE && !finished.has(file)
      if (isLeft) await store.remove(`${name}/${file}`)
    }
  }

  get bytes(): number {
    return this.#finishedBytes + (this.#part?.file.bytes ?? 0)
  }

  get rows(): number {
    return this.#finishedRows + (this.#part?.extent.rows ?? 0)
  }

  async write(objects: readonly WeaviateObject[]): Promise<void> {
    if (objects.length === 0) return
    this.#part ??= await this.#openPart()
    const {encoder, extent} = this.#part
    extent.add(objects)
    await this.#append(this.#part, await encoder.write(objects))
  }

  async flush(): Promise<ArchivePosition> {
    await this.#options.check?.()
    await this.#finishPart()
    return {parts: [...this.#parts], rows: this.#finishedRows}
  }

  async seal(summary: SealSummary): Promise<SealedArchive> {
    const {check, head, name, platform, store} = this.#options
    await check?.()
    // An empty collection has one empty part: readers in the wild expect the file.
    if (head.metadata.options.include_data && this.#parts.length === 0) this.#part ??= await this.#openPart()
    await this.#finishPart()
    const schema = utf8(`${JSON.stringify(head.schema, null, 2)}\n`)
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
    const published = await publishFolder(store, name, metadata, contents)
    return {
      bytes: seal.statistics.bytes + lineBytes.length,
      name: published,
      seal: {...seal, checksum: line.slice(-68, -4)},
    }
  }

  async close(): Promise<void> {
    await this.#part?.file.close()
  }

  async #openPart(): Promise<OpenPart> {
    const {check, compress, head, name, platform, store} = this.#options
    // Who was asleep makes no folder anew that another process has gone from.
    await check?.()
    const file = partName(this.#codec.extension, this.#parts.length + 1)
    return {
      encoder: this.#codec.createEncoder({
        columns: head.metadata.columns!,
        compress,
        platform,
        schema: head.schema,
      }),
      extent: new PartExtent(),
      file: await store.createWriter(`${name}/${file}`),
      hash: platform.createSha256(),
      name: file,
    }
  }

  async #append(part: OpenPart, chunks: readonly Uint8Array[]): Promise<void> {
    if (chunks.length === 0) return
    for (const chunk of chunks) part.hash.update(chunk)
    await part.file.append(chunks)
  }

  async #finishPart(): Promise<void> {
    const part = this.#part
    if (!part) return
    await this.#append(part, await part.encoder.finish())
    if (!(await part.file.complete())) {
      const {name, store} = this.#options
      throw new DataOpsError('STORAGE', `${store.describe(`${name}/${part.name}`)} is there already.`, {
        details: {path: store.describe(`${name}/${part.name}`)},
        hint: 'Move it away, or run the backup again without `resume`.',
      })
    }

    this.#parts.push(part.extent.seal(part.name, part.file.bytes, toHex(part.hash.digest())))
    this.#finishedBytes += part.file.bytes
    this.#finishedRows += part.extent.rows
    this.#part = undefined
  }
}

function sum(parts: readonly SealedPart[], member: 'bytes' | 'rows'): number {
  let total = 0
  for (const part of parts) total += part[member]
  return total
}
