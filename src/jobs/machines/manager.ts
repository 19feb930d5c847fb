import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {
  CancelledJob,
  CreateBackupJobOptions,
  CreatedJob,
  CreateJobOptions,
  CreateRestoreJobOptions,
  JobKind,
  JobState,
  WorkOptions,
  WorkResult,
} from './options.js'

import {persistent} from '../../flow/persistent.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {DataOpsError} from '../../model/errors.js'
import {checkPositiveInteger} from '../../model/positive-integer.js'
import {type OperationOptions, type Warning} from '../../model/progress.js'
import {randomHex} from '../../platform/node.js'
import {CLOCK} from '../../store/clock.js'
import {LEASE} from '../../store/lease.js'
import {SELF} from '../../store/process.js'
import {work} from '../../work/worker.js'
import {openBackupWork} from '../backup/items.js'
import {checkOneName, keptWarnings, type ManagerOptions, storeOf, tenantNotes} from '../options.js'
import {openRestoreWork} from '../restore/items.js'
import {notOfThisServer} from '../restore/job-target.js'
import {wantedCollections} from '../wanted-collections.js'
import {backupTasks, planBackups} from './backup.js'
import {type JobQueue, type RunTask} from './items.js'
import {checkKnownOptions} from './known-options.js'
import {
  type BackupJobPlan,
  jobNames,
  type JobPlan,
  openJob,
  type OpenJob,
  placeOfJob,
  queueOf,
  type RestoreJobPlan,
} from './plan.js'
import {abandonRestores, checkServerOf, planRestores, restoreTasks} from './restore.js'
import {abandonBackups, dropUnused} from './seal.js'
import {stateOf} from './show.js'
import {checkServer, witnessesOf} from './witness.js'

/** Jobs that several machines do, through a place that all of them reach: one creates it, any number work on it, anybody may look. */
export class JobManager {
  readonly #notes: TenantNotes
  readonly #store: Store

  constructor(options: ManagerOptions = {}) {
    this.#store = storeOf(options)
    this.#notes = tenantNotes(this.#store, options.stateDirectory)
  }

  /**
   * Plans backups of collections, given by name, alias or pattern, and writes the plan down; nothing is read yet.
   * @throws DataOpsError COLLECTION_MISSING, INVALID_INPUT (also when there is a job of that id: `details.exists`), STORAGE, or what the server answered.
   */
  async createBackup(
    connection: Connection,
    names: readonly string[] | 'all',
    options: CreateBackupJobOptions = {},
  ): Promise<CreatedJob> {
    const {id, place} = await this.#begin('backup', options)
    const wanted = await wantedCollections(persistent(connection, options), names, options.exclude)
    if (wanted.length === 0) throw new DataOpsError('COLLECTION_MISSING', 'There is no collection to back up.')
    const {drop, items, works} = await planBackups(connection, this.#store, wanted, options)
    const head = await this.#head(connection, {id, options, works}).catch(async (error: unknown) => {
      await drop()
      throw error
    })
    const plan: JobPlan = {...head, items, kind: 'backup', version: 1, works}
    if (!(await place.writePlan(plan))) {
      await drop()
      throw jobExists(id, place.describe())
    }

    return createdOf({place, plan})
  }

  /**
   * Plans restores of backups that lie in the same place, given as for a restore, and writes the plan down. The collections are created (or
   * found, with `merge`) with their tenants, and nothing else may restore into them until the job has ended; no object is written yet.
   * @throws DataOpsError as a restore does before it writes; INVALID_INPUT (also when there is a job of that id: `details.exists`).
   */
  async createRestore(
    connection: Connection,
    backups: readonly string[],
    options: CreateRestoreJobOptions = {},
  ): Promise<CreatedJob> {
    const {id, place} = await this.#begin('restore', options)
    checkOneName(options.name, backups.length, 'Create a job for each of them, or leave out `name`.')
    const planning = {backups, id, notes: this.#notes, options}
    return planRestores(connection, this.#store, planning, async ({items, works}, check) => {
      const head = await this.#head(connection, {id, options, works})
      const plan: JobPlan = {...head, items, kind: 'restore', version: 2, works}
      await check()
      if (!(await place.writePlan(plan))) throw jobExists(id, place.describe())
      return createdOf({place, plan})
    })
  }

  /**
   * Takes items of a job until none is left for it: it has ended, was cancelled, or cannot go on without what was put aside.
   * @throws DataOpsError INVALID_INPUT without such a job, or for a concurrency that is none; INTERRUPTED, CANNOT_CONNECT, NOT_ALLOWED, STORAGE: what ends this worker, not the job.
   */
  async work(connection: Connection, id: string, options: WorkOptions = {}): Promise<WorkResult> {
    checkPositiveInteger(options.concurrency, 'concurrency')
    const started = performance.now()
    const job = await this.#waitFor(id, options)
    await checkServer(persistent(connection, options), job.plan)
    const {onWarning, warnings} = keptWarnings(options)
    const done = await this.#takeItems(connection, job, {...options, onWarning})
    return {...(await stateOf(job)), done, seconds: (performance.now() - started) / 1000, warnings}
  }

  /** @throws DataOpsError INVALID_INPUT without such a job. */
  async show(id: string): Promise<JobState> {
    return stateOf(await openJob(this.#store, id))
  }

  /** What `createBackup` has told of it; undefined: there is no such job. */
  async find(id: string): Promise<CreatedJob | undefined> {
    const place = placeOfJob(this.#store, id)
    if ((await place.readPlan()) === undefined) return undefined
    return createdOf(await openJob(this.#store, id))
  }

  /** Ids of the jobs that are in the place, the running ones and those that have ended. */
  async list(): Promise<string[]> {
    return jobNames(this.#store)
  }

  /**
   * Ends a job: its workers stop within a few seconds, what they had activated is put back, what they had written and nobody has sealed goes.
   * Waits for workers that do not answer until their items have expired. @throws DataOpsError INVALID_INPUT without such a job; INTERRUPTED.
   */
  async cancel(
    connection: Connection,
    id: string,
    {onWarning, signal}: Pick<WorkOptions, 'onWarning' | 'signal'> = {},
  ): Promise<CancelledJob> {
    const job = await openJob(this.#store, id)
    const queue = queueOf(job)
    const {end} = await queue.state()
    if (end === 'done') return {id, left: [], removed: [], wasOpen: false}
    const patient = persistent(connection, {onWarning, signal})
    await checkServer(patient, job.plan)
    if (isRestore(job)) await checkServerOf(connection, this.#store, job)
    await job.place.cancel({at: new Date().toISOString(), by: SELF})
    await queue.reclaim(signal)
    const warn = (warning: Warning): void => onWarning?.(warning)
    if (isRestore(job)) {
      const left = await abandonRestores(connection, this.#store, {job, notes: this.#notes, onWarning: warn})
      return {id, left, removed: [], wasOpen: true}
    }

    for (const {schema} of job.plan.works) await this.#notes.putBack(patient, schema.class, warn, {signal})
    const removed = await abandonBackups(job as OpenJob<BackupJobPlan>, this.#store, {queue, warn})
    return {id, left: [], removed, wasOpen: true}
  }

  async #head(
    connection: Connection,
    {id, options, works}: {id: string; options: CreateJobOptions & OperationOptions; works: JobPlan['works']},
  ) {
    const {leaseMs = LEASE.ms} = options
    const witnesses = await witnessesOf(persistent(connection, options), works)
    return {created: new Date().toISOString(), id, leaseMs, server: connection.describe, witnesses}
  }

  /** Returns how many items it has done. */
  async #takeItems(connection: Connection, job: OpenJob, options: WorkOptions): Promise<number> {
    const {hint, onProgress, onWarning, signal} = options
    const queue = queueOf(job, {hint})
    const runTask = this.#tasks(connection, job, {options, queue})
    const store = this.#store
    let completed = 0
    return work(
      queue,
      async (taken, either) => {
        const before = completed
        return runTask(taken, {
          attempt: taken.attempt,
          check: async () => taken.check(),
          onProgress(event) {
            taken.note({completed: event.completed})
            completed = before + event.completed
            onProgress?.({...event, completed, total: undefined})
          },
          signal: either,
        })
      },
      {
        signal,
        async unused({number}, result) {
          if (isRestore(job)) return
          const left = await dropUnused(job as OpenJob<BackupJobPlan>, store, {number, result})
          if (left) onWarning?.(left)
        },
      },
    )
  }

  #tasks(
    connection: Connection,
    job: OpenJob,
    {options: given, queue}: {options: WorkOptions; queue: JobQueue},
  ): RunTask {
    const {concurrency, maxRate, maxRetries, onWarning, retryMaxWaitMs, signal} = given
    const how = {notes: this.#notes, options: {concurrency, maxRate, maxRetries, onWarning, retryMaxWaitMs, signal}}
    if (isRestore(job)) {
      return restoreTasks(job, queue, async (one) => openRestoreWork(connection, this.#store, one, how))
    }

    return backupTasks(job as OpenJob<BackupJobPlan>, queue, async (one) =>
      openBackupWork(connection, this.#store, one, how).catch((error: unknown) => {
        const isOther = error instanceof DataOpsError && error.details.recreated === true
        throw isOther ? notOfThisServer(error, connection) : error
      }),
    )
  }

  /** @throws DataOpsError INVALID_INPUT for options that jobs do not know, and when there is a job of that id. */
  async #begin(kind: JobKind, options: CreateJobOptions): Promise<{id: string; place: OpenJob['place']}> {
    checkKnownOptions(kind, options)
    const {id = newId(kind)} = options
    const place = placeOfJob(this.#store, id)
    if ((await place.readPlan()) !== undefined) throw jobExists(id, place.describe())
    return {id, place}
  }

  async #waitFor(id: string, {signal, waitMs = 0}: WorkOptions): Promise<OpenJob> {
    const started = performance.now()
    for (;;) {
      try {
        return await openJob(this.#store, id)
      } catch (error) {
        const isAbsent = error instanceof DataOpsError && error.details.absent === true
        if (!isAbsent || performance.now() - started >= waitMs) throw error
      }

      await CLOCK.sleep(1000, signal)
    }
  }
}

function createdOf({place, plan: {id, items, kind, works}}: OpenJob): CreatedJob {
  return {
    collections: works.map(({schema}) => schema.class),
    id,
    items: items.length,
    kind,
    path: place.describe(),
  }
}

function jobExists(id: string, path: string): DataOpsError {
  return new DataOpsError('INVALID_INPUT', `There is a job "${id}" already.`, {
    details: {exists: true, path},
    hint: 'Work on it with `JobManager.work`, or give the new one another name.',
  })
}

function newId(kind: JobKind): string {
  return `${kind}-${new Date().toISOString().slice(0, 19).replaceAll(/\D/g, '')}-${randomHex(2)}`
}

function isRestore(job: OpenJob): job is OpenJob<RestoreJobPlan> {
  return job.plan.kind === 'restore'
}
