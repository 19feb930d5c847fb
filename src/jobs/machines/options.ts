import type {CatalogEntry} from '../../catalog/entry.js'
import type {RateLimit, RetryOptions} from '../../flow/options.js'
import type {OperationOptions, Warning} from '../../model/progress.js'
import type {ItemFailure, PhaseState, QueueEnd} from '../../work/queue.js'
import type {BackupOptions} from '../backup/options.js'
import type {SentRestoreOptions} from '../restore/items.js'
import type {RestoreOptions, RestoreResult} from '../restore/options.js'

/** Of a job and its items; what is of the reading belongs to `work`. */
export interface CreateJobOptions {
  /** Lower-case letters, digits, dashes and dots, at most 128; made when absent. */
  id?: string
  /** Items of each collection, about; by default one for 50,000 objects, at least 32. */
  items?: number
  /** Milliseconds after which an item whose worker does not answer is taken by another, doubled at each attempt; default 30,000. */
  leaseMs?: number
}

/** Those of jobs of every kind. */
export const JOB_OPTIONS = [
  'id',
  'items',
  'leaseMs',
  'onProgress',
  'onWarning',
  'signal',
] as const satisfies ReadonlyArray<keyof (CreateJobOptions & OperationOptions)>

/** Those of a backup that several machines can go by. */
export const BACKUP_OPTIONS = [
  'batchSize',
  'compress',
  'format',
  'includeData',
  'includeOffloaded',
  'tenants',
  'transforms',
] as const satisfies ReadonlyArray<keyof BackupOptions>

/** Parquet (default) or Arrow; whatever one process alone can do is refused. */
export type CreateBackupJobOptions = CreateJobOptions &
  OperationOptions &
  Pick<BackupOptions, (typeof BACKUP_OPTIONS)[number]> & {
    /** Collections to leave out, as patterns. */
    exclude?: readonly string[]
  }

/** What changes what is written; whatever one process alone can do is refused. */
export type CreateRestoreJobOptions = CreateJobOptions &
  OperationOptions &
  Pick<RestoreOptions, 'transforms'> &
  SentRestoreOptions

/** How one machine works at a job. */
export interface WorkOptions extends OperationOptions, RetryOptions {
  /** Requests in flight of this worker at most; default 4. */
  concurrency?: number
  /** From 0 to 1: where in the plan to start. */
  hint?: number
  /** Of this worker. */
  maxRate?: RateLimit
  /** Milliseconds to wait for the job to be created; default 0. */
  waitMs?: number
}

/** A job that machines can work at. */
export interface CreatedJob {
  collections: string[]
  id: string
  /** Pieces of work that it was cut into. */
  items: number
  kind: JobKind
  /** Where its plan lies. */
  path: string
}

/** What a job does. */
export type JobKind = 'backup' | 'restore'

/** An item that failed too often. */
export interface AsideItem {
  collection: string
  failures: ItemFailure[]
  /** Its number in the plan, from 0. */
  item: number
  task: string
}

/** Somebody who has an item. */
export interface JobWorker {
  /** From 1. */
  attempt: number
  /** How far it is with the item. */
  completed?: number
  host?: string
  /** Its number in the plan, from 0. */
  item: number
  /** Process id on its host. */
  pid?: number
  /** RFC 3339, by its own clock. */
  since?: string
  task: string
}

/** A backup that a job has sealed. */
export interface SealedByJob extends CatalogEntry {
  /** Of whoever sealed it: what it lacks, what changed meanwhile. */
  warnings: Warning[]
}

/** How far a job of several machines is. */
export interface JobState {
  aside: AsideItem[]
  collections: string[]
  /** RFC 3339. */
  created: string
  /** `open`: there is something left to do; `stuck`: not without what was put aside. */
  end: QueueEnd
  id: string
  kind: JobKind
  /** What each collection has done of what, phase after phase. */
  phases: Array<PhaseState & {collection: string; task: string}>
  /** Restores: what has ended. */
  restored: RestoreResult[]
  /** What is sealed. */
  sealed: SealedByJob[]
  server: string
  /** Backups: tenants that are not in them, though nobody left them out on purpose. */
  skipped: Array<{collection: string; reason: string; tenant: string}>
  workers: JobWorker[]
}

/** What one machine did, and how far the job is now. */
export interface WorkResult extends JobState {
  /** Items that this worker has done. */
  done: number
  /** Wall time of this worker. */
  seconds: number
  /** Of this worker; what whoever came to an end was warned of stands in `sealed` and `restored`. */
  warnings: Warning[]
}

/** What a job that was given up has left. */
export interface CancelledJob {
  id: string
  /** Collections that hold a part of their backup; a restore by one process continues them. */
  left: string[]
  /** Of backups that were not sealed: their files are gone. */
  removed: string[]
  /** False: it had ended before, and nothing was changed. */
  wasOpen: boolean
}
