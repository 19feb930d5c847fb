import type {Connection} from '../../weaviate/connection.js'
import type {RestoreOptions, RestoreResult, RestoreRunOptions} from './options.js'

import {checkOneName, type ManagerOptions, type Workplace, workplaceOf} from '../options.js'
import {checkRestoreOptions} from './checks.js'
import {restoreBackup, restoreBackups, type RestoredBackups} from './restore.js'

/** Restores backups into collections. */
export class RestoreManager {
  readonly #at: Workplace

  constructor(connection: Connection, options: ManagerOptions = {}) {
    this.#at = workplaceOf(connection, options)
  }

  /**
   * Restores a backup, given by path or by catalog id, or a collection of an export that the server has made, given by its folder or URL
   * (`exports/nightly#Article`; with `schemaFrom`). A run that was interrupted is continued from its checkpoint.
   * @throws DataOpsError NOT_A_BACKUP, BACKUP_DAMAGED, COLLECTION_EXISTS, SCHEMA_MISMATCH, CHECKPOINT, INVALID_INPUT, INTERRUPTED, CONTENT_DIFFERS when
   * what was restored is not what the backup holds, or what the server answered once retries are used up.
   */
  async restoreCollection(backup: string, options: RestoreOptions = {}): Promise<RestoreResult> {
    return restoreBackup(this.#at, backup, options)
  }

  /** Restores several backups, or all collections of exports, in an order that references between them allow. */
  async restoreCollections(backups: readonly string[], options: RestoreRunOptions = {}): Promise<RestoredBackups> {
    checkRestoreOptions(options)
    checkOneName(options.name, backups.length, 'Restore them one by one, or leave out `name`.')
    return restoreBackups(this.#at, backups, options)
  }
}
