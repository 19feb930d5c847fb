/** A file from its first byte to the last, each read once, for who asks for pieces in the order in which they lie. */
import type {ByteSource} from '../../codec/codec.js'
import type {StoreReader} from '../../store/store.js'

import {endsTooEarly} from '../../store/damaged.js'

const FIRST_BYTES = 4 * 1024 * 1024

export class SequentialSource implements ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly size: number
  /** One buffer for all: what is not yet behind, from its start on, is the file from `#start` on. */
  #buffer = new Uint8Array(FIRST_BYTES)
  #held = 0
  #start = 0

  /** `onBytes`: gets all of the file, in order, as far as it was read. */
  constructor(
    reader: StoreReader,
    private readonly where: string,
    private readonly onBytes: (bytes: Uint8Array) => void,
  ) {
    this.#chunks = reader.stream(0, reader.size, {isPassing: true})[Symbol.asyncIterator]()
    this.size = reader.size
  }

  /** `start` is at or behind that of the last call. What is returned stays so until the next one. */
  async read(start: number, end: number): Promise<Uint8Array> {
    if (start < this.#start || end < start || end > this.size) {
      throw endsTooEarly(this.where, {end, size: this.size, start})
    }

    await this.#reach(end, start)
    const from = start - this.#start
    return this.#buffer.subarray(from, from + end - start)
  }

  /** Reads what is left, for `onBytes` alone. */
  async finish(): Promise<void> {
    await this.#reach(this.size, this.size)
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  /** Nothing before `from` is kept. */
  async #reach(end: number, from: number): Promise<void> {
    while (this.#start + this.#held < end) {
      const next = await this.#chunks.next()
      if (next.done === true) throw endsTooEarly(this.where, {end, size: this.#start + this.#held, start: from})
      this.onBytes(next.value)
      this.#drop(from)
      this.#add(next.value)
    }
  }

  #add(bytes: Uint8Array): void {
    if (this.#held + bytes.length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#held + bytes.length))
      larger.set(this.#buffer.subarray(0, this.#held))
      this.#buffer = larger
    }

    this.#buffer.set(bytes, this.#held)
    this.#held += bytes.length
  }

  #drop(before: number): void {
    const count = Math.min(this.#held, before - this.#start)
    if (count <= 0) return
    this.#buffer.copyWithin(0, count, this.#held)
    this.#held -= count
    this.#start += count
  }
}
