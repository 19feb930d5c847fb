import type {Store} from '../../store/store.js'

import {findMarker} from '../clear/marker.js'

/** Says, from before a collection is dropped until its successor is confirmed, what replaces it and where it is saved. */
export interface ReplaceMarker {
  /** Id of the backup that takes its place. */
  backup: string
  /** Where earlier runs, that were not finished, have saved what they dropped: the oldest first. */
  earlier?: string[]
  /** Where that backup lies: it is not removed meanwhile. */
  path?: string
  /** Where what was there lies, for a person and for `openArchive`. */
  saved: string
  server: string
}

/** undefined when there is none. @throws DataOpsError as `findMarker`. */
export async function readReplaceMarker(
  store: Store,
  collection: string,
  server: string,
): Promise<ReplaceMarker | undefined> {
  return findMarker<ReplaceMarker>('replace', collection, {
    read(file) {
      const earlier = file.member('earlier').optional((list) => list.listOf((item) => item.text()))
      const path = file.member('path').optional((item) => item.text())
      return {
        backup: file.member('backup').text(),
        ...(earlier && {earlier}),
        ...(path !== undefined && {path}),
        saved: file.member('saved').text(),
        server: file.member('server').text(),
      }
    },
    server,
    store,
  })
}
