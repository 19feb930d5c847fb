/** Backups that somebody counts on: who restores them, waits to, or has just written them. */
import type {Store} from '../store/store.js'

import {notedCheckpoint} from '../archive/checkpoint-note.js'
import {isCheckpointNote, isCheckpointOf, partialLockName, targetLeaseOf} from '../archive/names.js'
import {isForgotten} from '../store/forget.js'
import {describeHolder, Lease} from '../store/lease.js'

/** Why a backup must not be removed now; undefined when nobody counts on it. */
export async function reasonToKeep(store: Store, file: string): Promise<string | undefined> {
  const writer = await Lease.describe(store, partialLockName(file))
  if (writer) return `it is being written by ${describeHolder(writer)}`
  const entries = (await store.list('')).filter((entry) => !isForgotten(entry))
  const names = entries.map(({name}) => name)
  const leases = new Set(names.map((name) => targetLeaseOf(name)).filter((name) => name !== undefined))
  for (const name of leases) {
    const holder = await Lease.describe(store, name)
    if (holder?.subject === file) return `it is being restored by ${describeHolder(holder)}`
  }

  const checkpoint = names.find((name) => isCheckpointOf(file, name))
  if (checkpoint === undefined) return undefined
  const elsewhere = isCheckpointNote(checkpoint) ? await notedCheckpoint(store, checkpoint) : undefined
  const where = elsewhere === undefined ? checkpoint : `${elsewhere}, as ${checkpoint} says`
  return `a restore of it waits to be continued (${where})`
}
