import type {JsonObject} from '../../object.js'
import type {Settings} from '../options.js'
import type {Incoming} from '../properties.js'
import type {Collection, Shard, StoredObject} from '../store.js'
import type {RestAnswer, RestRequest, Router} from './router.js'

import {type IncomingObject, type ObjectRoom, sortedWith} from '../objects.js'
import {readPage} from '../paging.js'
import {Refusal, within} from '../refusal.js'
import {resolveShard} from '../shard.js'
import {canonicalUuid} from '../values.js'
import {incomingObject, type ObjectBody} from './incoming.js'
import {objectText} from './json.js'

const DEFAULT_LIMIT = 10

export function objectRoutes(router: Router, room: ObjectRoom, settings: Settings): void {
  const {database} = room
  router.on('GET', 'objects', (request) => list(room, settings, request))
  router.on('POST', 'objects', ({body}) => {
    const incoming = incomingObject(body as ObjectBody)
    const {collection, object} = within('invalid object: ', () => room.prepare(incoming))
    return create(room, collection, incoming, object)
  })

  /** The collection, shard and object of a path, as far as they are there. */
  const at = ({
    params,
    query,
  }: RestRequest): {collection?: Collection; id: string; object?: StoredObject; shard?: Shard; tenant: string} => {
    const id = canonicalUuid(params.id) ?? ''
    const tenant = query.get('tenant') ?? ''
    const collection = database.find(params.class!)
    if (!collection) return {id, tenant}
    const shard = within(`repo: object by id: search index ${collection.name.toLowerCase()}: `, () =>
      resolveShard(collection, tenant),
    )
    return {collection, id, object: shard.get(id), shard, tenant}
  }

  router.on('GET', 'objects/:class/:id', (request) => {
    const {collection, object, tenant} = at(request)
    if (!collection || !object) return {status: 404}
    const isWithVector = includesVector(request)
    return {
      body: objectText(object, {className: collection.name, tenant, vectorWeights: true, withVector: isWithVector}),
      status: 200,
    }
  })
  router.on('HEAD', 'objects/:class/:id', (request) => ({status: at(request).object ? 204 : 404}))
  router.on('DELETE', 'objects/:class/:id', (request) => {
    const {collection, id, shard} = at(request)
    if (!collection) return {status: 404}
    shard!.delete(id)
    return {status: 204}
  })
  router.on('PUT', 'objects/:class/:id', (request) => {
    const body = request.body as ObjectBody
    const place = at({...request, query: withTenant(request.query, body.tenant)})
    if (!place.object) throw new Refusal(422, `no object with id '${place.id}'`)
    const incoming = incomingObject({...body, class: request.params.class, id: place.id})
    const {collection, object} = within('invalid object: ', () => room.prepare(incoming))
    room.put(collection, incoming.tenant, {...object, created: place.object.created})
    return {body: answerText(place.shard!.get(place.id)!, collection.name, incoming.tenant), status: 200}
  })
  router.on('PATCH', 'objects/:class/:id', (request) => {
    const body = request.body as ObjectBody
    const place = at({...request, query: withTenant(request.query, body.tenant)})
    if (!place.object) return {status: 404}
    const incoming = incomingObject({...body, class: request.params.class, id: place.id})
    const {collection, object} = within('invalid object: ', () => room.prepare(incoming))
    room.put(collection, incoming.tenant, merged(place.object, object, body.properties ?? {}))
    return {status: 204}
  })
  referenceRoutes(router, room, at)
}

function withTenant(query: URLSearchParams, tenant: string | undefined): URLSearchParams {
  return tenant ? new URLSearchParams({tenant}) : query
}

/** A patch over the object: null removes a property, vectors stay unless new ones are given. */
function merged(old: StoredObject, patch: StoredObject, given: Incoming): StoredObject {
  let {properties} = old
  for (const [name, value] of Object.entries(patch.properties)) properties = sortedWith(properties, name, value)
  const removed = new Set(Object.keys(given).filter((name) => given[name] === null))
  properties = Object.fromEntries(Object.entries(properties).filter(([name]) => !removed.has(name)))
  const result: StoredObject = {created: old.created, id: old.id, properties, updated: patch.updated}
  const vector = patch.vector ?? old.vector
  const vectors = new Map([...(old.vectors ?? []), ...(patch.vectors ?? [])])
  if (vector) result.vector = vector
  if (vectors.size > 0) result.vectors = vectors
  return result
}

function create(room: ObjectRoom, collection: Collection, incoming: IncomingObject, object: StoredObject): RestAnswer {
  const {tenant} = incoming
  const index = collection.name.toLowerCase()
  const isKnown = !collection.tenants || collection.tenants.has(tenant)
  const prefix =
    isKnown || tenant === '' ? 'determine shard: ' : `put object: import into index ${index}: determine shard: `
  const isAutoTenant = collection.schema.multiTenancyConfig?.autoTenantCreation === true
  if (!isAutoTenant || isKnown) {
    const shard = within(prefix, () => resolveShard(collection, tenant))
    if (shard.get(object.id)) throw new Refusal(422, `id '${object.id}' already exists`)
  }

  const shardName = (collection.tenants?.get(tenant)?.shard ?? collection.shard).name
  within(
    `put object: import into index ${index}: put local object: shard="${shardName}": store object in LSM store: `,
    () => {
      room.put(collection, tenant, object)
    },
  )
  return {body: answerText(object, collection.name, tenant), status: 200}
}

/** An object in the answer to a write. */
export function answerText(object: StoredObject, className: string, tenant: string): string {
  return objectText(object, {className, tenant, vectorWeights: false, withVector: true})
}

function includesVector({query}: RestRequest): boolean {
  return (query.get('include') ?? '').split(',').includes('vector')
}

function list(room: ObjectRoom, settings: Settings, request: RestRequest): RestAnswer {
  const {query} = request
  const className = query.get('class')
  const tenant = query.get('tenant') ?? ''
  const after = query.get('after') || undefined
  const options = {
    after: after === undefined ? undefined : cursor(after),
    limit: Number(query.get('limit') ?? DEFAULT_LIMIT),
    maximumResults: settings.queryMaximumResults,
    offset: Number(query.get('offset') ?? 0),
  }
  const collection = className === null ? undefined : room.database.find(className)
  if (className !== null && !collection) return {status: 404}
  const isWithVector = includesVector(request)
  const collections = collection
    ? [collection]
    : [...room.database.collections.values()].filter(({tenants}) => !tenants)
  const texts: string[] = []
  for (const each of collections) {
    const shard = within(`msg:search index ${each.name.toLowerCase()} code:422 err:`, () => resolveShard(each, tenant))
    const page = within('msg:offset or limit code:400 err:', () => readPage(shard, options))
    for (const object of page)
      if (texts.length < options.limit)
        texts.push(objectText(object, {className: each.name, tenant, vectorWeights: true, withVector: isWithVector}))
  }

  return {body: `{"deprecations":[],"objects":[${texts.join(',')}],"totalResults":${texts.length}}`, status: 200}
}

function cursor(after: string): string {
  const id = canonicalUuid(after)
  if (id) return id
  throw new Refusal(
    422,
    `msg:cursor api: invalid 'after' parameter code:422 err:after parameter '${after}' is not a valid uuid`,
  )
}

function referenceRoutes(
  router: Router,
  room: ObjectRoom,
  at: (request: RestRequest) => {
    collection?: Collection
    id: string
    object?: StoredObject
    shard?: Shard
    tenant: string
  },
): void {
  const change = (
    request: RestRequest,
    status: number,
    next: (old: JsonObject[], given: JsonObject[]) => JsonObject[],
  ) => {
    const {collection, object, shard, tenant} = at(request)
    if (!collection || !object) return {status: 404}
    const name = request.params.property!
    const given = [request.body].flat() as Incoming[]
    const checked =
      request.method === 'DELETE' ? (given as JsonObject[]) : checkReferences(room, {collection, given, name, tenant})
    const old = (object.properties[name] ?? []) as JsonObject[]
    const properties = sortedWith(object.properties, name, next(old, checked))
    shard!.put({...object, properties, updated: Date.now()})
    return {status}
  }

  const pattern = 'objects/:class/:id/references/:property'
  router.on('POST', pattern, (request) => change(request, 200, (old, given) => [...old, ...given]))
  router.on('PUT', pattern, (request) => change(request, 200, (_, given) => given))
  router.on('DELETE', pattern, (request) =>
    change(request, 204, (old, given) =>
      old.filter(({beacon}) => given.every((reference) => reference.beacon !== beacon)),
    ),
  )
}

function checkReferences(
  room: ObjectRoom,
  {collection, given, name, tenant}: {collection: Collection; given: Incoming[]; name: string; tenant: string},
): JsonObject[] {
  try {
    const {object} = room.prepare({
      collection: collection.name,
      id: '00000000-0000-0000-0000-000000000000',
      properties: {[name]: given},
      tenant,
      transport: 'rest',
    })
    return object.properties[name] as JsonObject[]
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const missing = /no object with id .* found$/.exec(error.message)
    if (!missing) throw error
    throw new Refusal(422, `msg:validate existence code:400 err:validate reference: ${missing[0]}`)
  }
}
