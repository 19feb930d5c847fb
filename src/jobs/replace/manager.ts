import type {Connection} from '../../weaviate/connection.js'
import type {FailedRestore} from '../restore/options.js'
import type {ReplacedCollections, ReplaceOptions, ReplaceResult, ReplaceRunOptions} from './options.js'

import {isPassedOver, type ManagerOptions, type Workplace, workplaceOf} from '../options.js'
import {checkRestoreOptions} from '../restore/checks.js'
import {replaceCollection} from './replace.js'

/** Puts backups in place of what there is. */
export class ReplaceManager {
  readonly #at: Workplace

  constructor(connection: Connection, options: ManagerOptions = {}) {
    this.#at = workplaceOf(connection, options)
  }

  /**
   * Restores a backup, given by path or by catalog id, in place of what its name stands for. An alias is switched once the new collection is
   * verified. A collection is backed up, which is verified; then dropped, restored and compared: in between readers find nothing or a part of
   * it, for `replaced.gapMs`. A run that was interrupted is continued; each failure after the drop says where what was there is saved.
   * @throws DataOpsError as `RestoreManager.restoreCollection`; NOT_CONFIRMED for a protected name; before anything is dropped INVALID_INPUT
   * for offloaded tenants, INCOMPLETE or BACKUP_DAMAGED when what is there cannot be saved, CONTENT_DIFFERS when it still changes, and STORAGE when this process
   * stood still for so long that it must not go on.
   */
  async replaceCollection(backup: string, options: ReplaceOptions = {}): Promise<ReplaceResult> {
    checkRestoreOptions(options)
    return replaceCollection(this.#at, backup, options)
  }

  /** Several, one after another. */
  async replaceCollections(
    backups: readonly string[],
    {keepGoing, onConfirmed, ...options}: ReplaceRunOptions = {},
  ): Promise<ReplacedCollections> {
    const collections: ReplaceResult[] = []
    const failed: FailedRestore[] = []
    for (const backup of backups) {
      try {
        const replaced = await this.replaceCollection(backup, options)
        collections.push(replaced)
        await onConfirmed?.(replaced)
      } catch (error) {
        if (!isPassedOver(error, {keepGoing})) throw error
        failed.push({backup, error})
      }
    }

    return {collections, ...(failed.length > 0 && {failed})}
  }
}
