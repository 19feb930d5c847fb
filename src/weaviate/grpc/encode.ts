/**
 * Objects straight into BatchObjectsRequest bytes, without the generated message objects in between.
 * The tags are those of proto/weaviate.proto; test/weaviate/grpc/encode.test.ts holds this against the generated code.
 */
import {BinaryWriter} from '@bufbuild/protobuf/wire'

import type {GrpcCollectionPlan, PlannedProperty} from '../collection-plan.js'

import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  type NamedVector,
  own,
  setOwn,
  type WeaviateObject,
} from '../../model/object.js'
import {phoneInput} from '../phone.js'
import {type ConsistencyLevel, Vectors_VectorType as VectorType} from '../proto/generated/weaviate.js'
import {toInt64} from '../values.js'

type PlannedProperties = ReadonlyMap<string, PlannedProperty>

/** One batch, references left out. Values are sent as what they are: one that does not fit its property is refused by the server. */
export function encodeBatchObjects(
  plan: GrpcCollectionPlan,
  objects: readonly WeaviateObject[],
  consistency?: ConsistencyLevel,
): Uint8Array {
  const writer = spare
  // Should encoding fail, what it leaves behind is not used again.
  spare = new BinaryWriter()
  for (const object of objects)
    writeMessage(writer, 10 /* objects */, () => {
      writeObject(writer, plan, object)
    })
  if (consistency !== undefined) writer.uint32(16 /* consistency_level */).int32(consistency)
  const bytes = writer.finish()
  if (bytes.length <= MAX_KEPT_BYTES) spare = writer
  return bytes
}

/** A writer that has grown to the length of a batch need not grow again, which costs twice its bytes. */
let spare = new BinaryWriter()
const MAX_KEPT_BYTES = 8 * 1024 * 1024

function writeMessage(writer: BinaryWriter, tag: number, writeFields: () => void): void {
  writer.uint32(tag).fork()
  writeFields()
  writer.join()
}

/**
 * Whether an object holds an int of 2^63, the float64 that the server makes of the largest int64 on the way in. A Struct can only
 * carry it as that float64, which the server refuses. (Arrays of ints have a field of their own, and no trouble.)
 */
export function hasLargestInt(planned: PlannedProperties, properties: JsonObject): boolean {
  for (const {dataType, name, nested} of planned.values()) {
    if (dataType !== 'int' && !nested) continue
    const value = own(properties, name)
    if (typeof value === 'number') {
      if (value === 2 ** 63) return true
    } else if (nested && typeof value === 'object' && value !== null) {
      const items = Array.isArray(value) ? value : [value]
      if (items.some((item: JsonValue) => isJsonObject(item) && hasLargestInt(nested, item))) return true
    }
  }

  return false
}

function writeObject(writer: BinaryWriter, plan: GrpcCollectionPlan, object: WeaviateObject): void {
  writer.uint32(10 /* uuid */).string(object.id)
  writeMessage(writer, 26 /* properties */, () => {
    const properties = plan.hasReferences ? withoutReferences(plan, object.properties) : object.properties
    writeProperties(writer, TOP_LEVEL, plan.properties, properties)
  })
  writer.uint32(34 /* collection */).string(plan.className)
  if (object.tenant !== undefined) writer.uint32(42 /* tenant */).string(object.tenant)
  if (object.vector?.byteLength) writer.uint32(50 /* vector_bytes */).bytes(object.vector)
  if (object.vectors) {
    for (const [name, vector] of object.vectors) {
      if (vector.bytes.byteLength > 0)
        writeMessage(writer, 186 /* vectors */, () => {
          writeVector(writer, name, vector)
        })
    }
  }
}

function withoutReferences(plan: GrpcCollectionPlan, properties: JsonObject): JsonObject {
  const rest: JsonObject = {}
  for (const [name, value] of Object.entries(properties)) if (!plan.referenceNames.has(name)) setOwn(rest, name, value)
  return rest
}

function writeVector(writer: BinaryWriter, name: string, vector: NamedVector): void {
  const {bytes} = vector
  writer.uint32(10 /* name */).string(name)
  if (vector.kind === 'multi') {
    const dims = Uint8Array.of(vector.dims % 256, Math.floor(vector.dims / 256))
    writer.uint32(26 /* vector_bytes */).uint32(dims.byteLength + bytes.byteLength)
    writer.raw(dims).raw(bytes)
    writer.uint32(32 /* type */).int32(VectorType.VECTOR_TYPE_MULTI_FP32)
  } else {
    writer.uint32(26 /* vector_bytes */).bytes(bytes)
    writer.uint32(32 /* type */).int32(VectorType.VECTOR_TYPE_SINGLE_FP32)
  }
}

/** The tags of BatchObject.Properties and of ObjectPropertiesValue: the same fields, numbered differently. */
interface PropertyTags {
  bools: number
  emptyLists: number
  ints: number
  nonRef: number
  numbers: number
  objectLists: number
  objects: number
  texts: number
}

const TOP_LEVEL: PropertyTags = {
  bools: 58,
  emptyLists: 82,
  ints: 42,
  nonRef: 10,
  numbers: 34,
  objectLists: 74,
  objects: 66,
  texts: 50,
}

const NESTED: PropertyTags = {
  bools: 42,
  emptyLists: 82,
  ints: 26,
  nonRef: 10,
  numbers: 18,
  objectLists: 58,
  objects: 50,
  texts: 34,
}

const NO_PROPERTIES: PlannedProperties = new Map()

function writeProperties(
  writer: BinaryWriter,
  tags: PropertyTags,
  planned: PlannedProperties,
  properties: JsonObject,
): void {
  let structural: StructuralProperty[] | undefined
  // Everything but arrays and objects goes into the Struct, which is one message and so comes first.
  writeMessage(writer, tags.nonRef, () => {
    // eslint-disable-next-line unicorn/prefer-object-iterable-methods -- a pair for each is garbage
    for (const name of Object.keys(properties)) {
      const value = properties[name]
      if (value === undefined) continue
      const property = planned.get(name)
      const kind = structuralKind(value, property)
      if (kind) (structural ??= []).push({kind, name, value})
      else writeStructField(writer, name, property?.dataType === 'phoneNumber' ? phoneInput(value) : value)
    }
  })
  for (const {kind, name, value} of structural ?? []) {
    if (kind === 'emptyLists') {
      writer.uint32(tags.emptyLists).string(name)
      continue
    }

    writeMessage(writer, tags[kind], () => {
      writeStructural(writer, kind, value, planned.get(name)?.nested ?? NO_PROPERTIES)
      writer.uint32(18 /* prop_name */).string(name)
    })
  }
}

type StructuralKind = Exclude<keyof PropertyTags, 'nonRef'>

interface StructuralProperty {
  kind: StructuralKind
  name: string
  value: JsonValue
}

// What a value has a field of its own for. Geo coordinates and phone numbers go as Structs; so do mixed arrays, which
// no property has: the server says what is wrong with them.
function structuralKind(value: JsonValue, property: PlannedProperty | undefined): StructuralKind | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (!Array.isArray(value)) return property?.nested && 'objects'
  if (value.length === 0) return 'emptyLists'
  const first = typeof value[0]
  if (value.some((item: JsonValue) => typeof item !== first || item === null || Array.isArray(item))) return undefined
  if (first === 'string') return 'texts'
  if (first === 'boolean') return 'bools'
  if (first === 'object') return 'objectLists'
  return property?.dataType === 'int[]' && value.every((item) => Number.isInteger(item)) ? 'ints' : 'numbers'
}

function writeStructural(
  writer: BinaryWriter,
  kind: Exclude<StructuralKind, 'emptyLists'>,
  value: JsonValue,
  nested: PlannedProperties,
): void {
  switch (kind) {
    case 'bools': {
      writeMessage(writer, 10 /* values */, () => {
        for (const isItem of value as boolean[]) writer.bool(isItem)
      })
      break
    }

    case 'ints': {
      writeMessage(writer, 10 /* values */, () => {
        for (const item of value as number[]) writer.int64(toInt64(item))
      })
      break
    }

    case 'numbers': {
      writer.uint32(26 /* values_bytes */).uint32((value as number[]).length * 8)
      for (const item of value as number[]) writer.double(item)
      break
    }

    case 'objectLists': {
      for (const item of value as JsonObject[]) {
        writeMessage(writer, 10 /* values */, () => {
          writeProperties(writer, NESTED, nested, item)
        })
      }

      break
    }

    case 'objects': {
      writeMessage(writer, 10 /* value */, () => {
        writeProperties(writer, NESTED, nested, value as JsonObject)
      })
      break
    }

    case 'texts': {
      for (const item of value as string[]) writer.uint32(10 /* values */).string(item)
    }
  }
}

// google.protobuf.Struct

function writeStructField(writer: BinaryWriter, name: string, value: JsonValue): void {
  writeMessage(writer, 10 /* fields */, () => {
    writer.uint32(10 /* key */).string(name)
    writeMessage(writer, 18 /* value */, () => {
      writeStructValue(writer, value)
    })
  })
}

function writeStructValue(writer: BinaryWriter, value: JsonValue): void {
  if (typeof value === 'string') writer.uint32(26 /* string_value */).string(value)
  else if (typeof value === 'number') writer.uint32(17 /* number_value */).double(value)
  else if (typeof value === 'boolean') writer.uint32(32 /* bool_value */).bool(value)
  else if (value === null) writer.uint32(8 /* null_value */).int32(0)
  else if (Array.isArray(value)) {
    writeMessage(writer, 50 /* list_value */, () => {
      for (const item of value)
        writeMessage(writer, 10 /* values */, () => {
          writeStructValue(writer, item)
        })
    })
  } else {
    writeMessage(writer, 42 /* struct_value */, () => {
      for (const [name, item] of Object.entries(value)) writeStructField(writer, name, item)
    })
  }
}
