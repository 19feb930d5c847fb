import type {FileHandle} from 'node:fs/promises'

import type {StoreReader} from '../store.js'

import {type DataOpsError} from '../../model/errors.js'
import {endsTooEarly} from '../damaged.js'
import {ReusedMemory} from '../reused-memory.js'
import {storageError} from '../storage-error.js'

/** Bytes of a chunk that `StoreReader.stream` yields at most. */
const STREAM_CHUNK = 1024 * 1024

/** Pinned to the file that it opened: one that takes its place later is not seen. */
export class LocalReader implements StoreReader {
  #closed = false
  readonly #memory = new ReusedMemory()

  constructor(
    private readonly handle: FileHandle,
    readonly size: number,
    private readonly where: string,
  ) {}

  async #readSome(bytes: Uint8Array, offset: number, position: number): Promise<{bytesRead: number}> {
    try {
      return await this.handle.read(bytes, offset, Math.min(bytes.byteLength - offset, 2 ** 30), position)
    } catch (error) {
      throw await storageError(error, this.where, {verb: 'read'})
    }
  }

  #short(start: number, end: number): DataOpsError {
    return endsTooEarly(this.where, {end, size: this.size, start})
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.handle.close()
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    // Before allocating: the range may come from a damaged file.
    if (!(start >= 0 && start <= end && end <= this.size)) throw this.#short(start, end)
    return this.#readInto(this.#memory.take(end - start), start)
  }

  giveBack(bytes: Uint8Array): void {
    this.#memory.giveBack(bytes)
  }

  async #readInto(bytes: Uint8Array, start: number): Promise<Uint8Array> {
    let filled = 0
    while (filled < bytes.byteLength) {
      const {bytesRead} = await this.#readSome(bytes, filled, start + filled)
      if (bytesRead === 0) throw this.#short(start, start + bytes.byteLength)
      filled += bytesRead
    }

    return bytes
  }

  async *stream(start = 0, end = this.size, {isPassing = false} = {}): AsyncGenerator<Uint8Array> {
    if (start === end) return
    // One is looked at while the next is read into the other.
    const spare: Uint8Array[] = isPassing && end - start > STREAM_CHUNK ? [new Uint8Array(STREAM_CHUNK)] : []
    const read = async (from: number, to: number): Promise<Uint8Array> => {
      const memory = spare.pop()
      // Only the last chunk is shorter: nothing follows that it would be too short for.
      return memory ? this.#readInto(memory.subarray(0, to - from), from) : this.read(from, to)
    }

    let position = Math.min(start + STREAM_CHUNK, end)
    let next = read(start, position)
    while (true) {
      const chunk = await next
      if (position >= end) {
        yield chunk
        return
      }

      // The next chunk is read while the consumer has this one.
      const from = position
      position = Math.min(position + STREAM_CHUNK, end)
      next = read(from, position)
      // Not awaited if the consumer leaves; otherwise the next turn throws it.
      next.catch(() => undefined)
      yield chunk
      if (isPassing) spare.push(chunk)
    }
  }
}
