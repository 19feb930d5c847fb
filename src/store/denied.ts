/** What credentials do not allow at a place. */
import type {KnownKind, Store} from './store.js'

import {DataOpsError, insteadOf} from '../model/errors.js'

export function isDenied(error: unknown): error is DataOpsError {
  return error instanceof DataOpsError && error.code === 'STORAGE' && error.details.reason === 'denied'
}

/** The same, and what the system does not let a process do in a folder. */
export function isNotAllowed(error: unknown): error is DataOpsError {
  if (isDenied(error)) return true
  if (!(error instanceof DataOpsError) || error.code !== 'STORAGE') return false
  return error.details.code === 'EACCES' || error.details.code === 'EPERM'
}

/** False where that is not allowed. @throws DataOpsError STORAGE for all else. */
export async function removeIfAllowed(store: Store, key: string, kind?: KnownKind): Promise<boolean> {
  const removed = store.remove(key, kind).then(() => true)
  return removed.catch(insteadOf(false, isDenied))
}
