/**
 * References to what is not there, in collections with tenants: the server takes a reference of such a collection only while its target
 * is there. So a placeholder stands in for the target while the reference is written, and is deleted again.
 */
import type {JsonValue, WeaviateObject} from '../../model/object.js'
import type {CollectionPlan, Connection, WriteFailure} from '../../weaviate/connection.js'
import type {Placeholder} from './checkpoint.js'

import {isMultiTenant} from '../../model/schema.js'
import {lacksVectorOf, vectorizersOf} from '../../model/vectorizers.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {parseBeacon} from '../../weaviate/values.js'

/** By what the server says of a target that is not there. */
export function isDangling(failure: WriteFailure): boolean {
  return failure.reason.includes('not found for tenant')
}

export interface DanglingOptions {
  connection: Connection
  /** Of the collection whose objects refer. */
  plan: CollectionPlan
  /** Keeps on the disk what is to be deleted after a crash. */
  remember: (placeholders: Placeholder[]) => Promise<void>
}

/** Writes an object and its references, which point at what the target collection calls itself. Returns why the server refused one. */
export async function writeDangling(
  object: WeaviateObject,
  {connection, plan, remember}: DanglingOptions,
): Promise<WriteFailure[]> {
  const targets = targetsOf(plan, object)
  const missing: Placeholder[] = []
  const stand: Array<{collection: CollectionPlan; object: WeaviateObject}> = []
  for (const [className, ids] of targets) {
    const schema = await connection.getCollection(className)
    if (!schema) continue
    const collection = planCollection(schema)
    const tenant = isMultiTenant(schema) ? object.tenant : undefined
    const there = new Set((await connection.getObjects({collection, ids: [...ids], tenant})).map(({id}) => id))
    for (const id of ids) {
      if (there.has(id)) continue
      const placeholder = await makePlaceholder(connection, collection, id, tenant)
      if (!placeholder) continue
      missing.push({collection: className, id, ...(tenant !== undefined && {tenant})})
      stand.push({collection, object: placeholder})
    }
  }

  await remember(missing)
  try {
    for (const each of stand) {
      const refused = await connection.writeObjects({collection: each.collection, objects: [each.object]})
      if (refused.length > 0) return refused.map(({reason}) => ({id: object.id, reason, tenant: object.tenant}))
    }

    // The references that the server took the first time are cleared by this.
    const refused = await connection.writeObjects({collection: plan, objects: [object]})
    return refused.length > 0 ? refused : await connection.writeReferences({collection: plan, objects: [object]})
  } finally {
    await removePlaceholders(connection, missing)
    await remember([])
  }
}

export async function removePlaceholders(
  connection: Pick<Connection, 'deleteObjects'>,
  placeholders: readonly Placeholder[],
): Promise<void> {
  for (const {collection, id, tenant} of placeholders) await connection.deleteObjects({collection, ids: [id], tenant})
}

/** What a vectorizer would fill in is taken from another object; where there is none, undefined: nothing is vectorized for this. */
async function makePlaceholder(
  connection: Connection,
  collection: CollectionPlan,
  id: string,
  tenant: string | undefined,
): Promise<undefined | WeaviateObject> {
  const placeholder: WeaviateObject = {id, properties: {}, ...(tenant !== undefined && {tenant})}
  const vectorizers = vectorizersOf(collection.schema)
  if (vectorizers.length === 0) return placeholder
  const {objects} = await connection.readPage({collection, include: 'objects', limit: 20, tenant})
  const whole = objects.find((object) => !lacksVectorOf(object, vectorizers))
  if (!whole) return undefined
  const {vector, vectors} = whole
  return {...placeholder, ...(vector && {vector}), ...(vectors && {vectors})}
}

/** Ids by collection. */
function targetsOf(plan: CollectionPlan, object: WeaviateObject): Map<string, Set<string>> {
  const targets = new Map<string, Set<string>>()
  for (const name of plan.referenceNames) {
    const references = Object.hasOwn(object.properties, name) ? object.properties[name] : undefined
    for (const reference of Array.isArray(references) ? references : []) {
      const target = targetOf(plan, name, reference)
      if (!target) continue
      const ids = targets.get(target.collection) ?? new Set()
      targets.set(target.collection, ids.add(target.id))
    }
  }

  return targets
}

function targetOf(
  plan: CollectionPlan,
  name: string,
  reference: JsonValue,
): undefined | {collection: string; id: string} {
  const beacon =
    typeof reference === 'object' && reference !== null && !Array.isArray(reference) ? reference.beacon : undefined
  const target = typeof beacon === 'string' ? parseBeacon(beacon) : undefined
  if (!target) return undefined
  const property = plan.schema.properties?.find((candidate) => candidate.name === name)
  // A beacon without a class is one to the only class there can be.
  const collection = target.collection ?? (property?.dataType.length === 1 ? property.dataType[0] : undefined)
  return collection === undefined ? undefined : {collection, id: target.id}
}
