import type {AggregateReply, AggregateRequest} from '../../weaviate/proto/generated/aggregate.js'
import type {Predicate} from '../filter-model.js'
import type {ObjectRoom} from '../objects.js'
import type {Settings} from '../options.js'

import {
  type BatchDeleteReply,
  type BatchDeleteRequest,
  type BatchError,
  type BatchObjectsReply,
  type BatchObjectsRequest,
  type BatchReferencesReply,
  type BatchReferencesRequest,
  type Filters,
  type SearchRequest,
  TenantActivityStatus,
  type TenantsGetReply,
  type TenantsGetRequest,
} from '../../weaviate/proto/generated/weaviate.js'
import {type Access, dataOf, forbidden} from '../access.js'
import {aggregateShard} from '../aggregate.js'
import {parseBeacon} from '../beacon.js'
import {compileFilter} from '../filter.js'
import {deleteMatching, readCursor} from '../paging.js'
import {Refusal, within} from '../refusal.js'
import {resolveShard} from '../shard.js'
import {compileSort} from '../sort.js'
import {type Collection, upperFirst} from '../store.js'
import {listTenants} from '../tenants.js'
import {canonicalUuid, uuidBytes} from '../values.js'
import {isBefore} from '../version.js'
import {aggregateReply, wantedOf} from './aggregate.js'
import {encodeSearch} from './encode-search.js'
import {incomingFilter} from './incoming-filter.js'
import {incomingObject} from './incoming.js'
import {select} from './reply.js'

/** The calls of `weaviate.v1.Weaviate`, as plain functions that throw Refusals. */
export class WeaviateCalls {
  constructor(
    private readonly room: ObjectRoom,
    private readonly settings: Settings,
    /** Which of the nodes it is. */
    private readonly node = 0,
  ) {}

  private find(name: string): Collection {
    const collection = this.room.database.find(name)
    if (!collection) throw new Refusal(`could not find class ${upperFirst(name)} in schema`)
    return collection
  }

  private filter(
    collection: Collection,
    {filters, tenant = ''}: {filters?: Filters | undefined; tenant?: string | undefined},
    {isDelete = false} = {},
  ): Predicate | undefined {
    if (!filters) return undefined
    const scope = this.room.scopeOf(collection, tenant, {isDelete})
    return compileFilter(scope, incomingFilter(filters, scope))
  }

  /** The encoded SearchReply: it carries a field that the generated messages do not know. */
  search(request: SearchRequest): Uint8Array {
    const started = performance.now()
    const collection = this.find(request.collection)
    const selection = select(collection.schema, request.properties, request.metadata)
    const matches = this.filter(collection, request)
    const sort =
      request.sortBy.length > 0
        ? within("invalid 'sort' parameter: ", () => compileSort(collection, request.sortBy))
        : undefined
    const after = readCursor(request.after, {
      hasFilter: request.filters !== undefined,
      hasSort: request.sortBy.length > 0,
      offset: request.offset,
    })
    const page = within('explorer: list class: search: ', () => {
      const limit = request.limit || Math.min(this.settings.queryDefaultsLimit, this.settings.queryMaximumResults)
      const options = {
        after,
        limit,
        matches,
        maximumResults: this.settings.queryMaximumResults,
        offset: request.offset,
        sort,
      }
      const shard = within(`object search at index ${collection.name.toLowerCase()}: `, () =>
        resolveShard(collection, request.tenant),
      )
      const place = {collection, shard, tenant: request.tenant}
      return within('invalid pagination params: ', () =>
        this.room.replicas.page(this.node, place, {...options, transport: 'grpc'}),
      )
    })
    const context = {
      collection,
      isOld: isBefore(this.settings, '1.25'),
      room: this.room,
      tenant: request.tenant,
    }
    return encodeSearch(page, selection, {context, seconds: () => (performance.now() - started) / 1000})
  }

  batchObjects(request: BatchObjectsRequest, access: Access): BatchObjectsReply {
    const outcomes = this.room.writeBatch(request.objects, (object) => {
      if (access === 'read') throw forbidden('U', dataOf(upperFirst(object.collection), object.tenant))
      return incomingObject(object, this.room.database.find(object.collection)?.schema)
    })
    const errors = outcomes.flatMap((outcome, index) =>
      outcome instanceof Refusal ? [{error: outcome.message, index}] : [],
    )
    return {errors, took: 0}
  }

  batchReferences({references}: BatchReferencesRequest, access: Access): BatchReferencesReply {
    if (references.length === 0)
      throw new Refusal('invalid params: length cannot be 0, need at least one reference for batching')
    if (access === 'read') throw forbidden('U', dataOf(upperFirst(references[0]!.fromCollection)))
    const errors: BatchError[] = []
    for (const [index, reference] of references.entries()) {
      try {
        const id = canonicalUuid(reference.fromUuid)
        if (!id) throw new Refusal(`invalid cref URI: 2nd path segment must be uuid, but got '${reference.name}'`)
        const source = {collection: reference.fromCollection, id, property: reference.name}
        const path = reference.toCollection === undefined ? '' : `${reference.toCollection}/`
        this.room.appendReference(
          source,
          parseBeacon(`weaviate://localhost/${path}${reference.toUuid}`),
          reference.tenant,
        )
      } catch (error) {
        errors.push({error: reason(error), index})
      }
    }

    return {errors, took: 0}
  }

  batchDelete(request: BatchDeleteRequest, access: Access): BatchDeleteReply {
    if (access === 'read') throw forbidden('D', dataOf(upperFirst(request.collection), request.tenant))
    const {collection, matches} = within('batch delete params: ', () => {
      const found = this.find(request.collection)
      if (!request.filters) throw new Refusal('no filters in batch delete request')
      return {collection: found, matches: this.filter(found, request, {isDelete: true})!}
    })
    const tenant = request.tenant ?? ''
    const shard = within('batch delete: cannot find objects: ', () => resolveShard(collection, tenant))
    try {
      this.room.checkWritable(collection, tenant, shard)
    } catch (error) {
      // Of a shard that takes no writes the real server says that one object has failed.
      const failed = [{error: reason(error), successful: false, uuid: new Uint8Array()}]
      return {failed: 1n, matches: 0n, objects: request.verbose ? failed : [], successful: 0n, took: 0}
    }

    const {ids, matches: count} = deleteMatching(shard, {
      dryRun: request.dryRun,
      matches,
      maximumResults: this.settings.queryMaximumResults,
      remove: (id) => this.room.replicas.delete(shard, id),
    })
    return {
      failed: 0n,
      matches: BigInt(count),
      objects: request.verbose ? ids.map((id) => ({error: '', successful: true, uuid: uuidBytes(id)})) : [],
      successful: BigInt(ids.length),
      took: 0,
    }
  }

  tenantsGet(request: TenantsGetRequest): TenantsGetReply {
    const names = request.params?.value.values
    const tenants = within('get tenants: ', () => {
      if (request.collection === '') throw new Refusal('missing collection ')
      if (names?.length === 0) throw new Refusal('must specify at least one tenant name')
      return listTenants(this.room.database.find(request.collection), names)
    })
    return {
      took: 0,
      tenants: tenants.map(({activityStatus, name}) => ({
        activityStatus: TenantActivityStatus[`TENANT_ACTIVITY_STATUS_${activityStatus}`],
        name,
      })),
    }
  }

  aggregate(request: AggregateRequest): AggregateReply {
    const {collection: name, objectsCount, tenant} = request
    const collection = within('parse params: ', () => this.find(name))
    return within('aggregate: ', () => {
      const shard = resolveShard(collection, tenant)
      const matches = this.filter(collection, request)
      const wanted = wantedOf(collection, request)
      const {count, properties} = aggregateShard(shard, matches, wanted)
      const told = objectsCount ? this.settings.count(count, {collection: collection.name, tenant}) : 0
      return aggregateReply({count: told, properties}, wanted, {isFiltered: matches !== undefined})
    })
  }
}

function reason(error: unknown): string {
  if (error instanceof Refusal) return error.message
  throw error
}
