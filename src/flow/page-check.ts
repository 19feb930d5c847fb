/** What a server answers, looked at before it is believed: an error says what was wrong, and nothing of the page is used. */
import type {WeaviateObject} from '../model/object.js'
import type {ObjectPage} from '../weaviate/connection.js'

import {DataOpsError} from '../model/errors.js'

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/

export interface PageExpectation {
  /** Exclusive lower bound. */
  after?: string
  collection: string
  /** Objects asked for. */
  limit: number
  tenant?: string
}

/** @throws DataOpsError UNEXPECTED when a page is not what the cursor listing promises: ascending, above the cursor, at most as long as asked for, well-formed. */
export function checkPage(page: ObjectPage, {after, collection, limit, tenant}: PageExpectation): void {
  const objects: unknown = page?.objects
  if (!Array.isArray(objects)) throw wrong(collection, 'a page has no list of objects')
  if (objects.length > limit) throw wrong(collection, `${objects.length} objects came where ${limit} were asked for`)
  let last = after
  for (const object of page.objects) {
    checkObject(object, collection, tenant)
    if (last !== undefined && object.id <= last) {
      throw wrong(collection, `the listing goes back: ${object.id} came after ${last}`, {id: object.id})
    }

    last = object.id
  }
}

export interface ObjectsExpectation {
  collection: string
  /** Asked for. */
  ids: readonly string[]
  tenant?: string
}

/** @throws DataOpsError UNEXPECTED when objects that were asked for by id are others, come twice or are not well-formed. */
export function checkObjects(objects: readonly WeaviateObject[], expected: ObjectsExpectation): void {
  const {collection, ids, tenant} = expected
  const asked = new Set(ids)
  for (const object of objects) {
    checkObject(object, collection, tenant)
    if (!asked.delete(object.id)) throw wrong(collection, `${object.id} came unasked, or twice`, {id: object.id})
  }
}

function checkObject(object: WeaviateObject, collection: string, tenant: string | undefined): void {
  const reason = whatIsWrong(object, tenant)
  if (reason !== undefined) throw wrong(collection, reason, {id: object?.id})
}

// Of every object: makes nothing that would have to be collected.
function whatIsWrong(object: WeaviateObject, tenant: string | undefined): string | undefined {
  if (typeof object !== 'object' || object === null) return 'an object is none'
  const {creationTimeUnix, id, lastUpdateTimeUnix, properties, vector, vectors} = object
  if (typeof id !== 'string' || !UUID.test(id)) return `${JSON.stringify(id)?.slice(0, 60)} is no UUID`
  if (typeof properties !== 'object' || properties === null) return `${id} has no properties`
  if (!isTime(creationTimeUnix) || !isTime(lastUpdateTimeUnix)) return `a time of ${id} is no number`
  if (object.tenant !== tenant) return `${id} is of tenant ${JSON.stringify(object.tenant)}`
  if (vector && vector.byteLength % 4 !== 0) return `the vector of ${id} has ${vector.byteLength} bytes`
  if (!vectors) return undefined
  for (const [name, named] of vectors) {
    const {bytes} = named
    const rowBytes = named.kind === 'multi' ? named.dims * 4 : 4
    const isWhole = bytes.byteLength === 0 || (rowBytes > 0 && bytes.byteLength % rowBytes === 0)
    if (!isWhole) return `the vector "${name}" of ${id} has ${bytes.byteLength} bytes`
  }

  return undefined
}

/** Milliseconds; absent where they were not asked for. */
function isTime(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
}

function wrong(collection: string, reason: string, details: Record<string, unknown> = {}): DataOpsError {
  return new DataOpsError('UNEXPECTED', `What the server answered for ${collection} cannot be right: ${reason}.`, {
    details: {collection, reason, ...details},
    hint: 'See the log of the server, and of what stands between.',
  })
}
