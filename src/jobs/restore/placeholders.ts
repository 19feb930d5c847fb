/** Placeholders: empty objects that stand in for targets that are not there, and are deleted again. */
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {Placeholder} from './checkpoint-file.js'

import {ObjectsById} from '../../flow/by-id.js'
import {isRefusal} from '../../model/errors.js'
import {type WeaviateObject} from '../../model/object.js'
import {lacksVectorOf, vectorizersOf} from '../../model/vectorizers.js'
import {sha256Hex} from '../../platform/node.js'
import {planBare, planCollection} from '../../weaviate/collection-plan.js'
import {assertDeleted} from '../../weaviate/delete-outcome.js'
import {inCalls} from './in-calls.js'

/** Tells placeholders apart, and the collections and tenants that they are in. */
export function placeholderKey(collection: string, id: string, tenant: string | undefined): string {
  return JSON.stringify([collection, id.toLowerCase(), tenant])
}

/** Targets in one collection, and of one tenant of it where it has some. */
export interface Targets {
  collection: CollectionPlan
  /** By id, who refers to it. */
  referring: Map<string, WeaviateObject[]>
  tenant?: string | undefined
}

/** What stands in for a target, and who needs it. */
export interface StandIn {
  object: WeaviateObject
  placeholder: Placeholder
  referring: readonly WeaviateObject[]
}

export async function standInsFor(
  targets: Targets,
  {connection, hopeless}: {connection: Connection; hopeless: Set<WeaviateObject>},
): Promise<StandIn[]> {
  const {collection, referring, tenant} = targets
  const there = await idsThere(connection, targets, [...referring.keys()])
  const absent = [...referring].filter(([id]) => !there?.has(id))
  if (absent.length === 0) return []
  const pattern = there && (await makePattern(connection, collection, tenant))
  if (!pattern) {
    for (const [, those] of absent) for (const object of those) hopeless.add(object)
    return []
  }

  const {className} = collection
  const vectors = hashOfVectors(pattern)
  return absent.map(([id, those]) => ({
    object: {...pattern, id},
    placeholder: {collection: className, id, vectors, ...(tenant !== undefined && {tenant})},
    referring: those,
  }))
}

/** `sent`: gets those that may be there from then on. Returns who needs one that the server refused. */
export async function writeStandIns(
  connection: Connection,
  targets: Targets,
  {sent, standIns}: {sent: Set<Placeholder>; standIns: readonly StandIn[]},
): Promise<Array<Pick<StandIn, 'referring'> & {reason: string}>> {
  if (standIns.length === 0) return []
  const {collection, tenant} = targets
  const ids = standIns.map(({object}) => object.id)
  // Looked at once more: what has come to be there meanwhile is never written over.
  const there = await idsThere(connection, targets, ids)
  // Its tenant has gone: the next try finds that nothing can stand in.
  if (!there) return []
  const absent = standIns.filter(({object}) => !there.has(object.id))
  const byId = new Map(absent.map((each) => [each.object.id, each]))
  const refused: Array<Pick<StandIn, 'referring'> & {reason: string}> = []
  for (const objects of inCalls(
    collection,
    absent.map(({object}) => object),
  )) {
    for (const {id} of objects) sent.add(byId.get(id)!.placeholder)
    for (const {id, reason} of await connection.writeObjects({collection, objects})) {
      const {placeholder, referring} = byId.get(id)!
      sent.delete(placeholder)
      refused.push({reason, referring})
    }
  }

  const bare = new ObjectsById({connection, plan: planBare(collection.schema)})
  for await (const {objects} of bare.read([...byId.keys()], {tenant})) {
    for (const object of objects) {
      const placeholder = byId.get(object.id)?.placeholder
      if (placeholder && sent.has(placeholder)) placeholder.times = timesOf(object)
    }
  }

  return refused
}

/** undefined: the collection has no such tenant, where nothing can stand in. */
async function idsThere(
  connection: Connection,
  {collection, tenant}: Targets,
  ids: readonly string[],
): Promise<ReadonlySet<string> | undefined> {
  return unlessTenantGone(connection, {className: collection.className, tenant}, async () => {
    const there = new Set<string>()
    const bare = new ObjectsById({connection, plan: planBare(collection.schema)})
    for await (const {objects} of bare.read(ids, {tenant})) for (const {id} of objects) there.add(id)
    return there
  })
}

/** undefined: what was asked was refused, and the collection has no such tenant. */
async function unlessTenantGone<T>(
  connection: Pick<Connection, 'listTenants'>,
  {className, tenant}: {className: string; tenant: string | undefined},
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (tenant === undefined || !isRefusal(error)) throw error
    const tenants = await connection.listTenants(className)
    if (tenants.some(({name}) => name === tenant)) throw error
    return undefined
  }
}

/**
 * Deletes those that are still exactly what was written: anything else is somebody's object. With a tenant that is gone they are gone too.
 * @throws DataOpsError SERVER_REFUSED where one cannot be deleted.
 */
export async function removePlaceholders(
  connection: Pick<Connection, 'deleteObjects' | 'getCollection' | 'getObjects' | 'listTenants'>,
  placeholders: readonly Placeholder[],
): Promise<void> {
  for (const group of Map.groupBy(placeholders, ({collection, tenant}) =>
    placeholderKey(collection, '', tenant),
  ).values()) {
    const {collection: className, tenant} = group[0]!
    const schema = await connection.getCollection(className)
    if (!schema) continue
    // As the server has ids: a checkpoint of an earlier release may have them as a beacon did.
    const byId = new Map(group.map((each) => [each.id.toLowerCase(), each]))
    const whole = new ObjectsById({connection, plan: planCollection(schema)})
    await unlessTenantGone(connection, {className, tenant}, async () => {
      for await (const {objects} of whole.read([...byId.keys()], {tenant})) {
        const ids = objects.filter((live) => isAsWritten(live, byId.get(live.id))).map(({id}) => id)
        if (ids.length === 0) continue
        const outcome = await connection.deleteObjects({collection: className, ids, tenant})
        assertDeleted(outcome, {collection: className, tenant})
      }
    })
  }
}

function timesOf({creationTimeUnix, lastUpdateTimeUnix}: WeaviateObject): Placeholder['times'] {
  return creationTimeUnix === undefined || lastUpdateTimeUnix === undefined
    ? undefined
    : [creationTimeUnix, lastUpdateTimeUnix]
}

function isAsWritten(live: WeaviateObject, placeholder: Placeholder | undefined): boolean {
  if (!placeholder) return false
  const {times, vectors} = placeholder
  const [created, updated] = timesOf(live) ?? []
  if (Object.values(live.properties).some((value) => value !== null && value !== undefined)) return false
  // One that was never confirmed has no times to compare: it has not been updated since, and has the vectors that were sent.
  return times ? created === times[0] && updated === times[1] : created === updated && hashOfVectors(live) === vectors
}

function hashOfVectors({vector, vectors}: Pick<WeaviateObject, 'vector' | 'vectors'>): string {
  const named = Object.entries(vectors ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return sha256Hex(
    JSON.stringify([vector ?? null, named], (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value)),
  )
}

/** A placeholder without its id. What a vectorizer would fill in is taken from another object; where there is none, undefined: nothing is vectorized for this. */
async function makePattern(
  connection: Connection,
  collection: CollectionPlan,
  tenant: string | undefined,
): Promise<Omit<WeaviateObject, 'id'> | undefined> {
  const pattern = {properties: {}, ...(tenant !== undefined && {tenant})}
  const vectorizers = vectorizersOf(collection.schema)
  if (vectorizers.length === 0) return pattern
  // Its vectors alone: twenty objects with all that they have may be more than a message holds.
  const vectorsOnly = planCollection({...collection.schema, properties: []})
  const {objects} = await connection.readPage({collection: vectorsOnly, include: 'objects', limit: 20, tenant})
  const whole = objects.find((object) => !lacksVectorOf(object, vectorizers))
  if (!whole) return undefined
  const {vector, vectors} = whole
  return {...pattern, ...(vector && {vector}), ...(vectors && {vectors})}
}
