import {BinaryWriter} from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import {Buffer} from 'node:buffer'
import {describe, expect, test} from 'vitest'

import {shortestFloat32} from '../../../src/model/float32.js'
import {type JsonObject, type JsonValue, setOwn, type WeaviateObject} from '../../../src/model/object.js'
import {isReference, type SchemaProperty, type WeaviateClass} from '../../../src/model/schema.js'
import {decodeSearchReply} from '../../../src/weaviate/grpc/decode.js'
import {
  type DeepPartial,
  type ListValue,
  type PhoneNumber,
  type Properties,
  SearchReply,
  type Value,
  type Vectors,
} from '../../../src/weaviate/proto/generated/weaviate.js'
import {arbitraryCollection, comparable} from '../../support/arbitraries.js'

// The oracle: objects as the server's gRPC messages, through the generated code.

function toReply(schema: WeaviateClass, objects: readonly WeaviateObject[]): Uint8Array {
  const reply: DeepPartial<SearchReply> = {
    results: objects.map((object) => ({
      metadata: {
        creationTimeUnix: BigInt(object.creationTimeUnix ?? 0),
        id: object.id,
        idAsBytes: Buffer.from(object.id.replaceAll('-', ''), 'hex'),
        lastUpdateTimeUnix: BigInt(object.lastUpdateTimeUnix ?? 0),
        lastUpdateTimeUnixPresent: true,
        vectorBytes: object.vector ?? new Uint8Array(0),
        vectors: [...(object.vectors ?? [])].map(([name, vector]): DeepPartial<Vectors> => {
          if (vector.kind === 'single') return {name, type: 1, vectorBytes: vector.bytes}
          const prefix = Uint8Array.of(vector.dims & 0xff, vector.dims >> 8)
          return {name, type: 2, vectorBytes: Buffer.concat([prefix, vector.bytes])}
        }),
      },
      properties: {nonRefProps: toProperties(schema.properties ?? [], object.properties, true)},
    })),
    took: 0.5,
  }
  return SearchReply.encode(SearchReply.fromPartial(reply)).finish()
}

/** Missing properties of an object come as null, missing ones within it not at all. */
function toProperties(properties: readonly SchemaProperty[], values: JsonObject, isTop: boolean): Properties {
  const fields = new Map<string, Value>()
  for (const property of properties) {
    if (isReference(property)) continue
    if (Object.hasOwn(values, property.name)) fields.set(property.name, toValue(property, values[property.name]!))
    else if (isTop) fields.set(property.name, {kind: {$case: 'nullValue', value: 0}})
  }

  return {fields}
}

function toValue({dataType, nestedProperties = []}: SchemaProperty, value: JsonValue): Value {
  const [type = ''] = dataType
  if (value === null) return {kind: {$case: 'nullValue', value: 0}}
  if (Array.isArray(value)) return {kind: {$case: 'listValue', value: toList(type, nestedProperties, value)}}
  switch (type) {
    case 'blob': {
      return {kind: {$case: 'blobValue', value: value as string}}
    }

    case 'boolean': {
      return {kind: {$case: 'boolValue', value: value as boolean}}
    }

    case 'date': {
      return {kind: {$case: 'dateValue', value: value as string}}
    }

    case 'geoCoordinates': {
      return {kind: {$case: 'geoValue', value: value as {latitude: number; longitude: number}}}
    }

    case 'int': {
      return {kind: {$case: 'intValue', value: wireInt(value as number)}}
    }

    case 'number': {
      return {kind: {$case: 'numberValue', value: value as number}}
    }

    case 'object': {
      return {kind: {$case: 'objectValue', value: toProperties(nestedProperties, value as JsonObject, false)}}
    }

    case 'phoneNumber': {
      return {kind: {$case: 'phoneValue', value: toPhone(value as JsonObject)}}
    }

    case 'uuid': {
      return {kind: {$case: 'uuidValue', value: value as string}}
    }

    default: {
      return {kind: {$case: 'textValue', value: value as string}}
    }
  }
}

function toPhone(phone: JsonObject): PhoneNumber {
  const text = (name: string) => (phone[name] as string | undefined) ?? ''
  const int = (name: string) => BigInt((phone[name] as number | undefined) ?? 0)
  return {
    countryCode: int('countryCode'),
    defaultCountry: text('defaultCountry'),
    input: text('input'),
    internationalFormatted: text('internationalFormatted'),
    national: int('national'),
    nationalFormatted: text('nationalFormatted'),
    valid: phone.valid === true,
  }
}

function toList(type: string, nested: readonly SchemaProperty[], list: JsonValue[]): ListValue {
  switch (type) {
    case 'boolean[]': {
      return {kind: {$case: 'boolValues', value: {values: list as boolean[]}}}
    }

    case 'date[]': {
      return {kind: {$case: 'dateValues', value: {values: list as string[]}}}
    }

    case 'int[]': {
      const values = Buffer.alloc(list.length * 8)
      for (const [index, item] of list.entries()) values.writeBigInt64LE(wireInt(item as number), index * 8)
      return {kind: {$case: 'intValues', value: {values}}}
    }

    case 'number[]': {
      const values = Buffer.alloc(list.length * 8)
      for (const [index, item] of list.entries()) values.writeDoubleLE(item as number, index * 8)
      return {kind: {$case: 'numberValues', value: {values}}}
    }

    case 'object[]': {
      const values = (list as JsonObject[]).map((item) => toProperties(nested, item, false))
      return {kind: {$case: 'objectValues', value: {values}}}
    }

    case 'uuid[]': {
      return {kind: {$case: 'uuidValues', value: {values: list as string[]}}}
    }

    default: {
      return {kind: {$case: 'textValues', value: {values: list as string[]}}}
    }
  }
}

/** As the server converts its float64: 2^63 overflows to INT64_MIN. */
function wireInt(value: number): bigint {
  return BigInt.asIntN(64, BigInt(value))
}

// What the object must decode to.

function expected(schema: WeaviateClass, object: WeaviateObject): WeaviateObject {
  const {creationTimeUnix, lastUpdateTimeUnix, vector, ...rest} = object
  return {
    ...rest,
    ...(creationTimeUnix && {creationTimeUnix}),
    ...(lastUpdateTimeUnix && {lastUpdateTimeUnix}),
    properties: expectedProperties(schema.properties ?? [], object.properties),
    ...(vector && {vector}),
    ...(object.vectors && {
      vectors: new Map([...object.vectors].filter(([, {bytes, kind}]) => kind === 'multi' || bytes.length > 0)),
    }),
  }
}

function expectedProperties(properties: readonly SchemaProperty[], values: JsonObject): JsonObject {
  const result: JsonObject = {}
  for (const property of properties) {
    if (isReference(property) || !Object.hasOwn(values, property.name)) continue
    setOwn(result, property.name, expectedValue(property, values[property.name]!))
  }

  return result
}

function expectedValue(property: SchemaProperty, value: JsonValue): JsonValue {
  const [type = ''] = property.dataType
  if (Array.isArray(value)) {
    const dataType = [type.slice(0, -2)]
    return value.map((item) => expectedValue({...property, dataType}, item))
  }

  // The oracle writes no -0 of a float field.
  if (type === 'geoCoordinates') return mapValues(value as JsonObject, (float) => shortestFloat32(float as number) + 0)
  if (type === 'int') return Number(wireInt(value as number))
  if (type === 'object') return expectedProperties(property.nestedProperties ?? [], value as JsonObject)
  if (type === 'phoneNumber') return Object.fromEntries(Object.entries(value as JsonObject).filter(([, part]) => part))
  return value
}

function mapValues(object: JsonObject, map: (value: JsonValue) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]))
}

describe('decodeSearchReply', () => {
  test('decodes whatever the generated code encodes', () => {
    fc.assert(
      fc.property(arbitraryCollection(), ({objects, schema}) => {
        const tenanted = objects.map((object) => ({...object, tenant: 'here'}))
        const page = decodeSearchReply(toReply(schema, tenanted), 'here')
        // Vitest takes own members called `constructor` for the class.
        assert.deepEqual(
          page.objects.map((object) => comparable(object)),
          tenanted.map((object) => comparable(expected(schema, object))),
        )
        const isUncertain = (object: WeaviateObject) =>
          JSON.stringify(expected(schema, object).properties).includes('9223372036854776000')
        expect(page.uncertain.map(({id}) => id).toSorted()).toEqual(
          tenanted
            .filter((object) => isUncertain(object))
            .map(({id}) => id)
            .toSorted(),
        )
      }),
      {numRuns: 300},
    )
  })

  test('gives vectors as views on the message, and steps over the vector as floats', () => {
    const writer = new BinaryWriter()
    writer.uint32(18).fork()
    writer.uint32(18).fork()
    writer.uint32(10).string('00000000-0000-0000-0000-000000000001')
    writer.uint32(18).bytes(Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64))
    writer.uint32(154).bytes(Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64))
    writer.join()
    writer.join()
    const message = Buffer.from(writer.finish())
    const {objects} = decodeSearchReply(message)
    expect(objects).toEqual([
      {
        id: '00000000-0000-0000-0000-000000000001',
        properties: {},
        vector: Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64),
      },
    ])
    expect(objects[0]!.vector!.buffer).toBe(message.buffer)
    expect(Buffer.isBuffer(objects[0]!.vector)).toBe(false)
  })

  test('keeps null within an object, drops it on top', () => {
    const schema = {
      class: 'C',
      properties: [
        {dataType: ['object'], name: 'o', nestedProperties: [{dataType: ['text'], name: 't'}]},
        {dataType: ['text'], name: 'missing'},
      ],
    }
    const {objects} = decodeSearchReply(toReply(schema, [{id: 'x', properties: {o: {t: null}}}]))
    expect(objects[0]!.properties).toEqual({o: {t: null}})
  })

  test('an empty reply is an empty page', () => {
    expect(decodeSearchReply(new Uint8Array(0))).toEqual({objects: [], uncertain: []})
  })

  test('a cut message is an error', () => {
    const reply = toReply({class: 'C'}, [{id: '00000000-0000-0000-0000-000000000001', properties: {}}])
    expect(() => decodeSearchReply(reply.subarray(0, -3))).toThrow(RangeError)
  })
})
