/**
 * References to what is not there, in collections with tenants: the server takes a reference of such a collection only while its target
 * is there. So a placeholder stands in for the target while the reference is written, and is deleted again.
 */
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {Placeholder} from './checkpoint-file.js'

import {ObjectsById} from '../../flow/by-id.js'
import {isRefusal} from '../../model/errors.js'
import {
  approximateBytes,
  type JsonValue,
  objectKey,
  own,
  type WeaviateObject,
  type WriteFailure,
} from '../../model/object.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {lacksVectorOf, vectorizersOf} from '../../model/vectorizers.js'
import {sha256Hex} from '../../platform/node.js'
import {planBare, planCollection} from '../../weaviate/collection-plan.js'
import {backoffMs, sleep} from '../../weaviate/retry.js'
import {parseBeacon} from '../../weaviate/values.js'
import {BATCH_BYTES, countReferences} from './objects.js'

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

/** Objects, and references of theirs, in a call at most: for each of these something may have to stand in. */
const AT_ONCE = 100
/** Times that an object is written again whose placeholder another worker has deleted meanwhile, which had made it first. */
const TRIES = 20
/** Milliseconds between two of them at most: long, so that many workers with one target meet seldom. */
const LONGEST_WAIT_MS = 2000

/**
 * Writes objects and their references, which point at what the target collection calls itself. Returns why the server refused some.
 * @param objects that may go in one call
 */
export async function writeDangling(
  objects: readonly WeaviateObject[],
  options: DanglingOptions,
): Promise<WriteFailure[]> {
  const failures: WriteFailure[] = []
  let left = objects
  for (let attempt = 1; left.length > 0; attempt++) {
    const {hopeless, refused} = await writeOnce(left, options)
    const dangling = danglingKeys(refused)
    // Where nothing could stand in, the next try would end as this one.
    left = left.filter((object) => dangling.has(keyOfObject(object)) && !hopeless.has(object) && attempt < TRIES)
    const again = new Set(left.map((object) => keyOfObject(object)))
    failures.push(...refused.filter((failure) => !again.has(keyOfObject(failure))))
    if (left.length > 0) await sleep(backoffMs(attempt, LONGEST_WAIT_MS) * Math.random(), options.signal)
  }

  return failures
}

/** Objects of which the server refused a reference for its target. */
export function danglingKeys(refused: readonly WriteFailure[]): Set<string> {
  return new Set(refused.filter((failure) => isDangling(failure)).map((failure) => keyOfObject(failure)))
}

/** Objects in groups that may go in one call each: of those and what stands in for their targets. One may be more than that. */
export function* inCalls(plan: CollectionPlan, objects: readonly WeaviateObject[]): Generator<WeaviateObject[]> {
  const vectorizers = vectorizersOf(plan.schema)
  // What the server must vectorize goes by itself: a module that fails may take everything in the call with it.
  const isAlone = (object: WeaviateObject): boolean => lacksVectorOf(object, vectorizers)
  let some: WeaviateObject[] = []
  let references = 0
  let bytes = 0
  for (const object of objects) {
    const more = Math.max(1, countReferences(plan, object))
    const size = approximateBytes(object)
    const isFull = references + more > AT_ONCE || bytes + size > BATCH_BYTES
    const [first] = some
    if (first && (isFull || isAlone(object) || isAlone(first))) {
      yield some
      some = []
      references = 0
      bytes = 0
    }

    some.push(object)
    references += more
    bytes += size
  }

  if (some.length > 0) yield some
}

function keyOfObject({id, tenant}: {id: string; tenant?: string | undefined}): string {
  return objectKey(tenant, id)
}

interface WrittenOnce {
  /** A target of theirs is not there, and nothing can stand in for it. */
  hopeless: ReadonlySet<WeaviateObject>
  refused: WriteFailure[]
}

/** Targets in one collection, and of one tenant of it where it has some. */
interface Targets {
  collection: CollectionPlan
  /** By id, who refers to it. */
  referring: Map<string, WeaviateObject[]>
  tenant?: string | undefined
}

/** What stands in for a target, and who needs it. */
interface StandIn {
  object: WeaviateObject
  placeholder: Placeholder
  referring: readonly WeaviateObject[]
}

async function writeOnce(
  objects: readonly WeaviateObject[],
  {connection, plan, remember}: DanglingOptions,
): Promise<WrittenOnce> {
  const hopeless = new Set<WeaviateObject>()
  const stand: Array<[targets: Targets, standIns: StandIn[]]> = []
  for (const targets of await targetsOfAll(objects, {connection, hopeless, plan}))
    stand.push([targets, await standInsFor(targets, {connection, hopeless})])
  const missing = stand.flatMap(([, standIns]) => standIns.map(({placeholder}) => placeholder))
  await remember(missing)
  try {
    const unwritten = new Map<WeaviateObject, string>()
    for (const [targets, standIns] of stand) {
      const {notOurs, refused} = await writeStandIns(connection, targets, standIns)
      for (const placeholder of notOurs) missing.splice(missing.indexOf(placeholder), 1)
      for (const {reason, referring} of refused) for (const object of referring) unwritten.set(object, reason)
    }

    await remember(missing)
    const refused = [...unwritten].map(([{id, tenant}, reason]): WriteFailure => ({id, reason, tenant}))
    const writable = objects.filter((object) => !unwritten.has(object))
    if (writable.length === 0) return {hopeless, refused}
    // The references that the server took the first time are cleared by this.
    const notTaken = await connection.writeObjects({collection: plan, objects: writable})
    const keys = new Set(notTaken.map((failure) => keyOfObject(failure)))
    const taken = writable.filter((object) => !keys.has(keyOfObject(object)))
    const references = taken.length > 0 ? await connection.writeReferences({collection: plan, objects: taken}) : []
    return {hopeless, refused: [...refused, ...notTaken, ...references]}
  } finally {
    await removePlaceholders(connection, missing)
    await remember([])
  }
}

async function targetsOfAll(
  objects: readonly WeaviateObject[],
  {connection, hopeless, plan}: {connection: Connection; hopeless: Set<WeaviateObject>; plan: CollectionPlan},
): Promise<Targets[]> {
  const schemas = new Map<string, undefined | WeaviateClass>()
  const all = new Map<string, Targets>()
  for (const object of objects) {
    for (const [className, ids] of targetsOf(plan, object)) {
      if (!schemas.has(className)) schemas.set(className, await connection.getCollection(className))
      const schema = schemas.get(className)
      if (!schema) {
        hopeless.add(object)
        continue
      }

      const tenant = isMultiTenant(schema) ? object.tenant : undefined
      const key = keyOf(className, '', tenant)
      const targets: Targets = all.get(key) ?? {collection: planCollection(schema), referring: new Map(), tenant}
      all.set(key, targets)
      for (const id of ids) targets.referring.set(id, [...(targets.referring.get(id) ?? []), object])
    }
  }

  return [...all.values()]
}

async function standInsFor(
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

interface WrittenStandIns {
  /** What has come to be there meanwhile. */
  notOurs: Placeholder[]
  refused: Array<{reason: string; referring: readonly WeaviateObject[]}>
}

async function writeStandIns(
  connection: Connection,
  targets: Targets,
  standIns: readonly StandIn[],
): Promise<WrittenStandIns> {
  if (standIns.length === 0) return {notOurs: [], refused: []}
  const {collection, tenant} = targets
  const ids = standIns.map(({object}) => object.id)
  // Looked at once more: what has come to be there meanwhile is never written over.
  const there = await idsThere(connection, targets, ids)
  // Its tenant has gone: the next try finds that nothing can stand in.
  if (!there) return {notOurs: standIns.map(({placeholder}) => placeholder), refused: []}
  const written = standIns.filter(({object}) => !there.has(object.id))
  const failures: WriteFailure[] = []
  const objects = written.map(({object}) => object)
  for (const some of inCalls(collection, objects))
    failures.push(...(await connection.writeObjects({collection, objects: some})))
  const reasons = new Map(failures.map(({id, reason}) => [id, reason]))
  const byId = new Map(written.map((each) => [each.object.id, each]))
  const bare = new ObjectsById({connection, plan: planBare(collection.schema)})
  for await (const {objects: found} of bare.read([...byId.keys()], {tenant})) {
    for (const object of found) {
      const standIn = byId.get(object.id)
      if (standIn && !reasons.has(object.id)) standIn.placeholder.times = timesOf(object)
    }
  }

  return {
    notOurs: standIns.filter(({object}) => there.has(object.id)).map(({placeholder}) => placeholder),
    refused: written.flatMap(({object, referring}) => {
      const reason = reasons.get(object.id)
      return reason === undefined ? [] : [{reason, referring}]
    }),
  }
}

/** undefined: the collection has no such tenant, where nothing can stand in. */
async function idsThere(
  connection: Connection,
  {collection, tenant}: Targets,
  ids: readonly string[],
): Promise<ReadonlySet<string> | undefined> {
  try {
    const there = new Set<string>()
    const bare = new ObjectsById({connection, plan: planBare(collection.schema)})
    for await (const {objects} of bare.read(ids, {tenant})) for (const {id} of objects) there.add(id)
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
  for (const group of Map.groupBy(placeholders, ({collection, tenant}) => keyOf(collection, '', tenant)).values()) {
    const {collection: className, tenant} = group[0]!
    const schema = await connection.getCollection(className)
    if (!schema) continue
    const byId = new Map(group.map((each) => [each.id, each]))
    const whole = new ObjectsById({connection, plan: planCollection(schema)})
    for await (const {objects} of whole.read([...byId.keys()], {tenant})) {
      const ids = objects.filter((live) => isAsWritten(live, byId.get(live.id))).map(({id}) => id)
      if (ids.length > 0) await connection.deleteObjects({collection: className, ids, tenant})
    }
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
