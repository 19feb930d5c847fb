/** A live collection as a sink: calls of the size that the server takes, tried again while it cannot answer. */
import type {ObjectSink, SendAgain} from '../../model/sink.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {Throttle} from '../throttle.js'

import {approximateBytes, type JsonValue, type WeaviateObject, type WriteFailure} from '../../model/object.js'
import {lacksVectorOf, type Vectorizer, vectorizersOf} from '../../model/vectorizers.js'
import {isTooLarge} from '../../weaviate/errors.js'

export interface LiveSinkOptions {
  connection: Pick<Connection, 'writeObjects' | 'writeReferences'>
  plan: CollectionPlan
  /** References to this collection follow the name of the one that is written. */
  sourceName: string
  throttle: Throttle
}

export class LiveSink implements ObjectSink {
  readonly #vectorizers: readonly Vectorizer[]

  constructor(private readonly options: LiveSinkOptions) {
    this.#vectorizers = vectorizersOf(options.plan.schema)
  }

  async write(objects: readonly WeaviateObject[]): Promise<WriteFailure[]> {
    const failures: WriteFailure[] = []
    for (const some of this.#separate(objects)) {
      const bytes = some.reduce((sum, object) => sum + approximateBytes(object), 0)
      const cost = {bytes, objects: some.length}
      failures.push(...(await this.options.throttle.run(async () => this.#writeInParts(some), cost)))
    }

    return failures
  }

  async writeReferences(
    objects: readonly WeaviateObject[],
    again: SendAgain = async () => objects,
  ): Promise<WriteFailure[]> {
    const {connection, plan, throttle} = this.options
    let attempts = 0
    return throttle.run(
      async () => {
        const toSend = attempts++ > 0 ? await again(async (some) => this.#writeInParts(some)) : objects
        if (toSend.length === 0) return []
        return connection.writeReferences({
          collection: plan,
          objects: toSend.map((object) => toTarget(this.options, object)),
        })
      },
      {bytes: 0, objects: objects.length},
    )
  }

  /** What the server must vectorize goes by itself: a module that fails may take everything in the call with it. */
  #separate(objects: readonly WeaviateObject[]): WeaviateObject[][] {
    const {lacking = [], whole = []} = Object.groupBy(objects, (object) =>
      lacksVectorOf(object, this.#vectorizers) ? 'lacking' : 'whole',
    )
    return [whole, lacking].filter((group) => group.length > 0)
  }

  /** In as few calls as the server takes. Without a signal: a batch on its way is finished, so that nobody has to guess what became of it. */
  async #writeInParts(objects: readonly WeaviateObject[]): Promise<WriteFailure[]> {
    const {connection, plan} = this.options
    try {
      return await connection.writeObjects({collection: plan, objects})
    } catch (error) {
      if (!isTooLarge(error)) throw error
      const [first] = objects
      if (first && objects.length === 1) return [{id: first.id, reason: error.message, tenant: first.tenant}]
      const half = objects.length >> 1
      return [...(await this.#writeInParts(objects.slice(0, half))), ...(await this.#writeInParts(objects.slice(half)))]
    }
  }
}

/** An object as the target has it: references to its own collection follow the new name. */
export function toTarget(
  {plan, sourceName}: Pick<LiveSinkOptions, 'plan' | 'sourceName'>,
  object: WeaviateObject,
): WeaviateObject {
  if (sourceName === plan.className) return object
  const properties = {...object.properties}
  for (const name of plan.referenceNames) {
    const references = properties[name]
    if (Array.isArray(references))
      properties[name] = references.map((reference) => retarget(reference, sourceName, plan.className))
  }

  return {...object, properties}
}

function retarget(reference: JsonValue, from: string, to: string): JsonValue {
  if (typeof reference !== 'object' || reference === null || Array.isArray(reference)) return reference
  const {beacon} = reference
  if (typeof beacon !== 'string') return reference
  const prefix = `weaviate://localhost/${from}/`
  return beacon.startsWith(prefix)
    ? {...reference, beacon: `weaviate://localhost/${to}/${beacon.slice(prefix.length)}`}
    : reference
}
