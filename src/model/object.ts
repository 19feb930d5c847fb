/** A value as JSON has it. */
export type JsonValue = boolean | JsonObject | JsonValue[] | null | number | string
/** An object of JSON. */
export interface JsonObject {
  [key: string]: JsonValue
}

/**
 * A named vector, as it came over the wire.
 * `single`: `bytes` is float32[dims], little-endian. `multi` (ColBERT): `bytes` is float32[rows][dims], little-endian.
 */
export type NamedVector = {bytes: Uint8Array; dims: number; kind: 'multi'} | {bytes: Uint8Array; kind: 'single'}

/**
 * One Weaviate object; what flows between reader, codecs, store and writer.
 *
 * Property values are plain JSON values as REST shows them: dates are text, ints are numbers (the server keeps float64),
 * blobs base64 text, geo `{latitude, longitude}`, phone numbers `{input, defaultCountry, …}`, references
 * `[{beacon: 'weaviate://localhost/Class/uuid'}]` (nothing but the beacon). A missing property is absent, `[]` is `[]`.
 */
export interface WeaviateObject {
  /** Milliseconds since 1970, set by the server; recorded, never compared. */
  creationTimeUnix?: number
  /** Lower-case UUID text. */
  id: string
  /** Milliseconds since 1970, set by the server; recorded, never compared. */
  lastUpdateTimeUnix?: number
  properties: JsonObject
  /** Absent in collections without multi-tenancy. */
  tenant?: string
  /** The unnamed vector: float32[dims], little-endian bytes (a view, of any alignment). Absent when there is none. */
  vector?: Uint8Array
  /** Named vectors that the object has, by name. */
  vectors?: Map<string, NamedVector>
}

/** An object, or a reference of it, that was refused for good by whatever it was written to. */
export interface WriteFailure {
  id: string
  /** In the server's own words, where it is one. */
  reason: string
  tenant?: string
}

/** One object of one tenant. Ids are all of one length: no two objects have the same key. */
export function objectKey(tenant: string | undefined, id: string): string {
  return tenant === undefined ? id : `${id}/${tenant}`
}

/** Sets an own property, also one called `__proto__`, which plain assignment would swallow. */
export function setOwn(target: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, {configurable: true, enumerable: true, value, writable: true})
  } else {
    target[key] = value
  }
}

/** A property that an object has itself; what inherited names (`toString`) stand for is none. */
export function own(properties: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(properties, name) ? properties[name] : undefined
}

/** Bytes that an object takes, near enough to size batches and pages by. */
export function approximateBytes(object: WeaviateObject): number {
  let bytes = 128 + (object.vector?.byteLength ?? 0)
  if (object.vectors) for (const vector of object.vectors.values()) bytes += vector.bytes.byteLength + 32
  return bytes + approximateJsonBytes(object.properties)
}

function approximateJsonBytes(value: JsonValue): number {
  if (typeof value === 'string') return value.length + 4
  if (value === null || typeof value !== 'object') return 9
  if (Array.isArray(value)) {
    let bytes = 4
    for (const item of value) bytes += approximateJsonBytes(item)
    return bytes
  }

  let bytes = 8
  for (const key in value) bytes += key.length + approximateJsonBytes(value[key]!)
  return bytes
}

/** Whether a value is a JSON object: no list, not null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
