import type {WeaviateTenant} from '../../model/tenant.js'
import type {TransferProgress} from './journal.js'
import type {BackupReading} from './reading.js'
import type {ArchiveSink} from './sink.js'
import type {BackupThreads} from './threads.js'

import {ParallelReader, type Slice} from '../../flow/parallel-reader.js'
import {putBackAll} from '../../flow/tenants/put-back.js'
import {withDetails} from '../../model/errors.js'
import {throwIfLost} from '../../store/lease.js'
import {planRemaining, planWhole, uncounted} from './tenants.js'

/** What a crash costs at most. Tests flush more often; no option. */
export const FLUSH_EVERY = {
  /** Bytes between two flushes: the size of a Parquet part. */
  bytes: 256 * 1024 * 1024,
  /** Milliseconds between two flushes of a slow backup. */
  ms: 60_000,
}

interface Transfer extends BackupReading {
  /** Read in place of this one. */
  threads?: BackupThreads
}

/** Reads everything there is to read, counts it into the digest and hands it to the writer. */
export async function transferToArchive(transfer: Transfer): Promise<void> {
  const {completeness, connection, open, plan, signal, threads} = transfer
  const {check, journal, resumed} = open
  const {job, tenantPlan, tenants: all} = open.plan
  const {activation, slices: first} = resumed ? planRemaining(resumed.journal, all, job.options) : planWhole(tenantPlan)
  const waiting = [...activation]
  const flushes = (group: WeaviateTenant[] = []): Flushes =>
    new Flushes(transfer, () => ({checked: completeness.state(), group, waiting: [...waiting]}))
  await flushes().flush({remaining: () => first})
  await readSlices(transfer, first, {counted: resumed && all && uncounted(resumed.journal, all), flushes: flushes()})
  while (waiting.length > 0) {
    const {slices, tenants} = waiting.shift()!
    // Written down first: a crash in between must not leave tenants active for good.
    await journal.saveActivated(tenants)
    let failure: undefined | {error: unknown}
    try {
      const active = tenants.map(({name}) => ({name, status: 'HOT' as const}))
      await connection.setTenantStatus(plan.className, active, signal)
      await job.sameServer.prove(active)
      await readSlices(transfer, slices, {flushes: flushes(tenants)})
    } catch (error) {
      failure = {error}
    }

    // Who goes on with the backup reads these tenants now, and puts them back.
    await throwIfLost(check)
    try {
      // Also after Ctrl-C: hence no signal.
      await putBackAll(connection, plan.className, tenants)
      await journal.saveActivated([])
    } catch (error) {
      if (!failure) throw error
      // The first failure is the one to report; the journal still says what is to be put back.
      throw withDetails(failure.error, {activeTenants: tenants.map(({name}) => name)})
    }

    if (failure) throw failure.error
  }

  const last = flushes()
  await threads?.finish(async () => last.flush(threads))
}

function takenBy(sink: ArchiveSink): Pick<TransferProgress, 'taken' | 'takenSum'> {
  if (!sink.isChanging) return {}
  return {taken: sink.takenByTenant.map(([tenant, objects]) => [tenant ?? null, objects]), takenSum: sink.takenSum}
}

/** `counted`: tenants that an earlier run read, and did not count at their end; they are active. */
async function readSlices(
  transfer: Transfer,
  slices: Slice[],
  {counted = [], flushes}: {counted?: readonly string[]; flushes: Flushes},
): Promise<void> {
  const {completeness, open, threads} = transfer
  await completeness.begin(slices, counted)
  await (threads ? readByThreads(transfer, {flushes, slices, threads}) : readHere(transfer, {flushes, slices}))
  // Else the server itself tells a collection from another of its name.
  if (open.identity === undefined) await checkSame(transfer, slices)
  await completeness.end(slices, counted)
}

/** What was read is of one collection, and of each tenant of one. @throws DataOpsError SERVER_REFUSED with `details.recreated`. */
async function checkSame(transfer: Transfer, slices: readonly Slice[]): Promise<void> {
  const {sample} = transfer.open
  const tenants = new Set(slices.map(({tenant}) => tenant))
  await sample.check(tenants, transfer)
  const active = (transfer.open.plan.tenants ?? []).filter(({name, status}) => status === 'HOT' || tenants.has(name))
  if (active.length > 0) await sample.checkCollection(new Set(active.map(({name}) => name)), transfer)
}

/** When what is written is put on the disk for good, and what remains then. */
class Flushes {
  // Not the time of day: that may go backwards.
  #at = performance.now()
  #bytes: number

  constructor(
    private readonly transfer: Transfer,
    private readonly context: () => Pick<TransferProgress, 'checked' | 'group' | 'waiting'>,
  ) {
    this.#bytes = transfer.open.writer.bytes
  }

  get isDue(): boolean {
    const {writer} = this.transfer.open
    return writer.bytes - this.#bytes >= FLUSH_EVERY.bytes || performance.now() - this.#at >= FLUSH_EVERY.ms
  }

  async flush(reader: {remaining: () => Slice[]}): Promise<void> {
    const {open, sink} = this.transfer
    const {journal, writer} = open
    const position = await writer.flush()
    await journal.saveProgress({position, remaining: reader.remaining(), ...takenBy(sink), ...this.context()})
    this.#bytes = writer.bytes
    this.#at = performance.now()
  }
}

async function readHere(transfer: Transfer, {flushes, slices}: {flushes: Flushes; slices: Slice[]}): Promise<void> {
  const {completeness, open, sink} = transfer
  const {batchSize, expectedObjects = Number.MAX_SAFE_INTEGER} = open.plan
  const left = Math.max(0, expectedObjects - sink.taken)
  const reader = new ParallelReader({...transfer, batchSize, expectedObjects: left, include: 'objects', slices})
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
      tellProgress(transfer)
      if (flushes.isDue) await flushes.flush(reader)
    }
  } catch (error) {
    // Interrupted, or the server is gone for good: what is here need not be read again. The first failure is the one to report.
    if (isWhole) await flushes.flush(reader).catch(() => {})
    throw error
  }
}

async function readByThreads(
  transfer: Transfer,
  {flushes, slices, threads}: {flushes: Flushes; slices: Slice[]; threads: BackupThreads},
): Promise<void> {
  try {
    await threads.read(slices, {
      isDue: () => flushes.isDue,
      onProgress() {
        tellProgress(transfer)
      },
      save: async () => flushes.flush(threads),
    })
  } catch (error) {
    await threads.save().catch(() => {})
    throw error
  }
}

function tellProgress({open: {plan, writer}, sink, threads}: Transfer): void {
  const {expectedObjects, job} = plan
  job.options.onProgress?.({
    bytes: writer.bytes + (threads?.bytes ?? 0),
    collection: job.plan.className,
    completed: sink.taken,
    stage: 'backup',
    total: expectedObjects,
  })
}
