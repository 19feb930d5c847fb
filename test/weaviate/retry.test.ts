import {describe, expect, it} from 'vitest'

import {DataOpsError} from '../../src/model/errors.js'
import {backoffMs, retry, sleep} from '../../src/weaviate/retry.js'

const busy = (retryAfterMs?: number) => new DataOpsError('SERVER_UNAVAILABLE', 'busy', {retryAfterMs})

describe('retry', () => {
  it('repeats what may pass, and gives the result', async () => {
    const waits: number[] = []
    const result = await retry(
      async (attempt) => {
        if (attempt < 3) throw busy()
        return attempt
      },
      {
        maxWaitMs: 4,
        onRetry({waitMs}) {
          waits.push(waitMs)
        },
      },
    )
    expect(result).toBe(3)
    expect(waits).toHaveLength(3)
    expect(Math.max(...waits)).toBeLessThanOrEqual(4)
  })

  it('gives up after maxRetries, with the last error', async () => {
    let tries = 0
    const task = async () => {
      tries++
      throw busy()
    }

    await expect(retry(task, {maxRetries: 2, maxWaitMs: 1})).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE'})
    expect(tries).toBe(3)
  })

  it('does not repeat what will not pass, nor errors of our own making', async () => {
    for (const error of [new DataOpsError('SERVER_REFUSED', 'no'), new TypeError('bug')]) {
      let tries = 0
      const task = async () => {
        tries++
        throw error
      }

      await expect(retry(task, {maxWaitMs: 1})).rejects.toBe(error)
      expect(tries).toBe(1)
    }
  })

  it('stops waiting as soon as the signal fires', async () => {
    const controller = new AbortController()
    const waiting = retry(
      async () => {
        throw busy(60_000)
      },
      {
        maxWaitMs: 60_000,
        onRetry() {
          controller.abort()
        },
        signal: controller.signal,
      },
    )
    await expect(waiting).rejects.toMatchObject({code: 'INTERRUPTED'})
    await expect(sleep(60_000, AbortSignal.timeout(5))).rejects.toMatchObject({code: 'INTERRUPTED'})
  })

  it('doubles its waits with jitter, within what the server asks for and what is allowed', () => {
    for (let attempt = 0; attempt < 12; attempt++) {
      const ceiling = Math.min(30_000, 200 * 2 ** attempt)
      const wait = backoffMs(attempt, 30_000)
      expect(wait).toBeGreaterThanOrEqual(Math.floor(ceiling / 2))
      expect(wait).toBeLessThanOrEqual(ceiling)
    }

    expect(backoffMs(0, 30_000, 7000)).toBe(7000)
    expect(backoffMs(0, 5000, 7000)).toBe(5000)
  })
})
