import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {expect, it} from 'vitest'

import {loadTransform, transformObjects} from '../../../src/flow/transform/functions.js'
import {TransformChain} from '../../../src/flow/transform/transform.js'
import {temporaryDirectory} from '../../support/collections.js'

const ID = '00000000-0000-4000-8000-000000000001'
const SCHEMA = {
  class: 'Any',
  properties: [
    {dataType: ['date'], name: 'day'},
    {dataType: ['uuid[]'], name: 'others'},
    {dataType: ['object'], name: 'inside', nestedProperties: [{dataType: ['date'], name: 'day'}]},
  ],
}

/** What a function that gives that back makes of an object. */
async function madeBy(result: unknown): Promise<unknown> {
  const transform = transformObjects({object: () => result as null}, {name: 'test'})
  return transform.page?.([{id: ID, properties: {}}], SCHEMA)
}

it.each([
  [{properties: {number: NaN}}, 'its property "number" is NaN, which no property can be'],
  [{properties: {list: [1, -Infinity]}}, 'its property "list[1]" is -Infinity, which no property can be'],
  [{properties: {deep: {big: 5n}}}, 'its property "deep.big" is 5, which no property can be'],
  [{properties: {map: new Map()}}, 'its property "map" is a Map, which no property can be'],
  [{properties: {bytes: new Uint8Array(2)}}, 'its property "bytes" is a Uint8Array, which no property can be'],
  [{properties: {text: '\u{D800}'}}, 'its property "text" has half of a character, which no text keeps'],
  [{properties: {}, vectr: [1]}, 'it returns a member "vectr", which no object has'],
  [{properties: {}, vector: ['a']}, 'its vector is no list of numbers'],
  [{properties: {}, vector: 5}, 'its vector is no list of numbers'],
  [{properties: {}, vector: {0: 1, 1: 2}}, 'its vector is no list of numbers'],
  [{properties: {}, vector: new Float64Array(2)}, 'its vector is no list of numbers'],
  [{properties: {}, vectors: new Map([['main', [1]]])}, 'its vectors are a Map, which is no plain object'],
  [{properties: {}, vectors: 5}, 'its vectors are 5, which is no plain object'],
  [{properties: {}, vectors: {main: ''}}, 'its vector "main" is no list of numbers'],
  [{properties: new Map([['day', 'x']])}, 'its properties are a Map, which is no plain object'],
  [{properties: new Date(0)}, 'its properties are a Date, which is no plain object'],
  [{properties: ['x']}, 'its properties are an Array, which is no plain object'],
  [{properties: {}, vectors: {main: [[1, 2], [3]]}}, 'its vector "main" has rows of different lengths'],
])('what would be lost of %o is refused', async (given, reason) => {
  await expect(madeBy({id: ID, ...given})).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: `The transform test failed on object 1, ${ID}: ${reason}.`,
  })
})

it.each([
  [undefined, 'it returns nothing; null leaves an object out'],
  [true, 'it returns true, which is no object'],
  [[null], 'it returns null, which is no object'],
  [{properties: {}}, 'its id undefined is no UUID'],
])('%o is no object', async (given, reason) => {
  await expect(madeBy(given)).rejects.toMatchObject({message: expect.stringContaining(reason) as string})
})

it('what is thrown that is no error, nor a text, is told of all the same', async () => {
  const object = (): never => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- functions of others throw what they like
    throw Object.create(null)
  }

  const transform = transformObjects({object}, {name: 'test'})
  await expect(transform.page?.([{id: ID, properties: {}}], SCHEMA)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: `The transform test failed on object 1, ${ID}: it throws what is no error.`,
  })
})

it('objects are numbered within their collection, however many of others came before', async () => {
  const object = ({properties}: {properties: object}): never[] => {
    if ('bad' in properties) throw new Error('no')
    return []
  }

  const transform = transformObjects({object}, {name: 'test'})
  const good = {id: ID, properties: {}}
  const bad = {id: ID, properties: {bad: true}}
  await transform.page?.([good, good, good], SCHEMA)
  await expect(transform.page?.([good, bad], {...SCHEMA, class: 'Other'})).rejects.toMatchObject({details: {number: 2}})
  await expect(transform.page?.([good, bad], SCHEMA)).rejects.toMatchObject({details: {number: 5}})
})

it('dates, UUIDs, zeros and vectors are what the server will give back', async () => {
  const day = new Date(0)
  const inside = {day: '2024-02-29T10:00:00.120+00:00'}
  const properties = {day, gone: undefined, inside, list: [undefined, -0], others: [ID.toUpperCase()], zero: -0}
  const [made] = (await madeBy([{id: ID, properties, vector: [], vectors: {main: [], other: [1]}}])) as unknown[][]
  expect(made).toEqual([
    {
      id: ID,
      properties: {
        day: '1970-01-01T00:00:00Z',
        inside: {day: '2024-02-29T10:00:00.12Z'},
        list: [null, -0],
        others: [ID],
        zero: -0,
      },
      vectors: new Map([['other', {bytes: new Uint8Array([0, 0, 128, 63]), kind: 'single'}]]),
    },
  ])
})

// As a server of 1.39 gives them back.
it.each([
  ['date', '2020-01-01T00:00:00.1234567899Z', '2020-01-01T00:00:00.123456789Z'],
  ['date', '2020-01-01T00:00:00,50Z', '2020-01-01T00:00:00.5Z'],
  ['date', '2020-01-01T7:00:00+01:00', '2020-01-01T07:00:00+01:00'],
  ['date', '2020-01-01T24:00:00Z', '2020-01-01T24:00:00Z'],
  ['uuid', 'ABCDEF0000004000800000000000ABCD', 'abcdef00-0000-4000-8000-00000000abcd'],
  ['uuid', '{ABCDEF00-0000-4000-8000-00000000ABCD}', 'abcdef00-0000-4000-8000-00000000abcd'],
  ['uuid', 'urn:uuid:ABCDEF00-0000-4000-8000-00000000ABCD', 'abcdef00-0000-4000-8000-00000000abcd'],
  ['uuid', '{ABCDEF00-0000-4000-8000-00000000ABCD', '{ABCDEF00-0000-4000-8000-00000000ABCD'],
  ['int', -0, 0],
  ['int[]', [-0, 5], [0, 5]],
  ['phoneNumber', {defaultCountry: 'de', input: '0171 1234567'}, {defaultCountry: 'DE', input: '0171 1234567'}],
  ['Other', [{beacon: `weaviate://localhost/${ID}`}], [{beacon: `weaviate://localhost/Other/${ID}`}]],
  [
    'Other',
    [{beacon: 'weaviate://localhost/Other/ABCDEF00-0000-4000-8000-00000000ABCD'}, {beacon: 'weaviate://else/x'}],
    [{beacon: 'weaviate://localhost/Other/abcdef00-0000-4000-8000-00000000abcd'}, {beacon: 'weaviate://else/x'}],
  ],
])('of type %s, %o is given back as %o', async (type, given, expected) => {
  const transform = transformObjects({object: (object) => ({...object, properties: {value: given}})}, {name: 'test'})
  const schema = {class: 'Any', properties: [{dataType: [type], name: 'value'}]}
  const made = await transform.page?.([{id: ID, properties: {}}], schema)
  expect(made).toStrictEqual([{id: ID, properties: {value: expected}}])
})

it('a function that gives a property no data type is refused, not believed', () => {
  const typeless = transformObjects(
    {schema: (schema) => ({...schema, properties: [{name: 'day'}]}) as unknown as typeof schema},
    {name: 'typeless'},
  )
  expect(() => typeless.schema?.(SCHEMA)).toThrowError('The transform typeless makes no schema: ')
})

it('a function that spoils the schema that it is told spoils its own', async () => {
  const schema = structuredClone(SCHEMA)
  const spoil = transformObjects(
    {
      object(object, context) {
        context.schema.properties?.splice(0)
        return object
      },
    },
    {name: 'test'},
  )
  const [made] = (await spoil.page?.([{id: ID, properties: {day: '2024-01-01T00:00:00.50Z'}}], schema)) ?? []
  expect(made).toEqual({id: ID, properties: {day: '2024-01-01T00:00:00.5Z'}})
  expect(schema).toEqual(SCHEMA)
})

it('one that never answers can be interrupted', async () => {
  const stop = new AbortController()
  const never = transformObjects({object: async () => new Promise(() => {})}, {name: 'test'})
  const chain = new TransformChain([{schema: SCHEMA, transform: never}], SCHEMA)
  const running = chain.objects([{id: ID, properties: {}}], stop.signal)
  stop.abort()
  await expect(running).rejects.toMatchObject({code: 'INTERRUPTED'})
})

it('a module that was changed since it was loaded runs as it is now, by the hash that it has now', async () => {
  const directory = await temporaryDirectory()
  const file = path.join(directory.path, 'change.mjs')
  const object = {id: '00000000-0000-4000-8000-000000000001', properties: {}}
  const made: unknown[] = []
  const hashes = new Set<unknown>()
  for (const text of ['one', 'two']) {
    await writeFile(file, `export const object = (object) => ({...object, properties: {text: '${text}'}})`)
    const transform = await loadTransform(file)
    made.push(...(await transform.page!([object], {class: 'Any'})))
    hashes.add(transform.record.sha256)
  }

  expect(made).toEqual([
    {...object, properties: {text: 'one'}},
    {...object, properties: {text: 'two'}},
  ])
  expect(hashes.size).toBe(2)
  await directory.remove()
})

it('a module is another one once what it imports has changed, however far away that is', async () => {
  const directory = await temporaryDirectory()
  const file = path.join(directory.path, 'change.mjs')
  const put = async (name: string, text: string): Promise<void> => writeFile(path.join(directory.path, name), text)
  const records = async (): Promise<unknown> => {
    const {record, sent} = await loadTransform(file)
    expect([sent?.imports, sent?.sha256]).toEqual([record.imports, record.sha256])
    return record.imports
  }

  await put('words.json', '{"a": 1}')
  await put('far.mjs', "import words from './words.json' with {type: 'json'}\nexport const far = words")
  await put('near.mjs', "export {far} from './far.mjs'\nexport const near = 1\nimport('./nowhere.mjs').catch(() => {})")
  await put(
    'change.mjs',
    "import {far} from './near.mjs'\nexport const object = (object) => ({...object, properties: far})",
  )
  const first = await records()
  expect(first).toMatch(/^[\da-f]{64}$/)
  expect(await records()).toBe(first)
  await put('words.json', '{"a": 2}')
  const second = await records()
  expect(second).not.toBe(first)
  await put('change.mjs', 'export const object = (object) => object')
  expect(await records()).toBeUndefined()
  await directory.remove()
})
