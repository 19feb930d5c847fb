/** Restores of one or several backups, one step of all after the other: planRestore → createTarget → prepareTarget → writeObjects → writeReferences → confirm. */
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {RestoreOptions, RestoreResult, RestoreRunOptions} from './options.js'

import {openArchive} from '../../catalog/locate.js'
import {DataOpsError, withDetails} from '../../model/errors.js'
import {checkRestoreOptions} from './checks.js'
import {confirm} from './confirm.js'
import {makeJob, type RestoreJob, schemaOf} from './job.js'
import {orderByReferences} from './order.js'
import {foretell, planRestore, type RestorePlan} from './plan.js'
import {endRetry, retryRejected} from './retry-rejected.js'
import {type CreatedTarget, createTarget, discard, leave, prepareTarget, type Target} from './target.js'
import {writeObjects, writeReferences} from './write.js'

/** `RestoreManager.restoreCollection`, from a store that is open. */
export async function restoreBackup(
  connection: Connection,
  store: Store,
  backup: string,
  options: RestoreOptions,
): Promise<RestoreResult> {
  const [restored] = await restoreBackups(connection, store, [backup], options)
  if (!restored) throw new DataOpsError('UNEXPECTED', 'The restore has ended without a result.')
  return restored
}

/** `RestoreManager.restoreCollections`, from a store that is open. */
export async function restoreBackups(
  connection: Connection,
  store: Store,
  backups: readonly string[],
  options: RestoreRunOptions,
): Promise<RestoreResult[]> {
  checkRestoreOptions(options)
  const run = new RestoreRun(options)
  const jobs: RestoreJob[] = []
  for (const backup of backups) {
    const started = performance.now()
    const opened = await openArchive(backup, store, {acceptUnsealed: options.acceptChanged})
    const job = makeJob(connection, opened, options, jobs[0]?.active)
    run.spent(job, started)
    jobs.push(job)
  }

  checkTargets(jobs.map(({name}) => name))
  const ordered = orderByReferences(jobs.map((job) => ({job, schema: schemaOf(job)}))).map(({job}) => job)
  try {
    return await run.restore(ordered)
  } finally {
    // Whatever became of them: others may restore into the targets.
    for (const {leases} of jobs) await leases.release()
  }
}

/** Several restores that go on together. */
class RestoreRun {
  /** Made, and not written to yet. */
  readonly #created: CreatedTarget[] = []
  readonly #finished: RestoreResult[] = []
  /** Those that a failure must leave in order. */
  readonly #open = new Set<Target>()
  readonly #options: RestoreRunOptions
  readonly #seconds = new Map<RestoreJob, number>()

  constructor(options: RestoreRunOptions) {
    this.#options = options
  }

  /** In this order, all of a step before any of the next one. */
  async restore(jobs: readonly RestoreJob[]): Promise<RestoreResult[]> {
    const {dryRun, retryRejected: rejectedFile} = this.#options
    const companions = new Set(jobs.map(({target}) => target))
    // All are checked before any is created, and all are created before any has objects: references may go in circles.
    const plans = await this.#each(
      jobs,
      (job) => job,
      async (job) => planRestore(job, companions),
    )
    if (dryRun) {
      for (const plan of plans) await this.#finish(plan.job, async () => foretell(plan))
      return this.#finished
    }

    const created = await this.#each(plans, jobOf, async (plan) => this.#made(await createTarget(plan)))
    const targets = await this.#each(
      created,
      ({restore}) => restore.job,
      async (one) => this.#opened(await prepareTarget(one)),
    )
    this.#created.length = 0
    if (rejectedFile === undefined) await this.#write(targets)
    else for (const target of targets) await this.#retry(target, rejectedFile)
    return this.#finished
  }

  /** Time that was spent on a restore since `started`. */
  spent(job: RestoreJob, started: number): void {
    this.#seconds.set(job, (this.#seconds.get(job) ?? 0) + (performance.now() - started) / 1000)
  }

  async #write(targets: readonly Target[]): Promise<void> {
    const jobOfTarget = ({target}: {target: Target}): RestoreJob => target.restore.job
    const withObjects = await this.#each(targets, (target) => target.restore.job, writeObjects)
    // References come last of all: a collection with tenants takes only those whose target is there.
    const written = await this.#each(withObjects, jobOfTarget, writeReferences)
    for (const one of written) {
      await this.#finish(jobOfTarget(one), async () => {
        this.#open.delete(one.target)
        return confirm(one)
      })
    }

    // Not one by one: when a later one fails, the next run must know the earlier ones for its own.
    for (const {target} of written) await target.restore.checkpoint.remove()
  }

  async #retry(target: Target, file: string): Promise<void> {
    await this.#finish(target.restore.job, async () => {
      const result = await retryRejected(target, file)
      this.#open.delete(target)
      await endRetry(target)
      return result
    })
  }

  #made(created: CreatedTarget): CreatedTarget {
    this.#created.push(created)
    return created
  }

  #opened(target: Target): Target {
    this.#open.add(target)
    return target
  }

  /** One step of each. */
  async #each<From, To>(
    items: readonly From[],
    job: (item: From) => RestoreJob,
    step: (item: From) => Promise<To>,
  ): Promise<To[]> {
    const done: To[] = []
    for (const item of items) done.push(await this.#timed(job(item), async () => step(item)))
    return done
  }

  async #finish(job: RestoreJob, step: () => Promise<RestoreResult>): Promise<void> {
    const result = await this.#timed(job, step)
    const restored = {...result, seconds: this.#seconds.get(job) ?? 0}
    this.#finished.push(restored)
    await this.#timed(job, async () => this.#options.onConfirmed?.(restored))
  }

  async #timed<T>(job: RestoreJob, step: () => Promise<T>): Promise<T> {
    const started = performance.now()
    try {
      return await step()
    } catch (error) {
      for (const target of this.#open) await leave(target)
      this.#open.clear()
      if (isRefusal(error)) for (const created of this.#created) await discard(created)
      throw withDetails(error, {collection: job.target, finished: this.#finished})
    } finally {
      this.spent(job, started)
    }
  }
}

/** Nothing that the same command would get over by itself. */
function isRefusal(error: unknown): boolean {
  return error instanceof DataOpsError && !error.retryable && error.code !== 'INTERRUPTED'
}

function jobOf({job}: RestorePlan): RestoreJob {
  return job
}

/** @throws DataOpsError INVALID_INPUT when two backups would go into one collection. */
function checkTargets(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return
  throw new DataOpsError('INVALID_INPUT', `Two of the backups would be restored into "${twice}".`, {
    details: {collection: twice},
    hint: 'Restore them one after another, or one of them under another name.',
  })
}
