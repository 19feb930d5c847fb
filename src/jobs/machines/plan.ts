/** What is written down of a job that several machines do: JSON, without secrets. */
import type {CatalogEntry} from '../../catalog/entry.js'
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {PlannedItem} from '../../work/queue.js'
import type {BackupItem, BackupItemResult, BackupWork} from '../backup/items.js'
import type {ObjectsResult, ReferencesResult, RestoreItem, RestoreWork} from '../restore/items.js'
import type {RestoreResult} from '../restore/options.js'

import {JOBS_FOLDER} from '../../archive/names.js'
import {DataOpsError} from '../../model/errors.js'
import {LEASE} from '../../store/lease.js'
import {JobPlace, PLAN_FILE} from '../../work/place.js'
import {StoreQueue} from '../../work/store-queue.js'

const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,126}[a-z0-9])?$/

export type BackupTask = {do: 'read'; item: BackupItem; number: number} | {do: 'seal'}

/** `work`: which of the works it is of; `of`: the number of the item with the same rows in the pass before. */
export type RestoreTask =
  | {do: 'end'; work: number}
  | {do: 'objects'; item: RestoreItem; work: number}
  | {do: 'references'; item: RestoreItem; of: number; work: number}

export type JobTask = BackupTask | RestoreTask

export type JobResult =
  | {objects: ObjectsResult}
  | {read: BackupItemResult}
  | {references: ReferencesResult}
  | {restored: RestoreResult}
  | {sealed: CatalogEntry; warnings: Warning[]}

/** A collection by which a server is told from others: of the job, or any other. */
export interface Witness {
  collection: string
  identity: string
}

interface CommonPlan {
  /** RFC 3339, by the clock of whoever created it. */
  created: string
  id: string
  items: Array<PlannedItem<JobTask>>
  /** Milliseconds that the lease of an item lasts without renewal. */
  leaseMs: number
  /** Of the server, as whoever created it reached it. */
  server: string
  /** By which it is told from other servers, where the job's collections do not tell. */
  witnesses?: Witness[]
}

export interface BackupJobPlan extends CommonPlan {
  kind: 'backup'
  version: 1
  /** By group. */
  works: BackupWork[]
}

/** All items are one group: references wait for the objects of all collections. */
export interface RestoreJobPlan extends CommonPlan {
  kind: 'restore'
  version: 2
  works: RestoreWork[]
}

export type JobPlan = BackupJobPlan | RestoreJobPlan

const VERSIONS: Readonly<Record<JobPlan['kind'], number>> = {backup: 1, restore: 2}

export interface OpenJob<Plan extends JobPlan = JobPlan> {
  place: JobPlace<JobResult>
  plan: Plan
}

/** @throws DataOpsError INVALID_INPUT when that is no name of a job. */
export function placeOfJob(store: Store, id: string): JobPlace<JobResult> {
  if (NAME.test(id)) return new JobPlace(store, folderOf(id))
  throw new DataOpsError('INVALID_INPUT', `${JSON.stringify(id)} is not the name of a job.`, {
    hint: 'Use lower-case letters, digits, dashes and dots, at most 128.',
  })
}

/** Where it says what is to be done. */
export function planKeyOf(id: string): string {
  return `${folderOf(id)}/${PLAN_FILE}`
}

/** Where all of a job lies. */
export function folderOf(id: string): string {
  return `${JOBS_FOLDER}/${id}`
}

/** @throws DataOpsError INVALID_INPUT when there is none of that name, or it is of a later version. */
export async function openJob(store: Store, id: string): Promise<OpenJob> {
  const place = placeOfJob(store, id)
  const plan = await place.readPlan()
  if (plan === undefined) {
    throw new DataOpsError('INVALID_INPUT', `There is no job "${id}" in ${store.describe('')}.`, {
      details: {absent: true},
      hint: 'See `JobManager.list`, or create one with `JobManager.createBackup`.',
    })
  }

  const {items, kind, version, works} = plan as Partial<JobPlan>
  if (kind === undefined || VERSIONS[kind] !== version || !Array.isArray(items) || !Array.isArray(works)) {
    throw new DataOpsError('INVALID_INPUT', `${place.describe()} is a job that this version does not understand.`, {
      hint: 'Use the version that created it.',
    })
  }

  if (!endsAll(plan as JobPlan)) {
    throw new DataOpsError('STORAGE', `${place.describe()} is damaged: its plan does not come to an end.`, {
      details: {path: place.describe()},
      hint: 'Somebody has changed it: create the job anew, under another name.',
    })
  }

  return {place, plan: plan as JobPlan}
}

/** Nothing left to do is not the same as nothing planned. */
function endsAll({items, kind, works}: JobPlan): boolean {
  const ended = new Set(
    items.flatMap(({group, payload}) => {
      if (payload.do === 'end') return [payload.work]
      return kind === 'backup' && payload.do === 'seal' ? [group] : []
    }),
  )
  return works.length > 0 && works.every((_, index) => ended.has(index))
}

export function queueOf({place, plan}: OpenJob, options: {hint?: number} = {}): StoreQueue<JobTask, JobResult> {
  return new StoreQueue(place, plan.items, {...options, leaseMs: plan.leaseMs ?? LEASE.ms})
}

/** The collections that an item is of, as the server calls them. */
export function collectionOf({kind, works}: JobPlan, {group, payload}: PlannedItem<JobTask>): string {
  const index = kind === 'restore' && 'work' in payload ? payload.work : group
  return works[index]?.schema.class ?? ''
}

/** Names of the jobs that are there. */
export async function jobNames(store: Store): Promise<string[]> {
  return (await store.list(JOBS_FOLDER)).flatMap(({kind, name}) =>
    kind === 'directory' && NAME.test(name) ? [name] : [],
  )
}
