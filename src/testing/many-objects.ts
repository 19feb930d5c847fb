import type {Predicate} from './filter-model.js'
import type {ObjectRoom, Served} from './objects.js'
import type {ShardPlace} from './replicas.js'
import type {Collection, StoredObject} from './store.js'

import {type PageOptions, readCursor} from './paging.js'
import {orRefusal, Refusal, within} from './refusal.js'
import {resolveShard} from './shard.js'
import {compileSort, type SortKey} from './sort.js'

interface Listing extends Omit<PageOptions, 'sort'> {
  collection: Collection
  keys: readonly SortKey[]
  tenant: string
}

/** A page of a collection over gRPC and GraphQL, which refuse one in the same words. @throws Refusal 422. */
export function listObjects({node, room}: Served, {collection, keys, tenant, ...given}: Listing): StoredObject[] {
  const sort = keys.length > 0 ? within("invalid 'sort' parameter: ", () => compileSort(collection, keys)) : undefined
  const beside = {hasFilter: given.matches !== undefined, hasSort: sort !== undefined, offset: given.offset}
  const options = {...given, after: readCursor(given.after, beside), sort}
  return within('explorer: list class: search: ', () => {
    if (given.offset + given.limit === 0)
      throw new Refusal(`invalid pagination params: invalid default limit: ${given.limit}`)
    const shard = within(`object search at index ${collection.name.toLowerCase()}: `, () =>
      resolveShard(collection, tenant),
    )
    return within('invalid pagination params: ', () => room.replicas.page(node, {collection, shard, tenant}, options))
  })
}

export interface Deleted {
  /** Why the shard takes no writes: the real server tells it of one object, whatever matches. */
  failure?: string
  /** In the order of writing, at most the server's limit. */
  ids: string[]
  /** All that match, above the limit too. */
  matches: number
}

/** Deletes what matches, up to the limit of one call; a dry run only says what it would delete. */
export function deleteObjects(
  room: ObjectRoom,
  place: ShardPlace,
  {dryRun, matches}: {dryRun: boolean; matches: Predicate},
): Deleted {
  const refused = orRefusal(() => {
    room.checkWritable(place)
  })
  if (refused instanceof Refusal) return {failure: refused.message, ids: [], matches: 0}
  const found = [...place.shard.written()].filter((object) => matches(object))
  const ids = found.slice(0, room.settings.queryMaximumResults).map(({id}) => id)
  if (!dryRun) for (const id of ids) room.replicas.delete(place.shard, id)
  return {ids, matches: found.length}
}
