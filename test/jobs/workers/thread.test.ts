import {availableParallelism} from 'node:os'
import {afterEach, expect, it, vi} from 'vitest'

import {workersFor} from '../../../src/jobs/workers/thread.js'

vi.mock('node:os', async (original) => ({...(await original<object>()), availableParallelism: vi.fn()}))
const cores = vi.mocked(availableParallelism)
afterEach(() => cores.mockReset())

const far = 'https://cluster.example.com'
const here = 'http://127.0.0.1:8080'

it.each([
  [1, far, 1_000_000, 1],
  [2, far, 1_000_000, 2],
  [16, far, 1_000_000, 8],
  [16, far, 75_000, 3],
  [16, far, 10, 1],
  [1, here, 1_000_000, 1],
  [2, here, 1_000_000, 1],
  [4, here, 1_000_000, 2],
  [32, here, 1_000_000, 8],
  [4, undefined, 1_000_000, 4],
])('%i cores, server at %s, %i objects: %i', (count, url, objects, expected) => {
  cores.mockReturnValue(count)
  expect(workersFor(undefined, {objects, pages: objects, url})).toBe(expected)
})

it('has as many as are asked for, but no more than there are pages', () => {
  cores.mockReturnValue(2)
  expect(workersFor(8, {objects: 1000, pages: 100, url: here})).toBe(8)
  expect(workersFor(8, {objects: 1000, pages: 3, url: far})).toBe(3)
  expect(workersFor(8, {objects: 0, pages: 0, url: far})).toBe(1)
})
