/** Backups that somebody counts on: who restores them, waits to, or has just written them. */
import type {Store, StoreEntry} from '../store/store.js'

import {notedCheckpoint} from '../archive/checkpoint-note.js'
import {isCheckpointNote, isCheckpointOf, isMarker, partialLockName, targetLeaseOf} from '../archive/names.js'
import {isJsonObject} from '../model/object.js'
import {isForgotten} from '../store/forget.js'
import {describeHolder, Lease} from '../store/lease.js'
import {readAll} from '../store/read-all.js'

/** Why a backup must not be removed now; undefined when nobody counts on it. */
export async function reasonToKeep(store: Store, file: string): Promise<string | undefined> {
  const writer = await Lease.describe(store, partialLockName(file))
  if (writer) return `it is being written by ${describeHolder(writer)}`
  const entries = await store.list('')
  const names = entries.map(({name}) => name)
  const leases = new Set(names.map((name) => targetLeaseOf(name)).filter((name) => name !== undefined))
  for (const name of leases) {
    const holder = await Lease.describe(store, name)
    if (holder?.subject === file) return `it is being restored by ${describeHolder(holder)}`
  }

  for (const entry of entries) {
    const {name} = entry
    if (!isCheckpointOf(file, name) || (await isForgotten(store, name, entry))) continue
    const elsewhere = isCheckpointNote(name) ? await notedCheckpoint(store, name) : undefined
    const where = elsewhere === undefined ? name : `${elsewhere}, as ${name} says`
    return `a restore of it waits to be continued (${where})`
  }

  for (const entry of entries) {
    if (
      !(isMarker(entry.name, 'drop') || isMarker(entry.name, 'replace')) ||
      (await isForgotten(store, entry.name, entry))
    )
      continue
    const named = await namedIn(store, entry)
    if (named && !named.has(file) && !named.has(store.describe(file))) continue
    return `a collection was dropped that may be made again from it (${entry.name})`
  }

  return undefined
}

const MAX_NOTE_BYTES = 65_536

/** All texts of a note; undefined when it cannot be understood: then it may name anything. @throws DataOpsError STORAGE. */
async function namedIn(store: Store, {bytes, kind, name}: StoreEntry): Promise<Set<string> | undefined> {
  if (kind !== 'file' || bytes > MAX_NOTE_BYTES) return undefined
  try {
    const note: unknown = JSON.parse(new TextDecoder().decode(await readAll(store, name)))
    if (!isJsonObject(note)) return undefined
    return new Set(
      Object.values(note)
        .flat()
        .filter((value) => typeof value === 'string'),
    )
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
