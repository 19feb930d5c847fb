import {Buffer} from 'node:buffer'
import {randomBytes} from 'node:crypto'
import zlib from 'node:zlib'
import {expect, it} from 'vitest'

import {freeBytes, freeFilled} from '../../src/platform/free.js'

it('frees all memory that bytes lie in', () => {
  const memory = new ArrayBuffer(100_000)
  const [bytes, beside] = [new Uint8Array(memory, 10, 1000), new Uint8Array(memory, 5000, 10)]
  freeBytes(bytes)
  expect([memory.byteLength, bytes.length, beside.length]).toEqual([0, 0, 0])
  // Twice does no harm.
  freeBytes(bytes)
})

it("leaves Node's own pool of small buffers alone, and memory that threads share", () => {
  const pooled = Buffer.from('of the pool')
  expect(pooled.buffer.byteLength).toBe(Buffer.poolSize)
  freeBytes(pooled)
  expect(pooled.toString()).toBe('of the pool')
  const shared = new Uint8Array(new SharedArrayBuffer(100))
  freeBytes(shared)
  expect(shared.length).toBe(100)
})

it('frees what zlib has inflated once that is full, and none that it goes on filling', async () => {
  const text = randomBytes(1_000_000)
  const inflate = zlib.createGunzip({chunkSize: 64 * 1024})
  const deflated = zlib.gzipSync(text)
  // In pieces that fill no chunk by themselves.
  for (let at = 0; at < deflated.length; at += 10_000) inflate.write(deflated.subarray(at, at + 10_000))
  inflate.end()
  const read: Buffer[] = []
  let freed = 0
  for await (const piece of inflate as AsyncIterable<Uint8Array>) {
    read.push(Buffer.from(piece))
    freeFilled(piece)
    if (piece.length === 0) freed++
  }

  expect(Buffer.concat(read).equals(text)).toBe(true)
  expect(read.length).toBeGreaterThan(50)
  expect(freed).toBe(Math.floor(text.length / (64 * 1024)))
})
