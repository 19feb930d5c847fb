/** What is found out of a collection's replicas while a job reads it, and said at its end. */
import type {Warning} from '../model/progress.js'
import type {WeaviateClass} from '../model/schema.js'
import type {Connection, ConsistencyLevel, ReplicaReport} from '../weaviate/connection.js'

import {plural} from '../model/plural.js'
import {
  type AsyncReplication,
  asyncReplication,
  describeReplication,
  waitForReplicas,
} from '../weaviate/async-replication.js'
import {listingAddresses, replicasDiffered, replicasNotCompared, replicationFactor} from '../weaviate/replicas.js'

export interface ReplicaWatchOptions {
  maxRetries?: number
  signal?: AbortSignal
  /** Milliseconds; default 0. */
  waitReplicasMs?: number
  warn?: (warning: Warning) => void
  /** What is done to the collection: replicas that are away do not take part in it, and that is said. */
  writes?: {as: 'deleted' | 'written'; consistency: ConsistencyLevel}
}

/** For the sentences of a guarantee. */
export interface ReplicaFacts {
  /** Async replication after reading; looked at only where replicas were not all listed. */
  after?: AsyncReplication
  before?: AsyncReplication
  /** Of the collection. */
  factor: number
  /** Whether fewer addresses than replicas were listed. */
  isPartial: boolean
  report?: ReplicaReport
  /** Whether the server found all replicas equal before they were read; undefined when it was not waited for. */
  waited?: boolean
}

export class ReplicaWatch {
  readonly #report: (() => ReplicaReport) | undefined
  #before?: AsyncReplication
  #isAwayTold = false
  #waited?: boolean

  constructor(
    private readonly connection: Connection,
    private readonly schema: WeaviateClass,
    private readonly options: ReplicaWatchOptions,
  ) {
    this.#report = replicationFactor(schema) > 1 ? connection.replicas?.watch(schema.class) : undefined
  }

  /** undefined for a collection without replicas, or a server that does not tell them apart. */
  get report(): ReplicaReport | undefined {
    return this.#report?.()
  }

  get #isPartial(): boolean {
    return listingAddresses(this.connection).length < replicationFactor(this.schema)
  }

  /** Before anything is read: warns of what is not compared, and waits where that was asked for. */
  async begin(): Promise<void> {
    const seen = await this.#warnOfAway()
    if (!this.#isPartial) return
    const {waitReplicasMs = 0, warn} = this.options
    const name = this.schema.class
    const unseen = replicasNotCompared(this.connection, this.schema)
    if (unseen) warn?.(unseen)
    if (waitReplicasMs > 0) {
      const waiting = {...this.options, schema: this.schema, waitMs: waitReplicasMs}
      this.#waited = await waitForReplicas(this.connection, waiting)
    }

    // After waiting it is another.
    this.#before = this.#waited === undefined && seen ? seen : await this.#look()
    if (this.#waited === false) {
      warn?.({
        code: 'replicas-not-settled',
        details: {collection: name, replication: this.#before, waitMs: waitReplicasMs},
        message: `The server has not found all replicas of "${name}" equal within ${waitReplicasMs / 1000} s: ${describeReplication(this.#before)}.`,
      })
    }
  }

  /** After everything is read; undefined for a collection without replicas. Warns of what differed. */
  async end(): Promise<ReplicaFacts | undefined> {
    const factor = replicationFactor(this.schema)
    if (factor <= 1) return undefined
    const {warn} = this.options
    const isPartial = this.#isPartial
    const after = isPartial ? await this.#look() : undefined
    await this.#warnOfAway(after)
    const {report} = this
    const differed = report && replicasDiffered(report, this.schema.class)
    if (differed) warn?.(differed)
    return {after, before: this.#before, factor, isPartial, report, waited: this.#waited}
  }

  async #look(): Promise<AsyncReplication | undefined> {
    return asyncReplication(this.connection, {schema: this.schema, signal: this.options.signal})
  }

  /**
   * Once: a node that is away has what it had, and shows it when it is back, until the server has compared it with the others. `now`: a look
   * that was had. Returns the look that it took.
   */
  async #warnOfAway(now?: AsyncReplication): Promise<AsyncReplication | undefined> {
    const {warn, writes} = this.options
    const factor = replicationFactor(this.schema)
    if (!writes || factor <= 1 || this.#isAwayTold) return now
    const state = now ?? (await this.#look())
    if (!state || state.away === 0) return state
    this.#isAwayTold = true
    const {as, consistency} = writes
    const name = this.schema.class
    const nodes = state.unwell.length > 0 ? ` (${state.unwell.join(', ')})` : ''
    const shown = as === 'deleted' ? 'what was deleted is still there, and is shown' : 'what was written is not there'
    warn?.({
      code: 'replicas-away',
      details: {away: state.away, collection: name, consistency, factor, unwell: state.unwell},
      message: `${state.away} of ${factor} replicas of "${name}" are on nodes that are away${nodes}: ${shown} once they are back, until the server has compared replicas (asyncEnabled, deletionStrategy).`,
    })
    return state
  }
}

/** What was compared, and what was not. */
export function replicaSentences({after, before, factor, isPartial, report, waited}: ReplicaFacts): string[] {
  const addresses = report?.addresses ?? []
  const sentences = [
    addresses.length > 1
      ? `The collection has ${factor} replicas: listed and compared were those of ${addresses.length} nodes (${addresses.join(', ')}).`
      : `The collection has ${factor} replicas: the one that answered was read, and not compared with the others.`,
  ]
  if (report && addresses.length > 1) sentences.push(differenceSentence(report))
  if (addresses.length > 1 && isPartial) sentences.push('What the others alone have was not seen.')
  if (!isPartial) return sentences
  if (waited !== undefined) {
    sentences.push(
      waited
        ? 'Before it was read the server compared all replicas itself and found them equal.'
        : 'The server did not find all replicas equal in the time that was given.',
    )
  }

  sentences.push(`Async replication before: ${describeReplication(before)}; after: ${describeReplication(after)}.`)
  return sentences
}

function differenceSentence({counts, unasked}: ReplicaReport): string {
  const differed = counts.kept + counts.newest + counts['left out']
  const silent = unasked.length > 0 ? ` Nodes that did not answer for their replicas: ${unasked.join(', ')}.` : ''
  if (differed === 0) return `They differed in no object.${silent}`
  return `They differed in ${plural(differed, 'object')}: ${counts.newest} were taken in the newest version, ${counts.kept} that some replicas lack were taken, ${counts['left out']} that most replicas lack were taken for deleted.${silent}`
}
