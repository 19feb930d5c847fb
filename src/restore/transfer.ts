import type {Archive, ArchivePage} from '../archive/reader.js'
import type {JsonValue, WeaviateObject} from '../object.js'
import type {OperationOptions} from '../progress.js'
import type {Throttle} from '../transfer/throttle.js'
import type {CollectionPlan, Connection, WriteFailure} from '../weaviate/weaviate.js'
import type {Checkpoint} from './checkpoint.js'
import type {RejectedObjects} from './rejected.js'
import {DataOpsError} from '../errors.js'
import {approximateBytes} from '../object.js'
import {isTooLarge, isTransientReason} from '../weaviate/errors.js'

/** Bytes that one batch aims at: two in flight keep a server busy, and a refused one costs little. */
const BATCH_BYTES = 2 * 1024 * 1024
/** References that one batch holds. */
const BATCH_REFERENCES = 2000
/** Rows whose references are announced at once, before the first of them is sent. */
const ANNOUNCED_ROWS = 20_000

export interface RestoreTransferOptions extends OperationOptions {
  archive: Archive
  batchSize: number
  checkpoint: Checkpoint
  concurrency: number
  connection: Connection
  /** Why an object must not be sent; undefined: it may. */
  objection: (object: WeaviateObject) => string | undefined
  /** Of the target. */
  plan: CollectionPlan
  rejected: RejectedObjects
  /** Whether an object is among those wanted. */
  selected: (object: WeaviateObject) => boolean
  /** Rows in all; undefined: not known. */
  total?: number
  throttle: Throttle
  /** References to this collection follow the target's name. */
  sourceName: string
}

/** Objects of consecutive rows that go to the server in one call. The range also covers rows that need not be sent. */
interface Batch {
  bytes: number
  from: number
  objects: WeaviateObject[]
  to: number
}

/** First pass: every object, without its references. */
export async function writeObjects(options: RestoreTransferOptions): Promise<void> {
  const {checkpoint, rejected} = options
  const pass = checkpoint.objects
  const queue = new BatchQueue(options.concurrency)
  const wanted = async (page: ArchivePage, index: number): Promise<boolean> => {
    const object = page.objects[index]!
    const row = page.rows[index]!
    if (pass.done.has(row) || checkpoint.skipped.has(row) || !options.selected(object)) return false
    const objection = options.objection(object)
    if (objection === undefined) return true
    checkpoint.rejected++
    await rejected.add(object, 'objects', objection)
    return false
  }

  const pages = options.archive.pages({fromRow: pass.done.firstMissing, signal: options.signal})
  for await (const batch of batches(pages, pass.done.firstMissing, wanted, {
    bytes: BATCH_BYTES,
    objects: options.batchSize,
    weigh: approximateBytes,
  })) {
    await queue.add(async () => {
      const failures = batch.objects.length > 0 ? await sendObjects(options, batch.objects) : []
      await reject(options, batch.objects, failures, 'objects')
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
  }

  await queue.drained()
  pass.finished = true
  await checkpoint.save()
}

/**
 * Second pass: references, each object's in one call. The server appends them, so they must be sent once: what an earlier run
 * announced and did not confirm is written again as an object, which clears its references, before they are sent.
 */
export async function writeReferences(options: RestoreTransferOptions): Promise<void> {
  const {archive, checkpoint} = options
  const pass = checkpoint.references
  const uncertain = pass.announced
  const queue = new BatchQueue(options.concurrency)
  const wanted = async (page: ArchivePage, index: number): Promise<boolean> => {
    const object = page.objects[index]!
    const row = page.rows[index]!
    return (
      !pass.done.has(row) &&
      !checkpoint.skipped.has(row) &&
      options.selected(object) &&
      countReferences(options.plan, object) > 0
    )
  }

  const start = pass.done.firstMissing
  const pages = archive.pages({columns: 'references', fromRow: start, signal: options.signal})
  for await (const batch of batches(pages, start, wanted, {
    bytes: BATCH_REFERENCES,
    objects: options.batchSize,
    weigh: (object) => countReferences(options.plan, object),
  })) {
    if (batch.to > pass.announced) {
      pass.announced = batch.to + ANNOUNCED_ROWS
      // On the disk before the first of them leaves: a crash must not hide what was sent.
      await checkpoint.save()
    }

    await queue.add(async () => {
      const sent = batch.objects.length > 0 ? await sendReferences(options, batch, batch.from < uncertain) : 0
      pass.count += sent
      pass.done.add(batch.from, batch.to)
      options.onProgress?.({
        collection: options.plan.className,
        completed: pass.done.size,
        stage: 'references',
        total: options.total,
        unit: 'rows',
      })
      await checkpoint.saveSoon()
    })
  }

  await queue.drained()
  pass.finished = true
  await checkpoint.save()
}

/** Sends objects until each is written or refused for good. */
export async function sendObjects(
  options: Pick<RestoreTransferOptions, 'connection' | 'plan' | 'signal' | 'throttle'>,
  objects: readonly WeaviateObject[],
): Promise<WriteFailure[]> {
  const {connection, plan, signal, throttle} = options
  const refused: WriteFailure[] = []
  let pending = objects
  let bytes = 0
  for (const object of objects) bytes += approximateBytes(object)
  try {
    await throttle.run(
      async () => {
        const failures = await connection.writeObjects({collection: plan, objects: pending, signal})
        const outcome = sortOut(pending, failures)
        refused.push(...outcome.refused)
        pending = outcome.again
        if (outcome.unavailable) throw outcome.unavailable
      },
      {bytes, objects: objects.length},
    )
  } catch (error) {
    if (!isTooLarge(error)) throw error
    if (pending.length === 1) {
      const [object] = pending
      refused.push({id: object!.id, reason: (error as DataOpsError).message, tenant: object!.tenant})
    } else {
      const half = pending.length >> 1
      refused.push(
        ...(await sendObjects(options, pending.slice(0, half))),
        ...(await sendObjects(options, pending.slice(half))),
      )
    }
  }

  return refused
}

/** Returns how many references the server has taken. */
async function sendReferences(options: RestoreTransferOptions, batch: Batch, uncertain: boolean): Promise<number> {
  const {connection, plan, signal, throttle} = options
  const refused: WriteFailure[] = []
  let pending: readonly WeaviateObject[] = batch.objects.map((object) => toTarget(options, object))
  let mayBeThere = uncertain
  let total = 0
  for (const object of pending) total += countReferences(plan, object)
  await throttle.run(
    async () => {
      if (mayBeThere) await clearReferences(options, batch, pending)
      mayBeThere = true
      const failures = await connection.writeReferences({collection: plan, objects: pending, signal})
      const outcome = sortOut(pending, failures)
      refused.push(...outcome.refused)
      pending = outcome.again
      if (outcome.unavailable) throw outcome.unavailable
    },
    {bytes: 0, objects: pending.length},
  )
  await reject(options, batch.objects, refused, 'references')
  return total
}

/** Objects of a batch whose references may have arrived are written again: that clears them. */
async function clearReferences(
  options: RestoreTransferOptions,
  batch: Batch,
  pending: readonly WeaviateObject[],
): Promise<void> {
  const wanted = new Set(pending.map((object) => key(object)))
  for await (const page of options.archive.pages({fromRow: batch.from, signal: options.signal})) {
    const objects = page.objects.filter((object, index) => page.rows[index]! < batch.to && wanted.has(key(object)))
    if (objects.length > 0) {
      const failures = await options.connection.writeObjects({collection: options.plan, objects, signal: options.signal})
      const {unavailable} = sortOut(objects, failures)
      if (unavailable) throw unavailable
    }

    if (page.endRow >= batch.to) break
  }
}

/** Tells objects refused for good from those worth sending again. */
function sortOut(
  objects: readonly WeaviateObject[],
  failures: readonly WriteFailure[],
): {again: readonly WeaviateObject[]; refused: WriteFailure[]; unavailable?: DataOpsError} {
  const refused = failures.filter((failure) => !isTransientReason(failure.reason))
  if (refused.length === failures.length) return {again: [], refused}
  const transient = failures.filter((failure) => isTransientReason(failure.reason))
  const keys = new Set(transient.map((failure) => key(failure)))
  return {
    again: objects.filter((object) => keys.has(key(object))),
    refused,
    unavailable: new DataOpsError('SERVER_UNAVAILABLE', `The server cannot take objects now: ${transient[0]!.reason}`, {
      hint: 'Run the same command again to continue once the server is well.',
    }),
  }
}

async function reject(
  options: RestoreTransferOptions,
  objects: readonly WeaviateObject[],
  failures: readonly WriteFailure[],
  pass: 'objects' | 'references',
): Promise<void> {
  if (failures.length === 0) return
  const byKey = new Map(objects.map((object) => [key(object), object]))
  for (const failure of failures) {
    options.checkpoint.rejected++
    const object = byKey.get(key(failure))
    if (object) await options.rejected.add(object, pass, failure.reason)
  }
}

/** An object as the target has it: references to its own collection follow the new name. */
function toTarget(options: RestoreTransferOptions, object: WeaviateObject): WeaviateObject {
  const {plan, sourceName} = options
  if (sourceName === plan.className) return object
  const properties = {...object.properties}
  for (const name of plan.referenceNames) {
    const references = properties[name]
    if (Array.isArray(references)) properties[name] = references.map((reference) => retarget(reference, sourceName, plan.className))
  }

  return {...object, properties}
}

function retarget(reference: JsonValue, from: string, to: string): JsonValue {
  if (typeof reference !== 'object' || reference === null || Array.isArray(reference)) return reference
  const {beacon} = reference
  if (typeof beacon !== 'string') return reference
  const prefix = `weaviate://localhost/${from}/`
  return beacon.startsWith(prefix) ? {...reference, beacon: `weaviate://localhost/${to}/${beacon.slice(prefix.length)}`} : reference
}

function countReferences(plan: CollectionPlan, object: WeaviateObject): number {
  let count = 0
  for (const name of plan.referenceNames) {
    const references = object.properties[name]
    if (Array.isArray(references)) count += references.length
  }

  return count
}

function key(object: {id: string; tenant?: string}): string {
  return object.tenant === undefined ? object.id : `${object.id}/${object.tenant}`
}

/** Cuts pages into batches; rows that need not be sent belong to the range of the batch behind them. */
async function* batches(
  pages: AsyncIterable<ArchivePage>,
  start: number,
  wanted: (page: ArchivePage, index: number) => Promise<boolean>,
  limit: {bytes: number; objects: number; weigh: (object: WeaviateObject) => number},
): AsyncGenerator<Batch> {
  let batch: Batch = {bytes: 0, from: start, objects: [], to: start}
  for await (const page of pages) {
    for (const [index, object] of page.objects.entries()) {
      if (await wanted(page, index)) {
        const weight = limit.weigh(object)
        if (batch.objects.length > 0 && (batch.objects.length >= limit.objects || batch.bytes + weight > limit.bytes)) {
          const to = page.rows[index]!
          yield {...batch, to}
          batch = {bytes: 0, from: to, objects: [], to}
        }

        batch.objects.push(object)
        batch.bytes += weight
      }

      batch.to = page.rows[index]! + 1
    }

    batch.to = page.endRow
  }

  if (batch.to > batch.from) yield batch
}

/** Runs tasks, at most so many at a time. The first failure stops it: what is under way is awaited, nothing new begins. */
class BatchQueue {
  readonly #limit: number
  readonly #running = new Set<Promise<void>>()
  #failure: unknown

  constructor(limit: number) {
    this.#limit = limit
  }

  async add(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#limit && this.#failure === undefined) await Promise.race(this.#running)
    if (this.#failure !== undefined) await this.drained()
    const running: Promise<void> = task()
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async drained(): Promise<void> {
    await Promise.all(this.#running)
    if (this.#failure !== undefined) throw this.#failure
  }
}
