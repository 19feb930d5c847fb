/** The server's own comparison of replicas: whether its last rounds found them equal. */
import type {Connection, NodeState} from './connection.js'

import {throwIfAborted} from '../model/errors.js'
import {retry, sleep} from './retry.js'

/** Milliseconds between two looks. */
const PAUSE_MS = 1000

/** What the last round of each replica of a shard found. */
export interface AsyncReplication {
  /** Replicas whose last round found a difference. */
  differing: number
  /** Replicas whose last round found none. */
  equal: number
  /** Nodes that are not well. */
  unwell: string[]
  /** Replicas of which no round is known: async replication is off, or has not begun. */
  unknown: number
}

export interface WaitOptions {
  maxRetries?: number
  signal?: AbortSignal
  /** Milliseconds at most. */
  waitMs: number
}

/** undefined where it cannot be seen. */
export async function asyncReplication(
  connection: Connection,
  collection: string,
  options: {maxRetries?: number; signal?: AbortSignal} = {},
): Promise<AsyncReplication | undefined> {
  const nodes = await look(connection, collection, options)
  return nodes && summaryOf(nodes)
}

/**
 * Waits for each replica of each shard to be compared once more from now on, and found equal. False when the time is over or nothing can
 * be seen.
 */
export async function waitForReplicas(
  connection: Connection,
  collection: string,
  {waitMs, ...options}: WaitOptions,
): Promise<boolean> {
  const deadline = performance.now() + waitMs
  const before = await look(connection, collection, options)
  if (!before) return false
  const seen = latestRounds(before)
  for (;;) {
    const nodes = await look(connection, collection, options)
    if (!nodes) return false
    if (isEqualSince(nodes, seen)) return true
    const left = deadline - performance.now()
    if (left <= 0) return false
    await sleep(Math.min(PAUSE_MS, left), options.signal)
    throwIfAborted(options.signal)
  }
}

/** For a sentence about it. */
export function describeReplication(state: AsyncReplication | undefined): string {
  if (!state) return 'not shown to these credentials'
  const {differing, equal, unknown, unwell} = state
  const parts = [`${equal} replicas of shards were equal to the others in their last round`]
  if (differing > 0) parts.push(`${differing} were not`)
  if (unknown > 0) parts.push(`of ${unknown} nothing was known`)
  if (unwell.length > 0) parts.push(`nodes not well: ${unwell.join(', ')}`)
  return parts.join(', ')
}

async function look(
  connection: Connection,
  collection: string,
  {maxRetries, signal}: {maxRetries?: number; signal?: AbortSignal},
): Promise<NodeState[] | undefined> {
  return retry(async () => connection.replicas?.nodes(collection, signal), {maxRetries, signal})
}

function summaryOf(nodes: readonly NodeState[]): AsyncReplication {
  const state: AsyncReplication = {differing: 0, equal: 0, unknown: 0, unwell: []}
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
