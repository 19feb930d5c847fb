import type {Incoming} from '../properties.js'
import type {Collection, StoredObject} from '../store.js'

import {own} from '../../model/object.js'
import {isReference} from '../../model/schema.js'
import {type IncomingObject, type ObjectRoom, type Served, sortedWith} from '../objects.js'
import {readCursor} from '../paging.js'
import {Refusal, within} from '../refusal.js'
import {resolveShard} from '../shard.js'
import {compileSort, type Order} from '../sort.js'
import {canonicalUuid, filled} from '../values.js'
import {incomingObject, type ObjectBody} from './incoming.js'
import {objectText} from './json.js'
import {type Place, placeOf} from './place.js'
import {InvalidBody, type RestAnswer, type RestRequest, type Router} from './router.js'

const PATTERN = 'objects/:class/:id'

export function objectRoutes(router: Router, served: Served): void {
  const {room} = served
  router.on('GET', 'objects', (request) => list(served, request))
  router.on('POST', 'objects', ({body}) => create(room, body as ObjectBody))
  router.on('GET', PATTERN, (request) => {
    const place = placeOf(room, request)
    const object = place && asRead(served, place, request.query)
    if (!object) return {status: 404}
    const {collection, tenant} = place
    const options = {className: collection.name, hasVector: isVectorWanted(request), hasWeights: true, tenant}
    return {body: objectText(object, options), status: 200}
  })
  router.on('POST', 'objects/validate', ({body}) => {
    const given = body as ObjectBody
    const known = room.database.find(given.class ?? '')
    if (!known) throw new Refusal(`invalid object: class "${given.class ?? ''}" not found in schema`)
    if (!given.id) throw new Refusal('invalid object: invalid UUID length: 0')
    within('invalid object: ', () => room.prepare(incomingObject(given), {autoSchema: false}))
    return {status: 200}
  })
  for (const [methods, rest] of [
    ['GET HEAD DELETE PUT PATCH', ''],
    ['POST PUT DELETE', '/references/:property'],
  ] as const)
    for (const method of methods.split(' '))
      router.on(method, `objects/:id${rest}`, (request) => withoutClass(router, room, {method, request}))
  router.on('HEAD', PATTERN, (request) => ({status: placeOf(room, request)?.object ? 204 : 404}))
  router.on('DELETE', PATTERN, (request) => {
    const deleting = (index: string) => `delete object from vector repo: delete from index "${index}": `
    const place = placeOf(room, request, {prefix: (index) => `${deleting(index)}determine shard: `})
    if (!place)
      throw new Refusal(
        `could not delete object from vector repo: delete from non-existing index for ${request.params.class}`,
        500,
      )
    within(`${deleting(place.collection.name.toLowerCase())}delete local object: shard="${place.shard.name}": `, () => {
      room.checkWritable(place)
    })
    room.replicas.delete(place.shard, place.id)
    return {status: 204}
  })
  router.on('PUT', PATTERN, (request) => replace(room, request))
  router.on('PATCH', PATTERN, (request) => patch(room, request))
}

/** A path by id alone is that of the class which is named in the body, or has such an object. */
function withoutClass(
  router: Router,
  room: ObjectRoom,
  {method, request}: {method: string; request: RestRequest},
): RestAnswer {
  const {id, property} = request.params
  const {class: named} = (request.body ?? {}) as ObjectBody
  const className = named ?? classOf(room, canonicalUuid(id))
  if (className === undefined) return {status: 404}
  const below = `objects/${className}/${id}${property === undefined ? '' : `/references/${property}`}`
  return (
    router.find(method, below).handler?.({...request, params: {...request.params, class: className}}) ?? {status: 404}
  )
}

/** The class that has an object of this id. @throws Refusal 422 when there is one with tenants, which needs to be told whose. */
function classOf(room: ObjectRoom, id: string | undefined): string | undefined {
  if (id === undefined) return undefined
  const withTenants = room.database.all.find(({tenants}) => tenants)
  if (withTenants)
    within(`repo: object by id: search index ${withTenants.name.toLowerCase()}: determine shard: `, () =>
      resolveShard(withTenants, ''),
    )
  return room.database.all.find((collection) => collection.shard.get(id))?.name
}

/** One object as its reader asks for it: of the replica that is named, of this node's own, or, repairing it, of all. */
function asRead({node, room: {replicas}}: Served, place: Place, query: URLSearchParams): StoredObject | undefined {
  const {id, object, shard} = place
  const name = query.get('node_name')
  const replica = name === null ? replicas.reader(node) : replicas.byName(name)
  if (!replica) throw new Refusal(`repo: object by id: node ${name} not found`, 500)
  if (name !== null || query.get('consistency_level') === 'ONE') return replicas.get(replica, place, id)
  if (object) replicas.repair(shard, id)
  return object
}

function replace(room: ObjectRoom, request: RestRequest): RestAnswer {
  const body = request.body as ObjectBody
  if (canonicalUuid(body.id) !== canonicalUuid(request.params.id))
    throw new Refusal("invalid update: field 'id' is immutable")
  const params = {...request.params, class: filled(body.class) ?? request.params.class!}
  const place = placeOf(room, {...request, params}, {tenant: body.tenant})
  if (!place?.object) return {status: 404}
  const incoming = incomingObject({...body, class: place.collection.name})
  const {collection, object} = prepared(room, incoming)
  const stored = {...object, created: place.object.created}
  room.put(collection, place.tenant, stored)
  return {body: answerText(stored, collection.name, place.tenant), status: 200}
}

function patch(room: ObjectRoom, request: RestRequest): RestAnswer {
  const body = request.body as ObjectBody
  const place = placeOf(room, request, {tenant: body.tenant})
  if (!place?.object) return {status: 404}
  const incoming = incomingObject({...body, class: request.params.class, id: place.id, tenant: place.tenant})
  const {collection, object} = within('msg:bad request code:400 err:', () => room.prepare(incoming))
  room.put(collection, place.tenant, merged(collection, place.object, {given: body.properties ?? {}, patch: object}))
  return {status: 204}
}

/** A patch over the object: null removes a property, references are appended, vectors stay unless new ones are given. */
function merged(
  {schema}: Collection,
  old: StoredObject,
  {given, patch: next}: {given: Incoming; patch: StoredObject},
): StoredObject {
  let {properties} = old
  for (const [name, value] of Object.entries(next.properties)) {
    const property = schema.properties?.find((candidate) => candidate.name === name)
    const appended = property && isReference(property) ? [own(properties, name) ?? [], value].flat() : value
    properties = sortedWith(properties, name, appended)
  }

  const removed = new Set(Object.keys(given).filter((name) => given[name] === null))
  const result: StoredObject = {
    created: old.created,
    id: old.id,
    properties: Object.fromEntries(Object.entries(properties).filter(([name]) => !removed.has(name))),
    updated: next.updated,
  }
  const vector = next.vector ?? old.vector
  const vectors = new Map([...(old.vectors ?? []), ...(next.vectors ?? [])])
  if (vector) result.vector = vector
  if (vectors.size > 0) result.vectors = vectors
  return result
}

function create(room: ObjectRoom, body: ObjectBody): RestAnswer {
  const incoming = incomingObject(body)
  const {collection, object} = prepared(room, incoming)
  const {tenant} = incoming
  room.ensureTenant(collection, tenant)
  const importing = `put object: import into index ${collection.name.toLowerCase()}: `
  // The real server looks an object up by the id it was given, and so refuses before it tries to store it.
  const isLookedUp = body.id !== undefined && (tenant === '' || !collection.tenants || collection.tenants.has(tenant))
  const shard = within(`${isLookedUp ? '' : importing}determine shard: `, () => resolveShard(collection, tenant))
  if (shard.get(object.id)) throw new Refusal(`id '${object.id}' already exists`)
  const storing = `${importing}put local object: shard="${shard.name}": `
  within(storing, () => {
    room.checkWritable({collection, shard, tenant})
  })
  within(`${storing}store object in LSM store: `, () => {
    room.put(collection, tenant, object)
  })
  return {body: answerText(object, collection.name, tenant), status: 200}
}

/** What the object itself is refused for is said so; failures of storing it are not. */
function prepared(room: ObjectRoom, incoming: IncomingObject): ReturnType<ObjectRoom['prepare']> {
  try {
    return room.prepare(incoming)
  } catch (error) {
    throw error instanceof Refusal && error.status === 422 ? error.within('invalid object: ') : error
  }
}

/** An object in the answer to a write. */
export function answerText(object: StoredObject, className: string, tenant: string): string {
  return objectText(object, {className, hasVector: true, hasWeights: false, tenant})
}

const INCLUDES = new Set(['classification', 'featureProjection', 'interpretation', 'nearestNeighbors', 'vector'])

/** @throws Refusal 400 when something unknown is to be included. */
function isVectorWanted({query}: RestRequest): boolean {
  const wanted = (query.get('include') ?? '').split(',').filter(Boolean)
  for (const name of wanted)
    if (!INCLUDES.has(name)) throw new Refusal(`unrecognized property '${name}' in ?include list`, 400)
  return wanted.includes('vector')
}

function list({node, room}: Served, request: RestRequest): RestAnswer {
  const {query} = request
  const className = query.get('class')
  const tenant = query.get('tenant') ?? ''
  const hasVector = isVectorWanted(request)
  const limit = whole(query, 'limit') ?? room.settings.queryDefaultsLimit
  const offset = whole(query, 'offset') ?? 0
  const after = cursor(query.get('after') ?? '', {className, hasSort: Boolean(query.get('sort')), offset})
  const collection = className === null ? undefined : room.database.find(className)
  if (className !== null && !collection) return {status: 404}
  const all = room.database.all.filter((each) => each.tenants === undefined)
  const collections = collection ? [collection] : all
  const texts: string[] = []
  for (const each of collections) {
    const sort = sortOf(each, query)
    const shard = within(`msg:search index ${each.name.toLowerCase()} code:422 err:`, () => resolveShard(each, tenant))
    const page = within('msg:offset or limit code:400 err:', () =>
      room.replicas.page(node, {collection: each, shard, tenant}, {after, limit, offset, sort, transport: 'rest'}),
    )
    // A listing leaves out the tenant.
    const options = {className: each.name, hasVector, hasWeights: true, tenant: ''}
    for (const object of page) if (texts.length < limit) texts.push(objectText(object, options))
  }

  const total = texts.length > 0 ? `,"totalResults":${texts.length}` : ''
  return {body: `{"deprecations":[],"objects":[${texts.join(',')}]${total}}`, status: 200}
}

/** `sort=a,b` and `order=asc,desc`, whose last one holds for those that follow. */
function sortOf(collection: Collection, query: URLSearchParams): Order | undefined {
  const names = query.get('sort')?.split(',') ?? []
  if (names.length === 0) return undefined
  const orders = query.get('order')?.split(',') ?? []
  return within('msg:sorting code:400 err:', () => {
    const keys = names.map((name, index) => {
      const order = orders[index] ?? orders.at(-1) ?? 'asc'
      if (order !== 'asc' && order !== 'desc')
        throw new Refusal(
          `sort parameter at position ${index}: invalid order parameter, possible values are: ["asc", "desc"] not: "${order}"`,
        )
      return {ascending: order === 'asc', path: [name]}
    })
    return compileSort(collection, keys)
  })
}

function whole(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (/^-?\d+$/.test(text)) return Number(text)
  throw new InvalidBody(601, `${name} in query must be of type int64: ${JSON.stringify(text)}`)
}

/** @throws Refusal. */
function cursor(
  after: string,
  {className, hasSort, offset}: {className: null | string; hasSort: boolean; offset: number},
): string | undefined {
  if (after !== '' && className === null)
    throw new Refusal(
      'list objects: after parameter not allowed, cursor must be specific to one class, set class query param',
      500,
    )
  const beside = {hasFilter: false, hasSort, offset}
  return readCursor(after, beside, "msg:cursor api: invalid 'after' parameter code:400 err:")
}
