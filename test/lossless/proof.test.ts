/** A comparison with the backup finds each thing that can go wrong with a collection, and says with which object and what of it. */
import {beforeAll, describe, expect, it} from 'vitest'

import type {ObjectDifference} from '../../src/jobs/verify/options.js'
import type {WeaviateObject} from '../../src/model/object.js'

import {planCollection} from '../../src/weaviate/collection-plan.js'
import {FORMATS, isMissing, tailId, useBench, vectorOfBits} from './support.js'

const bench = useBench()
const OBJECTS = 12
const id = tailId(7)
let plain: string
let shared: string

beforeAll(() => {
  plain = bench.name('Plain')
  shared = bench.name('Tenants')
})

/** Twelve objects with references among themselves; with all kinds of vectors, or those `about` where the server cannot have both. */
async function fillPlain(about: 'named' | 'unnamed'): Promise<void> {
  const {connection, rest} = bench
  const {addedVectors, multiVectors} = connection.capabilities
  const hasNamed = addedVectors || about === 'named'
  const hasUnnamed = addedVectors || about === 'unnamed'
  const named = {vectorIndexType: 'flat', vectorizer: {none: {}}}
  const colbert = {...named, vectorIndexConfig: {multivector: {enabled: true}}, vectorIndexType: 'hnsw'}
  const vectorConfig = {...(multiVectors && {colbert}), named}
  await bench.connection.deleteCollection(plain)
  await rest.send('POST', '/schema', {
    class: plain,
    properties: [
      {dataType: ['text'], name: 'title'},
      {dataType: ['int[]'], name: 'numbers'},
      {dataType: ['object'], name: 'nested', nestedProperties: [{dataType: ['date'], name: 'at'}]},
      {dataType: [plain], name: 'next'},
    ],
    ...(hasUnnamed ? {vectorIndexType: 'flat', vectorizer: 'none'} : {vectorConfig}),
  })
  if (hasNamed && hasUnnamed) {
    await rest.send('PUT', `/schema/${plain}`, {...(await rest.schema(plain)), vectorConfig})
  }

  await rest.write(
    Array.from({length: OBJECTS}, (_, index) =>
      JSON.stringify({
        class: plain,
        id: tailId(index),
        properties: {nested: {at: '2024-01-01T00:00:00.000000001Z'}, numbers: [index, 2], title: `title ${index}`},
        ...(hasUnnamed && {vector: [0.1, index]}),
        ...(hasNamed && {
          vectors: {
            ...(multiVectors && {
              colbert: [
                [1, 2],
                [3, index],
              ],
            }),
            named: [0.25, 0.75],
          },
        }),
      }),
    ),
  )
  await rest.refer([1, 2, 3].map((to) => ({from: `${plain}/${id}/next`, to: `${plain}/${tailId(to)}`})))
}

/** The object as it is, changed, written again as a whole: its references too. */
async function change(edit: (object: WeaviateObject) => void): Promise<void> {
  const collection = planCollection(await bench.rest.schema(plain))
  const [object] = await bench.connection.getObjects({collection, ids: [id]})
  const changed = {...object!, properties: {...object!.properties}}
  edit(changed)
  expect(await bench.connection.writeObjects({collection, objects: [changed]})).toEqual([])
  expect(await bench.connection.writeReferences({collection, objects: [changed]})).toEqual([])
}

function flipLastBit(bytes: Uint8Array): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  // Little-endian: the least byte of the last component.
  const at = flipped.length - 4
  flipped[at] = flipped[at]! ^ 1
  return flipped
}

interface Case {
  differences: ObjectDifference[]
  /** Vectors other than the unnamed one. */
  needs?: 'multi' | 'named'
  spoil: () => Promise<unknown>
  title: string
}

const different = (...members: string[]): ObjectDifference[] => [{id, members, state: 'different'}]

const CASES: Case[] = [
  {
    differences: [{id, state: 'missing'}],
    spoil: async () => bench.rest.send('DELETE', `/objects/${plain}/${id}`),
    title: 'one object deleted',
  },
  {
    differences: [{id: tailId(99), state: 'extra'}],
    spoil: async () => bench.rest.write([JSON.stringify({class: plain, id: tailId(99), properties: {}})]),
    title: 'one object added',
  },
  {
    differences: different('title'),
    spoil: async () =>
      bench.rest.send('PATCH', `/objects/${plain}/${id}`, {class: plain, properties: {title: 'title 8'}}),
    title: 'one property changed',
  },
  {
    differences: different('nested'),
    spoil: async () =>
      change(({properties}) => {
        properties.nested = {at: '2024-01-01T00:00:00.000000002Z'}
      }),
    title: 'one nanosecond in a nested date',
  },
  {
    differences: different('numbers'),
    spoil: async () =>
      change(({properties}) => {
        properties.numbers = [2, 7]
      }),
    title: 'the order of an array',
  },
  {
    differences: different('title'),
    spoil: async () =>
      change(({properties}) => {
        delete properties.title
      }),
    title: 'one property gone',
  },
  {
    differences: different('vector'),
    spoil: async () =>
      change((object) => {
        object.vector = flipLastBit(object.vector!)
      }),
    title: 'one bit of a vector component',
  },
  {
    differences: different('vectors.named'),
    needs: 'named',
    spoil: async () =>
      change(({vectors}) => {
        const {bytes} = vectors!.get('named')!
        vectors!.set('named', {bytes: flipLastBit(bytes), kind: 'single'})
      }),
    title: 'one bit of a named vector component',
  },
  {
    differences: different('vectors.colbert'),
    needs: 'multi',
    spoil: async () =>
      change(({vectors}) => {
        const {bytes} = vectors!.get('colbert')!
        vectors!.set('colbert', {bytes: flipLastBit(bytes), dims: 2, kind: 'multi'})
      }),
    title: 'one bit of a multi vector component',
  },
  {
    differences: different('vectors.named'),
    needs: 'named',
    spoil: async () =>
      change(({vectors}) => {
        vectors!.delete('named')
      }),
    title: 'one vector gone',
  },
  {
    differences: different('next'),
    spoil: async () =>
      bench.rest.send('DELETE', `/objects/${plain}/${id}/references/next`, {
        beacon: `weaviate://localhost/${plain}/${tailId(2)}`,
      }),
    title: 'one reference removed',
  },
  {
    differences: different('next'),
    spoil: async () =>
      change(({properties}) => {
        const [first, second, third] = properties.next as Array<{beacon: string}>
        properties.next = [second!, first!, third!]
      }),
    title: 'two references swapped',
  },
  {
    differences: different('next'),
    spoil: async () => bench.rest.refer([{from: `${plain}/${id}/next`, to: `${plain}/${tailId(3)}`}]),
    title: 'one reference doubled',
  },
]

describe.each(FORMATS.filter(({compress}) => !compress))('beside a backup in $title', (format) => {
  it.skipIf(isMissing(format)).for(CASES)('$title', async ({differences, needs, spoil}, context) => {
    if (needs === 'multi') bench.needs(context, 'multiVectors')
    await fillPlain(needs === undefined ? 'unnamed' : 'named')
    const backup = await bench.backups.backupCollection(plain, {format: format.format})
    expect(await bench.verifier.verifyCollection(plain, backup.id)).toMatchObject({differences: [], equal: true})
    await spoil()
    const comparison = await bench.verifier.verifyCollection(plain, backup.id)
    expect(comparison.equal).toBe(false)
    expect(comparison.liveDigest).not.toBe(comparison.backupDigest)
    expect(comparison.differences).toEqual(differences)
  })
})

describe('of a collection with tenants', () => {
  it('finds an object that moved to another tenant', async () => {
    const {rest} = bench
    await rest.send('POST', '/schema', {
      class: shared,
      multiTenancyConfig: {enabled: true},
      properties: [{dataType: ['text'], name: 'title'}],
      vectorizer: 'none',
    })
    await rest.send('POST', `/schema/${shared}/tenants`, [{name: 'here'}, {name: 'there'}])
    const text = (tenant: string, index: number): string =>
      JSON.stringify({class: shared, id: tailId(index), properties: {title: `${index}`}, tenant, vector: [1, 2]})
    // The same UUID in both, with the same content.
    await rest.write([text('here', 1), text('here', 2), text('there', 1)])
    const backup = await bench.backups.backupCollection(shared)
    await rest.send('DELETE', `/objects/${shared}/${tailId(2)}?tenant=here`)
    await rest.write([text('there', 2)])
    const comparison = await bench.verifier.verifyCollection(shared, backup.id)
    expect(comparison).toMatchObject({counts: {backup: 3, different: 0, extra: 1, live: 3, missing: 1}, equal: false})
    expect(comparison.differences).toEqual([
      {id: tailId(2), state: 'missing', tenant: 'here'},
      {id: tailId(2), state: 'extra', tenant: 'there'},
    ])

    await rest.send('DELETE', `/objects/${shared}/${tailId(2)}?tenant=there`)
    await rest.write([text('here', 2)])
    await rest.send('PATCH', `/objects/${shared}/${tailId(1)}`, {
      class: shared,
      properties: {title: 'x'},
      tenant: 'there',
    })
    expect((await bench.verifier.verifyCollection(shared, backup.id)).differences).toEqual([
      {id: tailId(1), members: ['title'], state: 'different', tenant: 'there'},
    ])
  })
})

it('tells -0 from 0 and NaN from NaN in vectors', async () => {
  const name = bench.name('Zero')
  await bench.rest.send('POST', '/schema', {class: name, vectorIndexType: 'flat', vectorizer: 'none'})
  const collection = planCollection(await bench.rest.schema(name))
  const write = async (...bits: number[]): Promise<void> => {
    const objects = [{id, properties: {}, vector: vectorOfBits(...bits)}]
    expect(await bench.connection.writeObjects({collection, objects})).toEqual([])
  }

  await write(0x80_00_00_00, 0x7f_c0_00_01)
  const backup = await bench.backups.backupCollection(name)
  expect((await bench.verifier.verifyCollection(name, backup.id)).equal).toBe(true)
  for (const bits of [
    [0, 0x7f_c0_00_01],
    [0x80_00_00_00, 0x7f_c0_00_02],
  ]) {
    await write(...bits)
    expect((await bench.verifier.verifyCollection(name, backup.id)).differences).toEqual([
      {id, members: ['vector'], state: 'different'},
    ])
  }
})
