import {realpath} from 'node:fs/promises'
import path from 'node:path'
import {BackupCatalog, type ListedBackup} from '../catalog/catalog.js'
import {readManifest} from '../catalog/manifest.js'
import {DataOpsError} from '../errors.js'
import {METADATA_FILE} from '../store/layout.js'
import {LocalStore} from '../store/local.js'
import {nodePlatform} from '../store/node-platform.js'
import type {Store} from '../store/store.js'
import {Archive} from './reader.js'

export interface OpenedArchive {
  archive: Archive
  /** The store it lies in, which need not be the one asked. */
  store: Store
}

/**
 * Opens a backup given by path, or by id, start of an id, or name in the store's catalog.
 * @throws DataOpsError NOT_A_BACKUP, BACKUP_DAMAGED.
 */
export async function openArchive(
  reference: string,
  store: Store,
  options: {acceptUnsealed?: boolean} = {},
): Promise<OpenedArchive> {
  const place = await locateBackup(reference, store)
  const manifest = await readManifest(place.store, place.name, options)
  return {archive: new Archive(place.store, manifest, nodePlatform), store: place.store}
}

/** Where a reference points, whether or not a backup is there. */
export interface BackupPlace {
  /** Its entry, when it was found in the catalog. */
  listed?: ListedBackup
  name: string
  store: Store
}

/** Finds the place of a backup given by path, id, start of an id, or name. @throws DataOpsError NOT_A_BACKUP when there is none. */
export async function locateBackup(reference: string, store: Store): Promise<BackupPlace> {
  return (await placeOnDisk(reference)) ?? placeInCatalog(reference, store)
}

async function placeOnDisk(reference: string): Promise<BackupPlace | undefined> {
  let file: string
  try {
    // A link that a user names is followed; those inside a store are not.
    file = await realpath(reference)
  } catch {
    return undefined
  }

  // A file of a directory backup stands for the directory.
  if (path.basename(file) === METADATA_FILE) file = path.dirname(file)
  return {name: path.basename(file), store: new LocalStore(path.dirname(file))}
}

async function placeInCatalog(reference: string, store: Store): Promise<BackupPlace> {
  const entry = await new BackupCatalog(store).find(reference)
  if (!entry) {
    throw new DataOpsError('NOT_A_BACKUP', `There is no backup "${reference}": no such path, and no such id in ${store.describe('')}.`, {
      hint: 'List what there is with: backup list.',
    })
  }

  return {listed: entry, name: entry.file, store}
}
