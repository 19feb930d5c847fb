/** What an earlier run of an atomic copy has left under its temporary name, once another is begun in its place. */
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'

import {forget} from '../../store/forget.js'
import {readCheckpoint} from '../restore/checkpoint-file.js'
import {checkpointFileOf} from '../restore/checkpoint.js'

interface BegunBefore {
  /** What its files are called by. */
  name: string
  store: Store
  target: Connection
  /** The collection that it wrote. */
  written: string
}

/**
 * Removes that collection where it is surely ours: its checkpoint says that the copy has made it, the server that it is the same one still,
 * and nobody reads it by an alias. What is to be said of one that stays.
 */
export async function removeBegun({name, store, target, written}: BegunBefore): Promise<undefined | Warning> {
  const there = await target.getCollection(written)
  if (!there) return undefined
  const aliases = target.capabilities.aliases ? await target.listAliases() : []
  // It was shown to readers before it was left: a later copy takes its place.
  if (aliases.some(({collection}) => collection === written)) return undefined
  const file = checkpointFileOf(name, {server: target.describe, target: written})
  // One that cannot be read says of nothing that it is ours.
  const earlier = await readCheckpoint(store, file).catch(() => undefined)
  const identity = await target.identify(there)
  // Objects that stand in for others, in other collections, are known by the checkpoint alone.
  const standIns = earlier?.placeholders ?? []
  if (earlier?.created && standIns.length === 0 && identity !== undefined && identity === earlier.identity) {
    await target.deleteCollection(written)
    await forget(store, file)
    return undefined
  }

  return {
    code: 'collection-left',
    details: {collection: written, ...(standIns.length > 0 && {standIns})},
    message: `"${written}", which an earlier run of this copy may have filled in part, is there still. Delete it when nobody needs it.`,
  }
}
