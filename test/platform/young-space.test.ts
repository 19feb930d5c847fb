/** Spaces of V8's heap, in a process of its own: its flags are the process's. */
import {execFile} from 'node:child_process'
import path from 'node:path'
import {promisify} from 'node:util'
import {describe, expect, it} from 'vitest'

import {root} from '../support/root.js'

const MB = 2 ** 20
const heap = path.join(root, 'src', 'cli', 'small-heap.ts')

/** What half of the space for young objects held at the start, and came to hold, while much outlived a collection: bytes. */
async function run(hold: string): Promise<{capacity: number; start: number; stderr: string}> {
  const script = `
    import {getHeapSpaceStatistics} from 'node:v8'
    // It may shrink again.
    const capacity = () => {
      const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')
      return young.space_used_size + young.space_available_size
    }
    const {keepHeapSmall} = await import(${JSON.stringify(heap)})
    const start = capacity()
    ${hold}
    const kept = []
    const held = []
    for (let time = 0; time < 30; time++) {
      for (let index = 0; index < 500_000; index++) kept[index % 200_000] = {index, list: [index]}
      // Whoever looks at collections is told of them between two turns.
      await new Promise((resolve) => setImmediate(resolve))
      held.push(capacity())
    }

    // What is told of a space that is just being collected is an estimate, and may be twice what it is: most are not.
    console.log(JSON.stringify([start, held.sort((a, b) => a - b)[held.length >> 1]]))
  `
  const args = ['--import', 'tsx', '--input-type=module', '-e', script]
  const {stderr, stdout} = await promisify(execFile)(process.execPath, args, {cwd: root})
  const [start = 0, capacity = 0] = JSON.parse(stdout) as number[]
  return {capacity, start, stderr}
}

describe('the space for young objects', () => {
  it('grows to what jobs hold it at, and no further', async () => {
    const {capacity, start, stderr} = await run('keepHeapSmall()')
    expect(stderr).toBe('')
    expect(capacity).toBeGreaterThan(7 * MB)
    // What it had grown to before, while files were loaded, nobody takes back.
    // V8 may double once more what it grows, and tells of spaces that are being collected by estimate.
    expect(capacity).toBeLessThan(Math.max(18 * MB, start * 1.1))
  })

  it('would grow further by itself: the test above can fail', async () => {
    const {capacity} = await run('')
    expect(capacity).toBeGreaterThan(20 * MB)
  })
})
