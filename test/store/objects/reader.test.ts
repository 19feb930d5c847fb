import {setTimeout as sleep} from 'node:timers/promises'
import {describe, expect, it} from 'vitest'

import {Calls} from '../../../src/store/objects/calls.js'
import {bodyOf, type ObjectClient, type Piece, type ReadRange} from '../../../src/store/objects/client.js'
import {openObject} from '../../../src/store/objects/reader.js'
import {ReusedMemory} from '../../../src/store/reused-memory.js'

const MIB = 1024 * 1024
const content = Buffer.from(Uint8Array.from({length: 24 * MIB + 3}, (_, index) => (index * 7 + (index >> 12)) % 251))
const IMPATIENT = {attempts: 3, callMs: 40, callMsPerByte: 0, maxPauseMs: 1, pauseMs: 1}

/** `before`: what happens before an answer comes. */
async function open(before: (range: ReadRange, count: number) => Promise<void> = async () => {}) {
  let count = 0
  const memories = new Set<ArrayBufferLike>()
  const client = {
    failure: () => ({code: '', kind: 'busy', mayBeDone: true, reason: 'busy'}),
    async get(_: string, range: ReadRange): Promise<Piece> {
      await before(range, ++count)
      const end = Math.min(range.end, content.length)
      const body = async function* () {
        for (let at = range.start; at < end; at += 65_536) yield content.subarray(at, Math.min(at + 65_536, end))
      }

      if (range.memory) memories.add(range.memory.buffer)
      return {bytes: await bodyOf(body(), range), modified: 0, size: content.length, tag: 'one'}
    },
  } as unknown as ObjectClient
  const reader = await openObject({calls: new Calls(async () => client, IMPATIENT), key: 'k', where: 's3://b/k'})
  return {memories, reader}
}

describe('a reader of objects', () => {
  it('fills the same memory again where chunks are only passed on', async () => {
    for (const isPassing of [false, true]) {
      const {memories, reader} = await open()
      let at = 3
      for await (const chunk of reader.stream(3, content.length, {isPassing})) {
        expect(content.subarray(at, at + chunk.length).equals(chunk)).toBe(true)
        at += chunk.length
      }

      expect(at).toBe(content.length)
      // Six ranges; five are there at once: one that is looked at, and four ahead of it.
      expect(memories.size).toBe(isPassing ? 5 : 6)
    }
  })

  it('gives each read memory of its own until that is given back', async () => {
    const {memories, reader} = await open()
    const first = await reader.read(100, 3 * MIB)
    const second = await reader.read(3 * MIB, 5 * MIB)
    expect(content.subarray(100, 3 * MIB).equals(first)).toBe(true)
    expect(content.subarray(3 * MIB, 5 * MIB).equals(second)).toBe(true)
    reader.giveBack(first)
    reader.giveBack(second)
    const wide = await reader.read(5 * MIB, 14 * MIB)
    expect(content.subarray(5 * MIB, 14 * MIB).equals(wide)).toBe(true)
    const start = await reader.read(0, 10)
    expect(content.subarray(0, 10).equals(start)).toBe(true)
    expect(memories.size).toBeLessThan(6)
  })

  it('is not written into by a call that was given up', async () => {
    let late: Promise<void> = Promise.resolve()
    const {reader} = await open(async ({memory}, count) => {
      if (count !== 2) return
      late = sleep(200).then(() => {
        memory?.fill(255)
      })
      await late
    })
    const bytes = await reader.read(MIB, 2 * MIB)
    await late
    expect(content.subarray(MIB, 2 * MIB).equals(bytes)).toBe(true)
    reader.giveBack(bytes)
    const next = await reader.read(2 * MIB, 3 * MIB)
    expect(content.subarray(2 * MIB, 3 * MIB).equals(next)).toBe(true)
  })
})

describe('the body of an answer', () => {
  async function* pieces(...sizes: number[]) {
    let at = 0
    for (const size of sizes) yield content.subarray(at, (at += size))
  }

  it('lies in the memory that was given, or is as long as it is', async () => {
    const memory = new Uint8Array(300)
    const exact = await bodyOf(pieces(100, 200), {end: 400, memory, start: 100})
    expect(exact.buffer).toBe(memory.buffer)
    expect(content.subarray(0, 300).equals(exact)).toBe(true)
    expect(await bodyOf(pieces(100, 100), {end: 300, start: 0})).toHaveLength(200)
    expect(await bodyOf(pieces(), {end: 300, start: 0})).toHaveLength(0)
    const whole = await bodyOf(pieces(100, 250, 10), {end: 300, memory, start: 0})
    expect(content.subarray(0, 360).equals(whole)).toBe(true)
  })
})

describe('memory that is used again', () => {
  it('is that of a read about as long, and small pieces are not kept', () => {
    const memory = new ReusedMemory()
    const [long, small] = [memory.take(MIB), memory.take(10)]
    memory.giveBack(small)
    memory.giveBack(long.subarray(5))
    expect(memory.take(10).buffer).not.toBe(small.buffer)
    expect(memory.take(MIB / 4).buffer).not.toBe(long.buffer)
    const again = memory.take(MIB - 5)
    expect([again.buffer === long.buffer, again.byteOffset, again.length]).toEqual([true, 0, MIB - 5])
    expect(memory.take(MIB).buffer).not.toBe(long.buffer)
  })
})
