/** Memory is asked for in steps, of as many bytes, so that the next read, a little longer, fits too; less than one is not kept. */
const STEP_BYTES = 128 * 1024
/** Pieces that are kept at most: of some row groups. */
const KEPT = 32

/** Memory that reads fill again and again: made anew for each, it would have to be collected. */
export class ReusedMemory {
  readonly #kept: ArrayBuffer[] = []

  /** What lies in it is another read's until it is filled. */
  take(length: number): Uint8Array {
    if (length < STEP_BYTES) return new Uint8Array(length)
    const at = this.#kept.findIndex(({byteLength}) => byteLength >= length && byteLength <= length * 2)
    const [kept] = at === -1 ? [] : this.#kept.splice(at, 1)
    return new Uint8Array(kept ?? new ArrayBuffer(Math.ceil(length / STEP_BYTES) * STEP_BYTES), 0, length)
  }

  /** Nobody looks at it any more. */
  giveBack({buffer}: Uint8Array): void {
    if (buffer instanceof ArrayBuffer && buffer.byteLength >= STEP_BYTES) this.#kept.push(buffer)
    if (this.#kept.length > KEPT) this.#kept.shift()
  }
}
