import type {ObjectRoom} from '../objects.js'

import {type JsonObject, type JsonValue, own} from '../../model/object.js'
import {isReference, PRIMITIVE_TYPES, type SchemaProperty, type WeaviateClass} from '../../model/schema.js'
import {
  type MetadataRequest,
  type MetadataResult,
  MetadataResult as MetadataResultMessage,
  type ObjectPropertiesRequest,
  type Properties,
  Properties as PropertiesMessage,
  type PropertiesRequest,
  type PropertiesResult,
  PropertiesResult as PropertiesResultMessage,
  type RefPropertiesRequest,
  type RefPropertiesResult,
  type Value,
  Vectors_VectorType,
} from '../../weaviate/proto/generated/weaviate.js'
import {parseBeacon} from '../beacon.js'
import {propertyOf} from '../filter-model.js'
import {Refusal, within} from '../refusal.js'
import {type Collection, lowerFirst, type StoredObject} from '../store.js'
import {bytesUnder, uuidBytes} from '../values.js'

/** What a search returns of each object. */
export interface Selection {
  metadata?: MetadataRequest
  /** Names and, for objects, which of their members. */
  plain: Map<string, {nested?: ObjectPropertiesRequest; property: SchemaProperty}>
  references: RefPropertiesRequest[]
}

/** @throws Refusal for properties that the class does not have. */
export function select(collection: Collection, request?: PropertiesRequest, metadata?: MetadataRequest): Selection {
  const {schema} = collection
  const find = (name: string): SchemaProperty =>
    within(`extract properties request: get property by name ${name} for class ${schema.class}: `, () =>
      propertyOf(collection, name),
    )
  const whole =
    !request || request.returnAllNonrefProperties
      ? (schema.properties ?? []).filter((property) => !isReference(property) && !isBlob(property))
      : request.nonRefProperties.map((name) => find(lowerFirst(name)))
  const plain: Selection['plain'] = new Map(
    whole.map((property) => [property.name, {nested: everything(property), property}]),
  )
  for (const nested of request?.objectProperties ?? [])
    plain.set(nested.propName, {nested, property: find(nested.propName)})
  for (const wanted of request?.refProperties ?? []) checkReference(schema, find(wanted.referenceProperty), wanted)
  return {metadata, plain, references: request?.refProperties ?? []}
}

/** @throws Refusal when the property is no reference, or the target is left open. */
function checkReference(
  schema: WeaviateClass,
  {dataType, name}: SchemaProperty,
  {targetCollection}: RefPropertiesRequest,
): void {
  if (PRIMITIVE_TYPES.has(dataType[0]!))
    throw new Refusal(`extract properties request: could not find class ${dataType[0]} in schema`)
  if (dataType.length > 1 && targetCollection === '')
    throw new Refusal(
      `extract properties request: multi target references from collection ${schema.class} and property ${name} with need an explicitlinked collection. Available linked collections are [${dataType.join(' ')}]`,
    )
}

function isBlob({dataType}: SchemaProperty): boolean {
  return dataType[0] === 'blob' || dataType[0] === 'blobHash'
}

/** All members of an object but blobs. */
function everything(property: SchemaProperty): ObjectPropertiesRequest {
  const nested = (property.nestedProperties ?? []).filter((inner) => !isBlob(inner))
  return {
    objectProperties: nested.filter((inner) => inner.nestedProperties).map((inner) => everything(inner)),
    primitiveProperties: nested.filter((inner) => !inner.nestedProperties).map((inner) => inner.name),
    propName: property.name,
  }
}

export function metadataResult(object: StoredObject, request: MetadataRequest | undefined): MetadataResult {
  const result = MetadataResultMessage.create()
  if (!request) return result
  if (request.uuid) {
    result.id = object.id
    result.idAsBytes = uuidBytes(object.id)
  }

  if (request.creationTimeUnix) {
    result.creationTimeUnix = BigInt(object.created)
    result.creationTimeUnixPresent = true
  }

  if (request.lastUpdateTimeUnix) {
    result.lastUpdateTimeUnix = BigInt(object.updated)
    result.lastUpdateTimeUnixPresent = true
  }

  // A listing ranks nothing, and the real server says so.
  if (request.score) result.scorePresent = true
  if (request.explainScore) result.explainScorePresent = true
  if (request.vector && object.vector) result.vectorBytes = object.vector
  // Asked for the unnamed vector, the real server gives all named ones too.
  const names = request.vector ? [...(object.vectors?.keys() ?? [])].toSorted() : request.vectors
  for (const name of names) {
    const vector = object.vectors?.get(name)
    if (!vector) continue
    result.vectors.push({
      name,
      type:
        vector.kind === 'multi'
          ? Vectors_VectorType.VECTOR_TYPE_MULTI_FP32
          : Vectors_VectorType.VECTOR_TYPE_SINGLE_FP32,
      vectorBytes: vector.kind === 'multi' ? withDimensions(vector.dims, vector.bytes) : vector.bytes,
    })
  }

  return result
}

function withDimensions(dims: number, rows: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(rows.byteLength + 2)
  bytes.set([dims & 0xff, dims >> 8])
  bytes.set(rows, 2)
  return bytes
}

/** Where an object is, for its references. */
export interface ReplyContext {
  collection: Collection
  /** Whether texts and lists are told as by a server before 1.25. */
  isOld?: boolean
  room: ObjectRoom
  tenant: string
}

export function propertiesResult(object: StoredObject, selection: Selection, context: ReplyContext): PropertiesResult {
  const result = PropertiesResultMessage.create({
    refPropsRequested: selection.references.length > 0,
    targetCollection: context.collection.name,
  })
  if (selection.plain.size > 0) {
    const fields = new Map<string, Value>()
    for (const [name, {nested, property}] of selection.plain)
      fields.set(name, propertyValue(property, own(object.properties, name) ?? null, nested))
    result.nonRefProps = {fields}
  }

  for (const request of selection.references) {
    const references = own(object.properties, request.referenceProperty)
    if (!Array.isArray(references)) continue
    const resolved = resolve(references as JsonObject[], request, context)
    if (resolved.properties.length > 0 || references.length === 0) result.refProps.push(resolved)
  }

  return result
}

/** The objects that references point at; those that are gone are left out, as the real server does. */
function resolve(references: JsonObject[], request: RefPropertiesRequest, context: ReplyContext): RefPropertiesResult {
  const {room, tenant} = context
  const properties: PropertiesResult[] = []
  for (const reference of references) {
    const target = parseBeacon(reference.beacon as string)
    const collection = room.database.find(target.collection)
    const object = collection && room.shardFor(collection, tenant)?.get(target.id)
    if (!object) continue
    if (request.targetCollection && request.targetCollection !== collection.name) continue
    const selection = select(collection, request.properties, request.metadata)
    const result = propertiesResult(object, selection, {collection, room, tenant})
    properties.push({...result, metadata: metadataResult(object, request.metadata)})
  }

  return {propName: request.referenceProperty, properties}
}

const NULL: Value = {kind: {$case: 'nullValue', value: 0}}

type Told = NonNullable<Value['kind']>

type ListKind = NonNullable<Extract<Told, {$case: 'listValue'}>['value']['kind']>

/** How a value is told, by its data type. */
const KINDS: Readonly<Record<string, (value: JsonValue) => Told>> = {
  blob: (value) => ({$case: 'blobValue', value: value as string}),
  blobHash: (value) => ({$case: 'blobValue', value: value as string}),
  boolean: (value) => ({$case: 'boolValue', value: value as boolean}),
  date: (value) => ({$case: 'dateValue', value: value as string}),
  geoCoordinates: (value) => ({$case: 'geoValue', value: value as {latitude: number; longitude: number}}),
  int: (value) => ({$case: 'intValue', value: int64(value as number)}),
  number: (value) => ({$case: 'numberValue', value: value as number}),
  phoneNumber: (value) => ({$case: 'phoneValue', value: phoneValue(value as JsonObject)}),
  text: (value) => ({$case: 'textValue', value: value as string}),
  uuid: (value) => ({$case: 'uuidValue', value: value as string}),
}

const LIST_KINDS: Readonly<Record<string, (values: JsonValue[]) => ListKind>> = {
  'boolean[]': (values) => ({$case: 'boolValues', value: {values: values as boolean[]}}),
  'date[]': (values) => ({$case: 'dateValues', value: {values: values as string[]}}),
  'int[]'(values) {
    const ints = BigInt64Array.from(values, (value) => int64(value as number))
    return {$case: 'intValues', value: {values: bytesUnder(ints)}}
  },
  'number[]': (values) => ({
    $case: 'numberValues',
    value: {values: bytesUnder(Float64Array.from(values as number[]))},
  }),
  'text[]': (values) => ({$case: 'textValues', value: {values: values as string[]}}),
  'uuid[]': (values) => ({$case: 'uuidValues', value: {values: values as string[]}}),
}

function propertyValue(property: SchemaProperty, value: JsonValue, nested?: ObjectPropertiesRequest): Value {
  if (value === null) return NULL
  const type = String(property.dataType[0])
  const objectOf = (item: JsonValue) => objectValue(property, item as JsonObject, nested)
  if (type === 'object') return {kind: {$case: 'objectValue', value: objectOf(value)}}
  const kind = KINDS[type]?.(value)
  if (kind) return {kind}
  const values = value as JsonValue[]
  const list: ListKind | undefined =
    type === 'object[]'
      ? {$case: 'objectValues', value: {values: values.map((item) => objectOf(item))}}
      : LIST_KINDS[type]?.(values)
  if (!list) throw new Refusal(`invalid type: ${property.dataType.join(' ')}`, 500)
  return {kind: {$case: 'listValue', value: {kind: list}}}
}

/** Go's conversion on amd64: what an int64 cannot hold becomes the least one. */
function int64(value: number): bigint {
  const isFits = value >= -(2 ** 63) && value < 2 ** 63
  return isFits ? BigInt(value) : -(2n ** 63n)
}

/** Nested members that were asked for and are there. */
function objectValue(property: SchemaProperty, value: JsonObject, request?: ObjectPropertiesRequest): Properties {
  const result = PropertiesMessage.create()
  const wanted = new Map<string, ObjectPropertiesRequest | undefined>()
  for (const name of request?.primitiveProperties ?? []) wanted.set(name, undefined)
  for (const nested of request?.objectProperties ?? []) wanted.set(nested.propName, nested)
  for (const [name, nested] of wanted) {
    const inner = property.nestedProperties?.find((candidate) => candidate.name === name)
    if (inner && Object.hasOwn(value, name)) result.fields.set(name, propertyValue(inner, value[name] ?? null, nested))
  }

  return result
}

function phoneValue(phone: JsonObject): Extract<Value['kind'], {$case: 'phoneValue'}>['value'] {
  const text = (name: string): string => (typeof phone[name] === 'string' ? phone[name] : '')
  const whole = (name: string): bigint => BigInt(typeof phone[name] === 'number' ? phone[name] : 0)
  return {
    countryCode: whole('countryCode'),
    defaultCountry: text('defaultCountry'),
    input: text('input'),
    internationalFormatted: text('internationalFormatted'),
    national: whole('national'),
    nationalFormatted: text('nationalFormatted'),
    valid: phone.valid === true,
  }
}
