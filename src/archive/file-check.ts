/** Whether the files of a backup are there: as a listing of its folder shows them, and where it does not, asked for by name, since it may be an old one. */
import type {Store, StoreEntry} from '../store/store.js'

import {damaged} from '../store/damaged.js'

/** `listed`: of that folder, by name. False: it is there, and the listing does not show it so. @throws DataOpsError BACKUP_DAMAGED. */
export async function checkFile(
  store: Store,
  folder: string,
  {bytes, file, listed}: {bytes?: number; file: string; listed: ReadonlyMap<string, StoreEntry>},
): Promise<boolean> {
  const key = `${folder}/${file}`
  const isAsSealed = (entry: StoreEntry | undefined): boolean =>
    entry?.kind === 'file' && (bytes === undefined || entry.bytes === bytes)
  let entry = listed.get(file)
  if (isAsSealed(entry)) return true
  if (!entry || entry.kind === 'file') entry = await store.stat(key, 'file')
  if (isAsSealed(entry)) return false
  const problem = entry?.kind === 'file' ? `it has ${entry.bytes} bytes, not ${bytes}` : 'it is missing'
  throw damaged(store.describe(key), problem)
}
