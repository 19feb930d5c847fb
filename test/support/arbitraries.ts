/** Arbitrary collections and objects: every data type, nesting, vectors of every kind, references, tenants. */
import fc from 'fast-check'
import {Buffer} from 'node:buffer'

import {type JsonObject, type JsonValue, type NamedVector, setOwn, type WeaviateObject} from '../../src/model/object.js'
import {isMultiTenant, isReference, type SchemaProperty, type WeaviateClass} from '../../src/model/schema.js'

export interface ArbitraryOptions {
  /** Vector components that are infinite or no number, too; default true. */
  nonFinite?: boolean
  /** Text that Weaviate itself could not hold: lone surrogates; default false. */
  loneSurrogates?: boolean
}

const SCALARS = ['text', 'int', 'number', 'boolean', 'date', 'uuid'] as const
const TYPES = [...SCALARS, ...SCALARS.map((type) => `${type}[]`), 'blob', 'geoCoordinates', 'phoneNumber'] as const
/** Weaviate nests neither of these. */
const NESTED_TYPES = TYPES.filter((type) => type !== 'geoCoordinates' && type !== 'phoneNumber')

const propertyName = fc.oneof(
  fc.stringMatching(/^[_A-Za-z]\w{0,12}$/).filter((name) => !['_additional', '_id', 'id'].includes(name)),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'vector', 'tenant', 'A', 'a', '_exceptions', 'vector_x'),
)
const className = fc.stringMatching(/^[A-Z]\w{0,15}$/)
const vectorName = fc.stringMatching(/^[_A-Za-z]\w{0,8}$/)

function arbitraryProperties(types: readonly string[], depth: number): fc.Arbitrary<SchemaProperty[]> {
  const plain: fc.Arbitrary<SchemaProperty> = fc.record({
    dataType: fc.constantFrom(...types).map((type) => [type]),
    name: propertyName,
  })
  const nested: fc.Arbitrary<SchemaProperty> = fc.record({
    dataType: fc.constantFrom('object', 'object[]').map((type) => [type]),
    name: propertyName,
    nestedProperties: depth > 0 ? arbitraryProperties(NESTED_TYPES, depth - 1) : fc.constant<SchemaProperty[]>([]),
  })
  const property = depth > 0 ? fc.oneof({arbitrary: plain, weight: 4}, {arbitrary: nested, weight: 1}) : plain
  return fc.uniqueArray(property, {maxLength: 7, minLength: 1, selector: ({name}) => name})
}

/** A class with properties of all data types, references (to itself and to others), and whatever vectors and tenancy. */
export function arbitrarySchema(): fc.Arbitrary<WeaviateClass> {
  return className.chain((name) =>
    fc
      .record({
        multiTenant: fc.boolean(),
        named: fc.uniqueArray(vectorName, {maxLength: 3}),
        plain: arbitraryProperties(TYPES, 2),
        targets: fc.array(
          fc.constantFrom([name], ['Other'], [name, 'Other']).map((classes) => [...classes]),
          {maxLength: 2},
        ),
        unnamed: fc.boolean(),
      })
      .map(({multiTenant, named, plain, targets, unnamed}): WeaviateClass => ({
        class: name,
        ...(multiTenant && {multiTenancyConfig: {enabled: true}}),
        properties: [...plain, ...targets.map((dataType, index) => ({dataType, name: `zRef${index}`}))],
        ...(unnamed && {vectorIndexType: 'hnsw'}),
        ...(named.length > 0 && {
          vectorConfig: Object.fromEntries(
            named.map((vector, index) => [
              vector,
              {
                vectorIndexConfig: multiVectorConfig(index === 1),
                vectorIndexType: 'hnsw',
                vectorizer: {none: {}},
              },
            ]),
          ),
        }),
      })),
  )
}

/** Weaviate's own way to say that a vector has many rows. */
function multiVectorConfig(isMulti: boolean): JsonObject {
  return isMulti ? {multivector: {enabled: true}} : {}
}

/** Whether a named vector of a schema from `arbitrarySchema` has many rows. */
function isMultiVector(schema: WeaviateClass, vector: string): boolean {
  const config = schema.vectorConfig?.[vector]?.vectorIndexConfig as JsonObject | undefined
  return config?.multivector !== undefined
}

export function arbitraryText(options: ArbitraryOptions = {}): fc.Arbitrary<string> {
  const text = fc.oneof(
    {arbitrary: fc.string({maxLength: 40, unit: 'grapheme'}), weight: 4},
    {arbitrary: fc.string({maxLength: 40, unit: 'binary'}), weight: 4},
    {
      arbitrary: fc.constantFrom(
        '',
        '\0',
        'a\nb\r\n\u{2028}\u{2029}',
        '"\\',
        '\u{7F}\u{80}',
        '😀',
        '\u{FEFF}bom',
        String.raw`\ud800`,
        ']}',
      ),
      weight: 2,
    },
  )
  return options.loneSurrogates
    ? fc.oneof(
        text,
        fc.string({
          maxLength: 10,
          unit: fc.integer({max: 0xff_ff, min: 0xd7_f0}).map((unit) => String.fromCodePoint(unit)),
        }),
      )
    : text
}

const anyNumber = fc.oneof(
  fc.double({noDefaultInfinity: true, noNaN: true}),
  fc.constantFrom(0, -0, 1e308, 5e-324, -5e-324, 0.1, 1e21, 1e-7, Number.MAX_VALUE, 2 ** 53, 1 / 3),
)
/** As the server keeps them: any float64 that is whole. */
const anyInt = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, 9_007_199_254_740_992, 4_503_599_627_370_497 * 2 ** 10, -(2 ** 63), 2 ** 63, 2 ** 53 + 2),
)
const anyDate = fc.oneof(
  fc.constantFrom(
    '2024-02-29T23:59:59.123456789+05:45',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999Z',
    '1969-12-31T23:59:59.5-12:00',
  ),
  fc
    .date({max: new Date('9999-01-01'), min: new Date('0001-01-01'), noInvalidDate: true})
    .map((date) => date.toISOString()),
)
const anyUuid = fc.oneof(
  fc.uuid(),
  fc.constantFrom('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
)
const anyBlob = fc.uint8Array({maxLength: 60}).map((bytes) => Buffer.from(bytes).toString('base64'))
const float = fc.float({noDefaultInfinity: true, noNaN: true})

function value(property: SchemaProperty, schema: WeaviateClass, options: ArbitraryOptions): fc.Arbitrary<JsonValue> {
  if (isReference(property)) return referenceList(property, schema)
  const type = property.dataType[0]!
  if (type === 'object[]') return fc.array(members(property.nestedProperties ?? [], schema, options), {maxLength: 3})
  if (type.endsWith('[]')) {
    return fc.array(value({...property, dataType: [type.slice(0, -2)]}, schema, options), {maxLength: 4})
  }

  switch (type) {
    case 'blob': {
      return anyBlob
    }

    case 'boolean': {
      return fc.boolean()
    }

    case 'date': {
      return anyDate
    }

    case 'geoCoordinates': {
      return fc.record({latitude: float, longitude: float}, {noNullPrototype: true})
    }

    case 'int': {
      return anyInt
    }

    case 'number': {
      return anyNumber
    }

    case 'object': {
      return members(property.nestedProperties ?? [], schema, options)
    }

    case 'phoneNumber': {
      return fc.record(
        {
          countryCode: fc.nat(999),
          defaultCountry: fc.constantFrom('nl', 'us'),
          input: fc.stringMatching(/^\+?\d{1,12}$/),
          internationalFormatted: fc.string(),
          national: fc.nat(),
          nationalFormatted: fc.string(),
          valid: fc.boolean(),
        },
        {noNullPrototype: true, requiredKeys: ['input']},
      )
    }

    case 'uuid': {
      return anyUuid
    }

    default: {
      return arbitraryText(options)
    }
  }
}

/** To the class itself, to another, to nothing that exists; now and then without a class. */
function referenceList(property: SchemaProperty, schema: WeaviateClass): fc.Arbitrary<JsonValue> {
  const target = fc.constantFrom(...property.dataType.map((name) => `${name}/`), `${schema.class}/`, '')
  const beacon = fc.tuple(target, anyUuid).map(([name, id]) => ({beacon: `weaviate://localhost/${name}${id}`}))
  return fc.array(beacon, {maxLength: 4})
}

/** Each property there or not. */
function members(
  properties: readonly SchemaProperty[],
  schema: WeaviateClass,
  options: ArbitraryOptions,
): fc.Arbitrary<JsonObject> {
  return fc
    .tuple(...properties.map((property) => fc.option(value(property, schema, options), {freq: 4, nil: undefined})))
    .map((values) => {
      const object: JsonObject = {}
      for (const [index, property] of properties.entries()) {
        if (values[index] !== undefined) setOwn(object, property.name, values[index])
      }

      return object
    })
}

const anyBits = fc.integer({max: 0xff_ff_ff_ff, min: 0})
const FIXED_BITS = [
  0, 0x80_00_00_00, 1, 0x00_7f_ff_ff, 0x7f_7f_ff_ff, 0x3f_80_00_00, 0x7f_80_00_00, 0xff_80_00_00, 0x7f_c0_00_01,
]

/** Little-endian float32 bytes, at an address of any alignment. */
export function arbitraryVector(dims: fc.Arbitrary<number>, options: ArbitraryOptions = {}): fc.Arbitrary<Uint8Array> {
  const component = fc
    .oneof(anyBits, fc.constantFrom(...FIXED_BITS))
    .map((bits) =>
      options.nonFinite === false && (bits & 0x7f_80_00_00) === 0x7f_80_00_00 ? bits & 0xbf_ff_ff_ff : bits,
    )
  return fc
    .tuple(
      dims.chain((length) => fc.array(component, {maxLength: length, minLength: length})),
      fc.nat(3),
    )
    .map(([patterns, shift]) => {
      const bytes = new Uint8Array(patterns.length * 4 + shift).subarray(shift)
      const view = new DataView(bytes.buffer, shift)
      for (const [index, pattern] of patterns.entries()) view.setUint32(index * 4, pattern >>> 0, true)
      return bytes
    })
}

function namedVector(isMulti: boolean, options: ArbitraryOptions): fc.Arbitrary<NamedVector> {
  if (!isMulti) return arbitraryVector(fc.integer({max: 5, min: 1}), options).map((bytes) => ({bytes, kind: 'single'}))
  return fc
    .tuple(fc.integer({max: 4, min: 1}), fc.nat(3))
    .chain(([dims, rows]) =>
      arbitraryVector(fc.constant(dims * rows), options).map((bytes) => ({bytes, dims, kind: 'multi' as const})),
    )
}

/** An object of the class, as a reader would hand it on. */
export function arbitraryObject(schema: WeaviateClass, options: ArbitraryOptions = {}): fc.Arbitrary<WeaviateObject> {
  const names = Object.keys(schema.vectorConfig ?? {})
  const time = fc.option(fc.nat(4_000_000_000_000), {nil: undefined})
  return fc
    .record({
      creationTimeUnix: time,
      id: anyUuid,
      lastUpdateTimeUnix: time,
      named: fc.tuple(
        ...names.map((name) => fc.option(namedVector(isMultiVector(schema, name), options), {freq: 4, nil: undefined})),
      ),
      properties: members(schema.properties ?? [], schema, options),
      tenant: fc.constantFrom('a', 'B-b_0', 'tenant'),
      vector: fc.option(arbitraryVector(fc.integer({max: 6, min: 1}), options), {freq: 4, nil: undefined}),
    })
    .map(({creationTimeUnix, id, lastUpdateTimeUnix, named, properties: values, tenant, vector: unnamed}) => {
      const vectors = new Map<string, NamedVector>()
      for (const [index, name] of names.entries()) {
        const vector = named[index]
        if (vector !== undefined) vectors.set(name, vector)
      }

      return {
        id,
        properties: values,
        ...(creationTimeUnix !== undefined && {creationTimeUnix}),
        ...(lastUpdateTimeUnix !== undefined && {lastUpdateTimeUnix}),
        ...(isMultiTenant(schema) && {tenant}),
        ...(schema.vectorIndexType !== undefined && unnamed && {vector: unnamed}),
        ...(vectors.size > 0 && {vectors}),
      }
    })
}

/** A class and some of its objects, ids all different. */
export function arbitraryCollection(
  options: ArbitraryOptions & {maxObjects?: number} = {},
): fc.Arbitrary<{objects: WeaviateObject[]; schema: WeaviateClass}> {
  return arbitrarySchema().chain((schema) =>
    fc
      .uniqueArray(arbitraryObject(schema, options), {
        maxLength: options.maxObjects ?? 8,
        selector: ({id, tenant}) => `${id}/${tenant ?? ''}`,
      })
      .map((objects) => ({objects, schema})),
  )
}

/** What two objects are compared as: vectors by their bytes, whatever memory they lie in; times left in. */
export function comparable(object: WeaviateObject): unknown {
  return {
    ...object,
    ...(object.vector && {vector: Buffer.from(object.vector).toString('hex')}),
    ...(object.vectors && {
      vectors: Object.fromEntries(
        [...object.vectors].map(([name, vector]) => [
          name,
          {...vector, bytes: Buffer.from(vector.bytes).toString('hex')},
        ]),
      ),
    }),
  }
}
