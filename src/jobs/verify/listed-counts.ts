/** Whether a live collection has shown as many objects as its server counts: what a listing hides is not known to be equal. */
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'

import {isListedThroughNodes} from '../../flow/count-objects.js'
import {listIds} from '../../flow/list-ids.js'
import {inParallel} from '../../model/in-parallel.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {replicationFactor} from '../../weaviate/replicas.js'

const COUNTS_AT_ONCE = 4

export class ListedCounts {
  readonly #listed = new Map<string | undefined, number>()
  /** As far as it was checked. */
  counted = 0
  /** In a tenant, or in the collection: what one lists in excess makes up for nothing of another. */
  differs = false
  listed = 0

  constructor(
    private readonly connection: Connection,
    private readonly plan: CollectionPlan,
    private readonly signal: AbortSignal | undefined,
  ) {}

  add(tenant: string | undefined, objects: number): void {
    this.#listed.set(tenant, (this.#listed.get(tenant) ?? 0) + objects)
  }

  /** Of these tenants, while they are active, once they are read. Where all replicas are listed, those are compared among themselves. */
  async check(tenants: ReadonlyArray<string | undefined>): Promise<void> {
    if (isListedThroughNodes(this.connection)) return
    const counts = await inParallel(tenants, {atOnce: COUNTS_AT_ONCE, signal: this.signal}, async (tenant) => {
      const listed = this.#listed.get(tenant) ?? 0
      const counted = await this.#count(tenant)
      // Where there are replicas, one that was away may show what the others have deleted.
      const isDoubtful = replicationFactor(this.plan.schema) > 1 ? counted !== listed : counted > listed
      return isDoubtful ? this.#again(tenant, counted) : {counted: listed, listed}
    })
    for (const {counted, listed} of counts) {
      this.differs ||= counted !== listed
      this.counted += counted
      this.listed += listed
    }
  }

  /** What was written since it was read is in another listing; what is hidden is not. */
  async #again(tenant: string | undefined, before: number): Promise<{counted: number; listed: number}> {
    const slices = [{...WHOLE_RANGE, ...(tenant !== undefined && {tenant})}]
    const listing = {concurrency: 1, connection: this.connection, plan: this.plan, signal: this.signal, slices}
    let listed = 0
    for await (const page of listIds({...listing, expectedObjects: before})) listed += page.length
    const after = await this.#count(tenant)
    const [least, most] = [Math.min(before, after), Math.max(before, after)]
    // One of both may be right while others write.
    return {counted: Math.min(Math.max(least, listed), most), listed}
  }

  async #count(tenant: string | undefined): Promise<number> {
    return this.connection.count(this.plan.className, tenant, this.signal)
  }
}
