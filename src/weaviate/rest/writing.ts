/** Batches of objects and references, and deletions, over REST. */
import type {Connection, WriteRequest} from '../connection.js'

import {DataOpsError} from '../../model/errors.js'
import {type JsonValue, own, type WeaviateObject, type WriteFailure} from '../../model/object.js'
import {type DeleteOutcome, withReason} from '../delete-outcome.js'
import {forbidden, isForbidden, isTransientReason} from '../errors.js'
import {type HttpClient} from './http.js'
import {beacons, encodeObject} from './object-json.js'
import {countOf, type JsonRecord, optionalText, recordOf, recordsOf} from './shape.js'

export async function deleteObjectsRest(
  http: HttpClient,
  {collection, consistency, ids, signal, tenant}: Parameters<Connection['deleteObjects']>[0],
): Promise<DeleteOutcome> {
  const where = ids
    ? {operator: 'ContainsAny', path: ['id'], valueTextArray: ids}
    : {operator: 'Like', path: ['id'], valueText: '*'}
  const action = `delete objects of ${collection}`
  return withReason(action, async (isVerbose) => {
    const {value} = await http.json<{results?: unknown}>({
      action,
      body: JSON.stringify({match: {class: collection, where}, output: isVerbose ? 'verbose' : 'minimal'}),
      method: 'DELETE',
      path: '/v1/batch/objects',
      query: {consistency_level: consistency, tenant},
      signal,
    })
    const results = recordOf(value.results, action, 'results')
    const [reason] = recordsOf(results.objects, action, 'objects').flatMap((object) => reasonsOf(object, action))
    return {
      deleted: countOf(results.successful, action, 'deleted objects'),
      failed: countOf(results.failed, action, 'failures'),
      matched: countOf(results.matches, action, 'matches'),
      reason,
    }
  })
}

/** The server's words for what it refused. */
function reasonsOf(result: JsonRecord, action: string): string[] {
  const {error} = recordOf(result.errors, action, 'errors')
  return recordsOf(error, action, 'errors').map(
    ({message}) => optionalText(message, action, 'reason') ?? 'no reason given',
  )
}

export async function writeObjectsRest(
  http: HttpClient,
  {collection, consistency, objects, signal}: WriteRequest,
): Promise<WriteFailure[]> {
  const failures: WriteFailure[] = []
  const sent: WeaviateObject[] = []
  const texts: string[] = []
  for (const object of objects) {
    const text = encodeObject(object, collection)
    if (text === undefined) {
      const reason = 'a vector holds NaN or infinity, which REST cannot carry: use gRPC'
      failures.push({id: object.id, reason, tenant: object.tenant})
      continue
    }

    sent.push(object)
    texts.push(text)
  }

  if (sent.length === 0) return failures
  const action = `write objects to ${collection.className}`
  const {value} = await http.json<unknown>({
    action,
    body: `{"objects":[${texts.join(',')}]}`,
    method: 'POST',
    path: '/v1/batch/objects',
    query: {consistency_level: consistency},
    signal,
  })
  return [...failures, ...collectFailures(action, value, sent)]
}

export async function writeReferencesRest(
  http: HttpClient,
  {collection, consistency, objects, signal}: WriteRequest,
): Promise<WriteFailure[]> {
  const sources: WeaviateObject[] = []
  const references: Array<{from: string; tenant?: string; to: JsonValue}> = []
  for (const object of objects) {
    for (const name of collection.referenceNames) {
      for (const {beacon} of beacons(own(object.properties, name))) {
        sources.push(object)
        const from = `weaviate://localhost/${collection.className}/${object.id}/${name}`
        references.push({from, tenant: object.tenant, to: beacon})
      }
    }
  }

  if (references.length === 0) return []
  const action = `write references of ${collection.className}`
  const {value} = await http.json<unknown>({
    action,
    body: JSON.stringify(references),
    method: 'POST',
    path: '/v1/batch/references',
    query: {consistency_level: consistency},
    signal,
  })
  return collectFailures(action, value, sources)
}

/** Failures by index. @throws DataOpsError SERVER_UNAVAILABLE when one of them would pass by itself. */
function collectFailures(action: string, results: unknown, sent: readonly WeaviateObject[]): WriteFailure[] {
  if (!Array.isArray(results) || results.length !== sent.length) {
    throw new DataOpsError(
      'UNEXPECTED',
      `Cannot ${action}: the reply names ${Array.isArray(results) ? results.length : 'no'} results for ${sent.length}.`,
    )
  }

  const failures: WriteFailure[] = []
  for (const [index, each] of recordsOf(results, action, 'results').entries()) {
    const result = recordOf(each.result, action, 'result')
    const reasons = reasonsOf(result, action)
    const status = optionalText(result.status, action, 'status')
    if (status !== 'FAILED' && reasons.length === 0) continue
    const reason = reasons.filter(Boolean).join('; ') || 'no reason given'
    if (isTransientReason(reason)) {
      throw new DataOpsError('SERVER_UNAVAILABLE', `Cannot ${action}: ${reason}`, {details: {reason}})
    }

    if (isForbidden(reason)) throw forbidden(action, reason)
    failures.push({id: sent[index]!.id, reason, tenant: sent[index]!.tenant})
  }

  return failures
}
