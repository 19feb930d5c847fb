/** How what was written or deleted is found out afterwards, where a count alone would tell too little. */
import type {WeaviateObject} from '../model/object.js'
import type {WeaviateClass} from '../model/schema.js'
import type {Connection, ConsistencyLevel} from '../weaviate/connection.js'

import {isListedThroughNodes} from '../flow/count-objects.js'
import {DataOpsError} from '../model/errors.js'
import {listingAddresses, replicationFactor} from '../weaviate/replicas.js'

export const DEFAULT_CONSISTENCY: ConsistencyLevel = 'QUORUM'
export const CONSISTENCY_LEVELS: readonly ConsistencyLevel[] = ['ONE', 'QUORUM', 'ALL']
/** Objects read by id. */
export const SAMPLE = 20

/** What the numbers of a result rest on. */
export interface Confirmation {
  /** Addresses that were listed or asked. */
  addresses: string[]
  /** `listing`: every object, through several nodes. `sample`: the server's count, and some objects read by id at the level. `count`: the count alone. */
  by: 'count' | 'listing' | 'sample'
  /** Replicas that had to take each write. */
  consistency: ConsistencyLevel
  /** Objects that were read by id. */
  sample?: number
}

export function confirmationOf(
  connection: Connection,
  schema: WeaviateClass,
  {consistency = DEFAULT_CONSISTENCY, sample}: {consistency?: ConsistencyLevel; sample: number},
): Confirmation {
  const by = isListedThroughNodes(connection) ? 'listing' : sample > 0 ? 'sample' : 'count'
  return {addresses: listingAddresses(connection), by, consistency, ...(by === 'sample' && {sample})}
}

/** Whether objects are read by id: there are replicas, and one address alone is known. */
export function isSampled(connection: Connection, schema: WeaviateClass): boolean {
  return connection.replicas !== undefined && replicationFactor(schema) > 1 && !isListedThroughNodes(connection)
}

/** @throws DataOpsError INVALID_INPUT. */
export function checkConsistency(consistency: ConsistencyLevel | undefined): void {
  if (consistency === undefined || CONSISTENCY_LEVELS.includes(consistency)) return
  throw new DataOpsError('INVALID_INPUT', `"${consistency as string}" is not a consistency level.`, {
    hint: `Choose one of ${CONSISTENCY_LEVELS.join(', ')}.`,
  })
}

/** Some of very many, spread over all that were added; between one and two times SAMPLE. */
export class Spread<T> {
  #items: T[] = []
  #seen = 0
  #stride = 1

  get items(): readonly T[] {
    return this.#items
  }

  /** `make`: called for those that are kept. */
  add(make: () => T): void {
    if (this.#seen++ % this.#stride !== 0) return
    this.#items.push(make())
    if (this.#items.length < 2 * SAMPLE) return
    this.#items = this.#items.filter((_, index) => index % 2 === 0)
    this.#stride *= 2
  }
}

export class SpreadSample {
  readonly #spread = new Spread<{id: string; tenant?: string}>()

  get objects(): ReadonlyArray<{id: string; tenant?: string}> {
    return this.#spread.items
  }

  add({id, tenant}: Pick<WeaviateObject, 'id' | 'tenant'>): void {
    this.#spread.add(() => ({id, ...(tenant !== undefined && {tenant})}))
  }
}
