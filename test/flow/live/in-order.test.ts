import {expect, it} from 'vitest'

import {type Finished, inOrder} from '../../../src/flow/live/in-order.js'

/** Items are numbers, worked on until they are let go. */
class Work {
  readonly #waiting = new Map<string, () => void>()
  readonly begun: string[] = []

  async do(item: string, finished: Omit<Finished<string, string>, 'result'>): Promise<Finished<string, string>> {
    this.begun.push(item)
    await new Promise<void>((resolve) => {
      this.#waiting.set(item, resolve)
    })
    return {...finished, result: item}
  }

  async finish(...items: string[]): Promise<void> {
    for (const item of items) this.#waiting.get(item)?.()
    await new Promise(setImmediate)
  }
}

/** The results so far, as they come. */
function collect(results: AsyncIterable<string>): string[] {
  const found: string[] = []
  void (async () => {
    for await (const result of results) found.push(result)
  })()

  return found
}

it('gives results in the order of the items, with as many under way as there may be', async () => {
  const work = new Work()
  const found = collect(
    inOrder(['a', 'b', 'c', 'd'], {atOnce: 3, bytes: 100, weigh: () => 1}, async (item) => work.do(item, {bytes: 1})),
  )
  await work.finish('c', 'b')
  expect(work.begun).toEqual(['a', 'b', 'c'])
  expect(found).toEqual([])
  await work.finish('a')
  expect(found).toEqual(['a', 'b', 'c'])
  await work.finish('d')
  expect(found).toEqual(['a', 'b', 'c', 'd'])
})

it('has no more bytes under way and waiting than there may be, and one item however heavy', async () => {
  const work = new Work()
  const bytes: Record<string, number> = {a: 60, b: 30, c: 500, d: 10, e: 10}
  const found = collect(
    inOrder(Object.keys(bytes), {atOnce: 9, bytes: 100, weigh: (item) => bytes[item]}, async (item) =>
      work.do(item, {bytes: bytes[item]!}),
    ),
  )
  await work.finish('b')
  expect(work.begun).toEqual(['a', 'b'])
  await work.finish('a')
  expect(found).toEqual(['a', 'b'])
  expect(work.begun).toEqual(['a', 'b', 'c'])
  await work.finish('c')
  expect(work.begun).toEqual(['a', 'b', 'c', 'd', 'e'])
  await work.finish('d', 'e')
  expect(found).toEqual(['a', 'b', 'c', 'd', 'e'])
})

it('works alone on an item of which nothing is known, and counts what it came to', async () => {
  const work = new Work()
  const known: number[] = []
  const found = collect(
    inOrder(['a', 'b', 'c'], {atOnce: 9, bytes: 100, weigh: () => known[0]}, async (item) =>
      work.do(item, {bytes: 60}),
    ),
  )
  expect(work.begun).toEqual(['a'])
  known.push(60)
  await work.finish('a')
  expect(work.begun).toEqual(['a', 'b'])
  await work.finish('b')
  expect(work.begun).toEqual(['a', 'b', 'c'])
  await work.finish('c')
  expect(found).toEqual(['a', 'b', 'c'])
})

it('does what an item has left before the items behind it come to their turn', async () => {
  const work = new Work()
  const found = collect(
    inOrder(['a', 'b'], {atOnce: 2, bytes: 100, weigh: () => 1}, async (item) =>
      work.do(item, {bytes: 1, ...(item.length < 3 && item.startsWith('a') && {rest: `${item}+`})}),
    ),
  )
  await work.finish('b', 'a')
  expect(found).toEqual(['a'])
  await work.finish('a+')
  expect(found).toEqual(['a', 'a+'])
  await work.finish('a++')
  expect(found).toEqual(['a', 'a+', 'a++', 'b'])
})
