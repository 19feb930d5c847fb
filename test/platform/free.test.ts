import {Buffer} from 'node:buffer'
import {expect, it} from 'vitest'

import {freeBytes} from '../../src/platform/free.js'

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
