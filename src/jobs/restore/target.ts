/** The second step of a restore: the collection and its tenants are there, and nothing speaks against writing objects. */
import type {SameServer} from '../../weaviate/same-server.js'
import type {RestoreAccount} from './account.js'

import {LiveSink} from '../../flow/live/sink.js'
import {withActiveTenants} from '../../flow/tenants/activation.js'
import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {openedAs} from '../../weaviate/connect.js'
import {type Checkpoint} from './checkpoint.js'
import {expectedObjects, makeObjection} from './checks.js'
import {findExisting} from './conflicts.js'
import {checkCreated} from './created.js'
import {isEmptyPlace} from './empty-place.js'
import {proveByFirstObject, proveTarget} from './first-object.js'
import {type KnownRestore, rejectedFileOf, type RestoreJob} from './job.js'
import {type RestoreTransferOptions, sendingOf} from './objects.js'
import {leavesOthers} from './others.js'
import {conflict, type RestorePlan} from './plan.js'
import {Referring} from './referring.js'
import {withCreationHint} from './refusals.js'
import {RejectedObjects} from './rejected.js'
import {RestoredTenants} from './tenants.js'

/** A collection that is there, as far as those allow that it refers to. */
export interface CreatedTarget {
  /** Empty collections made for it in this run, as it refers to them. */
  alsoMade: string[]
  /** Created in this run. */
  isNew: boolean
  /** Created by this restore, in this run or an earlier one. */
  isOurs: boolean
  restore: RestorePlan
  schema: WeaviateClass
}

/** A collection that objects can be written to. To be left with `leave`, whatever happens, unless it is confirmed. */
export interface Target extends Pick<CreatedTarget, 'isOurs'> {
  restore: KnownRestore & Pick<RestorePlan, 'archive' | 'dropped'>
  /** What earlier runs had written. */
  resumed: {objects: number; references: number}
  sameServer: SameServer
  transfer: RestoreTransferOptions
}

/** Creates the collection if it is not there, as far as the collections it refers to allow. */
export async function createTarget(restore: RestorePlan): Promise<CreatedTarget> {
  if (restore.live) return {...restore.live, alsoMade: [], isNew: false, restore}
  const {checkpoint, emptyTargets, job, prepared} = restore
  const {connection, target} = job
  const alsoMade: string[] = []
  for (const name of emptyTargets) {
    if (await connection.getCollection(name)) continue
    await connection.createCollection({class: name, vectorizer: 'none'})
    alsoMade.push(name)
  }

  // Before the collection: from here on it is known to be ours.
  checkpoint.created = true
  // Those of a collection that is gone.
  checkpoint.tenants = undefined
  await checkpoint.save()
  try {
    await connection.createCollection(prepared.create)
  } catch (error) {
    const isTaken = error instanceof DataOpsError && error.code === 'COLLECTION_EXISTS'
    // Somebody else was faster: what is there is theirs, and no later run may take it for its own.
    if (isTaken || !(await connection.getCollection(target).catch(() => true))) {
      checkpoint.created = false
      await checkpoint.remove()
    }

    throw withCreationHint(error, prepared.create)
  }

  const schema = await connection.getCollection(target)
  if (!schema) throw new DataOpsError('UNEXPECTED', `"${target}" is gone right after it was created.`)
  return {alsoMade, isNew: true, isOurs: true, restore, schema}
}

/** Once all collections of the same go are created. @throws DataOpsError COLLECTION_EXISTS, SCHEMA_MISMATCH, and what the server answers. */
export async function prepareTarget(created: CreatedTarget): Promise<Target> {
  const {isOurs, restore} = created
  const {checkpoint, job} = restore
  const schema = await finishCreation(created)
  checkpoint.identity = await job.connection.identify(schema)
  // Two addresses of one server are one target.
  if (checkpoint.identity !== undefined) await job.leases.take(checkpoint.identity)
  if (isOurs && !checkpoint.isMade) {
    checkpoint.isMade = true
    await checkpoint.save()
  }

  if (isOurs && checkpoint.objects.done.size === 0) checkCreated(restore, schema)
  const sameServer = await proveTarget(job, schema)
  const transfer = transferOf(restore, schema, {isOurs, rejected: await openRejected(restore)})
  const {tenants} = transfer
  const resumed = {objects: checkpoint.objects.count, references: checkpoint.references.count}
  const target: Target = {isOurs, restore, resumed, sameServer, transfer}
  try {
    await tenants.create()
    if (job.options.retryRejected === undefined) {
      await settleConflicts(target)
      if (!job.options.skipData && !checkpoint.objects.finished)
        transfer.first = await proveByFirstObject(transfer, sameServer)
    } else await tenants.admitTargets()
    return target
  } catch (error) {
    const isAsBefore = await putTenantsBack(job, tenants)
    // A refusal has changed nothing that a later run would have to know of.
    if (isAsBefore && error instanceof DataOpsError && error.code === 'COLLECTION_EXISTS') await checkpoint.remove()
    throw error
  }
}

/** Ends a restore where it is, for a later run to go on. */
export async function leave({restore, transfer}: Target): Promise<void> {
  const {checkpoint, job} = restore
  const {retryRejected, skipData} = job.options
  // What failed before is to be told; no row whose line is not on the disk is said to be done.
  if (retryRejected === undefined && !skipData) await checkpoint.save().catch(() => {})
  await transfer.rejected.sync().catch(() => {})
  const isAsBefore = await putTenantsBack(job, transfer.tenants)
  // There is nothing in it but tenants to put back.
  if (isAsBefore && retryRejected !== undefined) await checkpoint.remove()
}

/** After a failure, which is the one to report. Returns whether they are as they were. */
export async function putTenantsBack(
  job: RestoreJob,
  tenants: RestoredTenants,
  {isLast = false} = {},
): Promise<boolean> {
  try {
    await tenants.settle({isLast})
    return true
  } catch (error) {
    job.warn({
      code: 'tenants-left-active',
      details: {reason: error instanceof Error ? error.message : String(error), tenants: job.active.open},
      message: `Inactive tenants of "${job.target}" may have been left active.`,
    })
    return false
  }
}

/** Objects that the server refuses are put there, behind those of earlier runs of the same restore. */
async function openRejected({checkpoint, job}: RestorePlan): Promise<RejectedObjects> {
  const {collection} = job.archive.head.metadata
  const rejected = new RejectedObjects(job.place, rejectedFileOf(job), collection, async () => job.leases.check())
  const isRetry = job.options.retryRejected !== undefined
  if (isRetry) await rejected.resume()
  else if (checkpoint.resumed) await goOnBehind(rejected, checkpoint, job)
  else await rejected.clear()
  if (!isRetry) checkpoint.rejectedFile = rejected
  return rejected
}

/** Says so when lines of earlier runs are gone: their objects are not sent again. */
async function goOnBehind(rejected: RejectedObjects, {rejectedBytes}: Checkpoint, job: RestoreJob): Promise<void> {
  await rejected.resume(rejectedBytes)
  if (rejected.bytes >= rejectedBytes) return
  const file = job.place.describe(rejectedFileOf(job))
  job.warn({
    code: 'rejected-lines-lost',
    details: {bytes: rejected.bytes, expected: rejectedBytes, file},
    message: `Objects that earlier runs of this restore had refused are not, or not all, in ${file}: \`--verify\` tells which are missing.`,
  })
}

/** How a restore writes into its target, whose class is `schema`. */
export function transferOf(
  restore: Pick<RestorePlan, 'archive' | 'job' | 'tenants'> & {checkpoint: RestoreAccount},
  schema: WeaviateClass,
  {isOurs, isPlanned, rejected}: {isOurs: boolean; isPlanned?: boolean; rejected: RejectedObjects},
): RestoreTransferOptions {
  const {archive: view, checkpoint, job, tenants: restored} = restore
  const {archive, options} = job
  const plan = planCollection(schema)
  const expected = options.skipData ? 0 : expectedObjects(archive, restored)
  const isChoice = options.tenants !== undefined && options.tenants.length > 0
  const wanted = restored && new Set(restored.map(({name}) => name))
  const sending = sendingOf(job, plan, expected)
  const sourceName = archive.head.metadata.collection
  return {
    ...sending,
    archive: view,
    checkpoint,
    choosesAnew: !isOurs && isChosenLive(job),
    leavesOthers: leavesOthers(options),
    makesOthers: options.allowRehash === true || options.allowVectorization === true,
    keepsNothing: openedAs(job.direct) !== undefined,
    objection: makeObjection(schema, options, isChoice ? undefined : wanted),
    onProgress: options.onProgress,
    ...(archive.isLive &&
      plan.hasReferences && {referring: new Referring(checkpoint, {earlier: !archive.isTransformed})}),
    rejected,
    sample: job.sample,
    // Without a choice none is passed over: an object of a tenant that the backup does not list is refused in sight.
    selected: wanted && isChoice ? (object) => object.tenant !== undefined && wanted.has(object.tenant) : () => true,
    sink: new LiveSink({...sending, sourceName}),
    sourceName,
    tenants: new RestoredTenants({checkpoint, isNew: isOurs, isPlanned, job, plan, tenants: restored}),
    total: expected,
  }
}

/** Objects of a source that others write to are chosen, or changed, each time that they are read. */
function isChosenLive({archive: {isLive, isTransformed}, options: {onConflict = 'overwrite'}}: RestoreJob): boolean {
  return Boolean(isLive && isTransformed) && onConflict === 'overwrite'
}

/** What no creation takes: also when an earlier run ended between the two steps, and what it refers to is there since. */
async function finishCreation({isOurs, restore, schema}: CreatedTarget): Promise<WeaviateClass> {
  if (!isOurs) return schema
  const {checkpoint, job, prepared} = restore
  const {afterCreate, create} = prepared
  const there = new Set((schema.properties ?? []).map((property) => property.name))
  const putOff = [...(checkpoint.resumed ? (create.properties ?? []) : []), ...(afterCreate?.properties ?? [])]
  const properties = putOff.filter((property) => !there.has(property.name))
  const vectors = new Set(Object.keys(schema.vectorConfig ?? {}))
  const isThere = Object.keys(afterCreate?.vectorConfig ?? {}).every((vector) => vectors.has(vector))
  if (isThere && properties.length === 0) return schema
  await job.connection.updateCollection({...afterCreate, class: job.target, properties}).catch((error: unknown) => {
    throw withCreationHint(error, create)
  })
  const finished = await job.connection.getCollection(job.target)
  if (!finished) throw new DataOpsError('UNEXPECTED', `"${job.target}" is gone right after it was created.`)
  return finished
}

/** After a refusal: a collection that this run made and that is empty is of no use to anybody, and in the way of the next try. */
export async function discard({alsoMade, isNew, restore, schema}: CreatedTarget): Promise<void> {
  if (!isNew) return
  const {checkpoint, job} = restore
  try {
    // Anything in it would not be ours to delete.
    const ours = new Set(restore.tenants?.map(({name}) => name))
    if (checkpoint.objects.done.size > 0 || !(await isEmpty(job, schema, ours))) return
    await job.connection.deleteCollection(job.target)
    for (const name of alsoMade) {
      if ((await job.connection.count(name)) === 0) await job.connection.deleteCollection(name)
    }

    await checkpoint.remove()
  } catch (error) {
    // The refusal is the error to report.
    job.warn({
      code: 'collection-left',
      details: {reason: error instanceof Error ? error.message : String(error)},
      message: `The collection "${job.target}" was made and may have been left behind, empty.`,
    })
  }
}

/** Without objects, and with no tenants but those that this run made. */
async function isEmpty(job: RestoreJob, schema: WeaviateClass, ours: ReadonlySet<string>): Promise<boolean> {
  const {connection, notes, target} = job
  if (!isMultiTenant(schema)) return isEmptyPlace(connection, target)
  const tenants = await connection.listTenants(target)
  if (tenants.some(({name}) => !ours.has(name))) return false
  const inhabited: string[] = []
  const note = notes.begin(connection.describe)
  await withActiveTenants(connection, {className: target, note, tenants}, async (group) => {
    for (const {name} of group) if (!(await isEmptyPlace(connection, target, name))) inhabited.push(name)
  })
  return inhabited.length === 0
}

/** Before anything is written: what the target has already is an error, or left alone. */
async function settleConflicts({restore, transfer}: Target): Promise<void> {
  const {checkpoint, job} = restore
  if (checkpoint.conflictsSettled || !leavesOthers(job.options)) return
  const {existing, unseen} = await findExisting(transfer)
  if (existing.size > 0 && job.options.onConflict === 'fail') throw conflict(job.target, existing.size)
  for (const [from, to] of existing.toJSON()) checkpoint.skipped.add(from, to)
  for (const [from, to] of unseen.toJSON()) checkpoint.unseen.add(from, to)
  // On the disk before the first object leaves: a later run must not take its own objects for somebody else's.
  checkpoint.conflictsSettled = true
  await checkpoint.save()
}
