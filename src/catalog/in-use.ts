/** Backups that somebody counts on, or that are locked: who restores them, waits to, or has just written them. */
import type {Store} from '../store/store.js'

import {notedCheckpoint} from '../archive/checkpoint-note.js'
import {lockedUntil, SEES_LOCKS} from '../archive/locked.js'
import {isCheckpointNote, isCheckpointOf, isMarker, partialLockName, targetLeaseOf} from '../archive/names.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {isForgotten} from '../store/forget.js'
import {describeHolder, Lease} from '../store/lease.js'
import {readOwnJson} from '../store/own-json.js'

/** @throws DataOpsError STORAGE where a backup must not be removed now. */
export async function assertRemovable(store: Store, file: string): Promise<void> {
  const locked = await lockedUntil(store, file)
  if (locked !== undefined) {
    throw new DataOpsError('STORAGE', `${store.describe(file)} is kept: ${locked}.`, {
      details: {kept: file, locked: true, reason: locked},
      hint: locked.includes('may not see') ? SEES_LOCKS : 'Nobody can remove it before that.',
    })
  }

  const use = await reasonToKeep(store, file)
  if (use === undefined) return
  throw new DataOpsError('STORAGE', `${store.describe(file)} is kept: ${use}.`, {
    details: {kept: file, reason: use},
    hint: 'Let that restore or backup finish; a checkpoint or note that nobody will continue can be removed by hand.',
    retryable: true,
  })
}

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

  for (const {name} of entries) {
    if (!isMarker(name, 'drop') && !isMarker(name, 'replace')) continue
    if (await mayName(store, name, [file, store.describe(file)]))
      return `a collection was dropped that may be made again from it (${name})`
  }

  return undefined
}

/** Whether a note has one of these texts: one that cannot be understood may. @throws DataOpsError STORAGE. */
async function mayName(store: Store, note: string, texts: readonly string[]): Promise<boolean> {
  const named = readOwnJson(store, note, {
    name: 'note',
    read: (file) =>
      Object.values(file.object())
        .flat()
        .some((value) => typeof value === 'string' && texts.includes(value)),
  })
  return (await named.catch(insteadOf(true, 'CHECKPOINT'))) ?? false
}
