/** What an interrupted run has left in the target is no longer known once that is forgotten: it looks like what others have put there. */
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {RestoreOptions} from './options.js'

import {DataOpsError} from '../../model/errors.js'
import {referenceProperties, type WeaviateClass} from '../../model/schema.js'
import {type CheckpointFile, readCheckpoint} from './checkpoint-file.js'

/** Of an earlier run, which another does not go on with; `unreadable`: nobody knows what that has written. */
export type Forgotten = 'unreadable' | CheckpointFile | undefined

/** What the checkpoint of that name says. */
export async function forgottenIn(store: Store, file: string): Promise<Forgotten> {
  return readCheckpoint(store, file).catch(() => 'unreadable' as const)
}

interface Restarted {
  connection: Pick<Connection, 'identify'>
  forgotten: Forgotten
  /** The target. */
  live: WeaviateClass
  options: Pick<RestoreOptions, 'onConflict' | 'skipData'>
  /** Of the checkpoint. */
  path: string
}

/**
 * Objects of such a run may be without their references. Who leaves alone what is there would leave them so for good.
 * @throws DataOpsError CHECKPOINT.
 */
export async function checkNoneForgotten({connection, forgotten, live, options, path}: Restarted): Promise<void> {
  const isLeftAlone = options.onConflict === 'skip' && !options.skipData && referenceProperties(live).length > 0
  if (!isLeftAlone || !forgotten || !(await mayLackReferences(forgotten, connection, live))) return
  throw new DataOpsError(
    'CHECKPOINT',
    `What an interrupted run has written to "${live.class}" may lack its references: \`onConflict: 'skip'\` would take it for somebody else's and leave it so.`,
    {
      details: {checkpoint: path, collection: live.class},
      hint: `Run it again with the options of that run, which ends it; or write over what is there, with \`onConflict: 'overwrite'\`. To leave it so all the same, delete ${path} first.`,
    },
  )
}

async function mayLackReferences(
  forgotten: NonNullable<Forgotten>,
  connection: Restarted['connection'],
  live: WeaviateClass,
): Promise<boolean> {
  if (forgotten === 'unreadable') return true
  const {conflictsSettled = false, identity, made = false, objects, references} = forgotten
  // What was sent since the last save is in no count.
  const hasWritten = objects.count > 0 || (!objects.finished && (conflictsSettled || made || objects.done.length > 0))
  if (references.finished || !hasWritten) return false
  const now = identity === undefined ? undefined : await connection.identify(live)
  // Else it was dropped since.
  return now === undefined || now === identity
}
