import type {NamedVector} from '../../model/object.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {IncomingObject} from '../objects.js'

import {
  type BatchObject,
  type BatchObject_Properties,
  type ObjectPropertiesValue,
  Vectors_VectorType,
} from '../../weaviate/proto/generated/weaviate.js'
import {beaconTo} from '../beacon.js'
import {type Incoming, noSuchProperty} from '../properties.js'
import {Refusal} from '../refusal.js'
import {copyBytes, doublesOf} from '../values.js'
import {shownKey} from './prototype-keys.js'

/** A batch object as decoded. Vectors are copied, so that the message they came in can go. */
export function incomingObject(object: BatchObject, schema: undefined | WeaviateClass): IncomingObject {
  return {
    collection: object.collection,
    id: object.uuid,
    properties: object.properties ? incomingProperties(object.properties, schema) : {},
    tenant: object.tenant,
    transport: 'grpc',
    ...(object.vectorBytes.byteLength > 0 && {vector: wholeFloats(object.vectorBytes)}),
    ...(object.vectors.length > 0 && {
      vectors: new Map(
        object.vectors.map(({name, type, vectorBytes}) => [
          name,
          type === Vectors_VectorType.VECTOR_TYPE_MULTI_FP32
            ? multiVector(vectorBytes)
            : {bytes: wholeFloats(vectorBytes), kind: 'single'},
        ]),
      ),
    }),
  }
}

function wholeFloats(bytes: Uint8Array): Uint8Array {
  return copyBytes(bytes, bytes.byteLength & ~3)
}

function multiVector(bytes: Uint8Array): NamedVector {
  const dims = bytes.byteLength < 2 ? 0 : bytes[0]! | (bytes[1]! << 8)
  const rows = copyBytes(bytes.subarray(2))
  if (rows.byteLength > 0 && (dims === 0 || rows.byteLength % (dims * 4) !== 0))
    throw new Refusal('invalid multi vector bytes')
  return {bytes: rows, dims, kind: 'multi'}
}

function incomingProperties(given: BatchObject_Properties, schema: undefined | WeaviateClass): Incoming {
  const properties = plainProperties(given)
  for (const {propName, uuids} of given.singleTargetRefProps) {
    const targets = targetsOf(schema, propName)
    if (targets.length > 1)
      throw new Refusal(`target is a multi-target reference, need single target [${targets.join(' ')}]`)
    properties.set(propName, referencesTo(targets[0]!, uuids))
  }

  for (const {propName, targetCollection, uuids} of given.multiTargetRefProps) {
    const targets = targetsOf(schema, propName)
    if (targets.length < 2)
      throw new Refusal(`target is a single-target reference, need multi-target [${targets.join(' ')}]`)
    const references = (properties.get(propName) ?? []) as unknown[]
    properties.set(propName, [...references, ...referencesTo(targetCollection, uuids)])
  }

  return Object.fromEntries(properties)
}

function referencesTo(collection: string, uuids: readonly string[]): unknown[] {
  return uuids.map((id) => ({beacon: beaconTo({collection, id})}))
}

function targetsOf(schema: undefined | WeaviateClass, name: string): string[] {
  const property = schema?.properties?.find((candidate) => candidate.name === name)
  if (!property) throw noSuchProperty(schema?.class ?? '', name)
  return property.dataType
}

/** Everything but references, as the JSON that REST would have had. */
function plainProperties(given: BatchObject_Properties | ObjectPropertiesValue): Map<string, unknown> {
  const properties = new Map<string, unknown>(
    Object.entries(given.nonRefProperties ?? {}).map(([name, value]) => [shownKey(name), structValue(value)]),
  )
  for (const {propName, values} of given.booleanArrayProperties) properties.set(propName, values)
  for (const {propName, values, valuesBytes} of given.numberArrayProperties)
    properties.set(propName, valuesBytes.byteLength > 0 ? [...doublesOf(valuesBytes)] : values)
  for (const {propName, values} of given.textArrayProperties) properties.set(propName, values)
  for (const {propName, values} of given.intArrayProperties) properties.set(propName, values)
  for (const {propName, value} of given.objectProperties)
    properties.set(propName, value ? Object.fromEntries(plainProperties(value)) : {})
  for (const {propName, values} of given.objectArrayProperties)
    properties.set(
      propName,
      values.map((value) => Object.fromEntries(plainProperties(value))),
    )
  for (const name of given.emptyListProps) properties.set(name, [])
  return properties
}

/** Numbers of a struct that are none become text, as the real server's decoder has it (and then refuses them). */
function structValue(value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (Array.isArray(value)) return value.map((item) => structValue(item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [shownKey(name), structValue(item)]))
}
