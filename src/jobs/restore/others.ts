/** What others write into the target of a merge that leaves it alone, while that is under way. */
import type {CollectionPlan} from '../../weaviate/connection.js'
import type {RestoreAccount} from './account.js'
import type {Batch} from './batches.js'
import type {RestoreOptions} from './options.js'

import {describeDifference} from '../../codec/digest.js'
import {type ObjectsById} from '../../flow/by-id.js'
import {objectKey, type WeaviateObject} from '../../model/object.js'

/** Whether what the target has by itself is an error, or stays as it is. */
export function leavesOthers({merge, onConflict, skipData}: RestoreOptions): boolean {
  return Boolean(merge) && !skipData && (onConflict === 'skip' || onConflict === 'fail')
}

interface Leaving {
  checkpoint: Pick<RestoreAccount, 'save' | 'skipped'>
  lookUp: ObjectsById
  /** The server makes something else of what is sent: nobody can tell afterwards what was. */
  makesOthers: boolean
  plan: CollectionPlan
}

/** Rows `before` which an earlier run may have sent; `byId` reads all that there is of them. */
interface Uncertain {
  before: number
  byId: ObjectsById
}

/**
 * A batch without what others have written by now: what is there of rows that were never sent, and of those that an earlier run
 * may have sent, what is there and is something else. They are skipped from then on.
 */
export async function withoutOthers(transfer: Leaving, batch: Batch, uncertain: Uncertain): Promise<Batch> {
  const {checkpoint, lookUp, makesOthers} = transfer
  const isSure = (index: number): boolean => batch.rows[index]! >= uncertain.before
  const sure = batch.objects.filter((_, index) => isSure(index))
  const doubtful = batch.objects.filter((_, index) => !isSure(index))
  const theirs = await keysThere(lookUp, sure)
  if (!makesOthers) for (const key of await keysOfOthers(transfer, doubtful, uncertain.byId)) theirs.add(key)
  if (theirs.size === 0) return batch
  const sent: Pick<Batch, 'objects' | 'rows'> = {objects: [], rows: []}
  for (const [index, object] of batch.objects.entries()) {
    const row = batch.rows[index]!
    if (theirs.has(objectKey(object.tenant, object.id))) checkpoint.skipped.add(row, row + 1)
    else {
      sent.objects.push(object)
      sent.rows.push(row)
    }
  }

  // Before the others leave: a later run asks for none of them again.
  await checkpoint.save()
  return {...batch, ...sent}
}

/** Of objects, those that the target has with another content, references aside. */
async function keysOfOthers(
  {plan}: Pick<Leaving, 'plan'>,
  objects: readonly WeaviateObject[],
  byId: ObjectsById,
): Promise<Set<string>> {
  const others = new Set<string>()
  for (const [tenant, group] of Map.groupBy(objects, (object) => object.tenant)) {
    const own = new Map(group.map((object) => [object.id, object]))
    for await (const {objects: found} of byId.read([...own.keys()], {tenant})) {
      for (const live of found) {
        const sent = own.get(live.id)
        if (sent && describeDifference(plan.schema, bare(plan, sent, tenant), bare(plan, live, tenant)).length > 0)
          others.add(objectKey(tenant, live.id))
      }
    }
  }

  return others
}

function bare({referenceNames}: CollectionPlan, object: WeaviateObject, tenant: string | undefined): WeaviateObject {
  const properties = Object.entries(object.properties).filter(([name]) => !referenceNames.has(name))
  return {...object, properties: Object.fromEntries(properties), ...(tenant !== undefined && {tenant})}
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
