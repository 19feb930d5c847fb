import type {WeaviateObject} from '../model/object.js'
import type {CollectionPlan, Connection} from '../weaviate/connection.js'
import type {Throttle} from './throttle.js'

import {throwIfAborted} from '../model/errors.js'
import {numberToUuid, rangeSize, splitRange, type UuidRange, uuidToNumber, WHOLE_RANGE} from '../model/uuid-range.js'
import {fetchPage} from './fetch-page.js'
import {PageSize, TARGET_BYTES} from './page-size.js'
import {Sleepers} from './sleepers.js'

/** A range of UUIDs in a collection, or in one of its tenants. */
export interface Slice extends UuidRange {
  tenant?: string
}

/** All of each tenant. */
export function slicesOfTenants(tenants: ReadonlyArray<{name: string}>): Slice[] {
  return tenants.map(({name}) => ({...WHOLE_RANGE, tenant: name}))
}

/** A page that the consumer has in hand. */
export interface SlicePage {
  /** Bytes received. */
  bytes: number
  /** To be called once the objects are where they belong: from then on `remaining()` leaves them out. */
  done: () => void
  /** Ascending by UUID, never empty. */
  objects: WeaviateObject[]
  /** To be called, if at all, once nobody looks at the vectors any more: their memory is used again. */
  release: () => void
  tenant?: string
}

export interface ParallelReaderOptions {
  /** Objects a page at most. */
  batchSize: number
  /** Pages fetched at the same time at most. */
  concurrency: number
  connection: Connection
  /** Objects that the slices hold together, as far as is known: where a slice is cut depends on it. Default: very many. */
  expectedObjects?: number
  include: 'ids' | 'objects' | 'references'
  plan: CollectionPlan
  signal?: AbortSignal
  slices: Slice[]
  throttle: Throttle
  /** Over REST, also where gRPC is there. */
  viaRest?: boolean
}

/** A slice while it is read. */
interface RunningSlice {
  /** UUIDs an object, from the last page: how densely the slice is filled where it is being read. */
  idsPerObject?: bigint
  /** The last id fetched. */
  cursor?: string
  /** The last id that the consumer is done with. */
  consumed?: string
  /** Everything up to `until` is fetched. */
  fetched: boolean
  /** The last page was shorter than asked for: the range may have ended. */
  short: boolean
  /** Pages fetched, not yet done with. */
  pending: number
  tenant?: string
  /** Inclusive; moves down when a part is taken away. */
  until: string
}

/** A slice whose rest is thought to be smaller than this many pages is not worth cutting. */
export const PAGES_WORTH_CUTTING = 2

/**
 * Reads slices of a collection with several workers. A worker without work takes the upper half of what is left of the largest running
 * slice, so that UUIDs of any distribution keep all workers busy. Yields pages as they arrive; holds a page under way and one that is ready
 * of each worker at most, and no more bytes than those have when they are as long as pages aim to be.
 */
export class ParallelReader {
  readonly #pageSize: PageSize
  readonly #queue: Slice[]
  readonly #running = new Set<RunningSlice>()
  readonly #ready: SlicePage[] = []
  readonly #consumer = new Sleepers()
  readonly #workers = new Sleepers()
  #working = 0
  #isStopped = false
  #failure?: {error: unknown}
  /** Bytes of pages under way, as far as is known, and of those that are ready. */
  #held = 0
  /** Objects that are not read yet, as far as is known. */
  #left: number

  constructor(private readonly options: ParallelReaderOptions) {
    this.#pageSize = new PageSize(options.batchSize)
    this.#queue = [...options.slices]
    this.#left = options.expectedObjects ?? Number.MAX_SAFE_INTEGER
    // A collection in one piece starts in equal parts: right for random UUIDs, and put right for all others while it runs.
    if (this.#queue.length === 1 && options.concurrency > 1 && this.#left > options.batchSize) {
      const [whole] = this.#queue
      this.#queue = splitRange(whole!, options.concurrency).map((range) => ({...range, tenant: whole!.tenant}))
    }
  }

  /** What is not read, or read but not done with: what a resumed run has to read. */
  remaining(): Slice[] {
    const rest: Slice[] = this.#queue.map((slice) => ({...slice}))
    for (const slice of this.#running) {
      if (!slice.fetched || slice.pending > 0)
        rest.push({after: slice.consumed, tenant: slice.tenant, until: slice.until})
    }

    return rest
  }

  /** Pages that somebody else could read, about. */
  get spare(): number {
    if (this.#queue.length > 1) return Infinity
    const {rest} = this.#largest()
    return rest / this.#pageSize.limit
  }

  /** Takes a slice out for somebody else to read; undefined: there is none that is worth it. */
  give(): Slice | undefined {
    return this.#queue.length > 1 ? this.#queue.pop() : this.#cut()
  }

  /** Once. @throws DataOpsError INTERRUPTED, or what the server answered once retries are used up. */
  async *pages(): AsyncGenerator<SlicePage, void, undefined> {
    this.#working = this.options.concurrency
    const workers = Array.from({length: this.options.concurrency}, async () => this.#work())
    try {
      for (;;) {
        throwIfAborted(this.options.signal)
        const page = this.#ready.shift()
        if (page) {
          this.#held -= page.bytes
          this.#workers.wake()
          yield page
        } else if (this.#failure) throw this.#failure.error
        else if (this.#working === 0) return
        else await this.#consumer.sleep()
      }
    } finally {
      this.#isStopped = true
      this.#workers.wake()
      await Promise.all(workers)
    }
  }

  async #work(): Promise<void> {
    try {
      while (!this.#isOver()) {
        const slice = this.#take()
        if (slice) await this.#readSlice(slice)
        else if (this.#anythingToCome()) await this.#workers.sleep()
        else break
      }
    } catch (error) {
      this.#failure ??= {error}
    } finally {
      this.#working--
      this.#workers.wake()
      this.#consumer.wake()
    }
  }

  async #readSlice(slice: RunningSlice): Promise<void> {
    while (!slice.fetched && !this.#isOver()) {
      // Bounded memory.
      if (this.#ready.length >= this.options.concurrency || !this.#hasRoom()) {
        await this.#workers.sleep()
        continue
      }

      const expected = this.#expectedBytes
      this.#held += expected
      const page = await this.#fetch(slice).finally(() => {
        this.#held -= expected
      })
      if (page) {
        this.#held += page.bytes
        this.#ready.push(page)
        this.#consumer.wake()
      }

      // What was learnt from the page may make a slice worth cutting.
      this.#workers.wake()
    }
  }

  /** Whole ones: sums of fractions leave some where nothing is held any more. */
  get #expectedBytes(): number {
    return Math.ceil(this.#pageSize.weigh(this.#pageSize.limit) ?? 0)
  }

  /** One page is read however long it is. */
  #hasRoom(): boolean {
    return this.#held === 0 || this.#held + this.#expectedBytes <= 2 * this.options.concurrency * TARGET_BYTES
  }

  #isOver(): boolean {
    return this.#isStopped || this.#failure !== undefined
  }

  #anythingToCome(): boolean {
    if (this.#queue.length > 0) return true
    for (const slice of this.#running) if (!slice.fetched) return true
    return false
  }

  #take(): RunningSlice | undefined {
    const next = this.#queue.shift() ?? this.#cut()
    if (!next) return undefined
    const slice: RunningSlice = {
      consumed: next.after,
      cursor: next.after,
      fetched: false,
      short: false,
      pending: 0,
      tenant: next.tenant,
      until: next.until,
    }
    this.#running.add(slice)
    return slice
  }

  /** The running slice with the most objects left, as far as that can be told. */
  #largest(): {largest?: RunningSlice; rest: number} {
    let largest: RunningSlice | undefined
    let largestRest = 0
    for (const slice of this.#running) {
      // Before its first page nothing is known of a slice, and it may be empty.
      if (slice.fetched || slice.idsPerObject === undefined) continue
      const ids = rangeSize({after: slice.cursor, until: slice.until})
      const byDensity = Number(ids / (slice.idsPerObject > 0n ? slice.idsPerObject : 1n))
      // Dense at the cursor says nothing of the end (v7, sequential ids): no slice has more than all that is left.
      const rest = Math.min(byDensity, Math.max(this.#left, this.#pageSize.limit * PAGES_WORTH_CUTTING + 1))
      if (rest > largestRest) {
        largest = slice
        largestRest = rest
      }
    }

    return {largest, rest: largestRest}
  }

  /** The upper half of what is left of the largest running slice. */
  #cut(): Slice | undefined {
    const {largest, rest: largestRest} = this.#largest()
    if (!largest || largestRest <= this.#pageSize.limit * PAGES_WORTH_CUTTING) return undefined
    const start = largest.cursor === undefined ? -1n : uuidToNumber(largest.cursor)
    const end = uuidToNumber(largest.until)
    const half = BigInt(Math.ceil(largestRest / 2)) * largest.idsPerObject!
    let middle = start + (end - start) / 2n
    if (start + half < middle) middle = start + half
    if (middle <= start || middle >= end) return undefined
    const {until} = largest
    largest.until = numberToUuid(middle)
    return {after: largest.until, tenant: largest.tenant, until}
  }

  async #fetch(slice: RunningSlice): Promise<SlicePage | undefined> {
    const after = slice.cursor
    // An empty page after a short one confirms the end: one object is enough to say that there is more.
    const isConfirming = slice.short
    const {asked, page} = await fetchPage(
      {...this.options, pageSize: this.#pageSize},
      {after, tenant: slice.tenant, ...(isConfirming && {most: 1})},
    )
    const received = page.objects.length
    const last = page.objects.at(-1)
    // The slice may have been cut while the page was under way: what lies above belongs to another worker.
    const objects =
      last !== undefined && last.id > slice.until
        ? page.objects.filter((object) => object.id <= slice.until)
        : page.objects
    if (objects.length < received || last?.id === slice.until || (received === 0 && isConfirming)) slice.fetched = true
    // After a confirmation that found more, what follows is asked for in whole pages again.
    slice.short = received < asked
    if (last !== undefined && objects.length === received) {
      const start = slice.cursor === undefined ? -1n : uuidToNumber(slice.cursor)
      slice.idsPerObject = (uuidToNumber(last.id) - start) / BigInt(received)
      slice.cursor = last.id
    }

    if (objects.length === 0) {
      if (slice.fetched && slice.pending === 0) this.#running.delete(slice)
      return undefined
    }

    const end = objects.at(-1)!.id
    this.#left -= objects.length
    slice.pending++
    return {
      bytes: page.bytes,
      done: () => {
        slice.pending--
        slice.consumed = end
        if (slice.fetched && slice.pending === 0) this.#running.delete(slice)
      },
      objects,
      release() {
        page.release?.()
      },
      tenant: slice.tenant,
    }
  }
}

/** Objects of slices page by page, for whoever need not go on later from where it stopped. */
export async function* objectsOf(options: ParallelReaderOptions): AsyncGenerator<WeaviateObject[], void, undefined> {
  for await (const page of new ParallelReader(options).pages()) {
    yield page.objects
    page.done()
  }
}
