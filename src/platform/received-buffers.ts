/** Memory that Node reads a connection into, freed before the garbage collector finds it. */
import {freeBytes} from './free.js'

/**
 * Node reads a connection into buffers that the pieces of what comes are views of, 64 KiB of them for every call to the kernel.
 * Left to the garbage collector they are what it is called for most; here each is freed as soon as the next is there.
 */
export class ReceivedBuffers {
  #last?: Uint8Array

  /** To be called for every piece of the connection, which must be copied at once. */
  note(piece: Uint8Array): void {
    if (piece.buffer === this.#last?.buffer) return
    if (this.#last) freeBytes(this.#last)
    this.#last = piece
  }
}
