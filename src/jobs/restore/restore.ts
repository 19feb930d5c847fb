import path from 'node:path'

import type {Archive} from '../../archive/reader.js'
import type {Warning} from '../../model/progress.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {CollectionComparison} from '../verify/options.js'
import type {RestoreOptions, RestoreResult} from './options.js'

import {rejectedName, stillRejectedName} from '../../archive/names.js'
import {openArchive, type OpenedArchive} from '../../catalog/locate.js'
import {toHex, utf8} from '../../codec/bytes.js'
import {persistent} from '../../flow/persistent.js'
import {ActiveTenants} from '../../flow/tenants/active-tenants.js'
import {countInTenants} from '../../flow/tenants/count.js'
import {Throttle} from '../../flow/throttle.js'
import {DataOpsError} from '../../model/errors.js'
import {compareSchemas} from '../../model/schema-compare.js'
import {type PreparedSchema, prepareForCreate} from '../../model/schema-prepare.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {vectorizersOf} from '../../model/vectorizers.js'
import {nodePlatform} from '../../platform/node.js'
import {openStore} from '../../store/open.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {batchSizeFor, DEFAULT_CONCURRENCY} from '../options.js'
import {compareCollection} from '../verify/compare.js'
import {Checkpoint} from './checkpoint.js'
import {findExisting} from './conflicts.js'
import {
  checkContent,
  checkReferences,
  checkRestoreOptions,
  expectedObjects,
  makeObjection,
  tenantsToRestore,
} from './plan.js'
import {readRejected, RejectedObjects} from './rejected.js'
import {TargetLeases} from './target-leases.js'
import {RestoredTenants} from './tenants.js'
import {type RestoreTransferOptions, sendWithReferences, writeObjects, writeReferences} from './transfer.js'

/** What `check` found. */
interface Checked {
  checkpoint: Checkpoint
  live?: WeaviateClass
  prepared: PreparedSchema
  tenants?: WeaviateTenant[]
}

/** What `start` made ready. */
interface Running extends RestoreTransferOptions {
  /** What earlier runs had written. */
  resumed: {objects: number; references: number}
}

/** `RestoreManager.restoreCollection`, from a store that is open. */
export async function restoreBackup(
  connection: Connection,
  store: Store,
  backup: string,
  options: RestoreOptions,
): Promise<RestoreResult> {
  checkRestoreOptions(options)
  const started = performance.now()
  const opened = await openArchive(backup, store, {acceptUnsealed: options.acceptChanged})
  const restore = new Restore(connection, opened, options)
  try {
    await restore.check()
    const result = await restore.run()
    return {...result, seconds: (performance.now() - started) / 1000}
  } finally {
    await restore.release()
  }
}

/** One restore while it runs. */
export class Restore {
  /** Of all collections that are restored in the same go. */
  readonly active: ActiveTenants
  readonly #archive: Archive
  /** With `atomic`: the name that readers use, pointed at the collection once it is verified. */
  readonly #atomicAlias?: string
  readonly #connection: Connection
  /** Without retries of its own. */
  readonly #direct: Connection
  readonly #options: RestoreOptions
  readonly #leases: TargetLeases
  readonly #place: Store
  /** The collection that is written. */
  readonly target: string
  readonly #warnings: Warning[] = []
  #checked?: Checked
  #running?: Running
  /** As soon as it has started. */
  #tenants?: RestoredTenants
  /** The collection is there because of this restore. */
  #created = false

  constructor(
    connection: Connection,
    {archive, store}: OpenedArchive,
    options: RestoreOptions,
    active?: ActiveTenants,
  ) {
    this.#archive = archive
    this.#connection = persistent(connection, {
      maxRetries: options.maxRetries,
      onWarning: (warning) => options.onWarning?.(warning),
      retryMaxWaitMs: options.retryMaxWaitMs,
      signal: options.signal,
    })
    this.active = active ?? new ActiveTenants(this.#connection)
    this.#direct = connection
    this.#options = options
    const name = options.name ?? archive.head.metadata.collection
    // The same for each run of one backup, so that an interrupted one is found again.
    this.target = options.atomic
      ? `${name}_${(archive.head.metadata.backup_id ?? '').replaceAll('-', '').slice(0, 8)}`
      : name
    if (options.atomic) this.#atomicAlias = name
    this.#place =
      options.checkpointDirectory === undefined ? store : openStore(path.resolve(options.checkpointDirectory))
    this.#leases = new TargetLeases({
      backup: archive.manifest.name,
      collection: this.target,
      signal: options.signal,
      stores: this.#place === store ? [store] : [store, this.#place],
    })
  }

  /** Finds everything that stands against it, and changes nothing. `companions`: collections that are restored in the same go. */
  async check(companions: ReadonlySet<string> = new Set()): Promise<void> {
    const {head, manifest, seal} = this.#archive
    const options = this.#options
    const tenants = tenantsToRestore(head, seal, options.tenants)
    if (!options.acceptChanged)
      await this.#archive.assertWhole({onProgress: options.onProgress, signal: options.signal})
    const existing = (await this.#connection.listCollections()).map((schema) => schema.class)
    const prepared = prepareForCreate(head.schema, {existing, name: this.target, overrides: options.overrides})
    for (const warning of prepared.warnings) this.#warn(warning)
    checkContent(seal, {...prepared.create, ...prepared.afterCreate}, options)
    // Before the checkpoint is read: what it says would be old when another restore goes on meanwhile.
    if (!options.dryRun) await this.#leases.take(`${this.target}@${this.#connection.describe}`)
    const checkpoint = await Checkpoint.open(
      this.#place,
      manifest.name,
      {
        backupId: head.metadata.backup_id ?? '',
        digest: this.#archive.fingerprint,
        options: this.#binding(),
        server: this.#connection.describe,
        target: this.target,
      },
      {isRetry: options.retryRejected !== undefined, restart: options.restart},
    )
    if (!options.dryRun) checkpoint.fence = async () => this.#leases.check()
    const live = await this.#checkTarget(checkpoint, prepared)
    if (!live) checkReferences(head.schema, new Set([...existing, ...companions, head.schema.class]))
    this.#checked = {checkpoint, live, prepared, tenants}
  }

  /** Creates the collection if it is not there, as far as the collections it refers to allow. */
  async create(): Promise<void> {
    const checked = this.#checked!
    checked.live ??= await this.#create(checked.prepared, checked.checkpoint)
  }

  /** After `check`. */
  async run(): Promise<Omit<RestoreResult, 'seconds'>> {
    const options = this.#options
    const {checkpoint, tenants} = this.#checked!
    if (options.dryRun) {
      const {live} = this.#checked!
      const isToFail = options.merge && options.onConflict === 'fail' && !checkpoint.conflictsSettled
      const existing = live && isToFail ? await this.#existingNow(planCollection(live), checkpoint) : undefined
      if (existing && existing.size > 0) throw this.#conflict(existing.size)
      const expected = await this.#toSend(checkpoint, tenants)
      return {
        ...this.#result({checkpoint, restored: 0, resumed: checkpoint.objects.count, tenants, dryRun: true}),
        ...(expected !== undefined && {expected}),
      }
    }

    await this.start()
    if (options.retryRejected !== undefined) return this.#retryRejected(options.retryRejected)
    await this.writeObjects()
    await this.writeReferences()
    const result = await this.finish()
    await this.forget()
    return result
  }

  /** Objects that a run would send now; undefined when the backup does not say how many it has. */
  async #toSend(checkpoint: Checkpoint, tenants: WeaviateTenant[] | undefined): Promise<number | undefined> {
    const {retryRejected, skipData} = this.#options
    if (retryRejected !== undefined) {
      const place = openStore(path.dirname(path.resolve(retryRejected)))
      let lines = 0
      for await (const _ of readRejected(place, path.basename(retryRejected))) lines++
      return lines
    }

    // Only before that are the objects refused other ones than those written.
    if (skipData || checkpoint.objects.finished) return 0
    const all = expectedObjects(this.#archive, tenants)
    return all === undefined
      ? undefined
      : all - checkpoint.objects.count - checkpoint.rejected.size - checkpoint.skipped.size
  }

  /** After `check`: the collection and its tenants are there, and nothing speaks against writing objects. */
  async start(): Promise<void> {
    const {head} = this.#archive
    const options = this.#options
    const {checkpoint, tenants} = this.#checked!
    const isRetry = options.retryRejected !== undefined
    await this.create()
    const schema = await this.#finishCreation()
    if (this.#created && checkpoint.objects.done.size === 0) await this.#checkCreated(schema)
    const rejected = new RejectedObjects(this.#place, this.#rejectedName(), head.metadata.collection)
    if (isRetry) await rejected.resume()
    else if (checkpoint.resumed) await rejected.resume(checkpoint.rejectedBytes)
    else await rejected.clear()
    if (!isRetry) checkpoint.rejectedFile = rejected
    const plan = planCollection(schema)
    const expected = options.skipData ? 0 : expectedObjects(this.#archive, tenants)
    const wanted = tenants && new Set(tenants.map(({name}) => name))
    this.#tenants = this.#restoredTenants(plan, checkpoint)
    this.#running = {
      ...this.#sending(plan, expected),
      archive: this.#archive,
      checkpoint,
      objection: makeObjection(plan.schema, options, options.tenants?.length ? undefined : wanted),
      onProgress: options.onProgress,
      rejected,
      resumed: {objects: checkpoint.objects.count, references: checkpoint.references.count},
      // Without a choice none is passed over: an object of a tenant that the backup does not list is refused in sight.
      selected:
        wanted && options.tenants?.length
          ? (object) => object.tenant !== undefined && wanted.has(object.tenant)
          : () => true,
      sourceName: head.metadata.collection,
      tenants: this.#tenants,
      total: expected,
      vectorizers: vectorizersOf(plan.schema),
    }
    try {
      await this.#tenants.create()
      if (isRetry) await this.#tenants.admitTargets()
      else await this.#settleConflicts(checkpoint)
    } catch (error) {
      const isAsBefore = await this.#putTenantsBack()
      // A refusal has changed nothing that a later run would have to know of.
      if (isAsBefore && error instanceof DataOpsError && error.code === 'COLLECTION_EXISTS') await checkpoint.remove()
      throw error
    }
  }

  /** After `start`: every object, without its references. */
  async writeObjects(): Promise<void> {
    const running = this.#running!
    if (this.#options.skipData) return
    await this.#interruptibly(async () => {
      await running.checkpoint.save()
      if (!running.checkpoint.objects.finished) await writeObjects(running)
    })
  }

  /** After `writeObjects`, of this collection and of those that it refers to. */
  async writeReferences(): Promise<void> {
    const running = this.#running!
    const {checkpoint, plan} = running
    if (this.#options.skipData || !plan.hasReferences || checkpoint.references.finished) return
    await this.#interruptibly(async () => writeReferences(running))
  }

  /** After `writeReferences`: counts, compares, puts tenants into their states, and shows the collection to readers of its aliases. `forget` is to follow. */
  async finish(): Promise<Omit<RestoreResult, 'seconds'>> {
    const options = this.#options
    const {checkpoint, plan, rejected, resumed, total} = this.#running!
    const {tenants} = this.#checked!
    // From here on there is nothing to leave.
    this.#running = undefined
    await rejected.close()
    let verification: CollectionComparison | undefined
    try {
      const isToVerify = (options.verify === true || options.atomic === true) && !options.skipData
      // The comparison reads every tenant of a new collection, unless it is offloaded: to open each of them twice would tell no more.
      const isCountedThere =
        isToVerify && this.#created && tenants && checkpoint.tenants?.every(({status}) => status !== 'FROZEN')
      if (!isCountedThere) await this.#confirm(plan, checkpoint, total)
      if (isToVerify) verification = await this.#verify(tenants)
      if (isCountedThere) this.#checkCount(plan, checkpoint, verification!.counts.live)
    } catch (error) {
      await this.#putTenantsBack({isLast: true})
      throw error
    }

    await this.#tenants!.settle({isLast: true})
    // Readers of an alias see nothing that has not been counted, and with `atomic` nothing that differs.
    const isToBeShown = this.#atomicAlias === undefined || verification?.equal !== false
    const aliases = isToBeShown ? await this.#restoreAliases() : []
    if (this.#atomicAlias !== undefined && isToBeShown) aliases.push(await this.#switchAlias(this.#atomicAlias))
    if (verification && !verification.equal) {
      this.#warn({
        code: 'content-differs',
        message: `"${this.target}" does not hold what the backup holds.`,
      })
    }

    const {objects, references} = checkpoint
    return {
      ...this.#result({
        checkpoint,
        restored: objects.count - resumed.objects,
        resumed: resumed.objects,
        tenants,
        dryRun: false,
      }),
      aliases,
      references: references.count - resumed.references,
      ...(verification && {verification}),
    }
  }

  /** Last of all, whatever became of it: others may restore into the target. */
  async release(): Promise<void> {
    await this.#leases.release()
  }

  /** After `finish`: a later run would not be a continuation of this one. */
  async forget(): Promise<void> {
    await this.#checked!.checkpoint.remove()
  }

  /** Ends it where it is, for a later run to go on; does nothing before `start` and after `finish`. */
  async leave(): Promise<void> {
    const running = this.#running
    if (!running) return
    this.#running = undefined
    if (this.#options.retryRejected === undefined && !this.#options.skipData)
      await running.checkpoint.save().catch(() => {})
    await running.rejected.close()
    const isAsBefore = await this.#putTenantsBack()
    // There is nothing in it but tenants to put back.
    if (isAsBefore && this.#options.retryRejected !== undefined) await running.checkpoint.remove()
  }

  async #interruptibly<T>(body: () => Promise<T>): Promise<T> {
    const {checkpoint} = this.#running!
    try {
      return await body()
    } catch (error) {
      await this.leave()
      throw this.#unfinished(error, checkpoint)
    }
  }

  #result(
    state: {
      checkpoint: Checkpoint
      dryRun: boolean
      restored: number
      resumed: number
      tenants?: WeaviateTenant[]
    },
    /** By all runs of this restore. */
    rejected = state.checkpoint.rejected.size,
  ): Omit<RestoreResult, 'seconds'> {
    const {checkpoint, dryRun, restored, resumed, tenants} = state
    return {
      aliases: [],
      backupId: this.#archive.head.metadata.backup_id ?? '',
      collection: this.target,
      dryRun,
      references: 0,
      rejected,
      ...(rejected > 0 && {rejectedFile: this.#place.describe(this.#rejectedName())}),
      restored,
      resumed,
      skipped: checkpoint.skipped.size,
      ...(tenants && {tenants: tenants.length}),
      warnings: this.#warnings,
    }
  }

  /** Whether the target may be written. Returns its class when it exists and is to be used. */
  async #checkTarget(checkpoint: Checkpoint, prepared: PreparedSchema): Promise<undefined | WeaviateClass> {
    const {options, target} = {options: this.#options, target: this.target}
    const aliases = await this.#connection.listAliases()
    const alias = aliases.find((candidate) => candidate.alias === target)
    if (alias) {
      throw new DataOpsError('COLLECTION_EXISTS', `"${target}" is an alias of "${alias.collection}".`, {
        hint: 'Give the collection another name with `name`.',
      })
    }

    if (this.#atomicAlias !== undefined && (await this.#connection.getCollection(this.#atomicAlias))) {
      throw new DataOpsError(
        'COLLECTION_EXISTS',
        `"${this.#atomicAlias}" is a collection, so it cannot become an alias.`,
        {
          hint: 'Restore atomically under a name that is free or an alias already, with `name`.',
        },
      )
    }

    const live = await this.#connection.getCollection(target)
    if (!live) {
      if (checkpoint.resumed && checkpoint.objects.count > 0) {
        throw new DataOpsError('CHECKPOINT', `"${target}" is gone since this restore was interrupted.`, {
          hint: 'Run it again with `restart: true`.',
        })
      }

      return undefined
    }

    if (checkpoint.resumed && checkpoint.created) {
      this.#created = true
      return live
    }

    if (!options.merge && options.retryRejected === undefined) {
      throw new DataOpsError(
        'COLLECTION_EXISTS',
        `There is already a collection "${target}" at ${this.#connection.describe}.`,
        {
          details: {collection: target},
          hint: 'Restore under another name with `name`, into it with `merge: true`, or clear it first.',
        },
      )
    }

    const blocking = compareSchemas(prepared.create, live, {ignoreName: true}).filter(
      (difference) => difference.severity === 'blocking',
    )
    if (blocking.length > 0) {
      const shown = blocking
        .slice(0, 5)
        .map(
          ({path: field, backup, live: there}) =>
            `${field}: backup ${JSON.stringify(backup)}, collection ${JSON.stringify(there)}`,
        )
      throw new DataOpsError('SCHEMA_MISMATCH', `The backup does not fit "${target}": ${shown.join('; ')}.`, {
        details: {differences: blocking},
        hint: 'Restore under another name with `name`, or change the collection.',
      })
    }

    return live
  }

  async #create(prepared: PreparedSchema, checkpoint: Checkpoint): Promise<WeaviateClass> {
    // Before the collection: from here on it is known to be ours.
    checkpoint.created = true
    // Those of a collection that is gone.
    checkpoint.tenants = undefined
    await checkpoint.save()
    try {
      await this.#connection.createCollection(prepared.create)
    } catch (error) {
      const isTaken = error instanceof DataOpsError && error.code === 'COLLECTION_EXISTS'
      // Somebody else was faster: what is there is theirs, and no later run may take it for its own.
      if (isTaken || !(await this.#connection.getCollection(this.target).catch(() => true))) {
        checkpoint.created = false
        await checkpoint.remove()
      }

      throw error
    }

    this.#created = true
    const schema = await this.#connection.getCollection(this.target)
    if (!schema) throw new DataOpsError('UNEXPECTED', `"${this.target}" is gone right after it was created.`)
    return schema
  }

  /** What no creation takes: also when an earlier run ended between the two steps, and what it refers to is there since. */
  async #finishCreation(): Promise<WeaviateClass> {
    const {checkpoint, live, prepared} = this.#checked!
    const {afterCreate, create} = prepared
    if (!this.#created) return live!
    const there = new Set((live!.properties ?? []).map((property) => property.name))
    const putOff = [...(checkpoint.resumed ? (create.properties ?? []) : []), ...(afterCreate?.properties ?? [])]
    const properties = putOff.filter((property) => !there.has(property.name))
    const vectors = new Set(Object.keys(live!.vectorConfig ?? {}))
    const isThere = Object.keys(afterCreate?.vectorConfig ?? {}).every((vector) => vectors.has(vector))
    if (isThere && properties.length === 0) return live!
    await this.#connection.updateCollection({...afterCreate, class: this.target, properties})
    return (await this.#connection.getCollection(this.target))!
  }

  /** A server of another version may drop or change settings without a word; only what it shows afterwards tells. */
  async #checkCreated(created: WeaviateClass): Promise<void> {
    const {checkpoint, prepared} = this.#checked!
    const {afterCreate, create} = prepared
    const wanted = {
      ...create,
      ...afterCreate,
      properties: [...(create.properties ?? []), ...(afterCreate?.properties ?? [])],
    }
    const differences = compareSchemas(wanted, created, {ignoreName: true})
    const blocking = differences.filter(({severity}) => severity === 'blocking')
    if (blocking.length > 0) {
      // Of no use to anybody, and in the way of the next try; anything in it would not be ours to delete.
      if (await this.#isEmpty(created)) {
        await this.#connection.deleteCollection(this.target)
        await checkpoint.remove()
      }

      const fields = blocking.map(
        ({backup, live, path: field}) =>
          `${field} (backup ${JSON.stringify(backup)}, server ${JSON.stringify(live) ?? 'nothing'})`,
      )
      throw new DataOpsError(
        'SCHEMA_MISMATCH',
        `The server (version ${this.#connection.version}) does not take the schema of "${this.target}": ${fields.join('; ')}.`,
        {
          details: {differences: blocking},
          hint: 'Restore to a server that knows these settings, or change them with `overrides`.',
        },
      )
    }

    for (const {backup, live, path: field} of differences) {
      this.#warn({
        code: 'schema-changed',
        details: {backup, field, live},
        message: `The server keeps ${field} as ${JSON.stringify(live)}; the backup has ${JSON.stringify(backup)}.`,
      })
    }
  }

  async #isEmpty(schema: WeaviateClass): Promise<boolean> {
    if (isMultiTenant(schema)) return (await this.#connection.listTenants(this.target)).length === 0
    return (await this.#connection.count(this.target)) === 0
  }

  /** After a failure, which is the one to report. Returns whether they are as they were. */
  async #putTenantsBack({isLast = false} = {}): Promise<boolean> {
    try {
      await this.#tenants?.settle({isLast})
      return true
    } catch (error) {
      this.#warn({
        code: 'tenants-left-active',
        details: {reason: error instanceof Error ? error.message : String(error), tenants: this.active.open},
        message: `Inactive tenants of "${this.target}" may have been left active.`,
      })
      return false
    }
  }

  /** Before anything is written: what the target has already is an error, or left alone. */
  async #settleConflicts(checkpoint: Checkpoint): Promise<void> {
    const {merge, onConflict, skipData} = this.#options
    if (!merge || skipData || checkpoint.conflictsSettled || (onConflict !== 'skip' && onConflict !== 'fail')) return
    const existing = await findExisting(this.#running!)
    if (existing.size > 0 && onConflict === 'fail') throw this.#conflict(existing.size)
    for (const [from, to] of existing.toJSON()) checkpoint.skipped.add(from, to)
    // On the disk before the first object leaves: a later run must not take its own objects for somebody else's.
    checkpoint.conflictsSettled = true
    await checkpoint.save()
  }

  #sending(
    plan: CollectionPlan,
    expected: number | undefined,
  ): Pick<RestoreTransferOptions, 'batchSize' | 'concurrency' | 'connection' | 'plan' | 'signal' | 'throttle'> {
    const {concurrency = DEFAULT_CONCURRENCY, maxRate, maxRetries, retryMaxWaitMs, signal} = this.#options
    return {
      batchSize: batchSizeFor(this.#options, expected ?? Number.MAX_SAFE_INTEGER),
      concurrency,
      connection: this.#connection,
      plan,
      signal,
      throttle: new Throttle({
        concurrency,
        maxRate,
        maxRetries,
        onWarning: (warning) => this.#options.onWarning?.(warning),
        retryMaxWaitMs,
        signal,
      }),
    }
  }

  /** Objects of a `.rejected.jsonl` file, and their references, once more. */
  async #retryRejected(file: string): Promise<Omit<RestoreResult, 'seconds'>> {
    const running = this.#running!
    const {checkpoint, objection, rejected} = running
    const place = openStore(path.dirname(path.resolve(file)))
    let restored = 0
    await this.#interruptibly(async () => {
      for await (const {object} of readRejected(place, path.basename(file))) {
        const reason = objection(object)
        const send = async (): ReturnType<typeof sendWithReferences> => sendWithReferences(running, object)
        const [refused] =
          reason === undefined
            ? await running.tenants.whileActive([object], send, {references: true})
            : [{pass: 'objects' as const, reason}]
        if (refused) await rejected.add(object, refused.pass, refused.reason)
        else restored++
      }
    })
    this.#running = undefined
    await rejected.close()
    await running.tenants.settle({isLast: true})
    // There is nothing in it but tenants to put back.
    await checkpoint.remove()
    return {
      ...this.#result(
        {checkpoint, restored, resumed: 0, tenants: this.#checked!.tenants, dryRun: false},
        rejected.count,
      ),
    }
  }

  #rejectedName(): string {
    const {manifest} = this.#archive
    const name = rejectedName(manifest.name)
    const read = this.#options.retryRejected
    return read !== undefined && path.basename(read) === name ? stillRejectedName(manifest.name) : name
  }

  /** For a dry run, which changes no states: inactive tenants are left out, and said to be. */
  async #existingNow(plan: CollectionPlan, checkpoint: Checkpoint): ReturnType<typeof findExisting> {
    const {tenants} = this.#checked!
    const live = tenants ? await this.#connection.listTenants(plan.className) : []
    const wanted = new Map(tenants?.map(({name}) => [name, false]))
    for (const {name, status} of live) if (wanted.has(name) && status === 'HOT') wanted.set(name, true)
    const inactive = live.filter(({name}) => wanted.get(name) === false)
    if (inactive.length > 0) {
      this.#warn({
        code: 'tenants-not-searched',
        details: {tenants: inactive.map(({name}) => name)},
        message: `${inactive.length} inactive tenants of "${plan.className}" were not searched for objects of the backup.`,
      })
    }

    return findExisting({
      ...this.#sending(plan, undefined),
      archive: this.#archive,
      selected: ({tenant}) => tenant === undefined || wanted.get(tenant) === true,
      tenants: this.#restoredTenants(plan, checkpoint),
    })
  }

  #restoredTenants(plan: CollectionPlan, checkpoint: Checkpoint): RestoredTenants {
    return new RestoredTenants({
      active: this.active,
      checkpoint,
      connection: this.#connection,
      isNew: this.#created,
      onWarning: (warning) => {
        this.#warn(warning)
      },
      plan,
      signal: this.#options.signal,
      tenants: this.#checked!.tenants,
    })
  }

  /** From here on readers of the alias see the restored collection. What it pointed at before is left as it is. */
  async #switchAlias(alias: string): Promise<string> {
    const before = (await this.#connection.listAliases()).find((candidate) => candidate.alias === alias)
    if (!before) await this.#connection.createAlias(alias, this.target)
    else if (before.collection !== this.target) {
      await this.#connection.updateAlias(alias, this.target)
      this.#warn({
        code: 'alias-switched',
        details: {alias, collection: this.target, previous: before.collection},
        message: `The alias "${alias}" pointed at "${before.collection}", which is still there.`,
      })
    }

    return alias
  }

  async #restoreAliases(): Promise<string[]> {
    const aliases = (this.#archive.head.metadata.aliases ?? []).filter((alias) => alias !== this.#atomicAlias)
    if (this.#options.merge || aliases.length === 0) return []
    const there = new Map((await this.#connection.listAliases()).map(({alias, collection}) => [alias, collection]))
    const restored: string[] = []
    for (const alias of aliases) {
      const points = there.get(alias)
      if (points === this.target) restored.push(alias)
      else if (points === undefined) {
        if (await this.#connection.getCollection(alias)) {
          this.#warn({
            code: 'alias-taken',
            message: `The alias "${alias}" is now the name of a collection and was left out.`,
          })
          continue
        }

        await this.#connection.createAlias(alias, this.target)
        restored.push(alias)
      } else if (this.#options.withAliases) {
        await this.#connection.updateAlias(alias, this.target)
        restored.push(alias)
      } else {
        this.#warn({
          code: 'alias-taken',
          details: {alias, collection: points},
          message: `The alias "${alias}" points at "${points}" and was left alone; \`withAliases: true\` points it here.`,
        })
      }
    }

    return restored
  }

  /** Counts are always compared, in merges too: a server that lost what it confirmed must not go unseen. */
  async #confirm(plan: CollectionPlan, checkpoint: Checkpoint, expected: number | undefined): Promise<void> {
    const options = this.#options
    if (options.skipData || options.retryRejected !== undefined) return
    const written = checkpoint.objects.count
    options.onProgress?.({collection: plan.className, completed: written, stage: 'confirm', total: expected})
    this.#checkCount(plan, checkpoint, await this.#count(plan))
  }

  #checkCount(plan: CollectionPlan, checkpoint: Checkpoint, live: number): void {
    const written = checkpoint.objects.count
    // A collection that was there may hold others as well.
    if (this.#created ? live === written : live >= written) return
    throw new DataOpsError(
      'CONTENT_DIFFERS',
      this.#created
        ? `"${plan.className}" has ${live} objects where ${written} were written.`
        : `"${plan.className}" has ${live} objects where at least the ${written} that were written should be.`,
      {details: {live, written}, hint: 'Find what differs with `verifyCollection`.'},
    )
  }

  /** Objects in the collection, or in those of its tenants that are restored. */
  async #count({className, multiTenant}: CollectionPlan): Promise<number> {
    if (!multiTenant) return this.#connection.count(className, undefined, this.#options.signal)
    const tenants = this.#tenants!
    let live = 0
    for (const group of tenants.groups()) {
      const objects = group.map((tenant) => ({tenant}))
      live += await tenants.whileActive(objects, async () =>
        countInTenants(this.#connection, className, group, this.#options.signal),
      )
    }

    return live
  }

  async #verify(tenants: WeaviateTenant[] | undefined): ReturnType<typeof compareCollection> {
    // It activates what is inactive by itself, a group at a time.
    await this.active.putBack()
    return compareCollection(this.#direct, this.#archive, {
      collection: this.target,
      concurrency: this.#options.concurrency,
      onProgress: this.#options.onProgress,
      signal: this.#options.signal,
      tenants: this.#options.tenants && tenants?.map(({name}) => name),
    })
  }

  /** Options that change what is written, so that another run cannot continue with others. */
  #binding(): string {
    const {merge, onConflict, overrides, skipData, tenants} = this.#options
    const text = JSON.stringify({
      merge: merge === true,
      onConflict: onConflict ?? 'overwrite',
      overrides: Object.entries(overrides ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
      skipData: skipData === true,
      tenants: [...(tenants ?? [])].sort(),
    })
    return toHex(nodePlatform.sha256(utf8(text))).slice(0, 16)
  }

  #conflict(count: number): DataOpsError {
    return new DataOpsError('COLLECTION_EXISTS', `${count} objects of the backup are in "${this.target}" already.`, {
      details: {objects: count},
      hint: "Use `onConflict: 'overwrite'` or `onConflict: 'skip'`.",
    })
  }

  /** What readers call the target. */
  get name(): string {
    return this.#atomicAlias ?? this.target
  }

  /** What is there and how to go on, whatever stopped it. */
  #unfinished(error: unknown, checkpoint: Checkpoint): unknown {
    if (!(error instanceof DataOpsError)) return error
    return error.with({
      details: {checkpoint: checkpoint.describe(), resumable: true, restored: checkpoint.objects.count},
      hint: `Run the same restore again to continue${this.#created ? `, or delete "${this.target}" and use \`restart: true\` to start over` : ''}.`,
      message: `${error.message} "${this.target}" has ${checkpoint.objects.count} objects of the backup so far.`,
    })
  }

  #warn(warning: Warning): void {
    this.#warnings.push(warning)
    this.#options.onWarning?.(warning)
  }
}
