import {BinaryWriter} from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import {Buffer} from 'node:buffer'
import {describe, expect, test} from 'vitest'

import {shortestFloat32} from '../../../src/model/float32.js'
import {type JsonObject, type JsonValue, setOwn, type WeaviateObject} from '../../../src/model/object.js'
import {isReference, type SchemaProperty, type WeaviateClass} from '../../../src/model/schema.js'
import {decodeSearchReply} from '../../../src/weaviate/grpc/decode.js'
import {UnknownKindError} from '../../../src/weaviate/grpc/page-reader.js'
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

function toValue({dataType, nestedProperties}: SchemaProperty, value: JsonValue): Value {
  const [type = ''] = dataType
  if (value === null) return {kind: {$case: 'nullValue', value: 0}}
  if (Array.isArray(value)) return {kind: {$case: 'listValue', value: toList(type, nestedProperties ?? [], value)}}
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
      return {kind: {$case: 'objectValue', value: toProperties(nestedProperties ?? [], value as JsonObject, false)}}
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

function byUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
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

  test('whatever the order that the server sends, properties stand in that of their names, also within objects', () => {
    const names = ['b', 'a', 'ü', 'a1', 'B', '__proto__', 'x'.repeat(200), 'x'.repeat(199)]
    const schema = {
      class: 'C',
      properties: [
        ...names.map((name) => ({dataType: ['text'], name})),
        {dataType: ['object'], name: 'o', nestedProperties: names.map((name) => ({dataType: ['text'], name}))},
      ],
    }
    fc.assert(
      fc.property(fc.shuffledSubarray(names, {minLength: 0}), fc.shuffledSubarray(names), (outer, inner) => {
        const of = (some: string[]) => {
          const object: JsonObject = {}
          for (const name of some) setOwn(object, name, `of ${name}`)
          return object
        }

        const properties = {...of(outer)}
        setOwn(properties, 'o', of(inner))
        const shuffled = {
          ...schema,
          properties: schema.properties.toSorted((a, b) => outer.indexOf(a.name) - outer.indexOf(b.name)),
        }
        const [object] = decodeSearchReply(toReply(shuffled, [{id: 'x', properties}])).objects
        expect(Object.keys(object!.properties)).toEqual([...outer, 'o'].toSorted(byUnits))
        expect(Object.keys(object!.properties.o!)).toEqual(inner.toSorted(byUnits))
        for (const name of outer) expect(object!.properties[name]).toBe(`of ${name}`)
      }),
    )
  })

  test('more properties than are put in order are all there', () => {
    const properties = Object.fromEntries(Array.from({length: 100}, (_, index) => [`p${100 - index}`, index]))
    const schema = {class: 'C', properties: Object.keys(properties).map((name) => ({dataType: ['int'], name}))}
    expect(decodeSearchReply(toReply(schema, [{id: 'x', properties}])).objects[0]!.properties).toEqual(properties)
  })

  test('int64 is the float64 nearest to it', () => {
    fc.assert(
      fc.property(fc.bigInt({max: 2n ** 63n - 1n, min: -(2n ** 63n)}), (int) => {
        const writer = new BinaryWriter()
        writer.uint32(18).fork().uint32(18).fork().uint32(10).string('x')
        writer.uint32(24).int64(int)
        writer.join()
        writer.join()
        expect(decodeSearchReply(writer.finish()).objects[0]!.creationTimeUnix).toBe(Number(int))
      }),
    )
  })

  test('an empty reply is an empty page', () => {
    expect(decodeSearchReply(new Uint8Array(0))).toEqual({objects: [], uncertain: []})
  })

  test('a cut message is an error', () => {
    const reply = toReply({class: 'C'}, [{id: '00000000-0000-0000-0000-000000000001', properties: {}}])
    expect(() => decodeSearchReply(reply.subarray(0, -3))).toThrow(RangeError)
  })
})

/** The messages that hold values, each by what is around it and the tags that are known in it. */
const VALUE_MESSAGES: Readonly<Record<string, {known: readonly number[]; path: readonly number[]}>> = {
  BoolValues: {known: [8, 10], path: [18, 10, 90, 10, 18, 42, 26]},
  DateValues: {known: [10], path: [18, 10, 90, 10, 18, 42, 42]},
  GeoCoordinate: {known: [13, 21], path: [18, 10, 90, 10, 18, 74]},
  IntValues: {known: [10], path: [18, 10, 90, 10, 18, 42, 58]},
  ListValue: {known: [10, 18, 26, 34, 42, 50, 58, 66], path: [18, 10, 90, 10, 18, 42]},
  'Value in a list': {known: [9, 18, 24, 34, 42, 50, 58, 64, 74, 82, 90, 96, 106], path: [18, 10, 90, 10, 18, 42, 10]},
  NumberValues: {known: [10], path: [18, 10, 90, 10, 18, 42, 18]},
  ObjectValues: {known: [10], path: [18, 10, 90, 10, 18, 42, 34]},
  PhoneNumber: {known: [8, 18, 26, 34, 40, 50, 56], path: [18, 10, 90, 10, 18, 90]},
  Properties: {known: [10], path: [18, 10, 90]},
  'Properties in an object': {known: [10], path: [18, 10, 90, 10, 18, 34]},
  PropertiesResult: {known: [18, 26, 34, 90, 96], path: [18, 10]},
  Property: {known: [10, 18], path: [18, 10, 90, 10]},
  TextValues: {known: [10], path: [18, 10, 90, 10, 18, 42, 66]},
  Value: {known: [9, 18, 24, 34, 42, 50, 58, 64, 74, 82, 90, 96, 106], path: [18, 10, 90, 10, 18]},
  Vectors: {known: [10, 16, 26, 32], path: [18, 18, 186]},
}

/** A reply whose only object holds this field, below these tags, beside an id and fields that are known. */
function replyWith(path: readonly number[], write: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter()
  const nest = ([tag, ...rest]: readonly number[]) => {
    if (tag === undefined) {
      write(writer)
      return
    }

    writer.uint32(tag).fork()
    nest(rest)
    writer.join()
  }

  const [result, ...rest] = path
  writer.uint32(result!).fork()
  writer.uint32(18).fork()
  writer.uint32(10).string('00000000-0000-0000-0000-000000000001')
  writer.join()
  nest(rest)
  writer.join()
  return writer.finish()
}

/** A field of this tag, of the shape that its wire type has. */
function writeField(writer: BinaryWriter, tag: number, bytes: Uint8Array): void {
  writer.uint32(tag)
  const sizes: Readonly<Record<number, () => void>> = {
    0: () => writer.uint32(bytes[0] ?? 0),
    1: () => writer.raw(Uint8Array.from({length: 8}, (_, index) => bytes[index] ?? 0)),
    2: () => writer.bytes(bytes),
    5: () => writer.raw(Uint8Array.from({length: 4}, (_, index) => bytes[index] ?? 0)),
  }
  sizes[tag & 7]!()
}

describe('what is not known', () => {
  test('never vanishes, whatever its number, its wire type and its place', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(VALUE_MESSAGES)),
        fc.oneof(fc.integer({max: 40, min: 1}), fc.integer({max: 2 ** 29 - 1, min: 1})),
        fc.constantFrom(0, 1, 2, 5),
        fc.uint8Array({maxLength: 12}),
        (name, number, wireType, bytes) => {
          const {known, path} = VALUE_MESSAGES[name]!
          const tag = ((number << 3) | wireType) >>> 0
          fc.pre(!known.includes(tag))
          const reply = replyWith(path, (writer) => {
            writeField(writer, tag, bytes)
          })
          expect(() => decodeSearchReply(reply), `${name}, field ${number}, wire type ${wireType}`).toThrow(
            UnknownKindError,
          )
        },
      ),
      {numRuns: 2000},
    )
  })

  test('the tables of this test are those of the decoder: an empty known field is no unknown kind', () => {
    for (const [name, {known, path}] of Object.entries(VALUE_MESSAGES)) {
      for (const tag of known) {
        const reply = replyWith(path, (writer) => {
          writeField(writer, tag, new Uint8Array(0))
        })
        // Some of them hold a message that must not be empty.
        try {
          decodeSearchReply(reply)
        } catch (error) {
          expect((error as Error).message, `${name}, tag ${tag}`).not.toContain('which is not known here')
        }
      }
    }
  })

  test('a value without a kind, and a property without a value, are errors', () => {
    const named = (write: (writer: BinaryWriter) => void) =>
      replyWith([18, 10, 90, 10], (writer) => {
        writer.uint32(10).string('text')
        write(writer)
      })
    expect(() => decodeSearchReply(named(() => {}))).toThrow('the property "text" comes without a value')
    expect(() => decodeSearchReply(named((writer) => writer.uint32(18).bytes(new Uint8Array(0))))).toThrow(
      'a Value holds none',
    )
  })

  test('nor does a vector of a new type become floats', () => {
    const reply = replyWith([18, 18, 186], (writer) => {
      writer
        .uint32(10)
        .string('new')
        .uint32(26)
        .bytes(Uint8Array.of(1, 2, 3, 4))
        .uint32(32)
        .int32(3)
    })
    expect(() => decodeSearchReply(reply)).toThrow('a vector is of type 3')
  })

  test('the texts and lists of servers before 1.25 are read', () => {
    const reply = replyWith([18, 10, 90], (writer) => {
      const property = (name: string, tag: number, value: Uint8Array) => {
        const text = new BinaryWriter().uint32(10).string(name)
        const field = new BinaryWriter().uint32(tag).bytes(value).finish()
        writer.uint32(10).bytes(text.uint32(18).bytes(field).finish())
      }

      const value = (text: string) => new BinaryWriter().uint32(18).string(text).finish()
      property('text', 18, new TextEncoder().encode('ä'))
      property('texts', 42, new BinaryWriter().uint32(10).bytes(value('a')).uint32(10).bytes(value('b')).finish())
      property('empty', 42, new Uint8Array(0))
    })
    expect(decodeSearchReply(reply).objects[0]!.properties).toEqual({empty: [], text: 'ä', texts: ['a', 'b']})
  })

  test('an object without an id is an error', () => {
    expect(() => decodeSearchReply(Uint8Array.of(18, 0))).toThrow('an object has no id')
  })
})
