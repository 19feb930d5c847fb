/** A live collection as one of two things that are compared. */
import type {TransformChain} from '../../flow/transform/transform.js'
import type {OperationOptions} from '../../model/progress.js'
import type {Connection} from '../../weaviate/connection.js'
import type {ComparedSide, HeldTenant, TakesPart} from './side.js'

import {IDS_A_CALL, ObjectsById} from '../../flow/by-id.js'
import {countObjects} from '../../flow/count-objects.js'
import {defaultBatchSize, TARGET_BYTES} from '../../flow/page-size.js'
import {ParallelReader, type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {withActiveTenants} from '../../flow/tenants/activation.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {Throttle} from '../../flow/throttle.js'
import {newMembersOf} from '../../model/new-members.js'
import {objectKey, type WeaviateObject} from '../../model/object.js'
import {plural} from '../../model/plural.js'
import {type WeaviateClass} from '../../model/schema.js'
import {isOffloaded, type WeaviateTenant} from '../../model/tenant.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {type GrpcCollectionPlan, planCollection} from '../../weaviate/collection-plan.js'
import {sameCollection} from '../../weaviate/identity.js'
import {SameServer} from '../../weaviate/same-server.js'
import {type Asking, otherInWords, othersIn, type OtherTenant, Sample} from '../backup/sample.js'
import {DEFAULT_CONCURRENCY} from '../options.js'
import {ListedCounts} from './listed-counts.js'

export interface LiveSideOptions extends OperationOptions {
  /** What is made of the objects before they are compared. */
  chain?: TransformChain
  concurrency?: number
  /** Onloads offloaded tenants; else they are left out. */
  includeOffloaded?: boolean
  /** Where tenants that are activated are noted. */
  notes?: TenantNotes
}

export class LiveSide implements ComparedSide {
  readonly #byId: ObjectsById
  readonly #concurrency: number
  readonly #connection: Connection
  readonly #counts: ListedCounts
  readonly #options: LiveSideOptions
  readonly #plan: GrpcCollectionPlan
  readonly #sameServer: SameServer
  readonly #throttle: Throttle
  #expected = 0
  /** What tells it from others of its name, where the server says; else what tells it is the sample. */
  #identity: string | undefined
  readonly #sample = new Sample()
  /** Tenants, or the collection, that were others at the end of their reading than at its start. */
  readonly #others: OtherTenant[] = []
  #tenants?: WeaviateTenant[]
  readonly atOnce = {bytes: TARGET_BYTES, objects: IDS_A_CALL}

  constructor(connection: Connection, schema: WeaviateClass, options: LiveSideOptions) {
    const {concurrency = DEFAULT_CONCURRENCY, onWarning, signal} = options
    this.#concurrency = concurrency
    this.#connection = connection
    this.#options = options
    this.#plan = planCollection(schema)
    this.#sameServer = new SameServer(connection, schema, options)
    this.#throttle = new Throttle({concurrency, onWarning, signal})
    this.#byId = new ObjectsById({connection, plan: this.#plan, signal, throttle: this.#throttle})
    this.#counts = new ListedCounts(connection, this.#plan, signal)
  }

  get className(): string {
    return this.#plan.className
  }

  get hasObjects(): boolean {
    return true
  }

  get schema(): WeaviateClass {
    return this.#options.chain?.schema ?? this.#plan.schema
  }

  /** As far as that costs one call; else `like`, what the other says. */
  async count(takesPart: TakesPart, like = 0): Promise<number> {
    const {className, multiTenant} = this.#plan
    const isEmpty = multiTenant && (await this.#reading(takesPart)).length === 0
    this.#expected = multiTenant
      ? isEmpty
        ? 0
        : like
      : await this.#connection.count(className, undefined, this.#options.signal)
    return this.#expected
  }

  /** There is nothing that says what it should be. */
  check(): void {}

  async eachGroup(names: ReadonlySet<string | undefined>, body: (isOpen: TakesPart) => Promise<void>): Promise<void> {
    if (!this.#plan.multiTenant) {
      await body(() => true)
      return
    }

    const concerned = (await this.tenants()).filter(({name}) => names.has(name))
    await this.#withTenants(concerned, async (group) => {
      const open = new Set(group.map(({name}) => name))
      await body((tenant) => tenant !== undefined && open.has(tenant))
    })
  }

  async *find(objects: readonly WeaviateObject[]): AsyncGenerator<ReadonlyMap<string, WeaviateObject>> {
    for (const [tenant, group] of Map.groupBy(objects, (object) => object.tenant)) {
      const ids = group.map(({id}) => id)
      for await (const {objects: there} of this.#byId.read(ids, {tenant}))
        yield new Map((await this.#changed(there)).map((object) => [objectKey(tenant, object.id), object]))
    }
  }

  async held(): Promise<HeldTenant[]> {
    const tenants = await this.tenants()
    return tenants.map((tenant) => ({
      name: tenant.name,
      objects: 1,
      ...(!this.#isReadable(tenant) && {skipped: 'offloaded'}),
    }))
  }

  async isEmpty(takesPart: TakesPart): Promise<boolean> {
    const {className, multiTenant} = this.#plan
    const {signal} = this.#options
    if (!multiTenant) return (await countObjects(this.#connection, className, undefined, signal)) === 0
    const counts: number[] = []
    await this.#withTenants(await this.#reading(takesPart), async (group) => {
      const names = group.map(({name}) => name)
      counts.push(await countObjects(this.#connection, className, names, signal))
    })
    return counts.every((count) => count === 0)
  }

  unshown(): string | undefined {
    const {counted, differs, listed} = this.#counts
    return differs ? `the server counts ${plural(counted, 'object')} and lists ${listed}` : undefined
  }

  /** Of one that was dropped meanwhile, and made anew, a part of each was read. */
  async changed(): Promise<string | undefined> {
    const now = await sameCollection(this.#connection, this.className, this.#identity)
    if (typeof now === 'string') return `"${this.className}" was ${now} while it was read`
    const got = newMembersOf(this.#plan.schema, now)
    if (got.length > 0) return `"${this.className}" got ${got.join(', ')} while it was read`
    return this.#identity === undefined ? this.#changedSample() : undefined
  }

  /** A tenant that is gone is not there to be asked. */
  async #changedSample(): Promise<string | undefined> {
    const {className, multiTenant} = this.#plan
    const sample = this.#sample.objects(new Set())
    const now = multiTenant && sample.length > 0 ? await this.#connection.listTenants(className) : []
    const states = new Map<string | undefined, string>(now.map(({name, status}) => [name, status]))
    const gone = sample.find(({tenant}) => tenant !== undefined && !states.has(tenant))
    if (gone) return `the tenant "${gone.tenant}" of "${className}" was dropped while it was read`
    const asked = sample.filter(({tenant}) => tenant === undefined || states.get(tenant) === 'HOT')
    const others = [...this.#others, ...(await othersIn(asked, this.#asking))]
    const other = others.find((each) => this.#isOther(each))
    return other && `${otherInWords(className, other).replace(/^The/, 'the')} while it was read`
  }

  /** Of what expires nothing need be left. */
  #isOther({found}: OtherTenant): boolean {
    return found === 'other' || !this.#plan.hidesExpired
  }

  get #asking(): Asking {
    const getObjects: Connection['getObjects'] = async (request) =>
      this.#throttle.run(async () => this.#connection.getObjects(request))
    return {connection: {getObjects}, plan: this.#plan, signal: this.#options.signal}
  }

  async prove(takesPart: TakesPart): Promise<void> {
    this.#identity = await this.#connection.identify(this.#plan.schema)
    await this.#sameServer.prove(await this.#reading(takesPart))
  }

  async read(takesPart: TakesPart, take: (objects: readonly WeaviateObject[]) => Promise<void>): Promise<void> {
    const {chain} = this.#options
    let taken = 0
    const read = async (slices: Slice[]): Promise<void> => {
      const reader = new ParallelReader({
        batchSize: defaultBatchSize(this.#expected),
        concurrency: this.#concurrency,
        connection: this.#connection,
        expectedObjects: Math.max(0, this.#expected - taken),
        include: 'objects',
        plan: this.#plan,
        signal: this.#options.signal,
        slices,
        throttle: this.#throttle,
      })
      for await (const page of reader.pages()) {
        if (this.#identity === undefined) this.#sample.add(page.objects)
        const objects = (await chain?.objects(page.objects, this.#options.signal)) ?? page.objects
        taken += objects.length
        this.#counts.add(page.tenant, page.objects.length)
        await take(objects)
        page.done()
        // Hashed and noted; transforms may have kept an object.
        if (!chain) page.release()
      }
    }

    if (this.#plan.multiTenant) {
      await this.#withTenants(await this.#reading(takesPart), async (group) => {
        await this.#sameServer.prove(group.map(({name}) => ({name, status: 'HOT'})))
        await read(slicesOfTenants(group))
        await this.#endOf(group.map(({name}) => name))
      })
    } else {
      await read([{...WHOLE_RANGE}])
      await this.#endOf([undefined])
    }
  }

  /** Once these are read, while they are active. */
  async #endOf(tenants: ReadonlyArray<string | undefined>): Promise<void> {
    this.#others.push(...(await this.#sample.others(new Set(tenants), this.#asking)))
    await this.#counts.check(tenants)
  }

  async tenants(): Promise<WeaviateTenant[]> {
    this.#tenants ??= this.#plan.multiTenant ? await this.#connection.listTenants(this.#plan.className) : []
    return this.#tenants
  }

  async *wanted(
    keys: ReadonlyMap<string, {id: string; tenant?: string}>,
    isOpen: TakesPart,
  ): AsyncGenerator<readonly WeaviateObject[]> {
    const open = [...keys.values()].filter(({tenant}) => isOpen(tenant))
    for (const [tenant, group] of Map.groupBy(open, (each) => each.tenant)) {
      const ids = group.map(({id}) => id)
      for await (const {objects} of this.#byId.read(ids, {tenant})) yield this.#changed(objects)
    }
  }

  async #changed(objects: WeaviateObject[]): Promise<readonly WeaviateObject[]> {
    const {chain, signal} = this.#options
    return (await chain?.objects(objects, signal)) ?? objects
  }

  #isReadable(tenant: WeaviateTenant): boolean {
    return this.#options.includeOffloaded === true || !isOffloaded(tenant)
  }

  async #reading(takesPart: TakesPart): Promise<WeaviateTenant[]> {
    return (await this.tenants()).filter((tenant) => takesPart(tenant.name) && this.#isReadable(tenant))
  }

  async #withTenants(
    tenants: readonly WeaviateTenant[],
    body: (group: WeaviateTenant[]) => Promise<void>,
  ): Promise<void> {
    const {notes, signal} = this.#options
    const note = notes?.begin(this.#connection.describe)
    await withActiveTenants(this.#connection, {className: this.#plan.className, note, signal, tenants}, body)
  }
}
