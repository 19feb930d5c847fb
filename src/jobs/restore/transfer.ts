import type {Throttle} from '../../flow/throttle.js'
import type {OperationOptions} from '../../model/progress.js'
import type {CollectionPlan, Connection, WriteFailure} from '../../weaviate/connection.js'
import type {Checkpoint} from './checkpoint.js'
import type {RejectedObjects} from './rejected.js'
import type {RestoredTenants, TenantLimit} from './tenants.js'

import {type Archive, type ArchivePage, objectKey} from '../../archive/reader.js'
import {DataOpsError} from '../../model/errors.js'
import {approximateBytes, type JsonValue, type WeaviateObject} from '../../model/object.js'
import {lacksVectorOf, type Vectorizer} from '../../model/vectorizers.js'
import {isTooLarge} from '../../weaviate/errors.js'
import {isDangling, removePlaceholders, writeDangling} from './dangling.js'

/** Bytes that one batch aims at: two in flight keep a server busy, and a refused one costs little. */
const BATCH_BYTES = 2 * 1024 * 1024
/** References that one batch holds. */
const BATCH_REFERENCES = 2000
/** Rows whose references are announced at once, before the first of them is sent. */
const ANNOUNCED_ROWS = 5000

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

/** Objects of consecutive rows that go to the server in one call. The range also covers rows that need not be sent. */
interface Batch {
  from: number
  objects: WeaviateObject[]
  /** The ordinal of each object. */
  rows: number[]
  /** Those that are limited. */
  tenants: Set<string | undefined>
  to: number
  /** The share of what one call should take. */
  weight: number
}

/** First pass: every object, without its references. */
export async function writeObjects(options: RestoreTransferOptions): Promise<void> {
  const {checkpoint} = options
  const pass = checkpoint.objects
  const queue = new BatchQueue(options.concurrency)
  const wanted = async (page: ArchivePage, index: number): Promise<boolean> => {
    const object = page.objects[index]!
    const row = page.rows[index]!
    const isSettled = pass.done.has(row) || checkpoint.skipped.has(row) || checkpoint.rejected.has(row)
    if (isSettled || !options.selected(object)) return false
    const objection = options.objection(object)
    if (objection === undefined) return true
    await rejectRow(options, object, row, 'objects', objection)
    return false
  }

  const pages = options.archive.pages({check: true, fromRow: pass.done.firstMissing, signal: options.signal})
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
      !checkpoint.rejected.has(row) &&
      options.selected(object) &&
      countReferences(options.plan, object) > 0
    )
  }

  await options.tenants.admitTargets()
  // Left by a run that was interrupted.
  const left = checkpoint.placeholders.flatMap(({collection, tenant}) =>
    tenant === undefined ? [] : [{collection, name: tenant}],
  )
  await options.tenants.whileHeld(left, async () => forgetPlaceholders(options))
  let last: Promise<unknown> = Promise.resolve()
  // One at a time: the placeholder of one object is not to be deleted while another counts on it.
  const oneByOne = async (object: WeaviateObject): Promise<WriteFailure[]> => {
    const result = last.then(async () => sendDangling(options, object))
    last = result.catch(() => undefined)
    return result
  }

  const send = async (batch: Batch, isWhole: boolean): Promise<() => Promise<void>> => {
    if (batch.to > pass.announced) {
      pass.announced = batch.to + ANNOUNCED_ROWS
      // On the disk before the first of them leaves: a crash must not hide what was sent.
      await checkpoint.save()
    }

    return async () => {
      const sent = await options.tenants.whileActive(
        batch.objects,
        async () => (batch.objects.length > 0 ? sendReferences(options, batch, {isWhole, writeDangling: oneByOne}) : 0),
        {references: true},
      )
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
    }
  }

  const tenants = options.tenants.limit({references: true})
  const references = (object: WeaviateObject): number => countReferences(options.plan, object) / BATCH_REFERENCES
  const start = pass.done.firstMissing
  if (start < uncertain) {
    // References that are still being appended would come after what is written again.
    await checkpoint.calm(options.signal)
    const pages = rowsBefore(uncertain, archive.pages({fromRow: start, signal: options.signal}))
    const weigh = (object: WeaviateObject): number =>
      Math.max(references(object), approximateBytes(object) / BATCH_BYTES)
    await queue.each(batches(pages, start, wanted, {objects: options.batchSize, tenants, weigh}), async (batch) =>
      send(batch, true),
    )
  }

  const certain = Math.max(start, uncertain)
  const pages = archive.pages({columns: 'references', fromRow: certain, signal: options.signal})
  const limit = {objects: options.batchSize, tenants, weigh: references}
  await queue.each(batches(pages, certain, wanted, limit), async (batch) => send(batch, false))
  pass.finished = true
  await checkpoint.save()
}

/** Pages up to a row. */
async function* rowsBefore(end: number, pages: AsyncIterable<ArchivePage>): AsyncGenerator<ArchivePage> {
  for await (const page of pages) {
    if (page.endRow <= end) yield page
    else {
      const count = page.rows.filter((row) => row < end).length
      yield {...page, endRow: end, objects: page.objects.slice(0, count), rows: page.rows.slice(0, count)}
    }

    if (page.endRow >= end) return
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
export async function sendObjects(
  options: Pick<RestoreTransferOptions, 'connection' | 'plan' | 'throttle'>,
  objects: readonly WeaviateObject[],
): Promise<WriteFailure[]> {
  const {connection, plan, throttle} = options
  let bytes = 0
  for (const object of objects) bytes += approximateBytes(object)
  try {
    // Without the signal, which the throttle heeds: a batch on its way is finished, so that nobody has to guess what became of it.
    return await throttle.run(async () => connection.writeObjects({collection: plan, objects}), {
      bytes,
      objects: objects.length,
    })
  } catch (error) {
    if (!isTooLarge(error)) throw error
    if (objects.length === 1) {
      const [{id, tenant}] = objects as [WeaviateObject]
      return [{id, reason: (error as DataOpsError).message, tenant}]
    }

    const half = objects.length >> 1
    return [
      ...(await sendObjects(options, objects.slice(0, half))),
      ...(await sendObjects(options, objects.slice(half))),
    ]
  }
}

/** One object and its references. Writing an object clears its references, so this may be done again. Empty: all is written. */
export async function sendWithReferences(
  options: Pick<RestoreTransferOptions, 'connection' | 'plan' | 'sourceName' | 'throttle'>,
  object: WeaviateObject,
): Promise<Array<{pass: 'objects' | 'references'; reason: string}>> {
  const {connection, plan, throttle} = options
  return throttle.run(async () => {
    const refused = await connection.writeObjects({collection: plan, objects: [object]})
    if (refused.length > 0) return refused.map(({reason}) => ({pass: 'objects' as const, reason}))
    if (countReferences(plan, object) === 0) return []
    const references = await connection.writeReferences({collection: plan, objects: [toTarget(options, object)]})
    return references.map(({reason}) => ({pass: 'references' as const, reason}))
  })
}

/** References of one object, of which some point at nothing. */
async function sendDangling(options: RestoreTransferOptions, object: WeaviateObject): Promise<WriteFailure[]> {
  const {checkpoint, connection, plan, throttle} = options
  return throttle.run(async () => {
    await forgetPlaceholders(options)
    return writeDangling(toTarget(options, object), {
      connection,
      plan,
      async remember(placeholders) {
        checkpoint.placeholders = placeholders
        await checkpoint.save()
      },
    })
  })
}

async function forgetPlaceholders({checkpoint, connection}: RestoreTransferOptions): Promise<void> {
  if (checkpoint.placeholders.length === 0) return
  await removePlaceholders(connection, checkpoint.placeholders)
  checkpoint.placeholders = []
  await checkpoint.save()
}

interface SendReferences {
  /** The objects are, and some of their references may be there already. */
  isWhole: boolean
  /** Writes an object and references that the server takes only while their targets are there. */
  writeDangling: (object: WeaviateObject) => Promise<WriteFailure[]>
}

/** Returns how many references the server has taken, those of objects with one that it refused left out. */
async function sendReferences(
  options: RestoreTransferOptions,
  batch: Batch,
  {isWhole, writeDangling: write}: SendReferences,
): Promise<number> {
  const {connection, plan, throttle} = options
  const objects = batch.objects.map((object) => toTarget(options, object))
  let mayBeThere = isWhole
  const refused = await throttle.run(
    async () => {
      const isAgain = mayBeThere
      mayBeThere = true
      if (isAgain) await (isWhole ? writeAgain(options, batch.objects) : clearReferences(options, batch))
      return connection.writeReferences({collection: plan, objects})
    },
    {bytes: 0, objects: objects.length},
  )
  const failures: WriteFailure[] = refused.filter((failure) => !isDangling(failure))
  if (refused.length > 0) {
    const whole = isWhole ? batch : await readWhole(options, batch)
    const dangling = new Set(
      refused.filter((failure) => isDangling(failure)).map(({id, tenant}) => objectKey(tenant, id)),
    )
    for (const object of whole.objects) {
      if (dangling.has(objectKey(object.tenant, object.id))) failures.push(...(await write(object)))
    }

    await reject(options, whole, failures, 'references')
  }

  const keys = new Set(failures.map(({id, tenant}) => objectKey(tenant, id)))
  let sent = 0
  for (const object of objects)
    if (!keys.has(objectKey(object.tenant, object.id))) sent += countReferences(plan, object)
  return sent
}

/** Objects of a batch whose references may have arrived are written again: that clears them. */
async function clearReferences(options: RestoreTransferOptions, batch: Batch): Promise<void> {
  for await (const {objects} of wholePages(options, batch)) await writeAgain(options, objects)
}

/** A batch of the second pass, which read nothing but references, with all that its objects have. */
async function readWhole(options: RestoreTransferOptions, batch: Batch): Promise<Batch> {
  const whole: Batch = {...batch, objects: [], rows: []}
  for await (const {objects, rows} of wholePages(options, batch)) {
    whole.objects.push(...objects)
    whole.rows.push(...rows)
  }

  return whole
}

async function* wholePages(
  {archive, signal}: RestoreTransferOptions,
  batch: Batch,
): AsyncGenerator<{objects: WeaviateObject[]; rows: number[]}> {
  const wanted = new Set(batch.rows)
  for await (const page of archive.pages({fromRow: batch.from, signal})) {
    const objects = page.objects.filter((_, index) => wanted.has(page.rows[index]!))
    if (objects.length > 0) yield {objects, rows: page.rows.filter((row) => wanted.has(row))}
    if (page.endRow >= batch.to) break
  }
}

/** Objects that the server took before. @throws DataOpsError when it does not take one now: its references must not be sent twice. */
async function writeAgain(
  {connection, plan}: RestoreTransferOptions,
  objects: readonly WeaviateObject[],
): Promise<void> {
  const [refused] = await connection.writeObjects({collection: plan, objects})
  if (!refused) return
  throw new DataOpsError(
    'SERVER_REFUSED',
    `The server took object ${refused.id} before, and refuses it now: ${refused.reason}.`,
    {
      details: {...refused},
      hint: 'See the log of the server, then run the restore again.',
    },
  )
}

async function reject(
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

async function rejectRow(
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

/** An object as the target has it: references to its own collection follow the new name. */
function toTarget(
  options: Pick<RestoreTransferOptions, 'plan' | 'sourceName'>,
  object: WeaviateObject,
): WeaviateObject {
  const {plan, sourceName} = options
  if (sourceName === plan.className) return object
  const properties = {...object.properties}
  for (const name of plan.referenceNames) {
    const references = properties[name]
    if (Array.isArray(references))
      properties[name] = references.map((reference) => retarget(reference, sourceName, plan.className))
  }

  return {...object, properties}
}

function retarget(reference: JsonValue, from: string, to: string): JsonValue {
  if (typeof reference !== 'object' || reference === null || Array.isArray(reference)) return reference
  const {beacon} = reference
  if (typeof beacon !== 'string') return reference
  const prefix = `weaviate://localhost/${from}/`
  return beacon.startsWith(prefix)
    ? {...reference, beacon: `weaviate://localhost/${to}/${beacon.slice(prefix.length)}`}
    : reference
}

function countReferences(plan: CollectionPlan, object: WeaviateObject): number {
  let count = 0
  for (const name of plan.referenceNames) {
    const references = object.properties[name]
    if (Array.isArray(references)) count += references.length
  }

  return count
}

/** Cuts pages into batches; rows that need not be sent belong to the range of the batch behind them. */
async function* batches(
  pages: AsyncIterable<ArchivePage>,
  start: number,
  wanted: (page: ArchivePage, index: number) => Promise<boolean>,
  /** `weigh`: the share of a batch that an object takes. */
  limit: {objects: number; tenants: TenantLimit; weigh: (object: WeaviateObject) => number},
): AsyncGenerator<Batch> {
  const {isLimited, most} = limit.tenants
  const begin = (row: number): Batch => ({from: row, objects: [], rows: [], tenants: new Set(), to: row, weight: 0})
  let batch = begin(start)
  for await (const page of pages) {
    for (const [index, object] of page.objects.entries()) {
      if (await wanted(page, index)) {
        const weight = limit.weigh(object)
        const {tenant} = object
        const isFull =
          batch.objects.length >= limit.objects ||
          batch.weight + weight > 1 ||
          (batch.tenants.size >= most && isLimited(tenant) && !batch.tenants.has(tenant))
        if (batch.objects.length > 0 && isFull) {
          const to = page.rows[index]!
          yield {...batch, to}
          batch = begin(to)
        }

        if (isLimited(tenant)) batch.tenants.add(tenant)
        batch.objects.push(object)
        batch.rows.push(page.rows[index]!)
        batch.weight += weight
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
  #failure?: Error

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Runs the task that `begin` makes of each item. Whatever ends it, nothing is under way any more. */
  async each<T>(items: AsyncIterable<T>, begin: (item: T) => Promise<() => Promise<void>>): Promise<void> {
    try {
      for await (const item of items) await this.#add(await begin(item))
    } finally {
      await Promise.all(this.#running)
    }

    if (this.#failure !== undefined) throw this.#failure
  }

  async #add(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#limit && this.#failure === undefined) await Promise.race(this.#running)
    if (this.#failure !== undefined) throw this.#failure
    const running: Promise<void> = task()
      .catch((error: unknown) => {
        this.#failure ??= error as Error
      })
      .finally(() => {
        this.#running.delete(running)
      })
    this.#running.add(running)
  }
}
