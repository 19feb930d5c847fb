import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {BackupOptions, BackupResult} from '../backup/options.js'
import type {Workplace} from '../options.js'
import type {ClearOptions} from './options.js'

import {openArchive} from '../../catalog/locate.js'
import {renamesOf} from '../../flow/transform/tenants.js'
import {CHOICES} from '../../flow/transform/transform.js'
import {DataOpsError} from '../../model/errors.js'
import {newMembersOf} from '../../model/new-members.js'
import {plural} from '../../model/plural.js'
import {canOpen, encryptionOf, isEncrypting} from '../../store/encryption.js'
import {backUpCollection} from '../backup/backup.js'
import {Verifier} from '../verify/verifier.js'

/** A sealed backup that was read back whole. @throws DataOpsError when it lacks tenants or does not hold: nothing may be cleared then. */
export async function backUpFirst(
  {connection, notes, store}: Workplace,
  name: string,
  {backupFirst, maxRetries, onProgress, onWarning, retryMaxWaitMs, signal}: ClearOptions,
): Promise<BackupResult> {
  const encryption = encryptionOf(store)
  if (isEncrypting(encryption) && !canOpen(encryption)) {
    throw new DataOpsError(
      'INVALID_INPUT',
      'A backup that is encrypted must be read back before anything is cleared, and there is no identity that opens it.',
      {hint: 'Give one (`identities`), or take the backup first by itself.'},
    )
  }

  const options = typeof backupFirst === 'object' ? backupFirst : {}
  checkUnchanged(options)
  const backup = await backUpCollection({connection, notes, store}, name, {
    maxRetries,
    onProgress,
    onWarning,
    retryMaxWaitMs,
    signal,
    ...options,
  })
  const skipped = backup.tenants?.skipped ?? []
  if (skipped.length > 0) {
    throw new DataOpsError(
      'INVALID_INPUT',
      `The backup lacks ${plural(skipped.length, 'tenant')} (${skipped[0]!.reason}), so nothing was cleared.`,
      {hint: 'Onload them, or have them onloaded for the backup with `includeOffloaded: true`.'},
    )
  }

  if (!backup.complete) {
    throw new DataOpsError('INCOMPLETE', 'The backup lacks objects that the server counted, so nothing was cleared.', {
      details: {backup: backup.path, counted: backup.counted, missing: backup.missing},
      hint: `What could be read is in ${backup.path}.`,
    })
  }

  await checkHasMembers(connection, store, backup)
  const {problems} = await new Verifier({store}).verifyBackup(backup.path, {onProgress, signal})
  if (problems.length > 0) {
    throw new DataOpsError(
      'BACKUP_DAMAGED',
      `The backup taken first does not hold (${problems[0]!.message}), so nothing was cleared.`,
      {
        details: {problems},
        hint: `Look at ${backup.path} and at the disk it is on.`,
      },
    )
  }

  return backup
}

/** Objects that were read may have been written with what the backup did not ask for. @throws DataOpsError INCOMPLETE. */
async function checkHasMembers(connection: Connection, store: Store, {collection, path}: BackupResult): Promise<void> {
  const {archive} = await openArchive(path, store)
  const live = await connection.getCollection(collection)
  const newMembers = live ? newMembersOf(archive.head.schema, live) : []
  if (newMembers.length === 0) return
  throw new DataOpsError(
    'INCOMPLETE',
    `"${collection}" got ${newMembers.join(', ')} while it was backed up, which the backup lacks, so nothing was cleared.`,
    {details: {backup: path, newMembers}, hint: 'Run it again: the next backup has them.'},
  )
}

/** Of what is changed on the way the backup has the id and the time, and not what it was. @throws DataOpsError INVALID_INPUT. */
function checkUnchanged({tenants = [], transforms = []}: BackupOptions): void {
  const change = transforms.find(({record}) => !CHOICES.has(record.kind))
  if (!change && renamesOf(tenants).length === 0) return
  throw new DataOpsError(
    'INVALID_INPUT',
    `A backup that changes objects on the way (${change?.record.kind ?? 'tenants'}) does not hold what would be deleted, so nothing was cleared.`,
    {hint: 'Leave the changes out: make them when the backup is restored.'},
  )
}
