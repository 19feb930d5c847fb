/** Restores of one or several backups, one step of all after the other: planRestore → createTarget → prepareTarget → writeObjects → writeReferences → confirm. */
import type {ObjectSource} from '../../flow/source.js'
import type {Transform} from '../../flow/transform/transform.js'
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {FailedRestore, RestoreOptions, RestoreResult, RestoreRunOptions} from './options.js'

import {isOfEncrypted} from '../../archive/encrypted/notes.js'
import {skippedWarning} from '../../archive/incomplete.js'
import {TenantNotes} from '../../flow/tenants/note.js'
import {isChosenBy} from '../../flow/transform/tenants.js'
import {DataOpsError, withDetails} from '../../model/errors.js'
import {Checkpoint} from './checkpoint.js'
import {checkRestoreOptions, refersToMissing} from './checks.js'
import {confirm} from './confirm.js'
import {EndedTogether} from './ended-together.js'
import {makeJob, type OpenedSource, type RestoreJob, schemaOf, type SourceToRestore} from './job.js'
import {orderByReferences} from './order.js'
import {foretell, planRestore, type RestorePlan} from './plan.js'
import {endRetry, retryRejected} from './retry-rejected.js'
import {SharedOverrides} from './shared-overrides.js'
import {sourcesOf} from './sources.js'
import {type CreatedTarget, createTarget, discard, leave, prepareTarget, type Target} from './target.js'
import {transformsOf, transformSource, withTenantsAsTransform} from './transformed.js'
import {writeObjects, writeReferences} from './write.js'

/** `RestoreManager.restoreCollection`, from a store that is open. */
export async function restoreBackup(
  connection: Connection,
  store: Store,
  backup: string,
  options: RestoreOptions,
  notes?: TenantNotes,
): Promise<RestoreResult> {
  const sources = await sourcesOf(backup, {connection, options, store}, {isOnly: true})
  if (sources.length > 1) {
    throw new DataOpsError('INVALID_INPUT', `The export ${backup} has ${sources.length} collections.`, {
      details: {collections: sources.map((source) => source.backup)},
      hint: `Name one of them: ${sources[0]?.backup}. Or restore them all with \`restoreCollections\`.`,
    })
  }

  return restoreOnly(connection, sources, options, notes ?? new TenantNotes([store]))
}

/** What became of several. */
export interface RestoredBackups {
  collections: RestoreResult[]
  /** With `keepGoing`: those left out; absent when there are none. */
  failed?: FailedRestore[]
}

/** `RestoreManager.restoreCollections`, from a store that is open. */
export async function restoreBackups(
  connection: Connection,
  store: Store,
  backups: readonly string[],
  options: RestoreRunOptions,
  notes = new TenantNotes([store]),
): Promise<RestoredBackups> {
  const sources: SourceToRestore[] = []
  for (const backup of backups) {
    sources.push(...(await sourcesOf(backup, {connection, options, store}, {isOnly: backups.length === 1})))
  }

  return restoreSources(connection, sources, options, notes)
}

/** As `restoreBackups`, from sources of any kind. */
export async function restoreSources(...given: GivenSources): Promise<RestoredBackups> {
  return withJobs(given, async (run, jobs) => run.restore(jobs))
}

/** Makes the targets ready, and has `body` do what is to be done with them, while they are held. What fails leaves them as a restore does. */
export async function prepareSources<T>(given: GivenSources, body: (targets: Target[]) => Promise<T>): Promise<T> {
  return withJobs(given, async (run, jobs) => run.withTargets(jobs, body))
}

type GivenSources = [
  connection: Connection,
  sources: readonly SourceToRestore[],
  options: RestoreRunOptions,
  notes: TenantNotes,
]

async function withJobs<T>(
  [connection, sources, given, notes]: GivenSources,
  body: (run: RestoreRun, jobs: readonly RestoreJob[]) => Promise<T>,
): Promise<T> {
  checkRestoreOptions(given)
  const options = withTenantsAsTransform(given)
  const run = new RestoreRun(options)
  const overrides = new SharedOverrides(options, sources.length)
  const jobs: RestoreJob[] = []
  const together = new EndedTogether()
  for (const {backup, open} of sources) {
    const started = performance.now()
    const opened = await run.attempt({backup}, async () => {
      const source = await open()
      const own = overrides.of(source.source.head.schema)
      return {own, source: await transformed(source, own.options)}
    })
    if (!opened) continue
    const {own, source} = opened
    const job = makeJob(connection, source, own.options, {active: jobs[0]?.active, notes, together})
    if (own.warning) job.warn(own.warning)
    run.named(job, backup)
    run.spent(job, started)
    jobs.push(job)
  }

  overrides.check(jobs.length)
  checkTargets(jobs.map(({name}) => name))
  const ordered = orderByReferences(jobs.map((job) => ({job, schema: schemaOf(job)}))).map(({job}) => job)
  try {
    return await body(run, ordered)
  } finally {
    // Whatever became of them: others may restore into the targets.
    for (const {leases} of jobs) await leases.release()
  }
}

/** The same, of one source. */
export async function restoreOnly(...given: GivenSources): Promise<RestoreResult> {
  const {collections} = await restoreSources(...given)
  const [restored] = collections
  if (!restored) throw new DataOpsError('UNEXPECTED', 'The restore has ended without a result.')
  return restored
}

async function transformed({source, ...rest}: OpenedSource, options: RestoreRunOptions): Promise<OpenedSource> {
  const transforms = transformsOf(options)
  // What is looked through is what was sealed.
  if (transforms.length > 0 && !options.acceptChanged) await source.assertWhole(options)
  // What is made of it does not show what it lacks.
  const lacking = transforms.length > 0 ? notChosen(source, transforms) : undefined
  const changed = await transformSource(source, transforms, options)
  const warnings = [...(rest.warnings ?? []), ...(lacking ? [lacking] : []), ...(changed.warnings ?? [])]
  return {...rest, source: changed, warnings}
}

/** Of tenants that the backup lacks, those that would be restored. */
function notChosen({path, seal}: ObjectSource, [first]: readonly Transform[]): undefined | Warning {
  const isWanted = first ? isChosenBy(first) : () => true
  const skipped = seal?.tenants?.filter((tenant) => tenant.skipped !== undefined && isWanted(tenant.name))
  return skippedWarning(path, skipped && {tenants: skipped})
}

/** Several restores that go on together. */
class RestoreRun {
  /** Made, and not written to yet. */
  readonly #created = new Map<RestoreJob, CreatedTarget>()
  /** As each was given. */
  readonly #backups = new Map<RestoreJob, string>()
  readonly #failed: FailedRestore[] = []
  readonly #finished: RestoreResult[] = []
  /** Those that a failure must leave in order. */
  readonly #open = new Set<Target>()
  readonly #options: RestoreRunOptions
  readonly #seconds = new Map<RestoreJob, number>()

  constructor(options: RestoreRunOptions) {
    this.#options = options
  }

  /** In this order, all of a step before any of the next one. */
  async restore(jobs: readonly RestoreJob[]): Promise<RestoredBackups> {
    const {dryRun, retryRejected: rejectedFile} = this.#options
    const plans = await this.#plan(jobs)
    if (dryRun) {
      for (const plan of plans) await this.#finish(plan.job, async () => foretell(plan))
      return this.#outcome()
    }

    const targets = await this.#prepare(plans)
    if (rejectedFile === undefined) await this.#write(targets)
    else for (const target of targets) await this.#retry(target, rejectedFile)
    return this.#outcome()
  }

  async withTargets<T>(jobs: readonly RestoreJob[], body: (targets: Target[]) => Promise<T>): Promise<T> {
    const targets = await this.#prepare(await this.#plan(jobs))
    try {
      return await body(targets)
    } catch (error) {
      await this.#leave(error, () => true)
      throw error
    }
  }

  /** All are checked before any is created. */
  async #plan(jobs: readonly RestoreJob[]): Promise<RestorePlan[]> {
    const companions = new Set(jobs.map(({target}) => target))
    return this.#each(
      jobs,
      (job) => job,
      async (job) => planRestore(job, companions),
    )
  }

  /** All are created before any has objects: references may go in circles. */
  async #prepare(plans: readonly RestorePlan[]): Promise<Target[]> {
    const created = await this.#each(this.#possible(plans), jobOf, async (plan) => this.#made(await createTarget(plan)))
    return this.#each(
      created,
      ({restore}) => restore.job,
      async (one) => this.#opened(await prepareTarget(one)),
    )
  }

  named(job: RestoreJob, backup: string): void {
    this.#backups.set(job, backup)
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
    const plain: Checkpoint[] = []
    const encrypted: Checkpoint[] = []
    for (const one of written) {
      const {checkpoint, job} = one.target.restore
      await this.#finish(job, async () => {
        this.#open.delete(one.target)
        const result = await confirm(one)
        const those = isOfEncrypted(job.home) ? encrypted : plain
        those.push(checkpoint)
        return result
      })
    }

    // Not one by one: when a later one fails, the next run must know the earlier ones for its own. The last one tells of the others: what is
    // encrypted does not come to stand in what is not.
    await Checkpoint.removeAll([...plain, ...encrypted])
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
    this.#created.set(created.restore.job, created)
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
    for (const item of items) {
      const result = await this.#attemptOf(job(item), async () => step(item))
      if (result !== undefined) done.push(result)
    }

    return done
  }

  async #finish(job: RestoreJob, step: () => Promise<RestoreResult>): Promise<void> {
    const result = await this.#attemptOf(job, step)
    if (!result) return
    this.#created.delete(job)
    const restored = {...result, seconds: this.#seconds.get(job) ?? 0}
    this.#finished.push(restored)
    await this.#timed(job, async () => this.#options.onConfirmed?.(restored))
  }

  /** Plans whose targets can still come into being: those of a backup that was left out cannot. */
  #possible(plans: readonly RestorePlan[]): RestorePlan[] {
    let left = [...plans]
    for (;;) {
      const there = new Set(left.map(({job}) => job.target))
      const stuck = left.filter(({needs}) => needs.some((target) => !there.has(target)))
      if (stuck.length === 0) return left
      for (const {job, needs} of stuck) {
        const error = refersToMissing(
          job.target,
          needs.filter((target) => !there.has(target)),
        )
        this.#failed.push({backup: this.#backups.get(job) ?? '', collection: job.target, error})
      }

      left = left.filter((plan) => !stuck.includes(plan))
    }
  }

  #outcome(): RestoredBackups {
    return {collections: this.#finished, ...(this.#failed.length > 0 && {failed: this.#failed})}
  }

  /** Undefined when it failed and the others go on. */
  async attempt<T>(one: Pick<FailedRestore, 'backup' | 'collection'>, step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step()
    } catch (error) {
      const isOver = !this.#options.keepGoing || !(error instanceof DataOpsError) || error.code === 'INTERRUPTED'
      if (isOver) throw error
      this.#failed.push({...one, error})
      return undefined
    }
  }

  async #attemptOf<T>(job: RestoreJob, step: () => Promise<T>): Promise<T | undefined> {
    return this.attempt({backup: this.#backups.get(job) ?? '', collection: job.target}, async () =>
      this.#timed(job, step),
    )
  }

  async #timed<T>(job: RestoreJob, step: () => Promise<T>): Promise<T> {
    const started = performance.now()
    try {
      return await step()
    } catch (error) {
      const isOver = !this.#options.keepGoing || !(error instanceof DataOpsError) || error.code === 'INTERRUPTED'
      await this.#leave(error, (other) => isOver || other === job)
      throw withDetails(error, {collection: job.target, finished: this.#finished})
    } finally {
      this.spent(job, started)
    }
  }

  /** Leaves those restores in order that do not go on. */
  async #leave(error: unknown, isLeft: (job: RestoreJob) => boolean): Promise<void> {
    for (const target of this.#open) {
      if (!isLeft(target.restore.job)) continue
      await leave(target)
      this.#open.delete(target)
    }

    if (!isRefusal(error)) return
    for (const [job, created] of this.#created) if (isLeft(job)) await discard(created)
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
