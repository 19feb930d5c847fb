/**
 * References to what is not there, in collections with tenants: the server takes a reference of such a collection only while its target
 * is there. So a placeholder stands in for the target while the reference is written, and is deleted again.
 */
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {Placeholder} from './checkpoint-file.js'

import {type JsonValue, objectKey, own, type WeaviateObject, type WriteFailure} from '../../model/object.js'
import {isMultiTenant, type WeaviateClass} from '../../model/schema.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {backoffMs, sleep} from '../../weaviate/retry.js'
import {parseBeacon} from '../../weaviate/values.js'
import {
  placeholderKey,
  removePlaceholders,
  type StandIn,
  standInsFor,
  type Targets,
  writeStandIns,
} from './placeholders.js'

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

function keyOfObject({id, tenant}: {id: string; tenant?: string | undefined}): string {
  return objectKey(tenant, id)
}

interface WrittenOnce {
  /** A target of theirs is not there, and nothing can stand in for it. */
  hopeless: ReadonlySet<WeaviateObject>
  refused: WriteFailure[]
}

async function writeOnce(
  objects: readonly WeaviateObject[],
  {connection, plan, remember}: DanglingOptions,
): Promise<WrittenOnce> {
  const hopeless = new Set<WeaviateObject>()
  const stand: Array<[targets: Targets, standIns: StandIn[]]> = []
  for (const targets of await targetsOfAll(objects, {connection, hopeless, plan}))
    stand.push([targets, await standInsFor(targets, {connection, hopeless})])
  await remember(stand.flatMap(([, standIns]) => standIns.map(({placeholder}) => placeholder)))
  // What was never sent, or was refused, is not this call's to delete, whatever is there by then.
  const sent = new Set<Placeholder>()
  try {
    const unwritten = new Map<WeaviateObject, string>()
    for (const [targets, standIns] of stand) {
      for (const {reason, referring} of await writeStandIns(connection, targets, {sent, standIns}))
        for (const object of referring) unwritten.set(object, reason)
    }

    await remember([...sent])
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
    await removePlaceholders(connection, [...sent])
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
      const key = placeholderKey(className, '', tenant)
      const targets: Targets = all.get(key) ?? {collection: planCollection(schema), referring: new Map(), tenant}
      all.set(key, targets)
      for (const id of ids) targets.referring.set(id, [...(targets.referring.get(id) ?? []), object])
    }
  }

  return [...all.values()]
}

/** Those of an earlier run that objects of the backup refer to: a checkpoint that was edited names nothing else. */
export async function referredPlaceholders(
  pages: AsyncIterable<{objects: readonly WeaviateObject[]}>,
  plan: CollectionPlan,
  placeholders: readonly Placeholder[],
): Promise<Placeholder[]> {
  const left = new Map(placeholders.map((each) => [placeholderKey(each.collection, each.id, each.tenant), each]))
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
    for (const id of ids)
      yield* [placeholderKey(collection, id, object.tenant), placeholderKey(collection, id, undefined)]
  }
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
  // As the server has ids; a backup that was edited, or made by others, may have them otherwise.
  return collection === undefined ? undefined : {collection, id: target.id.toLowerCase()}
}
