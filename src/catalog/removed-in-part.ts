/** Backups whose removal was cut off: none any more, and not gone. The mark of the removal says which they were. */
import type {Store} from '../store/store.js'
import type {ListedBackup} from './status.js'

import {backupOfRemoved, METADATA_FILE, removedName} from '../archive/names.js'
import {utf8} from '../codec/bytes.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {readOwnJson} from '../store/own-json.js'
import {type CatalogEntry, readEntry} from './entry.js'
import {findAmong} from './find.js'

/** What a removal leaves beside the folder, in case it is cut off. `entry`: as the catalog has it, undefined where it has none. */
export function removalMark(entry: CatalogEntry | undefined): Uint8Array {
  return entry ? utf8(`${JSON.stringify({entry})}\n`) : new Uint8Array()
}

/** Undefined where it does not say: as of a copy that was cut off, and of earlier versions. */
export async function markedEntry(store: Store, backup: string): Promise<CatalogEntry | undefined> {
  const read = readOwnJson(store, removedName(backup), {name: 'mark', read: (file) => readEntry(file.member('entry'))})
  const entry = await read.catch(insteadOf(undefined, 'CHECKPOINT'))
  return entry?.file === backup ? entry : undefined
}

/** Those of which a removal has begun and not ended. `others`: in part there, and nothing says that they were being removed. */
export async function inPart(store: Store): Promise<{marked: ListedBackup[]; others: string[]}> {
  const marked: ListedBackup[] = []
  const others: string[] = []
  for (const {name} of await store.list('')) {
    const file = backupOfRemoved(name)
    if (file === undefined || (await store.stat(`${file}/${METADATA_FILE}`, 'file'))) continue
    const entry = await markedEntry(store, file)
    if (entry) marked.push({...entry, status: 'missing'})
    else others.push(file)
  }

  return {marked, others}
}

/**
 * One of those, given as for `BackupCatalog.find`; undefined when there is none.
 * @throws DataOpsError NOT_A_BACKUP where something of that name is there in part, and nothing says that it was being removed.
 */
export async function findInPart(store: Store, reference: string): Promise<ListedBackup | undefined> {
  const {marked, others} = await inPart(store)
  const found = findAmong(marked, reference, (file) => store.describe(file))
  const other = others.find((file) => file === reference || store.describe(file) === reference)
  if (found || other === undefined) return found
  throw new DataOpsError(
    'NOT_A_BACKUP',
    `${store.describe(other)} is there in part: it was being removed, or copied.`,
    {
      details: {path: store.describe(other)},
      hint: 'Copy it there again, which goes on with that; `BackupCatalog.reindex` removes what is left.',
    },
  )
}
