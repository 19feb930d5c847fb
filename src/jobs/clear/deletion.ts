/** Deletes the objects of a collection: all of them, or those alone that a backup holds as they are. */
import type {ProgressEvent} from '../../model/progress.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {CollectionPlan, Connection, ConsistencyLevel} from '../../weaviate/connection.js'

import {countObjects} from '../../flow/count-objects.js'
import {type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {withActiveTenants} from '../../flow/tenants/activation.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {type Throttle} from '../../flow/throttle.js'
import {inParallel} from '../../model/in-parallel.js'
import {splitRange, WHOLE_RANGE} from '../../model/uuid-range.js'
import {assertDeleted} from '../../weaviate/delete-outcome.js'
import {type SameServer} from '../../weaviate/same-server.js'
import {SAMPLE} from '../confirmation.js'
import {DEFAULT_CONCURRENCY} from '../options.js'
import {FreshObjects, type HeldObjects} from './held.js'

/** Objects that are compared and then deleted, in one call each: the fewer, the shorter the time in between. */
const COMPARED_AT_ONCE = 500

export interface DeletionOptions {
  connection: Connection
  /** Only what it has, as it is, is deleted; none: everything. */
  held?: HeldObjects
  /** With `held`, where too few replicas are listed: the level at which the newest version of each object is asked for. */
  newestAt?: 'ALL' | 'QUORUM' | undefined
  notes: TenantNotes
  onProgress?: (event: ProgressEvent) => void
  plan: CollectionPlan
  sameServer: SameServer
  /** The level at which some of what was deleted is looked for by id; none: it is not. */
  sampleAt?: ConsistencyLevel
  signal?: AbortSignal
  /** Those whose objects are deleted; undefined in collections without tenants. */
  tenants?: readonly WeaviateTenant[]
  throttle: Throttle
  /** Objects there are, as far as is known. */
  total: number
}

export interface Deletion {
  deleted: number
  /** Left alone, as the backup does not have them as they are. */
  fresh: FreshObjects
  /** Objects found afterwards in tenants that are inactive again. */
  leftInInactive: number
  /** Deleted objects that were looked for by id. */
  sampled: number
  /** Those of them that were found. */
  stillThere: string[]
  /** Milliseconds between asking for what is compared and the server's word that it is deleted, at most. */
  windowMs: number
}

export async function deleteObjects(options: DeletionOptions): Promise<Deletion> {
  const {connection, notes, plan, signal, tenants} = options
  const deletion: Deletion = {
    deleted: 0,
    fresh: new FreshObjects(),
    leftInInactive: 0,
    sampled: 0,
    stillThere: [],
    windowMs: 0,
  }
  const empty = async (slices: Slice[]): Promise<void> => {
    const {held} = options
    await inParallel(slices, {atOnce: DEFAULT_CONCURRENCY, signal}, async (slice) =>
      held ? deleteHeld(options, held, slice, deletion) : deleteAll(options, slice.tenant, deletion),
    )
  }

  if (!tenants) {
    await empty(options.held ? splitRange({...WHOLE_RANGE}, DEFAULT_CONCURRENCY) : [{...WHOLE_RANGE}])
    return deletion
  }

  const note = notes.begin(connection.describe)
  await withActiveTenants(connection, {className: plan.className, note, signal, tenants}, async (group) => {
    await options.sameServer.prove(group.map(({name}) => ({name, status: 'HOT'})))
    await empty(slicesOfTenants(group))
    // The others are counted once all is done; these cannot be counted then.
    if (group[0]?.status === 'HOT') return
    const names = group.map(({name}) => name)
    const left = await countObjects(connection, plan.className, names, signal)
    deletion.leftInInactive += left
  })
  return deletion
}

/** Ends when as many are gone as there were: what others write meanwhile is not fought, or it would never end. */
async function deleteAll(options: DeletionOptions, tenant: string | undefined, deletion: Deletion): Promise<void> {
  const {connection, plan, signal} = options
  const goal = await connection.count(plan.className, tenant, signal)
  const sample = await someIds(options, tenant)
  let gone = 0
  for (;;) {
    const {deleted, matched} = await deleteOnce(options, {tenant})
    gone += deleted
    progressed(options, deletion, deleted)
    if (matched === 0 || (gone >= goal && deleted > 0)) break
  }

  await lookFor(options, {ids: sample, tenant}, deletion)
}

/** Of what is about to be deleted. */
async function someIds(
  {connection, plan, sampleAt, signal, throttle}: DeletionOptions,
  tenant?: string,
): Promise<string[]> {
  if (sampleAt === undefined) return []
  const page = await throttle.run(async () =>
    connection.readPage({collection: plan, include: 'ids', limit: SAMPLE, signal, tenant}),
  )
  return page.objects.map(({id}) => id)
}

/** Whether some of what was deleted can still be read, until enough were looked for. */
async function lookFor(
  {connection, plan, sampleAt, signal, throttle}: DeletionOptions,
  {ids, tenant}: {ids: readonly string[]; tenant?: string},
  deletion: Deletion,
): Promise<void> {
  const {replicas} = connection
  const sample = ids.slice(0, Math.max(0, SAMPLE - deletion.sampled))
  if (sampleAt === undefined || !replicas || sample.length === 0) return
  deletion.sampled += sample.length
  const found = await throttle.run(async () =>
    replicas.readable({collection: plan.className, consistency: sampleAt, ids: sample, signal, tenant}),
  )
  deletion.stillThere.push(...found)
}

/** Page by page: what is listed is compared at once, and deleted by id. */
async function deleteHeld(
  options: DeletionOptions,
  held: HeldObjects,
  {after: start, tenant, until}: Slice,
  deletion: Deletion,
): Promise<void> {
  const {connection, plan, signal, throttle} = options
  for (let after = start; ;) {
    let asked = performance.now()
    const {objects} = await throttle.run(async () =>
      connection.readPage({after, collection: plan, include: 'ids', limit: COMPARED_AT_ONCE, signal, tenant}),
    )
    const own = objects.filter(({id}) => id <= until)
    let ids: string[] = []
    for (const object of own) {
      if (held.has(object)) ids.push(object.id)
      else deletion.fresh.add(object)
    }

    if (options.newestAt !== undefined && connection.replicas?.versions && ids.length > 0) {
      asked = performance.now()
      ids = await heldByAll(options, held, {ids, tenant}, deletion)
    }

    if (ids.length > 0) {
      const {deleted} = await deleteOnce(options, {ids, tenant})
      deletion.windowMs = Math.max(deletion.windowMs, performance.now() - asked)
      progressed(options, deletion, deleted)
      await lookFor(options, {ids, tenant}, deletion)
    }

    after = own.at(-1)?.id
    // Until nothing comes: a page may be short in the middle.
    if (after === undefined || own.length < objects.length) return
  }
}

/** Where so few replicas are listed that all of them may have old versions: those whose newest version is the backup's. */
async function heldByAll(
  {connection, newestAt = 'QUORUM', plan, signal, throttle}: DeletionOptions,
  held: HeldObjects,
  {ids, tenant}: {ids: readonly string[]; tenant?: string},
  {fresh}: Deletion,
): Promise<string[]> {
  // One replica alone may be the one that was listed.
  const request = {collection: plan.className, consistency: newestAt, ids, signal, tenant}
  const newest = await throttle.run(async () => (await connection.replicas?.versions?.(request)) ?? [])
  const sure: string[] = []
  for (const {id, lastUpdateTimeUnix} of newest) {
    const object = {id, lastUpdateTimeUnix, ...(tenant !== undefined && {tenant})}
    if (held.has(object)) sure.push(id)
    else fresh.add(object)
  }

  return sure
}

async function deleteOnce(
  {connection, plan: {className}, signal, throttle}: DeletionOptions,
  what: {ids?: string[]; tenant?: string},
): Promise<{deleted: number; matched: number}> {
  const reply = await throttle.run(async () => connection.deleteObjects({...what, collection: className, signal}))
  return assertDeleted(reply, {collection: className, tenant: what.tenant})
}

function progressed({onProgress, plan, total}: DeletionOptions, deletion: Deletion, deleted: number): void {
  deletion.deleted += deleted
  const completed = deletion.deleted
  onProgress?.({collection: plan.className, completed, stage: 'clear', total: Math.max(total, completed)})
}
