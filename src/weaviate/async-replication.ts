/** The server's own comparison of replicas: whether its last rounds found them equal. */
import type {Connection, NodeState} from './connection.js'

import {throwIfAborted} from '../model/errors.js'
import {isMultiTenant, type WeaviateClass} from '../model/schema.js'
import {replicationFactor} from './replicas.js'
import {retry, sleep} from './retry.js'

/** Milliseconds between two looks. */
const PAUSE_MS = 1000

/** What the last round of each replica of a shard found. */
export interface AsyncReplication {
  /** Replicas that no node shows: of nodes that do not answer, or have left the cluster for a while, as in a restart. */
  away: number
  /** Replicas whose last round found a difference. */
  differing: number
  /** Replicas whose last round found none. */
  equal: number
  /** Nodes that are not well. */
  unwell: string[]
  /** Replicas of which no round is known: async replication is off, or has not begun. */
  unknown: number
}

export interface LookOptions {
  maxRetries?: number
  schema: WeaviateClass
  signal?: AbortSignal
}

export interface WaitOptions extends LookOptions {
  /** Milliseconds at most. */
  waitMs: number
}

/** undefined where it cannot be seen. */
export async function asyncReplication(
  connection: Connection,
  options: LookOptions,
): Promise<AsyncReplication | undefined> {
  const nodes = await look(connection, options)
  return nodes && summaryOf(nodes, options.schema)
}

/** Of a shard, at most. The states of tenants change, and what is shown of them with it: there the nodes are counted. */
function awayOf(nodes: readonly NodeState[], schema: WeaviateClass): number {
  const factor = replicationFactor(schema)
  const well = nodes.filter(({isHealthy}) => isHealthy)
  const holders = new Map<string, number>()
  if (!isMultiTenant(schema)) {
    for (const {rounds} of well)
      for (const shard of new Set(rounds.map((round) => round.shard))) holders.set(shard, (holders.get(shard) ?? 0) + 1)
  }

  return Math.max(0, factor - Math.min(well.length, ...holders.values()))
}

/**
 * Waits for each replica of each shard to be compared once more from now on, and found equal. False when the time is over or nothing can
 * be seen.
 */
export async function waitForReplicas(connection: Connection, {waitMs, ...options}: WaitOptions): Promise<boolean> {
  const deadline = performance.now() + waitMs
  const before = await look(connection, options)
  if (!before) return false
  const seen = latestRounds(before)
  for (;;) {
    const nodes = await look(connection, options)
    if (!nodes) return false
    if (isEqualSince(nodes, seen) && awayOf(nodes, options.schema) === 0) return true
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(PAUSE_MS, left), options.signal)
    throwIfAborted(options.signal)
  }
}

/** For a sentence about it. */
export function describeReplication(state: AsyncReplication | undefined): string {
  if (!state) return 'not shown to these credentials'
  const {away, differing, equal, unknown, unwell} = state
  const parts = [`${equal} replicas of shards were equal to the others in their last round`]
  if (differing > 0) parts.push(`${differing} were not`)
  if (unknown > 0) parts.push(`of ${unknown} nothing was known`)
  if (away > 0) parts.push(`${away} of a shard were away`)
  if (unwell.length > 0) parts.push(`nodes not well: ${unwell.join(', ')}`)
  return parts.join(', ')
}

async function look(
  connection: Connection,
  {maxRetries, schema, signal}: LookOptions,
): Promise<NodeState[] | undefined> {
  return retry(async () => connection.replicas?.nodes(schema.class, signal), {maxRetries, signal})
}

function summaryOf(nodes: readonly NodeState[], schema: WeaviateClass): AsyncReplication {
  const state: AsyncReplication = {away: awayOf(nodes, schema), differing: 0, equal: 0, unknown: 0, unwell: []}
  for (const {isHealthy, name, rounds} of nodes) {
    if (!isHealthy) state.unwell.push(name)
    for (const {differentAt = -Infinity, equalAt = -Infinity} of rounds) {
      if (differentAt > equalAt) state.differing++
      else if (equalAt > -Infinity) state.equal++
      else state.unknown++
    }
  }

  return state
}

/** By node and shard, when the last round began. Each node has a clock of its own. */
function latestRounds(nodes: readonly NodeState[]): Map<string, number> {
  return new Map(
    nodes.flatMap(({name, rounds}) =>
      rounds.map(
        ({differentAt = 0, equalAt = 0, shard}) => [`${name}/${shard}`, Math.max(differentAt, equalAt)] as const,
      ),
    ),
  )
}

function isEqualSince(nodes: readonly NodeState[], seen: ReadonlyMap<string, number>): boolean {
  const isAnyRound = nodes.some(({rounds}) => rounds.length > 0)
  return (
    isAnyRound &&
    nodes.every(
      ({isHealthy, name, rounds}) =>
        isHealthy &&
        rounds.every(
          ({differentAt = 0, equalAt = 0, shard}) =>
            equalAt > differentAt && equalAt > (seen.get(`${name}/${shard}`) ?? 0),
        ),
    )
  )
}
