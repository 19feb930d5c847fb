import type {ObjectRoom} from '../objects.js'
import type {ShardPlace} from '../replicas.js'
import type {StoredObject} from '../store.js'

import {within} from '../refusal.js'
import {resolveShard} from '../shard.js'
import {canonicalUuid, filled} from '../values.js'
import {InvalidBody, type RestRequest} from './router.js'

/** Where the object of a path is, or would be. */
export interface Place extends ShardPlace {
  id: string
  object?: StoredObject
}

interface PlaceOptions {
  /** What stands in front of a refusal because of the tenant. */
  prefix?: (index: string) => string
  /** Instead of that of the query. */
  tenant?: string
}

/** undefined when there is no such collection. @throws InvalidBody, Refusal. */
export function placeOf(room: ObjectRoom, request: RestRequest, options: PlaceOptions = {}): Place | undefined {
  const {params, query} = request
  const id = canonicalUuid(params.id)
  if (!id) throw new InvalidBody(601, `id in path must be of type uuid: ${JSON.stringify(params.id)}`)
  const collection = room.database.find(params.class!)
  if (!collection) return undefined
  const tenant = filled(options.tenant) ?? query.get('tenant') ?? ''
  const index = collection.name.toLowerCase()
  const prefix = options.prefix?.(index) ?? `repo: object by id: search index ${index}: determine shard: `
  const shard = within(prefix, () => resolveShard(collection, tenant))
  return {collection, id, object: shard.get(id), shard, tenant}
}
