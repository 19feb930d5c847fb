/** Objects as functions see them: vectors are numbers, properties are JSON. Nothing that they give back is lost on the way. */
import type {Changed} from './transform.js'

import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type NamedVector,
  setOwn,
  type WeaviateObject,
} from '../../model/object.js'
import {isUuid} from '../../model/uuid-range.js'

/** An object as functions see it: vectors are numbers. */
export interface PlainObject {
  /** Milliseconds since 1970, as is `updated`; what is given back is not used. */
  created?: number
  id: string
  properties: JsonObject
  tenant?: string
  /** Milliseconds since 1970; what is given back is not used. */
  updated?: number
  /** The unnamed vector. */
  vector?: Float32Array | number[]
  /** By name; a list of vectors for multi-vectors. */
  vectors?: Record<string, Array<Float32Array | number[]> | Float32Array | number[]>
}

const MEMBERS = new Set(['created', 'id', 'properties', 'tenant', 'updated', 'vector', 'vectors'])

export function asPlain(object: WeaviateObject): PlainObject {
  const {creationTimeUnix: created, id, lastUpdateTimeUnix: updated, properties, tenant, vector, vectors} = object
  return {
    ...(created !== undefined && {created}),
    id,
    properties: structuredClone(properties),
    ...(tenant !== undefined && {tenant}),
    ...(updated !== undefined && {updated}),
    ...(vector?.length && {vector: toNumbers(vector)}),
    ...(vectors && {
      vectors: Object.fromEntries(Array.from(vectors, ([name, named]) => [name, namedToNumbers(named)])),
    }),
  }
}

function toNumbers(bytes: Uint8Array): Float32Array {
  // A copy: vectors are views of any alignment.
  const copy = new ArrayBuffer(bytes.length)
  new Uint8Array(copy).set(bytes)
  return new Float32Array(copy)
}

function namedToNumbers(vector: NamedVector): Float32Array | Float32Array[] {
  const all = toNumbers(vector.bytes)
  if (vector.kind === 'single') return all
  const rows = vector.dims === 0 ? 0 : all.length / vector.dims
  return Array.from({length: rows}, (_, row) => all.slice(row * vector.dims, (row + 1) * vector.dims))
}

/** What a function gave back for `source`. `kept`: properties as the server keeps them. @throws Error that says what is wrong with it. */
export function fromResult(
  result: unknown,
  source: WeaviateObject,
  kept: (properties: JsonObject) => JsonObject,
): Changed {
  if (result === undefined) throw new Error('it returns nothing; null leaves an object out')
  if (result === null) return null
  return Array.isArray(result) ? result.map((one) => fromPlain(one, source, kept)) : fromPlain(result, source, kept)
}

function fromPlain(
  given: unknown,
  source: WeaviateObject,
  kept: (properties: JsonObject) => JsonObject,
): WeaviateObject {
  if (!isJsonObject(given)) throw new Error(`it returns ${briefly(given)}, which is no object`)
  const other = Object.keys(given).find((name) => !MEMBERS.has(name))
  if (other !== undefined) throw new Error(`it returns a member "${other}", which no object has`)
  const {id, properties, tenant, vector, vectors} = given as unknown as PlainObject
  if (typeof id !== 'string' || !isUuid(id)) throw new Error(`its id ${briefly(id)} is no UUID`)
  if (!isPlain(properties)) throw new Error(`its properties are ${shownKind(properties)}, which is no plain object`)
  if (tenant !== undefined && typeof tenant !== 'string') throw new Error('its tenant is no text')
  const {creationTimeUnix, lastUpdateTimeUnix} = source
  // Its entries are not its members: all of them would be lost.
  if (vectors !== undefined && vectors !== null && !isPlain(vectors))
    throw new Error(`its vectors are ${shownKind(vectors)}, which is no plain object`)
  const named = Object.entries(vectors ?? {}).filter(([, numbers]) => !isEmpty(numbers))
  return {
    ...(creationTimeUnix !== undefined && {creationTimeUnix}),
    id: id.toLowerCase(),
    ...(lastUpdateTimeUnix !== undefined && {lastUpdateTimeUnix}),
    properties: kept(members(properties, '')),
    ...(tenant !== undefined && {tenant}),
    ...(!isEmpty(vector) && {vector: toBytes(vector as number[], 'its vector')}),
    ...(named.length > 0 && {
      vectors: new Map(named.map(([name, numbers]) => [name, namedFromNumbers(numbers, `its vector "${name}"`)])),
    }),
  }
}

function briefly(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60)
}

/** None is sent of these. */
function isEmpty(numbers: unknown): boolean {
  const isList = Array.isArray(numbers) || numbers instanceof Float32Array
  return numbers === undefined || numbers === null || (isList && numbers.length === 0)
}

/** What it holds are its own members: of a Map, or a Date, none would be found. */
function isPlain(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]'
}

function shownKind(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? `${Array.isArray(value) ? 'an' : 'a'} ${Object.prototype.toString.call(value).slice(8, -1)}`
    : briefly(value)
}

/** As JSON has it: no dates, nothing undefined. @throws Error for what JSON would turn into something else. */
function toJson(given: unknown, path: string): JsonValue {
  const value: unknown =
    typeof given === 'object' && given !== null && 'toJSON' in given && typeof given.toJSON === 'function'
      ? (given.toJSON as () => unknown)()
      : given
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'string') {
    if (value.isWellFormed()) return value
    throw new Error(`its property "${path}" has half of a character, which no text keeps`)
  }

  // A hole of a list is one that has no value.
  if (Array.isArray(value))
    return Array.from(value, (item: unknown, index) => (item === undefined ? null : toJson(item, `${path}[${index}]`)))
  if (isPlain(value)) return members(value, path)
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  const what = typeof value === 'number' || typeof value === 'bigint' ? String(value) : `a ${kind}`
  throw new Error(`its property "${path}" is ${what}, which no property can be`)
}

function members(value: object, path: string): JsonObject {
  const result: JsonObject = {}
  for (const [name, member] of Object.entries(value))
    if (member !== undefined) setOwn(result, name, toJson(member, path === '' ? name : `${path}.${name}`))
  return result
}

function namedFromNumbers(vector: unknown, what: string): NamedVector {
  const rows =
    Array.isArray(vector) && typeof vector[0] === 'object' ? (vector as Array<Float32Array | number[]>) : undefined
  if (!rows) return {bytes: toBytes(vector as Float32Array | number[], what), kind: 'single'}
  const dims = rows[0]?.length
  if (dims === undefined || rows.some((row) => row?.length !== dims))
    throw new Error(`${what} has rows of different lengths`)
  const bytes = rows.map((row) => toBytes(row, what))
  const all = new Uint8Array(rows.length * dims * Float32Array.BYTES_PER_ELEMENT)
  for (const [index, row] of bytes.entries()) all.set(row, index * row.length)
  return {bytes: all, dims, kind: 'multi'}
}

function toBytes(vector: Float32Array | number[], what: string): Uint8Array {
  const isNumbers =
    vector instanceof Float32Array || (Array.isArray(vector) && vector.every((item) => typeof item === 'number'))
  if (!isNumbers) throw new Error(`${what} is no list of numbers`)
  const numbers = Float32Array.from(vector)
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}
