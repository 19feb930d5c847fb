/** Backups that are removed while somebody is at them: what is missing of one then is no damage. */
import type {Store} from '../store/store.js'

import {DataOpsError, type ErrorCode} from '../model/errors.js'
import {commitKey} from './names.js'

/** A backup that was there when somebody began on it. `place`: what it lies in, as it lies there. */
export interface BackupAt {
  name: string
  place: Store
}

/** What is said of one of which files are missing. */
const MAY_BE_GONE: ReadonlySet<ErrorCode> = new Set(['BACKUP_DAMAGED', 'INVALID_INPUT', 'NOT_A_BACKUP'])

/** What the work comes to. @throws DataOpsError NOT_A_BACKUP (`details.reason`: `removed`) in place of a failure, where the backup is gone by then. */
export async function whileThere<T>(at: BackupAt, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw await orRemoved(error, at)
  }
}

/** The error, or that the backup was removed meanwhile. */
export async function orRemoved(error: unknown, at: BackupAt): Promise<unknown> {
  const isDoubtful = error instanceof DataOpsError && MAY_BE_GONE.has(error.code)
  return isDoubtful && (await isGone(at)) ? removedMeanwhile(at, error) : error
}

/** @throws DataOpsError NOT_A_BACKUP where it is not there any more. */
export async function assertStillThere(at: BackupAt): Promise<void> {
  if (await isGone(at)) throw removedMeanwhile(at)
}

/** Removal takes first what makes a backup one. Where that cannot be looked at, nobody says that it is gone. */
async function isGone({name, place}: BackupAt): Promise<boolean> {
  try {
    return (await place.stat(commitKey(name), 'file')) === undefined
  } catch (error) {
    if (error instanceof DataOpsError) return false
    throw error
  }
}

function removedMeanwhile({name, place}: BackupAt, cause?: DataOpsError): DataOpsError {
  const path = place.describe(name)
  return new DataOpsError('NOT_A_BACKUP', `${path} was removed by another process meanwhile.`, {
    cause,
    details: {path, reason: 'removed'},
    hint: 'See with `BackupCatalog.list` which backups are left.',
  })
}
