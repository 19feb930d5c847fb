import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import {
  CHUNK_BYTES,
  type ChunkCipher,
  chunkCount,
  chunkNonce,
  NONCE_BYTES,
  PayloadSealer,
  SEALED_CHUNK_BYTES,
  TAG_BYTES,
  textBytesOf,
} from '../../../src/codec/age/payload.js'

const edges = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES - 1]

describe('sizes', () => {
  it('of text and payload follow from each other', () => {
    const size = fc.oneof(
      fc.constantFrom(...edges),
      fc.maxSafeNat().map((bytes) => bytes % 2 ** 45),
    )
    fc.assert(
      fc.property(size, (bytes) => {
        expect(textBytesOf(NONCE_BYTES + bytes + TAG_BYTES * chunkCount(bytes))).toBe(bytes)
      }),
    )
  })

  it('that no payload has are known', () => {
    const bytes = 16
    const impossible = [0, 15, bytes, bytes + 15, bytes + SEALED_CHUNK_BYTES + 1, bytes + SEALED_CHUNK_BYTES + 16]
    expect(impossible.map((size) => textBytesOf(size))).toEqual(impossible.map(() => undefined))
    expect(textBytesOf(bytes + 16)).toBe(0)
    expect(textBytesOf(bytes + SEALED_CHUNK_BYTES + 17)).toBe(CHUNK_BYTES + 1)
  })
})

it('a chunk has a nonce of its own: eleven bytes of its place, and whether it is the last', () => {
  expect(Buffer.from(chunkNonce(0, false)).toString('hex')).toBe('000000000000000000000000')
  expect(Buffer.from(chunkNonce(258, true)).toString('hex')).toBe('000000000000000000010201')
  expect(Buffer.from(chunkNonce(2 ** 32 + 5, false)).toString('hex')).toBe('000000000000010000000500')
})

it('text in pieces becomes the same chunks, whatever the pieces', () => {
  const seen: Array<{last: boolean; text: Buffer}> = []
  const cipher: ChunkCipher = {
    open: () => undefined,
    seal(nonce, text) {
      seen.push({last: nonce[11] === 1, text: Buffer.from(text)})
      return [text]
    },
  }
  const pieceSize = fc.oneof(fc.constantFrom(0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES), fc.nat(200_000))
  fc.assert(
    fc.property(fc.array(pieceSize, {maxLength: 6}), (sizes) => {
      seen.length = 0
      const sealer = new PayloadSealer(cipher)
      const all: Buffer[] = []
      for (const [index, size] of sizes.entries()) {
        const piece = Buffer.alloc(size, index + 1)
        all.push(Buffer.from(piece))
        sealer.update(piece)
        // Whoever gave it may use it again.
        piece.fill(0xff)
      }

      sealer.finish()
      const text = Buffer.concat(all)
      expect(Buffer.concat(seen.map((chunk) => chunk.text)).equals(text)).toBe(true)
      expect(seen.length).toBe(Math.max(1, Math.ceil(text.length / CHUNK_BYTES)))
      expect(seen.map(({last}) => last)).toEqual(seen.map((_, index) => index === seen.length - 1))
      expect(seen.slice(0, -1).every((chunk) => chunk.text.length === CHUNK_BYTES)).toBe(true)
    }),
    {numRuns: 60},
  )
})
