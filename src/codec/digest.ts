/** The content digest of docs/format.md: canonical encoding, SHA-256, sum modulo 2^256. */
import type {JsonObject, JsonValue, WeaviateObject} from '../model/object.js'
import type {Platform} from './codec.js'

import {DataOpsError} from '../model/errors.js'
import {isReference, type SchemaProperty, type WeaviateClass} from '../model/schema.js'
import {ByteBuffer} from './byte-buffer.js'
import {isSameBytes} from './bytes.js'

/** Levels of arrays and objects that a property value may have. Deeper ones are refused rather than risking the stack. */
export const MAX_DEPTH = 200

/** What the schema says of a value: only what is not plain JSON, and what may hold such. */
type Shape = {kind: 'geo' | 'phone' | 'references'} | {kind: 'object'; members: ReadonlyMap<string, Shape>}

/** Hashes objects of one collection. Not to be shared between schemas: references to the class itself are a token. */
export interface Digester {
  /** The canonical encoding, a view that the next call overwrites. */
  encode: (object: WeaviateObject) => Uint8Array
  /** SHA-256 of the canonical encoding, 32 bytes. */
  hash: (object: WeaviateObject) => Uint8Array
}

/** Compiles the schema once; hash as many objects with it as you like. */
export function createDigester(schema: WeaviateClass, platform: Pick<Platform, 'sha256'>): Digester {
  const encoder = new CanonicalEncoder(schema)
  return {
    encode: (object) => encoder.object(object),
    hash: (object) => platform.sha256(encoder.object(object)),
  }
}

/**
 * The names of what differs between two objects by their canonical encodings, sorted: `id`, `tenant`, properties by their
 * names, `vector`, `vectors.<name>`. `otherSchema` is that of `b` where it belongs to another collection.
 */
export function describeDifference(
  schema: WeaviateClass,
  a: WeaviateObject,
  b: WeaviateObject,
  otherSchema: WeaviateClass = schema,
): string[] {
  const first = new CanonicalEncoder(schema).members(a)
  const second = new CanonicalEncoder(otherSchema).members(b)
  const names = new Set([...first.keys(), ...second.keys()])
  const different = new Set<string>()
  for (const key of names) {
    const one = first.get(key)
    const other = second.get(key)
    if (!one || !other || !isSameBytes(one, other)) different.add(key.slice(key.indexOf(':') + 1))
  }

  return [...different].toSorted()
}

/** `weaviate://localhost/<Class>/<uuid>`. */
const BEACON = /^weaviate:\/\/localhost\/([^/]+)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i

const VERSION = new TextEncoder().encode('WO1')

/** Builds canonical encodings in one buffer that is reused. */
class CanonicalEncoder {
  readonly #className: string
  readonly #out = new ByteBuffer()
  readonly #shapes: ReadonlyMap<string, Shape>

  constructor(schema: WeaviateClass) {
    this.#className = schema.class
    this.#shapes = compileShapes(schema.properties)
  }

  #vectors(object: WeaviateObject): void {
    const out = this.#out
    const countAt = out.length
    let count = 0
    this.#u32(0)
    if (object.vector?.length) {
      count++
      out.byte(0)
      this.#bytes(object.vector)
    }

    if (object.vectors?.size) {
      for (const [name, vector] of [...object.vectors].toSorted(([a], [b]) => compareUtf8(a, b))) {
        if (vector.bytes.length === 0) continue
        count++
        out.byte(vector.kind === 'multi' ? 2 : 1)
        this.#text(name)
        if (vector.kind === 'multi') this.#u32(vector.dims)
        this.#bytes(vector.bytes)
      }
    }

    out.view.setUint32(countAt, count, true)
  }

  #value(value: JsonValue | undefined, shape: Shape | undefined, depth: number): void {
    const out = this.#out
    if (typeof value === 'string') {
      out.byte(4)
      this.#text(value)
    } else if (typeof value === 'number') {
      out.byte(3)
      out.reserve(8)
      out.view.setFloat64(out.length, value, true)
      out.length += 8
    } else if (typeof value === 'boolean') {
      out.byte(value ? 2 : 1)
    } else if (value === undefined || value === null) {
      out.byte(0)
    } else {
      this.#composite(value, shape, depth)
    }
  }

  #composite(value: JsonObject | JsonValue[], shape: Shape | undefined, depth: number): void {
    if (depth >= MAX_DEPTH) {
      throw new DataOpsError('INVALID_INPUT', `A property is nested deeper than ${MAX_DEPTH} levels.`)
    }

    // A value that is not what its data type says is encoded as the plain JSON that it is.
    if (shape && shape.kind !== 'object' && this.#special(value, shape.kind)) return
    const out = this.#out
    if (Array.isArray(value)) {
      out.byte(5)
      this.#u32(value.length)
      for (const item of value) this.#value(item, shape, depth + 1)
      return
    }

    out.byte(6)
    const countAt = out.length
    let count = 0
    this.#u32(0)
    for (const name of sortedKeys(value)) {
      const member = value[name]
      const memberShape = shape?.kind === 'object' ? shape.members.get(name) : undefined
      // Not in JSON: absent, unlike null.
      if (member === undefined) continue
      if (memberShape?.kind === 'references' && !isPresent(member, memberShape)) continue
      count++
      this.#text(name)
      this.#value(member, memberShape, depth + 1)
    }

    out.view.setUint32(countAt, count, true)
  }

  /** Writes a value of one of the three types that have an encoding of their own; false when it is not one after all. */
  #special(value: JsonObject | JsonValue[], kind: 'geo' | 'phone' | 'references'): boolean {
    const out = this.#out
    if (kind === 'references') {
      if (!Array.isArray(value) || value.some((reference) => typeof beaconOf(reference) !== 'string')) return false
      out.byte(9)
      this.#u32(value.length)
      for (const reference of value) this.#reference(beaconOf(reference) as string)
      return true
    }

    if (Array.isArray(value)) return false
    if (kind === 'geo') {
      const {latitude, longitude} = value
      if (typeof latitude !== 'number' || typeof longitude !== 'number') return false
      out.byte(7)
      out.reserve(8)
      out.view.setFloat32(out.length, latitude, true)
      out.view.setFloat32(out.length + 4, longitude, true)
      out.length += 8
      return true
    }

    const {defaultCountry = '', input = ''} = value
    if (typeof defaultCountry !== 'string' || typeof input !== 'string') return false
    out.byte(8)
    this.#text(defaultCountry)
    this.#text(input)
    return true
  }

  #reference(beacon: string): void {
    const match = BEACON.exec(beacon)
    if (!match) {
      this.#out.byte(2)
      this.#text(beacon)
    } else if (match[1] === this.#className) {
      this.#out.byte(0)
      this.#text(match[2]!)
    } else {
      this.#out.byte(1)
      this.#text(match[1]!)
      this.#text(match[2]!)
    }
  }

  #tenant(tenant: string | undefined): void {
    if (tenant === undefined) {
      this.#out.byte(0)
    } else {
      this.#out.byte(1)
      this.#text(tenant)
    }
  }

  #u32(value: number): void {
    const out = this.#out
    out.reserve(4)
    out.view.setUint32(out.length, value, true)
    out.length += 4
  }

  #bytes(bytes: Uint8Array): void {
    this.#u32(bytes.length)
    this.#out.append(bytes)
  }

  #text(text: string): void {
    const out = this.#out
    const lengthAt = out.length
    this.#u32(0)
    out.text(text)
    out.view.setUint32(lengthAt, out.length - lengthAt - 4, true)
  }

  object(object: WeaviateObject): Uint8Array {
    const out = this.#out
    out.clear()
    out.append(VERSION)
    this.#text(object.id.toLowerCase())
    this.#tenant(object.tenant)

    const {properties} = object
    const names = sortedKeys(properties)
    const countAt = out.length
    let count = 0
    this.#u32(0)
    for (const name of names) {
      const shape = this.#shapes.get(name)
      if (!isPresent(properties[name], shape)) continue
      count++
      this.#text(name)
      this.#value(properties[name], shape, 0)
    }

    out.view.setUint32(countAt, count, true)
    this.#vectors(object)
    return out.contents()
  }

  /** Every member's own encoding, by its kind and name. */
  members(object: WeaviateObject): Map<string, Uint8Array> {
    const members = new Map<string, Uint8Array>()
    const capture = (key: string, write: () => void) => {
      this.#out.clear()
      write()
      members.set(key, new Uint8Array(this.#out.contents()))
    }

    capture('member:id', () => {
      this.#text(object.id.toLowerCase())
    })
    capture('member:tenant', () => {
      this.#tenant(object.tenant)
    })
    for (const [name, value] of Object.entries(object.properties)) {
      const shape = this.#shapes.get(name)
      if (isPresent(value, shape))
        capture(`property:${name}`, () => {
          this.#value(value, shape, 0)
        })
    }

    if (object.vector?.length) members.set('member:vector', object.vector)
    for (const [name, vector] of object.vectors ?? []) {
      if (vector.bytes.length === 0) continue
      capture(`vectors:vectors.${name}`, () => {
        this.#u32(vector.kind === 'multi' ? vector.dims : 0)
        this.#out.byte(vector.kind === 'multi' ? 2 : 1)
        this.#out.append(vector.bytes)
      })
    }

    return members
  }
}

/** Whether a property counts: null and an empty list of references are the same as none. */
function isPresent(value: JsonValue | undefined, shape: Shape | undefined): boolean {
  if (value === undefined || value === null) return false
  return !(shape?.kind === 'references' && Array.isArray(value) && value.length === 0)
}

function beaconOf(reference: JsonValue): JsonValue | undefined {
  return typeof reference === 'object' && reference !== null && !Array.isArray(reference) ? reference.beacon : undefined
}

function compileShapes(properties: WeaviateClass['properties']): Map<string, Shape> {
  const shapes = new Map<string, Shape>()
  for (const property of properties ?? []) {
    const shape = compileShape(property)
    if (shape) shapes.set(property.name, shape)
  }

  return shapes
}

function compileShape(property: SchemaProperty): Shape | undefined {
  if (isReference(property)) return {kind: 'references'}
  const type = property.dataType[0]
  if (type === 'geoCoordinates') return {kind: 'geo'}
  if (type === 'phoneNumber') return {kind: 'phone'}
  if (type !== 'object' && type !== 'object[]') return undefined
  return {kind: 'object', members: compileShapes(property.nestedProperties)}
}

/** An object's keys by their UTF-8 bytes. */
function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object)
  for (let index = 1; index < keys.length; index++) {
    if (compareUtf8(keys[index - 1]!, keys[index]!) > 0) return keys.toSorted(compareUtf8)
  }

  return keys
}

const utf8 = new TextEncoder()

/** Orders text by its UTF-8 bytes. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    /* eslint-disable unicorn/prefer-code-point -- indexes count units */
    const one = a.charCodeAt(index)
    const other = b.charCodeAt(index)
    /* eslint-enable unicorn/prefer-code-point */
    if (one === other) continue
    // From the surrogates up, UTF-16 units and UTF-8 bytes are not in the same order.
    return one < 0xd8_00 || other < 0xd8_00 ? one - other : compareBytes(utf8.encode(a), utf8.encode(b))
  }

  return a.length - b.length
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!
  }

  return a.length - b.length
}
