/** Rows of a backup, cut into the calls that carry them, and a queue that has some of these under way. */
import type {SourcePage} from '../../flow/source.js'
import type {WeaviateObject} from '../../model/object.js'
import type {TenantLimit} from './tenants.js'

/** Objects of consecutive rows that go to the server in one call. The range also covers rows that need not be sent. */
export interface Batch {
  from: number
  objects: WeaviateObject[]
  /** Pages that the objects stand in. */
  pages: PageInUse[]
  /** The ordinal of each object. */
  rows: number[]
  /** Those that are limited. */
  tenants: Set<string | undefined>
  to: number
  /** The share of what one call should take. */
  weight: number
}

/** A page whose memory is given back once it is cut, and nobody looks at what was cut from it. */
class PageInUse {
  readonly #release: () => void
  #users = 1

  constructor(release: () => void) {
    this.#release = release
  }

  use(): void {
    this.#users++
  }

  leave(): void {
    if (--this.#users === 0) this.#release()
  }
}

/** Nobody looks at the objects any more. */
export function leave(batch: Batch): void {
  for (const page of batch.pages) page.leave()
  batch.pages.length = 0
}

/** Cuts pages into batches; rows that need not be sent belong to the range of the batch behind them. */
export async function* batches(
  pages: AsyncIterable<SourcePage>,
  start: number,
  wanted: (page: SourcePage, index: number) => boolean | Promise<boolean>,
  /** `weigh`: the share of a batch that an object takes. */
  limit: {objects: number; tenants: TenantLimit; weigh: (object: WeaviateObject) => number},
): AsyncGenerator<Batch> {
  const {isLimited, most} = limit.tenants
  const begin = (row: number): Batch => ({
    from: row,
    objects: [],
    pages: [],
    rows: [],
    tenants: new Set(),
    to: row,
    weight: 0,
  })
  let batch = begin(start)
  for await (const page of pages) {
    const inUse = page.release && new PageInUse(page.release)
    for (const [index, object] of page.objects.entries()) {
      const isWanted = wanted(page, index)
      // Waiting for what is known costs as much as finding it out.
      if (isWanted === true || (isWanted !== false && (await isWanted))) {
        const weight = limit.weigh(object)
        const {tenant} = object
        const isFull =
          batch.objects.length >= limit.objects ||
          batch.weight + weight > 1 ||
          (batch.tenants.size >= most && isLimited(tenant) && !batch.tenants.has(tenant))
        if (batch.objects.length > 0 && isFull) {
          const to = page.rows[index]!
          yield {...batch, to}
          batch = begin(to)
        }

        if (isLimited(tenant)) batch.tenants.add(tenant)
        if (inUse && batch.pages.at(-1) !== inUse) {
          inUse.use()
          batch.pages.push(inUse)
        }

        batch.objects.push(object)
        batch.rows.push(page.rows[index]!)
        batch.weight += weight
      }

      batch.to = page.rows[index]! + 1
    }

    batch.to = page.endRow
    inUse?.leave()
  }

  if (batch.to > batch.from) yield batch
}

/** Runs tasks, at most so many at a time, and together no heavier than as many full batches; one may be heavier by itself. The first failure stops it: what is under way is awaited, nothing new begins. */
export class BatchQueue {
  readonly #limit: number
  readonly #running = new Set<Promise<void>>()
  #failure?: Error
  /** Of all that is under way. */
  #weight = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs the task that `begin` makes of each item. Whatever ends it, nothing is under way any more. */
  async each<T extends Pick<Batch, 'weight'>>(
    items: AsyncIterable<T>,
    begin: (item: T) => Promise<() => Promise<void>>,
  ): Promise<void> {
    try {
      for await (const item of items) await this.#add(await begin(item), item.weight)
    } finally {
      await Promise.all(this.#running)
    }

    if (this.#failure !== undefined) throw this.#failure
  }

  async #add(task: () => Promise<void>, weight: number): Promise<void> {
    while (this.#isFull(weight) && this.#failure === undefined) await Promise.race(this.#running)
    if (this.#failure !== undefined) throw this.#failure
    const running: Promise<void> = task()
      .catch((error: unknown) => {
        this.#failure ??= error as Error
      })
      .finally(() => {
        this.#running.delete(running)
        this.#weight -= weight
      })
    this.#running.add(running)
    this.#weight += weight
  }

  #isFull(weight: number): boolean {
    return this.#running.size >= this.#limit || (this.#running.size > 0 && this.#weight + weight > this.#limit)
  }
}
