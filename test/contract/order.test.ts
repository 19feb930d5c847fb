/* eslint-disable @typescript-eslint/no-unsafe-argument -- answers are read as they come: a wrong shape fails the expectation */

import {beforeAll, expect, it} from 'vitest'

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
  const query = `{Get{${name}(limit:${limit} where:{path:"i",operator:GreaterThan,valueInt:0}){_additional{id}}}}`
  const answer = await target.rest('POST', '/graphql', {query})
  const {data} = answer.json as {data: {Get: Record<string, Array<{_additional: {id: string}}>>}}
  expect(data.Get[name]!.map(({_additional}) => Number(_additional.id.slice(-12)))).toEqual(numbers)
  return numbers
}

beforeAll(async () => {
  name = await create('Order', {properties: [{dataType: ['int'], name: 'i'}]})
  for (const number of [4, 2, 3, 1]) await write(number, number)
})

it('shows what a filter finds as it was written, not by ids', async () => {
  expect(await found()).toEqual([4, 2, 3, 1])
  // Which of them a limit leaves is the index's affair: the real one (1.39) stops at the smallest values.
  expect(await found(2)).toHaveLength(2)
})

it('leaves an object where it is when its properties change, and puts it last when its vector does', async () => {
  await write(2, 20)
  expect(await found()).toEqual([4, 2, 3, 1])
  await write(4, 4, [3, 4])
  expect(await found()).toEqual([2, 3, 1, 4])
})

it('sorts equal ones as they were written', async () => {
  for (const number of [2, 3, 1, 4]) await write(number, 7, number === 4 ? [3, 4] : [1, 2])
  const query = `{Get{${name}(where:{path:"i",operator:Equal,valueInt:7} sort:{path:"i",order:asc}){_additional{id}}}}`
  const answer = await target.rest('POST', '/graphql', {query})
  const {data} = answer.json as {data: {Get: Record<string, Array<{_additional: {id: string}}>>}}
  expect(data.Get[name]!.map(({_additional}) => Number(_additional.id.slice(-12)))).toEqual([2, 3, 1, 4])
})
