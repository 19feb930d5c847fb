import type {SealedArchive} from '../../archive/writer.js'
import type {BackupFormat} from '../../codec/codec.js'
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {BackupOptions, BackupResult} from './options.js'

import {ContentDigest} from '../../archive/content-digest.js'
import {partCodec} from '../../archive/formats.js'
import {checkHead} from '../../archive/limits.js'
import {readManifest, type SealedManifest} from '../../archive/manifest.js'
import {backupName, partialName} from '../../archive/names.js'
import {openArchiveWriter} from '../../archive/open-writer.js'
import {BackupCatalog, entryOf} from '../../catalog/catalog.js'
import {toHex, utf8} from '../../codec/bytes.js'
import {type BackupHead, type BackupMetadata, FORMAT_VERSION, type SealedTenant} from '../../codec/document.js'
import {slicesOfTenants} from '../../flow/parallel-reader.js'
import {persistent} from '../../flow/persistent.js'
import {countInTenants} from '../../flow/tenants/count.js'
import {TenantNotes} from '../../flow/tenants/note.js'
import {Throttle} from '../../flow/throttle.js'
import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant} from '../../model/schema.js'
import {type TenantStatus, type WeaviateTenant} from '../../model/tenant.js'
import {WHOLE_RANGE} from '../../model/uuid-range.js'
import {TOOL_VERSION} from '../../model/version.js'
import {nodePlatform, randomUUID} from '../../platform/node.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {replicasNotCompared, replicationFactor} from '../../weaviate/replicas.js'
import {resolveCollection, type ResolvedCollection} from '../../weaviate/resolve.js'
import {SameServer} from '../../weaviate/same-server.js'
import {batchSizeFor, DEFAULT_CONCURRENCY} from '../options.js'
import {type Completeness, CompletenessCheck, COUNTED_TENANTS} from './completeness.js'
import {indexUnfinished, Sample, unfitness} from './continuing.js'
import {promisedGuarantee, sealedGuarantee} from './guarantee.js'
import {type BackupJournal, type JournalBinding, removeJournal, sameBinding, writeJournal} from './journal.js'
import {ObjectIndex} from './object-index.js'
import {checkOptions, planRemaining, planTenants, scopeOf, type TenantPlan, type TenantScope} from './plan.js'
import {checkSameCollection} from './same-collection.js'
import {settle, type SettleOptions, type SettleResult} from './settle.js'
import {activationGroup, type BackupTransferOptions, transferToArchive} from './transfer.js'
import {
  type ClaimedBackup,
  claimName,
  claimToContinue,
  endLeftovers,
  findUnfinished,
  type UnfinishedBackup,
} from './unfinished.js'

/** Milliseconds. */
const RESUME_WITHIN_MS = 15 * 60_000

type Work = Pick<BackupTransferOptions, 'activation' | 'slices'>

/** `BackupManager.backupCollection`, in a store that is open. */
export async function backUpCollection(
  direct: Connection,
  store: Store,
  name: string,
  options: BackupOptions,
  notes = new TenantNotes([store]),
): Promise<BackupResult> {
  checkOptions(options)
  const started = performance.now()
  const connection = persistent(direct, options)
  const result = await runAnewOnNewMembers(options, async () =>
    new Backup(connection, store, await resolveCollection(connection, name), options, notes).run(),
  )
  return {...result, seconds: (performance.now() - started) / 1000}
}

/** Times that a backup which settles is begun anew, since properties came into being while it ran. */
const MAX_ANEW = 3

async function runAnewOnNewMembers<T>({onWarning}: BackupOptions, run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof DataOpsError) || !error.details.newMembers || attempt > MAX_ANEW) throw error
      onWarning?.({code: 'schema-changed', details: error.details, message: `${error.message} It is begun anew.`})
    }
  }
}

/** One backup while it runs. */
class Backup {
  readonly #connection: Connection
  readonly #store: Store
  readonly #collection: ResolvedCollection
  readonly #options: BackupOptions
  readonly #notes: TenantNotes
  readonly #plan: CollectionPlan
  readonly #format: BackupFormat
  readonly #sameServer: SameServer
  readonly #warnings: Warning[] = []

  constructor(
    connection: Connection,
    store: Store,
    collection: ResolvedCollection,
    options: BackupOptions,
    notes: TenantNotes,
  ) {
    this.#connection = connection
    this.#notes = notes
    this.#store = store
    this.#collection = collection
    this.#options = options
    this.#plan = planCollection(collection.schema)
    this.#format = options.format ?? 'json'
    this.#sameServer = new SameServer(connection, collection.schema, options)
  }

  async run(): Promise<Omit<BackupResult, 'seconds'>> {
    const {schema} = this.#collection
    const binding = this.#binding()
    if (this.#options.resume === true && this.#options.settle) {
      throw new DataOpsError(
        'INVALID_INPUT',
        'A backup that settles cannot be resumed: what it had read is not remembered.',
        {
          hint: 'Run it anew, without `resume`.',
        },
      )
    }

    const finished = this.#options.dryRun ? undefined : await this.#endLeftovers(binding)
    if (isMultiTenant(schema) && !this.#options.dryRun) {
      await this.#notes.putBack(this.#connection, schema.class, ({code, details, message}) => {
        this.#warn(code, message, details)
      })
    }

    const tenants = isMultiTenant(schema) ? await this.#connection.listTenants(schema.class) : undefined
    if (!tenants && this.#options.tenants?.length) {
      throw new DataOpsError('INVALID_INPUT', `The collection "${schema.class}" has no tenants.`, {
        hint: 'Leave the tenants out.',
      })
    }

    await this.#sameServer.prove(tenants)
    const unseen = this.#options.includeData === false ? undefined : replicasNotCompared(this.#connection, schema)
    if (unseen) this.#warn(unseen.code, unseen.message, unseen.details)
    const tenantPlan = tenants && planTenants(tenants, this.#options)
    const includeData = this.#options.includeData !== false
    const expectedObjects = includeData ? await this.#count(tenantPlan) : 0
    const batchSize = batchSizeFor(this.#options, expectedObjects ?? Number.MAX_SAFE_INTEGER)
    const unfinished = this.#options.settle ? [] : await this.#findUnfinished(binding)
    const left = unfinished.find(({inUse}) => !inUse)
    if (left && !this.#options.resume) {
      this.#warn(
        'unfinished-backup',
        `An unfinished backup of "${schema.class}" is at ${this.#store.describe(left.name)}.`,
        {
          hint: 'Continue it with `resume: true`, or remove it.',
          name: left.name,
        },
      )
    }

    if (this.#options.resume === true && unfinished.length === 0) {
      if (finished) return this.#resultOf(finished, finished.seal.object_count)
      throw new DataOpsError(
        'INVALID_INPUT',
        `There is no unfinished backup of "${schema.class}" with these options to resume.`,
        {
          hint: 'Run it again without `resume`.',
        },
      )
    }

    const scope = tenantPlan && scopeOf(tenantPlan)
    if (this.#options.dryRun) {
      this.#warnSkipped(scope)
      checkHead(await this.#head(tenants))
      return this.#dryRun(expectedObjects ?? 0, scope)
    }

    const resumed = this.#options.resume ? await this.#claimUnfinished(unfinished) : undefined
    return this.#write({batchSize, binding, expectedObjects, resumed, tenantPlan, tenants})
  }

  /**
   * Ends what killed runs left: tenants that they activated are put back, and a backup that they sealed is listed.
   * Returns the newest of those with the options of this run.
   */
  async #endLeftovers(binding: JournalBinding): Promise<SealedManifest | undefined> {
    let finished: SealedManifest | undefined
    await endLeftovers(this.#store, binding, async (name, {journal, sealed}) => {
      await this.#putBack(name, journal)
      if (!sealed) return
      await new BackupCatalog(this.#store).register(entryOf(sealed))
      if (sameBinding(journal.binding, binding)) finished ??= sealed
    })
    return finished
  }

  async #putBack(name: string, journal: BackupJournal): Promise<void> {
    if (journal.activated.length === 0) return
    const there = new Set((await this.#connection.listTenants(this.#plan.className)).map((tenant) => tenant.name))
    const tenants = journal.activated.filter((tenant) => there.has(tenant.name))
    if (tenants.length > 0) await this.#connection.setTenantStatus(this.#plan.className, tenants)
    await writeJournal(this.#store, name, {...journal, activated: []})
  }

  /** Those that are to be continued, or for a run without `resume` all there are. */
  async #findUnfinished(binding: JournalBinding): Promise<UnfinishedBackup[]> {
    const {resume, resumeWithinMs = RESUME_WITHIN_MS, signal} = this.#options
    const found = await findUnfinished(this.#store, binding)
    if (!resume) return found
    const fit: UnfinishedBackup[] = []
    for (const each of found) {
      const reason = await unfitness(each, {
        connection: this.#connection,
        // Who asks for it by name knows how old it is.
        maxAgeMs: resume === true ? Infinity : resumeWithinMs,
        plan: this.#plan,
        signal,
        store: this.#store,
      })
      if (reason === undefined) fit.push(each)
      else {
        this.#warn(
          'not-continued',
          `The unfinished backup ${this.#store.describe(each.name)} is not continued: ${reason}.`,
          {
            name: each.name,
            reason,
          },
        )
      }
    }

    return fit
  }

  /** One to continue: the newest that no other process writes. @throws DataOpsError STORAGE when one is required. */
  async #claimUnfinished(unfinished: readonly UnfinishedBackup[]): Promise<ClaimedBackup | undefined> {
    for (const {name} of unfinished) {
      const claim = await claimToContinue(this.#store, name, this.#options.signal)
      if (claim) return claim
    }

    if (this.#options.resume !== true) return undefined
    throw new DataOpsError(
      'STORAGE',
      `Another process is writing ${this.#store.describe(partialName(unfinished[0]!.name))}.`,
      {
        hint: 'Wait for it, or leave out `resume` to take another backup beside it.',
      },
    )
  }

  async #write(job: {
    batchSize: number
    binding: JournalBinding
    expectedObjects?: number
    resumed?: ClaimedBackup
    tenantPlan?: TenantPlan
    tenants?: WeaviateTenant[]
  }): Promise<Omit<BackupResult, 'seconds'>> {
    const {resumed, tenantPlan} = job
    const {schema} = this.#collection
    const scope = resumed ? resumed.journal.tenants : tenantPlan && scopeOf(tenantPlan)
    this.#warnSkipped(scope)
    const head = resumed?.journal.head ?? (await this.#head(job.tenants))
    const compress = this.#options.compress === true
    const claim =
      resumed ??
      (await claimName(
        this.#store,
        backupName(schema.class, new Date(head.metadata.timestamp), this.#format, compress),
      ))
    try {
      const content = new ContentDigest(schema, nodePlatform, resumed?.journal.content)
      const resumedObjects = content.objects
      const identity = await this.#connection.identify(schema)
      const sample = new Sample(resumed?.journal.sample)
      const continued = [...(resumed?.journal.resumed ?? []), ...(resumed ? [new Date().toISOString()] : [])]
      if (resumed) await this.#putBack(resumed.name, resumed.journal)
      const writer = await openArchiveWriter({
        check: claim.check,
        compress,
        format: this.#format,
        head,
        name: claim.name,
        platform: nodePlatform,
        resumeAt: resumed?.journal.position,
        store: this.#store,
      })
      let check: CompletenessCheck | undefined
      let completeness: Completeness | undefined
      let settled: SettleResult | undefined
      let journal: BackupJournal | undefined
      let sealed: SealedArchive
      // Beside the journal, which only the next backup reads.
      const note = this.#notes.begin(this.#connection.describe)
      try {
        if (head.metadata.options.include_data) {
          const work = resumed
            ? planRemaining(resumed.journal, job.tenants, this.#options)
            : this.#initialWork(tenantPlan)
          const concurrency = this.#options.concurrency ?? DEFAULT_CONCURRENCY
          const throttle = this.#throttle(concurrency)
          const contents = this.#options.settle || resumed ? new ObjectIndex() : undefined
          if (contents && resumed) await indexUnfinished(this.#store, resumed, contents)
          check = new CompletenessCheck({
            concurrency,
            connection: this.#connection,
            content,
            contents,
            expectedObjects: job.expectedObjects,
            plan: this.#plan,
            signal: this.#options.signal,
            state: resumed?.journal.checked,
            throttle,
            writer,
          })
          const store = this.#store
          const saveActivated = async (activated: WeaviateTenant[]): Promise<void> => {
            await note.save(activated.map((tenant) => ({...tenant, collection: schema.class})))
            await writeJournal(store, claim.name, {...journal!, activated})
          }

          await transferToArchive({
            ...work,
            batchSize: job.batchSize,
            completeness: check,
            concurrency,
            connection: this.#connection,
            content,
            contents,
            counted: resumed && job.tenants && uncounted(resumed.journal, job.tenants),
            sample,
            expectedObjects: job.expectedObjects,
            onProgress: this.#options.onProgress,
            plan: this.#plan,
            sameServer: this.#sameServer,
            saveActivated,
            async saveProgress(progress) {
              journal = {
                ...progress,
                activated: progress.group,
                binding: job.binding,
                content: content.state(),
                head,
                identity,
                resumed: continued,
                sample: sample.objects,
                tenants: scope,
                version: 1,
              }
              await writeJournal(store, claim.name, journal)
            },
            signal: this.#options.signal,
            throttle,
            writer,
          })
          const read = new Set(scope?.read)
          const live = job.tenants?.filter(({name}) => read.has(name))
          // What was read before a pause is looked at once more.
          if (contents) {
            settled = await this.#settle(
              {content, index: contents, concurrency, saveActivated, throttle, writer, ...(resumed && {rounds: 1})},
              live,
            )
            await note.save([])
            // The counts that were taken before it do not know what it found.
            if (resumed) {
              const active = live?.filter(({status}) => status === 'HOT').map(({name}) => name)
              await check.end([], active)
            }
          }

          completeness = check.result()
        }

        await checkSameCollection(this.#connection, schema, {identity, settles: this.#options.settle === true})
        this.#options.onProgress?.({
          bytes: writer.bytes,
          collection: schema.class,
          completed: content.objects,
          stage: 'seal',
          total: content.objects,
        })
        sealed = await writer.seal({
          amendments: settled?.amendments ?? [],
          complete: completeness?.complete ?? true,
          counted: completeness?.counted,
          digest: content.hex(),
          finished: new Date().toISOString(),
          guarantee: sealedGuarantee({
            completeness,
            replicationFactor: replicationFactor(schema),
            settled: this.#options.settle ? settled : undefined,
          }),
          missing: completeness?.missing,
          objectCount: content.objects,
          resumed: continued,
          statistics: content.statistics,
          tenants: scope && sealedTenants(head, content, scope),
        })
      } catch (error) {
        await writer.close()
        await note.leave()
        // It is another process's by now, and so is what lies there.
        const lost = await failureOf(claim.check)
        if (lost instanceof DataOpsError && lost.details.leaseLost) throw lost
        if (journal && !this.#options.settle && !isRecreated(error)) throw this.#unfinishedError(error, claim.name)
        // Nobody could continue it.
        if (!journal || journal.activated.length === 0) {
          await this.#store.remove(partialName(claim.name)).catch(() => {})
          await removeJournal(this.#store, claim.name).catch(() => {})
        }

        throw error
      } finally {
        await check?.close()
      }

      const result = await this.#register(sealed.name, resumedObjects)
      // Last: until then, whoever comes next knows what is left to do.
      await removeJournal(this.#store, claim.name)
      return result
    } finally {
      await claim.release()
    }
  }

  /** Lists a sealed backup, as it is read back from the disk. */
  async #register(name: string, resumed: number): Promise<Omit<BackupResult, 'seconds'>> {
    const manifest = await readManifest(this.#store, name)
    const {non_finite_vectors: nonFinite} = manifest.seal.statistics
    if (nonFinite > 0) {
      this.#warn(
        'non-finite-vectors',
        `${nonFinite} objects have vectors with components that are no finite numbers.`,
        {
          objects: nonFinite,
        },
      )
    }

    this.#warnOfCounts(manifest)
    await new BackupCatalog(this.#store).register(entryOf(manifest))
    return this.#resultOf(manifest, resumed)
  }

  #warnOfCounts({seal: {complete, counted, missing = []}}: SealedManifest): void {
    if (!counted) return
    const {after, before, read} = counted
    if (complete === false) {
      const named = missing.length > 0 ? `, among them ${missing[0]!.id}: ${missing[0]!.reason}` : ''
      const counts = `the server counted ${before ?? 'an unknown number'} before and ${after ?? 'an unknown number'} after, ${read} could be read${named}`
      this.#warn('incomplete', `The backup of "${this.#plan.className}" is incomplete: ${counts}.`, {counted, missing})
    } else if (before !== null && after !== null && read > Math.max(before, after)) {
      this.#warn(
        'more-than-counted',
        `${read} objects were read; the server counted ${before} before and ${after} after.`,
        {
          counted,
        },
      )
    }
  }

  #resultOf({bytes, metadata, name, seal}: SealedManifest, resumed: number): Omit<BackupResult, 'seconds'> {
    const tenants = seal.tenants && {
      count: seal.tenants.filter(({skipped}) => skipped === undefined).length,
      skipped: seal.tenants.flatMap(({name: tenant, skipped}) =>
        skipped === undefined ? [] : [{name: tenant, reason: skipped}],
      ),
    }
    return {
      ...this.#describe(metadata.backup_id, metadata.run_id),
      bytes,
      complete: seal.complete !== false,
      ...(seal.counted && {counted: seal.counted}),
      ...(seal.missing && {missing: seal.missing}),
      digest: seal.digest,
      dryRun: false,
      objectCount: seal.object_count,
      path: this.#store.describe(name),
      resumed,
      ...(tenants && {tenants}),
      warnings: this.#warnings,
    }
  }

  #dryRun(objectCount: number, scope: TenantScope | undefined): Omit<BackupResult, 'seconds'> {
    const name = backupName(this.#collection.schema.class, new Date(), this.#format, this.#options.compress === true)
    return {
      ...this.#describe('', this.#options.runId ?? ''),
      bytes: 0,
      complete: true,
      digest: '',
      dryRun: true,
      objectCount,
      path: this.#store.describe(name),
      resumed: 0,
      ...(scope && {tenants: {count: scope.read.length, skipped: scope.skipped}}),
      warnings: this.#warnings,
    }
  }

  #describe(
    id: string,
    runId: string,
  ): Pick<BackupResult, 'alias' | 'collection' | 'compressed' | 'format' | 'id' | 'runId'> {
    return {
      ...(this.#collection.alias !== undefined && {alias: this.#collection.alias}),
      collection: this.#collection.schema.class,
      compressed: this.#options.compress === true,
      format: this.#format,
      id,
      runId,
    }
  }

  async #head(tenants: WeaviateTenant[] | undefined): Promise<BackupHead> {
    const {aliases, schema} = this.#collection
    const metadata: BackupMetadata = {
      version: FORMAT_VERSION,
      timestamp: new Date().toISOString(),
      collection: schema.class,
      weaviate_version: this.#connection.version,
      options: {
        include_data: this.#options.includeData !== false,
        format: this.#format,
        compress: this.#options.compress === true,
        ...(this.#options.batchSize !== undefined && {batch_size: this.#options.batchSize}),
        ...(this.#options.tenants?.length && {tenants: [...this.#options.tenants]}),
      },
      backup_id: randomUUID(),
      run_id: this.#options.runId ?? randomUUID(),
      tool_version: TOOL_VERSION,
      ...(tenants && {tenants: tenants.map(({name, status}) => ({name, status: status satisfies TenantStatus}))}),
      aliases,
      guarantee: promisedGuarantee(this.#options.settle === true),
      ...(this.#format !== 'json' && {columns: (await partCodec(this.#format)).columns(schema)}),
    }
    return {metadata, schema}
  }

  async #settle(
    job: Pick<SettleOptions, 'concurrency' | 'content' | 'index' | 'rounds' | 'saveActivated' | 'throttle' | 'writer'>,
    live: WeaviateTenant[] | undefined,
  ): Promise<SettleResult> {
    const result = await settle({
      ...job,
      connection: this.#connection,
      onProgress: this.#options.onProgress,
      plan: this.#plan,
      signal: this.#options.signal,
      tenants: live,
    })
    if (!result.settled && job.rounds === undefined) {
      this.#warn(
        'not-settled',
        `The collection still changed after ${result.rounds} scans; the backup is as of the last one, object by object.`,
        {rounds: result.rounds},
      )
    }

    return result
  }

  #initialWork(tenantPlan: TenantPlan | undefined): Work {
    return tenantPlan
      ? {
          activation: tenantPlan.activate.map((tenants) => activationGroup(tenants)),
          slices: slicesOfTenants(tenantPlan.active),
        }
      : {activation: [], slices: [{...WHOLE_RANGE}]}
  }

  /** Objects to come, or undefined when that would take a call for each of thousands of tenants. */
  async #count(tenantPlan: TenantPlan | undefined): Promise<number | undefined> {
    const name = this.#collection.schema.class
    if (!tenantPlan) return this.#connection.count(name, undefined, this.#options.signal)
    if (tenantPlan.active.length > COUNTED_TENANTS || tenantPlan.activate.length > 0) return undefined
    const names = tenantPlan.active.map((tenant) => tenant.name)
    return countInTenants(this.#connection, name, names, this.#options.signal)
  }

  #binding(): JournalBinding {
    const {format, includeData, includeOffloaded, settle: settles, tenants, compress} = this.#options
    return {
      collection: this.#collection.schema.class,
      options: JSON.stringify({
        compress: compress === true,
        format: format ?? 'json',
        includeData: includeData !== false,
        includeOffloaded: includeOffloaded === true,
        settle: settles === true,
        tenants: [...(tenants ?? [])].sort(),
      }),
      schemaSha256: toHex(nodePlatform.sha256(utf8(JSON.stringify(this.#collection.schema)))),
      server: this.#connection.describe,
    }
  }

  #throttle(concurrency: number): Throttle {
    const {maxRate, maxRetries, retryMaxWaitMs, signal} = this.#options
    return new Throttle({
      concurrency,
      maxRate,
      maxRetries,
      onWarning: (warning) => this.#options.onWarning?.(warning),
      retryMaxWaitMs,
      signal,
    })
  }

  #unfinishedError(error: unknown, name: string): unknown {
    if (!(error instanceof DataOpsError)) return error
    return error.with({
      details: {unfinished: this.#store.describe(name), resumable: true},
      hint: error.hint ?? 'Run it again with `resume: true` to continue.',
    })
  }

  #warnSkipped(scope: TenantScope | undefined): void {
    for (const skipped of scope?.skipped ?? []) {
      this.#warn('tenant-skipped', `Tenant "${skipped.name}" is ${skipped.reason} and is not in the backup.`, {
        ...skipped,
      })
    }
  }

  #warn(code: string, message: string, details?: Record<string, unknown>): void {
    const warning = {code, details, message}
    this.#warnings.push(warning)
    this.#options.onWarning?.(warning)
  }
}

/** Active tenants that an earlier run has read, or begun to, and whose end it did not come to. */
function uncounted(journal: BackupJournal, tenants: readonly WeaviateTenant[]): string[] {
  const counted = new Set(journal.checked?.counts.filter(([, {after}]) => after !== undefined).map(([name]) => name))
  const read = new Set(journal.tenants?.read)
  return tenants.flatMap(({name, status}) => (status === 'HOT' && read.has(name) && !counted.has(name) ? [name] : []))
}

/** What was read is of a collection that is no more: nobody could continue it. */
function isRecreated(error: unknown): boolean {
  return error instanceof DataOpsError && error.details.recreated === true
}

function sealedTenants(head: BackupHead, content: ContentDigest, scope: TenantScope): SealedTenant[] {
  const skipped = new Map(scope.skipped.map(({name, reason}) => [name, reason]))
  const read = new Set(scope.read)
  return (head.metadata.tenants ?? []).map(({name}) => {
    if (!read.has(name)) return {name, skipped: skipped.get(name) ?? 'not selected'}
    const {digest, objectCount} = content.tenant(name)
    return {name, object_count: objectCount, digest}
  })
}

async function failureOf(work: () => Promise<void>): Promise<unknown> {
  try {
    await work()
    return undefined
  } catch (error) {
    return error
  }
}
