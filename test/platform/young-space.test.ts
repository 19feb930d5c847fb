/** Spaces of V8's heap, in a process of its own: its flags are the process's. */
import {execFile} from 'node:child_process'
import path from 'node:path'
import {promisify} from 'node:util'
import {describe, expect, it} from 'vitest'

import {root} from '../support/root.js'

const MB = 2 ** 20

/** What half of the space for young objects came to hold at most, while much outlived a collection. */
async function run(before: string): Promise<{capacity: number; stderr: string}> {
  const script = `
    import {getHeapSpaceStatistics} from 'node:v8'
    ${before}
    const kept = []
    let most = 0
    for (let time = 0; time < 30; time++) {
      for (let index = 0; index < 500_000; index++) kept[index % 200_000] = {index, list: [index]}
      // Whoever looks at collections is told of them between two turns.
      await new Promise((resolve) => setImmediate(resolve))
      // It may shrink again.
      const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
      most = Math.max(most, young.space_used_size + young.space_available_size)
    }

    console.log(most)
  `
  const args = ['--import', 'tsx', '--input-type=module', '-e', script]
  const {stderr, stdout} = await promisify(execFile)(process.execPath, args, {cwd: root})
  return {capacity: Number(stdout), stderr}
}

describe('the space for young objects', () => {
  const heap = path.join(root, 'src', 'cli', 'small-heap.ts')

  it('grows to what jobs hold it at, and no further', async () => {
    const {capacity, stderr} = await run(`import {keepHeapSmall} from ${JSON.stringify(heap)}\nkeepHeapSmall()`)
    expect(stderr).toBe('')
    expect(capacity).toBeGreaterThan(7 * MB)
    expect(capacity).toBeLessThan(9 * MB)
  })

  it('would grow further by itself: the test above can fail', async () => {
    const {capacity} = await run('')
    expect(capacity).toBeGreaterThan(9 * MB)
  })
})
