import type {Incoming} from '../properties.js'
import type {Collection} from '../store.js'
import type {RestAnswer, RestRequest, Router} from './router.js'

import {type JsonObject, own} from '../../model/object.js'
import {isReference} from '../../model/schema.js'
import {parseBeacon} from '../beacon.js'
import {propertyOf} from '../filter-model.js'
import {type ObjectRoom, sortedWith} from '../objects.js'
import {Refusal, within} from '../refusal.js'
import {type Place, placeOf} from './place.js'

const PATTERN = 'objects/:class/:id/references/:property'

/** References of one object: unlike those of a batch, their targets must exist. */
export function referenceRoutes(router: Router, room: ObjectRoom): void {
  router.on('POST', PATTERN, (request) =>
    change(room, request, (old, place) => [...old, ...checked(room, place, request)]),
  )
  router.on('PUT', PATTERN, (request) => change(room, request, (_, place) => checked(room, place, request)))
  router.on('DELETE', PATTERN, (request) => {
    const target = room.database.find(request.params.class!)
    if (target) referenceOf(target, request.params.property!, 'msg:bad inputs')
    const ids = given(request).map(({beacon}) => parseBeacon(String(beacon)))
    const isMeant = (beacon: unknown): boolean => {
      const old = parseBeacon(String(beacon))
      return ids.some(({collection, id}) => id === old.id && (collection === '' || collection === old.collection))
    }

    const answer = change(room, request, (old) => old.filter(({beacon}) => !isMeant(beacon)))
    return answer.status === 200 ? {status: 204} : answer
  })
}

function given({body}: RestRequest): Incoming[] {
  return [body].flat() as Incoming[]
}

function change(
  room: ObjectRoom,
  request: RestRequest,
  next: (old: JsonObject[], place: Place) => JsonObject[],
): RestAnswer {
  const place = placeOf(room, request)
  if (!place?.object) return {status: 404}
  const {object, shard} = place
  room.checkWritable(place)
  const name = request.params.property!
  const references = next((own(object.properties, name) ?? []) as JsonObject[], place)
  shard.put({...object, properties: sortedWith(object.properties, name, references), updated: room.settings.now()})
  return {status: 200}
}

/** @throws Refusal 422 when a class has no such reference. */
function referenceOf(collection: Collection, name: string, message: string): void {
  const property = within(`${message} code:400 err:`, () => propertyOf(collection, name))
  if (!isReference(property))
    throw new Refusal(`msg:bad inputs code:400 err:property '${name}' is not a reference-type`)
}

function checked(room: ObjectRoom, {collection, id, tenant}: Place, request: RestRequest): JsonObject[] {
  const name = request.params.property!
  referenceOf(collection, name, 'msg:validate inputs')
  for (const {beacon} of given(request))
    if (!String(beacon).startsWith('weaviate://localhost/'))
      throw new Refusal('msg:bad inputs code:400 err:unrecognized cross-ref ref format')
  try {
    const properties = {[name]: given(request)}
    const {object} = room.prepare({collection: collection.name, id, properties, tenant, transport: 'rest'})
    return own(object.properties, name) as JsonObject[]
  } catch (error) {
    const missing = error instanceof Refusal ? /no object with id \S+ found$/.exec(error.message) : null
    if (!missing) throw error
    throw new Refusal(`msg:validate existence code:400 err:validate reference: ${missing[0]}`)
  }
}
