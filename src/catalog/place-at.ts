/** What stands at a path or URL that a person has typed. */
import {realpath} from 'node:fs/promises'
import path from 'node:path'

import type {Store} from '../store/store.js'
import type {ListedBackup} from './catalog.js'

import {pastWhatHides} from '../archive/locked.js'
import {METADATA_FILE} from '../archive/names.js'
import {EXPORT_METADATA_FILE} from '../archive/native/metadata.js'
import {asFarAsReadable} from '../archive/unlisted.js'
import {type Encryption, encryptionOf, withEncryption} from '../store/encryption.js'
import {openStoreLike, type OpenStoreOptions} from '../store/open.js'
import {pathOfFileUrl} from '../store/place.js'
import {errnoOf, isAbsent, storageError} from '../store/storage-error.js'
import {parseBackupReference} from './named.js'

/** Where a reference points, whether or not a backup is there. */
export interface BackupPlace {
  /** Its entry, when it was found in the catalog. */
  listed?: ListedBackup
  name: string
  store: Store
}

/** With what opens the backups, and the account, of a store that was given, and nothing hidden that is locked. */
export function openPlace(place: string, given: Store, options?: OpenStoreOptions): Store {
  return asPlace(openStoreLike(place, given, options), encryptionOf(given))
}

/** A store that was opened by itself, with what opens the backups in it. */
export function asPlace(store: Store, keys: Encryption): Store {
  return asFarAsReadable(pastWhatHides(withEncryption(store, keys)))
}

const URL_START = /^[a-z][a-z\d+.-]+:\/\//i

/** `backups/Article@latest`: a folder or URL, and what is meant in it. */
export function splitReference(reference: string): {folder?: string; name: string} {
  const [, folder, name = reference] = /^(.*)[/\\]([^/\\]*)$/.exec(reference) ?? []
  return {...(folder !== undefined && {folder: folder === '' ? '/' : folder}), name}
}

/** Undefined for what is neither. */
export async function placeAt(
  reference: string,
  given: Store,
  options?: OpenStoreOptions,
): Promise<BackupPlace | undefined> {
  if (!URL_START.test(reference)) return placeOnDisk(reference, given)
  if (/^file:/i.test(reference)) return placeOnDisk(pathOfFileUrl(reference), given)
  const {folder = '', name} = splitReference(reference)
  return parseBackupReference(name) ? undefined : {name, store: openPlace(folder, given, options)}
}

/** What the system says of what nothing can be called. */
const NO_NAMES: ReadonlySet<string | undefined> = new Set(['EINVAL', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'])

async function placeOnDisk(reference: string, given: Store): Promise<BackupPlace | undefined> {
  let file: string
  try {
    // A link that a user names is followed; those inside a store are not.
    file = await realpath(reference)
  } catch (error) {
    // Whatever is no path may be an id; a path of which nobody can say what is there is none.
    const isPath = /[/\\]/.test(reference) && !isAbsent(error)
    if (isPath && !NO_NAMES.has(errnoOf(error))) throw await storageError(error, reference, {verb: 'read'})
    return undefined
  }

  // A file of a directory backup, or of an export, stands for the directory.
  if ([EXPORT_METADATA_FILE, METADATA_FILE].includes(path.basename(file))) file = path.dirname(file)
  return {name: path.basename(file), store: openPlace(path.dirname(file), given)}
}
