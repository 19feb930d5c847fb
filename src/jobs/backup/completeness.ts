/** Whether a backup holds as much as the server counts, and where it does not, what is missing. */
import type {MissingObject, SealedCount} from '../../codec/document.js'
import type {Reading} from './job.js'
import type {ArchiveSink} from './sink.js'

import {type FoundObjects, ObjectsById} from '../../flow/by-id.js'
import {checkObjects} from '../../flow/page-check.js'
import {ParallelReader, type Slice} from '../../flow/parallel-reader.js'
import {type Keyed, RecordList, TenantNumbers} from '../../flow/records.js'
import {TemporaryFolder} from '../../flow/temporary-folder.js'
import {isRefusal} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {objectKey, type WeaviateObject} from '../../model/object.js'

/** Ids alone weigh little, but REST lists them with their properties. */
const LISTING_PAGE = 1000
/** Above this many tenants they are counted at the end only: a call each. */
export const COUNTED_TENANTS = 500

export interface CompletenessOptions extends Reading {
  /** Objects to come, as far as is known. */
  expectedObjects?: number
  /** What is in the backup, where others have put it there and it was not noted here; undefined: it cannot be read. */
  readBack?: () => Promise<AsyncIterable<readonly Keyed[]> | undefined>
  sink: ArchiveSink
  /** Of the earlier run of a resumed backup. */
  state?: CompletenessState
}

/** What a resumed run has to know: tenants that were counted at their end, and what was missing of them. */
export interface CompletenessState {
  counts: Array<[tenant: null | string, count: Count]>
  found: number
  missing: MissingObject[]
}

export interface Completeness {
  complete: boolean
  counted: SealedCount
  /** Objects that were found by the second listing only, and are in the backup. */
  found: number
  /** Known by id, and not in the backup. */
  missing: MissingObject[]
  /** Objects that the server counted and that are not in the backup. */
  shortfall: number
}

/** What is known of a tenant, or of a collection without. */
interface Count {
  after?: number
  before?: number
  shortfall: number
}

/**
 * Counts before and after reading. Where fewer were read than both counts say, everything is listed again over the other transport,
 * and what that shows and the backup lacks is read. Writers alone make no backup incomplete: they change one of the counts.
 */
export class CompletenessCheck {
  readonly #byId: ObjectsById
  readonly #counts = new Map<string | undefined, Count>()
  readonly #folder = new TemporaryFolder()
  /** By id and tenant. */
  readonly #missing = new Map<string, MissingObject>()
  readonly #tenants = new TenantNumbers()
  /** What was read; undefined once it could not be kept. */
  #read?: RecordList
  #found = 0

  constructor(private readonly options: CompletenessOptions) {
    this.#byId = new ObjectsById(options)
    if (!options.readBack) this.#read = this.#records()
    const {counts = [], found = 0, missing = []} = options.state ?? {}
    for (const [tenant, count] of counts) this.#counts.set(tenant ?? undefined, {...count})
    this.#found = found
    for (const object of missing) this.#missing.set(objectKey(object.tenant, object.id), object)
  }

  state(): CompletenessState {
    return {
      counts: [...this.#counts].map(([tenant, count]) => [tenant ?? null, {...count}] as [null | string, Count]),
      found: this.#found,
      missing: [...this.#missing.values()],
    }
  }

  /** Before the slices are read. `also`: tenants that an earlier run read, and did not count at their end. */
  async begin(slices: readonly Slice[], also: readonly string[] = []): Promise<void> {
    const tenants = this.#tenantsOf(slices, also)
    for (const tenant of tenants) this.#countOf(tenant)
    if (tenants.length > COUNTED_TENANTS) return
    await this.#count(tenants, (count, objects) => {
      count.before ??= objects
    })
  }

  /** Remembers what is in the backup. */
  async note(objects: readonly Keyed[]): Promise<void> {
    const records = this.#read
    if (!records) return
    for (const object of objects) records.add(object)
    try {
      await records.settle()
    } catch {
      // No room for them: without the ids the numbers still tell.
      this.#read = undefined
    }
  }

  /** Once the slices are read or scanned again, while their tenants are still active. The last word on a tenant counts. */
  async end(slices: readonly Slice[], also: readonly string[] = []): Promise<void> {
    const tenants = this.#tenantsOf(slices, also)
    await this.#count(tenants, (count, objects) => {
      count.after = objects
    })
    const short = new Set(tenants.filter((tenant) => this.#shortfallOf(tenant) > 0))
    for (const tenant of tenants) this.#countOf(tenant).shortfall = this.#shortfallOf(tenant)
    if (short.size === 0) return
    await this.#lookAgain(slices.filter(({tenant}) => short.has(tenant)))
    // What was deleted meanwhile is not missing.
    await this.#count([...short], (count, objects) => {
      count.after = Math.min(count.after ?? objects, objects)
    })
    for (const tenant of short) this.#countOf(tenant).shortfall = this.#shortfallOf(tenant)
  }

  async close(): Promise<void> {
    await this.#folder.remove()
  }

  result(): Completeness {
    const counts = [...this.#counts.values()]
    const sum = (member: 'after' | 'before'): null | number => {
      let objects = 0
      for (const count of counts) {
        if (count[member] === undefined) return null
        objects += count[member]
      }

      return objects
    }

    const byCount = counts.reduce((all, count) => all + count.shortfall, 0)
    const shortfall = Math.max(this.#missing.size, byCount)
    return {
      complete: shortfall === 0,
      counted: {after: sum('after'), before: sum('before'), read: this.options.sink.taken},
      found: this.#found,
      missing: [...this.#missing.values()],
      shortfall,
    }
  }

  #countOf(tenant: string | undefined): Count {
    const count = this.#counts.get(tenant) ?? {shortfall: 0}
    this.#counts.set(tenant, count)
    return count
  }

  #shortfallOf(tenant: string | undefined): number {
    const {after = 0, before = after} = this.#countOf(tenant)
    return Math.max(0, Math.min(before, after) - this.options.sink.takenOf(tenant))
  }

  async #count(
    tenants: ReadonlyArray<string | undefined>,
    take: (count: Count, objects: number) => void,
  ): Promise<void> {
    const {concurrency, connection, plan, signal} = this.options
    await inParallel(tenants, {atOnce: concurrency, signal}, async (tenant) => {
      take(this.#countOf(tenant), await connection.count(plan.className, tenant, signal))
    })
  }

  /** Lists over the other transport, and reads what the backup lacks. */
  async #lookAgain(slices: Slice[]): Promise<void> {
    const {sink} = this.options
    const listed = this.#records()
    const reader = new ParallelReader({
      ...this.options,
      batchSize: LISTING_PAGE,
      expectedObjects: sink.taken,
      include: 'ids',
      slices: slices.map((slice) => ({...slice})),
      viaRest: true,
    })
    for await (const page of reader.pages()) {
      for (const object of page.objects) listed.add(object)
      await listed.settle()
      page.done()
    }

    const {contents} = sink
    this.#read ??= await this.#readBack()
    if (!this.#read && !contents) return
    for (let partition = 0; partition < listed.partitions; partition++) {
      // What settling, or an earlier run, has read and left out is known to the index alone.
      const held = contents ? undefined : new Set(await this.#read?.keys(partition))
      const lacking: Keyed[] = []
      for (const key of await listed.keys(partition)) {
        if (held?.has(key)) continue
        const object = this.#tenants.keyedBy(key)
        if (!contents?.get(object.tenant, object.id)) lacking.push(object)
      }

      for (const [tenant, objects] of Map.groupBy(lacking, (object) => object.tenant)) {
        const ids = objects.map(({id}) => id)
        for await (const found of this.#byId.read(ids, {tenant})) await this.#takeLacking(tenant, found)
      }
    }
  }

  /** What did not come is read over REST, one by one: a refusal is of that one. */
  async #takeLacking(tenant: string | undefined, {ids, objects}: FoundObjects): Promise<void> {
    await this.#take(tenant, ids, objects)
    const there = new Set(objects.map(({id}) => id))
    for (const id of ids) if (!there.has(id)) await this.#take(tenant, [id], await this.#readOverRest(tenant, id))
  }

  /** None that is refused: it is missing. */
  async #readOverRest(tenant: string | undefined, id: string): Promise<WeaviateObject[]> {
    const objects: WeaviateObject[] = []
    try {
      for await (const found of this.#byId.read([id], {tenant, viaRest: true})) objects.push(...found.objects)
    } catch (error) {
      if (!isRefusal(error)) throw error
      this.#missing.set(objectKey(tenant, id), {id, reason: error.message, ...(tenant !== undefined && {tenant})})
    }

    return objects
  }

  async #take(tenant: string | undefined, ids: string[], objects: readonly WeaviateObject[]): Promise<void> {
    const {plan, sink} = this.options
    checkObjects(objects, {collection: plan.className, ids, tenant})
    for (const object of objects) this.#missing.delete(objectKey(tenant, object.id))
    await sink.write(objects)
    this.#found += objects.length
  }

  /** Without tenants there is always something to count. */
  #tenantsOf(slices: readonly Slice[], also: readonly string[]): Array<string | undefined> {
    if (!this.options.plan.multiTenant) return [undefined]
    return [...new Set([...slices.map(({tenant}) => tenant), ...also])]
  }

  async #readBack(): Promise<RecordList | undefined> {
    const pages = await this.options.readBack?.()
    if (!pages) return undefined
    const read = this.#records()
    for await (const objects of pages) {
      for (const object of objects) read.add(object)
      await read.settle()
    }

    return read
  }

  #records(): RecordList {
    const {expectedObjects, sink} = this.options
    return new RecordList({
      expected: expectedObjects ?? sink.taken,
      folder: this.#folder,
      partitions: this.#read?.partitions,
      tenants: this.#tenants,
    })
  }
}
