import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import {RowRanges} from '../../../src/jobs/restore/row-ranges.js'

describe('RowRanges', () => {
  it('is a set of rows, however it was filled', () => {
    const arbitraryRange = fc
      .tuple(fc.nat({max: 60}), fc.nat({max: 12}))
      .map(([from, size]) => [from, from + size] as [number, number])
    fc.assert(
      fc.property(fc.array(arbitraryRange, {maxLength: 30}), (ranges) => {
        const rows = new Set<number>()
        const set = new RowRanges()
        for (const [from, to] of ranges) {
          set.add(from, to)
          for (let row = from; row < to; row++) rows.add(row)
        }

        for (let row = 0; row < 80; row++) expect(set.has(row)).toBe(rows.has(row))
        expect(set.size).toBe(rows.size)
        let missing = 0
        while (rows.has(missing)) missing++
        expect(set.firstMissing).toBe(missing)
        const stored = set.toJSON()
        for (const [index, [from, to]] of stored.entries()) {
          expect(from).toBeLessThan(to)
          // Sorted, apart, and not touching: the shortest form there is.
          if (index > 0) expect(from).toBeGreaterThan(stored[index - 1]![1])
        }

        expect(new RowRanges(stored).toJSON()).toEqual(stored)
      }),
    )
  })
})
