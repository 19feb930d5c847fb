/** A backup that many workers write: what they must know, the carrying out of one item, the seal from what all came to. Folders of parts only. */
import type {WrittenPart} from '../../archive/writer.js'
import type {BackupFormat} from '../../codec/codec.js'
import type {BackupHead} from '../../codec/document.js'
import type {ProgressEvent} from '../../model/progress.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {TenantScope} from './journal.js'
import type {BackupOptions} from './options.js'

import {ContentDigest, type ContentState} from '../../archive/content-digest.js'
import {itemPartName} from '../../archive/names.js'
import {openPartsWriter} from '../../archive/open-writer.js'
import {ParallelReader, type Slice} from '../../flow/parallel-reader.js'
import {persistent} from '../../flow/persistent.js'
import {inactiveNow, withActiveGroup} from '../../flow/tenants/activation.js'
import {ActiveTenants} from '../../flow/tenants/active-tenants.js'
import {TenantNotes} from '../../flow/tenants/note.js'
import {receiveChain, type SentChain} from '../../flow/transform/sent.js'
import {type TransformChain} from '../../flow/transform/transform.js'
import {overlay} from '../../model/overlay.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {CompletenessCheck, type CompletenessState} from './completeness.js'
import {type BackupJob, makeJob, readingOf} from './job.js'
import {checkSameCollection} from './same-collection.js'
import {Sample, type SampledObject} from './sample.js'
import {ArchiveSink} from './sink.js'

/** What one worker reads at a time: JSON. */
export interface BackupItem {
  /** Tenants that are active only while it is read, with the states to put back; all of each is in `slices`. */
  activate?: WeaviateTenant[]
  slices: Slice[]
}

/** What came of an item: JSON. */
export interface BackupItemResult {
  /** Of tenants that it has read as a whole. */
  completeness?: CompletenessState
  content: ContentState
  parts: WrittenPart[]
  /** Some of what was read. */
  sample: SampledObject[]
  /** Objects of the collection that were read, whatever transforms made of them; absent where nothing is changed. */
  taken?: Array<[tenant: null | string, objects: number]>
}

/** What every worker of a backup must know: JSON, without secrets. */
export interface BackupWork {
  /** Objects a page at most. */
  batchSize: number
  compress: boolean
  /** Before anything was read: of the collection (`null`), or of tenants that several items read. */
  counts: Array<[tenant: null | string, objects: number]>
  /** Objects of the collection; absent: not known. */
  expectedObjects?: number
  format: BackupFormat
  head: BackupHead
  /** What tells the collection from another of its name. */
  identity?: string
  /** The name that the backup will have. */
  name: string
  /** Encrypted: the public half of its key, and whether its names are hidden. */
  encryption?: {isHidden: boolean; recipient: string}
  /** Of the collection that is read. */
  schema: WeaviateClass
  scope?: TenantScope
  /** What transforms make of it; absent: objects are written as they are. */
  transforms?: SentChain
}

/** A worker of a backup, connected. */
export interface BackupWorker {
  chain?: TransformChain
  job: BackupJob
  work: BackupWork
}

/** How an item is carried out. */
export interface ItemRun {
  /** From 1: no other attempt at this item has it. */
  attempt: number
  /** Asked before a part is begun and before it is ended. @throws when the item is another worker's by now. */
  check?: () => Promise<void>
  /** Of the item, from 1. */
  number: number
  onProgress?: (event: ProgressEvent) => void
  signal?: AbortSignal
}

/** @throws DataOpsError SERVER_REFUSED when the collection is not the one that the work is of. */
export async function openBackupWork(
  direct: Connection,
  store: Store,
  work: BackupWork,
  {notes = new TenantNotes([store]), options = {}}: {notes?: TenantNotes; options?: BackupOptions} = {},
): Promise<BackupWorker> {
  const {compress, format, head, identity, schema, transforms} = work
  const connection = persistent(direct, options)
  await checkSameCollection(connection, schema, {identity, settles: false})
  const collection = {aliases: head.metadata.aliases ?? [], schema}
  const job = makeJob({collection, connection, notes, options: {...options, compress, format}, store})
  return {...(transforms && {chain: await receiveChain(transforms)}), job, work}
}

/** Reads what an item is of into a part of its own. @throws DataOpsError; what was written of it is dropped then. */
export async function runBackupItem(worker: BackupWorker, item: BackupItem, run: ItemRun): Promise<BackupItemResult> {
  const {chain, job, work} = worker
  const {attempt, check, number} = run
  const writer = await openPartsWriter({
    ...work,
    check,
    nextName: (extension) => itemPartName(extension, number, attempt),
    store: job.store,
  })
  const content = new ContentDigest(chain?.schema ?? work.schema)
  const sample = new Sample()
  const {expectedObjects} = work
  const sink = new ArchiveSink({chain, content, expectedObjects, sample, writer})
  try {
    const tenants = new Set(item.slices.map(({tenant}) => tenant))
    const completeness = await whileActive(worker, item, run, async () => {
      const state = await readItem(worker, item, {run, sink, writer})
      // Where the server does not tell a collection from another of its name.
      if (work.identity === undefined) await sample.check(tenants, {...job, signal: run.signal})
      return state
    })
    await sink.check()
    // Each item has its part, so that none seems to be missing.
    await writer.begin()
    await check?.()
    const part = await writer.finish()
    return {
      ...(completeness && {completeness}),
      content: content.state(),
      parts: part ? [part] : [],
      sample: sample.objects(tenants),
      ...(chain && {taken: sink.takenByTenant.map(([tenant, objects]) => [tenant ?? null, objects])}),
    }
  } finally {
    await writer.close()
    await sink.close()
  }
}

/** What notes of tenants say that they are of. */
export function noteOfItem({name}: Pick<BackupWork, 'name'>, number: number): string {
  return `${name} item ${number}`
}

/** Tenants of an item are noted before they are activated: the next run of any job puts back what a killed worker has left. */
async function whileActive<T>(
  {job: {connection, notes, plan, sameServer}, work}: BackupWorker,
  {activate = []}: BackupItem,
  {attempt, check, number, signal}: ItemRun,
  body: () => Promise<T>,
): Promise<T> {
  if (activate.length === 0) return body()
  const of = noteOfItem(work, number)
  const note = notes.begin(connection.describe, of)
  const engine = new ActiveTenants(connection, {
    note: overlay(note, {
      async check() {
        await note.check()
        await check?.()
      },
    }),
  })
  engine.admit(plan.className, inactiveNow(activate))
  const result = await withActiveGroup(engine, {className: plan.className, group: activate, signal}, async () => {
    await sameServer.prove(activate.map(({name}) => ({name, status: 'HOT'})))
    return body()
  })
  if (attempt > 1) {
    await notes.settle(
      (each) => each === of,
      (tenant) => engine.wasPutBack(tenant),
    )
  }

  return result
}

interface Reading {
  run: ItemRun
  sink: ArchiveSink
  writer: {readonly bytes: number}
}

/** Tenants that the item reads as a whole are counted before and after, and what is lacking is looked for. */
async function readItem(
  {job, work}: BackupWorker,
  {slices}: BackupItem,
  {run: {onProgress, signal}, sink, writer}: Reading,
): Promise<CompletenessState | undefined> {
  const {batchSize, expectedObjects = Number.MAX_SAFE_INTEGER} = work
  const shared = {...readingOf({...job, options: {...job.options, signal}}), expectedObjects}
  const collection = job.plan.className
  const whole = slices.filter((slice) => slice.tenant !== undefined && isWhole(slice))
  const check = new CompletenessCheck({...shared, sink})
  try {
    if (whole.length > 0) await check.begin(whole)
    const own = slices.map((slice) => ({...slice}))
    const reader = new ParallelReader({...shared, batchSize, include: 'objects', slices: own})
    for await (const page of reader.pages()) {
      if (whole.length > 0) await check.note(page.objects)
      await sink.write(page.objects)
      page.done()
      if (!sink.isChanging) page.release()
      onProgress?.({bytes: writer.bytes, collection, completed: sink.taken, stage: 'backup'})
    }

    if (whole.length === 0) return undefined
    await check.end(whole)
    return check.state()
  } finally {
    await check.close()
  }
}

function isWhole({after, until}: Slice): boolean {
  return after === undefined && until === WHOLE_RANGE.until
}
