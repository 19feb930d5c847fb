import type {FileHandle} from 'node:fs/promises'

import type {StoreReader} from '../store.js'

import {type DataOpsError} from '../../model/errors.js'
import {endsTooEarly} from '../damaged.js'
import {storageError} from '../storage-error.js'

/** Bytes of a chunk that `StoreReader.stream` yields at most. */
const STREAM_CHUNK = 1024 * 1024

/** Pinned to the file that it opened: one that takes its place later is not seen. */
export class LocalReader implements StoreReader {
  #closed = false

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
    const bytes = new Uint8Array(end - start)
    let filled = 0
    while (filled < bytes.byteLength) {
      const {bytesRead} = await this.#readSome(bytes, filled, start + filled)
      if (bytesRead === 0) throw this.#short(start, end)
      filled += bytesRead
    }

    return bytes
  }

  async *stream(start = 0, end = this.size): AsyncGenerator<Uint8Array> {
    if (start === end) return
    let position = Math.min(start + STREAM_CHUNK, end)
    let next = this.read(start, position)
    while (true) {
      const chunk = await next
      if (position >= end) {
        yield chunk
        return
      }

      // The next chunk is read while the consumer has this one.
      const from = position
      position = Math.min(position + STREAM_CHUNK, end)
      next = this.read(from, position)
      // Not awaited if the consumer leaves; otherwise the next turn throws it.
      next.catch(() => undefined)
      yield chunk
    }
  }
}
