import type {Amendment} from '../../codec/document.js'
import type {ObjectIndex} from './object-index.js'
import type {BackupReading} from './reading.js'

import {ObjectsById} from '../../flow/by-id.js'
import {listIds} from '../../flow/list-ids.js'
import {type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {settledStatus, withActiveTenants} from '../../flow/tenants/activation.js'
import {objectKey, type WeaviateObject} from '../../model/object.js'
import {writeAll} from '../../model/sink.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'

/** All tenants that are activated are noted before the first scan. */
const NOTED = {async leave() {}, async save() {}}
/** Scans after which a collection counts as never still. */
const MAX_ROUNDS = 20

export interface SettleResult {
  amendments: Amendment[]
  /** Scans it took. */
  rounds: number
  /** False: the collection changed faster than it could be read. */
  settled: boolean
}

/**
 * Scans ids and update times of the live collection again, reads what was written since, and notes what was deleted, until a scan
 * finds the backup as the collection is; of one that was continued, once.
 */
export async function settle(reading: BackupReading, index: ObjectIndex): Promise<SettleResult> {
  const {connection, open, plan, signal} = reading
  const {check, journal, note, resumed, scope} = open
  const {job, tenants: all} = open.plan
  const read = new Set(scope?.read)
  const tenants = all?.filter(({name}) => read.has(name))
  const inactive = (tenants ?? []).filter(({status}) => status !== 'HOT')
  if (inactive.length > 0) {
    await journal.saveActivated(inactive.map(({name, status}) => ({name, status: settledStatus(status)})))
  }

  const scans = new Scans(reading, index)
  const scanAll = async (): Promise<void> =>
    tenants
      ? withActiveTenants(
          connection,
          {className: plan.className, note: {check, ...NOTED}, signal, tenants},
          async (group) => scans.scan(slicesOfTenants(group)),
        )
      : scans.scan([{...WHOLE_RANGE}])
  const most = resumed ? 1 : MAX_ROUNDS
  let rounds = 0
  let settled = false
  while (!settled && rounds < most) {
    rounds++
    settled = (await scans.run(rounds, scanAll)) === 0
  }

  if (!settled && !resumed) {
    job.warn({
      code: 'not-settled',
      details: {rounds},
      message: `The collection still changed after ${rounds} scans; the backup is as of the last one, object by object.`,
    })
  }

  await note.save([])
  return {amendments: scans.amendments, rounds, settled}
}

type Tenant = string | undefined

/** What scans find, one after another. */
class Scans {
  readonly #amendments = new Map<string, Amendment>()
  readonly #byId: ObjectsById
  #changes = 0
  #round = 0
  #scanned = new Set<Tenant>()

  constructor(
    private readonly reading: BackupReading,
    private readonly index: ObjectIndex,
  ) {
    this.#byId = new ObjectsById(reading)
  }

  get amendments(): Amendment[] {
    return [...this.#amendments.values()]
  }

  /** Returns how many changes `scanAll` has found. */
  async run(round: number, scanAll: () => Promise<void>): Promise<number> {
    const {open, plan} = this.reading
    this.#changes = 0
    this.#round = round
    this.#scanned = new Set()
    await scanAll()
    // Of tenants that are gone.
    this.#removeUnseen((tenant) => !this.#scanned.has(tenant))
    const {objects} = open.content
    open.plan.job.options.onProgress?.({
      collection: plan.className,
      completed: objects,
      stage: 'settle',
      total: objects,
    })
    return this.#changes
  }

  async scan(slices: Slice[]): Promise<void> {
    const {completeness, open} = this.reading
    const changed = new Map<Tenant, string[]>()
    for await (const page of listIds({...this.reading, expectedObjects: open.content.objects, slices})) {
      for (const {id, lastUpdateTimeUnix, tenant} of page) {
        const known = this.index.get(tenant, id)
        if (known) this.index.see(tenant, id, this.#round)
        if (known?.updated !== lastUpdateTimeUnix) addTo(changed, tenant, id)
      }
    }

    for (const [tenant, ids] of changed) {
      this.#changes += ids.length
      for await (const {objects} of this.#byId.read(ids, {tenant})) await this.#writeAgain(tenant, objects)
    }

    const tenants = new Set(slices.map(({tenant}) => tenant))
    await this.#seeUnlisted(tenants)
    this.#removeUnseen((tenant) => tenants.has(tenant))
    for (const tenant of tenants) this.#scanned.add(tenant)
    // What was counted and looked at before it does not know what it found, or what an earlier run had read.
    await completeness.end(slices)
  }

  #amend(tenant: Tenant, id: string): void {
    this.#amendments.set(objectKey(tenant, id), [tenant ?? null, id, this.reading.open.writer.rows])
  }

  #removeUnseen(isOf: (tenant: Tenant) => boolean): void {
    for (const {content, id, tenant} of this.index.unseen(this.#round)) {
      if (!isOf(tenant)) continue
      this.#changes++
      this.reading.open.content.subtract(content, tenant)
      this.index.remove(tenant, id)
      this.#amend(tenant, id)
    }
  }

  /** A listing that lacks an object does not say that it was deleted: by its id, over the other transport, it may be there. */
  async #seeUnlisted(tenants: ReadonlySet<Tenant>): Promise<void> {
    const unlisted = new Map<Tenant, string[]>()
    for (const {id, tenant} of this.index.unseen(this.#round)) if (tenants.has(tenant)) addTo(unlisted, tenant, id)
    for (const [tenant, ids] of unlisted) {
      for await (const {objects} of this.#byId.read(ids, {tenant, viaRest: true}))
        for (const {id} of objects) this.index.see(tenant, id, this.#round)
    }
  }

  /** Objects as they are now; those that the backup has already are superseded. */
  async #writeAgain(tenant: Tenant, objects: readonly WeaviateObject[]): Promise<void> {
    const {content, writer} = this.reading.open
    for (const object of objects) {
      const held = this.index.get(tenant, object.id)
      if (held) {
        content.subtract(held.content, tenant)
        this.#amend(tenant, object.id)
      }

      this.index.set(object, content.add(object))
      this.index.see(tenant, object.id, this.#round)
    }

    await writeAll(writer, objects)
  }
}

function addTo(lists: Map<Tenant, string[]>, tenant: Tenant, id: string): void {
  const ids = lists.get(tenant) ?? []
  ids.push(id)
  lists.set(tenant, ids)
}
