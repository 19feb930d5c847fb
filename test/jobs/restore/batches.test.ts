import {expect, it} from 'vitest'

import {BatchQueue} from '../../../src/jobs/restore/batches.js'

it('has batches under way that are no heavier together than as many full ones', async () => {
  const weights = [1, 0.5, 1, 9, 0.5, 20, 1, 1, 1]
  let under: number[] = []
  const seen: number[][] = []
  const items = (async function* () {
    for (const weight of weights) yield {weight}
  })()
  await new BatchQueue(3).each(items, async ({weight}) => async () => {
    under.push(weight)
    seen.push([...under])
    await new Promise(setImmediate)
    under = under.toSpliced(under.indexOf(weight), 1)
  })
  expect(seen.map((each) => each.at(-1))).toEqual(weights)
  for (const each of seen) {
    expect(each.length).toBeLessThanOrEqual(3)
    if (each.length > 1) expect(each.reduce((sum, weight) => sum + weight)).toBeLessThanOrEqual(3)
  }

  expect(Math.max(...seen.map((each) => each.length))).toBe(3)
})
