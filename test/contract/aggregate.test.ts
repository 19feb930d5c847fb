import {Client, credentials} from '@grpc/grpc-js'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {AggregateReply, AggregateRequest} from '../../src/weaviate/proto/generated/aggregate.js'
import {Filters_Operator} from '../../src/weaviate/proto/generated/weaviate.js'
import {filter, useTarget, uuid} from './target.js'

const {create, target} = useTarget()
let name = ''
let other = ''
let tenants = ''
let client: Client

const TYPES = {
  b: 'boolean',
  bl: 'blob',
  bs: 'boolean[]',
  d: 'date',
  ds: 'date[]',
  e: 'int',
  eb: 'boolean',
  g: 'geoCoordinates',
  i: 'int',
  is: 'int[]',
  n: 'number',
  ns: 'number[]',
  t: 'text',
  ts: 'text[]',
  u: 'uuid',
}

const OBJECTS = [
  {
    b: true,
    bl: 'aGVsbG8=',
    bs: [true, false],
    d: '2020-01-01T00:00:00.000000001Z',
    ds: ['2020-01-01T00:00:00+02:00', '2021-01-01T00:00:00.123456789Z'],
    g: {latitude: 1, longitude: 2},
    i: 1,
    is: [1, 2],
    n: 1.5,
    ns: [0.5, 0.25],
    t: 'Hello World',
    ts: ['a', 'B'],
    u: uuid(7),
  },
  {b: false, d: '2020-01-02T00:00:00.5+01:00', i: 2, is: [2, 2], n: 2.5, t: 'hello', ts: ['a']},
  {b: true, d: '2020-01-03T00:00:00Z', i: 2, is: [], n: -1, t: 'hello', ts: []},
  {i: 4, n: 7},
]

beforeAll(async () => {
  client = new Client(target.grpcUrl, credentials.createInsecure())
  other = await create('Other')
  const properties = Object.entries(TYPES).map(([property, type]) => ({dataType: [type], name: property}))
  name = await create('Aggregated', {
    properties: [...properties, {dataType: [other], name: 'r'}, {dataType: ['int'], indexFilterable: false, name: 'x'}],
  })
  tenants = await create('Tenants', {
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['int'], name: 'i'}],
  })
  await target.rest('POST', `/schema/${tenants}/tenants`, [{name: 'one'}, {name: 'two'}])
  await target.rest('POST', '/batch/objects', {
    objects: [
      ...OBJECTS.map((each, index) => ({class: name, id: uuid(index + 1), properties: {...each, x: index}})),
      ...[5, 7].map((i) => ({class: tenants, id: uuid(i), properties: {i}, tenant: i === 5 ? 'one' : 'two'})),
    ],
  })
})
afterAll(() => {
  client.close()
})

/** What a query of the collection's aggregate is answered: `data` of it, or the first error without its guesses. */
async function ask(query: string, of = name): Promise<unknown> {
  const answer = await target.rest('POST', '/graphql', {query: `{Aggregate{${of}${query}}}`})
  const {data, errors} = answer.json as {
    data?: {Aggregate: Record<string, unknown[]>}
    errors?: Array<{message: string}>
  }
  if (errors)
    return errors[0]!.message
      .replace(/ Did you mean.*/, '')
      .replace(/shard \w+/, 'shard S')
      .replaceAll(of, 'C')
  return data!.Aggregate[of]![0]
}

type Asked = Parameters<typeof AggregateRequest.fromPartial>[0]

async function aggregate(asked: Asked): Promise<unknown> {
  const reply = await new Promise<AggregateReply>((resolve, reject) => {
    client.makeUnaryRequest(
      '/weaviate.v1.Weaviate/Aggregate',
      (request: AggregateRequest) => Buffer.from(AggregateRequest.encode(request).finish()),
      (bytes) => AggregateReply.decode(bytes),
      AggregateRequest.fromPartial({collection: name, ...asked}),
      (error, value) => {
        if (error) reject(error)
        else resolve(value!)
      },
    )
  })
  expect(reply.result?.$case).toBe('singleResult')
  return reply.result!.value
}

const NUMBERS = 'count type minimum maximum mean median mode sum'
const FLAGS = {count: true, maximum: true, mean: true, median: true, minimum: true, mode: true, sum: true, type: true}
const FEW = `(where:{path:"i",operator:LessThan,valueInt:3})`
const NONE = `(where:{path:"i",operator:GreaterThan,valueInt:30})`

describe('Aggregate over GraphQL', () => {
  it('puts numbers together', async () => {
    const i = {count: 4, maximum: 4, mean: 2.25, median: 2, minimum: 1, mode: 2, sum: 9, type: 'int'}
    const n = {count: 4, maximum: 7, mean: 2.5, median: 2, minimum: -1, mode: -1, sum: 10, type: 'number'}
    const is = {count: 4, maximum: 2, mean: 1.75, median: 2, minimum: 1, mode: 2, sum: 7, type: 'int[]'}
    const found = await ask(`{i{${NUMBERS}} n{${NUMBERS}} is{${NUMBERS}} meta{count}}`)
    expect(found).toEqual({i, is, meta: {count: 4}, n})
    const few = {count: 3, maximum: 2.5, mean: 1, median: 1.5, minimum: -1, mode: -1, sum: 3, type: 'number'}
    expect(await ask(`${FEW}{n{${NUMBERS}}}`)).toEqual({n: few})
    const nothing = {maximum: null, mean: null, median: null, minimum: null, mode: null, sum: null}
    expect(await ask(`{e{${NUMBERS}}}`)).toEqual({e: {count: 0, type: 'int', ...nothing}})
    expect(await ask(`${NONE}{n{${NUMBERS}}}`)).toEqual({n: {count: 0, type: 'number', ...nothing}})
  })

  it('puts booleans, texts and references together', async () => {
    const flags = 'count totalTrue totalFalse percentageTrue percentageFalse'
    expect(await ask(`{b{${flags}} bs{${flags} type} eb{${flags}}}`)).toEqual({
      b: {count: 3, percentageFalse: 1 / 3, percentageTrue: 2 / 3, totalFalse: 1, totalTrue: 2},
      bs: {count: 2, percentageFalse: 0.5, percentageTrue: 0.5, totalFalse: 1, totalTrue: 1, type: 'boolean[]'},
      eb: {count: 0, percentageFalse: null, percentageTrue: null, totalFalse: 0, totalTrue: 0},
    })
    const top = 'topOccurrences{value occurs}'
    expect(await ask(`{t{count type ${top}} ts{count topOccurrences(limit:1){occurs}} r{type pointingTo}}`)).toEqual({
      r: {pointingTo: [other], type: 'cref'},
      t: {
        count: 3,
        topOccurrences: [
          {occurs: 2, value: 'hello'},
          {occurs: 1, value: 'Hello World'},
        ],
        type: 'text',
      },
      ts: {count: 3, topOccurrences: [{occurs: 2}]},
    })
    expect(await ask(`${NONE}{t{count ${top}}}`)).toEqual({t: {count: 0, topOccurrences: []}})
  })

  it('has single dates in UTC, and those of a filter or a list as they were written', async () => {
    const dates = 'count minimum maximum median mode'
    expect(await ask(`{d{${dates}} ds{${dates}}}`)).toEqual({
      d: {
        count: 3,
        maximum: '2020-01-03T00:00:00Z',
        median: '2020-01-01T23:00:00.5Z',
        minimum: '2020-01-01T00:00:00.000000001Z',
        mode: expect.stringMatching(/^2020-01-0/) as string,
      },
      ds: {
        count: 2,
        maximum: '2021-01-01T00:00:00.123456789Z',
        median: '2020-07-01T23:00:00.061728394Z',
        minimum: '2020-01-01T00:00:00+02:00',
        mode: expect.stringMatching(/^202[01]-01-01/) as string,
      },
    })
    expect(await ask(`${FEW}{d{median}}`)).toEqual({d: {median: '2020-01-02T00:00:00.5+01:00'}})
  })

  it('answers by the names that are asked for; the last of two fields for one property counts', async () => {
    expect(await ask('{__typename i{count} x2:i{c:count m:mode}}')).toEqual({
      __typename: `Aggregate${name}`,
      i: {count: 4},
      x2: {c: 4, m: 2},
    })
    expect(await ask('(limit:1){meta{count}}')).toEqual({meta: {count: 4}})
    expect(await ask('(tenant:"two"){meta{count} i{sum}}', tenants)).toEqual({i: {sum: 7}, meta: {count: 1}})
  })

  it('refuses what a property does not have', async () => {
    expect(await ask('{t{minimum}}')).toBe('Cannot query field "minimum" on type "AggregateCtObj".')
    expect(await ask('{d{mean}}')).toBe('Cannot query field "mean" on type "AggregateCdObj".')
    expect(await ask('{r{count}}')).toBe('Cannot query field "count" on type "AggregateCrObj".')
    expect(await ask('{u{count}}')).toBe('Cannot query field "u" on type "AggregateC".')
    expect(await ask('{t}')).toBe('Field "t" of type "AggregateCtObj" must have a sub selection.')
    expect(await ask('{bl{count}}')).toBe('shard S: aggregate properties: property bl: unrecoginzed dataType blob')
    expect(await ask('{x{count}}')).toBe('shard S: aggregate properties: property x: could not find bucket for prop x')
    expect(await ask('(objectLimit:1){meta{count}}')).toBe(
      'objectLimit can only be used with a near<Media> or hybrid filter',
    )
    expect(await ask(`${FEW}{x{sum}}`)).toEqual({x: {sum: 3}})
  })
})

const few = filter(Filters_Operator.OPERATOR_LESS_THAN, 'i', {$case: 'valueInt', value: 3n})

describe('Aggregate over gRPC', () => {
  const of = (property: string, aggregation: object): object => ({aggregation, property})

  it('puts together what is asked', async () => {
    const aggregations = [
      of('i', {$case: 'int', value: FLAGS}),
      of('n', {$case: 'number', value: {count: true, mean: true}}),
      of('t', {$case: 'text', value: {topOccurences: true, topOccurencesLimit: 1}}),
      of('b', {$case: 'boolean', value: {totalTrue: true}}),
      of('d', {$case: 'date', value: {maximum: true, type: true}}),
      of('r', {$case: 'reference', value: {pointingTo: true, type: true}}),
      of('e', {$case: 'int', value: {mean: true}}),
    ]
    const found = await aggregate({aggregations, objectsCount: true})
    expect(found).toMatchObject({aggregations: {aggregations: {length: aggregations.length}}, objectsCount: 4n})
    const {aggregations: all} = (
      found as {aggregations: {aggregations: Array<{aggregation: object; property: string}>}}
    ).aggregations
    expect(Object.fromEntries(all.map(({aggregation, property}) => [property, aggregation]))).toEqual({
      b: {
        $case: 'boolean',
        value: {
          count: 3n,
          percentageFalse: 1 / 3,
          percentageTrue: 2 / 3,
          totalFalse: 1n,
          totalTrue: 2n,
          type: '',
        },
      },
      d: {$case: 'date', value: {maximum: '2020-01-03T00:00:00Z', type: 'date'}},
      e: {$case: 'int', value: {}},
      i: {
        $case: 'int',
        value: {count: 4n, maximum: 4n, mean: 2.25, median: 2, minimum: 1n, mode: 2n, sum: 9n, type: 'int'},
      },
      n: {$case: 'number', value: {count: 4n, mean: 2.5, type: ''}},
      r: {$case: 'reference', value: {pointingTo: [other], type: 'cref'}},
      t: {$case: 'text', value: {count: 3n, topOccurences: {items: [{occurs: 2n, value: 'hello'}]}, type: ''}},
    })
  })

  it('counts nothing when no count is asked for; filters; knows tenants', async () => {
    const int = of('i', {$case: 'int', value: {sum: true}})
    expect(await aggregate({aggregations: [int], filters: few})).toEqual({
      aggregations: {aggregations: [{aggregation: {$case: 'int', value: {sum: 5n, type: ''}}, property: 'i'}]},
      objectsCount: 0n,
    })
    expect(await aggregate({aggregations: [int], collection: tenants, objectsCount: true, tenant: 'one'})).toEqual({
      aggregations: {aggregations: [{aggregation: {$case: 'int', value: {sum: 5n, type: ''}}, property: 'i'}]},
      objectsCount: 1n,
    })
    const empty = await aggregate({aggregations: [of('eb', {$case: 'boolean', value: {count: true}})]})
    expect(empty).toMatchObject({aggregations: {aggregations: [{aggregation: {value: {percentageTrue: NaN}}}]}})
  })

  it('refuses a property that is not there', async () => {
    const nope = aggregate({aggregations: [of('nope', {$case: 'int', value: {sum: true}})]})
    await expect(nope).rejects.toMatchObject({
      code: 2,
      details: expect.stringContaining("no such prop with name 'nope' found in class") as string,
    })
    const geo = aggregate({aggregations: [of('g', {$case: 'text', value: {count: true}})]})
    await expect(geo).rejects.toThrow(/aggregate: shard \w+: aggregate properties: property g: dataType geoCoordinates/)
  })
})
