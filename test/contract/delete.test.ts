/* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access -- answers are read as they come: a wrong shape fails the expectation */

import {Buffer} from 'node:buffer'
import {describe, expect, it} from 'vitest'

import {Filters_Operator} from '../../src/weaviate/proto/generated/weaviate.js'
import {EVERYTHING, filter, messageOf, useTarget, uuid} from './target.js'

const {create, named, target} = useTarget()

async function filled(name: string, length: number): Promise<string> {
  const full = await create(name, {properties: [{dataType: ['text'], name: 't'}], vectorIndexType: 'flat'})
  const objects = Array.from({length}, (_, index) => ({collection: full, uuid: uuid(index + 1)}))
  const {errors} = await target.grpc('batchObjects', {objects})
  expect(errors).toEqual([])
  return full
}

async function count(name: string): Promise<number> {
  const reply = await target.grpc('aggregate', {collection: name, objectsCount: true})
  return Number(reply.result.value.objectsCount)
}

describe('BatchDelete', () => {
  it('deletes by id', async () => {
    const name = await filled('Ids', 4)
    const testValue = {$case: 'valueTextArray' as const, value: {values: [uuid(2), uuid(4), uuid(99)]}}
    const filters = filter(Filters_Operator.OPERATOR_CONTAINS_ANY, '_id', testValue)
    const dry = await target.grpc('batchDelete', {collection: name, dryRun: true, filters, verbose: true})
    expect(dry).toMatchObject({failed: 0n, matches: 2n, successful: 2n})
    expect(await count(name)).toBe(4)
    const reply = await target.grpc('batchDelete', {collection: name, filters, verbose: true})
    expect(reply).toMatchObject({failed: 0n, matches: 2n, successful: 2n})
    expect(
      reply.objects.map((object: any) => Buffer.from(object.uuid as Uint8Array).toString('hex')).toSorted(),
    ).toEqual([uuid(2), uuid(4)].map((id) => id.replaceAll('-', '')))
    expect(await count(name)).toBe(2)
  })

  it('deletes everything', async () => {
    const name = await filled('All', 150)
    const reply = await target.grpc('batchDelete', {collection: name, filters: EVERYTHING})
    expect(reply).toMatchObject({failed: 0n, matches: 150n, objects: [], successful: 150n})
    expect(await count(name)).toBe(0)
    expect(await target.grpc('batchDelete', {collection: name, filters: EVERYTHING})).toMatchObject({matches: 0n})
  })

  it('says what is wrong', async () => {
    const name = await filled('Wrong', 1)
    const fail = async (request: Record<string, unknown>) =>
      (await target.grpcFailure('batchDelete', {collection: name, ...request})).details
    const none = named('None')
    expect(await fail({})).toBe('batch delete params: no filters in batch delete request')
    expect(await fail({collection: none, filters: EVERYTHING})).toBe(
      `batch delete params: could not find class ${none} in schema`,
    )
    const bad = filter(Filters_Operator.OPERATOR_EQUAL, 'zz', {$case: 'valueText', value: 'x'})
    expect(await fail({filters: bad})).toBe(
      `batch delete params: no such prop with name 'zz' found in class '${name}' in the schema. Check your schema files for which properties in this class are available`,
    )
  })
})

describe('DELETE /v1/batch/objects', () => {
  const everything = {operator: 'Like', path: ['id'], valueText: '*'}

  it('deletes by id, and says which', async () => {
    const name = await filled('RestIds', 3)
    const where = {operator: 'ContainsAny', path: ['id'], valueTextArray: [uuid(1), uuid(3)]}
    const dry = await target.rest('DELETE', '/batch/objects', {
      dryRun: true,
      match: {class: name, where},
      output: 'verbose',
    })
    expect(dry.json).toMatchObject({dryRun: true, results: {matches: 2, successful: 0}})
    expect(dry.json.results.objects).toContainEqual({id: uuid(1), status: 'DRYRUN'})
    const {json} = await target.rest('DELETE', '/batch/objects', {match: {class: name, where}, output: 'verbose'})
    expect(json).toMatchObject({
      dryRun: false,
      match: {class: name, where: {...where, operands: null}},
      output: 'verbose',
      results: {failed: 0, limit: 10_000, matches: 2, successful: 2},
    })
    expect(json.results.objects).toContainEqual({id: uuid(3), status: 'SUCCESS'})
    expect(await count(name)).toBe(1)
  })

  it('deletes everything, and says how much', async () => {
    const name = await filled('RestAll', 5)
    const {json} = await target.rest('DELETE', '/batch/objects', {match: {class: name, where: everything}})
    expect(json).toMatchObject({output: 'minimal', results: {matches: 5, objects: null, successful: 5}})
    expect(await count(name)).toBe(0)
  })

  it('says what is wrong', async () => {
    const name = await filled('RestWrong', 1)
    const fail = async (match: object) => messageOf(await target.rest('DELETE', '/batch/objects', {match}))
    const none = named('RestNone')
    expect(await fail({class: none, where: everything})).toBe(`validate: failed to get class: ${none}`)
    expect(await fail({class: name})).toBe('validate: empty match.where clause')
  })
})
