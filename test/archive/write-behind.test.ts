import {setImmediate} from 'node:timers/promises'
import {describe, expect, it} from 'vitest'

import {WriteBehind} from '../../src/archive/write-behind.js'

/** A file whose appends end when they are told to. */
function slowFile() {
  const taken: Uint8Array[][] = []
  const ends: Array<PromiseWithResolvers<void>> = []
  return {
    async append(chunks: readonly Uint8Array[]): Promise<void> {
      taken.push([...chunks])
      const end = Promise.withResolvers<void>()
      ends.push(end)
      await end.promise
    },
    ends,
    taken,
  }
}

/** Whether it has resolved or rejected by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let isOver = false
  void promise
    .catch(() => {})
    .finally(() => {
      isOver = true
    })
  await setImmediate()
  return isOver
}

describe('WriteBehind', () => {
  it('goes on while one append is under way, and begins the next one only after it', async () => {
    const file = slowFile()
    const out = new WriteBehind(file)
    await out.append([Uint8Array.of(1)])
    const second = out.append([Uint8Array.of(2)])
    expect(await isSettled(second)).toBe(false)
    expect(file.taken).toHaveLength(1)
    const written = out.written()
    expect(await isSettled(written)).toBe(false)
    file.ends[0]!.resolve()
    await second
    expect(file.taken).toHaveLength(2)
    const all = out.written()
    expect(await isSettled(all)).toBe(false)
    file.ends[1]!.resolve()
    await all
  })

  it('tells what an append failed with to all that come after it, and begins none', async () => {
    const file = slowFile()
    const out = new WriteBehind(file)
    await out.append([Uint8Array.of(1)])
    file.ends[0]!.reject(new Error('the disk is full'))
    await expect(out.append([Uint8Array.of(2)])).rejects.toThrow('the disk is full')
    await expect(out.give(Uint8Array.of(3))).rejects.toThrow('the disk is full')
    await expect(out.written()).rejects.toThrow('the disk is full')
    await out.settled()
    expect(file.taken).toHaveLength(1)
  })

  it('frees memory that it was given once it is written, and none that it was lent', async () => {
    const file = slowFile()
    const out = new WriteBehind(file)
    const lent = new Uint8Array(100_000)
    const given = new Uint8Array(100_000)
    await out.append([lent])
    file.ends[0]!.resolve()
    await out.give(given)
    expect(given.length).toBe(100_000)
    file.ends[1]!.resolve()
    await out.written()
    expect(lent.length).toBe(100_000)
    expect(given.length).toBe(0)
  })
})
