/** What others write into the target of a merge that leaves it alone, while that is under way. */
import type {ObjectsById} from '../../flow/by-id.js'
import type {RestoreAccount} from './account.js'
import type {Batch} from './batches.js'
import type {RestoreOptions} from './options.js'

import {objectKey, type WeaviateObject} from '../../model/object.js'

/** Rows whose objects are announced at once, before the first of them is sent. */
const ANNOUNCED_ROWS = 5000

/** Whether what the target has by itself is an error, or stays as it is. */
export function leavesOthers({merge, onConflict, skipData}: RestoreOptions): boolean {
  return Boolean(merge) && !skipData && (onConflict === 'skip' || onConflict === 'fail')
}

/** On the disk before the first of them leaves: a later run must not take what this one has sent for somebody else's. */
export async function announceObjects(
  account: Pick<RestoreAccount, 'objects' | 'save'>,
  to: number,
  ahead = ANNOUNCED_ROWS,
): Promise<void> {
  if (to <= account.objects.announced) return
  account.objects.announced = to + ahead
  await account.save()
}

interface Leaving {
  checkpoint: Pick<RestoreAccount, 'save' | 'skipped'>
  lookUp: ObjectsById
}

/** A batch without the objects that are there by now, of rows from `from` on: nobody else can have sent those. They are skipped from then on. */
export async function withoutOthers({checkpoint, lookUp}: Leaving, batch: Batch, from: number): Promise<Batch> {
  const asked = batch.objects.filter((_, index) => batch.rows[index]! >= from)
  const there = await keysThere(lookUp, asked)
  if (there.size === 0) return batch
  const sent: Pick<Batch, 'objects' | 'rows'> = {objects: [], rows: []}
  for (const [index, object] of batch.objects.entries()) {
    const row = batch.rows[index]!
    if (row >= from && there.has(objectKey(object.tenant, object.id))) checkpoint.skipped.add(row, row + 1)
    else {
      sent.objects.push(object)
      sent.rows.push(row)
    }
  }

  // Before the others leave: a later run asks for none of them again.
  await checkpoint.save()
  return {...batch, ...sent}
}

/** Of objects, those that the target has. */
export async function keysThere(lookUp: ObjectsById, objects: readonly WeaviateObject[]): Promise<Set<string>> {
  const there = new Set<string>()
  for (const [tenant, group] of Map.groupBy(objects, (object) => object.tenant)) {
    const ids = group.map(({id}) => id)
    for await (const {objects: found} of lookUp.read(ids, {tenant}))
      for (const {id} of found) there.add(objectKey(tenant, id))
  }

  return there
}
