/** Encrypted backups that were not opened: what can be said of them by what stands in the clear. */
import type {Store} from '../../store/store.js'
import type {BackupVerification, VerifyBackupOptions} from './options.js'

import {checkCover, readCover, type ReadCover} from '../../archive/encrypted/cover.js'
import {isNotUnderstood} from '../../archive/manifest.js'
import {locateBackup} from '../../catalog/locate.js'
import {DataOpsError, insteadOf} from '../../model/errors.js'
import {damageSaid} from '../../store/damaged.js'
import {canOpen, encryptionOf} from '../../store/encryption.js'

const UNOPENED =
  'It is encrypted and was checked without a key: every byte is what was written, what it says was not read.'

/**
 * Verifies an encrypted backup that `error` kept from being opened; undefined where it is not encrypted, or nothing shows which it is.
 * @throws `error` when a key is needed for what was asked.
 */
export async function verifyCovered(
  reference: string,
  store: Store,
  {error, ...options}: VerifyBackupOptions & {error: unknown},
): Promise<Omit<BackupVerification, 'quick' | 'seconds'> | undefined> {
  if (!(error instanceof DataOpsError)) throw error
  const found = await coverOfReference(reference, store)
  if (!found) return undefined
  const {cover, place} = found
  const isDamaged = ['BACKUP_DAMAGED', 'NOT_A_BACKUP'].includes(error.code) && !isNotUnderstood(error)
  const isKeyless = error.details.encrypted === true && options.quick === true && !canOpen(encryptionOf(store))
  if (!isDamaged && !isKeyless) throw error
  const path = place.describe(cover.name)
  const problems = await checkCover(place, cover, progressOf(cover, options))
  if (isDamaged) problems.unshift({file: path, message: damageSaid(path, error)})
  const {backupId: id, bytes, objectCount} = cover
  return {
    bytes,
    id,
    ...(objectCount !== undefined && {objectCount}),
    path,
    problems,
    warnings: isKeyless ? [UNOPENED] : [],
  }
}

async function coverOfReference(
  reference: string,
  store: Store,
): Promise<undefined | {cover: ReadCover; place: Store}> {
  const place = await asFarAsKnown(locateBackup(reference, store))
  const cover = place && (await asFarAsKnown(readCover(place.store, place.name)))
  return cover && {cover, place: place.store}
}

/** Undefined in place of whatever error this package knows: there is another one to report. */
export async function asFarAsKnown<T>(task: Promise<T>): Promise<T | undefined> {
  return task.catch(insteadOf(undefined, (error) => error instanceof DataOpsError))
}

/** How hashing the files as they lie there is told. */
export function progressOf(
  cover: ReadCover,
  {onProgress, signal}: VerifyBackupOptions,
): {onBytes: (bytes: number) => void; signal?: AbortSignal} {
  let bytes = 0
  return {
    onBytes(more) {
      bytes += more
      onProgress?.({bytes, collection: cover.collection ?? '', completed: 0, stage: 'verify'})
    },
    signal,
  }
}
