import {realpath} from 'node:fs/promises'
import path from 'node:path'

import type {Store} from '../store/store.js'

import {checkHashes} from '../archive/hashes.js'
import {type Manifest, readManifest} from '../archive/manifest.js'
import {METADATA_FILE} from '../archive/names.js'
import {Archive} from '../archive/reader.js'
import {DataOpsError} from '../model/errors.js'
import {nodePlatform} from '../platform/node.js'
import {openStore} from '../store/open.js'
import {BackupCatalog, type ListedBackup} from './catalog.js'

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
  const trusted = options.acceptUnsealed ? await withoutBrokenSeal(place.store, manifest) : manifest
  return {archive: new Archive(place.store, trusted, nodePlatform), store: place.store}
}

/** The counts and digests of a seal say nothing of a document that was edited since. */
async function withoutBrokenSeal(store: Store, manifest: Manifest): Promise<Manifest> {
  const {seal, ...rest} = manifest
  // The seal of a directory also lists its parts.
  if (!seal || manifest.kind === 'directory' || (await checkHashes({manifest, store})).length === 0) return manifest
  return {...rest, unsealed: true}
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
  return {name: path.basename(file), store: openStore(path.dirname(file))}
}

async function placeInCatalog(reference: string, store: Store): Promise<BackupPlace> {
  const entry = await new BackupCatalog(store).find(reference)
  if (!entry) {
    throw new DataOpsError(
      'NOT_A_BACKUP',
      `There is no backup "${reference}": no such path, and no such id in ${store.describe('')}.`,
      {
        hint: 'List what there is with `BackupCatalog.list`.',
      },
    )
  }

  return {listed: entry, name: entry.file, store}
}
