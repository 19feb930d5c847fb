import type {ObjectSource, SourcePage} from '../../flow/source.js'
import type {Throttle} from '../../flow/throttle.js'
import type {OperationOptions} from '../../model/progress.js'
import type {ObjectSink} from '../../model/sink.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {SpreadSample} from '../confirmation.js'
import type {RestoreJob} from './job.js'
import type {Referring} from './referring.js'
import type {RejectedObjects} from './rejected.js'
import type {RestoredTenants} from './tenants.js'

import {type ByIdOptions, ObjectsById} from '../../flow/by-id.js'
import {approximateBytes, objectKey, type WeaviateObject, type WriteFailure} from '../../model/object.js'
import {planBare} from '../../weaviate/collection-plan.js'
import {batchSizeFor, DEFAULT_CONCURRENCY, throttleOf} from '../options.js'
import {announce, type RestoreAccount} from './account.js'
import {type Batch, batches, BatchQueue, leave} from './batches.js'
import {activeOnly} from './item-safety.js'
import {withoutOthers} from './others.js'

/** Bytes that one batch aims at: two in flight keep a server busy, and a refused one costs little. */
export const BATCH_BYTES = 2 * 1024 * 1024

/** An object that was written before the others. */
export interface FirstObject {
  id: string
  /** The pass has come to it again, and sent it. */
  isSent: boolean
  tenant?: string
}

export interface RestoreTransferOptions extends OperationOptions {
  archive: Pick<ObjectSource, 'isLive' | 'pages'>
  batchSize: number
  checkpoint: RestoreAccount
  concurrency: number
  connection: Connection
  /**
   * Others' objects may be in the target, to be written over, and the source may by now choose more than when objects were written: whose
   * references are sent is then written with them.
   */
  choosesAnew?: boolean
  /** What others write into the target meanwhile is not written over. */
  leavesOthers: boolean
  /** The server makes something else of what is sent. */
  makesOthers: boolean
  /** Written before the pass began. */
  first?: FirstObject
  /** Whether what is written is looked at by nobody afterwards. A connection of somebody else's making may keep what it was given. */
  keepsNothing: boolean
  /** Why an object must not be sent; undefined: it may. */
  objection: (object: WeaviateObject) => string | undefined
  /** Which objects the target has: none is read with more than its id and times. */
  lookUp: ObjectsById
  /** Of the target. */
  plan: CollectionPlan
  /** Of a live source with references. */
  referring?: Referring
  rejected: RejectedObjects
  /** Remembers some of what is written. */
  sample: SpreadSample
  /** Whether an object is among those wanted. */
  selected: (object: WeaviateObject) => boolean
  /** Of the target. */
  tenants: RestoredTenants
  /** Rows in all; undefined: not known. */
  total?: number
  sink: ObjectSink
  /** References to this collection follow the target's name. */
  sourceName: string
  throttle: Throttle
}

/** How calls that carry objects are made. `expected`: objects in all, where that is known. */
export function sendingOf(
  {connection, options}: RestoreJob,
  plan: CollectionPlan,
  expected: number | undefined,
): Pick<
  RestoreTransferOptions,
  'batchSize' | 'concurrency' | 'connection' | 'lookUp' | 'plan' | 'signal' | 'throttle'
> {
  const {signal} = options
  const throttle = throttleOf(options)
  return {
    batchSize: batchSizeFor(options, expected ?? Number.MAX_SAFE_INTEGER),
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    connection,
    lookUp: lookUpIn({connection, plan, signal, throttle}),
    plan,
    signal,
    throttle,
  }
}

/** Ids looked up in one call. */
const IDS_LOOKED_UP = 500

export function lookUpIn({plan, ...reading}: ByIdOptions): ObjectsById {
  return new ObjectsById({...reading, most: IDS_LOOKED_UP, plan: planBare(plan.schema)})
}

/** First pass: every object, without its references. */
// Long because announcing, sending and noting share one pass.
export async function writeObjects(options: RestoreTransferOptions): Promise<void> {
  const {checkpoint} = options
  const pass = checkpoint.objects
  const queue = new BatchQueue(options.concurrency)
  const wanted = (page: SourcePage, index: number): boolean | Promise<boolean> => {
    const object = page.objects[index]!
    const row = page.rows[index]!
    const isSettled =
      pass.done.has(row) || checkpoint.skipped.has(row) || checkpoint.rejected.has(row) || checkpoint.gone.has(row)
    if (isSettled || !options.selected(object)) return false
    if (checkpoint.unseen.has(row)) {
      checkpoint.late.add(row, row + 1)
      return false
    }

    const objection = options.objection(object)
    if (objection === undefined) return true
    return rejectRow(options, {object, row}, 'objects', objection).then(() => false)
  }

  const pages = noting(
    checkpoint,
    options.archive.pages({check: true, fromRow: pass.done.firstMissing, signal: options.signal}),
  )
  const limit = {
    objects: options.batchSize,
    tenants: options.tenants.limit(),
    weigh: (object: WeaviateObject) => approximateBytes(object) / BATCH_BYTES,
  }
  // Of those before it nobody knows whose what is there is: it may be what an earlier run has sent.
  const uncertain = {before: pass.announced, byId: new ObjectsById(options)}
  const send = async (cut: Batch): Promise<void> => {
    const failures: WriteFailure[] = []
    let batch = cut
    await options.tenants.whileActive(cut.objects, async () => {
      if (options.leavesOthers) batch = await withoutOthers(options, cut, uncertain)
      if (batch.objects.length > 0) failures.push(...(await options.sink.write(batch.objects)))
    })
    await reject(options, batch, failures, 'objects')
    if (failures.length === 0) for (const object of batch.objects) options.sample.add(object)
    if (options.referring) noteReferring(options, batch)
    if (options.first) options.first.isSent ||= isIn(batch, options.first)
    if (options.keepsNothing) leave(cut)
    pass.count += batch.objects.length - failures.length
    pass.done.add(cut.from, cut.to)
    options.onProgress?.({
      collection: options.plan.className,
      completed: pass.count,
      stage: 'restore',
      total: options.total,
    })
    await checkpoint.saveSoon()
  }

  await queue.each(batches(pages, pass.done.firstMissing, wanted, limit), async (batch) => {
    // A later run must not take what this one has sent for somebody else's.
    if (options.leavesOthers) await announce(checkpoint, 'objects', batch.to)
    return async () => send(batch)
  })
  pass.finished = true
  await checkpoint.save()
}

function isIn({objects}: Batch, {id, tenant}: FirstObject): boolean {
  return objects.some((object) => object.id === id && object.tenant === tenant)
}

function noteReferring({checkpoint, plan, referring}: RestoreTransferOptions, {objects, rows}: Batch): void {
  for (const [index, row] of rows.entries())
    if (!checkpoint.rejected.has(row) && countReferences(plan, objects[index]!) > 0) referring?.add(row)
}

export function countReferences(plan: CollectionPlan, object: WeaviateObject): number {
  let count = 0
  for (const name of plan.referenceNames) {
    const references = object.properties[name]
    if (Array.isArray(references)) count += references.length
  }

  return count
}

/** Whether the target has an object of its id. */
export async function isThere(
  {lookUp, tenants}: RestoreTransferOptions,
  {id, tenant}: WeaviateObject,
): Promise<boolean> {
  return tenants.whileActive([{tenant}], async () => lookUp.some([id], {tenant}, () => true))
}

/** Remembers what is gone: its references must not be sent either, should it come back. */
async function* noting(
  {gone, objects}: RestoreAccount,
  pages: AsyncIterable<SourcePage>,
): AsyncGenerator<SourcePage, void, undefined> {
  for await (const page of pages) {
    for (const row of page.gone ?? []) if (!objects.done.has(row)) gone.add(row, row + 1)
    yield page
  }
}

export async function reject(
  options: RestoreTransferOptions,
  batch: Pick<Batch, 'objects' | 'rows'>,
  failures: readonly WriteFailure[],
  pass: 'objects' | 'references',
): Promise<void> {
  if (failures.length === 0) return
  activeOnly(failures)
  const indexes = new Map(batch.objects.map((object, index) => [objectKey(object.tenant, object.id), index]))
  for (const failure of failures) {
    const index = indexes.get(objectKey(failure.tenant, failure.id))
    if (index === undefined) continue
    await rejectRow(options, {object: batch.objects[index]!, row: batch.rows[index]!}, pass, failure.reason)
  }
}

async function rejectRow(
  {checkpoint, rejected}: RestoreTransferOptions,
  {object, row}: {object: WeaviateObject; row: number},
  pass: 'objects' | 'references',
  reason: string,
): Promise<void> {
  // With its line, and never before it: the checkpoint keeps a later run from sending the row again.
  await rejected.add(object, pass, reason, () => {
    checkpoint.rejected.add(row, row + 1)
  })
}
