/** The one backup that a command changes for good. */
import type {Warning} from '../model/progress.js'
import type {Store} from '../store/store.js'

import {DataOpsError} from '../model/errors.js'

/**
 * As a catalog finds it: ids and paths stay as they are, `Article@latest` and its like become a path. `done`: what is done to it, as a word.
 * @throws DataOpsError NOT_A_BACKUP; INVALID_INPUT where the newest is not whole, or there are several servers' of that name, so that another than the one that was meant would be changed.
 */
export async function oneToChange(reference: string, store: Store, done: string): Promise<string> {
  const {parseBackupReference} = await import('../catalog/named.js')
  if (!parseBackupReference(reference)) return reference
  const [{locateBackup}, {refuseSeveral}] = await Promise.all([
    import('../catalog/locate.js'),
    import('../catalog/of-server.js'),
  ])
  const onWarning = (warning: Warning): never => {
    refuseSeveral(warning, done)
    const {path, reason} = warning.details as {path: string; reason: string}
    throw new DataOpsError(
      'INVALID_INPUT',
      `Nothing is ${done}: ${path} ${reason}: an older backup would be ${done} in its place.`,
      {details: {path}, hint: 'Name the one that is meant by its id or path.'},
    )
  }

  const named = await locateBackup(reference, store, {onWarning})
  return named.store.describe(named.name)
}
