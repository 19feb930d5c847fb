/**
 * SearchReply bytes straight into objects, without the generated message objects in between.
 * The tags are those of proto/weaviate.proto; test/weaviate/grpc/decode.test.ts holds this against the generated code.
 * What holds a value, and is not known here, is an error: stepped over, it would be missing from the object.
 */
import type {BinaryReader} from '@bufbuild/protobuf/wire'

import {shortestFloat32} from '../../model/float32.js'
import {type JsonObject, type JsonValue, type NamedVector, type WeaviateObject} from '../../model/object.js'
import {GeoCoordinate, PhoneNumber, Vectors_VectorType as VectorType} from '../proto/generated/weaviate.js'
import {phoneToJson} from '../values.js'
import {PageReader, UnknownKindError} from './page-reader.js'

export interface DecodedPage {
  objects: WeaviateObject[]
  /** Those with an int that came as INT64_MIN, which is also how the server sends 2^63: only REST tells them apart. */
  uncertain: WeaviateObject[]
}

/**
 * Vectors are views on the given bytes, values as REST shows them.
 * @throws UnknownKindError when a value or a vector is of a kind that is not known here.
 * @throws Error or RangeError when the bytes are no SearchReply.
 */
export function decodeSearchReply({buffer, byteLength, byteOffset}: Uint8Array, tenant?: string): DecodedPage {
  const page: DecodedPage = {objects: [], uncertain: []}
  // Without this, the views on a Buffer would be Buffers.
  const reader = new PageReader(new Uint8Array(buffer, byteOffset, byteLength))
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag !== 18 /* results */) {
      reader.pass(tag)
      continue
    }

    reader.sawInt64Min = false
    const object = readResult(reader)
    if (tenant !== undefined) object.tenant = tenant
    page.objects.push(object)
    if (reader.sawInt64Min) page.uncertain.push(object)
  }

  return page
}

function readResult(reader: PageReader): WeaviateObject {
  const object: WeaviateObject = {id: '', properties: {}}
  const end = reader.end()
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* properties */) readPropertiesResult(reader, object)
    else if (tag === 18 /* metadata */) readMetadata(reader, object)
    else reader.pass(tag)
  }

  reader.ended(end)
  if (object.id === '') throw new Error('an object has no id')
  return object
}

function readMetadata(reader: PageReader, object: WeaviateObject): void {
  const end = reader.end()
  while (reader.pos < end) readMetadataField(reader, object, reader.uint32())
  reader.ended(end)
}

function readMetadataField(reader: PageReader, object: WeaviateObject, tag: number): void {
  switch (tag) {
    case 10 /* id */: {
      object.id = reader.string()
      return
    }

    case 24 /* creation_time_unix */: {
      object.creationTimeUnix = reader.number64()
      return
    }

    case 40 /* last_update_time_unix */: {
      object.lastUpdateTimeUnix = reader.number64()
      return
    }

    case 154 /* vector_bytes */: {
      const vector = reader.bytes()
      if (vector.byteLength > 0) object.vector = vector
      return
    }

    case 186 /* vectors */: {
      readNamedVector(reader, object)
      return
    }

    // The rest comes only when it is asked for, but for the vector once more as floats.
    default: {
      reader.pass(tag)
    }
  }
}

function readNamedVector(reader: PageReader, object: WeaviateObject): void {
  const end = reader.end()
  let bytes: Uint8Array = NO_BYTES
  let name = ''
  let type = VectorType.VECTOR_TYPE_UNSPECIFIED
  while (reader.pos < end) {
    const tag = reader.uint32()
    switch (tag) {
      case 10: {
        name = reader.string()
        break
      }

      case 26: {
        bytes = reader.bytes()
        break
      }

      case 32: {
        type = reader.int32()
        break
      }

      case 16: {
        reader.pass(tag)
        break
      }

      default: {
        reader.unknown('vector', tag)
      }
    }
  }

  reader.ended(end)
  const vector = namedVector(bytes, type)
  if (vector) (object.vectors ??= new Map()).set(name, vector)
}

const NO_BYTES = new Uint8Array(0)

function namedVector(bytes: Uint8Array, type: VectorType): NamedVector | undefined {
  if (bytes.byteLength === 0) return undefined
  switch (type) {
    case VectorType.VECTOR_TYPE_MULTI_FP32: {
      return {bytes: bytes.subarray(2), dims: bytes[0]! + bytes[1]! * 256, kind: 'multi'}
    }

    case VectorType.VECTOR_TYPE_SINGLE_FP32:
    case VectorType.VECTOR_TYPE_UNSPECIFIED /* of servers that know one kind only, before 1.29 */: {
      return {bytes, kind: 'single'}
    }

    default: {
      throw new UnknownKindError(`a vector is of type ${String(type)}, which is not known here`)
    }
  }
}

function readPropertiesResult(reader: PageReader, object: WeaviateObject): void {
  const end = reader.end()
  while (reader.pos < end) {
    const tag = reader.uint32()
    // Missing properties come as null, and are absent here as in REST; within an object null is a value.
    if (tag === 90 /* non_ref_props */) readProperties(reader, object.properties, false)
    else if (NO_VALUES.has(tag)) reader.pass(tag)
    else reader.unknown('PropertiesResult', tag)
  }

  reader.ended(end)
}

/** Of PropertiesResult: references (which come over REST), what is said of a reference's target, and whether references were asked for. */
const NO_VALUES: ReadonlySet<number> = new Set([
  18 /* ref_props */, 26 /* target_collection */, 34 /* metadata */, 96 /* ref_props_requested */,
])

function readObject(reader: PageReader): JsonObject {
  const object: JsonObject = {}
  readProperties(reader, object, true)
  return object
}

function readProperties(reader: PageReader, target: JsonObject, keepsNull: boolean): void {
  const end = reader.end()
  const first = reader.found.size
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* fields */) readProperty(reader, keepsNull)
    else reader.unknown('Properties', tag)
  }

  reader.ended(end)
  reader.found.moveInto(target, first)
}

function readProperty(reader: PageReader, keepsNull: boolean): void {
  const end = reader.end()
  let key = ''
  let value: JsonValue | undefined
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* key */) key = reader.name()
    else if (tag === 18 /* value */) value = readValue(reader)
    else reader.unknown('property', tag)
  }

  reader.ended(end)
  if (value === undefined) throw new UnknownKindError(`the property "${key}" comes without a value`)
  if (keepsNull || value !== null) reader.found.add(key, value)
}

function readValue(reader: PageReader): JsonValue {
  const end = reader.end()
  let value: JsonValue | undefined
  while (reader.pos < end) value = readValueField(reader, reader.uint32())
  reader.ended(end)
  if (value === undefined) throw new UnknownKindError('a Value holds none')
  return value
}

// The fields of Value are one oneof: at most one is there.
function readValueField(reader: PageReader, tag: number): JsonValue {
  switch (tag) {
    case 9 /* number_value */: {
      return reader.double()
    }

    case 24 /* bool_value */: {
      return reader.bool()
    }

    case 34 /* object_value */: {
      return readObject(reader)
    }

    case 42 /* list_value */: {
      return readList(reader)
    }

    case 18 /* string_value, of servers before 1.25 */:
    case 50 /* date_value */:
    case 58 /* uuid_value */:
    case 82 /* blob_value */:
    case 106 /* text_value */: {
      return reader.string()
    }

    case 64 /* int_value */: {
      return reader.int(reader.number64())
    }

    case 74 /* geo_value */: {
      const {latitude, longitude} = readWhole(reader, GeoCoordinate)
      return {latitude: shortestFloat32(latitude), longitude: shortestFloat32(longitude)}
    }

    case 90 /* phone_value */: {
      return phoneToJson(readWhole(reader, PhoneNumber))
    }

    case 96 /* null_value */: {
      reader.int32()
      return null
    }

    default: {
      return reader.unknown('Value', tag)
    }
  }
}

function readWhole<T>(reader: PageReader, message: {decode: (reader: BinaryReader, length: number) => T}): T {
  const end = reader.end()
  const value = message.decode(reader, end - reader.pos)
  reader.ended(end)
  return value
}

function readList(reader: PageReader): JsonValue[] {
  const end = reader.end()
  let list: JsonValue[] = []
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* values, of servers before 1.25 */) list.push(readValue(reader))
    else list = readListField(reader, tag)
  }

  reader.ended(end)
  return list
}

function readListField(reader: PageReader, tag: number): JsonValue[] {
  switch (tag) {
    case 18 /* number_values */: {
      return readPacked(reader, (view, at) => view.getFloat64(at, true))
    }

    case 26 /* bool_values */: {
      return readBools(reader)
    }

    case 34 /* object_values */: {
      return readRepeated(reader, () => readObject(reader))
    }

    case 42 /* date_values */:
    case 50 /* uuid_values */:
    case 66 /* text_values */: {
      return readRepeated(reader, () => reader.string())
    }

    case 58 /* int_values */: {
      return readPacked(reader, (view, at) => reader.int(view.getBigInt64(at, true)))
    }

    default: {
      return reader.unknown('ListValue', tag)
    }
  }
}

// All list messages keep their values in field 1.

function readRepeated(reader: PageReader, read: () => JsonValue): JsonValue[] {
  const end = reader.end()
  const values: JsonValue[] = []
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* values */) values.push(read())
    else reader.unknown('list of values', tag)
  }

  reader.ended(end)
  return values
}

function readPacked(reader: PageReader, read: (view: DataView, at: number) => number): number[] {
  const end = reader.end()
  let values: number[] = []
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* values */) values = reader.packed(read)
    else reader.unknown('list of values', tag)
  }

  reader.ended(end)
  return values
}

function readBools(reader: PageReader): boolean[] {
  const end = reader.end()
  const values: boolean[] = []
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* values, packed */) {
      const packedEnd = reader.end()
      while (reader.pos < packedEnd) values.push(reader.bool())
      reader.ended(packedEnd)
    } else if (tag === 8 /* values, one */) values.push(reader.bool())
    else reader.unknown('list of values', tag)
  }

  reader.ended(end)
  return values
}
