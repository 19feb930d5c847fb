/** The third step of a backup: every object is read and written. */
import type {Throttle} from '../../flow/throttle.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {BackupJob} from './job.js'
import type {BackupJournal} from './journal.js'
import type {Open} from './open.js'
import type {ClaimedBackup} from './unfinished.js'

import {unlockUnfinished} from '../../archive/encrypted/unlock.js'
import {slicesOfTenants} from '../../flow/parallel-reader.js'
import {DataOpsError} from '../../model/errors.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {DEFAULT_CONCURRENCY, throttleOf} from '../options.js'
import {type Completeness, CompletenessCheck} from './completeness.js'
import {readBack} from './continuing.js'
import {ObjectIndex} from './object-index.js'
import {settle, type SettleResult} from './settle.js'
import {ArchiveSink} from './sink.js'
import {startThreads} from './start-threads.js'
import {planRemaining, type TenantPlan} from './tenants.js'
import {type BackupThreads} from './threads.js'
import {activationGroup, type BackupTransferOptions, transferToArchive} from './transfer.js'

/** Everything that is to be in the backup is in its files. */
export interface Written {
  step: 'written'
  /** undefined when no objects were asked for. */
  completeness?: Completeness
  open: Open
  /** undefined when nothing was scanned again. */
  settled?: SettleResult
}

export async function transfer(open: Open): Promise<Written> {
  if (!open.head.metadata.options.include_data) return {open, step: 'written'}
  const {
    content,
    plan: {chain, expectedObjects, job},
    resumed,
    sample,
    writer,
  } = open
  const {connection, options, plan} = job
  const concurrency = options.concurrency ?? DEFAULT_CONCURRENCY
  const throttle = throttleOf(options)
  const earlier = resumed && (await earlierFiles(job, resumed))
  const contents = options.settle || (earlier && !chain) ? new ObjectIndex() : undefined
  const {taken, takenSum} = resumed?.journal ?? {}
  const {signal} = options
  const sink = new ArchiveSink({chain, content, contents, expectedObjects, sample, signal, taken, takenSum, writer})
  const check = new CompletenessCheck({
    concurrency,
    connection,
    expectedObjects,
    plan,
    signal: options.signal,
    sink,
    state: resumed?.journal.checked,
    throttle,
  })
  let threads: BackupThreads | undefined
  try {
    if (resumed) await takeInEarlier(open, {earlier, resumed, sink})
    threads = await startThreads(open, {check, concurrency, sink, throttle})
    await transferToArchive({...transferOptions(open, {check, concurrency, sink, throttle}), threads})
    await sink.check()
    const settled = contents && (await lookAgain(open, {check, concurrency, contents, sink, throttle}))
    return {completeness: check.result(), open, settled, step: 'written'}
  } finally {
    await threads?.close()
    await check.close()
    await sink.close()
  }
}

/** What an earlier run has written is known again: for what changes since, and for two objects of which changes on the way make one. */
async function takeInEarlier(
  {plan: {chain, job}}: Open,
  {earlier, resumed, sink}: {earlier?: Store; resumed: ClaimedBackup; sink: ArchiveSink},
): Promise<void> {
  if (earlier) {
    for await (const page of readBack(earlier, resumed)) {
      await sink.noteOthers({changed: chain ? page.map(([object]) => object) : [], indexed: page, sample: []})
    }
  } else if (chain) {
    throw new DataOpsError(
      'CHECKPOINT',
      `The unfinished backup ${job.store.describe(resumed.name)} cannot be opened.`,
      {
        details: {name: resumed.name},
        hint: 'Give the identity that opens it: whether changes on the way make one object of two shows only in what it holds. Or run it anew, without `resume`.',
      },
    )
  }
}

/** Where what an earlier run has written is read; undefined where it is encrypted and there is no key. */
async function earlierFiles(job: BackupJob, {journal, name}: ClaimedBackup): Promise<Store | undefined> {
  const {encryptTo, store} = job
  if (!encryptTo) return store
  const files = await unlockUnfinished(store, name, journal.head)
  if (!files) {
    job.warn(
      'not-looked-at-again',
      `What was read before the pause was not looked at again for changes: there is no identity that opens it.`,
      {name},
    )
  }

  return files
}

interface Reading {
  check: CompletenessCheck
  concurrency: number
  sink: ArchiveSink
  throttle: Throttle
}

function transferOptions(open: Open, {check, concurrency, sink, throttle}: Reading): BackupTransferOptions {
  const {
    identity,
    journal,
    plan: {batchSize, expectedObjects, job, tenantPlan, tenants},
    resumed,
    sample,
    writer,
  } = open
  const {connection, options, plan, sameServer} = job
  return {
    ...(resumed ? planRemaining(resumed.journal, tenants, options) : initialWork(tenantPlan)),
    batchSize,
    check: fence(open),
    completeness: check,
    concurrency,
    connection,
    counted: resumed && tenants && uncounted(resumed.journal, tenants),
    expectedObjects,
    onProgress: options.onProgress,
    plan,
    ...(identity === undefined && {sample}),
    sameServer,
    saveActivated: savingActivated(open),
    saveProgress: async (progress) => journal.saveProgress(progress),
    signal: options.signal,
    sink,
    throttle,
    writer,
  }
}

/** Whether the backup, and the tenants that it has activated, are still this process's. */
function fence({claim, note}: Open): () => Promise<void> {
  return async () => {
    await claim.check()
    await note.check()
  }
}

/** Nothing is written beside what is another process's by now. */
function savingActivated({claim, journal}: Open): (tenants: WeaviateTenant[]) => Promise<void> {
  return async (tenants) => {
    await claim.check()
    await journal.saveActivated(tenants)
  }
}

function initialWork(tenantPlan: TenantPlan | undefined): Pick<BackupTransferOptions, 'activation' | 'slices'> {
  return tenantPlan
    ? {
        activation: tenantPlan.activate.map((tenants) => activationGroup(tenants)),
        slices: slicesOfTenants(tenantPlan.active),
      }
    : {activation: [], slices: [{...WHOLE_RANGE}]}
}

/** For what changed since it was read: until the collection is still, or once over what was read before a pause. */
async function lookAgain(
  open: Open,
  {check, concurrency, contents, throttle}: Reading & {contents: ObjectIndex},
): Promise<SettleResult> {
  const {
    content,
    note,
    plan: {job, tenants},
    resumed,
    scope,
    writer,
  } = open
  const read = new Set(scope?.read)
  const live = tenants?.filter(({name}) => read.has(name))
  const settled = await settle({
    check: fence(open),
    concurrency,
    connection: job.connection,
    content,
    index: contents,
    // What was counted and looked at before it does not know what it found, or what an earlier run had read.
    judge: async (slices) => check.end(slices),
    onProgress: job.options.onProgress,
    plan: job.plan,
    ...(resumed && {rounds: 1}),
    saveActivated: savingActivated(open),
    signal: job.options.signal,
    tenants: live,
    throttle,
    writer,
  })
  if (!settled.settled && !resumed) warnNotSettled(job, settled)
  await note.save([])
  return settled
}

function warnNotSettled({warn}: BackupJob, {rounds}: SettleResult): void {
  warn(
    'not-settled',
    `The collection still changed after ${rounds} scans; the backup is as of the last one, object by object.`,
    {rounds},
  )
}

/** Active tenants that an earlier run has read, or begun to, and whose end it did not come to. */
function uncounted(journal: BackupJournal, tenants: readonly WeaviateTenant[]): string[] {
  const counted = new Set(journal.checked?.counts.filter(([, {after}]) => after !== undefined).map(([name]) => name))
  const read = new Set(journal.tenants?.read)
  return tenants.flatMap(({name, status}) => (status === 'HOT' && read.has(name) && !counted.has(name) ? [name] : []))
}
