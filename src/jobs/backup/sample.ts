/** Some of what a backup has read: by when it came into being, a collection or a tenant is told from another of its name. */
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'

import {ObjectsById} from '../../flow/by-id.js'
import {DataOpsError, insteadOf} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {objectKey, type WeaviateObject} from '../../model/object.js'

/** An object cannot come into being twice at the same time: what a collection is known by that shows nothing else. */
export interface SampledObject {
  /** Milliseconds since 1970. */
  created: number
  id: string
  tenant?: string
}

/** Objects of a tenant that are remembered: one that had no more is known whole, so that it is not taken for another when one of them goes. */
const SAMPLE = 8
/** Tenants that are remembered: more than are being read at any time. */
const MOST_TENANTS = 1000
const CHECKS_AT_ONCE = 4
/** Objects that are asked for where a sample alone does not tell: the oldest. */
const MOST_WITNESSES = 100
/** Tenants that are asked whether their collection is still the same. */
const MOST_ASKED = 8
/** Milliseconds that the clocks of the server and of who began the backup may be apart: what is older than its start by that was surely there then. */
const MOST_APART = 5 * 60_000

export interface Asking {
  connection: Pick<Connection, 'getObjects'>
  plan: CollectionPlan
  signal?: AbortSignal
}

/** Whether what is there now is what the sample was taken from; `unknown`: nothing of the sample is there. */
type Sameness = 'other' | 'same' | 'unknown'

export class Sample {
  /** Of the pages read first, till these are enough. */
  readonly #first: SampledObject[]
  /** Of the last pages of each tenant; the one read last comes last. */
  readonly #last = new Map<string | undefined, SampledObject[]>()
  /** Of tenants of which one page was read: all of that is of one. undefined: a collection without tenants. */
  readonly #onePage = new Map<string | undefined, SampledObject[]>()
  /** Milliseconds since 1970, of this machine. */
  readonly #since = Date.now()
  /** Of tenants of which more was read, so that it may be of two. */
  readonly #severalPages = new Map<string | undefined, SampledObject[]>()

  constructor(earlier: readonly SampledObject[] = []) {
    const tenants = Map.groupBy(earlier, (each) => each.tenant)
    this.#first = enoughOf([...tenants.values()])
    for (const [tenant, objects] of tenants) {
      this.#onePage.set(tenant, objects.slice(0, SAMPLE))
    }
  }

  /** Objects of one page, so of one tenant. */
  add(objects: readonly WeaviateObject[]): void {
    const known = objects.filter(({creationTimeUnix}) => creationTimeUnix !== undefined)
    const [some] = known
    if (!some) return
    const page = spread(known).map((object) => sampled(object))
    if (this.#first.length < SAMPLE) this.#first.push(...page)
    const before = this.#last.get(some.tenant) ?? []
    this.#last.delete(some.tenant)
    remember(this.#last, some.tenant, [...before, ...page].slice(-SAMPLE))
    this.#addOf(some.tenant, page)
  }

  #addOf(tenant: string | undefined, page: SampledObject[]): void {
    const before = this.#onePage.get(tenant)
    if (before) {
      this.#onePage.delete(tenant)
      this.#severalPages.set(tenant, before)
    } else if (!this.#severalPages.has(tenant)) {
      remember(this.#onePage, tenant, page)
    }
  }

  /** For the journal: also of each of the `unread` tenants of which a part is read. */
  objects(unread: ReadonlySet<string | undefined>): SampledObject[] {
    const begun = [...this.#severalPages, ...this.#onePage].flatMap(([tenant, objects]) =>
      unread.has(tenant) ? objects : [],
    )
    const found = new Map<string, SampledObject>()
    const last = enoughOf([...this.#last.values()].reverse())
    for (const object of [...this.#first, ...last, ...begun]) found.set(objectKey(object.tenant, object.id), object)
    return [...found.values()]
  }

  /** Once these tenants are read (undefined: a collection without), while they are active: those that are not the ones of which the first page was read. */
  async others(tenants: ReadonlySet<string | undefined>, asking: Asking): Promise<OtherTenant[]> {
    const asked = [...this.#severalPages].filter(([tenant]) => tenants.has(tenant))
    for (const [tenant] of asked) this.#severalPages.delete(tenant)
    const found = await inParallel(asked, {atOnce: CHECKS_AT_ONCE, signal: asking.signal}, async ([tenant, objects]) =>
      otherOf(tenant, objects, {...asking, witnesses: this.#last.get(tenant)}),
    )
    return found.flat()
  }

  /** @throws DataOpsError SERVER_REFUSED with `details.recreated` when there are `others`. */
  async check(tenants: ReadonlySet<string | undefined>, asking: Asking): Promise<void> {
    const [other] = await this.others(tenants, asking)
    if (other) throw recreated(asking.plan.className, other)
  }

  /**
   * Of a collection with tenants, each of which is the one that it was when it was read: that it was not dropped and made anew between
   * two of them. `active`: those that can be asked. @throws DataOpsError SERVER_REFUSED as `check`.
   */
  async checkCollection(active: ReadonlySet<string>, asking: Asking): Promise<void> {
    const first = ofActive(this.#first, active)
    const newest = Math.max(...this.#first.map(({created}) => created))
    const others = [...this.#last.values(), ...this.#onePage.values()].flat()
    const older = ofActive(others, active).filter(({created}) => created <= Math.max(newest, this.#since - MOST_APART))
    if (first.length === 0 || (await isAnySame(first, asking)) || (await isAnySame(older, asking))) return
    throw recreated(asking.plan.className, {found: 'unknown', tenant: undefined})
  }
}

function ofActive(objects: readonly SampledObject[], active: ReadonlySet<string>): SampledObject[] {
  return objects.filter(({tenant}) => tenant !== undefined && active.has(tenant))
}

/** Whether something of one of these tenants is there as it came into being, those with the oldest first. */
async function isAnySame(objects: readonly SampledObject[], asking: Asking): Promise<boolean> {
  const sorted = objects.toSorted((a, b) => a.created - b.created)
  for (const [, some] of [...Map.groupBy(sorted, ({tenant}) => tenant)].slice(0, MOST_ASKED)) {
    // One that is gone, or sleeps, by now says nothing.
    const found = await compare(some.slice(0, SAMPLE), asking).catch(insteadOf('unknown' as const, 'SERVER_REFUSED'))
    if (found === 'same') return true
  }

  return false
}

/**
 * As `Sample.checkCollection`, of tenants that others have read since a time (milliseconds since 1970): what was there before it, and is,
 * was there all the while. @throws DataOpsError SERVER_REFUSED.
 */
export async function checkSince(
  since: number,
  sample: readonly SampledObject[],
  {active, ...asking}: Asking & {active: ReadonlySet<string>},
): Promise<void> {
  const older = ofActive(sample, active).filter(({created}) => created <= since - MOST_APART)
  if (older.length === 0 || (await isAnySame(older, asking))) return
  throw recreated(asking.plan.className, {found: 'unknown', tenant: undefined})
}

/** The oldest is forgotten for it when there are many. */
function remember<T>(tenants: Map<string | undefined, T>, tenant: string | undefined, value: T): void {
  tenants.set(tenant, value)
  const [oldest] = tenants.keys()
  if (tenants.size > MOST_TENANTS) tenants.delete(oldest)
}

/** Of the first tenants, each as a whole, as many as are needed. */
function enoughOf(tenants: ReadonlyArray<readonly SampledObject[]>): SampledObject[] {
  const enough: SampledObject[] = []
  for (const objects of tenants) if (enough.length < SAMPLE) enough.push(...objects)
  return enough
}

/** One that is not what was read. */
export interface OtherTenant {
  found: Exclude<Sameness, 'same'>
  /** undefined: the collection. */
  tenant: string | undefined
}

/** Those of a sample that are not what it was taken from. */
export async function othersIn(sample: readonly SampledObject[], asking: Asking): Promise<OtherTenant[]> {
  const others: OtherTenant[] = []
  for (const [tenant, objects] of Map.groupBy(sample, (each) => each.tenant)) {
    others.push(...(await otherOf(tenant, objects, asking)))
  }

  return others
}

/** `witnesses`: more that was read of that tenant, of whatever time. */
async function otherOf(
  tenant: string | undefined,
  objects: readonly SampledObject[],
  {witnesses = [], ...asking}: Asking & {witnesses?: readonly SampledObject[]},
): Promise<OtherTenant[]> {
  const found = await compare(objects, asking)
  if (found === 'same' || (await isOlder(witnesses, objects, asking))) return []
  return [{found, tenant}]
}

/**
 * Whether one of the witnesses that is there as it came into being did so before these objects did: then all of these were deleted, or
 * written anew, since what was made anew after they were read has nothing that old.
 */
async function isOlder(
  witnesses: readonly SampledObject[],
  objects: readonly SampledObject[],
  asking: Asking,
): Promise<boolean> {
  const newest = Math.max(...objects.map(({created}) => created))
  const old = witnesses.filter(({created}) => created <= newest).toSorted((a, b) => a.created - b.created)
  const created = new Map(old.slice(0, MOST_WITNESSES).map((each) => [each.id, each.created]))
  if (created.size === 0) return false
  const {tenant} = old[0]!
  return new ObjectsById(asking).some(
    [...created.keys()],
    {tenant},
    (live) => live.creationTimeUnix === created.get(live.id),
  )
}

/**
 * Of parts that others have read, each a sample: a part with few objects may have lost all of them, which those of others show.
 * @throws DataOpsError SERVER_REFUSED as `Sample.check`.
 */
export async function checkParts(parts: ReadonlyArray<readonly SampledObject[]>, asking: Asking): Promise<void> {
  const all = Map.groupBy(parts.flat(), (each) => each.tenant)
  for (const part of parts) {
    for (const [tenant, objects] of Map.groupBy(part, (each) => each.tenant)) {
      const [other] = await otherOf(tenant, objects, {...asking, witnesses: all.get(tenant)})
      if (other) throw recreated(asking.plan.className, other)
    }
  }
}

function sampled({creationTimeUnix, id, tenant}: WeaviateObject): SampledObject {
  return {created: creationTimeUnix!, id, ...(tenant !== undefined && {tenant})}
}

/** Some of a page, from all over it: whoever writes some of it anew leaves others as they were. */
export function spread<T>(objects: readonly T[]): T[] {
  const step = Math.max(1, objects.length / SAMPLE)
  return Array.from({length: Math.min(SAMPLE, objects.length)}, (_, index) => objects[Math.floor(index * step)]!)
}

/** One that is there as it came into being says that it is the same: others may have been written anew. */
async function compare(objects: readonly SampledObject[], asking: Asking): Promise<Sameness> {
  const created = new Map(objects.map((each) => [each.id, each.created]))
  const tenant = objects[0]?.tenant
  let isAnyThere = false
  const isKept = await new ObjectsById(asking).some([...created.keys()], {tenant}, ({creationTimeUnix, id}) => {
    isAnyThere = true
    return creationTimeUnix === created.get(id)
  })
  if (isKept) return 'same'
  return isAnyThere ? 'other' : 'unknown'
}

/** Whether each tenant of a sample, or the collection, is surely what it was when that was read. Tenants that are not `active` are not asked. */
export async function isSame(
  sample: readonly SampledObject[],
  {active, ...asking}: Asking & {active?: ReadonlySet<string | undefined>},
): Promise<boolean> {
  const groups = Map.groupBy(sample, (each) => each.tenant)
  const asked = [...groups].filter(([tenant]) => !active || active.has(tenant))
  for (const [, objects] of asked) if ((await compare(objects, asking)) !== 'same') return false
  return asked.length > 0
}

/** What has become of it, in words. */
export function otherInWords(collection: string, {found, tenant}: OtherTenant): string {
  const whose = tenant === undefined ? `"${collection}"` : `The tenant "${tenant}" of "${collection}"`
  const what =
    found === 'other' ? 'was made anew, or all of it written anew,' : 'was emptied, or dropped and made anew,'
  return `${whose} ${what}`
}

function recreated(collection: string, other: OtherTenant): DataOpsError {
  const {tenant} = other
  return new DataOpsError(
    'SERVER_REFUSED',
    `${otherInWords(collection, other)} while it was being backed up; nothing was sealed.`,
    {
      details: {collection, recreated: true, ...(tenant !== undefined && {tenant})},
      hint: 'Run the backup again.',
    },
  )
}
