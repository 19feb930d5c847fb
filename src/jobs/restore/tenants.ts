import type {TenantOfCollection} from '../../flow/tenants/active-tenants.js'
import type {CollectionPlan} from '../../weaviate/connection.js'
import type {RestoreAccount} from './account.js'
import type {RestoreJob} from './job.js'

import {settledStatus} from '../../flow/tenants/activation.js'
import {ACTIVATION_GROUP} from '../../flow/tenants/room.js'
import {chunks} from '../../model/chunks.js'
import {plural} from '../../model/plural.js'
import {isMultiTenant, referenceProperties} from '../../model/schema.js'
import {type TenantStatus, type WeaviateTenant} from '../../model/tenant.js'

export interface RestoredTenantsOptions {
  checkpoint: RestoreAccount
  /** The collection was created by this restore: its tenants become as the backup has seen them, not as they were. */
  isNew: boolean
  /** The account says, by a plan, which of them are to be inactive: nothing is asked of the server, and they are held while they are needed. */
  isPlanned?: boolean
  job: RestoreJob
  /** Of the target. */
  plan: CollectionPlan
  /** To be restored, with the states of the backup; undefined in collections without tenants. */
  tenants?: readonly WeaviateTenant[]
}

/** How many tenants a batch may have that are active only while it is written. */
export interface TenantLimit {
  isLimited: (tenant: string | undefined) => boolean
  most: number
}

type Statuses = Map<string, TenantStatus>

/** The tenants of one restore: created, active while they are needed, and in the end as they should be. */
export class RestoredTenants {
  readonly #names: ReadonlySet<string>
  /** Other collections with tenants that objects may refer to. */
  #targets: string[] = []

  constructor(private readonly options: RestoredTenantsOptions) {
    this.#names = new Set(options.tenants?.map(({name}) => name))
  }

  /** Afterwards all are there, and those active that are to stay so. What an earlier run may have left active is known as such. */
  async create(): Promise<void> {
    const {checkpoint, isNew, job, plan, tenants} = this.options
    if (!tenants) return
    const {active, connection} = job
    const {className} = plan
    const inactive = new Map(checkpoint.tenants?.map(({name, status}) => [name, status]))
    const there = await this.#statusesOf(className, new Set([...inactive.keys(), ...this.#names]))
    for (const {name, status} of tenants) {
      // Tenants of a merge stay as they were, those created here become as the backup has seen them.
      const settled = settledStatus(isNew ? status : (there.get(name) ?? status))
      if (settled !== 'HOT' && !inactive.has(name)) inactive.set(name, settled)
    }

    checkpoint.tenants = Array.from(inactive, ([name, status]) => ({name, status}))
    // On the disk first: a crash must not leave tenants active for good.
    if (inactive.size > 0) await checkpoint.save()
    const missing = tenants.filter(({name}) => !there.has(name))
    await connection.createTenants(
      className,
      missing.map(({name}) => ({name, status: inactive.has(name) ? 'COLD' : 'HOT'})),
    )
    const toStayActive = tenants.filter(({name}) => there.has(name) && there.get(name) !== 'HOT' && !inactive.has(name))
    await connection.setTenantStatus(
      className,
      toStayActive.map(({name}) => ({name, status: 'HOT'})),
      job.options.signal,
    )
    for (const {name} of missing) there.set(name, 'COLD')
    active.admit(className, admissible(inactive.keys(), there))
    await this.#admitTargetsOfEarlierRuns()
  }

  /** To be called before references are written, once all restores of the same go have created their tenants. */
  async admitTargets(): Promise<void> {
    const {checkpoint, isPlanned, job, plan} = this.options
    if (this.#names.size === 0) return
    if (isPlanned) {
      this.#admitPlanned()
      return
    }

    const {active, connection} = job
    const targets = new Set(referenceProperties(plan.schema).flatMap(({dataType}) => dataType))
    targets.delete(plan.className)
    const found: Array<{collection: string; there: Statuses}> = []
    this.#targets = []
    for (const collection of targets) {
      const schema = await connection.getCollection(collection)
      if (!schema || !isMultiTenant(schema)) continue
      this.#targets.push(collection)
      found.push({collection, there: await this.#statusesOf(collection, this.#names)})
    }

    const inactive = found.flatMap(({collection, there}) =>
      Array.from(there, ([name, status]) => ({collection, name, status})).filter(
        ({name, status}) => status !== 'HOT' && this.#names.has(name) && !active.isAdmitted(collection, name),
      ),
    )
    if (inactive.length === 0) return
    checkpoint.targetTenants.push(...inactive)
    // On the disk first, as with the collection's own.
    await checkpoint.save()
    for (const {collection, there} of found) active.admit(collection, admissible(namesIn(inactive, collection), there))
  }

  /**
   * Runs `body` while the tenants of these objects are active, with `references` also in the collections that they may refer to. Not to
   * be called in the body of another.
   */
  async whileActive<T>(
    objects: ReadonlyArray<{tenant?: string}>,
    body: () => Promise<T>,
    {references = false}: {references?: boolean} = {},
  ): Promise<T> {
    const names = new Set(objects.map(({tenant}) => tenant))
    names.delete(undefined)
    const collections = this.#collections(references)
    const wanted = [...names].flatMap((name) => collections.map((collection) => ({collection, name: name!})))
    return this.whileHeld(wanted, body)
  }

  /** As `whileActive`, for tenants of any collection. */
  async whileHeld<T>(wanted: Iterable<TenantOfCollection>, body: () => Promise<T>): Promise<T> {
    const {active, options} = this.options.job
    const release = await active.hold(wanted, options.signal)
    try {
      return await body()
    } finally {
      release()
    }
  }

  /** The tenants that are restored: those that stay active together, the others in groups. */
  groups(): string[][] {
    const {isLimited, most} = this.limit()
    const inactive = [...this.#names].filter((name) => isLimited(name))
    const groups = [[...this.#names].filter((name) => !isLimited(name)), ...chunks(inactive, most)]
    return groups.filter((group) => group.length > 0)
  }

  limit({references = false}: {references?: boolean} = {}): TenantLimit {
    const collections = this.#collections(references)
    return {
      isLimited: (tenant) =>
        tenant !== undefined && collections.some((name) => this.options.job.active.isAdmitted(name, tenant)),
      most: Math.max(1, Math.floor(ACTIVATION_GROUP / collections.length)),
    }
  }

  /**
   * Puts back what is to be inactive, of every collection concerned. `isLast`: nothing is written any more, so that new tenants may be
   * offloaded too. @throws DataOpsError when tenants may have been left active.
   */
  async settle({isLast}: {isLast: boolean}): Promise<void> {
    const {checkpoint, isNew, job, plan} = this.options
    const {active, connection, warn} = job
    await active.putBack()
    const own = isLast || !isNew ? (checkpoint.tenants ?? []) : []
    const all = [...own.map((tenant) => ({...tenant, collection: plan.className})), ...checkpoint.targetTenants]
    const offloaded = all.filter(({status}) => status === 'FROZEN')
    for (const collection of new Set(offloaded.map((tenant) => tenant.collection))) {
      const names = namesIn(offloaded, collection)
      try {
        await connection.setTenantStatus(
          collection,
          names.map((name) => ({name, status: 'FROZEN'})),
        )
      } catch (error) {
        // A server without an offload module cannot; the data is there, so this is no failure.
        warn({
          code: 'tenants-not-offloaded',
          details: {collection, reason: error instanceof Error ? error.message : String(error), tenants: names.length},
          message: `${plural(names.length, 'offloaded tenant')} of "${collection}" ${names.length === 1 ? 'is' : 'are'} inactive only: the server cannot offload.`,
        })
      }
    }
  }

  #admitPlanned(): void {
    const {checkpoint, job, plan} = this.options
    const {className} = plan
    this.#targets = [...new Set(checkpoint.targetTenants.map(({collection}) => collection))]
    const own = (checkpoint.tenants ?? []).map((tenant) => ({...tenant, collection: className}))
    for (const {collection, name} of [...own, ...checkpoint.targetTenants])
      job.active.admit(collection, [{isActive: false, name}])
  }

  #collections(references: boolean): string[] {
    return [this.options.plan.className, ...(references ? this.#targets : [])]
  }

  async #admitTargetsOfEarlierRuns(): Promise<void> {
    const {checkpoint, job} = this.options
    const {active, connection} = job
    for (const collection of new Set(checkpoint.targetTenants.map((tenant) => tenant.collection))) {
      const schema = await connection.getCollection(collection)
      const isThere = schema !== undefined && isMultiTenant(schema)
      const names = new Set(namesIn(checkpoint.targetTenants, collection))
      const there = isThere ? await this.#statusesOf(collection, names) : new Map<string, TenantStatus>()
      // What is gone since then is nobody's to put back.
      checkpoint.targetTenants = checkpoint.targetTenants.filter(
        (tenant) => tenant.collection !== collection || there.has(tenant.name),
      )
      active.admit(collection, admissible(namesIn(checkpoint.targetTenants, collection), there))
    }
  }

  /** By name. Those of `names` that were on their way to another state have arrived: before that, none can be asked for. */
  async #statusesOf(collection: string, names: ReadonlySet<string>): Promise<Statuses> {
    const {connection, options} = this.options.job
    const tenants = await connection.listTenants(collection)
    const settled = tenants.map(({name, status}) => ({
      name,
      status: names.has(name) ? settledStatus(status) : status,
    }))
    await connection.setTenantStatus(
      collection,
      settled.filter(({status}, index) => status !== tenants[index]!.status),
      options.signal,
    )
    return new Map(settled.map(({name, status}) => [name, status]))
  }
}

function namesIn(tenants: readonly TenantOfCollection[], collection: string): string[] {
  return tenants.filter((tenant) => tenant.collection === collection).map(({name}) => name)
}

/** Those of the names that are there. */
function admissible(names: Iterable<string>, there: Statuses): Array<{isActive: boolean; name: string}> {
  return [...names].filter((name) => there.has(name)).map((name) => ({isActive: there.get(name) === 'HOT', name}))
}
