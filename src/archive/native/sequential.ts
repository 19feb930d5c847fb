/** A file from its first byte to the last, each read once, for who asks for pieces in the order in which they lie. */
import type {ByteSource} from '../../codec/codec.js'
import type {StoreReader} from '../../store/store.js'

import {concatBytes} from '../../codec/bytes.js'
import {endsTooEarly} from '../../store/damaged.js'

export class SequentialSource implements ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #onBytes: (bytes: Uint8Array) => void
  readonly #where: string
  readonly size: number
  /** What was read and may be asked for again, from `#start` on. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  #start = 0

  /** `onBytes`: gets all of the file, in order, as far as it was read. */
  constructor(reader: StoreReader, where: string, onBytes: (bytes: Uint8Array) => void) {
    this.#chunks = reader.stream()[Symbol.asyncIterator]()
    this.#onBytes = onBytes
    this.#where = where
    this.size = reader.size
  }

  /** `start` is at or behind that of the last call. */
  async read(start: number, end: number): Promise<Uint8Array> {
    if (start < this.#start || end < start || end > this.size) {
      throw endsTooEarly(this.#where, {end, size: this.size, start})
    }

    await this.#reach(end, start)
    this.#drop(start)
    const bytes = concatBytes(this.#held)
    this.#held = [bytes]
    return bytes.subarray(0, end - start)
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
    while (this.#start + this.#heldBytes < end) {
      const next = await this.#chunks.next()
      if (next.done === true) throw endsTooEarly(this.#where, {end, size: this.#start + this.#heldBytes, start: from})
      this.#onBytes(next.value)
      this.#held.push(next.value)
      this.#heldBytes += next.value.length
      this.#drop(from)
    }
  }

  #drop(before: number): void {
    for (let first = this.#held[0]; first && this.#start < before; first = this.#held[0]) {
      const count = Math.min(first.length, before - this.#start)
      if (count === first.length) this.#held.shift()
      else this.#held[0] = first.subarray(count)
      this.#start += count
      this.#heldBytes -= count
    }
  }
}
