/** Objects by their ids: as many in a call as weigh what a page may, which is learned as they come. */
import type {CollectionPlan, Connection, ReplyMeter} from '../weaviate/connection.js'
import type {Throttle} from './throttle.js'

import {approximateBytes, type WeaviateObject} from '../model/object.js'
import {isTooLarge} from '../weaviate/errors.js'
import {MOST_BYTES, PageSize} from './page-size.js'

/** Ids of a call at most. */
export const IDS_A_CALL = 100

export interface ByIdOptions {
  connection: Pick<Connection, 'getObjects'>
  /** Ids of a call at most; default `IDS_A_CALL`. */
  most?: number
  plan: CollectionPlan
  signal?: AbortSignal
  throttle?: Pick<Throttle, 'rate' | 'run'>
}

export interface IdPlace {
  tenant?: string | undefined
  /** Over REST, also where gRPC is there. */
  viaRest?: boolean
}

/** What one call brought. */
export interface FoundObjects {
  /** That were asked for. */
  ids: string[]
  /** Those that are there, in any order. */
  objects: WeaviateObject[]
}

/** Remembers from call to call what objects weigh: made once for all that is read with one plan. */
export class ObjectsById {
  readonly #pageSize: PageSize

  constructor(private readonly options: ByIdOptions) {
    this.#pageSize = new PageSize(options.most ?? IDS_A_CALL)
  }

  /** In the order of the ids; the next call is made once these were taken. */
  async *read(ids: readonly string[], place: IdPlace = {}): AsyncGenerator<FoundObjects, void, undefined> {
    for (let at = 0; at < ids.length;) {
      const found = await this.#ask(ids, at, place)
      at += found.ids.length
      yield found
    }
  }

  /** Whether one of these is there, and is as it is asked for; no more is read than says so. */
  async some(ids: readonly string[], place: IdPlace, is: (object: WeaviateObject) => boolean): Promise<boolean> {
    for await (const {objects} of this.read(ids, place)) if (objects.some((object) => is(object))) return true
    return false
  }

  async #ask(ids: readonly string[], at: number, place: IdPlace): Promise<FoundObjects> {
    const {throttle} = this.options
    const ask = async () => this.#fitting(ids, at, place)
    const {bytes, ...found} = await (throttle ? throttle.run(ask) : ask())
    await throttle?.rate?.take({bytes, objects: found.objects.length})
    return found
  }

  async #fitting(
    ids: readonly string[],
    at: number,
    {tenant, viaRest}: IdPlace,
  ): Promise<FoundObjects & {bytes: number}> {
    const {connection, plan, signal} = this.options
    for (;;) {
      const some = ids.slice(at, at + this.#pageSize.limit)
      // One alone is read however large it is.
      const meter: ReplyMeter = {received: 0, ...(some.length > 1 && {most: MOST_BYTES})}
      try {
        const objects = await connection.getObjects({
          collection: plan,
          ids: some,
          meter,
          signal,
          tenant,
          ...(viaRest && {viaRest}),
        })
        const bytes = meter.received || objects.reduce((sum, object) => sum + approximateBytes(object), 0)
        // What is not there weighs nothing, and says nothing of what the others weigh.
        this.#pageSize.observe(objects.length || some.length, bytes)
        return {bytes, ids: some, objects}
      } catch (error) {
        if (!isTooLarge(error)) throw error
        // What came of it till then is the least that they weigh.
        if (!this.#pageSize.shrink(some.length, meter.received)) throw error
      }
    }
  }
}
