import type {Connection} from '../../weaviate/connection.js'
import type {BackupOptions, BackupResult, BackupRunOptions, BackupRunResult, FailedBackup} from './options.js'

import {persistent} from '../../flow/persistent.js'
import {DataOpsError, withDetails} from '../../model/errors.js'
import {isPattern, matchesPattern} from '../../model/pattern.js'
import {randomUUID} from '../../platform/node.js'
import {checkEncryption, encryptionOf} from '../../store/encryption.js'
import {resolveCollection} from '../../weaviate/resolve.js'
import {type ManagerOptions, type Workplace, workplaceOf} from '../options.js'
import {backUpCollection} from './backup.js'
import {checkOptions} from './plan.js'

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
    return backUpCollection(this.#at.connection, this.#at.store, name, options, this.#at.notes)
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
        const isOver = !options.keepGoing || !(error instanceof DataOpsError) || error.code === 'INTERRUPTED'
        if (isOver) throw withDetails(error, {collection: name, finished: backups, runId})
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

/** Patterns as the names that they match, without what is excluded. @throws DataOpsError COLLECTION_MISSING when one matches nothing. */
async function wantedCollections(
  connection: Connection,
  names: readonly string[] | 'all',
  exclude: readonly string[] = [],
): Promise<string[]> {
  const given = names === 'all' ? ['*'] : names
  const needsAll = given.some((name) => isPattern(name))
  const all = needsAll ? (await connection.listCollections()).map((schema) => schema.class).sort() : []
  const wanted = given.flatMap((name) => {
    if (!isPattern(name)) return [name]
    const matching = all.filter((other) => matchesPattern(other, name))
    if (matching.length > 0 || names === 'all') return matching
    throw new DataOpsError('COLLECTION_MISSING', `No collection at ${connection.describe} matches "${name}".`, {
      details: {pattern: name},
      hint: all.length > 0 ? `There are ${all.slice(0, 10).join(', ')}.` : 'The server has no collections.',
    })
  })
  return wanted.filter((name) => exclude.every((pattern) => !matchesPattern(name, pattern)))
}
