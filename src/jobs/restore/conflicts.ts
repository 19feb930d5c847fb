import type {ObjectSource} from '../../flow/source.js'
import type {RestoreTransferOptions} from './objects.js'
import type {RestoredTenants} from './tenants.js'

import {ACTIVATION_GROUP} from '../../flow/tenants/active-tenants.js'
import {chunks} from '../../model/chunks.js'
import {planBare} from '../../weaviate/collection-plan.js'
import {RowRanges} from './row-ranges.js'

/** Ids asked for in one call. */
const IDS_A_CALL = 500

export interface ConflictOptions extends Pick<
  RestoreTransferOptions,
  'connection' | 'plan' | 'selected' | 'signal' | 'throttle'
> {
  archive: Pick<ObjectSource, 'pages'>
  tenants: Pick<RestoredTenants, 'whileActive'>
}

/** Rows of a backup whose objects the target has already. Reads ids only from the backup. */
export async function findExisting(options: ConflictOptions): Promise<RowRanges> {
  const {archive, connection, signal, throttle} = options
  const existing = new RowRanges()
  const collection = planBare(options.plan.schema)
  for await (const page of archive.pages({columns: 'ids', signal})) {
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
          for (const ids of chunks([...rows.keys()], IDS_A_CALL)) {
            const there = await throttle.run(async () => connection.getObjects({collection, ids, signal, tenant}))
            for (const {id} of there) found.push(rows.get(id)!)
          }
        }
      })
    }

    for (const row of found.sort((a, b) => a - b)) existing.add(row, row + 1)
  }

  return existing
}
