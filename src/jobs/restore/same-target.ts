/** Whether the collection that a restore is to be continued in is the one that it was begun in. */
import type {ObjectSource} from '../../flow/source.js'
import type {WeaviateObject} from '../../model/object.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection} from '../../weaviate/connection.js'
import type {Checkpoint} from './checkpoint.js'

import {ObjectsById} from '../../flow/by-id.js'
import {DataOpsError} from '../../model/errors.js'
import {planBare} from '../../weaviate/collection-plan.js'
import {sameCollection} from '../../weaviate/identity.js'
import {tenantsOf} from '../../weaviate/resolve.js'
import {isUntouched} from './empty-place.js'

/** Objects that are looked for where the server shows nothing else. */
const SAMPLE = 20

interface ToContinue {
  archive: Pick<ObjectSource, 'pages'>
  checkpoint: Checkpoint
  connection: Connection
  live: WeaviateClass
}

/** @throws DataOpsError CHECKPOINT when the target was dropped and made anew since: what the checkpoint says is in it is not. */
export async function checkSameTarget(options: ToContinue): Promise<void> {
  const {checkpoint, connection, live} = options
  if (!checkpoint.resumed) return
  const identity = await connection.identify(live)
  const isKnown = identity !== undefined && checkpoint.identity !== undefined
  const isSame = isKnown ? identity === checkpoint.identity : await holdsSample(options)
  if (!isSame) throw madeAnew(live.class)
}

/** Whether the earlier run has made it: one that ended before that was known has put nothing into it, somebody else may have made it since. */
export async function isOwn({checkpoint, connection, live}: Omit<ToContinue, 'archive'>): Promise<boolean> {
  const {identity, isMade, objects, tenants} = checkpoint
  // Earlier releases said that it was made by what they had put into it, tenants or objects.
  const isKnown = isMade || identity !== undefined || tenants !== undefined || objects.done.size > 0
  return isKnown || isUntouched(connection, live)
}

/** Whether it is there, and not known to be another than the one of that identity. */
export async function isStillThere(...target: Parameters<typeof sameCollection>): Promise<boolean> {
  return typeof (await sameCollection(...target)) !== 'string'
}

/** @throws DataOpsError CHECKPOINT when what was written is not in the collection of that name, which was dropped meanwhile. */
export async function checkStillThere(...target: Parameters<typeof sameCollection>): Promise<void> {
  if (!(await isStillThere(...target))) throw madeAnew(target[1])
}

function madeAnew(name: string): DataOpsError {
  return new DataOpsError(
    'CHECKPOINT',
    `"${name}" is not the collection that this restore was begun in: it was dropped and made again since.`,
    {hint: 'Run it again with `restart: true`, which begins anew.'},
  )
}

/** Whether something of what was written is there; also true when nothing of it can be looked for. */
async function holdsSample({archive, checkpoint, connection, live}: ToContinue): Promise<boolean> {
  const listed = await tenantsOf(connection, live)
  const tenants = listed && new Map(listed.map(({name, status}) => [name, status]))
  const written = await writtenSample(archive, checkpoint)
  if (written.length === 0) return true
  if (tenants && written.every(({tenant}) => !tenants.has(tenant ?? ''))) return false
  const byId = new ObjectsById({connection, plan: planBare(live)})
  const byTenant = Map.groupBy(
    written.filter(({tenant}) => !tenants || tenants.get(tenant ?? '') === 'HOT'),
    ({tenant}) => tenant,
  )
  if (byTenant.size === 0) return true
  for (const [tenant, objects] of byTenant) {
    const ids = objects.map(({id}) => id)
    if (await byId.some(ids, {tenant}, () => true)) return true
  }

  return false
}

async function writtenSample(archive: Pick<ObjectSource, 'pages'>, checkpoint: Checkpoint): Promise<WeaviateObject[]> {
  const {done} = checkpoint.objects
  const [first] = done.toJSON()
  const sample: WeaviateObject[] = []
  if (!first) return sample
  for await (const {endRow, objects, rows} of archive.pages({fromRow: first[0]})) {
    for (const [index, object] of objects.entries()) {
      const row = rows[index]
      const isWritten =
        row !== undefined && done.has(row) && !checkpoint.skipped.has(row) && !checkpoint.rejected.has(row)
      if (isWritten && sample.length < SAMPLE) sample.push(object)
    }

    if (sample.length >= SAMPLE || endRow >= first[1]) break
  }

  return sample
}
