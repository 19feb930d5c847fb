/** Memory that is freed at once, in place of being left to the garbage collector, which counts it towards its next collection. */
import {isMarkedAsUntransferable} from 'node:worker_threads'

/**
 * Frees all memory that these bytes lie in, by detaching it: what looks at it later sees nothing. Node's own pool of small buffers is
 * everybody's, and left alone. It is marked so; by its size it cannot be told (64 KiB since 24.21).
 */
export function freeBytes({buffer}: Uint8Array): void {
  // What is freed already has no bytes, and would be refused.
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength === 0 || isMarkedAsUntransferable(buffer)) return
  // ES2024; every Node that is supported has it.
  ;(buffer as unknown as {transfer: (length: number) => ArrayBuffer}).transfer(0)
}

/** The same of what zlib has inflated: it fills memory from its start, piece by piece, and takes other memory once that is full. */
export function freeFilled(piece: Uint8Array): void {
  if (piece.byteOffset + piece.byteLength === piece.buffer.byteLength) freeBytes(piece)
}
