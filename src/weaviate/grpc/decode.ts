/**
 * SearchReply bytes straight into objects, without the generated message objects in between.
 * The tags are those of proto/weaviate.proto; test/weaviate/grpc/decode.test.ts holds this against the generated code.
 */
import {BinaryReader} from '@bufbuild/protobuf/wire'

import {shortestFloat32} from '../../model/float32.js'
import {type JsonObject, type JsonValue, type NamedVector, setOwn, type WeaviateObject} from '../../model/object.js'
import {GeoCoordinate, PhoneNumber, Vectors, Vectors_VectorType as VectorType} from '../proto/generated/weaviate.js'
import {phoneToJson} from '../values.js'

export interface DecodedPage {
  objects: WeaviateObject[]
  /** Those with an int that came as INT64_MIN, which is also how the server sends 2^63: only REST tells them apart. */
  uncertain: WeaviateObject[]
}

/**
 * Vectors are views on the given bytes, values as REST shows them.
 * @throws Error or RangeError when the bytes are no SearchReply.
 */
export function decodeSearchReply({buffer, byteLength, byteOffset}: Uint8Array, tenant?: string): DecodedPage {
  const page: DecodedPage = {objects: [], uncertain: []}
  // Without this, the views on a Buffer would be Buffers.
  const reader = new PageReader(new Uint8Array(buffer, byteOffset, byteLength))
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag !== 18 /* results */) {
      reader.skip(tag & 7, tag >>> 3)
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

const INT64_MIN = -(2 ** 63)
const utf8 = new TextDecoder('utf-8', {ignoreBOM: true})

class PageReader extends BinaryReader {
  readonly #view: DataView
  sawInt64Min = false

  constructor(bytes: Uint8Array) {
    super(bytes, (part) => utf8.decode(part))
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Where the message whose length comes next ends. */
  end(): number {
    const length = this.uint32()
    return this.pos + length
  }

  /** An int64 as the float64 that the server keeps of it. */
  int(value: bigint | string): number {
    const int = Number(value)
    if (int === INT64_MIN) this.sawInt64Min = true
    return int
  }

  /** The eight-byte numbers of a bytes field. */
  packed(read: (view: DataView, at: number) => number): number[] {
    const end = this.end()
    const numbers: number[] = []
    for (; this.pos < end; this.pos += 8) numbers.push(read(this.#view, this.pos))
    return numbers
  }
}

function readResult(reader: PageReader): WeaviateObject {
  const object: WeaviateObject = {id: '', properties: {}}
  const end = reader.end()
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* properties */) readPropertiesResult(reader, object)
    else if (tag === 18 /* metadata */) readMetadata(reader, object)
    else reader.skip(tag & 7, tag >>> 3)
  }

  return object
}

function readMetadata(reader: PageReader, object: WeaviateObject): void {
  const end = reader.end()
  while (reader.pos < end) readMetadataField(reader, object, reader.uint32())
}

function readMetadataField(reader: PageReader, object: WeaviateObject, tag: number): void {
  switch (tag) {
    case 10 /* id */: {
      object.id = reader.string()
      return
    }

    case 24 /* creation_time_unix */: {
      object.creationTimeUnix = Number(reader.int64())
      return
    }

    case 40 /* last_update_time_unix */: {
      object.lastUpdateTimeUnix = Number(reader.int64())
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

    default: {
      reader.skip(tag & 7, tag >>> 3)
    }
  }
}

function readNamedVector(reader: PageReader, object: WeaviateObject): void {
  const {name, type, vectorBytes} = Vectors.decode(reader, reader.uint32())
  const vector = namedVector(vectorBytes, type)
  if (vector) (object.vectors ??= new Map()).set(name, vector)
}

function namedVector(bytes: Uint8Array, type: VectorType): NamedVector | undefined {
  if (bytes.byteLength === 0) return undefined
  if (type !== VectorType.VECTOR_TYPE_MULTI_FP32) return {bytes, kind: 'single'}
  return {bytes: bytes.subarray(2), dims: bytes[0]! + bytes[1]! * 256, kind: 'multi'}
}

function readPropertiesResult(reader: PageReader, object: WeaviateObject): void {
  const end = reader.end()
  while (reader.pos < end) {
    const tag = reader.uint32()
    // Missing properties come as null, and are absent here as in REST; within an object null is a value.
    if (tag === 90 /* non_ref_props */) readProperties(reader, object.properties, (value) => value !== null)
    else reader.skip(tag & 7, tag >>> 3)
  }
}

function readObject(reader: PageReader): JsonObject {
  const object: JsonObject = {}
  readProperties(reader, object, () => true)
  return object
}

function readProperties(reader: PageReader, target: JsonObject, isKept: (value: JsonValue) => boolean): void {
  const end = reader.end()
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* fields */) readProperty(reader, target, isKept)
    else reader.skip(tag & 7, tag >>> 3)
  }
}

function readProperty(reader: PageReader, target: JsonObject, isKept: (value: JsonValue) => boolean): void {
  const end = reader.end()
  let key = ''
  let value: JsonValue = null
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* key */) key = reader.string()
    else if (tag === 18 /* value */) value = readValue(reader)
    else reader.skip(tag & 7, tag >>> 3)
  }

  if (isKept(value)) setOwn(target, key, value)
}

function readValue(reader: PageReader): JsonValue {
  const end = reader.end()
  let value: JsonValue = null
  while (reader.pos < end) value = readValueField(reader, reader.uint32())
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

    case 50 /* date_value */:
    case 58 /* uuid_value */:
    case 82 /* blob_value */:
    case 106 /* text_value */: {
      return reader.string()
    }

    case 64 /* int_value */: {
      return reader.int(reader.int64())
    }

    case 74 /* geo_value */: {
      const {latitude, longitude} = GeoCoordinate.decode(reader, reader.uint32())
      return {latitude: shortestFloat32(latitude), longitude: shortestFloat32(longitude)}
    }

    case 90 /* phone_value */: {
      return phoneToJson(PhoneNumber.decode(reader, reader.uint32()))
    }

    default: {
      reader.skip(tag & 7, tag >>> 3)
      return null
    }
  }
}

function readList(reader: PageReader): JsonValue[] {
  const end = reader.end()
  let list: JsonValue[] = []
  while (reader.pos < end) list = readListField(reader, reader.uint32())
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
      reader.skip(tag & 7, tag >>> 3)
      return []
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
    else reader.skip(tag & 7, tag >>> 3)
  }

  return values
}

function readPacked(reader: PageReader, read: (view: DataView, at: number) => number): number[] {
  const end = reader.end()
  let values: number[] = []
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === 10 /* values */) values = reader.packed(read)
    else reader.skip(tag & 7, tag >>> 3)
  }

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
    } else if (tag === 8 /* values, one */) values.push(reader.bool())
    else reader.skip(tag & 7, tag >>> 3)
  }

  return values
}
