import type {ContentDigest} from '../../archive/content-digest.js'
import type {ArchiveWriter} from '../../archive/writer.js'
import type {Amendment} from '../../codec/document.js'
import type {Throttle} from '../../flow/throttle.js'
import type {OperationOptions} from '../../model/progress.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {ObjectIndex} from './object-index.js'

import {listIds} from '../../flow/list-ids.js'
import {type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {settledStatus, withActiveTenants} from '../../flow/tenants/activation.js'
import {chunks} from '../../model/chunks.js'
import {writeAll} from '../../model/sink.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'

/** All tenants that are activated are noted before the first scan. */
const NOTED = {async leave() {}, async save() {}}
/** Scans after which a collection counts as never still. */
const MAX_ROUNDS = 20
/** Objects read again in one call. */
const OBJECTS_A_CALL = 100

export interface SettleOptions extends OperationOptions {
  /** @throws DataOpsError STORAGE when another process has taken the backup over, and its tenants with it. */
  check: () => Promise<void>
  concurrency: number
  connection: Connection
  content: ContentDigest
  index: ObjectIndex
  /** Called with what a scan has just looked at, while its tenants are active: whether that is as much as the server counts. */
  judge: (slices: Slice[]) => Promise<void>
  plan: CollectionPlan
  /** Scans at most; default: until nothing has changed, or a collection counts as never still. */
  rounds?: number
  /** Keeps what is to be put back after a crash. */
  saveActivated: (tenants: WeaviateTenant[]) => Promise<void>
  /** Tenants that are in the backup; undefined in collections without tenants. */
  tenants?: WeaviateTenant[]
  throttle: Throttle
  writer: ArchiveWriter
}

export interface SettleResult {
  amendments: Amendment[]
  /** Scans it took. */
  rounds: number
  /** False: the collection changed faster than it could be read. */
  settled: boolean
}

/**
 * Scans ids and update times of the live collection again, reads what was written since, and notes what was deleted, until a scan
 * finds the backup as the collection is.
 */
// Long because a round is one closure over what changed in it.
export async function settle(options: SettleOptions): Promise<SettleResult> {
  const {content, index, rounds = MAX_ROUNDS, writer} = options
  const amendments = new Map<string, Amendment>()
  const amend = (tenant: string | undefined, id: string): void => {
    amendments.set(`${id}/${tenant ?? ''}`, [tenant ?? null, id, writer.rows])
  }

  const inactive = (options.tenants ?? []).filter(({status}) => status !== 'HOT')
  if (inactive.length > 0) {
    await options.saveActivated(inactive.map(({name, status}) => ({name, status: settledStatus(status)})))
  }

  for (let round = 1; round <= rounds; round++) {
    let changes = 0
    const scanned = new Set<string | undefined>()
    const removeUnseen = (isOf: (tenant: string | undefined) => boolean): void => {
      for (const {content: held, id, tenant} of index.unseen(round)) {
        if (!isOf(tenant)) continue
        changes++
        content.subtract(held, tenant)
        index.remove(tenant, id)
        amend(tenant, id)
      }
    }

    const scan = async (slices: Slice[]): Promise<void> => {
      const changed = new Map<string | undefined, string[]>()
      for await (const page of listIds({...options, expectedObjects: content.objects, slices})) {
        for (const object of page) {
          const known = index.get(object.tenant, object.id)
          if (known) index.see(object.tenant, object.id, round)
          if (known?.updated === object.lastUpdateTimeUnix) continue
          const ids = changed.get(object.tenant) ?? []
          ids.push(object.id)
          changed.set(object.tenant, ids)
        }
      }

      for (const [tenant, ids] of changed) {
        changes += ids.length
        for (const some of chunks(ids, OBJECTS_A_CALL)) await readAgain(options, tenant, some, round, amend)
      }

      const tenants = new Set(slices.map(({tenant}) => tenant))
      await seeUnlisted(options, tenants, round)
      removeUnseen((tenant) => tenants.has(tenant))
      for (const tenant of tenants) scanned.add(tenant)
      await options.judge(slices)
    }

    await (options.tenants
      ? withActiveTenants(
          options.connection,
          options.plan.className,
          options.tenants,
          {note: {check: options.check, ...NOTED}, signal: options.signal},
          async (group) => scan(slicesOfTenants(group)),
        )
      : scan([{...WHOLE_RANGE}]))
    // Of tenants that are gone.
    removeUnseen((tenant) => !scanned.has(tenant))
    options.onProgress?.({
      collection: options.plan.className,
      completed: content.objects,
      stage: 'settle',
      total: content.objects,
    })
    if (changes === 0) return {amendments: [...amendments.values()], rounds: round, settled: true}
  }

  return {amendments: [...amendments.values()], rounds, settled: false}
}

/** A listing that lacks an object does not say that it was deleted: by its id, over the other transport, it may be there. */
async function seeUnlisted(
  options: SettleOptions,
  tenants: ReadonlySet<string | undefined>,
  round: number,
): Promise<void> {
  const {connection, index, plan, signal, throttle} = options
  const unlisted = new Map<string | undefined, string[]>()
  for (const {id, tenant} of index.unseen(round)) {
    if (!tenants.has(tenant)) continue
    const ids = unlisted.get(tenant) ?? []
    ids.push(id)
    unlisted.set(tenant, ids)
  }

  for (const [tenant, ids] of unlisted) {
    for (const some of chunks(ids, OBJECTS_A_CALL)) {
      const request = {collection: plan, ids: some, signal, tenant, viaRest: true}
      const objects = await throttle.run(async () => connection.getObjects(request))
      for (const {id} of objects) index.see(tenant, id, round)
    }
  }
}

/** Objects as they are now; those that the backup has already are superseded. */
async function readAgain(
  options: SettleOptions,
  tenant: string | undefined,
  ids: string[],
  round: number,
  amend: (tenant: string | undefined, id: string) => void,
): Promise<void> {
  const {connection, content, index, plan, signal, throttle, writer} = options
  const objects = await throttle.run(async () => connection.getObjects({collection: plan, ids, signal, tenant}))
  for (const object of objects) {
    const held = index.get(tenant, object.id)
    if (held) {
      content.subtract(held.content, tenant)
      amend(tenant, object.id)
    }

    index.set(object, content.add(object))
    index.see(tenant, object.id, round)
  }

  await writeAll(writer, objects)
}
