import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {createHash} from 'node:crypto'
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'

import type {JsonValue, NamedVector, WeaviateObject} from '../../src/model/object.js'
import type {SchemaProperty, WeaviateClass} from '../../src/model/schema.js'

import {DigestSum} from '../../src/codec/digest-sum.js'
import {compareUtf8, createDigester, describeDifference} from '../../src/codec/digest.js'
import {decodeObjectLine, JsonLinesEncoder} from '../../src/codec/json/lines.js'
import {portablePlatform} from '../../src/codec/portable.js'
import {nodePlatform} from '../../src/platform/node.js'
import {arbitraryCollection, arbitraryObject, arbitrarySchema} from '../support/arbitraries.js'
import {float32Bytes} from '../support/documents.js'

const ID = '11111111-2222-3333-4444-555555555555'
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

// A second implementation, word for word from docs/format.md, for clarity alone.

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const f32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}

const f64 = (value: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

const str = (text: string) => Buffer.concat([u32(Buffer.byteLength(text)), Buffer.from(text)])
const byName = <T>(entries: Array<[string, T]>) =>
  entries.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

function referenceValue(value: JsonValue, property: SchemaProperty | undefined, className: string): Buffer {
  if (value === null || value === undefined) return Buffer.of(0)
  if (typeof value === 'boolean') return Buffer.of(value ? 2 : 1)
  if (typeof value === 'number') return Buffer.concat([Buffer.of(3), f64(value)])
  if (typeof value === 'string') return Buffer.concat([Buffer.of(4), str(value)])
  const type = property?.dataType[0] ?? ''
  if (/^[A-Z]/.test(type)) {
    const beacons = (value as Array<{beacon: string}>).map(({beacon}) => {
      const [, target, id] = /^weaviate:\/\/localhost\/([^/]+)\/([^/]+)$/.exec(beacon) ?? []
      if (target === undefined) return Buffer.concat([Buffer.of(2), str(beacon)])
      if (target === className) return Buffer.concat([Buffer.of(0), str(id!)])
      return Buffer.concat([Buffer.of(1), str(target), str(id!)])
    })
    return Buffer.concat([Buffer.of(9), u32(beacons.length), ...beacons])
  }

  if (Array.isArray(value)) {
    return Buffer.concat([
      Buffer.of(5),
      u32(value.length),
      ...value.map((item) => referenceValue(item, property, className)),
    ])
  }

  if (type === 'geoCoordinates') {
    return Buffer.concat([Buffer.of(7), f32(value.latitude as number), f32(value.longitude as number)])
  }

  if (type === 'phoneNumber') {
    return Buffer.concat([
      Buffer.of(8),
      str((value.defaultCountry as string | undefined) ?? ''),
      str(value.input as string),
    ])
  }

  const members = byName(Object.entries(value)).map(([name, member]) =>
    Buffer.concat([
      str(name),
      referenceValue(
        member,
        property?.nestedProperties?.find((nested) => nested.name === name),
        className,
      ),
    ]),
  )
  return Buffer.concat([Buffer.of(6), u32(members.length), ...members])
}

function referenceEncoding(object: WeaviateObject, schema: WeaviateClass): Buffer {
  const propertyOf = (name: string) => schema.properties?.find((property) => property.name === name)
  const isReferenceList = (name: string) => /^[A-Z]/.test(propertyOf(name)?.dataType[0] ?? '')
  const properties = byName(Object.entries(object.properties))
    .filter(([name, value]) => value !== null && !(isReferenceList(name) && (value as unknown[]).length === 0))
    .map(([name, value]) => Buffer.concat([str(name), referenceValue(value, propertyOf(name), schema.class)]))
  const vectors: Buffer[] = []
  if (object.vector?.length) vectors.push(Buffer.concat([Buffer.of(0), u32(object.vector.length), object.vector]))
  for (const [name, vector] of byName<NamedVector>([...(object.vectors ?? [])])) {
    const {bytes} = vector
    if (bytes.length === 0) continue
    const dims = vector.kind === 'multi' ? u32(vector.dims) : Buffer.alloc(0)
    vectors.push(Buffer.concat([Buffer.of(vector.kind === 'multi' ? 2 : 1), str(name), dims, u32(bytes.length), bytes]))
  }

  const tenant = object.tenant === undefined ? Buffer.of(0) : Buffer.concat([Buffer.of(1), str(object.tenant)])
  return Buffer.concat([
    Buffer.from('WO1'),
    str(object.id),
    tenant,
    u32(properties.length),
    ...properties,
    u32(vectors.length),
    ...vectors,
  ])
}

describe('canonical encoding', () => {
  it('is what docs/format.md says, on every platform', () => {
    fc.assert(
      fc.property(arbitraryCollection(), ({objects, schema}) => {
        const digester = createDigester(schema, nodePlatform)
        const portable = createDigester(schema, portablePlatform)
        for (const object of objects) {
          const expected = referenceEncoding(object, schema)
          expect(toHex(digester.encode(object))).toBe(expected.toString('hex'))
          const hash = createHash('sha256').update(expected).digest('hex')
          expect(toHex(digester.hash(object))).toBe(hash)
          expect(toHex(portable.hash(object))).toBe(hash)
        }
      }),
      {numRuns: 150},
    )
  })

  it('survives the JSON line, lone surrogates included', () => {
    fc.assert(
      fc.property(arbitraryCollection({loneSurrogates: true}), ({objects, schema}) => {
        const digester = createDigester(schema, nodePlatform)
        const encoder = new JsonLinesEncoder(schema.class)
        for (const object of objects) {
          const read = decodeObjectLine(encoder.encode([object]))
          expect(toHex(digester.hash(read))).toBe(toHex(digester.hash(object)))
        }
      }),
      {numRuns: 150},
    )
  })

  it('does not know the collection by its name', () => {
    const properties = [{dataType: ['A'], name: 'r'}]
    const objectOf = (target: string) => ({id: ID, properties: {r: [{beacon: `weaviate://localhost/${target}/${ID}`}]}})
    const hash = (name: string, target: string) =>
      toHex(createDigester({class: name, properties}, nodePlatform).hash(objectOf(target)))
    expect(hash('A', 'A')).toBe(hash('B', 'B'))
    expect(hash('A', 'B')).not.toBe(hash('B', 'B'))
    expect(hash('A', 'C')).toBe(hash('B', 'C'))
  })

  it('tells apart what is different and nothing else', () => {
    const schema: WeaviateClass = {
      class: 'A',
      properties: [
        {dataType: ['phoneNumber'], name: 'phone'},
        {dataType: ['geoCoordinates'], name: 'geo'},
        {dataType: ['A'], name: 'ref'},
        {dataType: ['object'], name: 'o', nestedProperties: [{dataType: ['text'], name: 'x'}]},
        {dataType: ['text[]'], name: 'list'},
        {dataType: ['number'], name: 'n'},
      ],
    }
    const digester = createDigester(schema, nodePlatform)
    const hash = (properties: unknown) => toHex(digester.hash({id: ID, properties} as WeaviateObject))
    const same = (a: unknown, b: unknown) => {
      expect(hash(a)).toBe(hash(b))
    }

    const different = (a: unknown, b: unknown) => {
      expect(hash(a)).not.toBe(hash(b))
    }

    same({phone: {input: '020', valid: true}}, {phone: {input: '020', national: 20}})
    different({phone: {input: '020'}}, {phone: {defaultCountry: 'nl', input: '020'}})
    same({geo: {latitude: 0.1, longitude: 1}}, {geo: {latitude: Math.fround(0.1), longitude: 1}})
    same({}, {ref: []})
    same({n: null}, {})
    same({n: undefined}, {})
    different({list: []}, {})
    different({list: []}, {list: ['']})
    different({o: {x: null}}, {o: {}})
    different({n: 0}, {n: -0})
    different({n: 1}, {n: '1'})
    different({n: true}, {n: 1})
    // What is not of its data type is plain JSON, not a crash.
    different({geo: {latitude: '1', longitude: 1}}, {geo: {latitude: 1, longitude: 1}})
    different({ref: [{}]}, {ref: [{beacon: 'x'}]})
    different({ref: 'x'}, {ref: ['x']})
    different({phone: []}, {phone: {}})
    same({'\u{E000}': 1, '😀': 2}, {'😀': 2, '\u{E000}': 1})
    expect(toHex(digester.hash({id: ID.toUpperCase(), properties: {}, vector: new Uint8Array(0)}))).toBe(hash({}))
  })

  it('orders names by their UTF-8 bytes', () => {
    const name = fc.string({maxLength: 4, unit: 'binary'})
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
    )
  })

  it('refuses endless nesting with a typed error', () => {
    let value: JsonValue = 1
    for (let depth = 0; depth < 100_000; depth++) value = [value]
    const digester = createDigester({class: 'A'}, nodePlatform)
    expect(() => digester.hash({id: ID, properties: {value}})).toThrow(expect.objectContaining({code: 'INVALID_INPUT'}))
  })

  it('agrees with the published vectors', () => {
    const url = new URL('digest-vectors.json', import.meta.url)
    const {schema, sum, vectors} = JSON.parse(readFileSync(url, 'utf8')) as {
      schema: WeaviateClass
      sum: string
      vectors: Array<{encoding: string; object: unknown; sha256: string}>
    }
    expect(vectors.length).toBeGreaterThan(8)
    const digester = createDigester(schema, portablePlatform)
    const total = new DigestSum()
    // JSON.stringify loses negative zeros, of which the vectors have some.
    const printed = (value: unknown) =>
      JSON.stringify(value, (_, item: unknown) => (Object.is(item, -0) ? 'negative zero' : item)).replaceAll(
        '"negative zero"',
        '-0',
      )
    for (const {encoding, object, sha256} of vectors) {
      const read = decodeObjectLine(Buffer.from(printed(object)))
      expect(toHex(digester.encode(read))).toBe(encoding)
      expect(toHex(digester.hash(read))).toBe(sha256)
      expect(createHash('sha256').update(Buffer.from(encoding, 'hex')).digest('hex')).toBe(sha256)
      expect(referenceEncoding(read, schema).toString('hex')).toBe(encoding)
      total.add(digester.hash(read))
    }

    expect(total.hex()).toBe(sum)
  })
})

describe('DigestSum', () => {
  const hash = fc.uint8Array({maxLength: 32, minLength: 32})
  const modulus = 2n ** 256n

  it('adds, subtracts and merges modulo 2^256', () => {
    fc.assert(
      fc.property(fc.array(hash, {maxLength: 20}), fc.array(hash, {maxLength: 20}), (added, taken) => {
        const sum = new DigestSum()
        const other = new DigestSum()
        for (const bytes of added) sum.add(bytes)
        for (const bytes of taken) {
          sum.subtract(bytes)
          other.add(bytes)
        }

        const total = (list: Uint8Array[]) => list.reduce((value, bytes) => value + BigInt(`0x${toHex(bytes)}`), 0n)
        const expected = (((total(added) - total(taken)) % modulus) + modulus) % modulus
        expect(sum.hex()).toBe(expected.toString(16).padStart(64, '0'))
        sum.merge(other)
        expect(sum.hex()).toBe((total(added) % modulus).toString(16).padStart(64, '0'))
        expect(DigestSum.fromHex(sum.hex()).hex()).toBe(sum.hex())
      }),
    )
  })

  it('carries through all limbs and starts at zeros', () => {
    const sum = new DigestSum()
    expect(sum.hex()).toBe('0'.repeat(64))
    sum.subtract(Buffer.from(`${'0'.repeat(62)}01`, 'hex'))
    expect(sum.hex()).toBe('f'.repeat(64))
    sum.add(Buffer.from(`${'0'.repeat(62)}01`, 'hex'))
    expect(sum.hex()).toBe('0'.repeat(64))
  })

  it('reads nothing but 64 lower-case hex digits', () => {
    for (const text of ['', '0'.repeat(63), 'F'.repeat(64), `${'0'.repeat(63)}x`, '0'.repeat(65)]) {
      expect(() => DigestSum.fromHex(text)).toThrow(expect.objectContaining({code: 'BACKUP_DAMAGED'}))
    }
  })
})

describe('describeDifference', () => {
  it('names something exactly when the encodings differ', () => {
    const pair = arbitrarySchema().chain((schema) =>
      fc
        .tuple(fc.constant(schema), arbitraryObject(schema), arbitraryObject(schema))
        .map(([first, a, b]) => ({a, b, schema: first})),
    )
    fc.assert(
      fc.property(pair, ({a, b, schema}) => {
        const digester = createDigester(schema, nodePlatform)
        const other = {...a, properties: b.properties}
        for (const [one, two] of [
          [a, a],
          [a, b],
          [a, other],
        ] as const) {
          const isDifferent = toHex(digester.hash(one)) !== toHex(digester.hash(two))
          expect(describeDifference(schema, one, two).length > 0).toBe(isDifferent)
        }
      }),
      {numRuns: 200},
    )
  })

  it('names members as people know them', () => {
    const schema: WeaviateClass = {
      class: 'A',
      properties: [
        {dataType: ['A'], name: 'ref'},
        {dataType: ['text'], name: 'text'},
      ],
    }
    const bytes = (value: number) => float32Bytes(value, 0)
    const a: WeaviateObject = {
      id: ID,
      lastUpdateTimeUnix: 1,
      properties: {other: [], ref: [], same: 1, text: 'a'},
      vector: bytes(0),
      vectors: new Map<string, NamedVector>([
        ['m', {bytes: bytes(1), dims: 1, kind: 'multi'}],
        ['v', {bytes: bytes(1), kind: 'single'}],
      ]),
    }
    const b: WeaviateObject = {
      id: ID,
      lastUpdateTimeUnix: 2,
      properties: {ref: [{beacon: `weaviate://localhost/A/${ID}`}], same: 1, text: 'b'},
      tenant: 't',
      vector: bytes(-0),
      vectors: new Map<string, NamedVector>([
        ['m', {bytes: bytes(1), dims: 2, kind: 'multi'}],
        ['w', {bytes: bytes(1), kind: 'single'}],
      ]),
    }
    expect(describeDifference(schema, a, b)).toEqual([
      'other',
      'ref',
      'tenant',
      'text',
      'vector',
      'vectors.m',
      'vectors.v',
      'vectors.w',
    ])
    const moved = {...b, properties: {...b.properties, ref: [{beacon: `weaviate://localhost/B/${ID}`}]}}
    expect(describeDifference(schema, b, moved, {...schema, class: 'B'})).toEqual([])
  })
})
