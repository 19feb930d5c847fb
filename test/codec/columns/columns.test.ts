import {describe, expect, it} from 'vitest'

import type {JsonObject, JsonValue, WeaviateObject} from '../../../src/model/object.js'
import type {WeaviateClass} from '../../../src/model/schema.js'

import {columnShape, parseColumns, partColumns} from '../../../src/codec/columns/columns.js'
import {pagesOf} from '../../../src/codec/columns/decode.js'
import {ColumnsBuilder} from '../../../src/codec/columns/encode.js'
import {jsonText} from '../../../src/codec/columns/json-text.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {floats} from '../part-sample.js'

const classOf = (...properties: Array<[name: string, type: string]>): WeaviateClass => ({
  class: 'C',
  properties: properties.map(([name, type]) => ({dataType: [type], name})),
  vectorIndexType: 'hnsw',
})

describe('partColumns', () => {
  it('names columns as docs/format.md does', () => {
    const schema = {
      ...classOf(['title', 'text'], ['of', 'Other']),
      multiTenancyConfig: {enabled: true},
      vectorConfig: {colbert: {vectorIndexConfig: {multivector: {enabled: true}}}, title: {}},
    }
    expect(partColumns(schema)).toEqual([
      {name: 'id', role: 'id'},
      {name: 'tenant', role: 'tenant'},
      {name: 'creation_time', role: 'creation_time'},
      {name: 'update_time', role: 'update_time'},
      {name: 'title', property: 'title', role: 'property', type: 'text'},
      {name: 'of', property: 'of', role: 'property', type: 'cref'},
      {name: 'vector', role: 'vector'},
      {name: 'vector_colbert', role: 'named_vector', vector: 'colbert', vectorKind: 'multi'},
      {name: 'vector_title', role: 'named_vector', vector: 'title', vectorKind: 'single'},
      {name: '_exceptions', role: 'exceptions'},
    ])
  })

  it('lets properties keep their names, compared without case', () => {
    const schema = {
      ...classOf(
        ['Vector', 'text'],
        ['_vector', 'text'],
        ['creation_Time', 'int'],
        ['_exceptions', 'text'],
        ['A', 'int'],
        ['a', 'int'],
      ),
      vectorConfig: {x: {}, X: {}},
    }
    expect(partColumns(schema).map(({name}) => name)).toEqual([
      'id',
      '_creation_time',
      'update_time',
      'Vector',
      '_vector',
      'creation_Time',
      '_exceptions',
      'A',
      'a',
      '__vector',
      'vector_x',
      '_vector_X',
      '__exceptions',
    ])
  })

  it('has no column for a vector that the class does not have', () => {
    const named = partColumns({class: 'C', vectorConfig: {x: {}}})
    expect(named.map(({role}) => role)).not.toContain('vector')
    expect(partColumns({class: 'C'}).map(({role}) => role)).toContain('vector')
  })
})

describe('columnShape', () => {
  it('takes what it does not know for JSON', () => {
    for (const type of ['phoneNumber', 'object', 'object[]', 'cref', 'quaternion', 'toString', undefined]) {
      expect(columnShape({name: 'p', property: 'p', role: 'property', type})).toMatchObject({kind: 'json', lists: 0})
    }

    expect(columnShape({name: 'p', property: 'p', role: 'property', type: 'blobHash'})).toMatchObject({leaf: 'text'})
    expect(columnShape({name: 'p', property: 'p', role: 'property', type: 'int[]'})).toMatchObject({
      leaf: 'int64',
      lists: 1,
    })
  })
})

/** The exceptions of one object. */
function exceptionsOf(schema: WeaviateClass, object: Partial<WeaviateObject>): JsonObject | undefined {
  const builder = new ColumnsBuilder(partColumns(schema), 'arrow')
  builder.append({id: 'x', properties: {}, ...object})
  const leaf = builder.take().columns.at(-1)!.leaves[0]!
  const text = new TextDecoder().decode(leaf.bytes)
  return text === '' ? undefined : (JSON.parse(text) as JsonObject)
}

describe('exceptions', () => {
  it.each<[type: string, exact: JsonValue[], exceptional: JsonValue[]]>([
    ['text', ['text', '', '\u{FEFF}', '\0', '😀'], ['\u{D800}', 1, ['a']]],
    ['int', [0, 2 ** 53, -(2 ** 63), 2 ** 63 - 1024], [-0, 2 ** 63, 1.5, '1', 1e300]],
    ['number', [-0, 5e-324, 1e300], ['1', true]],
    ['boolean', [true, false], [0, 'true']],
    [
      'geoCoordinates',
      [
        {latitude: -0, longitude: 0.5},
        {latitude: 0.1, longitude: 52.3932},
      ],
      [{latitude: Math.fround(0.1), longitude: 0}, {latitude: 1}, {altitude: 1, latitude: 1, longitude: 1}, 'x'],
    ],
    ['text[]', [[], ['a', '']], [['a', null], [['a']], 'a', ['\u{DC00}']]],
    ['int[]', [[], [1, -1]], [[1, -0], [null], [1.5]]],
    ['number[]', [[-0]], [[null]]],
    ['boolean[]', [[true]], [[true, 1]]],
  ])('%s', (type, exact, exceptional) => {
    const schema = classOf(['p', type])
    for (const value of exact) expect(exceptionsOf(schema, {properties: {p: value}})).toBeUndefined()
    for (const value of exceptional) expect(exceptionsOf(schema, {properties: {p: value}})).toEqual({p: value})
  })

  it('keep what has no column', () => {
    const schema = {...classOf(['p', 'text']), vectorConfig: {m: {vectorIndexConfig: {multivector: {enabled: true}}}}}
    expect(exceptionsOf(schema, {properties: {toString: 'own', unknown: 1}})).toEqual({toString: 'own', unknown: 1})
    expect(exceptionsOf(schema, {vectors: new Map([['other', {bytes: floats(1), kind: 'single'}]])})).toEqual({
      'vector:other': {hex: '0000803f', kind: 'single'},
    })
    expect(
      exceptionsOf(schema, {vectors: new Map([['m', {bytes: new Uint8Array(0), dims: 3, kind: 'multi'}]])}),
    ).toEqual({
      'vector:m': {dims: 3, hex: '', kind: 'multi'},
    })
    expect(exceptionsOf(schema, {vector: new Uint8Array(3)})).toEqual({'vector:': {hex: '000000', kind: 'single'}})
  })

  it('do not take what objects inherit for properties', () => {
    expect(
      exceptionsOf(classOf(['toString', 'text'], ['__proto__', 'int'], ['constructor', 'object']), {}),
    ).toBeUndefined()
  })

  it('refuse a tenant where there are none', () => {
    expect(() => exceptionsOf(classOf(), {tenant: 't'})).toThrow(DataOpsError)
  })
})

describe('jsonText', () => {
  it('keeps negative zero, null, escapes and own __proto__', () => {
    const text = String.raw`{"a":[-0,1,{"b":null,"c":-0}],"__proto__":{"\ud800":"\"\n"}}`
    expect(jsonText(JSON.parse(text) as JsonValue)).toBe(text)
    expect(Object.is((JSON.parse(jsonText({z: -0})) as {z: number}).z, -0)).toBe(true)
  })

  it('refuses numbers that JSON does not have', () => {
    for (const value of [NaN, Infinity, [-0, NaN], {a: -Infinity}]) {
      expect(() => jsonText(value)).toThrow(DataOpsError)
    }
  })
})

describe('pagesOf', () => {
  const object = (length: number): WeaviateObject => ({id: 'x', properties: {text: 'x'.repeat(length)}})

  it('cuts at the bytes, and leaves alone what is little more', () => {
    const sizes = (objects: WeaviateObject[], bytes: number) =>
      [...pagesOf(objects, 10, bytes)].map((page) => [page.firstRow, page.objects.length])
    expect(sizes([object(5000), object(5000), object(5000)], 6000)).toEqual([
      [10, 1],
      [11, 1],
      [12, 1],
    ])
    expect(sizes([object(50_000), object(100), object(100)], 6000)).toEqual([
      [10, 1],
      [11, 2],
    ])
    expect(sizes([object(4000), object(4000)], 6000)).toEqual([[10, 2]])
    expect(sizes([], 6000)).toEqual([])
  })
})

describe('parseColumns', () => {
  it('takes columns, and nothing else', () => {
    const columns = partColumns(classOf(['p', 'text']))
    expect(parseColumns(JSON.stringify(columns))).toEqual(columns)
    for (const text of [undefined, '', '{', '{}', '[1]', '[null]', '[{"name":1}]', '[{"name":"a","role":"b"}]']) {
      expect(parseColumns(text)).toBeUndefined()
    }
  })
})
