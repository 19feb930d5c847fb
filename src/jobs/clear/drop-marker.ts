import type {Store} from '../../store/store.js'

import {parseBackupName} from '../../archive/names.js'
import {findMarker} from './marker.js'

/** Says that a collection is being dropped and created again, and from what: a crash in between is finished by the next run. */
export interface DropMarker {
  /** Name of the sealed schema-only backup. */
  backup: string
  server: string
}

/** One that is there. */
export interface LeftDropMarker extends DropMarker {
  /** Where it lies, for people. */
  file: string
}

/** undefined when there is none. @throws DataOpsError as `findMarker`. */
export async function readDropMarker(
  store: Store,
  collection: string,
  server: string,
): Promise<LeftDropMarker | undefined> {
  // A name that no collection can have cannot have been dropped, and is no part of a file name.
  if (!/^\w+$/.test(collection)) return undefined
  return findMarker<DropMarker>('drop', collection, {
    read(file) {
      const backup = file.member('backup')
      if (!parseBackupName(backup.text())) backup.fail('is no name of a backup')
      return {backup: backup.text(), server: file.member('server').text()}
    },
    server,
    store,
  })
}
