import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {describe, expect, it} from 'vitest'

import type {JsonValue, WeaviateObject} from '../../../src/model/object.js'

import {ByteBuffer} from '../../../src/codec/byte-buffer.js'
import {decodeObjectLine, encodeObjectLine, JsonLinesEncoder} from '../../../src/codec/json/lines.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {arbitraryCollection, comparable} from '../../support/arbitraries.js'
import {float32Bytes} from '../../support/documents.js'

const ID = '11111111-2222-3333-4444-555555555555'

function encode(object: WeaviateObject): string {
  const out = new ByteBuffer(16)
  encodeObjectLine(object, 'Thing', out)
  return Buffer.from(out.contents()).toString()
}

function decode(text: string | Uint8Array, line?: number): WeaviateObject {
  return decodeObjectLine(typeof text === 'string' ? Buffer.from(text) : text, {line})
}

function roundTrip(value: JsonValue): JsonValue {
  return decode(encode({id: ID, properties: {value}})).properties.value ?? null
}

/** The error that reading `text` as line 7 ends in; fails when there is none. */
function damage(text: string | Uint8Array): DataOpsError {
  try {
    decode(text, 7)
  } catch (error) {
    if (error instanceof DataOpsError) return error
    throw error
  }

  return expect.fail('it was read')
}

describe('object lines', () => {
  it('bring arbitrary collections back', () => {
    fc.assert(
      fc.property(arbitraryCollection(), ({objects, schema}) => {
        const page = Buffer.from(new JsonLinesEncoder(schema.class).encode(objects)).toString()
        const lines = page === '' ? [] : page.split('\n')
        expect(lines.length).toBe(objects.length)
        for (const [index, line] of lines.entries()) {
          const isLast = index === lines.length - 1
          expect(line.endsWith(',')).toBe(!isLast)
          const read = decode(isLast ? line : line.slice(0, -1))
          expect(comparable(read)).toEqual(comparable(objects[index]!))
        }
      }),
      {numRuns: 300},
    )
  })

  it('bring arbitrary JSON values back', () => {
    const value = fc.jsonValue({maxDepth: 6, stringUnit: 'binary'}) as fc.Arbitrary<JsonValue>
    fc.assert(
      fc.property(value, (json) => {
        expect(roundTrip(json)).toEqual(json)
      }),
      {numRuns: 500},
    )
  })

  it('stand as docs/format.md says', () => {
    const bytes = float32Bytes(0.1, -0)
    const object: WeaviateObject = {
      creationTimeUnix: 1,
      id: ID,
      lastUpdateTimeUnix: 2,
      properties: {n: -0, ref: [{beacon: `weaviate://localhost/Thing/${ID}`}], text: 'a\n"'},
      tenant: 't',
      vector: bytes,
      vectors: new Map([
        ['empty', {bytes: new Uint8Array(0), dims: 2, kind: 'multi'}],
        ['many', {bytes, dims: 1, kind: 'multi'}],
        ['one', {bytes, kind: 'single'}],
      ]),
    }
    expect(encode(object)).toBe(
      `{"id":"${ID}","class":"Thing","tenant":"t","creationTimeUnix":1,"lastUpdateTimeUnix":2,` +
        String.raw`"properties":{"n":-0,"ref":[{"beacon":"weaviate://localhost/Thing/${ID}"}],"text":"a\n\""},"vector":[0.1,-0],` +
        `"vectors":{"empty":{"dims":2,"rows":[]},"many":[[0.1],[-0]],"one":[0.1,-0]}}`,
    )
  })

  it('keep numbers, text and emptiness exactly', () => {
    for (const value of [-0, 0, 1e308, 5e-324, 2 ** 53 + 2, -(2 ** 63), 1 / 3, 1e21])
      expect(roundTrip(value)).toBe(value)
    for (const unit of ['x', 'é', '漢', '😀', '\n', '\0'])
      expect(roundTrip(unit.repeat(70_000))).toBe(unit.repeat(70_000))
    for (const value of [[], {}, [[]], [{}], [null], {a: null}, '', false])
      expect(roundTrip(value as JsonValue)).toEqual(value)
  })

  it('turn lone surrogates into U+FFFD, and leave text that looks like one alone', () => {
    expect(roundTrip('a\u{D800}b\u{DC00}')).toBe('a\u{FFFD}b\u{FFFD}')
    expect(roundTrip({'\u{DFFF}': '😀\u{D83D}'})).toEqual({'\u{FFFD}': '😀\u{FFFD}'})
    expect(roundTrip(String.raw`\ud800 😀`)).toBe(String.raw`\ud800 😀`)
  })

  it('carry prototype keys as the data that they are', () => {
    const line = `{"id":"${ID}","properties":{"__proto__":{"polluted":true},"constructor":"x"}}`
    const object = decode(line)
    expect(Object.keys(object.properties)).toEqual(['__proto__', 'constructor'])
    expect('polluted' in {}).toBe(false)
    expect(encode(object)).toBe(line.replace(',"properties"', ',"class":"Thing","properties"'))
  })

  it('take members in any order, with white space, and of later versions', () => {
    const text = `{ "vector" : [ 1 , 2.5e0 ] ,\t"later":{"a":[1]},"properties":{"a":1},\r"vectors":{ "v" : [ [ 1 ] , [ 2 ] ] },"id":"${ID.toUpperCase()}" } `
    const bytes = (...floats: number[]) => float32Bytes(...floats)
    expect(decode(text)).toEqual({
      id: ID,
      properties: {a: 1},
      vector: bytes(1, 2.5),
      vectors: new Map([['v', {bytes: bytes(1, 2), dims: 1, kind: 'multi'}]]),
    })
    expect(decode('{"id":"AAAAAAAA-0000-0000-0000-00000000000F"}').id).toBe('aaaaaaaa-0000-0000-0000-00000000000f')
  })

  it('give less where less is wanted', () => {
    const line = Buffer.from(
      `{"id":"${ID}","tenant":"t","creationTimeUnix":5,"properties":{"a":1,"r":[{"beacon":"b"}]},"vector":[1],"vectors":{"v":[1]}}`,
    )
    expect(decodeObjectLine(line, {columns: 'ids'})).toEqual({creationTimeUnix: 5, id: ID, properties: {}, tenant: 't'})
    expect(decodeObjectLine(line, {columns: 'references'}).properties).toEqual({a: 1, r: [{beacon: 'b'}]})
    const other = Buffer.from(`{"id":"${ID}","properties":{"a":1},"vector":[1]}`)
    expect(decodeObjectLine(other, {columns: 'references'})).toEqual({id: ID, properties: {}})
  })

  it.each([
    ['no object', '[]'],
    ['nothing', ''],
    ['an end too early', `{"id":"${ID}","properties":{"a":`],
    ['an end in text', `{"id":"${ID}","properties":{"a":"\\`],
    ['more behind it', `{"id":"${ID}"}{}`],
    ['no id', '{"properties":{}}'],
    ['an id that is no UUID', '{"id":"1111"}'],
    ['an id that is no text', '{"id":1}'],
    ['an id twice', `{"id":"${ID}","id":"${ID}"}`],
    ['properties that are no object', `{"id":"${ID}","properties":[]}`],
    ['a tenant that is no text', `{"id":"${ID}","tenant":{}}`],
    ['a time that is no number', `{"id":"${ID}","creationTimeUnix":"1"}`],
    ['a time that is not whole', `{"id":"${ID}","lastUpdateTimeUnix":1.5}`],
    ['a vector that is no array', `{"id":"${ID}","vector":"x"}`],
    ['a vector of text', `{"id":"${ID}","vector":["x"]}`],
    ['a vector beyond float32', `{"id":"${ID}","vector":[1e300]}`],
    ['a vector of vectors', `{"id":"${ID}","vector":[[1]]}`],
    ['vectors that are no object', `{"id":"${ID}","vectors":[1]}`],
    ['rows of different lengths', `{"id":"${ID}","vectors":{"v":[[1,2],[1]]}}`],
    ['rows of nothing', `{"id":"${ID}","vectors":{"v":[[],[]]}}`],
    ['a row that is a number', `{"id":"${ID}","vectors":{"v":[[1],2]}}`],
    ['an empty multi vector without dims', `{"id":"${ID}","vectors":{"v":{"rows":[]}}}`],
    ['an empty multi vector with rows', `{"id":"${ID}","vectors":{"v":{"dims":1,"rows":[[1]]}}}`],
    ['a bare word', `{"id":"${ID}","properties":{"a":undefined}}`],
    ['a bare word where nobody looks', `{"id":"${ID}","later":nothing}`],
    ['a line break in text', `{"id":"${ID}","properties":{"a":"\n"}}`],
    ['no colon', `{"id" "${ID}"}`],
    ['no comma', `{"id":"${ID}" "properties":{}}`],
    ['brackets that do not match', `{"id":"${ID}","properties":{"a":[}]}`],
    ['a byte order mark', `\u{FEFF}{"id":"${ID}"}`],
  ])('refuse %s', (_, text) => {
    const error = damage(text)
    expect(error.code).toBe('BACKUP_DAMAGED')
    expect(error.message).toMatch(/^Line 7 of the backup cannot be read: .*\.$/)
    expect(error.details).toEqual({line: 7})
  })

  it.each(['1e999', '-1e309', '10e308', `1${'0'.repeat(309)}`, `${'1'.repeat(250)}e99`, '1.5E+00400'])(
    'refuse a number that no float64 holds, %s, wherever it stands',
    (number) => {
      for (const value of [number, `[1,${number}]`, `{"b":[{"c":${number}}]}`]) {
        expect(damage(`{"id":"${ID}","properties":{"a":${value}}}`).message).toContain('a number is too large')
      }

      // As text it is nobody's concern.
      expect(decode(`{"id":"${ID}","properties":{"a":"${number}"}}`).properties).toEqual({a: number})
    },
  )

  it('refuse bytes that are not UTF-8', () => {
    const line = Buffer.from(`{"id":"${ID}","properties":{"a":"é"}}`)
    const place = line.indexOf(0xc3)
    line[place] = 0xff
    expect(damage(line).code).toBe('BACKUP_DAMAGED')
  })

  it('refuse depth before it costs anything, both ways', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
    const line = (depth: number) => `{"id":"${ID}","properties":{"a":${nested(depth)}}}`
    expect(encode(decode(line(199)))).toContain(nested(199))
    expect(damage(line(200)).message).toContain('nested deeper than 200 levels')
    expect(damage(line(1_000_000)).message).toContain('nested deeper')
    expect(() => encode({id: ID, properties: {a: JSON.parse(nested(200)) as JsonValue}})).toThrow(DataOpsError)
  })

  it('refuse to write what JSON cannot hold, leaving the buffer as it was', () => {
    const out = new ByteBuffer()
    out.text('before')
    const broken: WeaviateObject[] = [
      {id: ID, properties: {a: NaN}},
      {id: ID, properties: {}, vector: new Uint8Array(3)},
      {id: ID, properties: {}, vectors: new Map([['v', {bytes: new Uint8Array(12), dims: 2, kind: 'multi'}]])},
    ]
    for (const bad of broken) {
      expect(() => {
        encodeObjectLine(bad, 'Thing', out)
      }).toThrow(expect.objectContaining({code: 'INVALID_INPUT'}))
    }

    expect(Buffer.from(out.contents()).toString()).toBe('before')
  })

  it('survive any mutation with a typed error or an object', () => {
    const line = Buffer.from(
      encode({
        id: ID,
        properties: {a: [1, {b: 'é'}]},
        vector: new Uint8Array(8),
        vectors: new Map([['v', {bytes: new Uint8Array(8), dims: 1, kind: 'multi'}]]),
      }),
    )
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(line.length - 1), fc.nat(255)), {maxLength: 4, minLength: 1}),
        fc.nat(line.length),
        (edits, end) => {
          const mutated = Buffer.from(line)
          for (const [at, byte] of edits) mutated[at] = byte
          for (const text of [mutated, mutated.subarray(0, end)]) {
            try {
              decode(text)
            } catch (error) {
              expect(error).toBeInstanceOf(DataOpsError)
            }
          }
        },
      ),
      {numRuns: 3000},
    )
  })
})
