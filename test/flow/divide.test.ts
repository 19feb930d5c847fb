import {describe, expect, it} from 'vitest'

import type {Connection} from '../../src/weaviate/connection.js'

import {divideByContent} from '../../src/flow/divide.js'
import {Throttle} from '../../src/flow/throttle.js'
import {MAX_UUID, numberToUuid} from '../../src/model/uuid-range.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'

const plan = planCollection({class: 'Divided'})
const COUNT = 20_000
/** The same each time. */
function* random(): Generator<bigint> {
  for (let state = 1n; ;) {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % 2n ** 64n
    yield state
  }
}

const bits = random()
const next = (): bigint => bits.next().value as bigint
const KINDS: Record<string, bigint[]> = {
  'in two heaps': Array.from({length: COUNT}, (_, at) => 2n ** (at % 2 === 0 ? 100n : 127n) + next()),
  'of random UUIDs': Array.from({length: COUNT}, () => (next() << 64n) + next()),
  'that are numbers': Array.from({length: COUNT}, (_, at) => BigInt(at + 1)),
  'that begin with the time': Array.from(
    {length: COUNT},
    (_, at) => ((1_790_000_000_000n + BigInt(at)) << 80n) + next(),
  ),
}

/** Lists ids, and counts how often it is asked. */
function listing(ids: readonly string[]): Pick<Connection, 'readPage'> & {asked: number} {
  return {
    asked: 0,
    async readPage({after, limit}) {
      this.asked++
      let low = 0
      for (let high = ids.length; low < high;) {
        const middle = (low + high) >> 1
        if (after !== undefined && ids[middle]! <= after) low = middle + 1
        else high = middle
      }

      return {bytes: 0, objects: ids.slice(low, low + limit).map((id) => ({id, properties: {}}))}
    },
  }
}

const divide = async (ids: readonly string[], parts: number) => {
  const connection = listing(ids)
  const slices = await divideByContent({connection, plan, throttle: new Throttle({concurrency: 8})}, parts)
  return {connection, slices}
}

describe.each(Object.keys(KINDS))('ids %s', (kind) => {
  const ids = KINDS[kind]!.map((id) => numberToUuid(id)).sort()

  it.each([2, 16, 100])('are divided fairly into %i', async (parts) => {
    const {connection, slices} = await divide(ids, parts)
    // Together everything, and nothing twice.
    expect(slices[0]!.after).toBeUndefined()
    expect(slices.at(-1)!.until).toBe(MAX_UUID)
    for (const [at, slice] of slices.entries()) if (at > 0) expect(slice.after).toBe(slices[at - 1]!.until)
    const held = slices.map(({after = '', until}) => ids.filter((id) => id > after && id <= until).length)
    expect(held.reduce((sum, count) => sum + count, 0)).toBe(COUNT)
    expect(slices).toHaveLength(parts)
    expect(Math.max(...held)).toBeLessThan((2 * COUNT) / parts)
    expect(connection.asked).toBeLessThan(1000)
  })
})

it('nothing, and little, is not divided for nothing', async () => {
  for (const ids of [[], [numberToUuid(7n)]]) {
    const {connection, slices} = await divide(ids, 4)
    expect(slices[0]!.after).toBeUndefined()
    expect(slices.at(-1)!.until).toBe(MAX_UUID)
    expect(connection.asked).toBe(1)
  }
})
