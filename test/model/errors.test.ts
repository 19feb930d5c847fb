import {setImmediate} from 'node:timers/promises'
import {describe, expect, it} from 'vitest'

import {onKnownCollection} from '../../src/flow/known-collection.js'
import {withActiveTenants} from '../../src/flow/tenants/activation.js'
import {DataOpsError, orInterrupted, withDetails} from '../../src/model/errors.js'

const busy = new DataOpsError('SERVER_UNAVAILABLE', 'Busy.', {
  details: {status: 429},
  hint: 'Wait.',
  retryable: true,
  retryAfterMs: 7000,
})

describe('an error with more context', () => {
  it('keeps everything that is not given anew', () => {
    const more = busy.with({details: {name: 'A'}, message: 'Busy, in A.'})
    expect(more).toMatchObject({
      cause: busy,
      code: 'SERVER_UNAVAILABLE',
      details: {name: 'A', status: 429},
      exitCode: 1,
      hint: 'Wait.',
      message: 'Busy, in A.',
      name: 'DataOpsError',
      retryable: true,
      retryAfterMs: 7000,
    })
    expect(busy.details).toEqual({status: 429})
    expect(busy.with({code: 'CANNOT_CONNECT', hint: 'Look.', retryable: false})).toMatchObject({
      exitCode: 6,
      hint: 'Look.',
      message: 'Busy.',
      retryable: false,
      retryAfterMs: 7000,
    })
  })

  it('is what jobs make of it', async () => {
    const missing = new DataOpsError('COLLECTION_MISSING', 'Gone.', {details: {collection: 'A'}, retryAfterMs: 5})
    const passing = onKnownCollection(async () => {
      throw missing
    })
    await expect(passing).rejects.toMatchObject({cause: missing, retryable: true, retryAfterMs: 5})
    expect(withDetails(busy, {finished: 1})).toMatchObject({details: {finished: 1, status: 429}, retryAfterMs: 7000})
    let calls = 0
    const setTenantStatus = async (): Promise<void> => {
      if (++calls > 1) throw new Error('no')
    }

    const left = withActiveTenants(
      {listTenants: async () => [{name: 'T', status: 'HOT'}], setTenantStatus},
      {className: 'A', tenants: [{name: 'T', status: 'COLD'}]},
      async () => {
        throw busy
      },
    )
    await expect(left).rejects.toMatchObject({
      details: {status: 429},
      hint: 'Wait.',
      retryable: true,
      retryAfterMs: 7000,
    })
    expect(calls).toBe(2)
  })
})

describe('a task that may be interrupted', () => {
  it('is left at once, and what it comes to later ends no program', async () => {
    const unheard: unknown[] = []
    const hear = (error: unknown): void => {
      unheard.push(error)
    }

    process.on('unhandledRejection', hear)
    try {
      for (const isBefore of [true, false]) {
        const abort = new AbortController()
        const {promise, reject} = Promise.withResolvers<never>()
        if (isBefore) abort.abort()
        const outcome = orInterrupted(promise, abort.signal)
        abort.abort()
        await expect(outcome).rejects.toMatchObject({code: 'INTERRUPTED'})
        reject(new Error('too late'))
        await setImmediate()
      }

      expect(unheard).toEqual([])
      expect(await orInterrupted(Promise.resolve(1), new AbortController().signal)).toBe(1)
    } finally {
      process.off('unhandledRejection', hear)
    }
  })
})
