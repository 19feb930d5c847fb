/** Writes the parts of a folder, one after another, under names that it is given. */
import type {IncrementalHash, PartCodec, PartEncoder} from '../codec/codec.js'
import type {SealedPart} from '../codec/document.js'
import type {WeaviateObject} from '../model/object.js'
import type {StoreWriter} from '../store/store.js'

import {toHex} from '../codec/bytes.js'
import {nodePlatform} from '../platform/node.js'
import {refused} from '../store/damaged.js'
import {partCodec} from './formats.js'
import {WriteBehind} from './write-behind.js'
import {type ArchiveWriterOptions, PartExtent} from './writer.js'

export interface PartsWriterOptions extends Pick<
  ArchiveWriterOptions,
  'check' | 'compress' | 'format' | 'head' | 'name' | 'store'
> {
  /** What the next part is called; asked when its first objects are there. */
  nextName: (extension: string) => Promise<string> | string
}

interface OpenPart {
  encoder: PartEncoder
  extent: PartExtent
  file: StoreWriter
  hash: IncrementalHash
  name: string
  out: WriteBehind
}

export class PartsWriter {
  #part?: OpenPart

  private constructor(
    private readonly options: PartsWriterOptions,
    private readonly codec: PartCodec,
  ) {}

  static async open(options: PartsWriterOptions): Promise<PartsWriter> {
    return new PartsWriter(options, await partCodec(options.format))
  }

  /** Of the part that is being written, so far. */
  get bytes(): number {
    return this.#part?.file.bytes ?? 0
  }

  get rows(): number {
    return this.#part?.extent.rows ?? 0
  }

  /** Begins a part, where none is being written: one without objects too. */
  async begin(): Promise<void> {
    this.#part ??= await this.#open()
  }

  async write(objects: readonly WeaviateObject[]): Promise<readonly never[]> {
    if (objects.length === 0) return []
    await this.begin()
    const part = this.#part
    if (!part) return []
    part.extent.add(objects)
    await append(part, await part.encoder.write(objects))
    return []
  }

  /** Ends the part that is being written: its footer comes last. Undefined when there is none. */
  async finish(): Promise<SealedPart | undefined> {
    const part = this.#part
    if (!part) return undefined
    await append(part, await part.encoder.finish())
    await part.out.written()
    if (!(await part.file.complete())) {
      const {name, store} = this.options
      const hint = 'Move it away, or run the backup again without `resume`.'
      throw refused(store.describe(`${name}/${part.name}`), 'is there already', hint)
    }

    this.#part = undefined
    return part.extent.seal(part.name, part.file.bytes, toHex(part.hash.digest()))
  }

  /** What is not finished is dropped. */
  async close(): Promise<void> {
    await this.#part?.out.settled()
    await this.#part?.file.close()
  }

  async #open(): Promise<OpenPart> {
    const {check, compress, head, name, nextName, store} = this.options
    // Who was asleep makes no folder anew that another process has gone from.
    await check?.()
    const part = await nextName(this.codec.extension)
    const encoder = this.codec.createEncoder({
      columns: head.metadata.columns!,
      compress,
      platform: nodePlatform,
      released: async () => this.#part?.out.written(),
      schema: head.schema,
    })
    const file = await store.createWriter(`${name}/${part}`)
    return {
      encoder,
      extent: new PartExtent(),
      file,
      hash: nodePlatform.createSha256(),
      name: part,
      out: new WriteBehind(file),
    }
  }
}

async function append(part: OpenPart, chunks: readonly Uint8Array[]): Promise<void> {
  if (chunks.length === 0) return
  for (const chunk of chunks) part.hash.update(chunk)
  await part.out.append(chunks)
}
