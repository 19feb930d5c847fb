import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {RestoreOptions, RestoreResult, RestoreRunOptions} from './options.js'

import {openArchive} from '../../catalog/locate.js'
import {DataOpsError, withDetails} from '../../model/errors.js'
import {type WeaviateClass} from '../../model/schema.js'
import {openStore} from '../../store/open.js'
import {DEFAULT_DIRECTORY, type ManagerOptions} from '../options.js'
import {orderByReferences} from './order.js'
import {checkRestoreOptions} from './plan.js'
import {Restore, restoreBackup} from './restore.js'

/** Restores backups into collections. */
export class RestoreManager {
  readonly #connection: Connection
  readonly #store: Store

  constructor(connection: Connection, options: ManagerOptions = {}) {
    this.#connection = connection
    this.#store = options.store ?? openStore(options.directory ?? DEFAULT_DIRECTORY)
  }

  /**
   * Restores a backup, given by path or by catalog id. A run that was interrupted is continued from its checkpoint.
   * @throws DataOpsError NOT_A_BACKUP, BACKUP_DAMAGED, COLLECTION_EXISTS, SCHEMA_MISMATCH, CHECKPOINT, INVALID_INPUT, INTERRUPTED, CONTENT_DIFFERS when
   * what was restored is not what the backup holds, or what the server answered once retries are used up.
   */
  async restoreCollection(backup: string, options: RestoreOptions = {}): Promise<RestoreResult> {
    return restoreBackup(this.#connection, this.#store, backup, options)
  }

  /** Restores several backups in an order that references between their collections allow. */
  async restoreCollections(
    backups: readonly string[],
    options: RestoreRunOptions = {},
  ): Promise<{collections: RestoreResult[]}> {
    checkRestoreOptions(options)
    if (options.name !== undefined && backups.length > 1) {
      throw new DataOpsError('INVALID_INPUT', 'One name cannot be given to several collections.', {
        hint: 'Restore them one by one, or leave out `name`.',
      })
    }

    const restores: Array<{restore: Restore; schema: WeaviateClass}> = []
    for (const backup of backups) {
      const opened = await openArchive(backup, this.#store, {acceptUnsealed: options.acceptChanged})
      const restore = new Restore(this.#connection, opened, options, restores[0]?.restore.active)
      restores.push({restore, schema: opened.archive.head.schema})
    }

    checkTargets(restores.map(({restore}) => restore.name))
    const ordered = orderByReferences(restores)
    try {
      return {
        collections: await this.#restoreInOrder(
          ordered.map(({restore}) => restore),
          options,
        ),
      }
    } finally {
      for (const {restore} of ordered) await restore.release()
    }
  }

  async #restoreInOrder(ordered: readonly Restore[], options: RestoreRunOptions): Promise<RestoreResult[]> {
    const companions = new Set(ordered.map(({target}) => target))
    // All are checked before any is created, and all are created before any has objects: references may go in circles.
    for (const restore of ordered) await restore.check(companions)
    if (!options.dryRun) for (const restore of ordered) await restore.create()
    // References come last of all: a collection with tenants takes only those whose target is there.
    const isInSteps = !options.dryRun && options.retryRejected === undefined
    const steps = isInSteps ? (['start', 'writeObjects', 'writeReferences'] as const) : []
    const collections: RestoreResult[] = []
    const seconds = new Map<Restore, number>()
    const timed = async <T>(restore: Restore, step: () => Promise<T>): Promise<T> => {
      const started = performance.now()
      try {
        return await step()
      } catch (error) {
        for (const other of ordered) await other.leave()
        throw withDetails(error, {collection: restore.target, finished: collections})
      } finally {
        seconds.set(restore, (seconds.get(restore) ?? 0) + (performance.now() - started) / 1000)
      }
    }

    for (const step of steps) for (const restore of ordered) await timed(restore, async () => restore[step]())
    for (const restore of ordered) {
      const result = await timed(restore, async () => (isInSteps ? restore.finish() : restore.run()))
      const restored = {...result, seconds: seconds.get(restore)!}
      collections.push(restored)
      await timed(restore, async () => options.onConfirmed?.(restored))
    }

    // Not one by one: when a later one fails, the next run must know the earlier ones for its own.
    if (isInSteps) for (const restore of ordered) await restore.forget()
    return collections
  }
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
