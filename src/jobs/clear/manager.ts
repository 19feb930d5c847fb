import type {Warning} from '../../model/progress.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {BackupResult} from '../backup/options.js'
import type {ClearOptions, ClearResult} from './options.js'

import {persistent} from '../../flow/persistent.js'
import {withActiveTenants} from '../../flow/tenants/activation.js'
import {countInTenants} from '../../flow/tenants/count.js'
import {Throttle} from '../../flow/throttle.js'
import {DataOpsError} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {openStore} from '../../store/open.js'
import {collectionMissing} from '../../weaviate/resolve.js'
import {SameServer} from '../../weaviate/same-server.js'
import {backUpCollection} from '../backup/backup.js'
import {DEFAULT_CONCURRENCY, DEFAULT_DIRECTORY, type ManagerOptions} from '../options.js'
import {Checkpoint} from '../restore/checkpoint.js'
import {restoreBackup} from '../restore/restore.js'
import {Verifier} from '../verify/verifier.js'
import {readActivationMarker, removeActivationMarker, writeActivationMarker} from './activation-marker.js'
import {type DropMarker, readDropMarker, removeDropMarker, writeDropMarker} from './drop-marker.js'
import {checkDroppable, checkProtected, isOffloaded} from './plan.js'

/** Empties collections. */
export class ClearManager {
  readonly #connection: Connection
  readonly #store: Store

  constructor(connection: Connection, options: ManagerOptions = {}) {
    this.#connection = connection
    this.#store = options.store ?? openStore(options.directory ?? DEFAULT_DIRECTORY)
  }

  /** Objects in a collection, in its active tenants. @throws DataOpsError COLLECTION_MISSING; INVALID_INPUT for an alias. */
  async count(name: string, signal?: AbortSignal): Promise<number> {
    const schema = await this.#collection(name)
    const tenants = isMultiTenant(schema) ? await this.#connection.listTenants(schema.class) : undefined
    return countObjects(
      this.#connection,
      schema.class,
      tenants?.filter(({status}) => status === 'HOT'),
      signal,
    )
  }

  /**
   * Deletes all objects of a collection, and nothing else. With `keepSchema: false` it is dropped and created again.
   * @throws DataOpsError COLLECTION_MISSING, INVALID_INPUT for an alias or (`keepSchema: false`) offloaded tenants, NOT_CONFIRMED for a protected name, BACKUP_DAMAGED when the backup taken first
   * does not hold, INTERRUPTED, or what the server answered once retries are used up.
   */
  async clearCollection(name: string, options: ClearOptions = {}): Promise<ClearResult> {
    const started = performance.now()
    checkProtected(name, options)
    const clear = new Clear(this.#connection, this.#store, options)
    const marker = await readDropMarker(this.#store, name)
    const result =
      marker && (await this.#isInterrupted(name, marker))
        ? await clear.finishDrop(name, marker)
        : await clear.run(await this.#collection(name))
    return {...result, seconds: (performance.now() - started) / 1000}
  }

  /** Whether a drop was begun and the collection is not yet what it was: absent, or created without all that belongs to it. */
  async #isInterrupted(name: string, {backup, server}: DropMarker): Promise<boolean> {
    if (server !== this.#connection.describe) return false
    if (!(await this.#connection.getCollection(name))) return true
    return Checkpoint.exists(this.#store, backup, {server, target: name})
  }

  async #collection(name: string): Promise<WeaviateClass> {
    const alias = (await this.#connection.listAliases()).find((candidate) => candidate.alias === name)
    if (alias) {
      throw new DataOpsError('INVALID_INPUT', `"${name}" is an alias of "${alias.collection}".`, {
        details: {alias: name, collection: alias.collection},
        hint: `To clear that collection, name it: ${alias.collection}.`,
      })
    }

    const schema = await this.#connection.getCollection(name)
    if (!schema) throw await collectionMissing(this.#connection, name)
    return schema
  }
}

/** One clear while it runs. */
class Clear {
  readonly #connection: Connection
  /** Without retries of its own. */
  readonly #direct: Connection
  readonly #options: ClearOptions
  readonly #store: Store
  readonly #warnings: Warning[] = []

  constructor(connection: Connection, store: Store, options: ClearOptions) {
    const {maxRetries, onWarning, retryMaxWaitMs, signal} = options
    this.#connection = persistent(connection, {maxRetries, onWarning, retryMaxWaitMs, signal})
    this.#direct = connection
    this.#store = store
    this.#options = options
  }

  async run(schema: WeaviateClass): Promise<Omit<ClearResult, 'seconds'>> {
    const {signal} = this.#options
    const name = schema.class
    if (!this.#options.dryRun) await this.#putBack(name)
    const tenants = isMultiTenant(schema) ? await this.#connection.listTenants(name) : undefined
    if (this.#options.keepSchema === false) checkDroppable(name, tenants ?? [])
    const sameServer = new SameServer(this.#connection, schema, this.#options)
    await sameServer.prove(tenants)
    const active = tenants?.filter(({status}) => status === 'HOT')
    const total = await countObjects(this.#connection, name, active, signal)
    if (this.#options.dryRun) return this.#result(name, {deleted: 0, remaining: total})
    const backup = this.#options.backupFirst ? await this.#backUpFirst(name) : undefined
    if (this.#options.keepSchema === false) {
      const schemaFile = await this.#drop(name)
      return this.#result(name, {backup, deleted: total, remaining: 0, schemaFile})
    }

    return this.#result(name, {backup, ...(await this.#deleteObjects(name, tenants, {sameServer, total}))})
  }

  /** Tenants that an earlier run activated, and was killed before it could put them back. */
  async #putBack(name: string): Promise<void> {
    const marker = await readActivationMarker(this.#store, name)
    if (marker?.server !== this.#connection.describe) return
    const there = new Set((await this.#connection.listTenants(name)).map((tenant) => tenant.name))
    const tenants = marker.tenants.filter((tenant) => there.has(tenant.name))
    if (tenants.length > 0) await this.#connection.setTenantStatus(name, tenants)
    await removeActivationMarker(this.#store, name)
  }

  /** An earlier run dropped the collection and ended before it was there again, with its tenants and aliases. */
  async finishDrop(name: string, marker: DropMarker): Promise<Omit<ClearResult, 'seconds'>> {
    const path = this.#store.describe(marker.backup)
    this.#warn('drop-finished', `"${name}" had been dropped by an interrupted clear; it is created again from ${path}.`)
    if (this.#options.dryRun) return this.#result(name, {deleted: 0, remaining: 0, schemaFile: path})
    const schemaFile = await this.#recreate(name, marker)
    const schema = await this.#connection.getCollection(name)
    const tenants = schema && isMultiTenant(schema) ? await this.#connection.listTenants(name) : undefined
    const remaining = await this.#remaining(name, tenants)
    return this.#result(name, {deleted: 0, remaining, schemaFile})
  }

  /** Counts what is there after a clear, and warns of it. `inactive`: what was counted in tenants that are inactive again. */
  async #remaining(name: string, tenants: WeaviateTenant[] | undefined, inactive = 0): Promise<number> {
    const active = tenants?.filter(({status}) => status === 'HOT')
    const remaining = inactive + (await countObjects(this.#connection, name, active, this.#options.signal))
    if (remaining > 0) {
      this.#warn('objects-remain', `${remaining} objects were written to "${name}" while it was being cleared.`, {
        remaining,
      })
    }

    return remaining
  }

  async #backUpFirst(name: string): Promise<BackupResult> {
    const options = typeof this.#options.backupFirst === 'object' ? this.#options.backupFirst : {}
    const {maxRetries, onProgress, onWarning, retryMaxWaitMs, signal} = this.#options
    const backup = await backUpCollection(this.#direct, this.#store, name, {
      maxRetries,
      onProgress,
      onWarning,
      retryMaxWaitMs,
      signal,
      ...options,
    })
    const skipped = backup.tenants?.skipped ?? []
    if (skipped.length > 0) {
      throw new DataOpsError(
        'INVALID_INPUT',
        `The backup lacks ${skipped.length} tenants (${skipped[0]!.reason}), so nothing was cleared.`,
        {
          hint: 'Onload them, or have them onloaded for the backup with `includeOffloaded: true`.',
        },
      )
    }

    if (!backup.complete) {
      throw new DataOpsError(
        'INCOMPLETE',
        `The backup lacks objects that the server counted, so nothing was cleared.`,
        {
          details: {backup: backup.path, counted: backup.counted, missing: backup.missing},
          hint: `What could be read is in ${backup.path}.`,
        },
      )
    }

    const {problems} = await new Verifier({store: this.#store}).verifyBackup(backup.path, {onProgress, signal})
    if (problems.length > 0) {
      throw new DataOpsError(
        'BACKUP_DAMAGED',
        `The backup taken first does not hold (${problems[0]!.message}), so nothing was cleared.`,
        {
          details: {problems},
          hint: `Look at ${backup.path} and at the disk it is on.`,
        },
      )
    }

    return backup
  }

  /** Drops and creates again. The schema, tenants and aliases are in a sealed backup before the drop. Returns where. */
  async #drop(name: string): Promise<string> {
    const {maxRetries, onWarning, retryMaxWaitMs, signal} = this.#options
    const saved = await backUpCollection(this.#direct, this.#store, name, {
      includeData: false,
      maxRetries,
      onWarning,
      retryMaxWaitMs,
      signal,
    })
    const marker: DropMarker = {backup: this.#nameOf(saved), server: this.#connection.describe}
    await writeDropMarker(this.#store, name, marker)
    await this.#connection.deleteCollection(name)
    return this.#recreate(name, marker)
  }

  async #recreate(name: string, marker: DropMarker): Promise<string> {
    const path = this.#store.describe(marker.backup)
    // No signal: what was dropped is created again, whatever happens.
    const {maxRetries, onWarning, retryMaxWaitMs} = this.#options
    try {
      await restoreBackup(this.#direct, this.#store, path, {
        maxRetries,
        onWarning,
        retryMaxWaitMs,
        skipData: true,
      })
    } catch (error) {
      const message = error instanceof DataOpsError ? error.message : String(error)
      throw new DataOpsError('UNEXPECTED', `"${name}" was dropped and could not be created again: ${message}`, {
        cause: error,
        details: {schema: path},
        hint: `Its schema is in ${path}: run the same clear again, or \`restoreCollection\` ${path} with \`skipData: true\`.`,
      })
    }

    await removeDropMarker(this.#store, name)
    return path
  }

  #nameOf(backup: BackupResult): string {
    return backup.path.slice(this.#store.describe('').length).replace(/^[/\\]+/, '')
  }

  async #deleteObjects(
    name: string,
    tenants: WeaviateTenant[] | undefined,
    {sameServer, total}: {sameServer: SameServer; total: number},
  ): Promise<Pick<ClearResult, 'deleted' | 'remaining'>> {
    let deleted = 0
    /** Found in tenants that are inactive again. */
    let written = 0
    const {maxRetries, retryMaxWaitMs, signal} = this.#options
    const throttle = new Throttle({
      concurrency: DEFAULT_CONCURRENCY,
      maxRetries,
      onWarning: (warning) => this.#options.onWarning?.(warning),
      retryMaxWaitMs,
      signal,
    })
    /** Ends when as many are gone as there were: what others write meanwhile is not fought, or it would never end. */
    const empty = async (tenant?: string): Promise<void> => {
      const goal = await this.#connection.count(name, tenant, signal)
      let gone = 0
      for (;;) {
        const reply = await throttle.run(async () => this.#connection.deleteObjects({collection: name, signal, tenant}))
        deleted += reply.deleted
        gone += reply.deleted
        this.#options.onProgress?.({
          collection: name,
          completed: deleted,
          stage: 'clear',
          total: Math.max(total, deleted),
        })
        if (reply.matched === 0 || (gone >= goal && reply.deleted > 0)) return
        if (reply.deleted === 0) {
          throw new DataOpsError(
            'SERVER_REFUSED',
            `The server matched ${reply.matched} objects of "${name}" and deleted none.`,
            {
              hint: 'See the log of the server.',
            },
          )
        }
      }
    }

    if (!tenants) {
      await empty()
      return {deleted, remaining: await this.#remaining(name, tenants)}
    }

    const frozen = tenants.filter((tenant) => isOffloaded(tenant))
    if (frozen.length > 0) {
      this.#warn('tenants-skipped', `${frozen.length} offloaded tenants of "${name}" were left as they are.`, {
        tenants: frozen.map((tenant) => tenant.name),
      })
    }

    const reachable = tenants.filter((tenant) => !frozen.includes(tenant))
    const inactive = reachable.filter(({status}) => status !== 'HOT')
    if (inactive.length > 0) {
      await writeActivationMarker(this.#store, name, {server: this.#connection.describe, tenants: inactive})
    }

    await withActiveTenants(this.#connection, name, reachable, {signal}, async (group) => {
      await sameServer.prove(group.map(({name: tenant}) => ({name: tenant, status: 'HOT'})))
      await inParallel(group, {atOnce: DEFAULT_CONCURRENCY, signal}, async (tenant) => empty(tenant.name))
      // The others are counted once all is done; these cannot be counted then.
      if (!inactive.includes(group[0]!)) return
      const found = await countObjects(this.#connection, name, group, signal)
      written += found
    })
    if (inactive.length > 0) await removeActivationMarker(this.#store, name)
    return {deleted, remaining: await this.#remaining(name, tenants, written)}
  }

  #result(
    collection: string,
    result: Pick<ClearResult, 'backup' | 'deleted' | 'remaining' | 'schemaFile'>,
  ): Omit<ClearResult, 'seconds'> {
    return {
      collection,
      dryRun: this.#options.dryRun === true,
      deleted: result.deleted,
      remaining: result.remaining,
      ...(result.backup && {backup: result.backup}),
      ...(result.schemaFile !== undefined && {schemaFile: result.schemaFile}),
      warnings: this.#warnings,
    }
  }

  #warn(code: string, message: string, details?: Record<string, unknown>): void {
    const warning = {code, details, message}
    this.#warnings.push(warning)
    this.#options.onWarning?.(warning)
  }
}

/** Counted a few tenants at a time. */
async function countObjects(
  connection: Connection,
  name: string,
  tenants: WeaviateTenant[] | undefined,
  signal?: AbortSignal,
): Promise<number> {
  if (!tenants) return connection.count(name, undefined, signal)
  const names = tenants.map((tenant) => tenant.name)
  return countInTenants(connection, name, names, signal)
}
