import {expect, it} from 'vitest'

import type {RestoreResult} from '../../src/jobs/restore/options.js'

import {differsBeyondRefusals} from '../../src/cli/results.js'

const of = (
  counts: Partial<Record<'different' | 'extra' | 'missing', number>>,
  rejected: number,
  rejectedButKept?: number,
): boolean =>
  differsBeyondRefusals({
    rejected,
    rejectedButKept,
    verification: {counts: {different: 0, extra: 0, missing: 0, ...counts}, equal: false},
  } as RestoreResult)

it('refused objects explain a difference as far as there are as many, and no further', () => {
  expect(of({missing: 3}, 3)).toBe(false)
  expect(of({different: 1, missing: 2}, 3)).toBe(false)
  expect(of({missing: 4}, 3)).toBe(true)
  expect(of({different: 2, missing: 2}, 3)).toBe(true)
  expect(of({extra: 1, missing: 3}, 3)).toBe(true)
  // Those that the server kept all the same are not missing.
  expect(of({missing: 1}, 1, 1)).toBe(true)
  expect(of({}, 0)).toBe(true)
})

it('nothing is explained where nothing was compared, or all is equal', () => {
  expect(differsBeyondRefusals({rejected: 1})).toBe(false)
  expect(differsBeyondRefusals({rejected: 1, verification: {equal: true}} as RestoreResult)).toBe(false)
})
