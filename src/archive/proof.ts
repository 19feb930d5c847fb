/** What was hashed is what is read: each piece of a file is compared with its tag of the first reading before anything is made of it. */
import {Buffer} from 'node:buffer'

import type {StoreReader} from '../store/store.js'

import {DataOpsError} from '../model/errors.js'
import {newPieceKey, type PieceKey, pieceTag} from '../platform/node.js'

const TAG_BYTES = 16
const MIN_CHUNK = 128 * 1024
/** Chunks of one file at most: 1 MiB of tags. */
const MAX_CHUNKS = 65_536
/** Chunks that were checked last, kept for reads that share one. */
const KEPT_CHUNKS = 4

/** One file, chunk by chunk. Threads can hand it to each other. */
export interface FileProof {
  /** Of the file. */
  bytes: number
  chunkBytes: number
  /** By what made them: of no use to another process. */
  key: PieceKey
  tags: Uint8Array
}

/** By the file's name in its store. */
export type Proof = Map<string, FileProof>

/** Takes a file's bytes from first to last. */
export class ProofMaker {
  readonly #chunk: Buffer
  readonly #key = newPieceKey()
  readonly #tags: Uint8Array[] = []
  #filled = 0
  #bytes = 0

  /** `bytes`: how many there will be. */
  constructor(bytes: number) {
    let size = MIN_CHUNK
    while (size * MAX_CHUNKS < bytes) size *= 2
    this.#chunk = Buffer.allocUnsafe(size)
  }

  finish(): FileProof {
    if (this.#filled > 0) this.#endChunk()
    return {bytes: this.#bytes, chunkBytes: this.#chunk.length, key: this.#key, tags: Buffer.concat(this.#tags)}
  }

  update(bytes: Uint8Array): void {
    this.#bytes += bytes.length
    for (let at = 0; at < bytes.length;) {
      // What is a whole chunk need not be copied.
      if (this.#filled === 0 && bytes.length - at >= this.#chunk.length) {
        this.#tag(bytes.subarray(at, at + this.#chunk.length))
        at += this.#chunk.length
        continue
      }

      const piece = bytes.subarray(at, at + this.#chunk.length - this.#filled)
      this.#chunk.set(piece, this.#filled)
      this.#filled += piece.length
      at += piece.length
      if (this.#filled === this.#chunk.length) this.#endChunk()
    }
  }

  #endChunk(): void {
    this.#tag(this.#chunk.subarray(0, this.#filled))
    this.#filled = 0
  }

  #tag(chunk: Uint8Array): void {
    this.#tags.push(pieceTag(this.#key, chunk, this.#tags.length))
  }
}

/** A reader that gives nothing but what the proof was made of. @throws DataOpsError BACKUP_DAMAGED where the file has other bytes now. */
export class ProvenReader implements StoreReader {
  readonly giveBack?: (bytes: Uint8Array) => void
  readonly #kept = new Map<number, Uint8Array>()

  constructor(
    private readonly reader: StoreReader,
    private readonly proof: FileProof,
    private readonly where: string,
  ) {
    if (reader.size !== proof.bytes) throw exchanged(where)
    // What is kept here are copies.
    if (reader.giveBack) this.giveBack = (bytes) => reader.giveBack?.(bytes)
  }

  get size(): number {
    return this.proof.bytes
  }

  async close(): Promise<void> {
    await this.reader.close()
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    // What lies outside is refused as by any reader, before anything is allocated.
    if (!(start >= 0 && start < end && end <= this.size)) return this.reader.read(start, end)
    const {chunkBytes} = this.proof
    const [first, last] = [Math.floor(start / chunkBytes), Math.floor((end - 1) / chunkBytes)]
    const kept = first === last ? this.#kept.get(first) : undefined
    const from = first * chunkBytes
    const bytes = kept ?? (await this.#readChunks(first, last))
    const wanted = bytes.subarray(start - from, end - from)
    // A copy: whoever asked for a few bytes shall not hold on to whole chunks, nor change one that is kept.
    return kept || wanted.length < bytes.length / 2 ? new Uint8Array(wanted) : wanted
  }

  async *stream(start = 0, end = this.size, {isPassing = false} = {}): AsyncGenerator<Uint8Array> {
    const {chunkBytes} = this.proof
    if (start >= end) return
    const from = Math.floor(start / chunkBytes) * chunkBytes
    const to = Math.min(Math.ceil(end / chunkBytes) * chunkBytes, this.size)
    let at = from
    let pending: Uint8Array[] = []
    let size = 0
    // What is kept until the next piece is there.
    const kept = (piece: Uint8Array): Uint8Array => (isPassing ? new Uint8Array(piece) : piece)
    for await (const piece of this.reader.stream(from, to, {isPassing})) {
      size += piece.length
      const isLast = at + size === to
      if (size < chunkBytes && !isLast) {
        pending.push(kept(piece))
        continue
      }

      pending.push(piece)
      const joined = pending.length === 1 ? piece : Buffer.concat(pending, size)
      const whole = isLast ? joined.length : joined.length - (joined.length % chunkBytes)
      const bytes = joined.subarray(0, whole)
      this.#check(bytes, at / chunkBytes)
      yield bytes.subarray(Math.max(0, start - at), Math.min(bytes.length, end - at))
      at += whole
      pending = whole < joined.length ? [kept(joined.subarray(whole))] : []
      size -= whole
    }
  }

  #check(bytes: Uint8Array, firstChunk: number): void {
    const {chunkBytes, key, tags} = this.proof
    for (let at = 0, chunk = firstChunk; at < bytes.length; at += chunkBytes, chunk++) {
      const found = pieceTag(key, bytes.subarray(at, at + chunkBytes), chunk)
      const expected = tags.subarray(chunk * TAG_BYTES, (chunk + 1) * TAG_BYTES)
      if (Buffer.compare(found, expected) !== 0) throw exchanged(this.where)
    }
  }

  async #readChunks(first: number, last: number): Promise<Uint8Array> {
    const {chunkBytes} = this.proof
    const bytes = await this.reader.read(first * chunkBytes, Math.min((last + 1) * chunkBytes, this.size))
    this.#check(bytes, first)
    this.#kept.delete(last)
    this.#kept.set(last, new Uint8Array(bytes.subarray((last - first) * chunkBytes)))
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_CHUNKS) break
      this.#kept.delete(oldest)
    }

    return bytes
  }
}

function exchanged(where: string): DataOpsError {
  return new DataOpsError('BACKUP_DAMAGED', `${where} was changed or exchanged while it was being read.`, {
    details: {path: where},
    hint: 'Nothing read since was used. See what is there now with `verifyBackup`. Use another backup if need be.',
  })
}
