/** The second pass of a restore: references, once every object is there. */
import type {SourcePage} from '../../flow/source.js'
import type {ObjectSink} from '../../model/sink.js'
import type {CollectionPlan} from '../../weaviate/connection.js'
import type {Placeholder} from './checkpoint-file.js'

import {toTarget} from '../../flow/live/sink.js'
import {DataOpsError} from '../../model/errors.js'
import {approximateBytes, objectKey, type WeaviateObject, type WriteFailure} from '../../model/object.js'
import {announce} from './account.js'
import {type Batch, batches, BatchQueue} from './batches.js'
import {danglingKeys, isDangling, referredPlaceholders, writeDangling} from './dangling.js'
import {inCalls} from './in-calls.js'
import {BATCH_BYTES, countReferences, reject, type RestoreTransferOptions} from './objects.js'
import {keysThere} from './others.js'
import {removePlaceholders} from './placeholders.js'
import {rowsBefore} from './ranged.js'
import {RowRanges} from './row-ranges.js'
import {SentReferences} from './sent-once.js'

/** References that one batch holds. */
const BATCH_REFERENCES = 2000

/**
 * Second pass: references, each object's in one call. The server appends them, so they must be sent once: what an earlier run
 * announced and did not confirm is written again as an object, which clears its references, before they are sent.
 * `isReadBack`: all of them are read back afterwards, and mended.
 */
// Long because announcing, sending and noting share one pass.
export async function writeReferences(
  options: RestoreTransferOptions,
  {isReadBack = false}: {isReadBack?: boolean} = {},
): Promise<void> {
  const {archive, checkpoint} = options
  const pass = checkpoint.references
  const uncertain = options.choosesAnew ? Infinity : pass.announced
  const queue = new BatchQueue(options.concurrency)
  const sentReferences = new SentReferences(options)
  const wanted = (page: SourcePage, index: number): boolean => {
    const object = page.objects[index]!
    const row = page.rows[index]!
    return (
      !pass.done.has(row) &&
      !checkpoint.skipped.has(row) &&
      !checkpoint.rejected.has(row) &&
      !checkpoint.gone.has(row) &&
      !checkpoint.unseen.has(row) &&
      options.selected(object) &&
      (!options.choosesAnew || options.objection(object) === undefined) &&
      countReferences(options.plan, object) > 0
    )
  }

  await options.tenants.admitTargets()
  // Left by a run that was interrupted.
  checkpoint.placeholders = await ownPlaceholders(options)
  const left = checkpoint.placeholders.flatMap(({collection, tenant}) =>
    tenant === undefined ? [] : [{collection, name: tenant}],
  )
  await options.tenants.whileHeld(left, async () => forgetPlaceholders(options))
  let last: Promise<unknown> = Promise.resolve()
  // One call after another: a placeholder is not to be deleted while an object of another call counts on it.
  const inTurn = async (objects: readonly WeaviateObject[]): Promise<WriteFailure[]> => {
    const result = last.then(async () => sendDangling(options, objects))
    last = result.catch(() => undefined)
    return result
  }

  const send = async (batch: Batch, isWhole: boolean): Promise<() => Promise<void>> => {
    await announce(checkpoint, 'references', batch.to)
    return async () => {
      const sent = await options.tenants.whileActive(
        batch.objects,
        async () => (batch.objects.length > 0 ? sendReferences(options, batch, {isWhole, writeDangling: inTurn}) : 0),
        {references: true},
      )
      pass.count += sent
      pass.done.add(batch.from, batch.to)
      sentReferences.add(batch.objects)
      options.onProgress?.({
        collection: options.plan.className,
        completed: pass.done.size,
        stage: 'references',
        total: options.total,
        unit: 'rows',
      })
      await checkpoint.saveSoon({isUsual: true})
    }
  }

  const tenants = options.tenants.limit({references: true})
  const references = (object: WeaviateObject): number => countReferences(options.plan, object) / BATCH_REFERENCES
  const start = pass.done.firstMissing
  const noting = (pages: AsyncIterable<SourcePage>): AsyncIterable<SourcePage> =>
    options.referring?.noting(pages) ?? pages
  if (start < uncertain) {
    // References that are still being appended would come after what is written again.
    await checkpoint.calm(options.signal)
    const pages = noting(rowsBefore(uncertain, archive.pages({fromRow: start, signal: options.signal})))
    const weigh = (object: WeaviateObject): number =>
      Math.max(references(object), approximateBytes(object) / BATCH_BYTES)
    await queue.each(batches(pages, start, wanted, {objects: options.batchSize, tenants, weigh}), async (batch) =>
      send(batch, true),
    )
  }

  const certain = Math.max(start, uncertain)
  if (Number.isFinite(certain)) {
    const pages = noting(archive.pages({columns: 'references', fromRow: certain, signal: options.signal}))
    const limit = {objects: options.batchSize, tenants, weigh: references}
    await queue.each(batches(pages, certain, wanted, limit), async (batch) => send(batch, false))
  }

  try {
    if (!isReadBack) await sentReferences.check()
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code !== 'CONTENT_DIFFERS') throw error
    // All of them were announced: the next run writes them again, objects first, which clears what is there.
    pass.done = new RowRanges()
    pass.count = 0
    await checkpoint.save()
    throw error
  }

  pass.finished = true
  await checkpoint.save()
}

/** A checkpoint that was edited may name what the backup does not refer to. */
async function ownPlaceholders(options: RestoreTransferOptions): Promise<Placeholder[]> {
  const {archive, checkpoint, plan, signal} = options
  if (checkpoint.placeholders.length === 0) return []
  const pages = archive.pages({columns: 'references', signal})
  const asTarget = (async function* () {
    for await (const page of pages) yield {objects: page.objects.map((object) => toTarget(options, object))}
  })()
  return referredPlaceholders(asTarget, plan, checkpoint.placeholders)
}

/** One object and its references. Writing an object clears its references, so this may be done again. Empty: all is written. */
export async function sendWithReferences(
  {plan, sink}: Pick<RestoreTransferOptions, 'plan' | 'sink'>,
  object: WeaviateObject,
): Promise<Array<{pass: 'objects' | 'references'; reason: string}>> {
  const refused = await sink.write([object])
  if (refused.length > 0) return refused.map(({reason}) => ({pass: 'objects' as const, reason}))
  if (countReferences(plan, object) === 0) return []
  const references = await sink.writeReferences?.([object], async (write) => {
    await writeAgain(write, [object])
    return [object]
  })
  return (references ?? []).map(({reason}) => ({pass: 'references' as const, reason}))
}

/** Objects with references of which some point at nothing, in calls of what one takes. */
export async function sendDangling(
  options: RestoreTransferOptions,
  objects: readonly WeaviateObject[],
): Promise<WriteFailure[]> {
  const {checkpoint, connection, plan, signal, throttle} = options
  const failures: WriteFailure[] = []
  for (const some of inCalls(plan, objects)) {
    const refused = await throttle.run(async () => {
      await forgetPlaceholders(options)
      return writeDangling(
        some.map((object) => toTarget(options, object)),
        {
          connection,
          plan,
          async remember(placeholders) {
            checkpoint.placeholders = placeholders
            await checkpoint.save()
          },
          signal,
        },
      )
    })
    failures.push(...refused)
  }

  return failures
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
  /** Writes objects and references that the server takes only while their targets are there. */
  writeDangling: (objects: readonly WeaviateObject[]) => Promise<WriteFailure[]>
}

/** Returns how many references the server has taken, those of objects with one that it refused left out. */
export async function sendReferences(
  options: RestoreTransferOptions,
  cut: Batch,
  {isWhole, writeDangling: writeThose}: SendReferences,
): Promise<number> {
  const {plan, sink} = options
  // A source may show by now what was not there, or was left out, when objects were written: references alone would make an object.
  const batch = options.archive.isLive ? await writtenOf(options, cut) : cut
  let {objects} = batch
  if (isWhole) await writeAgain(async (some) => sink.write(some), objects)
  const refused = await sink.writeReferences?.(objects, async (write) => {
    // What cannot be read again keeps the references that were sent first.
    objects = await clearReferences(options, batch, {isWhole, write})
    return objects
  })
  const failures = (refused ?? []).filter((failure) => !isDangling(failure))
  if (refused && refused.length > 0) {
    const whole = isWhole ? batch : await readWhole(options, batch)
    const dangling = danglingKeys(refused)
    const those = whole.objects.filter((object) => dangling.has(objectKey(object.tenant, object.id)))
    if (those.length > 0) failures.push(...(await writeThose(those)))
    await reject(options, whole, failures, 'references')
  }

  const keys = new Set(failures.map(({id, tenant}) => objectKey(tenant, id)))
  let sent = 0
  for (const object of objects)
    if (!keys.has(objectKey(object.tenant, object.id))) sent += countReferences(plan, object)
  return sent
}

/** Objects of a batch whose references may have arrived are written again: that clears them. Returns those, with what they refer to now. */
async function clearReferences(
  options: RestoreTransferOptions,
  batch: Batch,
  {isWhole, write}: {isWhole: boolean; write: ObjectSink['write']},
): Promise<WeaviateObject[]> {
  if (isWhole) {
    await writeAgain(write, batch.objects)
    return batch.objects
  }

  const cleared: WeaviateObject[] = []
  for await (const {objects} of wholePages(options, batch)) {
    await writeAgain(write, objects)
    // No more than that is kept in memory.
    for (const object of objects) cleared.push(onlyReferences(options.plan, object))
  }

  return cleared
}

export function onlyReferences(
  {referenceNames}: CollectionPlan,
  {id, properties, tenant}: WeaviateObject,
): WeaviateObject {
  const references = Object.entries(properties).filter(([name]) => referenceNames.has(name))
  return {id, properties: Object.fromEntries(references), ...(tenant !== undefined && {tenant})}
}

/** Those that the target has. */
async function writtenOf({lookUp, referring}: RestoreTransferOptions, batch: Batch): Promise<Batch> {
  const there = await keysThere(lookUp, batch.objects)
  const isThere = ({id, tenant}: WeaviateObject): boolean => there.has(objectKey(tenant, id))
  for (const [index, row] of batch.rows.entries()) if (!isThere(batch.objects[index]!)) referring?.notFound(row)
  return {
    ...batch,
    objects: batch.objects.filter((object) => isThere(object)),
    rows: batch.rows.filter((_, index) => isThere(batch.objects[index]!)),
  }
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
async function writeAgain(write: ObjectSink['write'], objects: readonly WeaviateObject[]): Promise<void> {
  const [refused] = await write(objects)
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
