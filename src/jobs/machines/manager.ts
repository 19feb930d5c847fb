import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {CancelledJob, CreateBackupJobOptions, CreatedJob, JobState, WorkOptions, WorkResult} from './options.js'

import {type TenantNotes} from '../../flow/tenants/note.js'
import {DataOpsError} from '../../model/errors.js'
import {type Warning} from '../../model/progress.js'
import {randomHex} from '../../platform/node.js'
import {CLOCK} from '../../store/clock.js'
import {LEASE} from '../../store/lease.js'
import {SELF} from '../../store/process.js'
import {type Taken, type WorkQueue} from '../../work/queue.js'
import {work} from '../../work/worker.js'
import {type BackupItemResult, type BackupWorker, openBackupWork} from '../backup/items.js'
import {type ManagerOptions, storeOf, tenantNotes} from '../options.js'
import {wantedCollections} from '../wanted-collections.js'
import {dropBackup, planBackups, readBackupItem, sealBackup} from './backup.js'
import {
  jobNames,
  type JobPlan,
  type JobResult,
  type JobTask,
  openJob,
  type OpenJob,
  placeOfJob,
  queueOf,
} from './plan.js'
import {stateOf} from './show.js'

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
    const id = options.id ?? `backup-${new Date().toISOString().slice(0, 19).replaceAll(/\D/g, '')}-${randomHex(2)}`
    await this.#mustBeNew(id)
    const wanted = [...new Set(await wantedCollections(connection, names, options.exclude))]
    if (wanted.length === 0) throw new DataOpsError('COLLECTION_MISSING', 'There is no collection to back up.')
    const {items, works} = await planBackups(connection, this.#store, wanted, options)
    const plan: JobPlan = {
      created: new Date().toISOString(),
      id,
      items,
      kind: 'backup',
      leaseMs: options.leaseMs ?? LEASE.ms,
      server: connection.describe,
      version: 1,
      works,
    }
    const place = placeOfJob(this.#store, id)
    if (!(await place.writePlan(plan))) {
      for (const one of works) await dropBackup(this.#store, one)
      throw jobExists(id, place.describe())
    }

    return createdOf({place, plan})
  }

  /**
   * Takes items of a job until none is left for it: it has ended, was cancelled, or cannot go on without what was put aside.
   * @throws DataOpsError INVALID_INPUT without such a job; INTERRUPTED, CANNOT_CONNECT, NOT_ALLOWED, STORAGE: what ends this worker, not the job.
   */
  async work(connection: Connection, id: string, options: WorkOptions = {}): Promise<WorkResult> {
    const started = performance.now()
    const job = await this.#waitFor(id, options)
    const warnings: Warning[] = []
    const onWarning = (warning: Warning): void => {
      warnings.push(warning)
      options.onWarning?.(warning)
    }

    const worker = new JobWorker(connection, job, {
      notes: this.#notes,
      options: {...options, onWarning},
      store: this.#store,
    })
    const done = await worker.run()
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
    if (end === 'done') return {id, removed: [], wasOpen: false}
    await job.place.cancel({at: new Date().toISOString(), by: SELF})
    await queue.reclaim(signal)
    const removed: string[] = []
    for (const one of job.plan.works) {
      await this.#notes.putBack(connection, one.schema.class, (warning) => onWarning?.(warning))
      const dropped = await dropBackup(this.#store, one)
      if (dropped !== undefined) removed.push(dropped)
    }

    return {id, removed, wasOpen: true}
  }

  async #mustBeNew(id: string): Promise<void> {
    const place = placeOfJob(this.#store, id)
    if ((await place.readPlan()) !== undefined) throw jobExists(id, place.describe())
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
    hint: 'Work on it with `job work`, or give the new one another name.',
  })
}

interface JobWorkerOptions {
  notes: TenantNotes
  options: WorkOptions
  store: Store
}

/** One worker, with what it has opened of the collections so far. */
class JobWorker {
  #completed = 0
  readonly #opened = new Map<number, Promise<BackupWorker>>()

  constructor(
    private readonly connection: Connection,
    private readonly job: OpenJob,
    private readonly options: JobWorkerOptions,
  ) {}

  /** Items that it has done. */
  async run(): Promise<number> {
    const {job} = this
    const {hint, signal} = this.options.options
    const queue = queueOf(job, {hint})
    return work(
      queue,
      async (taken, either) => {
        const group = this.#groupOf(taken.number)
        const worker = await this.#open(group)
        if (taken.payload.do === 'read') return this.#read(worker, taken, either)
        return sealBackup(worker, await this.#readOf(queue, group), taken)
      },
      {signal},
    )
  }

  /** What the items of a collection came to. @throws DataOpsError STORAGE unless that is there of all of them: it would not be missed. */
  async #readOf(queue: WorkQueue<JobTask, JobResult>, group: number): Promise<BackupItemResult[]> {
    const {place, plan} = this.job
    const wanted = new Set(
      plan.items.flatMap((item, number) => (item.group === group && item.payload.do === 'read' ? [number] : [])),
    )
    const results: BackupItemResult[] = []
    for await (const {number, result} of queue.results((each) => wanted.has(each))) {
      if (!('read' in result)) continue
      results.push(result.read)
      wanted.delete(number)
    }

    const [lost] = wanted
    if (lost === undefined) return results
    throw new DataOpsError('STORAGE', `What item ${lost} of ${place.describe()} came to is not there any more.`, {
      details: {item: lost, path: place.describe()},
      hint: 'Somebody has changed the job: cancel it, and create it anew.',
    })
  }

  async #read(worker: BackupWorker, taken: Taken<JobTask, JobResult>, signal: AbortSignal): Promise<JobResult> {
    const before = this.#completed
    return readBackupItem(worker, taken, {
      onObjects: (objects) => {
        this.#completed = before + objects
        this.options.options.onProgress?.({
          collection: worker.work.schema.class,
          completed: this.#completed,
          stage: 'backup',
        })
      },
      signal,
    })
  }

  #groupOf(number: number): number {
    return this.job.plan.items[number]?.group ?? 0
  }

  async #open(group: number): Promise<BackupWorker> {
    const known = this.#opened.get(group)
    if (known) return known
    const {notes, options, store} = this.options
    const planned = this.job.plan.works[group]
    if (!planned) throw new RangeError(`There is no collection ${group}.`)
    const {concurrency, maxRate, maxRetries, onWarning, retryMaxWaitMs, signal} = options
    const opened = openBackupWork(this.connection, store, planned, {
      notes,
      options: {concurrency, maxRate, maxRetries, onWarning, retryMaxWaitMs, signal},
    })
    this.#opened.set(group, opened)
    opened.catch(() => this.#opened.delete(group))
    return opened
  }
}
