import type {IncrementalHash} from '../codec/codec.js'
import type {WeaviateObject} from '../model/object.js'
import type {StoreWriter, UnfinishedWriters} from '../store/store.js'

import {toHex, utf8} from '../codec/bytes.js'
import {documentHead, documentTail} from '../codec/document.js'
import {storedMember} from '../codec/gzip.js'
import {JsonLinesEncoder} from '../codec/json/lines.js'
import {DataOpsError} from '../model/errors.js'
import {freeBytes} from '../platform/free.js'
import {nodePlatform} from '../platform/node.js'
import {keepOpen, withReader} from '../store/read-all.js'
import {sealedLine} from './limits.js'
import {publishDocument} from './publish.js'
import {WriteBehind} from './write-behind.js'
import {
  type ArchivePosition,
  type ArchiveWriter,
  type ArchiveWriterOptions,
  type Extent,
  PartExtent,
  type SealedArchive,
  sealedFacts,
  type SealSummary,
} from './writer.js'

/** Text that one gzip member holds at least, bytes, the last one apart. */
const MEMBER_BYTES = 1024 * 1024
/** Text that is being compressed at most, bytes: members one beside another, by libuv's threads. One is, however long it is. */
const COMPRESSING_BYTES = 16 * 1024 * 1024
const SEPARATOR = utf8(',\n')
const LINE_END = utf8('\n')

interface Member {
  compressed: Promise<Uint8Array>
  text: Uint8Array
}

/** Writes the document of `format json`, plain or in gzip members. */
export class DocumentWriter implements ArchiveWriter {
  readonly #encoder: JsonLinesEncoder
  readonly #extent: PartExtent
  readonly #textHash: IncrementalHash
  readonly #fileHash: IncrementalHash
  #textBytes = 0
  /** Compressing only: text not yet in a member, and members not yet in the file, in order. */
  #pending: Uint8Array[] = []
  /** Of it, what is nobody else's. */
  #given: Uint8Array[] = []
  #pendingBytes = 0
  readonly #members: Member[] = []
  readonly #out: WriteBehind

  private constructor(
    private readonly options: ArchiveWriterOptions,
    private readonly file: StoreWriter,
  ) {
    this.#encoder = new JsonLinesEncoder(options.head.schema.class)
    this.#extent = PartExtent.from(options.resumeAt?.parts[0])
    this.#textHash = nodePlatform.createSha256()
    this.#fileHash = nodePlatform.createSha256()
    this.#out = new WriteBehind(file)
  }

  static async open(options: ArchiveWriterOptions): Promise<DocumentWriter> {
    const {name, resumeAt, store} = options
    const file = resumeAt?.document
      ? await unfinishedOf(options).resume(name, resumeAt.document.fileBytes)
      : await store.createWriter(name)
    const writer = new DocumentWriter(options, file)
    await keepOpen(file, async () =>
      resumeAt?.document
        ? writer.#rehash(resumeAt.document.fileBytes)
        : writer.#append(utf8(documentHead(options.head))),
    )
    return writer
  }

  get bytes(): number {
    return this.file.bytes
  }

  get rows(): number {
    return this.#extent.rows
  }

  async write(objects: readonly WeaviateObject[]): Promise<readonly never[]> {
    if (objects.length === 0) return []
    const extent = new PartExtent()
    extent.add(objects)
    await this.appendLines(this.#encoder.encode(objects), extent)
    return []
  }

  async appendLines(lines: Uint8Array, extent: Extent): Promise<void> {
    if (extent.rows === 0) return
    if (this.#extent.rows > 0) await this.#append(SEPARATOR)
    this.#extent.take(extent)
    await this.#append(lines, {isGiven: true})
  }

  async flush(): Promise<ArchivePosition> {
    await this.options.check?.()
    await this.#drain()
    await this.file.sync()
    return {
      document: {fileBytes: this.file.bytes, textBytes: this.#textBytes},
      parts: [this.#extent.seal(null, 0, '')],
      rows: this.#extent.rows,
    }
  }

  async seal(summary: SealSummary): Promise<SealedArchive> {
    const {check, compress, head, name, store} = this.options
    await check?.()
    if (this.#extent.rows > 0) await this.#append(LINE_END)
    await this.#append(utf8(documentTail(summary.objectCount)))
    await this.#drain()
    const document = {bytes: this.#textBytes, sha256: toHex(this.#textHash.digest())}
    const compressed = compress ? {bytes: this.file.bytes, sha256: toHex(this.#fileHash.digest())} : undefined
    const seal = {
      ...sealedFacts(summary),
      parts: head.metadata.options.include_data ? [this.#extent.seal(null, document.bytes, document.sha256)] : [],
      amendments: summary.amendments,
      statistics: {...summary.statistics, bytes: this.file.bytes, rows: this.#extent.rows},
      document,
      ...(compressed && {compressed}),
    }
    const {line, sealed} = sealedLine(seal, store.describe(name))
    await this.file.append([compress ? storedMember(line) : line])
    await this.file.sync()
    await check?.()
    const published = await publishDocument(store, this.file, name)
    return {bytes: this.file.bytes, name: published, seal: sealed}
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#members.map(async ({compressed}) => compressed))
    await this.#out.settled()
    await this.file.close()
  }

  /** Takes text, and with `isGiven` its memory, which nobody looks at any more. */
  async #append(text: Uint8Array, {isGiven = false} = {}): Promise<void> {
    this.#textHash.update(text)
    this.#textBytes += text.length
    if (!this.options.compress) {
      await (isGiven ? this.#out.give(text) : this.#out.append([text]))
      return
    }

    this.#pending.push(text)
    if (isGiven) this.#given.push(text)
    this.#pendingBytes += text.length
    if (this.#pendingBytes >= MEMBER_BYTES) await this.#startMember()
  }

  get #compressingBytes(): number {
    return this.#members.reduce((sum, {text}) => sum + text.length, 0)
  }

  async #startMember(): Promise<void> {
    if (this.#pendingBytes === 0) return
    const text = Buffer.concat(this.#pending, this.#pendingBytes)
    for (const piece of this.#given) freeBytes(piece)
    this.#pending = []
    this.#given = []
    this.#pendingBytes = 0
    const compressed = nodePlatform.gzip(text)
    // A failure is met when the member is awaited, in its turn.
    compressed.catch(() => {})
    this.#members.push({compressed, text})
    while (this.#members.length > 1 && this.#compressingBytes >= COMPRESSING_BYTES) await this.#finishMember()
  }

  async #finishMember(): Promise<void> {
    const member = this.#members.shift()
    if (!member) return
    const compressed = await member.compressed
    freeBytes(member.text)
    this.#fileHash.update(compressed)
    await this.#out.give(compressed)
  }

  async #drain(): Promise<void> {
    if (this.options.compress) await this.#startMember()
    while (this.#members.length > 0) await this.#finishMember()
    await this.#out.written()
  }

  /** A hash cannot be carried over a restart: what an earlier run wrote is read once more. */
  async #rehash(fileBytes: number): Promise<void> {
    const {compress, name} = this.options
    await withReader(unfinishedOf(this.options), name, async (reader) => {
      const fileHash = this.#fileHash
      const chunks = (async function* () {
        for await (const chunk of reader.stream(0, fileBytes)) {
          fileHash.update(chunk)
          yield chunk
        }
      })()
      for await (const text of compress ? nodePlatform.gunzip(chunks, {isPassing: true}) : chunks) {
        this.#textHash.update(text)
        this.#textBytes += text.length
      }
    })
  }
}

/** @throws DataOpsError STORAGE where an interrupted document begins again. */
function unfinishedOf({name, store}: ArchiveWriterOptions): UnfinishedWriters {
  if (store.unfinished) return store.unfinished
  throw new DataOpsError('STORAGE', `${store.describe(name)} cannot be continued where it lies.`, {
    hint: 'Run the backup again without `resume`.',
  })
}
