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

/**
 * The same of one that is to be removed: where a removal has begun and not ended that the name could stand for, that one, so that a command that
 * was killed and is said again removes no other. `onWarning` is told.
 */
export async function oneToRemove(
  reference: string,
  store: Store,
  onWarning: (warning: Pick<Warning, 'message'>) => void,
): Promise<string> {
  const {parseBackupReference} = await import('../catalog/named.js')
  const name = parseBackupReference(reference)
  const {begunRemovals} = await import('../catalog/begun-removals.js')
  const [begun] = name ? await begunRemovals(name, store) : []
  if (!begun) return oneToChange(reference, store, 'removed')
  const path = store.describe(begun.file)
  onWarning({
    message: `The removal of ${path} has begun and not ended: it is finished now, and nothing else is removed. What ${reference} stands for after that is removed by its id, or the same command.`,
  })
  return path
}
