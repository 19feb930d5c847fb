import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {BackupOptions, BackupResult, BackupRunOptions, BackupRunResult} from './options.js'

import {persistent} from '../../flow/persistent.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {withDetails} from '../../model/errors.js'
import {randomUUID} from '../../platform/node.js'
import {openStore} from '../../store/open.js'
import {resolveCollection} from '../../weaviate/resolve.js'
import {DEFAULT_DIRECTORY, type ManagerOptions, tenantNotes} from '../options.js'
import {backUpCollection} from './backup.js'
import {checkOptions} from './plan.js'

/** Takes backups of collections. */
export class BackupManager {
  readonly #connection: Connection
  readonly #notes: TenantNotes
  readonly #store: Store

  constructor(connection: Connection, options: ManagerOptions = {}) {
    this.#connection = connection
    this.#store = options.store ?? openStore(options.directory ?? DEFAULT_DIRECTORY)
    this.#notes = tenantNotes(this.#store, options.stateDirectory)
  }

  /**
   * Backs up one collection, given by name or alias: sealed in the store and listed in its catalog, or absent.
   * @throws DataOpsError COLLECTION_MISSING, INVALID_INPUT, STORAGE, INTERRUPTED, or what the server answered once retries are used up.
   */
  async backupCollection(name: string, options: BackupOptions = {}): Promise<BackupResult> {
    return backUpCollection(this.#connection, this.#store, name, options, this.#notes)
  }

  /** Backs up several collections (or all there are), one after another, under one run id. The first failure ends the run; what is sealed stays, and stands in `error.details.finished`. */
  async backupCollections(names: readonly string[] | 'all', options: BackupRunOptions = {}): Promise<BackupRunResult> {
    checkOptions(options)
    const runId = options.runId ?? randomUUID()
    const connection = persistent(this.#connection, options)
    const wanted = names === 'all' ? (await connection.listCollections()).map((schema) => schema.class).sort() : names
    // A wrong name is reported before anything is written.
    const collections = new Map<string, string>()
    for (const name of wanted) collections.set((await resolveCollection(connection, name)).schema.class, name)
    const backups: BackupResult[] = []
    for (const name of collections.values()) {
      try {
        const backup = await this.backupCollection(name, {...options, runId})
        backups.push(backup)
        await options.onSealed?.(backup)
      } catch (error) {
        throw withDetails(error, {collection: name, finished: backups, runId})
      }
    }

    return {backups, runId}
  }
}
