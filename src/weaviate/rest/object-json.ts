/** Objects as JSON, both ways, without loss. */
import type {CollectionPlan, KnownObject} from '../connection.js'

import {viewOf} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {settleIntZeros} from '../../model/int-zeros.js'
import {
  type JsonObject,
  type JsonValue,
  type NamedVector,
  own,
  setOwn,
  type WeaviateObject,
} from '../../model/object.js'
import {phoneInput} from '../phone.js'
import {plannedProperties} from '../planned.js'
import {encodeJson} from './http.js'

/** An object as REST shows it. */
export interface RestObject {
  creationTimeUnix?: number
  id: string
  lastUpdateTimeUnix?: number
  properties?: JsonObject | null
  tenant?: string
  vector?: number[] | null
  vectors?: Record<string, number[] | number[][]> | null
}

export function toKnown({creationTimeUnix, id, lastUpdateTimeUnix}: RestObject): KnownObject {
  return {creationTimeUnix, id: id.toLowerCase(), lastUpdateTimeUnix}
}

/** @throws DataOpsError UNEXPECTED when a listing holds what is no object of it. */
export function checkedObjects(
  objects: unknown,
  {className, tenant}: {className: string; tenant?: string},
): RestObject[] {
  if (!Array.isArray(objects)) throw malformed(className, 'its objects are no list')
  for (const object of objects as Array<null | Partial<RestObject>>) {
    if (typeof object?.id !== 'string') throw malformed(className, 'an object has no id')
    const {id, properties, vector, vectors} = object
    if (tenant !== undefined && object.tenant !== undefined && object.tenant !== tenant) {
      throw malformed(className, `${id} is of tenant ${JSON.stringify(object.tenant)}`)
    }

    if (!isAbsent(properties) && (typeof properties !== 'object' || Array.isArray(properties))) {
      throw malformed(className, `the properties of ${id} are no object`)
    }

    if (!isAbsent(vector) && !isVector(vector)) throw malformed(className, `the vector of ${id} is no list of numbers`)
    if (isAbsent(vectors)) continue
    for (const [name, value] of Object.entries(vectors)) {
      if (!isVector(value) && !isMultiVector(value)) {
        throw malformed(className, `the vector "${name}" of ${id} is no list of numbers`)
      }
    }
  }

  return objects as RestObject[]
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function isVector(value: unknown): boolean {
  return Array.isArray(value) && value.every((component) => typeof component === 'number')
}

/** Rows of one length. */
function isMultiVector(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  const dims = (value[0] as undefined | unknown[])?.length
  return value.every((row) => isVector(row) && (row as unknown[]).length === dims)
}

function malformed(className: string, reason: string): DataOpsError {
  return new DataOpsError('UNEXPECTED', `What the server answered for ${className} cannot be right: ${reason}.`, {
    details: {collection: className, reason},
  })
}

/** JSON text of an object without its references; undefined when a vector is not finite. */
export function encodeObject(object: WeaviateObject, collection: CollectionPlan): string | undefined {
  const properties: JsonObject = {}
  const phones = phoneNames(collection)
  for (const [name, value] of Object.entries(object.properties)) {
    if (collection.referenceNames.has(name)) continue
    setOwn(properties, name, phones.has(name) ? phoneInput(value) : value)
  }

  let text = `{"class":${JSON.stringify(collection.className)},"id":${JSON.stringify(object.id)}`
  if (object.tenant !== undefined) text += `,"tenant":${JSON.stringify(object.tenant)}`
  text += `,"properties":${encodeJson(properties)}`
  if (object.vector && object.vector.byteLength > 0) {
    const vector = encodeVector(object.vector)
    if (vector === undefined) return undefined
    text += `,"vector":${vector}`
  }

  const vectors: string[] = []
  for (const [name, vector] of object.vectors ?? []) {
    if (vector.bytes.byteLength === 0) continue
    const encoded = vector.kind === 'multi' ? encodeRows(vector.bytes, vector.dims) : encodeVector(vector.bytes)
    if (encoded === undefined) return undefined
    vectors.push(`${JSON.stringify(name)}:${encoded}`)
  }

  if (vectors.length > 0) text += `,"vectors":{${vectors.join(',')}}`
  return `${text}}`
}

function encodeRows(bytes: Uint8Array, dims: number): string | undefined {
  const rows: string[] = []
  for (let start = 0; start < bytes.byteLength; start += dims * 4) {
    const row = encodeVector(bytes.subarray(start, start + dims * 4))
    if (row === undefined) return undefined
    rows.push(row)
  }

  return `[${rows.join(',')}]`
}

function encodeVector(bytes: Uint8Array): string | undefined {
  const view = viewOf(bytes)
  let text = '['
  for (let offset = 0; offset < bytes.byteLength; offset += 4) {
    const component = view.getFloat32(offset, true)
    if (!Number.isFinite(component)) return undefined
    if (offset > 0) text += ','
    text += Object.is(component, -0) ? '-0' : component
  }

  return `${text}]`
}

/** `collection`: properties and vectors that its plan does not know are left out, its references are bare; without it, all is as REST shows it. */
export function toObject(object: RestObject, collection?: CollectionPlan, tenant?: string): WeaviateObject {
  const shown = object.properties ?? {}
  const properties: JsonObject = {}
  for (const [name, value] of Object.entries(collection ? plannedProperties(shown, collection) : shown)) {
    if (value !== null) setOwn(properties, name, collection?.referenceNames.has(name) ? beacons(value) : value)
  }

  if (collection) settleIntZeros(collection.schema, properties)
  const result: WeaviateObject = {
    creationTimeUnix: object.creationTimeUnix,
    id: object.id.toLowerCase(),
    lastUpdateTimeUnix: object.lastUpdateTimeUnix,
    properties,
  }
  const itsTenant = tenant ?? object.tenant
  if (itsTenant) result.tenant = itsTenant
  if (object.vector && object.vector.length > 0) result.vector = floatBytes(object.vector)
  const vectors = new Map<string, NamedVector>()
  for (const [name, value] of Object.entries(object.vectors ?? {})) {
    const isKnown = !collection || collection.namedVectors.includes(name)
    if (isKnown && value.length > 0) vectors.set(name, toNamedVector(value))
  }

  if (vectors.size > 0) result.vectors = vectors
  return result
}

function toNamedVector(value: number[] | number[][]): NamedVector {
  if (!Array.isArray(value[0])) return {bytes: floatBytes(value as number[]), kind: 'single'}
  return {bytes: floatBytes((value as number[][]).flat()), dims: value[0].length, kind: 'multi'}
}

function floatBytes(numbers: readonly number[]): Uint8Array {
  const floats = Float32Array.from(numbers)
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
}

function phoneNames(collection: CollectionPlan): Set<string> {
  const phones = (collection.schema.properties ?? []).filter((property) => property.dataType[0] === 'phoneNumber')
  return new Set(phones.map((property) => property.name))
}

export function pickReferences(properties: JsonObject | null | undefined, names: Iterable<string>): JsonObject {
  const picked: JsonObject = {}
  for (const name of names) {
    const value = own(properties ?? {}, name)
    if (value !== undefined) setOwn(picked, name, beacons(value))
  }

  return picked
}

/** The references of a property's value, without the href and what else REST shows beside a beacon. */
export function beacons(value: JsonValue | undefined): Array<{beacon: string}> {
  if (!Array.isArray(value)) return []
  return (value as Array<null | {beacon: string}>).map((item) => {
    if (typeof item?.beacon !== 'string') throw malformed('an object', 'a reference has no beacon')
    return {beacon: item.beacon}
  })
}
