import {Buffer} from 'node:buffer'
import {randomBytes} from 'node:crypto'
import {describe, expect, it} from 'vitest'

import type {StoreReader} from '../../src/store/store.js'

import {type FileProof, ProofMaker, ProvenReader} from '../../src/archive/proof.js'
import {memoryStore} from '../support/memory-store.js'

const SIZE = 700_001

function proofOf(bytes: Uint8Array, pieces: number): FileProof {
  const maker = new ProofMaker(bytes.length)
  for (let at = 0; at < bytes.length; at += pieces) maker.update(bytes.subarray(at, at + pieces))
  return maker.finish()
}

async function readerOf(bytes: Uint8Array, proof: FileProof): Promise<StoreReader> {
  const store = memoryStore()
  await store.put('file', bytes)
  return new ProvenReader(await store.openRead('file'), proof, 'file')
}

/** What is wrong with reading it, by one read and by a stream. */
async function complaints(bytes: Uint8Array, proof: FileProof): Promise<unknown[]> {
  const reader = await readerOf(bytes, proof)
  const streamed = async () => {
    let length = 0
    for await (const chunk of reader.stream()) length += chunk.length
    return length
  }

  return Promise.all(
    [reader.read(0, bytes.length), streamed()].map(async (reading) =>
      reading.then(
        () => undefined,
        (error: unknown) => (error as {code?: string}).code,
      ),
    ),
  )
}

describe('what was proven', () => {
  const bytes = randomBytes(SIZE)

  it.each([1, 1000, 128 * 1024, SIZE])(
    'is read as it was, any part of it, after pieces of %i bytes',
    async (pieces) => {
      const few = pieces === 1 ? bytes.subarray(0, 3000) : bytes
      const reader = await readerOf(few, proofOf(few, pieces))
      for (const [start, end] of [
        [0, 1],
        [131_071, 131_073],
        [5, 400_000],
        [SIZE - 1, SIZE],
        [0, SIZE],
      ] as const) {
        if (end > few.length) continue
        expect(Buffer.from(await reader.read(start, end)).equals(few.subarray(start, end))).toBe(true)
        let at: number = start
        for await (const chunk of reader.stream(start, end)) {
          expect(Buffer.from(chunk).equals(few.subarray(at, at + chunk.length))).toBe(true)
          at += chunk.length
        }

        expect(at).toBe(end)
      }
    },
  )

  it.each([7, 1000, 100_000, 131_072, 200_000])(
    'is read as it was from a reader whose chunks of %i bytes pass: each is overwritten once the next is asked for',
    async (size) => {
      const proof = proofOf(bytes, 10_000)
      const few = size === 7 ? bytes.subarray(0, 20_000) : bytes
      const inner: StoreReader = {
        async close() {},
        read: async (start, end) => few.subarray(start, end),
        size: few.length,
        async *stream(start = 0, end = few.length, {isPassing = false} = {}) {
          const memory = Buffer.alloc(size)
          for (let at = start; at < end; at += size) {
            const piece = few.subarray(at, Math.min(end, at + size))
            memory.fill(0xaa)
            memory.set(piece)
            yield isPassing ? memory.subarray(0, piece.length) : Uint8Array.from(piece)
          }
        },
      }
      const reader = new ProvenReader(inner, size === 7 ? proofOf(few, 100) : proof, 'file')
      for (const isPassing of [false, true]) {
        for (const start of [0, 5, 131_071]) {
          if (start > few.length) continue
          const read: Buffer[] = []
          for await (const chunk of reader.stream(start, few.length, {isPassing})) read.push(Buffer.from(chunk))
          expect(Buffer.concat(read).equals(few.subarray(start))).toBe(true)
        }
      }
    },
  )

  it('is refused with one bit changed, wherever it is', async () => {
    const proof = proofOf(bytes, 10_000)
    for (const at of [0, 131_071, 131_072, 300_000, SIZE - 1]) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      expect(await complaints(changed, proof)).toEqual(['BACKUP_DAMAGED', 'BACKUP_DAMAGED'])
    }

    expect(await complaints(bytes, proof)).toEqual([undefined, undefined])
  })

  it('is refused with two chunks in each other’s place, though each was there', async () => {
    const {chunkBytes} = proofOf(bytes, SIZE)
    const [first, second] = [bytes.subarray(0, chunkBytes), bytes.subarray(chunkBytes, 2 * chunkBytes)]
    const swapped = Buffer.concat([second, first, bytes.subarray(2 * chunkBytes)])
    expect(await complaints(swapped, proofOf(bytes, SIZE))).toEqual(['BACKUP_DAMAGED', 'BACKUP_DAMAGED'])
  })

  it('has tags under a key of its own', () => {
    expect(Buffer.from(proofOf(bytes, SIZE).tags).equals(proofOf(bytes, SIZE).tags)).toBe(false)
  })
})
