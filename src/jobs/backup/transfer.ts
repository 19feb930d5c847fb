import type {ArchivePosition, ArchiveWriter} from '../../archive/writer.js'
import type {Throttle} from '../../flow/throttle.js'
import type {OperationOptions} from '../../model/progress.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {SameServer} from '../../weaviate/same-server.js'
import type {CompletenessCheck, CompletenessState} from './completeness.js'
import type {Sample} from './sample.js'
import type {ArchiveSink} from './sink.js'
import type {BackupThreads} from './threads.js'

import {ParallelReader, type Slice, slicesOfTenants} from '../../flow/parallel-reader.js'
import {settledStatus} from '../../flow/tenants/activation.js'
import {withDetails} from '../../model/errors.js'
import {throwIfLost} from '../../store/lease.js'

/** What a crash costs at most. Tests flush more often; no option. */
export const FLUSH_EVERY = {
  /** Bytes between two flushes: the size of a Parquet part. */
  bytes: 256 * 1024 * 1024,
  /** Milliseconds between two flushes of a slow backup. */
  ms: 60_000,
}

/** Inactive tenants that are read, and put back, together. */
export interface ActivationGroup {
  slices: Slice[]
  /** With the states to put back. */
  tenants: WeaviateTenant[]
}

/** How far a transfer is, as of the last flush. */
export interface TransferProgress {
  /** Absent from journals of earlier releases. */
  checked?: CompletenessState
  /** Tenants that have to be active for `remaining` to be read, with the states to put back. */
  group: WeaviateTenant[]
  position: ArchivePosition
  /** Slices not read, or not in `position`. */
  remaining: Slice[]
  /** Objects that were read, and what came of them is in `position`, by tenant; absent where none are changed on the way. */
  taken?: Array<[tenant: null | string, objects: number]>
  /** Which those were; absent from journals of earlier releases too. */
  takenSum?: string
  /** Groups whose turn has not come, with what is left to read of them. */
  waiting: ActivationGroup[]
}

export interface BackupTransferOptions extends OperationOptions {
  /** Tenants to activate, group by group, with what is to be read of them. */
  activation: ActivationGroup[]
  batchSize: number
  concurrency: number
  connection: Connection
  /** Counts before and after, and looks again where fewer were read. */
  completeness: CompletenessCheck
  /** Tenants that an earlier run read, and did not count at their end; they are active. */
  counted?: string[]
  /** undefined: not known. */
  expectedObjects?: number
  plan: CollectionPlan
  /** Absent where the server itself tells a collection from another of its name. */
  sample?: Pick<Sample, 'check'>
  sameServer: SameServer
  /** @throws DataOpsError STORAGE when another process has taken the backup over, and its tenants with it. */
  check: () => Promise<void>
  /** Keeps what is to be put back after a crash. */
  saveActivated: (tenants: WeaviateTenant[]) => Promise<void>
  /** Keeps what a resumed run needs. */
  saveProgress: (progress: TransferProgress) => Promise<void>
  sink: ArchiveSink
  slices: Slice[]
  /** Read in place of this one. */
  threads?: BackupThreads
  throttle: Throttle
  writer: ArchiveWriter
}

/** Reads everything there is to read, counts it into the digest and hands it to the writer. */
export async function transferToArchive(options: BackupTransferOptions): Promise<void> {
  const {activation, check, connection, plan, sameServer, saveActivated, saveProgress, signal, writer} = options
  const waiting = [...activation]
  const context = (group: WeaviateTenant[]): Context => ({
    checked: options.completeness.state(),
    group,
    waiting: [...waiting],
  })
  await saveProgress({
    ...context([]),
    ...takenBy(options.sink),
    position: await writer.flush(),
    remaining: options.slices,
  })
  await readSlices(options, options.slices, () => context([]), options.counted)
  while (waiting.length > 0) {
    const {slices, tenants} = waiting.shift()!
    // Written down first: a crash in between must not leave tenants active for good.
    await saveActivated(tenants)
    let failure: undefined | {error: unknown}
    try {
      await connection.setTenantStatus(
        plan.className,
        tenants.map(({name}) => ({name, status: 'HOT'})),
        signal,
      )
      await sameServer.prove(tenants.map(({name}) => ({name, status: 'HOT'})))
      await readSlices(options, slices, () => context(tenants))
    } catch (error) {
      failure = {error}
    }

    // Who goes on with the backup reads these tenants now, and puts them back.
    await throwIfLost(check)
    try {
      // Also after Ctrl-C: hence no signal.
      await connection.setTenantStatus(plan.className, tenants)
      await saveActivated([])
    } catch (error) {
      if (!failure) throw error
      // The first failure is the one to report; the journal still says what is to be put back.
      throw withDetails(failure.error, {activeTenants: tenants.map(({name}) => name)})
    }

    if (failure) throw failure.error
  }

  const {threads} = options
  const flushes = new Flushes(options, () => context([]))
  await threads?.finish(async () => flushes.flush(threads))
}

function takenBy(sink: ArchiveSink): Pick<TransferProgress, 'taken' | 'takenSum'> {
  if (!sink.isChanging) return {}
  return {taken: sink.takenByTenant.map(([tenant, objects]) => [tenant ?? null, objects]), takenSum: sink.takenSum}
}

type Context = Pick<TransferProgress, 'checked' | 'group' | 'waiting'>

export function activationGroup(tenants: WeaviateTenant[]): ActivationGroup {
  return {
    slices: slicesOfTenants(tenants),
    tenants: tenants.map(({name, status}) => ({name, status: settledStatus(status)})),
  }
}

function objectsToCome({expectedObjects, sink}: BackupTransferOptions): number {
  return expectedObjects === undefined ? Number.MAX_SAFE_INTEGER : Math.max(0, expectedObjects - sink.taken)
}

async function readSlices(
  options: BackupTransferOptions,
  slices: Slice[],
  context: () => Context,
  counted: readonly string[] = [],
): Promise<void> {
  const {completeness, threads} = options
  await completeness.begin(slices, counted)
  const flushes = new Flushes(options, context)
  await (threads ? readByThreads(options, {flushes, slices, threads}) : readHere(options, {flushes, slices}))
  await options.sample?.check(new Set(slices.map(({tenant}) => tenant)), options)
  await completeness.end(slices, counted)
}

/** When what is written is put on the disk for good, and what remains then. */
class Flushes {
  readonly #context: () => Context
  readonly #options: BackupTransferOptions
  // Not the time of day: that may go backwards.
  #at = performance.now()
  #bytes: number

  constructor(options: BackupTransferOptions, context: () => Context) {
    this.#context = context
    this.#options = options
    this.#bytes = options.writer.bytes
  }

  get isDue(): boolean {
    return (
      this.#options.writer.bytes - this.#bytes >= FLUSH_EVERY.bytes || performance.now() - this.#at >= FLUSH_EVERY.ms
    )
  }

  async flush(reader: {remaining: () => Slice[]}): Promise<void> {
    const {saveProgress, sink, writer} = this.#options
    const position = await writer.flush()
    await saveProgress({position, remaining: reader.remaining(), ...takenBy(sink), ...this.#context()})
    this.#bytes = writer.bytes
    this.#at = performance.now()
  }
}

async function readHere(
  options: BackupTransferOptions,
  {flushes, slices}: {flushes: Flushes; slices: Slice[]},
): Promise<void> {
  const {completeness, sink} = options
  const reader = new ParallelReader({
    batchSize: options.batchSize,
    concurrency: options.concurrency,
    connection: options.connection,
    expectedObjects: objectsToCome(options),
    include: 'objects',
    plan: options.plan,
    signal: options.signal,
    slices,
    throttle: options.throttle,
  })
  // False while a page is in the digest and not in the archive: what is flushed then would not fit together.
  let isWhole = true
  try {
    for await (const page of reader.pages()) {
      isWhole = false
      await completeness.note(page.objects)
      await sink.write(page.objects)
      page.done()
      if (!sink.isChanging) page.release()
      isWhole = true
      tellProgress(options)
      if (flushes.isDue) await flushes.flush(reader)
    }
  } catch (error) {
    // Interrupted, or the server is gone for good: what is here need not be read again. The first failure is the one to report.
    if (isWhole) await flushes.flush(reader).catch(() => {})
    throw error
  }
}

async function readByThreads(
  options: BackupTransferOptions,
  {flushes, slices, threads}: {flushes: Flushes; slices: Slice[]; threads: BackupThreads},
): Promise<void> {
  try {
    await threads.read(slices, {
      isDue: () => flushes.isDue,
      onProgress() {
        tellProgress(options)
      },
      save: async () => flushes.flush(threads),
    })
  } catch (error) {
    await threads.save().catch(() => {})
    throw error
  }
}

function tellProgress({expectedObjects, onProgress, plan, sink, threads, writer}: BackupTransferOptions): void {
  onProgress?.({
    bytes: writer.bytes + (threads?.bytes ?? 0),
    collection: plan.className,
    completed: sink.taken,
    stage: 'backup',
    total: expectedObjects,
  })
}
