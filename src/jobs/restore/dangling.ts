/**
 * References to what is not there, in collections with tenants: the server takes a reference of such a collection only while its target
 * is there. So a placeholder stands in for the target while the reference is written, and is deleted again.
 */
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {Placeholder} from './checkpoint-file.js'

import {ObjectsById} from '../../flow/by-id.js'
import {isRefusal} from '../../model/errors.js'
import {type JsonValue, own, type WeaviateObject, type WriteFailure} from '../../model/object.js'
import {isMultiTenant} from '../../model/schema.js'
import {lacksVectorOf, vectorizersOf} from '../../model/vectorizers.js'
import {sha256Hex} from '../../platform/node.js'
import {planBare, planCollection} from '../../weaviate/collection-plan.js'
import {backoffMs, sleep} from '../../weaviate/retry.js'
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
  signal?: AbortSignal
}

/** Times that an object is written again whose placeholder another worker has deleted meanwhile, which had made it first. */
const TRIES = 20
/** Milliseconds between two of them at most: long, so that many workers with one target meet seldom. */
const LONGEST_WAIT_MS = 2000

/** Writes an object and its references, which point at what the target collection calls itself. Returns why the server refused one. */
export async function writeDangling(object: WeaviateObject, options: DanglingOptions): Promise<WriteFailure[]> {
  for (let attempt = 1; ; attempt++) {
    const {isWhole, refused} = await writeOnce(object, options)
    // Where nothing could stand in, the next try would end as this one.
    if (!isWhole || attempt >= TRIES || refused.every((failure) => !isDangling(failure))) return refused
    await sleep(backoffMs(attempt, LONGEST_WAIT_MS) * Math.random(), options.signal)
  }
}

interface WrittenOnce {
  /** Each target was there, or something stood in for it. */
  isWhole: boolean
  refused: WriteFailure[]
}

async function writeOnce(object: WeaviateObject, {connection, plan, remember}: DanglingOptions): Promise<WrittenOnce> {
  let isWhole = true
  const missing: Placeholder[] = []
  const stand: Array<{collection: CollectionPlan; object: WeaviateObject; placeholder: Placeholder}> = []
  for (const [className, ids] of targetsOf(plan, object)) {
    const schema = await connection.getCollection(className)
    if (!schema) {
      isWhole = false
      continue
    }

    const collection = planCollection(schema)
    const tenant = isMultiTenant(schema) ? object.tenant : undefined
    const there = await idsThere(connection, {collection, ids, tenant})
    if (!there) {
      isWhole = false
      continue
    }

    for (const id of ids) {
      if (there.has(id)) continue
      const standIn = await makePlaceholder(connection, collection, id, tenant)
      if (!standIn) {
        isWhole = false
        continue
      }

      const vectors = hashOfVectors(standIn)
      const placeholder: Placeholder = {collection: className, id, vectors, ...(tenant !== undefined && {tenant})}
      missing.push(placeholder)
      stand.push({collection, object: standIn, placeholder})
    }
  }

  await remember(missing)
  try {
    for (const each of stand) {
      // Looked at once more: what has come to be there meanwhile is never written over.
      if ((await find(connection, each.collection, each.placeholder)) !== undefined) {
        missing.splice(missing.indexOf(each.placeholder), 1)
        continue
      }

      const refused = await connection.writeObjects({collection: each.collection, objects: [each.object]})
      if (refused.length > 0)
        return {isWhole, refused: refused.map(({reason}) => ({id: object.id, reason, tenant: object.tenant}))}
      const written = await find(connection, each.collection, each.placeholder)
      if (written) each.placeholder.times = timesOf(written)
    }

    await remember(missing)
    // The references that the server took the first time are cleared by this.
    const refused = await connection.writeObjects({collection: plan, objects: [object]})
    if (refused.length > 0) return {isWhole, refused}
    return {isWhole, refused: await connection.writeReferences({collection: plan, objects: [object]})}
  } finally {
    await removePlaceholders(connection, missing)
    await remember([])
  }
}

/** undefined: the collection has no such tenant, where nothing can stand in. */
async function idsThere(
  connection: Connection,
  {collection, ids, tenant}: {collection: CollectionPlan; ids: ReadonlySet<string>; tenant: string | undefined},
): Promise<ReadonlySet<string> | undefined> {
  try {
    const there = new Set<string>()
    for await (const {objects} of new ObjectsById({connection, plan: planBare(collection.schema)}).read([...ids], {
      tenant,
    }))
      for (const {id} of objects) there.add(id)
    return there
  } catch (error) {
    if (tenant === undefined || !isRefusal(error)) throw error
    const tenants = await connection.listTenants(collection.className)
    if (tenants.some(({name}) => name === tenant)) throw error
    return undefined
  }
}

/** Deletes those that are still exactly what was written: anything else is somebody's object. */
export async function removePlaceholders(
  connection: Pick<Connection, 'deleteObjects' | 'getCollection' | 'getObjects'>,
  placeholders: readonly Placeholder[],
): Promise<void> {
  for (const placeholder of placeholders) {
    const {collection: className, id, tenant} = placeholder
    const schema = await connection.getCollection(className)
    const live = schema && (await find(connection, planCollection(schema), placeholder))
    if (live && isAsWritten(live, placeholder))
      await connection.deleteObjects({collection: className, ids: [id], tenant})
  }
}

/** Those of an earlier run that objects of the backup refer to: a checkpoint that was edited names nothing else. */
export async function referredPlaceholders(
  pages: AsyncIterable<{objects: readonly WeaviateObject[]}>,
  plan: CollectionPlan,
  placeholders: readonly Placeholder[],
): Promise<Placeholder[]> {
  const left = new Map(placeholders.map((each) => [keyOf(each.collection, each.id, each.tenant), each]))
  const found: Placeholder[] = []
  for await (const {objects} of pages) {
    for (const object of objects) {
      for (const key of keysReferredTo(plan, object)) {
        const placeholder = left.get(key)
        if (placeholder) found.push(placeholder)
        left.delete(key)
      }
    }

    if (left.size === 0) break
  }

  return found
}

/** In its own tenant, and in none: which of them its target has, the target's collection knows. */
function* keysReferredTo(plan: CollectionPlan, object: WeaviateObject): Generator<string> {
  for (const [collection, ids] of targetsOf(plan, object)) {
    for (const id of ids) yield* [keyOf(collection, id, object.tenant), keyOf(collection, id, undefined)]
  }
}

function keyOf(collection: string, id: string, tenant: string | undefined): string {
  return JSON.stringify([collection, id, tenant])
}

async function find(
  connection: Pick<Connection, 'getObjects'>,
  collection: CollectionPlan,
  {id, tenant}: Placeholder,
): Promise<undefined | WeaviateObject> {
  return (await connection.getObjects({collection, ids: [id], tenant})).find((object) => object.id === id)
}

function timesOf({creationTimeUnix, lastUpdateTimeUnix}: WeaviateObject): Placeholder['times'] {
  return creationTimeUnix === undefined || lastUpdateTimeUnix === undefined
    ? undefined
    : [creationTimeUnix, lastUpdateTimeUnix]
}

function isAsWritten(live: WeaviateObject, {times, vectors}: Placeholder): boolean {
  const [created, updated] = timesOf(live) ?? []
  if (Object.values(live.properties).some((value) => value !== null && value !== undefined)) return false
  // One that was never confirmed has no times to compare: it has not been updated since, and has the vectors that were sent.
  return times ? created === times[0] && updated === times[1] : created === updated && hashOfVectors(live) === vectors
}

function hashOfVectors({vector, vectors}: WeaviateObject): string {
  const named = Object.entries(vectors ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return sha256Hex(
    JSON.stringify([vector ?? null, named], (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value)),
  )
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
  // Its vectors alone: twenty objects with all that they have may be more than a message holds.
  const vectorsOnly = planCollection({...collection.schema, properties: []})
  const {objects} = await connection.readPage({collection: vectorsOnly, include: 'objects', limit: 20, tenant})
  const whole = objects.find((object) => !lacksVectorOf(object, vectorizers))
  if (!whole) return undefined
  const {vector, vectors} = whole
  return {...placeholder, ...(vector && {vector}), ...(vectors && {vectors})}
}

/** Ids by collection. */
function targetsOf(plan: CollectionPlan, object: WeaviateObject): Map<string, Set<string>> {
  const targets = new Map<string, Set<string>>()
  for (const name of plan.referenceNames) {
    const references = own(object.properties, name)
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
