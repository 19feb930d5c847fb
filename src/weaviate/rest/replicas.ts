/** What REST tells of replicas: the nodes, their async replication, and an object as one of them has it. */
import type {AtLevelRequest, CollectionPlan, KnownObject, NodeState, ReplyMeter} from '../connection.js'

import {DataOpsError, insteadOf} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {type WeaviateObject} from '../../model/object.js'
import {hasStatus} from '../errors.js'
import {type HttpClient} from './http.js'
import {getObjectRest} from './reading.js'
import {countOf, type JsonRecord, optionalText, recordsOf, textOf} from './shape.js'

/** Objects asked for at a time. */
const AT_ONCE = 8
const ACTION = 'list the nodes'

/** Names of the cluster's nodes, those that are not well too; empty when these credentials may not see them. */
export async function listNodes(http: HttpClient): Promise<string[]> {
  return ((await readNodes(http)) ?? []).map(({name}) => name)
}

/** Each node, with its async replication of `collection`; undefined when these credentials may not see them. */
export async function readNodes(
  http: HttpClient,
  collection?: string,
  signal?: AbortSignal,
): Promise<NodeState[] | undefined> {
  try {
    const {value} = await http.json<{nodes?: unknown}>({
      action: ACTION,
      method: 'GET',
      path: collection === undefined ? '/v1/nodes' : `/v1/nodes/${encodeURIComponent(collection)}`,
      ...(collection !== undefined && {query: {output: 'verbose'}}),
      signal,
    })
    return recordsOf(value.nodes, ACTION, 'nodes').map(({name, shards, status}) => ({
      isHealthy: status === 'HEALTHY',
      name: textOf(name, ACTION, 'name of a node'),
      rounds: roundsOf(recordsOf(shards, ACTION, 'shards'), collection),
    }))
  } catch (error) {
    if (error instanceof DataOpsError && (error.code === 'NOT_ALLOWED' || hasStatus(error, 404))) return undefined
    throw error
  }
}

/** A round that found a difference names the node that it was with. */
function roundsOf(shards: readonly JsonRecord[], collection: string | undefined): NodeState['rounds'] {
  return shards
    .filter((shard) => shard.class === collection)
    .map(({asyncReplicationStatus, name}) => {
      const rounds = recordsOf(asyncReplicationStatus, ACTION, 'rounds of replication')
      const last = (isDifferent: boolean): number | undefined => {
        const times = rounds
          .filter(({targetNode}) => Boolean(targetNode) === isDifferent)
          .map(({startDiffTimeUnixMillis: time}) => countOf(time, ACTION, 'milliseconds'))
        return times.length > 0 ? Math.max(...times) : undefined
      }

      return {differentAt: last(true), equalAt: last(false), shard: optionalText(name, ACTION, 'name of a shard') ?? ''}
    })
}

/** `object`: as it is there. `absent`: the node has a replica, which lacks it. `elsewhere`: it has no replica of that shard. */
export type ReplicaAnswer = 'absent' | 'elsewhere' | WeaviateObject

/** One object as the replica of one node has it, which repairs nothing. */
export async function readReplica(
  http: HttpClient,
  request: {
    collection: CollectionPlan
    id: string
    meter?: ReplyMeter
    node: string
    signal?: AbortSignal
    tenant?: string
  },
  vectors: boolean,
): Promise<ReplicaAnswer> {
  const {collection, id, meter, node, signal, tenant} = request
  const asked = getObjectRest(http, collection.className, id, {collection, meter, node, signal, tenant, vectors})
  return (await asked.catch(insteadOf('elsewhere' as const, isElsewhere))) ?? 'absent'
}

/** The server's words for a shard of which that node has no replica. */
function isElsewhere(error: unknown): boolean {
  const reason = error instanceof DataOpsError ? String(error.details.reason) : ''
  return reason.includes('does not exist locally')
}

/** Which of these can be read at a level. */
export async function readableAt(http: HttpClient, request: AtLevelRequest): Promise<string[]> {
  return (await versionsAt(http, request)).map(({id}) => id)
}

/** The same, in their newest version. */
export async function versionsAt(http: HttpClient, request: AtLevelRequest): Promise<KnownObject[]> {
  const {collection, consistency, ids, signal, tenant} = request
  const found = await inParallel(ids, {atOnce: AT_ONCE, signal}, async (id) => {
    const object = await getObjectRest(http, collection, id, {consistency, signal, tenant})
    return object ? [object] : []
  })
  return found.flat()
}
