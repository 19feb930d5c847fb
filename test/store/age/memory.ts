import type {StoreReader} from '../../../src/store/store.js'

/** Bytes as a place gives them, in pieces of one size or of several in turn. What was given back, or has passed, is overwritten. */
export function readerOf(bytes: Uint8Array, pieceSizes: readonly number[] = [1024 * 1024]): StoreReader {
  return {
    async close() {
      // Nothing is open.
    },
    giveBack(given) {
      given.fill(0xff)
    },
    async read(start, end) {
      if (end > bytes.length) throw new Error(`${end} is behind the end`)
      return Uint8Array.from(bytes.subarray(start, end))
    },
    size: bytes.length,
    async *stream(start = 0, end = bytes.length, {isPassing = false} = {}) {
      for (let at = start, turn = 0; at < end; turn++) {
        const next = Math.min(end, at + pieceSizes[turn % pieceSizes.length]!)
        const piece = Uint8Array.from(bytes.subarray(at, next))
        yield piece
        if (isPassing) piece.fill(0xff)
        at = next
      }
    },
  }
}

export async function allOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(Uint8Array.from(piece))
  return Buffer.concat(all)
}
