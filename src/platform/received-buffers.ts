/** Memory that Node reads a connection into, freed before the garbage collector finds it. */
import {isMarkedAsUntransferable} from 'node:worker_threads'

/**
 * Node reads a connection into buffers that the pieces of what comes are views of, 64 KiB of them for every call to the kernel.
 * Left to the garbage collector they are what it is called for most; here each is freed as soon as the next is there.
 */
export class ReceivedBuffers {
  #last?: ArrayBuffer

  /** To be called for every piece of the connection, which must be copied at once. */
  note({buffer}: Uint8Array): void {
    if (buffer === this.#last || !(buffer instanceof ArrayBuffer)) return
    // Node's own pool of small buffers is everybody's. It is marked so; by its size it cannot be told (64 KiB since 24.21).
    if (this.#last && !isMarkedAsUntransferable(this.#last)) free(this.#last)
    this.#last = buffer
  }
}

/** Frees memory at once, by detaching it: what looks at it later sees nothing. (ES2024; every Node that is supported has it.) */
export function free(buffer: ArrayBufferLike): void {
  ;(buffer as unknown as {transfer: (length: number) => ArrayBuffer}).transfer(0)
}
