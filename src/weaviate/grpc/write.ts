/** Batches of objects and of references, and deletions, over gRPC. */
import {Buffer} from 'node:buffer'

import type {Connection, ConsistencyLevel, WriteRequest} from '../connection.js'
import type {GrpcMethod} from './channel.js'
import type {GrpcContext} from './context.js'

import {DataOpsError} from '../../model/errors.js'
import {
  type JsonObject,
  type JsonValue,
  objectKey,
  own,
  type WeaviateObject,
  type WriteFailure,
} from '../../model/object.js'
import {isUuid} from '../../model/uuid-range.js'
import {freeBytes} from '../../platform/free.js'
import {type GrpcCollectionPlan, grpcPlan} from '../collection-plan.js'
import {type DeleteOutcome, withReason} from '../delete-outcome.js'
import {forbidden, isForbidden, isTooLarge, isTransientReason} from '../errors.js'
import {
  type BatchError,
  type BatchObjectsReply,
  type BatchReference,
  ConsistencyLevel as GrpcLevel,
  WeaviateService,
} from '../proto/generated/weaviate.js'
import {parseBeacon} from '../values.js'
import {encodeBatchObjects, hasLargestInt} from './encode.js'
import {deleteRequest} from './requests.js'

// Bytes in: they are encoded here instead of by the generated code.
const BATCH_OBJECTS: GrpcMethod<Uint8Array, BatchObjectsReply> = {
  ...WeaviateService.batchObjects,
  requestSerialize: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
}

export async function writeObjects(
  {call, rest}: GrpcContext,
  {collection, consistency, objects, signal}: WriteRequest,
): Promise<WriteFailure[]> {
  const plan = grpcPlan(collection)
  const overGrpc: WeaviateObject[] = []
  const overRest: WeaviateObject[] = []
  for (const object of objects) {
    const way = hasLargestInt(plan.properties, object.properties) ? overRest : overGrpc
    way.push(object)
  }

  const refused =
    overRest.length > 0 ? await rest.writeObjects({collection, consistency, objects: overRest, signal}) : []
  if (overGrpc.length === 0) return refused
  const action = `write objects to ${plan.className}`
  try {
    const batch = encodeBatchObjects(plan, overGrpc, levelOf(consistency))
    const {errors} = await call(BATCH_OBJECTS, batch, {action, collection: plan.className, signal})
    // Answered, so the server has all of it. After a failure some of it may still be on its way.
    freeBytes(batch)
    return mergeFailures([...refused, ...errors.map((error) => toFailure(action, error, overGrpc))])
  } catch (error) {
    // More than a gRPC message holds may still be less than REST takes.
    if (!isTooLarge(error) || overGrpc.length > 1) throw error
    return mergeFailures([
      ...refused,
      ...(await rest.writeObjects({collection, consistency, objects: overGrpc, signal})),
    ])
  }
}

export async function writeReferences(
  {call}: GrpcContext,
  {collection, consistency, objects, signal}: WriteRequest,
): Promise<WriteFailure[]> {
  const plan = grpcPlan(collection)
  const planned = objects.flatMap((object) => planReferences(plan, object))
  const sendable = planned.filter((item) => item.reference !== undefined)
  const refused = planned
    .filter((item) => item.reference === undefined)
    .map(({label, object, refusal}) => failure(object, `${label}: ${refusal}`))
  if (sendable.length === 0) return mergeFailures(refused)
  const action = `write references of ${plan.className}`
  const {errors} = await call(
    WeaviateService.batchReferences,
    {consistencyLevel: levelOf(consistency), references: sendable.map((item) => item.reference!)},
    {action, collection: plan.className, signal},
  )
  const sources = sendable.map(({object}) => object)
  const labelled = errors.map(({error, index}) => ({error: `${sendable[index]?.label}: ${error}`, index}))
  return mergeFailures([...refused, ...labelled.map((error) => toFailure(action, error, sources))])
}

export async function deleteObjects(
  {call}: GrpcContext,
  {collection, consistency, ids, signal, tenant}: Parameters<Connection['deleteObjects']>[0],
): Promise<DeleteOutcome> {
  const action = `delete objects of ${collection}`
  const ask = async (verbose: boolean): Promise<DeleteOutcome> => {
    const request = deleteRequest({collection, consistencyLevel: levelOf(consistency), ids, tenant, verbose})
    const {failed, matches, objects, successful} = await call(WeaviateService.batchDelete, request, {
      action,
      collection,
      signal,
    })
    const reason = objects.find(({error}) => error)?.error
    return {deleted: Number(successful), failed: Number(failed), matched: Number(matches), reason}
  }

  return withReason(action, ask)
}

const LEVELS: Readonly<Record<ConsistencyLevel, GrpcLevel>> = {
  ALL: GrpcLevel.CONSISTENCY_LEVEL_ALL,
  ONE: GrpcLevel.CONSISTENCY_LEVEL_ONE,
  QUORUM: GrpcLevel.CONSISTENCY_LEVEL_QUORUM,
}

function levelOf(consistency: ConsistencyLevel | undefined): GrpcLevel | undefined {
  return consistency && LEVELS[consistency]
}

interface PlannedReference {
  /** `property → target`, for people. */
  label: string
  object: WeaviateObject
  /** undefined when gRPC cannot carry the beacon. */
  reference?: BatchReference
  /** Why not. */
  refusal?: string
}

function planReferences(plan: GrpcCollectionPlan, object: WeaviateObject): PlannedReference[] {
  return [...plan.referenceNames].flatMap((name) => {
    const values = own(object.properties, name)
    return Array.isArray(values) ? values.map((value) => planReference(plan, object, name, value)) : []
  })
}

function planReference(
  plan: GrpcCollectionPlan,
  object: WeaviateObject,
  name: string,
  value: JsonValue,
): PlannedReference {
  const beacon = (value as JsonObject | undefined)?.beacon
  const target = typeof beacon === 'string' ? parseBeacon(beacon) : undefined
  const label = `${name} → ${typeof beacon === 'string' ? beacon : JSON.stringify(value)}`
  if (!target) return {label, object, refusal: 'gRPC carries beacons of weaviate://localhost/ only'}
  // Up to 1.37 a server panics on it, and takes none of the batch.
  if (!isUuid(target.id)) return {label, object, refusal: `"${target.id}" is no UUID`}
  return {
    label,
    object,
    reference: {
      fromCollection: plan.className,
      fromUuid: object.id,
      name,
      tenant: object.tenant ?? '',
      toCollection: target.collection,
      toUuid: target.id,
    },
  }
}

// A reason that passes by itself makes the whole call fail, to be tried again.
function toFailure(action: string, {error, index}: BatchError, sources: readonly WeaviateObject[]): WriteFailure {
  const object = sources[index]
  if (isTransientReason(error)) {
    throw new DataOpsError('SERVER_UNAVAILABLE', `Cannot ${action}: the server cannot take everything now: ${error}`, {
      details: {id: object?.id, reason: error},
    })
  }

  if (isForbidden(error)) throw forbidden(action, error)
  if (object) return failure(object, error)
  throw new DataOpsError('UNEXPECTED', `Cannot ${action}: ${error}`, {details: {index, reason: error}})
}

function failure(object: WeaviateObject, reason: string): WriteFailure {
  return {id: object.id, reason, ...(object.tenant !== undefined && {tenant: object.tenant})}
}

// One for each object.
function mergeFailures(failures: readonly WriteFailure[]): WriteFailure[] {
  const merged: WriteFailure[] = []
  const byObject = new Map<string, WriteFailure>()
  for (const item of failures) {
    const key = objectKey(item.tenant, item.id)
    const earlier = byObject.get(key)
    if (earlier) earlier.reason += `; ${item.reason}`
    else {
      const copy = {...item}
      byObject.set(key, copy)
      merged.push(copy)
    }
  }

  return merged
}
