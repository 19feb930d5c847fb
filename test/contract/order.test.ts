/* eslint-disable @typescript-eslint/no-unsafe-argument -- answers are read as they come: a wrong shape fails the expectation */

import {beforeAll, describe, expect, it} from 'vitest'

import {Filters_Operator} from '../../src/weaviate/proto/generated/weaviate.js'
import {filter, idsOf, useTarget, uuid} from './target.js'

const {create, target} = useTarget()
let name = ''

const write = async (number: number, i: number, vector = [1, 2]): Promise<void> => {
  const body = {class: name, id: uuid(number), properties: {i}, vector}
  const {status} = await target.rest('POST', '/batch/objects', {objects: [body]})
  expect(status).toBe(200)
}

const anyNumber = filter(Filters_Operator.OPERATOR_GREATER_THAN, 'i', {$case: 'valueInt', value: 0n})

/** The numbers of what a filter finds over gRPC and, when it is all, over GraphQL. */
async function found(limit = 10): Promise<number[]> {
  const request = {collection: name, filters: anyNumber, limit, metadata: {uuid: true}, uses123Api: true}
  const numbers = idsOf(await target.grpc('search', request)).map((id) => Number(id.slice(-12)))
  expect(await listed(name, `limit:${limit} where:{path:"i",operator:GreaterThan,valueInt:0}`)).toEqual(numbers)
  return numbers
}

beforeAll(async () => {
  name = await create('Order', {properties: [{dataType: ['int'], name: 'i'}]})
  for (const number of [4, 2, 3, 1]) await write(number, number)
})

it('shows what a filter finds as it was written, not by ids', async () => {
  expect(await found()).toEqual([4, 2, 3, 1])
})

it('leaves an object where it is when its properties change, and puts it last when its vector does', async () => {
  await write(2, 20)
  expect(await found()).toEqual([4, 2, 3, 1])
  await write(4, 4, [3, 4])
  expect(await found()).toEqual([2, 3, 1, 4])
})

it('sorts equal ones as they were written', async () => {
  for (const number of [2, 3, 1, 4]) await write(number, 7, number === 4 ? [3, 4] : [1, 2])
  const given = 'where:{path:"i",operator:Equal,valueInt:7} sort:{path:"i",order:asc}'
  expect(await listed(name, given)).toEqual([2, 3, 1, 4])
})

/** The numbers of what a filter of GraphQL finds. */
async function listed(collection: string, given: string): Promise<number[]> {
  const query = `{Get{${collection}(${given}){_additional{id}}}}`
  const answer = await target.rest('POST', '/graphql', {query})
  const {data} = answer.json as {data: {Get: Record<string, Array<{_additional: {id: string}}>>}}
  return data.Get[collection]!.map(({_additional}) => Number(_additional.id.slice(-12)))
}

describe('a limit below what a filter finds', () => {
  let rows = ''

  beforeAll(async () => {
    rows = await create('Rows', {
      properties: [
        {dataType: ['int'], name: 'i'},
        {dataType: ['int'], indexRangeFilters: true, name: 'range'},
        {dataType: ['number[]'], name: 'many'},
        {dataType: ['text'], name: 't', tokenization: 'word'},
        {dataType: ['date'], name: 'd'},
        {dataType: ['uuid'], name: 'u'},
      ],
    })
    const objects = [5, 3, 4, 1, 2].map((number, written) => ({
      class: rows,
      id: uuid(number),
      properties: {
        d: `2020-01-0${number}T00:00:00Z`,
        i: Math.ceil(number / 2),
        many: [number, -100 - number, 50],
        range: number,
        t: `${'edcba'[number - 1]!} z${written}`,
        u: uuid(6 - number),
      },
    }))
    // Not in one batch: the real server spreads its objects over workers.
    for (const object of objects) expect((await target.rest('POST', '/objects', object)).status).toBe(200)
  })

  // Written: 5 3 4 1 2.
  it.each<[what: string, given: string, expected: number[]]>([
    ['the smallest values, as they were written', 'limit:2 where:{path:"i",operator:GreaterThan,valueInt:0}', [1, 2]],
    [
      'all of the last value, and of them the first',
      'limit:3 where:{path:"i",operator:GreaterThan,valueInt:0}',
      [3, 4, 1],
    ],
    ['what a page before it has seen', 'limit:1 offset:1 where:{path:"i",operator:LessThan,valueInt:9}', [2]],
    ['dates', 'limit:2 where:{path:"d",operator:GreaterThanEqual,valueDate:"2020-01-02T00:00:00Z"}', [3, 2]],
    [
      'UUIDs',
      'limit:2 where:{path:"u",operator:LessThanEqual,valueText:"ffffffff-ffff-ffff-ffff-ffffffffffff"}',
      [5, 4],
    ],
    [
      'the smallest of several values that match',
      'limit:2 where:{path:"many",operator:LessThan,valueNumber:0}',
      [5, 4],
    ],
    ['of several values those that match', 'limit:2 where:{path:"many",operator:GreaterThan,valueNumber:0}', [1, 2]],
    ['words', 'limit:2 where:{path:"t",operator:Like,valueText:"?"}', [5, 4]],
    ['words that begin so', 'limit:2 where:{path:"t",operator:Like,valueText:"z*"}', [5, 3]],
    ['one operand', 'limit:2 where:{operator:Or,operands:[{path:"i",operator:GreaterThan,valueInt:0}]}', [1, 2]],
    [
      'before it sorts',
      'limit:2 sort:{path:"i",order:desc} where:{path:"d",operator:LessThan,valueDate:"2021-01-01T00:00:00Z"}',
      [1, 2],
    ],
  ])('stops at the end of a row of the index: %s', async (_, given, expected) => {
    expect(await listed(rows, given)).toEqual(expected)
  })

  it.each<[what: string, given: string, expected: number[]]>([
    ['equal values', 'limit:1 where:{path:"i",operator:Equal,valueInt:2}', [3]],
    ['other values', 'limit:2 where:{path:"i",operator:NotEqual,valueInt:3}', [3, 4]],
    ['an index of ranges', 'limit:2 where:{path:"range",operator:GreaterThan,valueInt:0}', [5, 3]],
    ['two words', 'limit:2 where:{path:"t",operator:Like,valueText:"z* ?"}', [5, 3]],
    [
      'two operands',
      'limit:2 where:{operator:And,operands:[{path:"i",operator:GreaterThan,valueInt:0},{path:"i",operator:LessThan,valueInt:9}]}',
      [5, 3],
    ],
    ['none of', 'limit:2 where:{operator:Not,operands:[{path:"i",operator:GreaterThan,valueInt:2}]}', [3, 4]],
  ])('is of all that was written where rows make no difference: %s', async (_, given, expected) => {
    expect(await listed(rows, given)).toEqual(expected)
  })
})
