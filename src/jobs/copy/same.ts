/** Whether two names, at one address or two, are of one collection: to copy it into itself would lose references. */
import type {WeaviateTenant} from '../../model/tenant.js'
import type {Connection} from '../../weaviate/connection.js'

import {ObjectsById} from '../../flow/by-id.js'
import {withActiveTenants} from '../../flow/tenants/activation.js'
import {DataOpsError} from '../../model/errors.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {planBare} from '../../weaviate/collection-plan.js'
import {type CopyJob, targetNameOf} from './open.js'

/** Objects, or collections, of each side that are compared. */
const SAMPLE = 10

/** @throws DataOpsError INVALID_INPUT when the target, by its name or by an alias, is the source. */
export async function refuseSame(job: CopyJob): Promise<void> {
  const {collection, options, source, target} = job
  const {schema} = collection
  const name = targetNameOf(job)
  const aliases = target.capabilities.aliases ? await target.listAliases() : []
  const alias = aliases.find((each) => each.alias === name)
  // It is to point at the copy from then on.
  if (alias && options.atomic) return
  const there = await target.getCollection(alias?.collection ?? name)
  if (!there || !(await isSame(job, there))) return
  const by = alias ? `, by the alias "${name}"` : ''
  const where = target.describe === source.describe ? '' : ` (also called ${target.describe})`
  throw new DataOpsError(
    'INVALID_INPUT',
    `The target is the source: the collection "${schema.class}" at ${source.describe}${where}${by}.`,
    {
      details: {collection: schema.class, server: source.describe, target: target.describe},
      hint: 'Give the copy another name, or the address of another server.',
    },
  )
}

/** As far as that can be said without a look at objects. */
export async function isSameServer(source: Connection, target: Connection): Promise<boolean> {
  if (source === target || source.describe === target.describe) return true
  const there = new Map((await target.listCollections()).map((schema) => [schema.class, schema]))
  const common = (await source.listCollections()).filter((schema) => there.has(schema.class) && !isMultiTenant(schema))
  for (const schema of common.slice(0, SAMPLE)) {
    const [ours, theirs] = [await source.identify(schema), await target.identify(there.get(schema.class) ?? schema)]
    if (ours !== undefined && theirs !== undefined) return ours === theirs
  }

  return false
}

async function isSame(job: CopyJob, there: WeaviateClass): Promise<boolean> {
  const {collection, source, target} = job
  const {schema} = collection
  if (schema.class !== there.class) return false
  if (source === target || source.describe === target.describe) return true
  const [ours, theirs] = [await source.identify(schema), await target.identify(there)]
  if (ours !== undefined && theirs !== undefined) return ours === theirs
  if (isMultiTenant(schema) !== isMultiTenant(there)) return false
  const found = isMultiTenant(schema) ? await holdSameTenants(job) : await holdSame(job)
  return found ?? (await isSameServer(source, target))
}

/** An object cannot come into being twice at the same time. undefined: the source has none. */
async function holdSame(
  {collection: {schema}, source, target}: CopyJob,
  tenant?: string,
): Promise<boolean | undefined> {
  const collection = planBare(schema)
  const {objects} = await source.readPage({collection, include: 'ids', limit: SAMPLE, tenant})
  if (objects.length === 0) return undefined
  const created = new Map(objects.map(({creationTimeUnix, id}) => [id, creationTimeUnix]))
  const byId = new ObjectsById({connection: target, plan: collection})
  return byId.some(
    [...created.keys()],
    {tenant},
    ({creationTimeUnix, id}) => creationTimeUnix !== undefined && creationTimeUnix === created.get(id),
  )
}

async function holdSameTenants(job: CopyJob): Promise<boolean | undefined> {
  const {collection, notes, options, source, target} = job
  const {class: className} = collection.schema
  const tenants = await source.listTenants(className)
  const there = await target.listTenants(className)
  const names = new Set(there.map(({name}) => name))
  // Nothing of one collection is in a state that it is not in.
  const isOne = tenants.length === there.length && tenants.every(({name}) => names.has(name))
  if (!isOne) return false
  const readable = tenants.filter(({status}) => status === 'HOT' || (status === 'COLD' && !options.dryRun))
  const verdicts: boolean[] = []
  const how = {note: notes.begin(source.describe), signal: options.signal}
  await withActiveTenants(source, {className, tenants: readable, ...how}, async (group) => {
    const verdict = verdicts.length > 0 ? undefined : await compareGroup(job, group)
    if (verdict !== undefined) verdicts.push(verdict)
  })
  return verdicts[0]
}

/** Of tenants that are active at the source now. */
async function compareGroup(job: CopyJob, group: readonly WeaviateTenant[]): Promise<boolean | undefined> {
  const {collection, target} = job
  const states = new Map((await target.listTenants(collection.schema.class)).map(({name, status}) => [name, status]))
  if (group.some(({name}) => states.get(name) !== 'HOT')) return false
  for (const {name} of group) {
    const found = await holdSame(job, name)
    if (found !== undefined) return found
  }

  return undefined
}
