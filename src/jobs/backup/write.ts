/** The third step of a backup: every object is read and written. */
import type {Store} from '../../store/store.js'
import type {Open} from './open.js'
import type {BackupThreads} from './threads.js'
import type {ClaimedBackup} from './unfinished.js'

import {unlockUnfinished} from '../../archive/encrypted/unlock.js'
import {DataOpsError} from '../../model/errors.js'
import {type Completeness, CompletenessCheck} from './completeness.js'
import {readBack} from './continuing.js'
import {type BackupJob, readingOf} from './job.js'
import {ObjectIndex} from './object-index.js'
import {settle, type SettleResult} from './settle.js'
import {ArchiveSink} from './sink.js'
import {startThreads} from './start-threads.js'
import {transferToArchive} from './transfer.js'

/** Everything that is to be in the backup is in its files. */
export interface Written {
  /** undefined when no objects were asked for. */
  completeness?: Completeness
  open: Open
  /** undefined when nothing was scanned again. */
  settled?: SettleResult
}

export async function transfer(open: Open): Promise<Written> {
  if (!open.head.metadata.options.include_data) return {open}
  const {content, resumed, sample, writer} = open
  const {chain, expectedObjects, job} = open.plan
  const reading = readingOf(job)
  const earlier = resumed && (await earlierFiles(job, resumed))
  const contents = job.options.settle || (earlier && !chain) ? new ObjectIndex() : undefined
  const {checked, taken, takenSum} = resumed?.journal ?? {}
  const {signal} = reading
  const sink = new ArchiveSink({chain, content, contents, expectedObjects, sample, signal, taken, takenSum, writer})
  const completeness = new CompletenessCheck({...reading, expectedObjects, sink, state: checked})
  const backup = {...reading, completeness, open, sink}
  let threads: BackupThreads | undefined
  try {
    if (resumed) await takeInEarlier(open, {earlier, resumed, sink})
    threads = await startThreads(backup)
    await transferToArchive({...backup, threads})
    await sink.check()
    // For what changed since it was read: until the collection is still, or once over what was read before a pause.
    const settled = contents && (await settle(backup, contents))
    return {completeness: completeness.result(), open, settled}
  } finally {
    await threads?.close()
    await completeness.close()
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
    job.warn({
      code: 'not-looked-at-again',
      details: {name},
      message: `What was read before the pause was not looked at again for changes: there is no identity that opens it.`,
    })
  }

  return files
}
