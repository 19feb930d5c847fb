/** A job that is cancelled while workers take items, die and stand still: once that has returned, nobody has one. */
import fc from 'fast-check'
import {expect, it} from 'vitest'

import type {PlannedItem} from '../../src/work/queue.js'

import {JobPlace} from '../../src/work/place.js'
import {StoreQueue} from '../../src/work/store-queue.js'
import {work} from '../../src/work/worker.js'
import {randomFrom} from '../fault/harness.js'
import {memoryStore} from '../support/memory-store.js'
import {SimulatedWorker, VirtualTime} from './simulation.js'

const FOLDER = '.jobs/j'
const LEASE_MS = 30_000

const fate = fc.record({
  clockOffset: fc.integer({max: 3_600_000, min: -3_600_000}),
  stalls: fc.array(fc.record({at: fc.integer({max: 60, min: 1}), ms: fc.integer({max: 200_000, min: 1})}), {
    maxLength: 3,
  }),
})

it('is not worked on any more once the cancellation has returned', async () => {
  let cancelledEarly = 0
  const scenario = fc.record({
    cancelAt: fc.integer({max: 30_000, min: 0}),
    fates: fc.array(fate, {maxLength: 6, minLength: 1}),
    items: fc.integer({max: 60, min: 1}),
    seed: fc.integer(),
  })
  await fc.assert(
    fc.asyncProperty(scenario, async ({cancelAt, fates, items, seed}) => {
      const store = memoryStore(new Map())
      const plan: Array<PlannedItem<string>> = Array.from({length: items}, (_, number) => ({
        group: 0,
        payload: String(number),
        phase: 0,
      }))
      const time = new VirtualTime()
      const random = randomFrom(seed)
      const wrong: string[] = []
      let isOver = false
      const queueOf = (worker: SimulatedWorker): StoreQueue<string, string> =>
        new StoreQueue(new JobPlace(worker.storeOn(store), FOLDER), plan, {
          clock: worker.clock,
          leaseMs: LEASE_MS,
          random,
        })
      const working = fates.map(async (each) => {
        const worker = new SimulatedWorker(time, each, () => 1 + random() * 200)
        return work(queueOf(worker), async (item, signal) => {
          // Most are over before the next look for a cancellation is due.
          for (let steps = 1 + Math.floor(random() * 3); steps > 0; steps--) {
            await item.check()
            if (isOver) wrong.push(`item ${item.number} was begun, or went on`)
            await worker.clock.sleep(random() * 3000, signal)
          }

          return item.payload
        })
      })
      const canceller = new SimulatedWorker(time, {}, () => 1 + random() * 200)
      const cancelling = async (): Promise<void> => {
        await canceller.clock.sleep(cancelAt)
        await new JobPlace(canceller.storeOn(store), FOLDER).cancel({at: '', by: {}})
        await queueOf(canceller).reclaim()
        isOver = true
      }

      await time.run(Promise.all([cancelling(), ...working]))
      expect(wrong).toEqual([])
      const state = await new StoreQueue(new JobPlace(store, FOLDER), plan).state()
      expect(state.held).toEqual([])
      if (state.end === 'cancelled') cancelledEarly++
    }),
    {numRuns: 150},
  )
  // Else nothing was shown.
  expect(cancelledEarly).toBeGreaterThan(50)
})
