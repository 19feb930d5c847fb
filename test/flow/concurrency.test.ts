import {describe, expect, it} from 'vitest'

import {AdaptiveConcurrency} from '../../src/flow/concurrency.js'

/** Runs epochs of one second in which so many objects go through as `throughput` says for the limit in force. */
function simulate(
  maximum: number,
  throughput: (limit: number) => number,
  lanes?: number,
): {concurrency: AdaptiveConcurrency; run: (epochs: number) => void} {
  let now = 0
  const concurrency = new AdaptiveConcurrency(maximum, {lanes, now: () => now})
  return {
    concurrency,
    run(epochs) {
      for (let epoch = 0; epoch < epochs; epoch++) {
        now += 1001
        concurrency.observe(throughput(concurrency.limit))
      }
    },
  }
}

describe('AdaptiveConcurrency', () => {
  it('climbs while one more call brings more', () => {
    const {concurrency, run} = simulate(8, (limit) => 1000 * limit)
    expect(concurrency.limit).toBe(2)
    run(20)
    expect(concurrency.limit).toBe(8)
  })

  it('begins with two for each lane, and climbs by one for each', () => {
    const {concurrency, run} = simulate(32, (limit) => 1000 * limit, 8)
    expect(concurrency.limit).toBe(16)
    run(1)
    expect(concurrency.limit).toBe(24)
    run(10)
    expect(concurrency.limit).toBe(32)
  })

  it('goes back when it brings nothing, and tries again later', () => {
    let bottleneck = 2
    const {concurrency, run} = simulate(8, (limit) => 1000 * Math.min(limit, bottleneck))
    run(2)
    expect(concurrency.limit).toBe(2)
    run(8)
    expect(concurrency.limit).toBe(2)
    bottleneck = 4
    run(12)
    expect(concurrency.limit).toBeGreaterThanOrEqual(3)
  })

  it('never passes the bound the user set', () => {
    const {concurrency, run} = simulate(1, (limit) => 1000 * limit)
    run(30)
    expect(concurrency.limit).toBe(1)
  })

  it('halves when the server pushes back, down to one', () => {
    const {concurrency, run} = simulate(8, (limit) => 1000 * limit)
    run(20)
    concurrency.pushBack()
    expect(concurrency.limit).toBe(4)
    for (let times = 0; times < 5; times++) concurrency.pushBack()
    expect(concurrency.limit).toBe(1)
    run(30)
    expect(concurrency.limit).toBe(8)
  })
})
