import {Buffer} from 'node:buffer'

import type {JsonObject, NamedVector} from '../model/object.js'
import type {WeaviateClass} from '../model/schema.js'
import type {TenantStatus} from '../model/tenant.js'

/** An object as it is kept: properties in their REST form with sorted names, vectors as the bytes that came. */
export interface StoredObject {
  /** Milliseconds since 1970. */
  created: number
  /** Lower-case UUID text. */
  id: string
  properties: JsonObject
  /** Milliseconds since 1970. */
  updated: number
  /** The unnamed vector: float32[dims], little-endian. */
  vector?: Uint8Array
  vectors?: Map<string, NamedVector>
}

const SHARD_NAME_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** The objects of a collection, or of one tenant, with their ids in order. */
export class Shard {
  private readonly objects = new Map<string, StoredObject>()
  /** Ids in ascending order; those deleted since are still in it. */
  private sorted: string[] = []
  /** Ids put since `sorted` was made. */
  private added: string[] = []
  readonly name: string
  /** Why it takes no writes; undefined when it does. */
  readOnly: string | undefined
  /** Components of each vector, by vector name ('' is the unnamed one): fixed by the first object that has it. */
  readonly dimensions = new Map<string, number>()

  constructor(name?: string) {
    this.name =
      name ??
      Array.from({length: 12}, () => SHARD_NAME_LETTERS[Math.floor(Math.random() * SHARD_NAME_LETTERS.length)]).join('')
  }

  /** Merges what was put since the last read: many writes between two reads cost one sort of the new ids. */
  private order(): string[] {
    if (this.added.length > 0) {
      this.sorted = merge(this.sorted, this.added.toSorted())
      this.added = []
    }

    if (this.sorted.length > 2 * this.objects.size + 1000)
      this.sorted = this.sorted.filter((id) => this.objects.has(id))
    return this.sorted
  }

  get size(): number {
    return this.objects.size
  }

  get(id: string): StoredObject | undefined {
    return this.objects.get(id)
  }

  put(object: StoredObject): void {
    const old = this.objects.get(object.id)
    if (!old) this.added.push(object.id)
    // What another vector comes with is written anew.
    if (old && !hasSameVectors(old, object)) this.objects.delete(object.id)
    this.objects.set(object.id, object)
  }

  delete(id: string): boolean {
    return this.objects.delete(id)
  }

  /** Objects as they were written: what a filter finds comes in this order. */
  written(): IterableIterator<StoredObject> {
    return this.objects.values()
  }

  /** Objects with an id above `after`, ascending. */
  *above(after?: string): Generator<StoredObject> {
    const ids = this.order()
    for (let at = after === undefined ? 0 : upperBound(ids, after); at < ids.length; at++) {
      const object = this.objects.get(ids[at]!)
      if (object) yield object
    }
  }
}

function hasSameVectors(a: StoredObject, b: StoredObject): boolean {
  const [mine, others] = [a, b].map(({vector, vectors}) => [
    ['', vector] as const,
    ...Array.from(vectors ?? [], ([name, {bytes}]) => [name, bytes] as const),
  ])
  return (
    mine!.length === others!.length &&
    mine!.every(([name, bytes], index) => {
      const [other, theirs] = others![index]!
      return name === other && Buffer.compare(bytes ?? NOTHING, theirs ?? NOTHING) === 0
    })
  )
}

const NOTHING = new Uint8Array()

function merge(left: string[], right: string[]): string[] {
  const merged: string[] = []
  let l = 0
  let r = 0
  while (l < left.length || r < right.length) {
    const next = r >= right.length || (l < left.length && left[l]! <= right[r]!) ? left[l++]! : right[r++]!
    if (merged.at(-1) !== next) merged.push(next)
  }

  return merged
}

function upperBound(ids: string[], after: string): number {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ids[middle]! <= after) low = middle + 1
    else high = middle
  }

  return low
}

export interface StoredTenant {
  name: string
  shard: Shard
  status: TenantStatus
}

export class Collection {
  /** Further shards that the class asked for. They stay empty: how objects spread over shards makes no difference here. */
  private readonly emptyShards: Shard[]
  /** By name; undefined without multi-tenancy. */
  readonly tenants: Map<string, StoredTenant> | undefined
  /** Without multi-tenancy, where all the objects are. */
  readonly shard = new Shard()

  constructor(public schema: WeaviateClass) {
    const {desiredCount = 1} = (schema.shardingConfig ?? {}) as {desiredCount?: number}
    this.emptyShards = Array.from({length: Math.max(0, desiredCount - 1)}, () => new Shard())
    this.tenants = schema.multiTenancyConfig?.enabled === true ? new Map() : undefined
  }

  get name(): string {
    return this.schema.class
  }

  get shards(): Shard[] {
    if (!this.tenants) return [this.shard, ...this.emptyShards]
    return Array.from(this.tenants.values(), (tenant) => tenant.shard)
  }
}

/** Everything that the server holds. */
export class Database {
  /** Alias to class name; a dropped class keeps its aliases. */
  readonly aliases = new Map<string, string>()
  readonly collections = new Map<string, Collection>()

  /** All collections, oldest first. */
  get all(): Collection[] {
    return Array.from(this.collections, ([, collection]) => collection)
  }

  /** By class name or alias; the first letter may be lower-case. */
  find(name: string): Collection | undefined {
    const upper = upperFirst(name)
    return this.collections.get(upper) ?? this.collections.get(this.aliases.get(upper) ?? '')
  }
}

export function upperFirst(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}

export function lowerFirst(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1)
}
