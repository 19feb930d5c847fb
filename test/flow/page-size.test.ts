import {describe, expect, it} from 'vitest'

import {defaultBatchSize, PageSize} from '../../src/flow/page-size.js'

describe('PageSize', () => {
  it('starts small and grows step by step to what fits', () => {
    const size = new PageSize(1000, 1_000_000)
    expect(size.limit).toBe(20)
    size.observe(20, 20 * 1000)
    expect(size.limit).toBe(160)
    size.observe(160, 160 * 1000)
    expect(size.limit).toBe(1000)
  })

  it('shrinks at once for heavy objects', () => {
    const size = new PageSize(1000, 1_000_000)
    size.observe(20, 20 * 100)
    size.observe(160, 160 * 500_000)
    expect(size.limit).toBe(2)
    size.observe(2, 2 * 5_000_000)
    expect(size.limit).toBe(1)
  })

  it('never passes the batch size, and halves down to one', () => {
    const size = new PageSize(7)
    expect(size.limit).toBe(7)
    expect([size.shrink(7), size.limit]).toEqual([true, 3])
    expect([size.shrink(3), size.limit]).toEqual([true, 1])
    expect(size.shrink(1)).toBe(false)
  })

  it('asks for fewer after what was too large, also where that weighed little: a limit of the server may be small', () => {
    const size = new PageSize(1000)
    for (let asked = size.limit; asked > 1; asked = size.limit) {
      expect(size.shrink(asked, 4097)).toBe(true)
      expect(size.limit).toBeLessThan(asked)
    }

    // Somebody else has asked for more than is asked for by now.
    expect(size.shrink(20, 5000)).toBe(true)
    expect(size.limit).toBe(1)
    const heavy = new PageSize(1000)
    expect(heavy.shrink(20, 40 * 2 ** 20)).toBe(true)
    expect(heavy.limit).toBe(1)
  })
})

it.each([
  [0, 100],
  [999, 100],
  [1000, 500],
  [99_999, 500],
  [100_000, 1000],
])('the seed asks for pages of a collection of %i objects by %i', (objects, expected) => {
  expect(defaultBatchSize(objects)).toBe(expected)
})
