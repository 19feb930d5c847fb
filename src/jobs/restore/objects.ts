import type {ObjectSource, SourcePage} from '../../flow/source.js'
import type {Throttle} from '../../flow/throttle.js'
import type {OperationOptions} from '../../model/progress.js'
import type {CollectionPlan, Connection, WriteFailure} from '../../weaviate/connection.js'
import type {SpreadSample} from '../confirmation.js'
import type {Checkpoint} from './checkpoint.js'
import type {RejectedObjects} from './rejected.js'
import type {RestoredTenants} from './tenants.js'

import {objectKey} from '../../archive/reader.js'
import {approximateBytes, type WeaviateObject} from '../../model/object.js'
import {lacksVectorOf, type Vectorizer} from '../../model/vectorizers.js'
import {isTooLarge} from '../../weaviate/errors.js'
import {type Batch, batches, BatchQueue} from './batches.js'

/** Bytes that one batch aims at: two in flight keep a server busy, and a refused one costs little. */
export const BATCH_BYTES = 2 * 1024 * 1024

export interface RestoreTransferOptions extends OperationOptions {
  archive: Pick<ObjectSource, 'isLive' | 'pages'>
  batchSize: number
  checkpoint: Checkpoint
  concurrency: number
  connection: Connection
  /** Why an object must not be sent; undefined: it may. */
  objection: (object: WeaviateObject) => string | undefined
  /** Of the target. */
  plan: CollectionPlan
  rejected: RejectedObjects
  /** Remembers some of what is written. */
  sample: SpreadSample
  /** Whether an object is among those wanted. */
  selected: (object: WeaviateObject) => boolean
  /** Of the target. */
  tenants: RestoredTenants
  /** Rows in all; undefined: not known. */
  total?: number
  throttle: Throttle
  /** Of the target. */
  vectorizers: readonly Vectorizer[]
  /** References to this collection follow the target's name. */
  sourceName: string
}

/** First pass: every object, without its references. */
export async function writeObjects(options: RestoreTransferOptions): Promise<void> {
  const {checkpoint} = options
  const pass = checkpoint.objects
  const queue = new BatchQueue(options.concurrency)
  const wanted = async (page: SourcePage, index: number): Promise<boolean> => {
    const object = page.objects[index]!
    const row = page.rows[index]!
    const isSettled =
      pass.done.has(row) || checkpoint.skipped.has(row) || checkpoint.rejected.has(row) || checkpoint.gone.has(row)
    if (isSettled || !options.selected(object)) return false
    const objection = options.objection(object)
    if (objection === undefined) return true
    await rejectRow(options, object, row, 'objects', objection)
    return false
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
  await queue.each(batches(pages, pass.done.firstMissing, wanted, limit), async (batch) => async () => {
    const failures: WriteFailure[] = []
    await options.tenants.whileActive(batch.objects, async () => {
      for (const objects of separate(options, batch.objects)) failures.push(...(await sendObjects(options, objects)))
    })
    await reject(options, batch, failures, 'objects')
    if (failures.length === 0) for (const object of batch.objects) options.sample.add(object)
    pass.count += batch.objects.length - failures.length
    pass.done.add(batch.from, batch.to)
    options.onProgress?.({
      collection: options.plan.className,
      completed: pass.count,
      stage: 'restore',
      total: options.total,
    })
    await checkpoint.saveSoon()
  })
  pass.finished = true
  await checkpoint.save()
}

/** Remembers what is gone: its references must not be sent either, should it come back. */
async function* noting(
  {gone, objects}: Checkpoint,
  pages: AsyncIterable<SourcePage>,
): AsyncGenerator<SourcePage, void, undefined> {
  for await (const page of pages) {
    for (const row of page.gone ?? []) if (!objects.done.has(row)) gone.add(row, row + 1)
    yield page
  }
}

/** What the server must vectorize goes by itself: a module that fails may take everything in the call with it. */
function separate({vectorizers}: RestoreTransferOptions, objects: readonly WeaviateObject[]): WeaviateObject[][] {
  const whole: WeaviateObject[] = []
  const lacking: WeaviateObject[] = []
  for (const object of objects) {
    const group = lacksVectorOf(object, vectorizers) ? lacking : whole
    group.push(object)
  }

  return [whole, lacking].filter((group) => group.length > 0)
}

/** Sends objects in one call, or in smaller ones where that is too large. Returns those refused for good. */
async function sendObjects(
  {connection, plan, throttle}: RestoreTransferOptions,
  objects: readonly WeaviateObject[],
): Promise<WriteFailure[]> {
  let bytes = 0
  for (const object of objects) bytes += approximateBytes(object)
  return throttle.run(async () => writeInParts(connection, plan, objects), {bytes, objects: objects.length})
}

/** Writes objects in as few calls as the server takes. Without a signal: a batch on its way is finished, so that nobody has to guess what became of it. */
export async function writeInParts(
  connection: Connection,
  plan: CollectionPlan,
  objects: readonly WeaviateObject[],
): Promise<WriteFailure[]> {
  try {
    return await connection.writeObjects({collection: plan, objects})
  } catch (error) {
    if (!isTooLarge(error)) throw error
    const [first] = objects
    if (first && objects.length === 1) return [{id: first.id, reason: error.message, tenant: first.tenant}]
    const half = objects.length >> 1
    return [
      ...(await writeInParts(connection, plan, objects.slice(0, half))),
      ...(await writeInParts(connection, plan, objects.slice(half))),
    ]
  }
}

export async function reject(
  options: RestoreTransferOptions,
  batch: Batch,
  failures: readonly WriteFailure[],
  pass: 'objects' | 'references',
): Promise<void> {
  if (failures.length === 0) return
  const indexes = new Map(batch.objects.map((object, index) => [objectKey(object.tenant, object.id), index]))
  for (const failure of failures) {
    const index = indexes.get(objectKey(failure.tenant, failure.id))
    if (index === undefined) continue
    await rejectRow(options, batch.objects[index]!, batch.rows[index]!, pass, failure.reason)
  }
}

export async function rejectRow(
  {checkpoint, rejected}: RestoreTransferOptions,
  object: WeaviateObject,
  row: number,
  pass: 'objects' | 'references',
  reason: string,
): Promise<void> {
  // With its line, and never before it: the checkpoint keeps a later run from sending the row again.
  await rejected.add(object, pass, reason, () => {
    checkpoint.rejected.add(row, row + 1)
  })
}
