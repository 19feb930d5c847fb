/** What a backup holds of a collection beside its objects, held against what is there. */
import type {BackupHead} from '../../codec/document.js'
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Connection} from '../../weaviate/connection.js'

import {settledStatus} from '../../flow/tenants/activation.js'
import {compareSchemas} from '../../model/schema-compare.js'

/** Changes that are named. */
const NAMED = 5

/** What of the schema and the tenants is no longer as the backup has it, in words; undefined: nothing. `tenants`: those there are now. */
export async function changeOfShape(
  connection: Pick<Connection, 'getCollection'>,
  {metadata, schema}: BackupHead,
  tenants: readonly WeaviateTenant[] | undefined,
): Promise<string | undefined> {
  const live = await connection.getCollection(schema.class)
  if (!live) return 'it is gone'
  const changed = compareSchemas(schema, live, {ignoreName: true}).map(({path}) => path)
  const before = new Map((metadata.tenants ?? []).map(({name, status}) => [name, settledStatus(status)]))
  const now = new Map((tenants ?? []).map(({name, status}) => [name, settledStatus(status)]))
  for (const [name, status] of now) if (before.get(name) !== status) changed.push(`the tenant ${name}`)
  for (const name of before.keys()) if (!now.has(name)) changed.push(`the tenant ${name}`)
  if (changed.length === 0) return undefined
  const more = changed.length > NAMED ? ` and ${changed.length - NAMED} more` : ''
  return `changed: ${changed.slice(0, NAMED).join(', ')}${more}`
}
