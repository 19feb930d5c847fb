/** Restores of one or several backups, one step of all after the other: planRestore → createTarget → prepareTarget → writeObjects → writeReferences → confirm. */
import type {ObjectSource} from '../../flow/source.js'
import type {Transform} from '../../flow/transform/transform.js'
import type {Warning} from '../../model/progress.js'
import type {Connection} from '../../weaviate/connection.js'
import type {FailedRestore, RestoreOptions, RestoreResult, RestoreRunOptions} from './options.js'

import {isOfEncrypted} from '../../archive/encrypted/notes.js'
import {skippedWarning} from '../../archive/incomplete.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {isChosenBy} from '../../flow/transform/tenants.js'
import {DataOpsError, isRefusal, withDetails} from '../../model/errors.js'
import {isPassedOver, type Workplace} from '../options.js'
import {Checkpoint} from './checkpoint.js'
import {checkRestoreOptions, refersToMissing} from './checks.js'
import {confirm} from './confirm.js'
import {EndedTogether} from './ended-together.js'
import {makeJob, type OpenedSource, type RestoreJob, type SourceToRestore} from './job.js'
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
  {connection, notes, store}: Workplace,
  backup: string,
  options: RestoreOptions,
): Promise<RestoreResult> {
  const sources = await sourcesOf(backup, {connection, isOnly: true, options, store})
  if (sources.length > 1) {
    throw new DataOpsError('INVALID_INPUT', `The export ${backup} has ${sources.length} collections.`, {
      details: {collections: sources.map((source) => source.backup)},
      hint: `Name one of them: ${sources[0]?.backup}. Or restore them all with \`restoreCollections\`.`,
    })
  }

  return restoreOnly(connection, sources, options, notes)
}

/** What became of several. */
export interface RestoredBackups {
  collections: RestoreResult[]
  /** With `keepGoing`: those left out; absent when there are none. */
  failed?: FailedRestore[]
}

/** `RestoreManager.restoreCollections`, from a store that is open. */
export async function restoreBackups(
  {connection, notes, store}: Workplace,
  backups: readonly string[],
  options: RestoreRunOptions,
): Promise<RestoredBackups> {
  const sources: SourceToRestore[] = []
  for (const backup of backups) {
    sources.push(...(await sourcesOf(backup, {connection, isOnly: backups.length === 1, options, store})))
  }

  return restoreSources(connection, sources, options, notes)
}

/** As `restoreBackups`, from sources of any kind. */
export async function restoreSources(...given: GivenSources): Promise<RestoredBackups> {
  return withJobs(given, async (run, ones) => run.restore(ones))
}

/** Makes the targets ready, and has `body` do what is to be done with them, while they are held. What fails leaves them as a restore does. */
export async function prepareSources<T>(given: GivenSources, body: (targets: Target[]) => Promise<T>): Promise<T> {
  return withJobs(given, async (run, ones) => run.withTargets(ones, body))
}

type GivenSources = [
  connection: Connection,
  sources: readonly SourceToRestore[],
  options: RestoreRunOptions,
  notes: TenantNotes,
]

async function withJobs<T>(
  [connection, sources, given, notes]: GivenSources,
  body: (run: RestoreRun, ones: readonly OneRestore[]) => Promise<T>,
): Promise<T> {
  checkRestoreOptions(given)
  const options = withTenantsAsTransform(given)
  const run = new RestoreRun(options)
  const overrides = new SharedOverrides(options, sources.length)
  const ones: OneRestore[] = []
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
    const job = makeJob(connection, source, own.options, {active: ones[0]?.job.active, notes, together})
    if (own.warning) job.warn(own.warning)
    ones.push({backup, job, seconds: secondsSince(started)})
  }

  overrides.check(ones.length)
  checkTargets(ones.map(({job}) => job.name))
  try {
    return await body(
      run,
      orderByReferences(ones, ({job}) => job.archive.head.schema),
    )
  } finally {
    // Whatever became of them: others may restore into the targets.
    for (const {job} of ones) await job.leases.release()
  }
}

/** The same, of one source. With `keepGoing`, too, its failure is thrown: there are no others to go on with. */
export async function restoreOnly(...[connection, sources, options, notes]: GivenSources): Promise<RestoreResult> {
  const {collections} = await restoreSources(connection, sources, {...options, keepGoing: false}, notes)
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

/** One of several restores, as far as it is. */
interface OneRestore {
  /** As it was given. */
  readonly backup: string
  /** Made, and not confirmed yet. */
  created?: CreatedTarget
  readonly job: RestoreJob
  /** What a failure must leave in order. */
  open?: Target
  /** Time that was spent on it. */
  seconds: number
}

/** Each of several restores with what it has come to in one step: that of the next one. */
type Step<Ticket> = ReadonlyArray<[one: OneRestore, ticket: Ticket]>

/** Several restores that go on together. */
class RestoreRun {
  #all: readonly OneRestore[] = []
  readonly #failed: FailedRestore[] = []
  readonly #finished: RestoreResult[] = []

  constructor(private readonly options: RestoreRunOptions) {}

  /** In this order, all of a step before any of the next one. */
  async restore(ones: readonly OneRestore[]): Promise<RestoredBackups> {
    const {dryRun, retryRejected: rejectedFile} = this.options
    const plans = await this.#plan(ones)
    if (dryRun) for (const [one, plan] of plans) await this.#finish(one, async () => foretell(plan))
    else {
      const targets = await this.#prepare(plans)
      if (rejectedFile === undefined) await this.#write(targets)
      else for (const [one, target] of targets) await this.#retry(one, target, rejectedFile)
    }

    return {collections: this.#finished, ...(this.#failed.length > 0 && {failed: this.#failed})}
  }

  async withTargets<T>(ones: readonly OneRestore[], body: (targets: Target[]) => Promise<T>): Promise<T> {
    const targets = await this.#prepare(await this.#plan(ones))
    try {
      return await body(targets.map(([, target]) => target))
    } catch (error) {
      await this.#leave(error, this.#all)
      throw error
    }
  }

  /** All are checked before any is created. */
  async #plan(ones: readonly OneRestore[]): Promise<Step<RestorePlan>> {
    this.#all = ones
    const companions = new Set(ones.map(({job}) => job.target))
    return this.#each(
      ones.map((one) => [one, one.job]),
      async (job) => planRestore(job, companions),
    )
  }

  /** All are created before any has objects: references may go in circles. */
  async #prepare(plans: Step<RestorePlan>): Promise<Step<Target>> {
    const created = await this.#each(this.#possible(plans), async (plan, one) => {
      one.created = await createTarget(plan)
      return one.created
    })
    return this.#each(created, async (target, one) => {
      one.open = await prepareTarget(target)
      return one.open
    })
  }

  async #write(targets: Step<Target>): Promise<void> {
    const withObjects = await this.#each(targets, writeObjects)
    // References come last of all: a collection with tenants takes only those whose target is there.
    const written = await this.#each(withObjects, writeReferences)
    const plain: Checkpoint[] = []
    const encrypted: Checkpoint[] = []
    for (const [one, ticket] of written) {
      await this.#finish(one, async () => {
        one.open = undefined
        const result = await confirm(ticket)
        const those = isOfEncrypted(one.job.home) ? encrypted : plain
        those.push(ticket.target.restore.checkpoint)
        return result
      })
    }

    // Not one by one: when a later one fails, the next run must know the earlier ones for its own. The last one tells of the others: what is
    // encrypted does not come to stand in what is not.
    await Checkpoint.removeAll([...plain, ...encrypted])
  }

  async #retry(one: OneRestore, target: Target, file: string): Promise<void> {
    await this.#finish(one, async () => {
      const result = await retryRejected(target, file)
      one.open = undefined
      await endRetry(target)
      return result
    })
  }

  /** One step of each. */
  async #each<From, To>(
    items: Step<From>,
    step: (ticket: From, one: OneRestore) => Promise<To>,
  ): Promise<Array<[OneRestore, To]>> {
    const done: Array<[OneRestore, To]> = []
    for (const [one, ticket] of items) {
      const result = await this.#attemptOf(one, async () => step(ticket, one))
      if (result !== undefined) done.push([one, result])
    }

    return done
  }

  async #finish(one: OneRestore, step: () => Promise<RestoreResult>): Promise<void> {
    const result = await this.#attemptOf(one, step)
    if (!result) return
    one.created = undefined
    const restored = {...result, seconds: one.seconds}
    this.#finished.push(restored)
    await this.#timed(one, async () => this.options.onConfirmed?.(restored))
  }

  /** Plans whose targets can still come into being: those of a backup that was left out cannot. */
  #possible(plans: Step<RestorePlan>): Step<RestorePlan> {
    for (let left = plans; ;) {
      const there = new Set(left.map(([{job}]) => job.target))
      const possible = left.filter(([, {needs}]) => needs.every((target) => there.has(target)))
      if (possible.length === left.length) return left
      for (const [{backup, job}, {needs}] of left) {
        const missing = needs.filter((target) => !there.has(target))
        if (missing.length === 0) continue
        this.#failed.push({backup, collection: job.target, error: refersToMissing(job.target, missing)})
      }

      left = possible
    }
  }

  /** Undefined when it failed and the others go on. */
  async attempt<T>(one: Pick<FailedRestore, 'backup' | 'collection'>, step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step()
    } catch (error) {
      if (!isPassedOver(error, this.options)) throw error
      this.#failed.push({...one, error})
      return undefined
    }
  }

  async #attemptOf<T>(one: OneRestore, step: () => Promise<T>): Promise<T | undefined> {
    return this.attempt({backup: one.backup, collection: one.job.target}, async () => this.#timed(one, step))
  }

  async #timed<T>(one: OneRestore, step: () => Promise<T>): Promise<T> {
    const started = performance.now()
    try {
      return await step()
    } catch (error) {
      await this.#leave(error, isPassedOver(error, this.options) ? [one] : this.#all)
      throw withDetails(error, {collection: one.job.target, finished: this.#finished})
    } finally {
      one.seconds += secondsSince(started)
    }
  }

  /** Leaves those restores in order that do not go on. */
  async #leave(error: unknown, those: readonly OneRestore[]): Promise<void> {
    for (const one of those) {
      if (!one.open) continue
      await leave(one.open)
      one.open = undefined
    }

    if (!isRefusal(error)) return
    for (const {created} of those) if (created) await discard(created)
  }
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000
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
