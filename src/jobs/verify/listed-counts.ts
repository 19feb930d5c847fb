/** Whether a live collection has shown as many objects as its server counts: what a listing hides is not known to be equal. */
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'

import {isListedThroughNodes} from '../../flow/count-objects.js'
import {ParallelReader} from '../../flow/parallel-reader.js'
import {Throttle} from '../../flow/throttle.js'
import {inParallel} from '../../model/in-parallel.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'

/** Ids alone weigh little: pages of the server's usual limit. */
const LISTING_PAGE = 10_000
const COUNTS_AT_ONCE = 4

export class ListedCounts {
  readonly #connection: Connection
  readonly #listed = new Map<string | undefined, number>()
  readonly #plan: CollectionPlan
  readonly #signal?: AbortSignal
  /** As far as it was checked; of what a tenant lists in excess nothing is taken for another. */
  counted = 0
  listed = 0

  constructor(connection: Connection, plan: CollectionPlan, signal: AbortSignal | undefined) {
    this.#connection = connection
    this.#plan = plan
    this.#signal = signal
  }

  add(tenant: string | undefined, objects: number): void {
    this.#listed.set(tenant, (this.#listed.get(tenant) ?? 0) + objects)
  }

  /** Of these tenants, while they are active, once they are read. Where all replicas are listed, those are compared among themselves. */
  async check(tenants: ReadonlyArray<string | undefined>): Promise<void> {
    if (isListedThroughNodes(this.#connection)) return
    const counts = await inParallel(tenants, {atOnce: COUNTS_AT_ONCE, signal: this.#signal}, async (tenant) => {
      const listed = this.#listed.get(tenant) ?? 0
      const counted = await this.#count(tenant)
      return counted > listed ? this.#again(tenant, counted) : {counted: listed, listed}
    })
    for (const {counted, listed} of counts) {
      this.counted += counted
      this.listed += listed
    }
  }

  /** What was written since it was read is in another listing; what is hidden is not. */
  async #again(tenant: string | undefined, before: number): Promise<{counted: number; listed: number}> {
    const reader = new ParallelReader({
      batchSize: LISTING_PAGE,
      concurrency: 1,
      connection: this.#connection,
      expectedObjects: before,
      include: 'ids',
      plan: this.#plan,
      signal: this.#signal,
      slices: [{...WHOLE_RANGE, ...(tenant !== undefined && {tenant})}],
      throttle: new Throttle({concurrency: 1, signal: this.#signal}),
    })
    let listed = 0
    for await (const page of reader.pages()) {
      listed += page.objects.length
      page.done()
    }

    const counted = Math.min(before, await this.#count(tenant))
    return {counted: Math.max(counted, listed), listed}
  }

  async #count(tenant: string | undefined): Promise<number> {
    return this.#connection.count(this.#plan.className, tenant, this.#signal)
  }
}
