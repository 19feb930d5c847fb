/* eslint-disable @typescript-eslint/no-unsafe-argument -- answers are read as they come: a wrong shape fails the expectation */

import {beforeAll, describe, expect, it} from 'vitest'

import {type Filters, type FilterTarget, Filters_Operator as Op} from '../../src/weaviate/proto/generated/weaviate.js'
import {filter, idsOf, useTarget, uuid} from './target.js'

const {create, target} = useTarget()
let books = ''
let people = ''
let shelves = ''

const BOOKS: Array<Record<string, unknown>> = [
  {a: 'Alpha beta', f: 'Alpha beta', i: 1, n: 1.5, d: '2020-01-01T00:00:09Z', b: true, tags: ['x', 'y'], ints: [1, 2]},
  {a: 'beta gamma', f: 'alpha BETA', i: 2, n: 2.5, d: '2020-01-01T01:00:09+01:00', b: false, tags: ['y'], ints: [3]},
  {a: 'the alpha', f: 'x', i: 3, n: -1, d: '2020-01-01T00:00:09.000Z', tags: [], u: uuid(7)},
  {a: 'Beta', i: 4, d: '2021-05-05T00:00:00.123456789Z', place: {latitude: 52.37, longitude: 4.9}},
  {place: {latitude: 48.85, longitude: 2.35}, u: uuid(8), len: 'héllo'},
]

beforeAll(async () => {
  people = await create('People', {properties: [{dataType: ['text'], name: 'name'}]})
  books = await create('Books', {
    invertedIndexConfig: {indexNullState: true, indexPropertyLength: true, indexTimestamps: true},
    properties: [
      {dataType: ['text'], name: 'a'},
      {dataType: ['text'], name: 'f', tokenization: 'field'},
      {dataType: ['int'], name: 'i'},
      {dataType: ['number'], name: 'n'},
      {dataType: ['date'], name: 'd'},
      {dataType: ['boolean'], name: 'b'},
      {dataType: ['text[]'], name: 'tags'},
      {dataType: ['int[]'], name: 'ints'},
      {dataType: ['uuid'], name: 'u'},
      {dataType: ['geoCoordinates'], name: 'place'},
      {dataType: ['text'], name: 'len'},
      {dataType: ['text'], indexFilterable: false, indexSearchable: false, name: 'bare'},
      {dataType: [people], name: 'by'},
    ],
  })
  shelves = await create('Shelves', {properties: [{dataType: [books, people], name: 'holds'}]})
  for (const [index, name] of ['Ann', 'Bob'].entries())
    await target.rest('POST', '/objects', {class: people, id: uuid(100 + index), properties: {name}})
  const beacon = (name: string, number: number) => ({beacon: `weaviate://localhost/${name}/${uuid(number)}`})
  const by: Record<number, unknown[]> = {0: [beacon(people, 100)], 1: [beacon(people, 100), beacon(people, 101)]}
  for (const [index, properties] of BOOKS.entries()) {
    const {status, text} = await target.rest('POST', '/objects', {
      class: books,
      id: uuid(index + 1),
      properties: {...properties, ...(by[index] && {by: by[index]})},
    })
    if (status !== 200) throw new Error(text)
  }

  const holds = [beacon(books, 1), beacon(people, 101)]
  await target.rest('POST', '/objects', {class: shelves, id: uuid(200), properties: {holds}})
})

const text = (value: string): Filters['testValue'] => ({$case: 'valueText', value})
const int = (value: number): Filters['testValue'] => ({$case: 'valueInt', value: BigInt(value)})
const texts = (...values: string[]): Filters['testValue'] => ({$case: 'valueTextArray', value: {values}})
const flag = (value: boolean): Filters['testValue'] => ({$case: 'valueBoolean', value})
const group = (operator: Op, ...filters: Filters[]): Filters => ({
  filters,
  on: [],
  operator,
  target: undefined,
  testValue: undefined,
})
const at = (operator: Op, place: FilterTarget, testValue: Filters['testValue']): Filters => ({
  filters: [],
  on: [],
  operator,
  target: place,
  testValue,
})
const byName: FilterTarget = {
  target: {$case: 'singleTarget', value: {on: 'by', target: {target: {$case: 'property', value: 'name'}}}},
}

async function found(filters: Filters, collection = books): Promise<number[]> {
  const ids = idsOf(await target.grpc('search', {collection, filters, limit: 100, metadata: {uuid: true}}))
  return ids.map((id) => Number.parseInt(id.slice(-4), 16)).toSorted((a, b) => a - b)
}

describe('filters over gRPC', () => {
  it.each<[string, Filters, number[]]>([
    [
      'Or',
      group(Op.OPERATOR_OR, filter(Op.OPERATOR_EQUAL, 'i', int(1)), filter(Op.OPERATOR_EQUAL, 'i', int(3))),
      [1, 3],
    ],
    ['two ids', filter(Op.OPERATOR_CONTAINS_ANY, '_id', texts(uuid(1), uuid(4))), [1, 4]],
    ['none of two ids', filter(Op.OPERATOR_CONTAINS_NONE, '_id', texts(uuid(1), uuid(4))), [2, 3, 5]],
    ['Not', group(Op.OPERATOR_NOT, filter(Op.OPERATOR_GREATER_THAN, 'i', int(2))), [1, 2, 5]],
    ['all words', filter(Op.OPERATOR_EQUAL, 'a', text('BETA alpha')), [1]],
    ['words without stop words', filter(Op.OPERATOR_EQUAL, 'a', text('the alpha')), [1, 3]],
    ['NotEqual of a text', filter(Op.OPERATOR_NOT_EQUAL, 'a', text('beta')), [3, 5]],
    ['a whole field', filter(Op.OPERATOR_EQUAL, 'f', text('Alpha beta')), [1]],
    ['Like of a field', filter(Op.OPERATOR_LIKE, 'f', text('alpha*')), [2]],
    ['Like of words', filter(Op.OPERATOR_LIKE, 'a', text('ALPH?')), [1, 3]],
    ['a number as text', filter(Op.OPERATOR_GREATER_THAN, 'n', text('1')), [1, 2]],
    ['an int as number', filter(Op.OPERATOR_LESS_THAN_EQUAL, 'i', {$case: 'valueNumber', value: 2}), [1, 2]],
    ['NotEqual of an int', filter(Op.OPERATOR_NOT_EQUAL, 'i', int(2)), [1, 3, 4, 5]],
    ['a boolean', filter(Op.OPERATOR_EQUAL, 'b', flag(false)), [2]],
    ['a moment in other words', filter(Op.OPERATOR_EQUAL, 'd', text('2020-01-01T00:00:09+00:00')), [1, 2, 3]],
    ['a nanosecond', filter(Op.OPERATOR_GREATER_THAN, 'd', text('2021-05-05T00:00:00.123456788Z')), [4]],
    ['none of dates', filter(Op.OPERATOR_CONTAINS_NONE, 'd', texts('2020-01-01T00:00:09Z')), [4, 5]],
    ['any of an array', filter(Op.OPERATOR_CONTAINS_ANY, 'tags', texts('x', 'z')), [1]],
    ['all of an array', filter(Op.OPERATOR_CONTAINS_ALL, 'tags', texts('x', 'y')), [1]],
    ['Equal in an array', filter(Op.OPERATOR_EQUAL, 'ints', int(3)), [2]],
    ['a uuid', filter(Op.OPERATOR_EQUAL, 'u', text(uuid(7))), [3]],
    ['IsNull', filter(Op.OPERATOR_IS_NULL, 'i', flag(true)), [5]],
    ['IsNull of an array', filter(Op.OPERATOR_IS_NULL, 'tags', flag(true)), [3, 4, 5]],
    ['not IsNull', filter(Op.OPERATOR_IS_NULL, 'f', flag(false)), [1, 2, 3]],
    ['the length of an array', filter(Op.OPERATOR_EQUAL, 'len(tags)', int(2)), [1]],
    ['the length of what is empty', filter(Op.OPERATOR_EQUAL, 'len(tags)', int(0)), [3, 4, 5]],
    ['the length of a text', filter(Op.OPERATOR_EQUAL, 'len(len)', int(5)), [5]],
    ['a reference', at(Op.OPERATOR_EQUAL, byName, text('Ann')), [1, 2]],
    ['one of references', at(Op.OPERATOR_EQUAL, byName, text('bob')), [2]],
    [
      'the count of references',
      at(Op.OPERATOR_GREATER_THAN_EQUAL, {target: {$case: 'count', value: {on: 'by'}}}, int(1)),
      [1, 2],
    ],
    ['no reference', at(Op.OPERATOR_EQUAL, {target: {$case: 'count', value: {on: 'by'}}}, int(0)), [3, 4, 5]],
    [
      'a geo range',
      filter(Op.OPERATOR_WITHIN_GEO_RANGE, 'place', {
        $case: 'valueGeo',
        value: {distance: 5000, latitude: 52.4, longitude: 4.9},
      }),
      [4],
    ],
    [
      'creation by date',
      filter(Op.OPERATOR_GREATER_THAN, '_creationTimeUnix', text('2020-01-01T00:00:00Z')),
      [1, 2, 3, 4, 5],
    ],
    ['creation before a date', filter(Op.OPERATOR_LESS_THAN, '_creationTimeUnix', text('2020-01-01T00:00:00Z')), []],
  ])('%s', async (_, filters, expected) => {
    expect(await found(filters)).toEqual(expected)
  })

  it('through references to several classes', async () => {
    const through = (targetCollection: string, property: string): FilterTarget => ({
      target: {
        $case: 'multiTarget',
        value: {on: 'holds', target: {target: {$case: 'property', value: property}}, targetCollection},
      },
    })
    expect(await found(at(Op.OPERATOR_EQUAL, through(people, 'name'), text('Bob')), shelves)).toEqual([200])
    expect(await found(at(Op.OPERATOR_EQUAL, through(people, 'name'), text('Ann')), shelves)).toEqual([])
    expect(await found(at(Op.OPERATOR_EQUAL, through(books, 'i'), int(1)), shelves)).toEqual([200])
  })

  it.each<[string, Filters, RegExp]>([
    ['only stop words', filter(Op.OPERATOR_EQUAL, 'a', text('the of')), /only stopwords provided/],
    ['Like on an int', filter(Op.OPERATOR_LIKE, 'i', int(1)), /./],
    ['a property without an index', filter(Op.OPERATOR_EQUAL, 'bare', text('x')), /requires inverted index/],
    ['a property that is not there', filter(Op.OPERATOR_EQUAL, 'nope', text('x')), /no such prop with name 'nope'/],
    ['a word where an int is', filter(Op.OPERATOR_EQUAL, 'i', text('word')), /integer value/],
    [
      'a number with a fraction where an int is',
      filter(Op.OPERATOR_EQUAL, 'i', {$case: 'valueNumber', value: 1.5}),
      /floating point number/,
    ],
    ['Like on a uuid', filter(Op.OPERATOR_LIKE, 'u', text('*')), /operator "Like" cannot be used on uuid/],
    ['a length below zero', filter(Op.OPERATOR_EQUAL, 'len(tags)', int(-1)), /positive property length/],
    ['no value', filter(Op.OPERATOR_EQUAL, 'i', undefined), /unknown value type/],
    ['a date that is none', filter(Op.OPERATOR_EQUAL, 'd', text('yesterday')), /RFC3339/],
  ])('refuse %s', async (_, filters, message) => {
    const {details} = await target.grpcFailure('search', {collection: books, filters, limit: 1})
    expect(details).toMatch(message)
  })

  it('need their indexes', async () => {
    for (const [filters, message] of [
      [filter(Op.OPERATOR_IS_NULL, 'name', flag(true)), /Nullstate must be indexed/],
      [filter(Op.OPERATOR_EQUAL, 'len(name)', int(1)), /Property length must be indexed/],
      [
        filter(Op.OPERATOR_GREATER_THAN, '_creationTimeUnix', text('2020-01-01T00:00:00Z')),
        /Timestamps must be indexed/,
      ],
    ] as const)
      expect((await target.grpcFailure('search', {collection: people, filters, limit: 1})).details).toMatch(message)
  })
})

describe('sorting', () => {
  const sorted = async (path: string, ascending: boolean): Promise<number[]> => {
    const sortBy = [{ascending, path: [path]}]
    const ids = idsOf(await target.grpc('search', {collection: books, limit: 100, metadata: {uuid: true}, sortBy}))
    return ids.map((id) => Number.parseInt(id.slice(-4), 16))
  }

  it.each<[string, boolean, number[]]>([
    ['i', true, [5, 1, 2, 3, 4]],
    ['i', false, [4, 3, 2, 1, 5]],
    ['n', true, [4, 5, 3, 1, 2]],
    ['a', true, [5, 1, 4, 2, 3]],
    ['_id', false, [5, 4, 3, 2, 1]],
  ])('by %s, going up: %s', async (path, ascending, expected) => {
    expect(await sorted(path, ascending)).toEqual(expected)
  })

  it.each([
    ['u', /sorting by uuid is currently not supported/],
    ['by', /sorting by reference not supported/],
    ['nope', /no such prop/],
  ])('by %s is refused', async (path, message) => {
    const sortBy = [{ascending: true, path: [path]}]
    expect((await target.grpcFailure('search', {collection: books, limit: 1, sortBy})).details).toMatch(message)
  })
})

describe('filters over REST', () => {
  const count = async (where: object) => {
    const answer = await target.rest('DELETE', '/batch/objects', {dryRun: true, match: {class: books, where}})
    return answer.status === 200 ? (answer.json as {results: {matches: number}}).results.matches : answer.status
  }

  it.each<[object, number]>([
    [
      {
        operands: [
          {operator: 'Equal', path: ['i'], valueInt: 1},
          {operator: 'Equal', path: ['i'], valueInt: 2},
        ],
        operator: 'Or',
      },
      2,
    ],
    [{operator: 'Equal', path: ['d'], valueDate: '2020-01-01T00:00:09.000Z'}, 3],
    [{operator: 'ContainsAny', path: ['tags'], valueTextArray: ['x', 'y']}, 2],
    [{operator: 'Like', path: ['f'], valueText: 'alpha*'}, 1],
    [{operator: 'IsNull', path: ['i'], valueBoolean: true}, 1],
    [{operator: 'GreaterThan', path: ['_creationTimeUnix'], valueDate: '2020-01-01T00:00:00Z'}, 5],
    // Both find nothing by geo coordinates here, where a search does.
    [
      {
        operator: 'WithinGeoRange',
        path: ['place'],
        valueGeoRange: {distance: {max: 5000}, geoCoordinates: {latitude: 52.4, longitude: 4.9}},
      },
      0,
    ],
  ])('%j', async (where, expected) => {
    expect(await count(where)).toBe(expected)
  })

  it.each([
    {operator: 'Equal', path: ['i'], valueText: '1'},
    {operator: 'Equal', path: ['a'], valueInt: 1},
    {operator: 'Like', path: ['i'], valueText: '1'},
    {operator: 'Nope', path: ['i'], valueInt: 1},
    {operator: 'Equal', path: ['i']},
    {operator: 'And', path: ['i']},
    {operator: 'And', operands: []},
    {operator: 'Equal', path: [], valueInt: 1},
    {operator: 'Equal', path: ['i'], valueInt: 1, valueText: 'a'},
    {operator: 'Equal', path: ['by'], valueText: 'a'},
    {operator: 'Equal', path: ['u'], valueInt: 1},
  ])('refuse %j', async (where) => {
    const answer = await target.rest('DELETE', '/batch/objects', {dryRun: true, match: {class: books, where}})
    expect(answer.status, answer.text).toBe(422)
  })
})

describe('what the index has of a value', () => {
  let kinds = ''
  const matching = async (where: object): Promise<unknown> => {
    const match = {class: kinds, where}
    const answer = await target.rest('DELETE', '/batch/objects', {dryRun: true, match, output: 'verbose'})
    const {error, results} = answer.json as {
      error?: Array<{message: string}>
      results?: {objects: Array<{id: string}> | null}
    }
    return (
      error?.[0]?.message.replace(/shard "\w+"/, 'shard S') ??
      (results!.objects ?? []).map(({id}) => id.slice(-1)).toSorted()
    )
  }

  const isNull = async (property: string): Promise<unknown> =>
    Promise.all(
      [true, false].map(async (valueBoolean) => matching({operator: 'IsNull', path: [property], valueBoolean})),
    )
  const refused = 'batch delete objects: cannot find objects: find matching doc ids in shard S: docIds: '

  beforeAll(async () => {
    const types = {bl: 'blob', d: 'date', g: 'geoCoordinates', t: 'text', ts: 'text[]', u: 'uuid', us: 'uuid[]'}
    kinds = await create('Kinds', {
      invertedIndexConfig: {indexNullState: true, indexPropertyLength: true},
      properties: Object.entries(types).map(([property, type]) => ({dataType: [type], name: property})),
    })
    await target.rest('POST', `/schema/${kinds}/properties`, {dataType: [kinds], name: 'r'})
    const full = {bl: 'AAAA', d: '0001-01-01T00:00:00Z', g: {latitude: 1, longitude: 2}, u: uuid(1), us: [uuid(1)]}
    const objects = [
      {...full, t: 'hello world', ts: ['a', '']},
      {},
      {d: '9999-12-31T23:59:59Z', r: [], t: '', ts: [], us: []},
      {d: '2020-01-01T00:00:00Z', t: ' '},
    ].map((properties, index) => ({class: kinds, id: uuid(index + 1), properties}))
    await target.rest('POST', '/batch/objects', {objects})
  })

  it('tells empty texts and lists as null, no references as neither, and of blobs and places nothing', async () => {
    expect(await isNull('t')).toEqual([
      ['2', '3'],
      ['1', '4'],
    ])
    expect(await isNull('us')).toEqual([['2', '3', '4'], ['1']])
    expect(await isNull('r')).toEqual([['1', '2', '4'], []])
    expect(await isNull('bl')).toEqual([[], []])
    expect(await isNull('g')).toEqual([[], []])
  })

  it('has the length of texts and lists only', async () => {
    expect(await matching({operator: 'Equal', path: ['len(t)'], valueInt: 0})).toEqual(['2', '3'])
    expect(await matching({operator: 'GreaterThan', path: ['len(ts)'], valueInt: 1})).toEqual(['1'])
    expect(await matching({operator: 'GreaterThan', path: ['len(u)'], valueInt: 0})).toEqual([])
    expect(await matching({operator: 'Equal', path: ['len(d)'], valueInt: 0})).toBe(
      `${refused}resolve doc ids for prop/value pair: bucket for prop d_propertyLength not found - is it indexed?`,
    )
  })

  it('wraps dates that are centuries away', async () => {
    expect(await matching({operator: 'LessThan', path: ['d'], valueDate: '1900-01-01T00:00:00Z'})).toEqual(['1', '3'])
    expect(await matching({operator: 'GreaterThan', path: ['d'], valueDate: '9999-12-30T00:00:00Z'})).toEqual([
      '3',
      '4',
    ])
  })

  it('is looked for by any word of a list that is no stop word', async () => {
    const path = ['t']
    expect(await matching({operator: 'ContainsAny', path, valueTextArray: ['the', 'hello']})).toEqual(['1'])
    const onlyStopwords = 'invalid search term, only stopwords provided'
    expect(await matching({operator: 'ContainsAny', path, valueTextArray: ['the', 'a']})).toContain(onlyStopwords)
    expect(await matching({operator: 'ContainsAll', path, valueTextArray: ['the', 'hello']})).toContain(onlyStopwords)
    expect(await matching({operator: 'ContainsAny', path: ['id'], valueText: uuid(1)})).toBe(
      `${refused}value type should be []string but is string`,
    )
  })
})
