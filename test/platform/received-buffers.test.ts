import {Buffer} from 'node:buffer'
import {expect, it} from 'vitest'

import {ReceivedBuffers} from '../../src/platform/received-buffers.js'
import {bodyOf} from '../../src/store/objects/client.js'

/** As Node gives them: several pieces of one buffer, then those of the next. */
function pieces(): Buffer[] {
  const [first, second] = [new ArrayBuffer(65_536), new ArrayBuffer(65_536)]
  return [
    Buffer.from(first, 0, 40_000).fill(1),
    Buffer.from(first, 40_000, 25_536).fill(2),
    Buffer.from(second, 0, 65_536).fill(3),
  ]
}

async function* each(all: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* all
}

it('frees a buffer once a piece of the next has come, and not before', () => {
  const [one, two, three] = pieces()
  const received = new ReceivedBuffers()
  received.note(one!)
  received.note(two!)
  expect(one!.length).toBe(40_000)
  received.note(three!)
  expect([one!.length, two!.length, three!.length]).toEqual([0, 0, 65_536])
})

it("leaves Node's own pool of small buffers alone", () => {
  const received = new ReceivedBuffers()
  const pooled = Buffer.from('of the pool')
  expect(pooled.buffer.byteLength).toBe(Buffer.poolSize)
  const earlier = pooled.buffer
  // Until Node takes another.
  while (Buffer.allocUnsafe(1024).buffer === earlier);
  received.note(pooled)
  for (const piece of pieces()) received.note(piece)
  expect(pooled.toString()).toBe('of the pool')
})

it.each([
  ['as long as was asked for', 131_072],
  ['longer than was asked for', 50_000],
])('of a body %s nothing is lost', async (_, end) => {
  const expected = Buffer.concat(pieces())
  const all = pieces()
  const bytes = await bodyOf(each(all), {end, start: 0}, new ReceivedBuffers())
  expect(Buffer.compare(bytes, expected)).toBe(0)
  expect(all.map(({length}) => length)).toEqual([0, 0, 65_536])
})
