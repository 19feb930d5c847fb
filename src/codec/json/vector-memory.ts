/** Where the vectors of a page of a document lie: made anew for each of them, their memory would have to be collected. */

/** Vectors that are longer have memory of their own. */
const BLOCK_BYTES = 1024 * 1024
/** Blocks that are kept for pages to come at most. */
const KEPT = 16

/** Hands out memory of blocks, which serve again once the page that they were of is released. */
export class VectorMemory {
  #blocks: ArrayBuffer[] = []
  readonly #spare: ArrayBuffer[] = []
  /** Bytes in use of the last block. */
  #used = BLOCK_BYTES

  /** Memory of so many bytes, aligned to four; what lies in it is whatever was there. */
  take(length: number): Uint8Array {
    if (length > BLOCK_BYTES) return new Uint8Array(length)
    if (this.#used + length > BLOCK_BYTES) {
      this.#blocks.push(this.#spare.pop() ?? new ArrayBuffer(BLOCK_BYTES))
      this.#used = 0
    }

    const bytes = new Uint8Array(this.#blocks.at(-1)!, this.#used, length)
    this.#used += Math.ceil(length / 4) * 4
    return bytes
  }

  /** Begins a new page. What is returned gives back the memory of the one before, once, when nobody looks at it any more. */
  endPage(): () => void {
    const blocks = this.#blocks
    this.#blocks = []
    this.#used = BLOCK_BYTES
    return () => {
      for (let block = blocks.pop(); block; block = blocks.pop()) if (this.#spare.length < KEPT) this.#spare.push(block)
    }
  }
}
