/** Encrypted backups that hide what they are of, and no key tells: they are not of no collection. */
import type {OperationOptions} from '../model/progress.js'
import type {CatalogEntry} from './entry.js'

import {fileStem, isHiddenName, parseBackupName} from '../archive/names.js'
import {plural} from '../model/plural.js'

/** Whether a file may be a backup of a collection, by its name. */
export function mayBeOf(collection: string | undefined, file: string): boolean {
  return collection === undefined || isHiddenName(file) || parseBackupName(file)?.collection === fileStem(collection)
}

/** Those of a collection; others that may be of it are warned of (`backups-hidden`). */
export function ofCollection<T extends CatalogEntry>(
  collection: string,
  all: readonly T[],
  {onWarning}: Pick<OperationOptions, 'onWarning'>,
): T[] {
  const hidden = all.filter((backup) => backup.collection === '')
  if (hidden.length > 0) {
    onWarning?.({
      code: 'backups-hidden',
      details: {collection, files: hidden.map(({file}) => file)},
      message: `${plural(hidden.length, 'more backup hides', 'more backups hide')} what of, and may be of ${collection}: an identity that opens it tells.`,
    })
  }

  return all.filter((backup) => backup.collection === collection)
}
