import type {Store} from '../../store/store.js'

import {fileStem, parseBackupName} from '../../archive/names.js'
import {utf8} from '../../codec/bytes.js'
import {forget} from '../../store/forget.js'
import {readMarker} from './marker.js'

/** Says that a collection is being dropped and created again, and from what: a crash in between is finished by the next run. */
export interface DropMarker {
  /** Name of the sealed schema-only backup. */
  backup: string
  server: string
}

const MAX_MARKER_BYTES = 65_536

export function dropMarkerName(collection: string): string {
  return `.drop-${fileStem(collection)}.json`
}

export async function writeDropMarker(store: Store, collection: string, marker: DropMarker): Promise<void> {
  await store.put(dropMarkerName(collection), utf8(JSON.stringify(marker)))
}

/** undefined when there is none. @throws DataOpsError as `readMarker`. */
export async function readDropMarker(store: Store, collection: string): Promise<DropMarker | undefined> {
  // A name that no collection can have cannot have been dropped, and is no part of a file name.
  if (!/^\w+$/.test(collection)) return undefined
  return readMarker<DropMarker>(store, dropMarkerName(collection), {
    check: ({backup, server}) =>
      typeof backup === 'string' && typeof server === 'string' && parseBackupName(backup)
        ? {backup, server}
        : undefined,
    maxBytes: MAX_MARKER_BYTES,
  })
}

export async function removeDropMarker(store: Store, collection: string): Promise<void> {
  await forget(store, dropMarkerName(collection))
}
