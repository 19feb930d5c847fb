import type {BackupHead} from '../../codec/document.js'
import type {Connection} from '../../weaviate/connection.js'
import type {BackupResult} from '../backup/options.js'
import type {ClearOptions, ClearResult} from './options.js'

import {BackupCatalog} from '../../catalog/catalog.js'
import {openArchive} from '../../catalog/locate.js'
import {countObjects} from '../../flow/count-objects.js'
import {persistent} from '../../flow/persistent.js'
import {withActiveTenants} from '../../flow/tenants/activation.js'
import {DataOpsError} from '../../model/errors.js'
import {plural} from '../../model/plural.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {isOffloaded, type WeaviateTenant} from '../../model/tenant.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {levelAboveListed, replicationFactor} from '../../weaviate/replicas.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {SameServer} from '../../weaviate/same-server.js'
import {backUpCollection} from '../backup/backup.js'
import {checkConsistency, confirmationOf, DEFAULT_CONSISTENCY, isSampled} from '../confirmation.js'
import {keptWarnings, throttleOf, type Workplace} from '../options.js'
import {ReplicaWatch} from '../replica-watch.js'
import {restoreBackup} from '../restore/restore.js'
import {readActivationMarker, removeActivationMarker} from './activation-marker.js'
import {backUpFirst} from './backup-first.js'
import {deleteObjects, type Deletion} from './deletion.js'
import {type LeftDropMarker} from './drop-marker.js'
import {successorOf, takenByOthers} from './drop.js'
import {guaranteeOf} from './guarantee.js'
import {FreshObjects, HeldObjects, objectsKept, type Survey, survey} from './held.js'
import {removeMarker, writeMarker} from './marker.js'
import {checkAllListed, checkDroppable} from './plan.js'
import {type Quiet, waitUntilQuiet} from './quiet.js'
import {changeOfShape} from './shape.js'

export type Outcome = Omit<ClearResult, 'seconds'>

/** What the manager adds to what it was asked for. */
export interface ClearRun extends ClearOptions {
  /** Asked before each call that changes something. @throws when it must not be made. */
  guard?: () => Promise<void>
}

type Retrying = Pick<ClearOptions, 'maxRetries' | 'onWarning' | 'retryMaxWaitMs'>

/** One clear while it runs. */
export class Clear {
  #connection: Connection
  readonly #told: ReturnType<typeof keptWarnings>
  /** Deleted objects that were looked for by id. */
  #sampled = 0

  constructor(
    /** Its connection has no retries of its own. */
    private readonly at: Workplace,
    private readonly options: ClearRun,
  ) {
    const {consistency = DEFAULT_CONSISTENCY, guard, signal} = options
    checkConsistency(consistency)
    this.#told = keptWarnings(options)
    this.#connection = persistent(at.connection, {...this.#retrying(options), consistency, guard, signal})
  }

  /** Objects, those of inactive tenants too. */
  async count(schema: WeaviateClass): Promise<number> {
    await this.#putBack(schema)
    return this.#countAll(schema.class, await tenantsOf(this.#connection, schema))
  }

  async run(schema: WeaviateClass): Promise<Outcome> {
    if (replicationFactor(schema) <= 1) {
      const {guard, signal} = this.options
      this.#connection = persistent(this.at.connection, {...this.#retrying(this.options), guard, signal})
      return this.#run(schema)
    }

    const watch = new ReplicaWatch(this.#connection, schema, {
      signal: this.options.signal,
      warn: this.#told.onWarning,
      ...(!this.options.dryRun && {
        writes: {as: 'deleted', consistency: this.options.consistency ?? DEFAULT_CONSISTENCY},
      }),
    })
    await watch.begin()
    const outcome = await this.#run(schema)
    const replicas = (await watch.end())?.report
    const {consistency} = this.options
    const confirmation = confirmationOf(this.#connection, schema, {consistency, sample: this.#sampled})
    return {...outcome, ...(replicas && {replicas}), ...(!this.options.dryRun && {confirmation})}
  }

  async #run(schema: WeaviateClass): Promise<Outcome> {
    const name = schema.class
    await this.#putBack(schema)
    const tenants = await tenantsOf(this.#connection, schema)
    if (this.options.keepSchema === false) {
      checkDroppable(name, tenants ?? [])
      if (this.options.backupFirst) checkAllListed(this.#connection, schema)
    }

    const sameServer = new SameServer(this.#connection, schema, this.options)
    await sameServer.prove(tenants)
    if (this.options.dryRun) {
      return this.#result(name, {deleted: 0, remaining: await this.#countAll(name, tenants), tenants})
    }

    if (this.options.keepSchema === false) return this.#dropQuietly(schema)
    const backup = this.options.backupFirst ? await this.#backUpFirst(name) : undefined
    // As they are now: some may be newer than the backup, which then has nothing of theirs.
    return this.#empty(schema, await tenantsOf(this.#connection, schema), {backup, sameServer})
  }

  /**
   * An earlier run dropped the collection and ended before it was there again, with its tenants and aliases. undefined: it is there, and
   * nothing is left to do. @throws DataOpsError COLLECTION_EXISTS when another one with objects stands in its place.
   */
  async finishDrop(name: string, marker: LeftDropMarker): Promise<Outcome | undefined> {
    const {live, lost, state} = await successorOf(this.#connection, this.at.store, name, marker)
    if (state === 'restored') {
      if (lost) this.#told.onWarning(lost)
      if (!this.options.dryRun) await removeMarker('drop', name, this.at.store)
      return undefined
    }

    const path = this.at.store.describe(marker.backup)
    const foreign = state === 'foreign' ? live : undefined
    // Of what nobody has looked at, nobody knows whether a backup has it.
    if (foreign) checkAllListed(this.#connection, foreign)
    const objects = foreign ? await this.count(foreign) : 0
    if (objects > 0 && !this.options.backupFirst) throw takenByOthers(this.at.store, name, marker, objects)
    this.#warn('drop-finished', `"${name}" had been dropped by an interrupted clear; it is created again from ${path}.`)
    if (this.options.dryRun) return this.#result(name, {deleted: 0, remaining: objects, schemaFile: path})
    let backup: BackupResult | undefined
    let quiet: Quiet | undefined
    if (foreign) {
      backup = this.options.backupFirst && objects > 0 ? await this.#backUpFirst(name) : undefined
      quiet = await this.#waitUntilQuiet(foreign, await this.#heldBy(backup))
      if (!backup && quiet.found.objects > 0) throw takenByOthers(this.at.store, name, marker, quiet.found.objects)
      await this.#connection.deleteCollection(name)
    }

    const windowMs = quiet && performance.now() - quiet.started
    if (backup) {
      this.#warn(
        'others-saved',
        `Another program had made "${name}" in between and written ${plural(objects, 'object')}: they are in ${backup.path}, and can be merged.`,
        {objects, path: backup.path},
      )
    }

    const schemaFile = await this.#recreate(name, marker)
    const schema = await this.#connection.getCollection(name)
    const remaining = schema ? await this.#remaining(name, await tenantsOf(this.#connection, schema)) : 0
    return this.#result(name, {backup, deleted: quiet?.found.objects ?? 0, remaining, schemaFile, windowMs})
  }

  /** Tenants that an earlier run activated, and was killed before it could put them back. */
  async #putBack(schema: WeaviateClass): Promise<void> {
    if (!isMultiTenant(schema)) return
    const name = schema.class
    await this.at.notes.putBack(this.#connection, name, this.#told.onWarning, this.options)
    const marker = await readActivationMarker(this.at.store, name)
    if (marker?.server !== this.#connection.describe) return
    const there = new Set((await this.#connection.listTenants(name)).map((tenant) => tenant.name))
    const tenants = marker.tenants.filter((tenant) => there.has(tenant.name))
    if (tenants.length > 0) await this.#connection.setTenantStatus(name, tenants)
    await removeActivationMarker(this.at.store, name)
  }

  /** In inactive tenants too, which are activated meanwhile; not in offloaded ones. */
  async #countAll(name: string, tenants: WeaviateTenant[] | undefined): Promise<number> {
    const {signal} = this.options
    if (!tenants) return countObjects(this.#connection, name, undefined, signal)
    const reachable = tenants.filter((tenant) => !isOffloaded(tenant))
    const counts: number[] = []
    const note = this.at.notes.begin(this.#connection.describe)
    await withActiveTenants(this.#connection, {className: name, note, signal, tenants: reachable}, async (group) => {
      const names = group.map((tenant) => tenant.name)
      counts.push(await countObjects(this.#connection, name, names, signal))
    })
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async #countActive(name: string, tenants: WeaviateTenant[] | undefined): Promise<number> {
    return this.#countAll(
      name,
      tenants?.filter(({status}) => status === 'HOT'),
    )
  }

  async #backUpFirst(name: string): Promise<BackupResult> {
    return backUpFirst(this.at, name, this.options)
  }

  /** undefined without a backup. */
  async #heldBy(backup: BackupResult | undefined): Promise<HeldObjects | undefined> {
    if (!backup) return undefined
    const {archive} = await openArchive(backup.path, this.at.store)
    return HeldObjects.of(archive, this.options.signal)
  }

  async #empty(
    schema: WeaviateClass,
    tenants: WeaviateTenant[] | undefined,
    {backup, sameServer}: {backup: BackupResult | undefined; sameServer: SameServer},
  ): Promise<Outcome> {
    const name = schema.class
    const {signal} = this.options
    const offloaded = tenants?.filter((tenant) => isOffloaded(tenant)) ?? []
    if (offloaded.length > 0) {
      this.#warn('tenants-skipped', `${offloaded.length} offloaded tenants of "${name}" were left as they are.`, {
        tenants: offloaded.map((tenant) => tenant.name),
      })
    }

    const {consistency = DEFAULT_CONSISTENCY} = this.options
    const deletion = await deleteObjects({
      connection: this.#connection,
      ...(isSampled(this.#connection, schema) && {sampleAt: consistency}),
      held: await this.#heldBy(backup),
      newestAt: levelAboveListed(this.#connection, schema, consistency),
      notes: this.at.notes,
      onProgress: this.options.onProgress,
      plan: planCollection(schema),
      sameServer,
      signal,
      tenants: tenants?.filter((tenant) => !isOffloaded(tenant)),
      throttle: throttleOf(this.options),
      total: backup?.objectCount ?? (await this.#countActive(name, tenants)),
    })
    this.#sampled = deletion.sampled
    if (deletion.stillThere.length > 0) {
      this.#warn(
        'objects-remain',
        `${deletion.stillThere.length} of ${deletion.sampled} objects that were deleted can still be read at ${consistency}.`,
        {objects: deletion.stillThere},
      )
    }

    if (deletion.fresh.count > 0) this.#told.onWarning(objectsKept(name, deletion.fresh))
    const remaining = await this.#remaining(name, tenants, deletion)
    return this.#result(name, {
      backup,
      deleted: deletion.deleted,
      kept: deletion.fresh.count,
      remaining,
      tenants,
      ...(backup && {windowMs: deletion.windowMs}),
    })
  }

  /** Counts what is there after a clear, and warns of what was written meanwhile. */
  async #remaining(name: string, tenants: WeaviateTenant[] | undefined, deletion?: Deletion): Promise<number> {
    const remaining = (deletion?.leftInInactive ?? 0) + (await this.#countActive(name, tenants))
    const written = remaining - (deletion?.fresh.count ?? 0)
    if (written > 0) {
      this.#warn(
        'objects-remain',
        `${plural(written, 'object was', 'objects were')} written to "${name}" while it was being cleared.`,
        {remaining: written},
      )
    }

    return remaining
  }

  /** Backs up, compares, and drops once nothing changes any more. */
  async #dropQuietly(schema: WeaviateClass): Promise<Outcome> {
    const name = schema.class
    const backup = this.options.backupFirst ? await this.#backUpFirst(name) : undefined
    const held = await this.#heldBy(backup)
    const {signal} = this.options
    // Before the last look, so that nothing but the drop comes after it.
    const saved = await backUpCollection(this.at, name, {
      ...this.#retrying(this.options),
      includeData: false,
      signal,
    })
    let quiet: Quiet
    let marker: LeftDropMarker
    try {
      const {archive} = await openArchive(saved.path, this.at.store)
      quiet = await this.#waitUntilQuiet(schema, held, archive.head)
      // A marker would speak of a drop that never was.
      await this.options.guard?.()
      const said = {backup: this.#nameOf(saved), server: this.#connection.describe}
      marker = {...said, file: await writeMarker('drop', name, {marker: said, store: this.at.store})}
    } catch (error) {
      // Kept where a marker names it.
      await new BackupCatalog(this.at.store).remove(saved.id).catch(() => undefined)
      throw error
    }

    await this.#connection.deleteCollection(name)
    const windowMs = performance.now() - quiet.started
    const schemaFile = await this.#recreate(name, marker)
    return this.#result(name, {
      backup,
      deleted: quiet.found.objects,
      remaining: await this.#remaining(name, await tenantsOf(this.#connection, schema)),
      schemaFile,
      ...(backup && {windowMs}),
    })
  }

  /** With a backup every id and update time is looked at, else the number of objects. */
  async #waitUntilQuiet(
    schema: WeaviateClass,
    held: HeldObjects | undefined,
    /** What will be made again. */
    head?: BackupHead,
  ): Promise<Quiet> {
    return waitUntilQuiet(schema.class, async () => this.#look(schema, held, head), this.options)
  }

  async #look(schema: WeaviateClass, held: HeldObjects | undefined, head?: BackupHead): Promise<Survey> {
    const {signal} = this.options
    if (held) return survey({connection: this.#connection, head, held, notes: this.at.notes, schema, signal})
    const tenants = await tenantsOf(this.#connection, schema)
    checkDroppable(schema.class, tenants ?? [])
    const changed = head && (await changeOfShape(this.#connection, head, tenants))
    return {changed, fresh: new FreshObjects(), objects: await this.#countAll(schema.class, tenants)}
  }

  async #recreate(name: string, marker: LeftDropMarker): Promise<string> {
    const path = this.at.store.describe(marker.backup)
    try {
      // No signal: what was dropped is created again, whatever happens.
      await restoreBackup(this.at, path, {...this.#retrying(this.options), skipData: true})
    } catch (error) {
      const {live, state} = await successorOf(this.#connection, this.at.store, name, marker).catch(() => ({
        live: undefined,
        state: 'gone' as const,
      }))
      if (live && state === 'foreign') throw takenByOthers(this.at.store, name, marker, await this.count(live))
      const message = error instanceof DataOpsError ? error.message : String(error)
      throw new DataOpsError('UNEXPECTED', `"${name}" was dropped and could not be created again: ${message}`, {
        cause: error,
        details: {schema: path},
        hint: `Its schema is in ${path}: run the same clear again, or \`restoreCollection\` ${path} with \`skipData: true\`.`,
      })
    }

    await removeMarker('drop', name, this.at.store)
    return path
  }

  #nameOf(backup: BackupResult): string {
    return backup.path.slice(this.at.store.describe('').length).replace(/^[/\\]+/, '')
  }

  #retrying({maxRetries, onWarning, retryMaxWaitMs}: ClearOptions): Retrying {
    return {maxRetries, onWarning: (warning) => onWarning?.(warning), retryMaxWaitMs}
  }

  #result(
    collection: string,
    result: Partial<Pick<ClearResult, 'backup' | 'kept' | 'schemaFile' | 'windowMs'>> &
      Pick<ClearResult, 'deleted' | 'remaining'> & {tenants?: WeaviateTenant[]},
  ): Outcome {
    const {backup, deleted, kept = 0, remaining, schemaFile, tenants, windowMs} = result
    const notCounted = (tenants ?? []).filter((tenant) => isOffloaded(tenant)).map(({name}) => name)
    return {
      collection,
      dryRun: this.options.dryRun === true,
      deleted,
      kept,
      remaining,
      ...(backup && {backup}),
      ...(windowMs !== undefined && {
        guarantee: guaranteeOf(windowMs, this.options.keepSchema === false || schemaFile !== undefined),
        windowMs: Math.ceil(windowMs),
      }),
      ...(schemaFile !== undefined && {schemaFile}),
      ...(notCounted.length > 0 && {tenantsNotCounted: notCounted}),
      warnings: this.#told.warnings,
    }
  }

  #warn(code: string, message: string, details?: Record<string, unknown>): void {
    this.#told.onWarning({code, details, message})
  }
}
