import fc from 'fast-check'
import assert from 'node:assert/strict'
import {Buffer} from 'node:buffer'
import {describe, expect, test} from 'vitest'

import {
  type JsonObject,
  type JsonValue,
  type NamedVector,
  setOwn,
  type WeaviateObject,
} from '../../../src/model/object.js'
import {isReference, type SchemaProperty, type WeaviateClass} from '../../../src/model/schema.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {encodeBatchObjects, hasLargestInt} from '../../../src/weaviate/grpc/encode.js'
import {
  type BatchObject,
  type BatchObject_Properties,
  BatchObjectsRequest,
  type ObjectPropertiesValue,
  Vectors_VectorType,
} from '../../../src/weaviate/proto/generated/weaviate.js'
import {arbitraryCollection, comparable} from '../../support/arbitraries.js'

// The oracle: the generated decoder, and the server's way of putting the pieces together.

function decode(bytes: Uint8Array): Array<WeaviateObject & {collection: string}> {
  return BatchObjectsRequest.decode(bytes).objects.map((object) => ({
    collection: object.collection,
    id: object.uuid,
    properties: toJson(object.properties!),
    ...(object.tenant && {tenant: object.tenant}),
    ...(object.vectorBytes.length > 0 && {vector: object.vectorBytes}),
    ...(object.vectors.length > 0 && {vectors: toVectors(object.vectors)}),
  }))
}

function toVectors(vectors: BatchObject['vectors']): Map<string, NamedVector> {
  return new Map(
    vectors.map(({name, type, vectorBytes}) => [
      name,
      type === Vectors_VectorType.VECTOR_TYPE_MULTI_FP32
        ? {bytes: vectorBytes.subarray(2), dims: Buffer.from(vectorBytes).readUInt16LE(), kind: 'multi'}
        : {bytes: vectorBytes, kind: 'single'},
    ]),
  )
}

function toJson(message: BatchObject_Properties | ObjectPropertiesValue): JsonObject {
  const json: JsonObject = {}
  for (const [name, value] of Object.entries<JsonValue>(message.nonRefProperties ?? {})) setOwn(json, name, value)
  for (const {propName, values} of message.booleanArrayProperties) setOwn(json, propName, values)
  for (const {propName, values} of message.textArrayProperties) setOwn(json, propName, values)
  for (const {propName, values} of message.intArrayProperties) setOwn(json, propName, values.map(Number))
  for (const {propName, valuesBytes} of message.numberArrayProperties) {
    const bytes = Buffer.from(valuesBytes)
    setOwn(
      json,
      propName,
      Array.from({length: bytes.length / 8}, (_, index) => bytes.readDoubleLE(index * 8)),
    )
  }

  for (const {propName, value} of message.objectProperties) setOwn(json, propName, toJson(value!))
  for (const {propName, values} of message.objectArrayProperties) {
    setOwn(
      json,
      propName,
      values.map((value) => toJson(value)),
    )
  }

  for (const name of message.emptyListProps) setOwn(json, name, [])
  return json
}

// What the server must see of an object.

function expected(schema: WeaviateClass, object: WeaviateObject): unknown {
  const {id, tenant, vector, vectors} = object
  const filled = new Map([...(vectors ?? [])].filter(([, {bytes}]) => bytes.length > 0))
  const properties: JsonObject = {}
  for (const property of schema.properties ?? []) {
    if (isReference(property) || !Object.hasOwn(object.properties, property.name)) continue
    setOwn(properties, property.name, expectedValue(property, object.properties[property.name]!))
  }

  return {
    ...(comparable({
      id,
      ...(tenant !== undefined && {tenant}),
      ...(vector && {vector}),
      properties,
      ...(filled.size > 0 && {vectors: filled}),
    }) as object),
    collection: schema.class,
  }
}

function expectedValue(property: SchemaProperty, value: JsonValue): JsonValue {
  const [type] = property.dataType
  // Its int64 knows no negative zero.
  if (type === 'int[]') return (value as number[]).map((item) => item + 0)
  if (type === 'object[]')
    return (value as JsonObject[]).map((item) => expectedValue({...property, dataType: ['object']}, item))
  if (type === 'phoneNumber') {
    const {defaultCountry, input} = value as JsonObject
    return {input: input!, ...(defaultCountry !== undefined && {defaultCountry})}
  }

  if (type !== 'object') return value
  const result: JsonObject = {}
  for (const nested of property.nestedProperties ?? []) {
    if (!Object.hasOwn(value as JsonObject, nested.name)) continue
    setOwn(result, nested.name, expectedValue(nested, (value as JsonObject)[nested.name]!))
  }

  return result
}

function propertiesOf(dataType: string, value: JsonValue): JsonObject {
  const plan = planCollection({class: 'C', properties: [{dataType: [dataType], name: 'p'}]})
  return decode(encodeBatchObjects(plan, [{id: 'x', properties: {p: value}}]))[0]!.properties
}

describe('encodeBatchObjects', () => {
  test('the generated code decodes the same objects, without references', () => {
    fc.assert(
      fc.property(
        arbitraryCollection().filter(({schema}) => !JSON.stringify(schema).includes('__proto__')),
        ({objects, schema}) => {
          const decoded = decode(encodeBatchObjects(planCollection(schema), objects))
          // Vitest takes own members called `constructor` for the class.
          assert.deepEqual(
            decoded.map((object) => comparable(object)),
            objects.map((object) => expected(schema, object)),
          )
        },
      ),
      {numRuns: 300},
    )
  })

  test('sends values that fit no property as they are, for the server to refuse', () => {
    expect(propertiesOf('int', 'three')).toEqual({p: 'three'})
    expect(propertiesOf('int[]', [1, 1.5])).toEqual({p: [1, 1.5]})
    expect(propertiesOf('text[]', ['a', 1, null])).toEqual({p: ['a', 1, null]})
    expect(propertiesOf('text', {a: {b: null}})).toEqual({p: {a: {b: null}}})
  })

  // The generated decoder's plain object swallows it.
  test('a property called __proto__ is sent like any other', () => {
    const encode = (name: string) => {
      const nestedProperties = [{dataType: ['text'], name}]
      const plan = planCollection({
        class: 'C',
        properties: [
          {dataType: ['text'], name},
          {dataType: ['object'], name: 'o', nestedProperties},
        ],
      })
      const properties: JsonObject = {o: {}}
      setOwn(properties, name, 'value')
      setOwn(properties.o as JsonObject, name, 'nested')
      return Buffer.from(encodeBatchObjects(plan, [{id: 'x', properties}])).toString('latin1')
    }

    expect(encode('__proto__')).toContain('value')
    expect(encode('__proto__').replaceAll('__proto__', 'xxproto__')).toBe(encode('xxproto__'))
  })

  test('keeps null within objects', () => {
    const nestedProperties = [{dataType: ['text'], name: 't'}]
    const plan = planCollection({class: 'C', properties: [{dataType: ['object'], name: 'o', nestedProperties}]})
    const bytes = encodeBatchObjects(plan, [{id: 'x', properties: {o: {t: null}}}])
    expect(decode(bytes)[0]!.properties).toEqual({o: {t: null}})
  })
})

test('hasLargestInt finds ints of 2^63, nested ones too, but not in arrays of ints', () => {
  const leaf = {dataType: ['int'], name: 'i'}
  const {properties} = planCollection({
    class: 'C',
    properties: [
      leaf,
      {dataType: ['int[]'], name: 'list'},
      {dataType: ['number'], name: 'n'},
      {
        dataType: ['object[]'],
        name: 'os',
        nestedProperties: [{dataType: ['object'], name: 'o', nestedProperties: [leaf]}],
      },
    ],
  })
  expect(hasLargestInt(properties, {i: 2 ** 63})).toBe(true)
  expect(hasLargestInt(properties, {os: [{}, {o: {i: 2 ** 63}}]})).toBe(true)
  expect(hasLargestInt(properties, {i: -(2 ** 63), list: [2 ** 63], n: 2 ** 63, os: [{o: {i: 1}}, null]})).toBe(false)
  expect(hasLargestInt(properties, {})).toBe(false)
})
