/** What the server counts of a collection that it exports by itself, before and after, beside what it says to have exported. */
import type {ExportedShard} from '../../archive/native/metadata.js'
import type {SealedCount} from '../../codec/document.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {BackupJob} from './job.js'

import {isRefusal} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {isMultiTenant} from '../../model/schema.js'
import {DEFAULT_CONCURRENCY} from '../options.js'

export interface ExportCount {
  /** By tenant; undefined: a collection without. Inactive ones are not counted, since the export wakes none either. */
  objects: ReadonlyMap<string | undefined, number>
  tenants?: WeaviateTenant[]
}

export async function countForExport({collection: {schema}, connection, options}: BackupJob): Promise<ExportCount> {
  const {concurrency = DEFAULT_CONCURRENCY, signal} = options
  const tenants = isMultiTenant(schema) ? await connection.listTenants(schema.class) : undefined
  const counted = tenants ? tenants.filter(({status}) => status === 'HOT').map(({name}) => name) : [undefined]
  const objects = new Map<string | undefined, number>()
  await inParallel(counted, {atOnce: concurrency, signal}, async (tenant) => {
    try {
      objects.set(tenant, await connection.count(schema.class, tenant, signal))
    } catch (error) {
      // Put to sleep, or dropped, since it was listed.
      if (tenant === undefined || !isRefusal(error)) throw error
    }
  })
  return {objects, ...(tenants && {tenants})}
}

export interface ExportAccount {
  counted: SealedCount
  /** Tenants that were there all the time and that the export says nothing of. */
  left: WeaviateTenant[]
  /** Objects that the server counted both times and did not export. */
  shortfall: number
  /** Tenants that were not counted. */
  uncounted: number
}

/** Writers alone make no export incomplete: they change one of the counts. */
export function accountOfExport(
  before: ExportCount,
  after: ExportCount,
  shards: readonly ExportedShard[],
): ExportAccount {
  const exported = new Map(shards.map(({name, objects}) => [name, objects]))
  const read = shards.reduce((sum, {objects}) => sum + objects, 0)
  let shortfall = 0
  for (const [tenant, first] of before.objects) {
    const second = after.objects.get(tenant)
    if (second === undefined) continue
    const held = tenant === undefined ? read : (exported.get(tenant) ?? 0)
    shortfall += Math.max(0, Math.min(first, second) - held)
  }

  const still = new Set(after.tenants?.map(({name}) => name))
  return {
    counted: {after: sumOf(after), before: sumOf(before), read},
    left: (before.tenants ?? []).filter(({name}) => still.has(name) && !exported.has(name)),
    shortfall,
    uncounted: (before.tenants ?? []).filter(({name}) => !before.objects.has(name)).length,
  }
}

/** null where some were not counted. */
function sumOf({objects, tenants}: ExportCount): null | number {
  if (tenants?.some(({name}) => !objects.has(name))) return null
  let sum = 0
  for (const count of objects.values()) sum += count
  return sum
}
