/** Random access to the text of an age file: what is read of it is proven, chunk by chunk. */
import {Buffer} from 'node:buffer'

import type {StoreReader} from '../store.js'

import {ageHeaderBytes, MAX_HEADER_BYTES} from '../../codec/age/header.js'
import {
  CHUNK_BYTES,
  type ChunkCipher,
  chunkCount,
  chunkNonce,
  NONCE_BYTES,
  payloadKey,
  SEALED_CHUNK_BYTES,
  TAG_BYTES,
  textBytesOf,
} from '../../codec/age/payload.js'
import {nodeChunkCipher} from '../../platform/chunk-cipher.js'
import {freeBytes} from '../../platform/free.js'
import {damaged} from '../damaged.js'
import {ReusedMemory} from '../reused-memory.js'

const FIRST_READ = 1024
/** Chunks that were opened last, kept for reads that share one. */
const KEPT_CHUNKS = 4

export interface AgeReaderOptions {
  /** The file key of a header. @throws when it is none that can be opened. */
  fileKeyOf: (header: Uint8Array) => Promise<Uint8Array>
  /** What messages call the file. */
  where: string
}

/**
 * Opens an age file for reading. Its size is proven at once: the last chunk is opened.
 * @throws DataOpsError BACKUP_DAMAGED when it is none, or has not the bytes that were written; what `fileKeyOf` throws.
 */
export async function openAgeReader(file: StoreReader, {fileKeyOf, where}: AgeReaderOptions): Promise<StoreReader> {
  const header = await readAgeHeader(file, where)
  const textBytes = textBytesOf(file.size - header.length)
  if (textBytes === undefined) throw damaged(where, 'it is cut off')
  const fileKey = await fileKeyOf(header)
  const start = header.length + NONCE_BYTES
  const key = payloadKey(fileKey, await file.read(header.length, start))
  const reader = new AgeReader({cipher: nodeChunkCipher(key), file, size: textBytes, start, where})
  await reader.read(Math.max(0, textBytes - 1), textBytes)
  if (textBytes === 0) await reader.proveEmpty()
  return reader
}

/** @throws DataOpsError BACKUP_DAMAGED when the file does not start with one. */
async function readAgeHeader(file: StoreReader, where: string): Promise<Uint8Array> {
  for (let length = FIRST_READ; ; length = Math.min(length * 8, MAX_HEADER_BYTES)) {
    const start = await file.read(0, Math.min(length, file.size))
    const bytes = ageHeaderBytes(start)
    if (bytes !== undefined) return start.subarray(0, bytes)
    if (length >= file.size || length >= MAX_HEADER_BYTES) throw damaged(where, 'it is no encrypted file of age')
  }
}

interface AgeFile {
  cipher: ChunkCipher
  file: StoreReader
  /** Bytes of the text. */
  size: number
  /** Where the first chunk starts in the file. */
  start: number
  where: string
}

class AgeReader implements StoreReader {
  readonly #age: AgeFile
  readonly #kept = new Map<number, Uint8Array>()
  readonly #memory = new ReusedMemory()
  readonly size: number

  constructor(age: AgeFile) {
    this.#age = age
    this.size = age.size
  }

  async close(): Promise<void> {
    this.#kept.clear()
    await this.#age.file.close()
  }

  /** Chunks that are kept are shorter than what memory is kept of. */
  giveBack(bytes: Uint8Array): void {
    this.#memory.giveBack(bytes)
  }

  async proveEmpty(): Promise<void> {
    await this.#chunk(0)
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    if (start < 0 || end < start || end > this.size) {
      throw damaged(this.#age.where, `it has ${this.size} bytes, and bytes ${start} to ${end} were asked for`)
    }

    if (start === end) return new Uint8Array()
    const first = Math.floor(start / CHUNK_BYTES)
    const last = Math.floor((end - 1) / CHUNK_BYTES)
    if (first === last) {
      const chunk = await this.#chunk(first)
      return chunk.subarray(start - first * CHUNK_BYTES, end - first * CHUNK_BYTES)
    }

    const sealed = await this.#readSealed(first, last)
    const bytes = this.#memory.take(end - start)
    for (const [index, chunk] of this.#eachOf(sealed, first)) {
      const at = index * CHUNK_BYTES
      const text = this.#unseal(chunk, index)
      const from = Math.max(start, at)
      bytes.set(text.subarray(from - at, end - at), from - start)
      freeBytes(text)
    }

    this.#age.file.giveBack?.(sealed)
    return bytes
  }

  async *stream(start = 0, end = this.size, {isPassing = false} = {}): AsyncGenerator<Uint8Array> {
    if (start >= end) return
    let index = Math.floor(start / CHUNK_BYTES)
    const last = Math.floor((Math.min(end, this.size) - 1) / CHUNK_BYTES)
    for await (const sealed of this.#sealedChunks(index, last)) {
      const at = index * CHUNK_BYTES
      const text = this.#unseal(sealed, index++)
      yield text.subarray(Math.max(0, start - at), Math.max(0, end - at))
      if (isPassing) freeBytes(text)
    }

    if (index <= last) throw damaged(this.#age.where, 'it was cut off while it was read')
    if (end > this.size) throw damaged(this.#age.where, `it ends at byte ${this.size}, before ${end}`)
  }

  /** Those chunks as they lie in the file, however its pieces come. */
  async *#sealedChunks(first: number, last: number): AsyncGenerator<Uint8Array> {
    const from = this.#placeOf(first)
    const to = this.#endOf(last)
    let rest: Uint8Array = new Uint8Array()
    for await (const piece of this.#age.file.stream(from, to, {isPassing: true})) {
      let at = 0
      if (rest.length > 0) {
        const joined = Buffer.concat([rest, piece.subarray(0, SEALED_CHUNK_BYTES - rest.length)])
        at = joined.length - rest.length
        if (joined.length < SEALED_CHUNK_BYTES) {
          rest = joined
          continue
        }

        yield joined
      }

      for (; piece.length - at >= SEALED_CHUNK_BYTES; at += SEALED_CHUNK_BYTES) {
        yield piece.subarray(at, at + SEALED_CHUNK_BYTES)
      }

      // The piece may be its owner's again.
      rest = new Uint8Array(piece.subarray(at))
    }

    if (rest.length > 0) yield rest
  }

  async #chunk(index: number): Promise<Uint8Array> {
    const kept = this.#kept.get(index)
    if (kept) return kept
    const sealed = await this.#readSealed(index, index)
    const chunk = this.#unseal(sealed, index)
    this.#age.file.giveBack?.(sealed)
    this.#kept.set(index, chunk)
    for (const old of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_CHUNKS) break
      this.#kept.delete(old)
    }

    return chunk
  }

  async #readSealed(first: number, last: number): Promise<Uint8Array> {
    return this.#age.file.read(this.#placeOf(first), this.#endOf(last))
  }

  /** Chunks that lie one behind another, from that one on. */
  *#eachOf(sealed: Uint8Array, first: number): Generator<[index: number, chunk: Uint8Array]> {
    for (let at = 0, index = first; at < sealed.length; at += SEALED_CHUNK_BYTES, index++) {
      yield [index, sealed.subarray(at, at + SEALED_CHUNK_BYTES)]
    }
  }

  #unseal(sealed: Uint8Array, index: number): Uint8Array {
    const isLast = index === chunkCount(this.size) - 1
    const text = this.#age.cipher.open(chunkNonce(index, isLast), sealed)
    if (text) return text
    const from = this.#placeOf(index)
    throw damaged(this.#age.where, `bytes ${from} to ${from + sealed.length} are not what was encrypted there`)
  }

  #placeOf(index: number): number {
    return this.#age.start + index * SEALED_CHUNK_BYTES
  }

  #endOf(index: number): number {
    const textEnd = Math.min(this.size, (index + 1) * CHUNK_BYTES)
    return this.#age.start + textEnd + TAG_BYTES * (index + 1)
  }
}
