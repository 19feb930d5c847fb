/** What is written down of a job that several machines do: JSON, without secrets. */
import type {CatalogEntry} from '../../catalog/entry.js'
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {PlannedItem} from '../../work/queue.js'
import type {BackupItem, BackupItemResult, BackupWork} from '../backup/items.js'

import {DataOpsError} from '../../model/errors.js'
import {LEASE} from '../../store/lease.js'
import {JobPlace} from '../../work/place.js'
import {StoreQueue} from '../../work/store-queue.js'

/** Folder of all jobs, in the place of the backups. */
export const JOBS_FOLDER = '.jobs'
const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,126}[a-z0-9])?$/

export type JobTask = {do: 'read'; item: BackupItem; number: number} | {do: 'seal'}

export type JobResult = {read: BackupItemResult} | {sealed: CatalogEntry; warnings: Warning[]}

export interface JobPlan {
  /** RFC 3339, by the clock of whoever created it. */
  created: string
  id: string
  items: Array<PlannedItem<JobTask>>
  kind: 'backup'
  /** Milliseconds that the lease of an item lasts without renewal. */
  leaseMs: number
  /** Of the server, as whoever created it reached it. */
  server: string
  version: 1
  /** By group. */
  works: BackupWork[]
}

export interface OpenJob {
  place: JobPlace<JobResult>
  plan: JobPlan
}

/** @throws DataOpsError INVALID_INPUT. */
export function checkJobName(id: string): void {
  if (NAME.test(id)) return
  throw new DataOpsError('INVALID_INPUT', `${JSON.stringify(id)} is not the name of a job.`, {
    hint: 'Use lower-case letters, digits, dashes and dots, at most 128.',
  })
}

export function placeOfJob(store: Store, id: string): JobPlace<JobResult> {
  checkJobName(id)
  return new JobPlace(store, `${JOBS_FOLDER}/${id}`)
}

/** @throws DataOpsError INVALID_INPUT when there is none of that name, or it is of a later version. */
export async function openJob(store: Store, id: string): Promise<OpenJob> {
  const place = placeOfJob(store, id)
  const plan = await place.readPlan()
  if (plan === undefined) {
    throw new DataOpsError('INVALID_INPUT', `There is no job "${id}" in ${store.describe('')}.`, {
      details: {absent: true},
      hint: 'See `job list`, or create one with `job create`.',
    })
  }

  const {items, version, works} = plan as Partial<JobPlan>
  if (version !== 1 || !Array.isArray(items) || !Array.isArray(works)) {
    throw new DataOpsError('INVALID_INPUT', `${place.describe()} is a job that this version does not understand.`, {
      hint: 'Use the version that created it.',
    })
  }

  return {place, plan: plan as JobPlan}
}

export function queueOf({place, plan}: OpenJob, options: {hint?: number} = {}): StoreQueue<JobTask, JobResult> {
  return new StoreQueue(place, plan.items, {...options, leaseMs: plan.leaseMs ?? LEASE.ms})
}

/** Names of the jobs that are there. */
export async function jobNames(store: Store): Promise<string[]> {
  return (await store.list(JOBS_FOLDER)).flatMap(({kind, name}) =>
    kind === 'directory' && NAME.test(name) ? [name] : [],
  )
}
