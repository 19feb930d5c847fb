import type {Archive} from '../archive/reader.js'
import type {Throttle} from '../transfer/throttle.js'
import type {CollectionPlan, Connection} from '../weaviate/weaviate.js'

import {planCollection} from '../weaviate/collection-plan.js'
import {isTooLarge} from '../weaviate/errors.js'
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
  throttle: Throttle
}

/** Rows of a backup whose objects the target has already. Reads ids only from the backup. */
export async function findExisting(options: ConflictOptions): Promise<RowRanges> {
  const {archive, signal} = options
  const wanted = options.tenants?.length ? new Set(options.tenants) : undefined
  const existing = new RowRanges()
  // Without properties and vectors: nothing but ids is asked for.
  const {class: name, multiTenancyConfig} = options.plan.schema
  const search = {...options, plan: planCollection({class: name, multiTenancyConfig})}
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
        for (const id of await existingOf(search, ids.slice(start, start + IDS_A_CALL), tenant))
          found.push(rows.get(id)!)
      }
    }

    for (const row of found.sort((a, b) => a - b)) existing.add(row, row + 1)
  }

  return existing
}

/** Which of these ids there are; asked for in smaller calls where the objects are too large for one answer. */
async function existingOf(options: ConflictOptions, ids: string[], tenant: string | undefined): Promise<string[]> {
  const {connection, plan, signal, throttle} = options
  try {
    const objects = await throttle.run(async () => connection.getObjects({collection: plan, ids, signal, tenant}))
    return objects.map(({id}) => id)
  } catch (error) {
    if (!isTooLarge(error) || ids.length <= 1) throw error
    const half = ids.length >> 1
    return [
      ...(await existingOf(options, ids.slice(0, half), tenant)),
      ...(await existingOf(options, ids.slice(half), tenant)),
    ]
  }
}
