/** A chain that was sent to another thread or machine makes of objects what it makes of them here. */
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'

import {
  convert,
  drop,
  dropVector,
  intoTenant,
  limit,
  loadTransform,
  moveVector,
  onlyIds,
  outOfTenants,
  rename,
  sample,
  selectTenants,
  tenantFrom,
  type Transform,
  where,
  withoutVectors,
} from '../../../src/flow/transform/index.js'
import {receiveChain, sendChain} from '../../../src/flow/transform/sent.js'
import {TransformChain} from '../../../src/flow/transform/transform.js'
import {type WeaviateObject} from '../../../src/model/object.js'
import {type WeaviateClass} from '../../../src/model/schema.js'
import {temporaryDirectory} from '../../support/collections.js'

const SCHEMA: WeaviateClass = {
  class: 'Sent',
  properties: [
    {dataType: ['int'], name: 'rank'},
    {dataType: ['text'], name: 'size'},
    {dataType: ['text[]'], name: 'sizes'},
    {dataType: ['text'], name: 'title'},
  ],
  vectorConfig: {main: {vectorIndexType: 'flat', vectorizer: {none: {}}}},
}
const TENANTS = {...SCHEMA, multiTenancyConfig: {enabled: true}}
const STATES = ['eu-1', 'us-1'].map((name) => ({name, status: 'HOT' as const}))

const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
const OBJECTS = Array.from({length: 12}, (_, index): WeaviateObject => ({
  id: idOf(index),
  properties: {rank: index, size: `${index}`, sizes: [`${index}`, '7'], title: `t${index % 3}`},
  vectors: new Map([['main', {bytes: new Uint8Array(8).fill(index), kind: 'single'}]]),
}))

let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  directory = await temporaryDirectory()
  await writeFile(
    path.join(directory.path, 'change.mjs'),
    'export function object(object) { object.properties.title += "!"; return object }',
  )
})

afterAll(async () => {
  await directory.remove()
})

const CASES: Record<string, () => Promise<Transform[]> | Transform[]> = {
  'a choice of objects': () => [where('rank > 2'), limit(7), sample(3, 'seed')],
  'a list of ids': () => [onlyIds([idOf(1), idOf(3)])],
  'a module': async () => [await loadTransform(path.join(directory.path, 'change.mjs'))],
  'a share of objects': () => [sample('50%')],
  'an int as a text': () => [convert('rank', 'text')],
  'no vectors': () => [withoutVectors()],
  'objects into a tenant': () => [intoTenant('all')],
  'objects into tenants': () => [tenantFrom('title')],
  'other properties': () => [drop(['title']), rename({rank: 'place'}), convert('place', 'number')],
  'other vectors': () => [moveVector('main', 'other')],
  'texts as ints': () => [convert('size', 'int'), convert('sizes', 'int[]')],
  'without a vector': () => [dropVector('main')],
}

async function expectSame(transforms: readonly Transform[], schema: WeaviateClass, objects: readonly WeaviateObject[]) {
  const isSplit = schema.multiTenancyConfig !== undefined
  const chain = await TransformChain.of(transforms, {
    async *read() {
      yield objects
    },
    schema,
    ...(isSplit && {tenants: STATES}),
  })
  const received = await receiveChain(structuredClone(sendChain(chain)!))
  const made = await chain.objects(objects)
  expect(await received.objects(objects)).toEqual(made)
  expect(received.schema).toEqual(chain.schema)
  expect(made).not.toEqual(objects)
}

it.each(Object.entries(CASES))('%s', async (_, make) => {
  await expectSame(await make(), SCHEMA, OBJECTS)
})

it.each([
  ['the first', limit, 7],
  ['the first of fewer', limit, 40],
  ['a sample', sample, 7],
  ['a sample of fewer', sample, 40],
] as const)(
  '%s that were looked at are those that others choose, whatever has come since',
  async (_, choose, count) => {
    const chain = await TransformChain.of([choose(count)], {
      isLive: true,
      async *read() {
        yield OBJECTS
      },
      schema: SCHEMA,
    })
    const chosen = await chain.objects(OBJECTS)
    expect(chosen).toHaveLength(Math.min(count, OBJECTS.length))
    const come = OBJECTS.map((object, index) => ({...object, id: idOf(index).replace('-4000-', '-3000-')}))
    for (const each of [chain, await receiveChain(structuredClone(sendChain(chain)!))])
      expect(await each.objects([...come, ...OBJECTS])).toEqual(chosen)
    expect(chain.records).toEqual([expect.not.objectContaining({among: expect.anything() as unknown})])
  },
)

it('a choice of tenants by a pattern, of a collection without, says that it has none', async () => {
  await expect(TransformChain.of([selectTenants(['eu-*'])], {schema: SCHEMA})).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: 'The collection "Sent" has no tenants.',
  })
})

it.each([
  ['some tenants under other names', () => [selectTenants(['eu-*', 'us-1=ap-1'])]],
  ['no tenants', () => [outOfTenants()]],
] as Array<[string, () => Transform[]]>)('%s', async (_, make) => {
  const objects = OBJECTS.map((object, index) => ({...object, tenant: STATES[index % 2]!.name}))
  await expectSame(make(), TENANTS, objects)
})
