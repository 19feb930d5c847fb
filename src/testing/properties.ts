import {createHash} from 'node:crypto'

import {isJsonObject, type JsonObject, type JsonValue, setOwn} from '../model/object.js'
import {PRIMITIVE_TYPES, type SchemaProperty, type WeaviateClass} from '../model/schema.js'
import {beaconTo, parseBeacon, type Target} from './beacon.js'
import {parsePhoneNumber} from './phone.js'
import {Refusal, within} from './refusal.js'
import {lowerFirst} from './store.js'
import {canonicalDate, canonicalUuid, goText, goType, shortestFloat32, type Transport} from './values.js'

/** Decoded JSON that nobody has looked at yet; ints of gRPC arrays are bigint. */
export type Incoming = Record<string, unknown>

/** A number that the server's storage, which is JSON, has no text for. */
export class NonFiniteNumber extends Error {
  constructor(value: number) {
    super(`json: unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`)
  }
}

export interface PropertyContext {
  /** Whether a reference may point there. */
  exists: (target: Target) => boolean
  transport: Transport
}

// Not the groups of four themselves: a pattern that repeats a group overflows the stack at some megabytes.
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * Checks an object's properties against its class and gives them as they are stored: names sorted, nulls left out.
 * @throws Refusal 422 with the real server's words.
 */
export function validateProperties(schema: WeaviateClass, incoming: Incoming, context: PropertyContext): JsonObject {
  const found = new Map<string, JsonValue>()
  for (const [key, value] of Object.entries(incoming)) {
    if (value === null || value === undefined) continue
    const name = lowerFirst(key)
    const property = (schema.properties ?? []).find((candidate) => lowerFirst(candidate.name) === name)
    if (!property) throw noSuchProperty(schema.class, name)
    found.set(property.name, validateValue({className: schema.class, context, path: name, property}, value))
  }

  const properties: JsonObject = {}
  for (const [name, value] of [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))) setOwn(properties, name, value)
  return properties
}

export function noSuchProperty(className: string, name: string): Refusal {
  return new Refusal(
    `no such prop with name '${name}' found in class '${className}' in the schema. Check your schema files for which properties in this class are available`,
  )
}

interface Place {
  className: string
  context: PropertyContext
  path: string
  property: SchemaProperty
}

/** How a data type is called in error texts, and how one value of it is read. */
const SCALARS: Record<string, {named: string; read: (value: unknown, transport: Transport) => JsonValue}> = {
  blob: {named: 'blob', read: readBlob},
  blobHash: {named: 'blobHash', read: (value, transport) => sha256(readBlob(value, transport))},
  boolean: {named: 'boolean', read: readBool},
  date: {named: 'date', read: readDate},
  geoCoordinates: {named: 'geoCoordinates', read: readGeo},
  int: {named: 'integer', read: readInt},
  number: {named: 'number', read: readNumber},
  phoneNumber: {named: 'phoneNumber', read: readPhone},
  text: {named: 'text', read: readText},
  uuid: {named: 'uuid', read: readUuid},
}

function validateValue(place: Place, value: unknown): JsonValue {
  const {className, context, path, property} = place
  const type = property.dataType[0] ?? ''
  if (type === 'object' || type === 'object[]')
    return within(`invalid ${type} property '${path}' on class '${className}': `, () =>
      type === 'object' ? readObject(place, value) : readObjects(place, value),
    )
  if (!PRIMITIVE_TYPES.has(type)) return readReferences(place, value)
  const {named, read} = SCALARS[type.replace('[]', '')]!
  if (!type.endsWith('[]'))
    return within(`invalid ${named} property '${path}' on class '${className}': `, () => read(value, context.transport))
  return within(`invalid ${named} array property '${path}' on class '${className}': `, () =>
    readArray(value, {named, read, transport: context.transport}),
  )
}

function readArray(
  value: unknown,
  of: {named: string; read: (value: unknown, transport: Transport) => JsonValue; transport: Transport},
): JsonValue[] {
  // The real server calls number arrays integer arrays here.
  const named = of.named === 'number' ? 'integer' : of.named
  if (!Array.isArray(value)) {
    const article = /^[aiu]/.test(named) && named !== 'uuid' ? 'an' : 'a'
    throw new Refusal(`not ${article} ${named} array, but ${goType(value, of.transport)}`)
  }

  return value.map((item) => {
    try {
      return of.read(item, of.transport)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      throw new Refusal(`invalid ${named} array value: ${goText(value, of.transport)}`)
    }
  })
}

function readObject(place: Place, value: unknown): JsonObject {
  const {className, context, path, property} = place
  if (!isJsonObject(value)) throw new Refusal(`object must be a map, but got: ${goType(value, context.transport)}`)
  const object: JsonObject = {}
  for (const [key, item] of Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const nested = property.nestedProperties?.find((candidate) => candidate.name === key)
    const nestedPath = `${path}.${key}`
    if (!nested) throw new Refusal(`unknown property '${nestedPath}'`)
    const read =
      item === null || item === undefined
        ? null
        : within(`property '${nestedPath}': `, () =>
            validateValue({className, context, path: nestedPath, property: nested}, item),
          )
    setOwn(object, key, read)
  }

  return object
}

function readObjects(place: Place, value: unknown): JsonValue[] {
  if (!Array.isArray(value)) throw new Refusal(`not an object array, but ${goType(value, place.context.transport)}`)
  return value.map((item, index) => within(`invalid object '${index}' in array: `, () => readObject(place, item)))
}

function readReferences({className, context, path, property}: Place, value: unknown): JsonValue[] {
  if (!Array.isArray(value)) throw new Refusal(`reference property is not a slice ${goText(value, context.transport)}`)
  return value.map((item: unknown) => {
    const beacon = (item as Incoming | null)?.beacon
    if (typeof beacon !== 'string')
      throw new Refusal(`beacon property is not a string: ${goType(beacon, context.transport)}`)
    const target = parseBeacon(beacon)
    if (target.collection === '' && property.dataType.length === 1) target.collection = property.dataType[0]!
    if (!context.exists(target))
      throw new Refusal(`invalid cref: 'cref' ${className}:${path}: no object with id ${target.id} found`)
    return {beacon: beaconTo(target)}
  })
}

function readText(value: unknown, transport: Transport): string {
  if (typeof value === 'string') return value
  throw new Refusal(`not a string, but ${goType(value, transport)}`)
}

function readBool(value: unknown, transport: Transport): JsonValue {
  if (typeof value === 'boolean') return value
  throw new Refusal(`not a bool, but ${goType(value, transport)}`)
}

/** Ints are float64: what comes as int64 is rounded, what comes as float64 must be an int64 that Go can convert back. */
function readInt(value: unknown, transport: Transport): number {
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'number') {
    // JSON text is read as int64, so 2^63 - 1 (2^63 as a float64) passes; a double of 2^63 does not.
    const isTop = transport === 'rest' ? value <= 2 ** 63 : value < 2 ** 63
    if (value % 1 === 0 && value >= -(2 ** 63) && isTop) return transport === 'rest' ? value + 0 : value
    if (transport === 'rest')
      throw new Refusal(`the JSON number '${goText(value, transport)}' could not be converted to an int`)
  }

  throw new Refusal(`requires an integer, the given value is '${goText(value, transport)}'`)
}

function readNumber(value: unknown, transport: Transport): number {
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw new NonFiniteNumber(value)
  }

  if (typeof value === 'bigint') return Number(value)
  throw new Refusal(`requires a float, the given value is '${goText(value, transport)}'`)
}

function readDate(value: unknown, transport: Transport): string {
  const date = canonicalDate(value)
  if (date) return date
  throw new Refusal(
    `requires a string with a RFC3339 formatted date, but the given value is '${goText(value, transport)}'`,
  )
}

function readUuid(value: unknown, transport: Transport): string {
  const uuid = canonicalUuid(value)
  if (uuid) return uuid
  throw new Refusal(`requires a string of UUID format, but the given value is '${goText(value, transport)}'`)
}

function readBlob(value: unknown, transport: Transport): string {
  if (typeof value !== 'string') throw new Refusal(`not a blob base64 string, but ${goType(value, transport)}`)
  if (value.length % 4 !== 0 || !BASE64.test(value)) throw new Refusal('not a valid blob base64 string')
  return value
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function readGeo(value: unknown, transport: Transport): JsonObject {
  if (!isJsonObject(value)) throw new Refusal(`geoCoordinates must be a map, but got: ${goType(value, transport)}`)
  for (const name of ['longitude', 'latitude'])
    if (!Object.hasOwn(value, name)) throw new Refusal(`geoCoordinates is missing required field '${name}'`)
  return {
    latitude: readCoordinate(value.latitude, 'latitude', transport),
    longitude: readCoordinate(value.longitude, 'longitude', transport),
  }
}

function readCoordinate(value: unknown, name: string, transport: Transport): number {
  if (typeof value !== 'number')
    throw new Refusal(`invalid ${name}: must be json.Number or float, but got ${goType(value, transport)}`)
  const coordinate = Math.fround(value)
  if (!Number.isFinite(coordinate)) throw new NonFiniteNumber(coordinate)
  return shortestFloat32(coordinate)
}

function readPhone(value: unknown, transport: Transport): JsonObject {
  if (!isJsonObject(value)) throw new Refusal(`phoneNumber must be a map, but got: ${goType(value, transport)}`)
  const {defaultCountry = '', input} = value
  if (input === undefined) throw new Refusal("phoneNumber is missing required field 'input'")
  if (typeof input !== 'string') throw new Refusal('phoneNumber.input must be a string')
  if (typeof defaultCountry !== 'string') throw new Refusal('phoneNumber.defaultCountry must be a string')
  return parsePhoneNumber(input, defaultCountry)
}
