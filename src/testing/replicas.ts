import type {Replica, Settings} from './options.js'
import type {Collection, Shard, StoredObject} from './store.js'

import {own} from '../model/object.js'
import {type PageOptions, readPage} from './paging.js'

/** The objects of one shard, and what they are called. */
export interface ShardPlace {
  collection: Collection
  shard: Shard
  tenant: string
}

/** Of a shard: objects as they were first, those that were deleted, and ids of which all replicas were told since. */
interface Past {
  firsts: Map<string, StoredObject>
  graves: Map<string, StoredObject>
  repaired: Set<string>
}

/** What each replica of a cluster holds: the truth of the shards, less what it missed, and with what it was not told to delete. */
export class Replicas {
  private readonly pasts = new WeakMap<Shard, Past>()
  private turn = 0

  constructor(private readonly settings: Settings) {}

  private pastOf(shard: Shard): Past {
    const past = this.pasts.get(shard) ?? {firsts: new Map(), graves: new Map(), repaired: new Set()}
    this.pasts.set(shard, past)
    return past
  }

  private holds(replica: Replica, place: ShardPlace, id: string): boolean {
    const {misses} = replica
    return !misses?.({...named(place), id}) || this.pastOf(place.shard).repaired.has(id)
  }

  /** As the replica has it. */
  private versionOf({outdated}: Replica, place: ShardPlace, object: StoredObject): StoredObject {
    const {id} = object
    if (!outdated?.({...named(place), id})) return object
    const {firsts, repaired} = this.pastOf(place.shard)
    return repaired.has(id) ? object : (firsts.get(id) ?? object)
  }

  private kept(replica: Replica, place: ShardPlace): StoredObject[] {
    const {keeps} = replica
    if (!keeps) return []
    return [...this.pastOf(place.shard).graves.values()].filter(
      ({id}) => !place.shard.get(id) && keeps({...named(place), id}),
    )
  }

  /** The replica that a listing at this node's address is read from. */
  reader(node: number): Replica {
    const {loadBalanced, replicas} = this.settings
    return replicas[loadBalanced && node === 0 ? this.turn++ % replicas.length : node]!
  }

  byName(name: string): Replica | undefined {
    return this.settings.replicas.find((replica) => replica.name === name)
  }

  /** Objects of a replica with an id above `after`, ascending. */
  *above(replica: Replica, place: ShardPlace, after?: string): Generator<StoredObject> {
    const graves = this.kept(replica, place).filter(({id}) => after === undefined || id > after)
    const kept = graves.toSorted((a, b) => (a.id === b.id ? 0 : a.id < b.id ? -1 : 1))
    for (const object of place.shard.above(after)) {
      while (kept[0] && kept[0].id < object.id) yield kept.shift()!
      if (!replica.misses || this.holds(replica, place, object.id)) yield this.versionOf(replica, place, object)
    }

    yield* kept
  }

  /** One object as a replica has it. */
  get(replica: Replica, place: ShardPlace, id: string): StoredObject | undefined {
    const object = place.shard.get(id)
    if (object) return this.holds(replica, place, id) ? this.versionOf(replica, place, object) : undefined
    return this.kept(replica, place).find((candidate) => candidate.id === id)
  }

  /** A read of all replicas writes what one of them missed to it. */
  repair(shard: Shard, id: string): void {
    this.pastOf(shard).repaired.add(id)
  }

  /** Stores everywhere but where the first version of it stays. */
  put(shard: Shard, object: StoredObject): void {
    const first = shard.get(object.id)
    if (first && this.settings.replicas.some(({outdated}) => outdated)) {
      const {firsts} = this.pastOf(shard)
      if (!firsts.has(object.id)) firsts.set(object.id, first)
    }

    shard.put(object)
  }

  /** Deletes everywhere but where it is kept. */
  delete(shard: Shard, id: string): boolean {
    const object = shard.get(id)
    if (object && this.settings.replicas.some(({keeps}) => keeps)) this.pastOf(shard).graves.set(id, object)
    return shard.delete(id)
  }

  /** A page as a node answers it: of its replica, and with what `page` makes of it. @throws Refusal as readPage does. */
  page(node: number, place: ShardPlace, options: PageOptions): StoredObject[] {
    const {after, limit, matches, transport} = options
    const replica = this.reader(node)
    const objects = this.above(replica, place, after)
    const listed = matches ? asWritten(place.shard, objects) : objects
    const page = readPage(listed, options, this.settings.queryMaximumResults)
    const ids = page.map(({id}) => id)
    const shown = this.settings.page({...named(place), after, ids, limit, node: replica.name, transport}) ?? ids
    const found =
      shown === ids
        ? page
        : shown.flatMap((id) => page.find((object) => object.id === id) ?? this.get(replica, place, id) ?? [])
    return transport === 'rest' ? found : found.filter((object) => !this.isExpired(place, object))
  }

  /** Of a page that has been read: gRPC and GraphQL leave out what has expired, so that its pages get shorter. */
  private isExpired({collection}: ShardPlace, object: StoredObject): boolean {
    const {
      defaultTtl,
      deleteOn: on,
      enabled,
      filterExpiredObjects,
    } = (collection.schema.objectTtlConfig ?? {}) as TtlConfig
    if (!enabled || !filterExpiredObjects || !on) return false
    const times: Record<string, number> = {_creationTimeUnix: object.created, _lastUpdateTimeUnix: object.updated}
    const text = own(object.properties, on)
    const since = times[on] ?? (typeof text === 'string' ? Date.parse(text) : NaN)
    return since + (defaultTtl ?? 0) * 1000 <= this.settings.now()
  }
}

interface TtlConfig {
  /** Seconds. */
  defaultTtl?: number
  deleteOn?: string
  enabled?: boolean
  filterExpiredObjects?: boolean
}

/** What a filter looks through: in the order of writing, and then what is kept of deleted ones. */
function asWritten(shard: Shard, objects: Iterable<StoredObject>): StoredObject[] {
  const ranks = new Map(Array.from(shard.written(), ({id}, rank) => [id, rank]))
  return [...objects].toSorted((a, b) => (ranks.get(a.id) ?? Infinity) - (ranks.get(b.id) ?? Infinity) || 0)
}

function named({collection, tenant}: ShardPlace): {collection: string; tenant: string} {
  return {collection: collection.name, tenant}
}
