import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import type {PlannedItem, QueueState, Taken} from '../../src/work/queue.js'

import {DataOpsError} from '../../src/model/errors.js'
import {type ItemRecord, JobPlace} from '../../src/work/place.js'
import {StoreQueue} from '../../src/work/store-queue.js'
import {work} from '../../src/work/worker.js'
import {memoryStore} from '../support/memory-store.js'
import {counting, type Fate, SimulatedWorker, VirtualTime} from './simulation.js'

const FOLDER = '.jobs/j'
const LEASE_MS = 30_000

interface Scenario {
  fates: Fate[]
  /** Times that attempts at an item fail, by its number. */
  failures?: Map<number, number>
  items: number
  /** Of the last phase; 1: a seal. */
  last?: number
  seed: number
}

interface Run {
  /** Attempts that were done, by item. */
  done: Array<{attempt: number; number: number; worker: number}>
  objects: Map<string, {bytes: Buffer; modified: number; tag: string}>
  state: QueueState
  /** What must not be. */
  wrong: string[]
}

function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

async function resultsOf(queue: StoreQueue<string, string>): Promise<Array<{number: number; result: string}>> {
  const found: Array<{number: number; result: string}> = []
  // Array.fromAsync is not in the library that the project is typed by.

  for await (const one of queue.results()) found.push(one)
  return found
}

function planOf({items, last = 1}: Scenario): Array<PlannedItem<string>> {
  return Array.from({length: items + last}, (_, number) => ({
    group: 0,
    payload: `item ${number}`,
    phase: number < items ? 0 : 1,
  }))
}

async function simulate(scenario: Scenario): Promise<Run> {
  const {failures = new Map<number, number>(), fates, items, seed} = scenario
  const objects: Run['objects'] = new Map()
  const store = memoryStore(objects)
  const plan = planOf(scenario)
  const time = new VirtualTime()
  const random = randomFrom(seed)
  const run: Run = {done: [], objects, state: undefined as unknown as QueueState, wrong: []}
  const recordOf = (number: number): ItemRecord<string> | undefined => {
    const found = objects.get(`${FOLDER}/items/00000/${String(number).padStart(5, '0')}`)
    return found && (JSON.parse(found.bytes.toString()) as ItemRecord<string>)
  }

  const workers = fates.map(async (fate, index) => {
    const worker = new SimulatedWorker(time, fate, () => 1 + random() * 200)
    const queue = new StoreQueue<string, string>(new JobPlace(worker.storeOn(store), FOLDER), plan, {
      clock: worker.clock,
      leaseMs: LEASE_MS,
      random,
      ...(index % 2 === 0 && {hint: index / fates.length}),
    })
    const attempt = async (item: Taken<string, string>, signal: AbortSignal): Promise<string> => {
      const {number} = item
      const isBarrierOpen = plan.every((_, other) => other >= items || recordOf(other)?.state === 'done')
      if (number >= items && !isBarrierOpen) run.wrong.push(`item ${number} was begun before those that it stands on`)
      for (let steps = Math.floor(random() * 4); steps > 0; steps--) {
        await worker.clock.sleep(random() * 15_000, signal)
        await item.check()
        if (recordOf(number)?.attempt !== item.attempt) run.wrong.push(`${number} was checked, and is another's`)
      }

      if ((recordOf(number)?.failures.length ?? 0) < (failures.get(number) ?? 0))
        throw new DataOpsError('SERVER_REFUSED', 'It does not work.')
      return `${number} by ${index}, ${item.attempt}`
    }

    const noted = noting(queue, ({attempt: attempts, number}) => {
      run.done.push({attempt: attempts, number, worker: index})
    })
    await work(noted, attempt)
  })
  // Those that die never end; the others must.
  const living = workers.filter((_, index) => !fates[index]?.dies)
  await time.run(Promise.all(living))
  run.state = await new StoreQueue(new JobPlace(store, FOLDER), plan).state()
  return run
}

/** `onDone` is called with each item whose result was written down. */
function noting(
  queue: StoreQueue<string, string>,
  onDone: (item: Taken<string, string>) => void,
): Pick<StoreQueue<string, string>, 'take'> {
  return {
    async take(signal) {
      const item = await queue.take(signal)
      if (!item) return undefined
      const done = item.done.bind(item)
      item.done = async (result) => {
        const isOurs = await done(result)
        if (isOurs) onDone(item)
        return isOurs
      }

      return item
    },
  }
}

const fate = fc.record({
  clockOffset: fc.integer({max: 3_600_000, min: -3_600_000}),
  dies: fc.option(fc.record({at: fc.integer({max: 40, min: 1}), isDone: fc.boolean()}), {nil: undefined}),
  stalls: fc.array(fc.record({at: fc.integer({max: 60, min: 1}), ms: fc.integer({max: 200_000, min: 1})}), {
    maxLength: 3,
  }),
})
const scenario = fc.record({
  failures: fc.array(fc.tuple(fc.integer({max: 11, min: 0}), fc.integer({max: 2, min: 1})), {maxLength: 3}),
  fates: fc.array(fate, {maxLength: 7, minLength: 0}),
  items: fc.integer({max: 12, min: 1}),
  last: fc.integer({max: 3, min: 1}),
  seed: fc.integer(),
})

describe('a queue in a store', () => {
  it('has each item done once, whoever dies, sleeps, or has a wrong clock, and opens no barrier early', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({failures, fates, ...rest}) => {
        // Somebody must be left.
        const survivor = {clockOffset: 3_600_000}
        const run = await simulate({...rest, failures: new Map(failures), fates: [...fates, survivor]})
        expect(run.wrong).toEqual([])
        expect(run.state).toMatchObject({aside: [], end: 'done', held: []})
        const results = new StoreQueue<string, string>(
          new JobPlace(memoryStore(run.objects), FOLDER),
          planOf({...rest, fates}),
        )
        const found = await resultsOf(results)
        expect(found.map(({number}) => number)).toEqual(Array.from({length: rest.items + rest.last}, (_, n) => n))
        // What says that it is done is what counts, and nobody else says so.
        const numbers = run.done.map(({number}) => number)
        expect(new Set(numbers).size).toBe(numbers.length)
        for (const {attempt, number, worker} of run.done)
          expect(found[number]?.result).toBe(`${number} by ${worker}, ${attempt}`)
      }),
      {numRuns: 150},
    )
  })

  it('puts an item aside that failed three times, with its reasons, and goes on with the others', async () => {
    const run = await simulate({failures: new Map([[4, 3]]), fates: [{}, {}, {}], items: 9, seed: 1})
    expect(run.state).toMatchObject({aside: [4], end: 'stuck'})
    expect(run.state.phases).toEqual([
      {aside: 1, done: 8, group: 0, held: 0, items: 9, phase: 0, weight: 9, weightDone: 8},
      {aside: 0, done: 0, group: 0, held: 0, items: 1, phase: 1, weight: 1, weightDone: 0},
    ])
    const record = await new JobPlace(memoryStore(run.objects), FOLDER).readRecord(4)
    expect(record?.failures.map(({attempt, code, message}) => [attempt, code, message])).toEqual([
      [1, 'SERVER_REFUSED', 'It does not work.'],
      [2, 'SERVER_REFUSED', 'It does not work.'],
      [3, 'SERVER_REFUSED', 'It does not work.'],
    ])
  })

  it('counts no lost lease as a failure, and doubles its time at each attempt', async () => {
    // Each dies once it has taken an item: calls 1 to 4 of an attempt that takes over are looks, and the taking.
    const objects: Run['objects'] = new Map()
    const time = new VirtualTime()
    const plan = [{group: 0, payload: 'item 0', phase: 0}]
    const waits: number[] = []
    for (let lost = 0; lost < 5; lost++) {
      const worker = new SimulatedWorker(time, {clockOffset: lost * 3_600_000}, () => 1)
      const place = new JobPlace<string>(worker.storeOn(memoryStore(objects)), FOLDER)
      const began = time.now
      const taken = await time.run(new StoreQueue<string, string>(place, plan, {clock: worker.clock}).take())
      expect(taken?.attempt).toBe(lost + 1)
      waits.push(time.now - began)
      worker.isDead = true
    }

    for (const [lost, wait] of waits.slice(1).entries()) {
      expect(wait).toBeGreaterThan(LEASE_MS * 2 ** lost)
      expect(wait).toBeLessThan(LEASE_MS * (2 ** lost + 1))
    }

    expect(await new JobPlace(memoryStore(objects), FOLDER).readRecord(0)).toMatchObject({attempt: 5, failures: []})
  })

  it.each([
    {items: 10_000, of: 'backup', workers: 8},
    {items: 2000, of: 'restore', workers: 8},
    {items: 1000, of: 'backup', workers: 16},
  ])(
    'asks the place at most five times an item of a $of: $items items, $workers workers',
    async ({items, of, workers}) => {
      const {requests, store} = counting()
      const plan = planOf({fates: [], items, seed: 0})
      // Objects, then references, each of which reads what came of the objects of the same rows; the end reads the second half.
      const half = of === 'restore' ? items / 2 : 0
      for (const [number, item] of plan.entries()) if (number >= half && half > 0) item.phase = number < items ? 1 : 2
      const time = new VirtualTime()
      const random = randomFrom(7)
      const place = new JobPlace<string>(store, FOLDER)
      await place.writePlan({items: plan})
      const results: string[] = []
      const running = Array.from({length: workers}, async (_, index) => {
        const worker = new SimulatedWorker(time, {clockOffset: index * 3_600_000}, () => 1 + random() * 40)
        const own = new JobPlace<string>(worker.storeOn(store), FOLDER)
        await own.readPlan()
        const queue = new StoreQueue<string, string>(own, plan, {
          clock: worker.clock,
          hint: index / workers,
          random,
        })
        return work(queue, async ({payload, number}) => {
          await worker.clock.sleep(random() * 2000)
          if (number < half) return payload
          if (number < items && half > 0) {
            for await (const {result} of queue.results((one) => one === number - half)) results.push(result)
          }

          if (number < items) return payload
          // The seal, or the end.
          for await (const {result} of queue.results((one) => one >= half && one < items)) results.push(result)
          return 'sealed'
        })
      })
      const done = await time.run(Promise.all(running))
      expect(done.reduce((sum, count) => sum + count, 0)).toBe(items + 1)
      const payloads = plan.slice(0, items).map(({payload}) => payload)
      expect(half > 0 ? results.toSorted() : results).toEqual(half > 0 ? payloads.toSorted() : payloads)
      const {renewals: _, ...counted} = requests
      const all = Object.values(counted).reduce((sum, count) => sum + count, 0)
      expect(all / items, JSON.stringify(counted)).toBeLessThanOrEqual(5)
    },
  )
})
