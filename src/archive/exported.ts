/** Backups whose objects lie in an export of the server: what is done to such a backup is not done to them. */
import type {Store} from '../store/store.js'

import {type BackupMetadata} from '../codec/document.js'
import {DataOpsError} from '../model/errors.js'
import {readCover} from './encrypted/cover.js'
import {readManifest} from './manifest.js'

/** @throws DataOpsError INVALID_INPUT. `done`: what cannot be done to it, `locked` or `copied`. */
export function refuseExported({backup_id: id, export: reference}: BackupMetadata, done: 'copied' | 'locked'): void {
  if (!reference) return
  const where = reference.place ?? reference.path
  throw new DataOpsError(
    'INVALID_INPUT',
    `The objects of the backup ${id} lie in the export ${where}, which would not be ${done} with it.`,
    {
      details: {export: reference, reason: 'export'},
      hint: 'Do that to the export by other means, or take a backup without an export.',
    },
  )
}

/** The same for a backup that is not open. Encrypted ones hold their objects. @throws DataOpsError as `readManifest`, too. */
export async function refuseExportedAt(store: Store, name: string, done: 'copied' | 'locked'): Promise<void> {
  if (await readCover(store, name)) return
  refuseExported((await readManifest(store, name)).metadata, done)
}
