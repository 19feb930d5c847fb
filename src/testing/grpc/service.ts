import type {AggregateReply, AggregateRequest} from '../../weaviate/proto/generated/aggregate.js'
import type {Predicate} from '../filter-model.js'
import type {ObjectRoom, Served} from '../objects.js'
import type {Settings} from '../options.js'

import {
  type BatchDeleteReply,
  type BatchDeleteRequest,
  type BatchError,
  type BatchObjectsReply,
  type BatchObjectsRequest,
  type BatchReference,
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
import {beaconTo, parseBeacon} from '../beacon.js'
import {compileFilter} from '../filter.js'
import {deleteObjects, listObjects} from '../many-objects.js'
import {orRefusal, Refusal, within} from '../refusal.js'
import {resolveShard} from '../shard.js'
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
  private readonly room: ObjectRoom
  private readonly settings: Settings

  constructor(private readonly served: Served) {
    this.room = served.room
    this.settings = served.room.settings
  }

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
    const selection = select(collection, request.properties, request.metadata)
    const {after, limit, offset, sortBy: keys, tenant} = request
    const page = listObjects(this.served, {
      after,
      collection,
      keys,
      limit: limit || this.settings.queryDefaultsLimit,
      matches: this.filter(collection, request),
      offset,
      tenant,
      transport: 'grpc',
    })
    const context = {collection, isOld: isBefore(this.settings, '1.25'), room: this.room, tenant}
    return encodeSearch(page, selection, {context, seconds: () => (performance.now() - started) / 1000})
  }

  batchObjects(request: BatchObjectsRequest, access: Access): BatchObjectsReply {
    const outcomes = this.room.writeBatch(request.objects, (object) => {
      if (access === 'read') throw forbidden('U', dataOf(upperFirst(object.collection), object.tenant))
      return incomingObject(object, this.room.database.find(object.collection)?.schema)
    })
    return {errors: errorsOf(outcomes), took: 0}
  }

  batchReferences({references}: BatchReferencesRequest, access: Access): BatchReferencesReply {
    if (references.length === 0)
      throw new Refusal('invalid params: length cannot be 0, need at least one reference for batching')
    if (access === 'read') throw forbidden('U', dataOf(upperFirst(references[0]!.fromCollection)))
    const outcomes = references.map((reference) =>
      orRefusal(() => {
        this.appendReference(reference)
      }),
    )
    return {errors: errorsOf(outcomes), took: 0}
  }

  private appendReference({fromCollection, fromUuid, name, tenant, toCollection, toUuid}: BatchReference): void {
    const id = canonicalUuid(fromUuid)
    if (!id) throw new Refusal(`invalid cref URI: 2nd path segment must be uuid, but got '${name}'`)
    const path = toCollection === undefined ? toUuid : `${toCollection}/${toUuid}`
    const target = parseBeacon(beaconTo({collection: '', id: path}))
    this.room.appendReference({collection: fromCollection, id, property: name}, target, tenant)
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
    const deleted = deleteObjects(this.room, {collection, shard, tenant}, {dryRun: request.dryRun, matches})
    const {failure, ids} = deleted
    const objects = [
      ...(failure === undefined ? [] : [{error: failure, successful: false, uuid: new Uint8Array()}]),
      ...ids.map((id) => ({error: '', successful: true, uuid: uuidBytes(id)})),
    ]
    return {
      failed: failure === undefined ? 0n : 1n,
      matches: BigInt(deleted.matches),
      objects: request.verbose ? objects : [],
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

function errorsOf(outcomes: readonly unknown[]): BatchError[] {
  return outcomes.flatMap((outcome, index) => (outcome instanceof Refusal ? [{error: outcome.message, index}] : []))
}
