/** References that may have been sent before, by somebody who may still have been at it: read back once they are written, and mended. */
import type {SourcePage} from '../../flow/source.js'

import {describeDifference} from '../../codec/digest.js'
import {ObjectsById} from '../../flow/by-id.js'
import {toTarget} from '../../flow/live/sink.js'
import {chunks} from '../../model/chunks.js'
import {DataOpsError} from '../../model/errors.js'
import {type WeaviateObject, type WriteFailure} from '../../model/object.js'
import {plural} from '../../model/plural.js'
import {countReferences, type RestoreTransferOptions} from './objects.js'
import {onlyReferences, sendDangling, sendReferences} from './references.js'

/** Times that what differs is written anew. */
const TRIES = 3
/** Objects that are written anew at once. */
const OBJECTS_A_CALL = 100

/** Returns how many were mended. @throws DataOpsError CONTENT_DIFFERS when somebody goes on changing them. */
export async function mendReferences(transfer: RestoreTransferOptions): Promise<number> {
  const {archive, checkpoint, signal} = transfer
  const byId = new ObjectsById(transfer)
  let mended = 0
  for await (const page of archive.pages({signal})) {
    const isWritten = (row: number): boolean =>
      [checkpoint.skipped, checkpoint.rejected].every((rows) => !rows.has(row))
    let differing = await differingOf({byId, page, transfer}, isWritten)
    for (let attempt = 1; differing.length > 0; attempt++) {
      const [first] = differing
      if (attempt > TRIES) {
        throw new DataOpsError(
          'CONTENT_DIFFERS',
          `${plural(differing.length, 'object has', 'objects have')} other references than were written, ${first?.object.id} among them.`,
          {details: {id: first?.object.id}, hint: 'See who else writes to the collection.', retryable: true},
        )
      }

      for (const some of chunks(differing, OBJECTS_A_CALL)) await mend(transfer, some)
      mended += differing.length
      const rows = new Set(differing.map(({row}) => row))
      differing = await differingOf({byId, page, transfer}, (row) => rows.has(row) && isWritten(row))
    }
  }

  return mended
}

interface Differing {
  object: WeaviateObject
  row: number
}

/** Objects of a page that do not refer to what the backup says. */
async function differingOf(
  {byId, page, transfer}: {byId: ObjectsById; page: SourcePage; transfer: RestoreTransferOptions},
  isWanted: (row: number) => boolean,
): Promise<Differing[]> {
  const {plan, selected, tenants} = transfer
  const {objects, rows} = page
  const wanted = objects.flatMap((object, index): Differing[] => {
    const row = rows[index]
    const isSent = row !== undefined && isWanted(row) && selected(object) && countReferences(plan, object) > 0
    return isSent ? [{object, row}] : []
  })
  const differing: Differing[] = []
  for (const [tenant, group] of Map.groupBy(wanted, ({object}) => object.tenant)) {
    const ids = group.map(({object}) => object.id)
    const equal = new Set<Differing>()
    const wantedById = Map.groupBy(group, ({object}) => object.id)
    await tenants.whileActive([{tenant}], async () => {
      for await (const {objects: found} of byId.read(ids, {tenant, viaRest: true})) {
        for (const live of found) {
          for (const one of wantedById.get(live.id) ?? [])
            if (hasReferencesOf(transfer, one.object, live)) equal.add(one)
        }
      }
    })
    differing.push(...group.filter((one) => !equal.has(one)))
  }

  return differing
}

function hasReferencesOf(transfer: RestoreTransferOptions, object: WeaviateObject, live: WeaviateObject): boolean {
  const {plan} = transfer
  const [one, other] = [toTarget(transfer, object), live].map(({tenant: _, ...each}) => onlyReferences(plan, each))
  return one !== undefined && other !== undefined && describeDifference(plan.schema, one, other).length === 0
}

/** Written again as a whole, which clears what is there. */
async function mend(transfer: RestoreTransferOptions, differing: readonly Differing[]): Promise<void> {
  const objects = differing.map(({object}) => object)
  const rows = differing.map(({row}) => row)
  const batch = {from: 0, objects, pages: [], rows, tenants: new Set<string | undefined>(), to: 0, weight: 1}
  const writeDangling = async (some: readonly WeaviateObject[]): Promise<WriteFailure[]> => sendDangling(transfer, some)
  await transfer.tenants.whileActive(
    objects,
    async () => sendReferences(transfer, batch, {isWhole: true, writeDangling}),
    {references: true},
  )
}
