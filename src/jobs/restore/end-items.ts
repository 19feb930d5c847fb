/** The end of a restore that many workers have done: what came of its items together, confirmed as any restore is. */
import type {Store} from '../../store/store.js'
import type {RestoreResult} from './options.js'

import {ContentDigest} from '../../archive/content-digest.js'
import {plainNote} from '../../archive/encrypted/notes.js'
import {utf8} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {isMultiTenant} from '../../model/schema.js'
import {forget} from '../../store/forget.js'
import {readOwnJson} from '../../store/own-json.js'
import {Checkpoint} from './checkpoint.js'
import {tenantsToRestore} from './checks.js'
import {confirm} from './confirm.js'
import {proveTarget} from './first-object.js'
import {leftPlaceholders, type RestoreItemRun} from './item-safety.js'
import {
  type ItemRejected,
  jobOf,
  type ObjectsResult,
  type ReferencesResult,
  type RestoreWorker,
  viewOf,
} from './items.js'
import {checkTarget} from './job-target.js'
import {rejectedFileOf, type RestoreJob} from './job.js'
import {readRejected, RejectedObjects} from './rejected.js'
import {isReserved, unreserve} from './reserved.js'
import {putTenantsBack, type Target, transferOf} from './target.js'

/** Of what a restore came to. */
const MAX_BYTES = 64 * 1024 * 1024

/** What came of an item in the end; of its references too, where there are some. */
export type ItemOutcome = ObjectsResult | ReferencesResult

export type EndRun = Pick<RestoreItemRun, 'check' | 'onProgress' | 'signal'> & {
  /** That has reserved the target. */
  job: string
}

/**
 * Puts together what the items came to, in their order, joins what was refused, confirms it, and gives the target free. May be done again.
 * `itemFiles`: how the keys begin of what its items have left.
 * @throws DataOpsError BACKUP_DAMAGED when what was read is not what was sealed; CONTENT_DIFFERS, and what a restore ends with.
 */
export async function endRestoreItems(
  worker: RestoreWorker,
  outcomes: readonly ItemOutcome[],
  {files, itemFiles, ...run}: EndRun & Pick<RestoreItemRun, 'files'> & {itemFiles: readonly string[]},
): Promise<RestoreResult> {
  const {left, store, work} = worker
  const key = `${files}.restored.json`
  if (!(await isReserved(store, work.leases, run.job))) {
    const before = await endedBefore(left, key)
    await dropLeft(left, key, itemFiles)
    return before
  }

  checkContent(worker, outcomes)
  await checkTarget(worker)
  const started = performance.now()
  const target = await openTarget(worker, {...run, files})
  const {checkpoint, job} = target.restore
  try {
    await addUp(worker, target, outcomes)
    await run.check()
  } catch (error) {
    await putTenantsBack(job, target.transfer.tenants)
    throw error
  }

  const result = await confirm({step: 'references', target})
  await checkpoint.remove()
  if (isMultiTenant(work.schema)) {
    await settleNotes(job, [...itemFiles, files])
    await job.notes.putBack(job.connection, job.target, job.warn, run)
  }

  const seconds = (performance.now() - started) / 1000
  const ended = {...result, seconds, warnings: [...work.warnings, ...result.warnings]}
  await left.put(key, utf8(JSON.stringify(ended)))
  for (const lease of work.leases) await unreserve(job.home, lease, run.job)
  await dropLeft(left, key, itemFiles)
  return ended
}

/** Of attempts at items that were killed, or have lost them: what they had activated is as this run knows it now. */
async function settleNotes({active, notes}: RestoreJob, files: readonly string[]): Promise<void> {
  const own = new Set(files)
  await notes.settle(
    (of) => own.has(of),
    ({collection, name}) => active.isAdmitted(collection, name) && !active.isOpen({collection, name}),
  )
}

/** What the attempts at the items have left for each other, and what is the same in the end's own files by now. */
async function dropLeft(left: Store, key: string, itemFiles: readonly string[]): Promise<void> {
  const folder = key.slice(0, key.lastIndexOf('/'))
  for (const {name} of await left.list(folder)) {
    const file = plainNote(`${folder}/${name}`)
    // Not those of item 100000, for item 10000.
    if (itemFiles.some((stem) => file.startsWith(stem) && !/\d/.test(file.charAt(stem.length))))
      await forget(left, file)
  }
}

/** By an attempt that had given the target free, and died before that was noted: others may be at it by now. */
async function endedBefore(left: Store, key: string): Promise<RestoreResult> {
  const lost = (cause?: unknown): DataOpsError =>
    new DataOpsError('STORAGE', `What the restore came to is not in ${left.describe(key)}, and its target is free.`, {
      cause,
      details: {path: left.describe(key)},
      hint: 'Somebody has changed the job: cancel it, and compare the collection with the backup.',
    })
  const found = await readOwnJson(left, key, {
    damaged: lost,
    maxBytes: MAX_BYTES,
    name: 'result',
    read: ({value}) => value as RestoreResult,
  })
  if (!found) throw lost()
  return found
}

/** What a job that was cancelled leaves can be continued by one process. `files`: of its items of references. Returns the collection. */
export async function abandonRestore(
  worker: RestoreWorker,
  {files, ...run}: EndRun & {files: readonly string[]},
): Promise<string> {
  const {restore, transfer} = await openTarget(worker, run)
  const {checkpoint, job} = restore
  checkpoint.conflictsSettled = true
  // Whatever was written is written again, and nobody knows which references were sent.
  checkpoint.objects.announced = worker.work.rows
  checkpoint.references.announced = worker.work.rows
  for (const item of files) checkpoint.placeholders.push(...(await leftPlaceholders(worker.left, {files: item})))
  await checkpoint.save()
  await transfer.tenants.settle({isLast: false})
  if (isMultiTenant(worker.work.schema)) await job.notes.putBack(job.connection, job.target, job.warn, run)
  for (const lease of worker.work.leases) await unreserve(job.home, lease, run.job)
  return job.target
}

/** @throws DataOpsError BACKUP_DAMAGED. */
function checkContent({source, work: {backup}}: RestoreWorker, outcomes: readonly ItemOutcome[]): void {
  const {seal} = source
  if (!seal) return
  const content = new ContentDigest(source.head.schema)
  for (const outcome of outcomes) content.merge(objectsOf(outcome).content)
  const isSame = content.objects === seal.object_count && (seal.digest === undefined || content.hex() === seal.digest)
  if (isSame) return
  throw new DataOpsError(
    'BACKUP_DAMAGED',
    `${source.path} is damaged: ${plural(content.objects, 'object was', 'objects were')} read that are not the ${seal.object_count} that were sealed.`,
    {details: {digest: content.hex(), path: source.path, sealed: backup.fingerprint}, hint: 'Use another backup.'},
  )
}

/** The target as the plan has made it, with tenants in the states that they have now. */
async function openTarget(
  worker: RestoreWorker,
  run: EndRun & Partial<Pick<RestoreItemRun, 'files'>>,
): Promise<Target> {
  const {source, work} = worker
  const job = jobOf(worker, run)
  const checkpoint = await Checkpoint.open(job.place, source.name, work.binding, {restart: true})
  // Once it is another worker's, or the target is free, the checkpoint may be another restore's.
  checkpoint.fence = run.check
  checkpoint.created = work.isOurs
  checkpoint.isMade = work.isOurs
  checkpoint.identity = work.identity
  checkpoint.tenants = work.tenants
  checkpoint.targetTenants = [...work.targetTenants]
  for (const [from, to] of work.skipped) checkpoint.skipped.add(from, to)
  const {isOurs, schema} = work
  const rejected = new RejectedObjects(job.place, rejectedFileOf(job), source.head.metadata.collection, run.check)
  const tenants = tenantsToRestore(source.head, source.seal, job.options.tenants)
  const restore = {archive: viewOf(worker), checkpoint, job, tenants}
  const transfer = transferOf(restore, schema, {isOurs, rejected})
  await transfer.tenants.create()
  const sameServer = await proveTarget(job, schema)
  return {isOurs, restore, resumed: {objects: 0, references: 0}, sameServer, transfer}
}

async function addUp(
  {left}: RestoreWorker,
  {restore, transfer}: Target,
  outcomes: readonly ItemOutcome[],
): Promise<void> {
  const {checkpoint, job} = restore
  await transfer.rejected.clear()
  for (const outcome of outcomes) {
    const {objects, rejected, sample, skipped = []} = objectsOf(outcome)
    for (const [from, to] of skipped) checkpoint.skipped.add(from, to)
    checkpoint.objects.count += objects
    for (const each of sample) job.sample.add(each)
    await join(left, transfer.rejected, checkpoint, rejected)
    if (!('references' in outcome)) continue
    checkpoint.references.count += outcome.references
    await join(left, transfer.rejected, checkpoint, outcome.rejected)
  }
}

/** Lines of an item, behind those of the items before. */
async function join(
  left: Store,
  all: RejectedObjects,
  checkpoint: Checkpoint,
  rejected: ItemRejected | undefined,
): Promise<void> {
  if (!rejected) return
  for await (const {object, pass, reason} of readRejected(left, rejected.file)) await all.add(object, pass, reason)
  for (const [from, to] of rejected.rows) checkpoint.rejected.add(from, to)
}

function objectsOf(outcome: ItemOutcome): ObjectsResult {
  return 'references' in outcome ? outcome.objects : outcome
}
