import {beforeAll, describe, expect, it} from 'vitest'

import {useTarget, uuid, withName} from './target.js'

const {create, target} = useTarget()
let name = ''
let other = ''
let tenants = ''

/** `A`, `O` and `T` stand for the names of the classes. */
async function ask(query: string): Promise<{data?: Record<string, Record<string, unknown>>; errors?: object[]}> {
  const named = withName(withName(withName(query, '$A', name), '$O', other), '$T', tenants)
  const answer = await target.rest('POST', '/graphql', {query: named})
  expect(answer.status).toBe(200)
  return answer.json as Awaited<ReturnType<typeof ask>>
}

const listed = async (query: string): Promise<unknown> => {
  const {data, errors} = await ask(`{Get{$A${query}}}`)
  expect(errors).toBeUndefined()
  return data?.Get?.[name]
}

const failed = async (query: string): Promise<string> => {
  const {errors} = await ask(query)
  const [error] = (errors ?? []) as Array<{message: string}>
  return error?.message ?? 'no error'
}

beforeAll(async () => {
  other = await create('Other', {properties: [{dataType: ['text'], name: 'n'}]})
  tenants = await create('Tenants', {
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['int'], name: 'i'}],
  })
  name = await create('Graph', {
    invertedIndexConfig: {indexTimestamps: true},
    properties: [
      {dataType: ['text'], name: 't'},
      {dataType: ['int'], name: 'i'},
      {dataType: ['date'], name: 'd'},
      {dataType: ['geoCoordinates'], name: 'g'},
      {dataType: ['object'], name: 'o', nestedProperties: [{dataType: ['int'], name: 'a'}]},
      {dataType: ['text[]'], name: 'l', tokenization: 'field'},
      {dataType: [other], name: 'r'},
    ],
  })
  await target.rest('POST', '/objects', {class: other, id: uuid(9), properties: {n: 'linked'}})
  const full = {
    d: '2020-01-01T00:00:00Z',
    g: {latitude: 1.5, longitude: 2},
    i: 3,
    l: ['a', 'b'],
    o: {a: 1},
    r: [{beacon: `weaviate://localhost/${other}/${uuid(9)}`}],
    t: 'hello',
  }
  const objects = [
    {class: name, id: uuid(1), properties: full, vector: [1, 2]},
    {class: name, id: uuid(2), properties: {i: 1, l: ['c']}},
    {class: name, id: uuid(3), properties: {}},
  ]
  await target.rest('POST', '/batch/objects', {objects})
  await target.rest('POST', `/schema/${tenants}/tenants`, [{name: 'x'}])
  await target.rest('POST', '/objects', {class: tenants, id: uuid(1), properties: {i: 7}, tenant: 'x'})
})

describe('Get', () => {
  it('shows what is asked of properties, references and additional', async () => {
    const fields = 't i d g{latitude longitude} o{a} l r{... on $O{n _additional{id}}} _additional{id vector score}'
    expect(await listed(`(limit:2){${fields}}`)).toEqual([
      {
        _additional: {id: uuid(1), score: '0', vector: [1, 2]},
        d: '2020-01-01T00:00:00Z',
        g: {latitude: 1.5, longitude: 2},
        i: 3,
        l: ['a', 'b'],
        o: {a: 1},
        r: [{_additional: {id: uuid(9)}, n: 'linked'}],
        t: 'hello',
      },
      {
        _additional: {id: uuid(2), score: '0', vector: []},
        d: null,
        g: null,
        i: 1,
        l: ['c'],
        o: null,
        r: null,
        t: null,
      },
    ])
  })

  it.each([
    ['where:{operator:Equal path:"t" valueText:"hello"}', [3]],
    ['where:{operator:GreaterThan path:["i"] valueInt:0}', [3, 1]],
    ['where:{operator:ContainsAny path:["l"] valueText:["b","c"]}', [3, 1]],
    ['where:{operator:ContainsAll path:["l"] valueString:["a","b"]}', [3]],
    [
      'where:{operator:And operands:[{path:["i"] operator:Equal valueInt:3},{path:["_creationTimeUnix"] operator:GreaterThan valueText:"100"}]}',
      [3],
    ],
    ['where:{operator:Equal path:["r","$O","n"] valueText:"linked"}', [3]],
    ['sort:[{path:["i"] order:desc}] limit:2', [3, 1]],
    ['sort:{path:"i" order:asc}', [null, 1, 3]],
    ['offset:1 limit:1', [1]],
    ['offset:1 limit:0', []],
    ['offset:1 limit:-1', [1, null]],
    [`after:"${uuid(1)}" limit:5`, [1, null]],
    ['after:"" limit:1', [3]],
  ])('%s', async (given, values) => {
    const found = (await listed(['(', given, '){i}'].join(''))) as Array<{i: null | number}>
    // Of a filter the real server gives what it finds in an order of its own.
    const order = (list: Array<null | number>): unknown =>
      given.startsWith('where') ? list.toSorted((a, b) => Number(a) - Number(b)) : list
    expect(order(found.map(({i}) => i))).toEqual(order(values))
  })

  it('by tenant, under another name', async () => {
    expect(await ask('{Get{mine:$T(tenant:"x"){value:i}}}')).toEqual({data: {Get: {mine: [{value: 7}]}}})
  })

  it.each([
    ['{Get{$A(limit:1){nope}}}', /Cannot query field "nope"/],
    ['{Get{Nope{a}}}', /Cannot query field "Nope" on type "GetObjectsObj"/],
    ['{Get{$A(foo:1){i}}}', /Unknown argument "foo"/],
    ['{Get{$A(tenant:"x"){i}}}', /Unknown argument "tenant"/],
    ['{Get{$A{i', /Syntax Error GraphQL request \(1:\d+\) Expected Name, found EOF/],
    ['{Get{$A}}', /must have a sub selection/],
    ['{Get{$A(where:{operator:Like path:["i"] valueText:"x"}){i}}}', /^invalid 'where' filter: data type filter/],
    ['{Get{$A(sort:[{path:["zz"] order:desc}]){i}}}', /^invalid 'sort' parameter: sort parameter at position 0/],
    ['{Get{$A(limit:0){i}}}', /invalid default limit: 0$/],
    ['{Get{$A(limit:1 offset:-1){i}}}', /invalid default limit: 1$/],
    ['{Get{$T{i}}}', /has multi-tenancy enabled, but request was without tenant/],
  ])('is refused: %s', async (query, message) => {
    expect(await failed(query)).toMatch(message)
  })
})

describe('Aggregate', () => {
  it('counts what matches, beside a listing', async () => {
    const {data} = await ask(
      '{Get{$A(limit:1){i}} Aggregate{$A(where:{path:["i"] operator:GreaterThan valueInt:1}){meta{count}}}}',
    )
    expect(data).toEqual({Aggregate: {[name]: [{meta: {count: 1}}]}, Get: {[name]: [{i: 3}]}})
  })
})
