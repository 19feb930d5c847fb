/** What is there of a backup that will not be sealed. */
import type {Store} from '../../store/store.js'

import {METADATA_FILE} from '../../archive/names.js'
import {removeUnfinished} from '../../archive/unfinished.js'
import {strangersIn} from '../../catalog/removal.js'

/** Removes it; what others have put there stays. Returns where it lay, where it was not sealed. */
export async function dropBackup(store: Store, {name}: {name: string}): Promise<string | undefined> {
  if (await store.stat(`${name}/${METADATA_FILE}`)) return undefined
  if ((await strangersIn(store, name)).length > 0) await removeUnfinished(store, name)
  else await store.remove(name)
  return store.describe(name)
}
