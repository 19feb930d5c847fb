/** Where the files with the objects of a backup lie: beside its document, or in an export that the server has made. */
import type {BackupMetadata} from '../codec/document.js'
import type {Store} from '../store/store.js'

import {DataOpsError} from '../model/errors.js'
import {openStoreLike} from '../store/open.js'
import {isRootedPlace, splitPlace} from '../store/place.js'

export interface PartsPlace {
  /** Of one of its files, in the store. */
  keyOf: (file: string) => string
  store: Store
}

/** @throws DataOpsError STORAGE when they lie in an export that nobody could read. */
export function partsPlace(
  store: Store,
  name: string,
  {backup_id: id, collection, export: reference}: BackupMetadata,
): PartsPlace {
  if (!reference) return {keyOf: (file) => `${name}/${file}`, store}
  if (reference.place !== null) {
    const {folder, name: exported} = splitPlace(reference.place)
    return {
      keyOf: (file) => `${exported}/${file}`,
      store: openStoreLike(folder, store, {isRooted: isRootedPlace(reference.place)}),
    }
  }

  throw new DataOpsError(
    'STORAGE',
    `The objects of the backup ${id} lie in ${reference.path}, which could not be read when it was made.`,
    {
      details: {export: reference},
      hint: `Where the export can be read: restore FOLDER#${collection} with \`schemaFrom\` ${id}.`,
    },
  )
}
