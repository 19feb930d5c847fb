/** The last item of a backup by several machines, and what is done where nothing is to be sealed any more. */
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {BackupItemResult, BackupWorker} from '../backup/items.js'
import type {JobQueue, TaskRun} from './items.js'
import type {BackupJobPlan, JobResult, OpenJob} from './plan.js'

import {BackupCatalog} from '../../catalog/catalog.js'
import {readEntryOf} from '../../catalog/entry.js'
import {insteadOf} from '../../model/errors.js'
import {isDenied} from '../../store/denied.js'
import {homeOf} from '../backup/home.js'
import {dropLate, dropParts, dropUnsealed, partsLeft, sealElsewhere, sealItems} from '../backup/seal-items.js'
import {warningsInSeal} from '../backup/seal.js'
import {dropBackup} from './drop.js'

/** By whoever takes it, once all items are done; whoever comes second finds it done. */
export async function sealBackup(
  {place: places}: OpenJob<BackupJobPlan>,
  worker: BackupWorker,
  results: readonly BackupItemResult[],
  {attempt, check, signal}: TaskRun,
): Promise<JobResult> {
  const {job, work} = worker
  const {store} = job
  const {left, name, sealed} = await homeOf(store, work, {isSealing: true, places})
  // What was brought from the folder where it was written, where that is another by now, stays there no longer than until then.
  const end = async (): Promise<Warning[]> => {
    // What a killed worker has left active of an item that nobody had to read again.
    await job.notes.putBack(job.connection, work.schema.class, job.warn, {signal})
    const kept = await dropParts(store, work, {folders: left, results})
    for (const warning of kept) job.warn(warning)
    return kept
  }

  if (sealed) {
    // Whoever has sealed it need not have lived to do this.
    const unsealed = await dropUnsealed(store, name)
    if (unsealed) job.warn(unsealed)
    await new BackupCatalog(store).register(sealed)
    const warnings = [...(await warningsInSeal(store, name)), ...(unsealed ? [unsealed] : [])]
    return {sealed, warnings: [...warnings, ...(await end())]}
  }

  const there = name === work.name ? worker : await sealElsewhere(worker, results, {name})
  await sealItems(there, results, {attempt, check, places})
  await end()
  return {sealed: await readEntryOf(store, name), warnings: job.warnings}
}

/** Of a job that was cancelled. Returns what was removed; what may not be is warned of. */
export async function abandonBackups(
  {place: places, plan: {items, works}}: OpenJob<BackupJobPlan>,
  store: Store,
  {queue, warn}: {queue: JobQueue; warn: (warning: Warning) => void},
): Promise<string[]> {
  const removed: string[] = []
  for (const [group, work] of works.entries()) {
    const looked = await homeOf(store, work, {isSealing: false, places}).catch(insteadOf(undefined, 'BACKUP_DAMAGED'))
    // One that is sealed is a backup, whatever has become of it.
    if (!looked || looked.sealed) continue
    const {left, name} = looked
    const results: BackupItemResult[] = []
    if (left.length > 0) {
      for await (const {result} of queue.results((number) => items[number]?.group === group))
        if ('read' in result) results.push(result.read)
    }

    for (const warning of await dropParts(store, work, {folders: left, results})) warn(warning)
    if (left.includes(name)) continue
    try {
      const dropped = await dropBackup(store, {name})
      if (dropped !== undefined) removed.push(dropped)
    } catch (error) {
      if (!isDenied(error)) throw error
      const files = (await store.list(name)).map((entry) => entry.name)
      if (files.length > 0) warn(partsLeft(store, name, files))
    }
  }

  return removed
}

/** Of an attempt that nobody asks for any more: where the backup is sealed without it, nothing else would remove its part. */
export async function dropUnused(
  {place: places, plan: {items, works}}: OpenJob<BackupJobPlan>,
  store: Store,
  {number, result}: {number: number; result: JobResult},
): Promise<undefined | Warning> {
  const work = works[items[number]?.group ?? 0]
  return work && 'read' in result && result.read ? dropLate(store, work, {places, result: result.read}) : undefined
}
