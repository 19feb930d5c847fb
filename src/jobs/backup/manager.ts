import type {Connection} from '../../weaviate/connection.js'
import type {BackupOptions, BackupResult, BackupRunOptions, BackupRunResult, FailedBackup} from './options.js'

import {persistent} from '../../flow/persistent.js'
import {withDetails} from '../../model/errors.js'
import {randomUUID} from '../../platform/node.js'
import {checkEncryption, encryptionOf} from '../../store/encryption.js'
import {resolveCollection} from '../../weaviate/resolve.js'
import {isPassedOver, type ManagerOptions, type Workplace, workplaceOf} from '../options.js'
import {wantedCollections} from '../wanted-collections.js'
import {backUpCollection} from './backup.js'
import {checkOptions} from './plan.js'
import {backUpViaExport, type ExportBackupOptions} from './via-export.js'

/** Takes backups of collections. */
export class BackupManager {
  readonly #at: Workplace

  constructor(connection: Connection, options: ManagerOptions = {}) {
    this.#at = workplaceOf(connection, options)
  }

  /**
   * Backs up one collection, given by name or alias: sealed in the store and listed in its catalog, or absent.
   * @throws DataOpsError COLLECTION_MISSING, INVALID_INPUT, STORAGE, INTERRUPTED, or what the server answered once retries are used up.
   */
  async backupCollection(name: string, options: BackupOptions = {}): Promise<BackupResult> {
    return backUpCollection(this.#at, name, options)
  }

  /**
   * Has the server export collections (or all there are) by itself, follows it, and lists each as a backup whose objects lie there. When
   * the signal fires the export is cancelled.
   * @throws DataOpsError INVALID_INPUT on servers before 1.37; SERVER_REFUSED when it is switched off, or fails; COLLECTION_MISSING; INTERRUPTED.
   */
  async exportCollections(names: readonly string[] | 'all', options: ExportBackupOptions): Promise<BackupRunResult> {
    return backUpViaExport(this.#at, names, options)
  }

  /**
   * Backs up several collections (or all there are), one after another, under one run id; names may be patterns (`Art*`). The first failure ends the run, unless with `keepGoing`;
   * what is sealed stays, and stands in `error.details.finished`.
   * @throws DataOpsError as `backupCollection`; COLLECTION_MISSING when a pattern matches nothing.
   */
  async backupCollections(names: readonly string[] | 'all', options: BackupRunOptions = {}): Promise<BackupRunResult> {
    checkOptions(options)
    await checkEncryption(encryptionOf(this.#at.store))
    const runId = options.runId ?? randomUUID()
    const connection = persistent(this.#at.connection, options)
    const backups: BackupResult[] = []
    const failed: FailedBackup[] = []
    const attempt = async (name: string, step: () => Promise<void>): Promise<void> => {
      try {
        await step()
      } catch (error) {
        if (!isPassedOver(error, options)) throw withDetails(error, {collection: name, finished: backups, runId})
        failed.push({collection: name, error})
      }
    }

    // A wrong name is reported before anything is written.
    const collections = new Map<string, string>()
    for (const name of await wantedCollections(connection, names, options.exclude)) {
      await attempt(name, async () => {
        collections.set((await resolveCollection(connection, name)).schema.class, name)
      })
    }

    if (names === 'all' && collections.size === 0) await warnOfNothing(connection, this.#at.connection, options)
    for (const name of collections.values()) {
      await attempt(name, async () => {
        const backup = await this.backupCollection(name, {...options, runId})
        backups.push(backup)
        await options.onSealed?.(backup)
      })
    }

    return {backups, ...(failed.length > 0 && {failed}), runId}
  }
}

/** A server that shows no collection may have none, or none that these credentials may see. */
async function warnOfNothing(
  connection: Connection,
  {about}: Connection,
  {onWarning}: BackupRunOptions,
): Promise<void> {
  const {describe} = connection
  // All are excluded.
  if ((await connection.listCollections()).length > 0) return
  const permissions = await about?.permissions()
  if (permissions?.includes('read_collections')) return
  onWarning?.({
    code: 'no-collections',
    details: {server: describe},
    message: `${describe} shows no collection, and does not say whether these credentials may see all: it may have some.`,
  })
}
