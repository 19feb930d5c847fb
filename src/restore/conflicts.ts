import type {Archive} from '../archive/reader.js'
import type {CollectionPlan, Connection} from '../weaviate/weaviate.js'
import {RowRanges} from './row-ranges.js'

/** Ids asked for in one call. */
const IDS_A_CALL = 500

export interface ConflictOptions {
  archive: Archive
  connection: Connection
  /** Of the target. */
  plan: CollectionPlan
  signal?: AbortSignal
  tenants?: readonly string[]
}

/** Rows of a backup whose objects the target has already. Reads ids only from the backup. */
export async function findExisting(options: ConflictOptions): Promise<RowRanges> {
  const {archive, connection, plan, signal} = options
  const wanted = options.tenants?.length ? new Set(options.tenants) : undefined
  const existing = new RowRanges()
  for await (const page of archive.pages({columns: 'ids', signal})) {
    const byTenant = new Map<string | undefined, Map<string, number>>()
    for (const [index, {id, tenant}] of page.objects.entries()) {
      if (wanted && (tenant === undefined || !wanted.has(tenant))) continue
      const rows = byTenant.get(tenant) ?? new Map<string, number>()
      rows.set(id, page.rows[index]!)
      byTenant.set(tenant, rows)
    }

    const found: number[] = []
    for (const [tenant, rows] of byTenant) {
      const ids = [...rows.keys()]
      for (let start = 0; start < ids.length; start += IDS_A_CALL) {
        const objects = await connection.getObjects({collection: plan, ids: ids.slice(start, start + IDS_A_CALL), signal, tenant})
        for (const {id} of objects) found.push(rows.get(id)!)
      }
    }

    for (const row of found.sort((a, b) => a - b)) existing.add(row, row + 1)
  }

  return existing
}
