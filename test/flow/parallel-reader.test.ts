import fc from 'fast-check'
import {describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../src/model/object.js'
import type {Connection, PageRequest} from '../../src/weaviate/connection.js'

import {ParallelReader, type Slice} from '../../src/flow/parallel-reader.js'
import {Throttle} from '../../src/flow/throttle.js'
import {DataOpsError} from '../../src/model/errors.js'
import {MAX_UUID, NIL_UUID, numberToUuid, WHOLE_RANGE} from '../../src/model/uuid-range.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'

const plan = planCollection({class: 'Test', properties: []})

/** A server with these ids, that answers pages as Weaviate does, after a few turns of the event loop. */
class FakeServer {
  readonly #ids: Map<string | undefined, string[]>
  readonly requests: PageRequest[] = []
  /** Objects of a page above which it is too large. */
  largestPage = Infinity
  bytesEach = 1000
  /** Of an object, where they differ. */
  bytesOf?: (id: string) => number
  /** Objects answered so far. */
  answered = 0
  running = 0
  mostRunning = 0

  constructor(ids: Map<string | undefined, string[]>) {
    this.#ids = new Map([...ids].map(([tenant, values]) => [tenant, [...new Set(values)].sort()]))
  }

  get connection(): Connection {
    return {readPage: async (request: PageRequest) => this.#page(request)} as unknown as Connection
  }

  async #page(request: PageRequest): Promise<{bytes: number; objects: WeaviateObject[]}> {
    this.requests.push(request)
    this.running++
    this.mostRunning = Math.max(this.mostRunning, this.running)
    for (let turn = 0; turn < 1 + (this.requests.length % 3); turn++) await new Promise(setImmediate)
    this.running--
    if (request.limit > this.largestPage) {
      throw new DataOpsError('SERVER_REFUSED', 'too large', {details: {tooLarge: true}})
    }

    const {after} = request
    const ids = (this.#ids.get(request.tenant) ?? [])
      .filter((id) => after === undefined || id > after)
      .slice(0, request.limit)
    const {bytesOf} = this
    const bytes = bytesOf ? ids.reduce((sum, id) => sum + bytesOf(id), 0) : request.limit * this.bytesEach
    if (bytes > (request.maxBytes ?? Infinity)) {
      throw new DataOpsError('SERVER_REFUSED', 'too large', {details: {bytes, tooLarge: true}})
    }

    this.answered += ids.length
    return {
      bytes: bytesOf ? bytes : ids.length * this.bytesEach,
      objects: ids.map((id) => ({id, properties: {}, ...(request.tenant !== undefined && {tenant: request.tenant})})),
    }
  }
}

function makeReader(
  server: FakeServer,
  options: {concurrency?: number; expected?: number; slices?: Slice[]} = {},
): ParallelReader {
  const concurrency = options.concurrency ?? 4
  return new ParallelReader({
    batchSize: 40,
    concurrency,
    connection: server.connection,
    expectedObjects: options.expected ?? Number.MAX_SAFE_INTEGER,
    include: 'objects',
    plan,
    slices: options.slices ?? [{...WHOLE_RANGE}],
    throttle: new Throttle({concurrency}),
  })
}

const key = (object: {id: string; tenant?: string}): string => `${object.tenant ?? ''}/${object.id}`

async function readAll(reader: ParallelReader): Promise<string[]> {
  const keys: string[] = []
  for await (const page of reader.pages()) {
    keys.push(...page.objects.map((object) => key(object)))
    page.done()
  }

  return keys
}

/** UUIDs spread evenly, all near each other, in clumps, and at both ends. */
const arbitraryIds = fc.oneof(
  fc.array(fc.uuid(), {maxLength: 400}),
  fc
    .tuple(fc.bigInt({max: 2n ** 128n - 2000n, min: 0n}), fc.integer({max: 600, min: 0}))
    .map(([start, count]) => Array.from({length: count}, (_, index) => numberToUuid(start + BigInt(index)))),
  fc
    .array(
      fc.tuple(
        fc.bigInt({max: 2n ** 128n - 2000n, min: 0n}),
        fc.integer({max: 150, min: 1}),
        fc.bigInt({max: 2n ** 40n, min: 1n}),
      ),
      {maxLength: 4},
    )
    .map((clumps) =>
      clumps.flatMap(([start, count, step]) =>
        Array.from({length: count}, (_, index) => start + BigInt(index) * step)
          .filter((value) => value < 2n ** 128n)
          .map((value) => numberToUuid(value)),
      ),
    ),
  fc.constant<string[]>([NIL_UUID, MAX_UUID, numberToUuid(1n)]),
)

describe('ParallelReader', () => {
  it('reads every object once, whatever the distribution of UUIDs', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryIds,
        fc.integer({max: 6, min: 1}),
        fc.boolean(),
        async (ids, concurrency, isCounted) => {
          const server = new FakeServer(new Map([[undefined, ids]]))
          const expected = isCounted ? new Set(ids).size : undefined
          const keys = await readAll(makeReader(server, {concurrency, expected}))
          expect(keys.sort()).toEqual([...new Set(ids)].map((id) => `/${id}`).sort())
          expect(server.mostRunning).toBeLessThanOrEqual(concurrency)
        },
      ),
      {numRuns: 60},
    )
  })

  it('leaves in remaining() what is not done with, no more and no less', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryIds, fc.integer({max: 12, min: 0}), async (ids, pagesDone) => {
        const server = new FakeServer(new Map([[undefined, ids]]))
        const reader = makeReader(server, {expected: new Set(ids).size})
        const done: string[] = []
        let pages = 0
        for await (const page of reader.pages()) {
          // The page in hand is not done with when the reading stops.
          if (pages++ === pagesDone) break
          done.push(...page.objects.map((object) => key(object)))
          page.done()
        }

        const rest = await readAll(
          // eslint-disable-next-line unicorn/prefer-structured-clone -- as it comes back from the journal on disk
          makeReader(server, {slices: JSON.parse(JSON.stringify(reader.remaining())) as Slice[]}),
        )
        expect([...done, ...rest].sort()).toEqual([...new Set(ids)].map((id) => `/${id}`).sort())
      }),
      {numRuns: 60},
    )
  })

  it('reads tenants side by side, and one that is much larger than the others with all workers', async () => {
    const ids = new Map<string | undefined, string[]>()
    for (let tenant = 0; tenant < 50; tenant++) ids.set(`t${tenant}`, [numberToUuid(BigInt(tenant))])
    ids.set(
      'large',
      Array.from({length: 2000}, (_, index) => numberToUuid(BigInt(index) << 100n)),
    )
    const server = new FakeServer(ids)
    const keys = await readAll(
      makeReader(server, {slices: [...ids.keys()].map((tenant) => ({...WHOLE_RANGE, tenant}))}),
    )
    expect(new Set(keys).size).toBe(2050)
    expect(keys).toHaveLength(2050)
    // Two requests for a tenant whose objects fit a page: the second one confirms the end.
    expect(server.requests.filter(({tenant}) => tenant === 't7')).toHaveLength(2)
    expect(server.mostRunning).toBeGreaterThan(1)
  })

  it('keeps workers busy on sequential UUIDs: no worker reads more than most of them', async () => {
    const ids = Array.from({length: 4000}, (_, index) => numberToUuid(BigInt(index + 1)))
    const server = new FakeServer(new Map([[undefined, ids]]))
    const perSlice = new Map<string, number>()
    const reader = makeReader(server, {expected: ids.length})
    let last = ''
    for await (const page of reader.pages()) {
      const first = page.objects[0]!.id
      if (first !== last) perSlice.set(first, 0)
      last = first
      page.done()
    }

    // Pages of one worker only would come in ascending order; cut slices make them jump.
    const starts = [...perSlice.keys()]
    expect(starts.some((start, index) => index > 0 && start < starts[index - 1]!)).toBe(true)
  })

  it('asks for less when a page is too large', async () => {
    const ids = Array.from({length: 100}, (_, index) => numberToUuid(BigInt(index)))
    const server = new FakeServer(new Map([[undefined, ids]]))
    server.largestPage = 3
    expect(await readAll(makeReader(server))).toHaveLength(100)
  })

  it('ends with the first failure, without hanging', async () => {
    const failing = {
      async readPage() {
        throw new DataOpsError('SERVER_REFUSED', 'no')
      },
    } as unknown as Connection
    const reader = new ParallelReader({
      batchSize: 10,
      concurrency: 3,
      connection: failing,
      expectedObjects: 100,
      include: 'objects',
      plan,
      slices: [{...WHOLE_RANGE}],
      throttle: new Throttle({concurrency: 3}),
    })
    await expect(readAll(reader)).rejects.toMatchObject({code: 'SERVER_REFUSED'})
  })

  it('stops at the signal', async () => {
    const ids = Array.from({length: 1000}, (_, index) => numberToUuid(BigInt(index)))
    const controller = new AbortController()
    const throttle = new Throttle({concurrency: 2, signal: controller.signal})
    const reader = new ParallelReader({
      batchSize: 10,
      concurrency: 2,
      connection: new FakeServer(new Map([[undefined, ids]])).connection,
      expectedObjects: 1000,
      include: 'objects',
      plan,
      signal: controller.signal,
      slices: [{...WHOLE_RANGE}],
      throttle,
    })
    const reading = (async () => {
      for await (const page of reader.pages()) {
        page.done()
        controller.abort()
      }
    })()
    await expect(reading).rejects.toMatchObject({code: 'INTERRUPTED'})
  })
})

describe('large objects', () => {
  const ids = Array.from({length: 60}, (_, at) => numberToUuid(BigInt(at + 1) << 120n))

  it('are asked for one by one once a page of them was too large, by what its length shows', async () => {
    const server = new FakeServer(new Map([[undefined, ids]]))
    server.bytesEach = 20_000_000
    const found: string[] = []
    for await (const {done, objects} of makeReader(server, {concurrency: 1}).pages()) {
      found.push(...objects.map(({id}) => id))
      done()
    }

    expect(found).toEqual(ids)
    // Of one object there is no telling how long a page may be.
    expect(server.requests.slice(0, 3).map(({limit, maxBytes}) => [limit, maxBytes])).toEqual([
      [20, 16_777_216],
      [1, undefined],
      [1, undefined],
    ])
  })

  it('are not read ahead of whoever wants them by more than pages of small ones are', async () => {
    const server = new FakeServer(new Map([[undefined, ids]]))
    server.bytesEach = 20_000_000
    let taken = 0
    const ahead: number[] = []
    for await (const {done, objects} of makeReader(server).pages()) {
      taken += objects.length
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      ahead.push(server.answered - taken)
      done()
    }

    expect(taken).toBe(ids.length)
    // What was under way before anything was known; then one.
    expect(Math.max(...ahead)).toBeLessThanOrEqual(3)
    expect(Math.max(...ahead.slice(8))).toBe(1)
  })

  it('are read to the end among small ones, whatever the fractions of what pages are thought to weigh', async () => {
    // Of pages of which some weigh a fraction of a byte more or less than was thought, nothing may be held once they are gone.
    for (const seed of [1, 2, 3, 4, 5]) {
      const weights = new Map(
        ids.map((id, at) => [id, (at * seed) % 11 === 7 ? 30_000_000 + at : 101 + ((at * seed) % 13)]),
      )
      const server = new FakeServer(new Map(['a', 'b', 'c'].map((tenant) => [tenant, ids])))
      server.bytesOf = (id) => weights.get(id)!
      const slices = ['a', 'b', 'c'].map((tenant) => ({...WHOLE_RANGE, tenant}))
      let found = 0
      for await (const {done, objects} of makeReader(server, {slices}).pages()) {
        found += objects.length
        done()
      }

      expect(found).toBe(3 * ids.length)
    }
  })
})
