import type {ObjectSource, SourcePage} from '../../flow/source.js'
import type {RestoreTransferOptions} from './objects.js'
import type {RestoredTenants} from './tenants.js'

import {ACTIVATION_GROUP} from '../../flow/tenants/room.js'
import {chunks} from '../../model/chunks.js'
import {RowRanges} from './row-ranges.js'

export interface ConflictOptions extends Pick<RestoreTransferOptions, 'lookUp' | 'selected' | 'signal'> {
  archive: Pick<ObjectSource, 'isLive' | 'pages'>
  tenants: Pick<RestoredTenants, 'whileActive'>
}

/** What the target was looked through for. */
export interface Conflicts {
  /** Rows whose objects the target has already. */
  existing: RowRanges
  /** Rows that a live source did not show, or that were not chosen: one that changes may show them later. */
  unseen: RowRanges
}

/** Reads ids only from the backup. */
export async function findExisting(options: ConflictOptions): Promise<Conflicts> {
  const {archive, lookUp, signal} = options
  const existing = new RowRanges()
  const unseen = new RowRanges()
  let next = 0
  for await (const page of archive.pages({columns: 'ids', signal})) {
    if (archive.isLive) next = addUnseen(unseen, next, page)
    const byTenant = new Map<string | undefined, Map<string, number>>()
    for (const [index, object] of page.objects.entries()) {
      if (!options.selected(object)) continue
      const {id, tenant} = object
      const rows = byTenant.get(tenant) ?? new Map<string, number>()
      rows.set(id, page.rows[index]!)
      byTenant.set(tenant, rows)
    }

    const found: number[] = []
    const entries = Array.from(byTenant, ([tenant, rows]) => ({rows, tenant}))
    for (const group of chunks(entries, ACTIVATION_GROUP)) {
      await options.tenants.whileActive(group, async () => {
        for (const {rows, tenant} of group) {
          for await (const {objects} of lookUp.read([...rows.keys()], {tenant}))
            for (const {id} of objects) found.push(rows.get(id)!)
        }
      })
    }

    for (const row of found.sort((a, b) => a - b)) existing.add(row, row + 1)
  }

  return {existing, unseen}
}

/** Of the rows from `from` on. Returns the first behind the page. */
function addUnseen(unseen: RowRanges, from: number, {endRow, rows}: SourcePage): number {
  let next = from
  for (const row of rows) {
    unseen.add(next, row)
    next = row + 1
  }

  unseen.add(next, endRow)
  return Math.max(next, endRow)
}
