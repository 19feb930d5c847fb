import type {ObjectSource} from '../../flow/source.js'
import type {Throttle} from '../../flow/throttle.js'
import type {WeaviateObject} from '../../model/object.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {RestoredTenants} from './tenants.js'

import {ACTIVATION_GROUP} from '../../flow/tenants/active-tenants.js'
import {chunks} from '../../model/chunks.js'
import {planBare} from '../../weaviate/collection-plan.js'
import {RowRanges} from './row-ranges.js'

/** Ids asked for in one call. */
const IDS_A_CALL = 500

export interface ConflictOptions {
  archive: Pick<ObjectSource, 'pages'>
  connection: Connection
  /** Of the target. */
  plan: CollectionPlan
  /** Whether an object is among those wanted. */
  selected: (object: WeaviateObject) => boolean
  signal?: AbortSignal
  tenants: Pick<RestoredTenants, 'whileActive'>
  throttle: Throttle
}

/** Rows of a backup whose objects the target has already. Reads ids only from the backup. */
export async function findExisting(options: ConflictOptions): Promise<RowRanges> {
  const {archive, signal} = options
  const existing = new RowRanges()
  const search = {...options, plan: planBare(options.plan.schema)}
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
            for (const id of await existingOf(search, ids, tenant)) found.push(rows.get(id)!)
          }
        }
      })
    }

    for (const row of found.sort((a, b) => a - b)) existing.add(row, row + 1)
  }

  return existing
}

/** Which of these ids there are. */
async function existingOf(options: ConflictOptions, ids: string[], tenant: string | undefined): Promise<string[]> {
  const {connection, plan, signal, throttle} = options
  const objects = await throttle.run(async () => connection.getObjects({collection: plan, ids, signal, tenant}))
  return objects.map(({id}) => id)
}
