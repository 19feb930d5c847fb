/** A restore that many workers do: what they must know, and the carrying out of one item of either pass. */
import type {ObjectSource} from '../../flow/source.js'
import type {WeaviateObject} from '../../model/object.js'
import type {Warning} from '../../model/progress.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {CheckpointBinding, TargetTenant} from './checkpoint-file.js'
import type {RestoreOptions} from './options.js'

import {ContentDigest, type ContentState} from '../../archive/content-digest.js'
import {allNotesIn} from '../../archive/encrypted/notes.js'
import {openArchiveAt} from '../../catalog/locate.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {DataOpsError} from '../../model/errors.js'
import {itemAccount, type RestoreAccount} from './account.js'
import {tenantsToRestore} from './checks.js'
import {proveByFirstObject, proveTarget} from './first-object.js'
import {
  calmFor,
  keepPlaceholders,
  leftPlaceholders,
  puttingBack,
  type RestoreItemRun,
  whileTenantsAre,
} from './item-safety.js'
import {checkTarget, checkTargetHere} from './job-target.js'
import {makeJob, type RestoreJob} from './job.js'
import {type RestoreTransferOptions, writeObjects} from './objects.js'
import {rangesOf} from './ranged.js'
import {mendReferences} from './read-back.js'
import {writeReferences} from './references.js'
import {RejectedObjects} from './rejected.js'
import {type RowRange, RowRanges, rowsIn} from './row-ranges.js'
import {transferOf} from './target.js'
import {type SentTransforms, transformAgain} from './transformed.js'
import {type ArchiveView, viewWithoutTargets} from './view.js'

/** What one worker writes at a time: JSON. Ranges are of the source's rows. */
export interface RestoreItem {
  /** All tenants but those that other items have for themselves. */
  isOfOthers?: boolean
  ranges: RowRange[]
  /** Only these tenants: nobody else changes their states meanwhile. */
  tenants?: string[]
}

/** Options of a restore that every worker must know: what is not of whoever runs it. */
export const SENT_OPTIONS = [
  'allowNonFinite',
  'allowRehash',
  'allowVectorization',
  'atomic',
  'batchSize',
  'consistency',
  'merge',
  'missingTarget',
  'name',
  'onConflict',
  'overrides',
  'tenants',
  'verify',
  'withAliases',
] as const satisfies ReadonlyArray<keyof RestoreOptions>

/** JSON. */
export type SentRestoreOptions = Pick<RestoreOptions, (typeof SENT_OPTIONS)[number]>

/** What every worker of a restore must know: JSON, without secrets. */
export interface RestoreWork {
  backup: {fingerprint: string; id: string; name: string}
  binding: CheckpointBinding
  /** References to these collections are left out. */
  dropped?: string[]
  /** What tells the collection from another of its name. */
  identity?: string
  /** The collection was created by this restore. */
  isOurs: boolean
  /** An interrupted restore may have written some references. */
  isUncertain?: boolean
  /** Names of the leases of the target, by which it is reserved. */
  leases: string[]
  options: SentRestoreOptions
  /** Of the source, the void ones included. */
  rows: number
  /** Of the collection that is written. */
  schema: WeaviateClass
  /** Rows that are left alone. */
  skipped: RowRange[]
  /** Rows before it may have been written by an interrupted restore, or to prove the target. */
  announced?: number
  /** Tenants of collections that are referred to, that are to be inactive in the end. */
  targetTenants: TargetTenant[]
  /** Tenants of the target that are to be inactive in the end. */
  tenants?: WeaviateTenant[]
  transforms?: SentTransforms
  /** Of the planning: what the backup lacks, what the server has changed. */
  warnings: Warning[]
}

/** What the server refused of an item. */
export interface ItemRejected {
  /** Key of the file with the lines, in the place of the job. */
  file: string
  rows: RowRange[]
}

/** What came of the objects of an item: JSON. */
export interface ObjectsResult {
  /** Of all that was read. */
  content: ContentState
  /** That were written. */
  objects: number
  rejected?: ItemRejected
  /** Rows that others had written by then, beside those of the plan. */
  skipped?: RowRange[]
  /** Some of what was written. */
  sample: Array<{id: string; tenant?: string}>
}

/** What came of the references of an item, and of its objects: JSON. */
export interface ReferencesResult {
  /** Objects whose references were read back and had to be written anew. */
  mended?: number
  objects: ObjectsResult
  /** That were written. */
  references: number
  rejected?: ItemRejected
}

/** A worker of a restore, connected. */
export interface RestoreWorker {
  direct: Connection
  /** Whether REST and gRPC were found to be one server. */
  isProven: boolean
  /** Holds what items leave for each other: what the server refused, what stands in for objects. */
  left: Store
  notes: TenantNotes
  options: RestoreOptions
  /** As it is restored. */
  source: ObjectSource
  /** The backup's. */
  store: Store
  work: RestoreWork
}

/**
 * @throws DataOpsError INVALID_INPUT (`details.ofWorker`) when its keys do not open the backup; BACKUP_DAMAGED when another backup lies
 * there by now; CHECKPOINT (`details.ofWorker`: its server may be another) when the target is not there.
 */
export async function openRestoreWork(
  direct: Connection,
  store: Store,
  work: RestoreWork,
  {notes, options}: {notes: TenantNotes; options: RestoreOptions},
): Promise<RestoreWorker> {
  const {archive, store: files} = await openArchiveAt({name: work.backup.name, store}).catch((error: unknown) => {
    // It has not the keys.
    const isOfWorker = error instanceof DataOpsError && error.code === 'INVALID_INPUT'
    throw isOfWorker ? error.with({details: {ofWorker: true}}) : error
  })
  const {backup, transforms: sent} = work
  if (archive.fingerprint !== backup.fingerprint || archive.head.metadata.backup_id !== backup.id) {
    throw new DataOpsError('BACKUP_DAMAGED', `${archive.path} is not the backup that this job restores.`, {
      details: {path: archive.path},
      hint: 'Put it back, or cancel the job.',
    })
  }

  const {source, transforms = []} = sent ? await transformAgain(archive, sent) : {source: archive}
  const worker = {
    direct,
    isProven: false,
    left: allNotesIn(files, store),
    notes,
    options: {...work.options, ...options, transforms},
    source,
    store: files,
    work,
  }
  await checkTargetHere(worker)
  return worker
}

/** The restore as a worker does a piece of it. */
export function jobOf(
  worker: RestoreWorker,
  run: Partial<Pick<RestoreItemRun, 'files'>> & Pick<RestoreItemRun, 'check' | 'onProgress' | 'signal'>,
): RestoreJob {
  const {direct, notes, options, source, store, work} = worker
  const {check, files: noteOf, onProgress, signal} = run
  const guard = async (): Promise<void> => {
    try {
      await check()
    } catch (error) {
      throw error instanceof DataOpsError ? error.with({retryable: false}) : error
    }
  }

  const writes = whileTenantsAre(direct)
  return makeJob(
    direct,
    {source, store},
    {...options, onProgress, signal},
    {guard, noteOf, notes, server: work.binding.server, writes},
  )
}

/** The backup as it is restored. */
export function viewOf({source, work: {dropped}}: RestoreWorker, archive: ArchiveView = source): ArchiveView {
  return dropped ? viewWithoutTargets(archive, new Set(dropped)) : archive
}

/** Writes the objects of an item. May be done again: the same objects are written. @throws DataOpsError. */
export async function writeItemObjects(
  worker: RestoreWorker,
  item: RestoreItem,
  run: RestoreItemRun,
): Promise<ObjectsResult> {
  const {source} = worker
  const content = new ContentDigest(source.head.schema)
  return withTransfer(worker, item, {content, run}, async (transfer, job) => {
    const {checkpoint, plan} = transfer
    await writeObjects(transfer)
    // Objects that come later than the references of the next phase would clear them.
    if (run.attempt > 1 && plan.hasReferences) await checkpoint.calm(run.signal)
    await run.check()
    return {
      content: content.state(),
      objects: checkpoint.objects.count,
      ...rejectedOf(transfer, run),
      ...skippedOf(checkpoint, worker.work),
      sample: job.sample.objects.slice(0, 4),
    }
  })
}

/** Writes the references of an item, once; after another attempt what is there is looked at. @throws DataOpsError. */
export async function writeItemReferences(
  worker: RestoreWorker,
  item: RestoreItem,
  {objects, ...run}: RestoreItemRun & {objects: ObjectsResult},
): Promise<ReferencesResult> {
  if (objects.content.statistics.references === 0) return {objects, references: 0}
  const isUncertain = run.attempt > 1 || worker.work.isUncertain === true
  const {rejected: before, skipped} = objects
  const refused = before?.rows
  return withTransfer(worker, item, {refused, run, skipped}, async (transfer) => {
    const {references} = transfer.checkpoint
    // Any of them may have been sent: their objects are written again, which clears what is there.
    if (isUncertain) references.announced = item.ranges.at(-1)?.[1] ?? 0
    await writeReferences(transfer, {isReadBack: isUncertain})
    const mended = isUncertain ? await mendReferences(transfer) : 0
    await run.check()
    const rejected = rejectedOf(transfer, run, refused)
    return {...(mended > 0 && {mended}), objects, references: references.count, ...rejected}
  })
}

interface ItemPass {
  /** Of the objects: takes in all that is read. */
  content?: ContentDigest
  /** Of the references: rows whose objects were refused. */
  refused?: RowRange[]
  run: RestoreItemRun
  /** Of the references: rows whose objects others had written. */
  skipped?: RowRange[]
}

async function accountOf(
  {direct, left, work}: RestoreWorker,
  {isOfOthers, tenants}: RestoreItem,
  {refused = [], run, skipped = []}: ItemPass,
): Promise<RestoreAccount> {
  const own = tenants && new Set(tenants)
  const isOwn = ({name}: {name: string}): boolean => (own ? own.has(name) : !isOfOthers)
  return itemAccount({
    announced: run.attempt > 1 || work.isUncertain ? Infinity : (work.announced ?? 0),
    calm: calmFor(run, direct),
    keepPlaceholders: async (placeholders) => keepPlaceholders(left, run, placeholders),
    placeholders: run.attempt > 1 ? await leftPlaceholders(left, run) : [],
    rejected: refused,
    skipped: [...work.skipped, ...skipped],
    targetTenants: work.targetTenants.filter((tenant) => isOwn(tenant)),
    tenants: work.tenants?.filter((tenant) => isOwn(tenant)),
  })
}

async function withTransfer<T>(
  worker: RestoreWorker,
  item: RestoreItem,
  pass: ItemPass,
  body: (transfer: RestoreTransferOptions, job: RestoreJob) => Promise<T>,
): Promise<T> {
  const {left, source, work} = worker
  const {content, run} = pass
  const job = jobOf(worker, run)
  const ranged = {isOf: belongsTo(item, work), ranges: item.ranges}
  const archive = viewOf(worker, rangesOf(source, ranged))
  const checkpoint = await accountOf(worker, item, pass)
  const tenants = tenantsToRestore(source.head, source.seal, job.options.tenants)
  const rejected = new RejectedObjects(left, rejectedKey(run), source.head.schema.class)
  const target = {isOurs: work.isOurs, isPlanned: true, rejected}
  const transfer = {
    ...transferOf({archive, checkpoint, job, tenants}, work.schema, target),
    total: rowsIn(item.ranges),
  }
  await transfer.tenants.admitTargets()
  return puttingBack(job, run, async () => {
    // What is another's collection by now is not written to, and what was written to it does not count.
    await checkTarget(worker)
    if (!worker.isProven) await proveServer(worker, transfer, {isFirst: content !== undefined, job})
    const counted = content ? viewOf(worker, rangesOf(source, ranged, content)) : archive
    const result = await body({...transfer, archive: counted}, job)
    await checkTarget(worker)
    await rejected.sync()
    return result
  })
}

/** `isFirst`: nothing but objects was written before, of which one more does no harm. */
async function proveServer(
  worker: RestoreWorker,
  transfer: RestoreTransferOptions,
  {isFirst, job}: {isFirst: boolean; job: RestoreJob},
): Promise<void> {
  const sameServer = await proveTarget(job, transfer.plan.schema)
  if (isFirst) await proveByFirstObject(transfer, sameServer)
  worker.isProven = sameServer.isProven
}

function belongsTo(
  {isOfOthers, tenants}: RestoreItem,
  work: Pick<RestoreWork, 'targetTenants' | 'tenants'>,
): (object: WeaviateObject) => boolean {
  if (tenants) {
    const own = new Set(tenants)
    return ({tenant}) => tenant !== undefined && own.has(tenant)
  }

  if (!isOfOthers) return () => true
  const exclusive = new Set(exclusiveTenants(work))
  return ({tenant}) => tenant === undefined || !exclusive.has(tenant)
}

/** Tenants that are active only while they are needed: an item has each of them for itself. */
export function exclusiveTenants(work: Pick<RestoreWork, 'targetTenants' | 'tenants'>): string[] {
  const {targetTenants, tenants = []} = work
  return [...new Set([...tenants, ...targetTenants].map(({name}) => name))]
}

function rejectedKey({attempt, files}: RestoreItemRun): string {
  return `${files}-${attempt}.rejected.jsonl`
}

/** `before`: rows that another pass had refused. */
function rejectedOf(
  {checkpoint, rejected}: RestoreTransferOptions,
  run: RestoreItemRun,
  before: RowRange[] = [],
): {rejected?: ItemRejected} {
  if (rejected.count === 0) return {}
  return {rejected: {file: rejectedKey(run), rows: rowsBeside(checkpoint.rejected, before)}}
}

function skippedOf({skipped}: RestoreAccount, work: RestoreWork): {skipped?: RowRange[]} {
  const rows = rowsBeside(skipped, work.skipped)
  return rows.length > 0 ? {skipped: rows} : {}
}

/** Rows that came after those `before`. */
function rowsBeside(all: RowRanges, before: readonly RowRange[]): RowRange[] {
  const known = new RowRanges(before)
  if (all.size === known.size) return []
  const rows = new RowRanges()
  for (const [from, to] of all.toJSON())
    for (let row = from; row < to; row++) if (!known.has(row)) rows.add(row, row + 1)
  return rows.toJSON()
}
