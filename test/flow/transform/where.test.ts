/** Filters beside collections whose properties have any name and type: each chooses what it says, or is refused with what to write instead. */
import {expect, it} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'
import type {WeaviateClass} from '../../../src/model/schema.js'

import {sample, where} from '../../../src/flow/transform/index.js'

const TYPES: Record<string, string> = {
  class: 'text',
  count: 'int[]',
  int: 'int',
  ok: 'boolean',
  package: 'text',
  rank: 'int',
  size: 'number',
  tags: 'text[]',
  type: 'text',
  when: 'date',
  whens: 'date[]',
}
const SCHEMA: WeaviateClass = {
  class: 'Named',
  properties: [
    ...Object.entries(TYPES).map(([name, type]) => ({dataType: [type], name})),
    ...['object', 'object[]'].map((type, at) => ({
      dataType: [type],
      name: at === 0 ? 'place' : 'places',
      nestedProperties: [
        {dataType: ['date'], name: 'since'},
        {dataType: ['int'], name: 'floor'},
      ],
    })),
    // Also what every object's properties are called together.
    {dataType: ['int[]'], name: 'properties'},
  ],
}
const OBJECTS: WeaviateObject[] = [
  {
    id: '00000000-0000-4000-8000-000000000001',
    properties: {
      class: 'k',
      count: [1, 2],
      int: 5,
      ok: true,
      package: 'p',
      place: {floor: 2, since: '2020-01-01T00:00:00Z'},
      rank: 1,
      size: 1.5,
      tags: ['a'],
      type: 't1',
      when: '2024-01-10T00:00:00.000000001Z',
      whens: ['2024-01-10T00:00:00Z'],
    },
  },
  {
    creationTimeUnix: 1_700_000_000_000,
    id: 'f0000000-0000-4000-8000-000000000002',
    properties: {class: 'l', package: 'q', type: 't2'},
    tenant: 'eu',
  },
]

async function chosen(expression: string): Promise<string> {
  const transform = where(expression)
  transform.schema?.(SCHEMA)
  const results = await transform.page!(OBJECTS, SCHEMA)
  return results.map((result) => (result === null ? '-' : '+')).join('')
}

it.each([
  // Names that are words of the language stand in the schema without harm.
  ['class == "k"', '+-'],
  ['properties.type == "t1"', '+-'],
  ['properties["package"] == "q"', '-+'],
  ['has(properties.int) && properties.int == 5', '+-'],
  ['size == 1.5', '+-'],
  ['rank == 1.0', '+-'],
  ['when != null && when >= timestamp("2024-01-10T00:00:00Z")', '+-'],
  ['when == null', '-+'],
  ['tags == ["a"]', '+-'],
  ['tags != null && "a" in tags', '+-'],
  ['count != null && 2 in count', '+-'],
  ['count != null && count.exists(x, x == 2)', '+-'],
  ['rank in [1, 2]', '+-'],
  ['rank == 1u', '+-'],
  ['rank in {1u: true}', '+-'],
  ['rank != null && uint(rank) in {1u: true}', '+-'],
  ['rank != null && uint(rank) in [1u, 2u]', '+-'],
  ['rank != null && uint(rank) + 1u in [2u]', '+-'],
  ['rank != null && [uint(rank)] == [1u]', '+-'],
  ['rank != null && [1u, 2u].exists(u, u == rank)', '+-'],
  ['rank != null && [1u, 2u].exists(u, uint(rank) in [u])', '+-'],
  ['rank != null && cel.bind(u, uint(rank), u in [1u])', '+-'],
  ['tenant == "eu" || ok == true', '++'],
  ['created != null && created == timestamp("2023-11-14T22:13:20Z")', '-+'],
  // A name that the filter gives is its own, whatever property is called so.
  ['tags != null && tags.exists(rank, rank == "a")', '+-'],
  ['tags != null && tags.all(when, when in ["a", "b"])', '+-'],
  ['tags != null && tags.map(rank, rank == "a") == [true]', '+-'],
  ['tags != null && tags.filter(ok, ok != "a") == []', '+-'],
  ['tags != null && tags.exists_one(tags, tags == "a")', '+-'],
  ['tags != null && cel.bind(rank, tags[0], rank == "a")', '+-'],
  ['place != null && place.since == "2020-01-01T00:00:00Z"', '+-'],
  ['place != null && place.floor == 2', '+-'],
  ['"rank" in properties', '+-'],
])('%s chooses %s', async (expression, expected) => {
  expect(await chosen(expression)).toBe(expected)
})

it.each([
  [
    'when == "2024-01-10T00:00:00Z"',
    '"when" is a date, which "2024-01-10T00:00:00Z" never equals: compare it with timestamp("2024-01-10T00:00:00Z")',
  ],
  [
    'ok == true && properties.when != "2024-01-10"',
    '"when" is a date, which "2024-01-10" never equals: compare it with timestamp("2024-01-10")',
  ],
  ['created != "2024"', '"created" is a date, which "2024" never equals: compare it with timestamp("2024")'],
  ['!("1" == rank)', '"rank" is a number, which "1" never equals'],
  ['properties["type"] == 1', '"type" is a text, which 1 never equals'],
  ['ok != "true"', '"ok" is a boolean, which "true" never equals'],
  ['properties.type == b"t1"', '"type" is a text, which b"t1" never equals'],
  ['!(properties.type in [b"t1"])', '"type" is a text, which b"t1" never equals'],
  ['b"a" in tags', '"each of tags" is a text, which b"a" never equals'],
  ['rank == bytes("1")', '"rank" is a number, which bytes("1") never equals'],
  ['when != duration("1s")', '"when" is a date, which duration("1s") never equals'],
  ['rank in [1u]', '1u equals nothing in a list: write it as a number without u'],
  ['rank in [2u, 1u] || ok == true', '2u equals nothing in a list: write it as a number without u'],
  ['count.exists(c, c in [2u])', '2u equals nothing in a list: write it as a number without u'],
  ['2u in count', '2u equals nothing in a list: write it as a number without u'],
  ['uint(2) in count', 'uint(…) equals nothing in a list: write it as a number without u'],
  ['2u - 1u in count', '2u equals nothing in a list: write it as a number without u'],
  ['rank in [ok ? 1u : 2u]', '1u equals nothing in a list: write it as a number without u'],
  ['[1u].exists(u, u in count)', 'u equals nothing in a list: write it as a number without u'],
  ['cel.bind(u, 1u, rank in [u])', 'u equals nothing in a list: write it as a number without u'],
  ['[1u].filter(u, u == rank) == count', '1u equals nothing in a list: write it as a number without u'],
  ['uint(rank) in [rank in [1u] ? 1u : 2u]', '1u equals nothing in a list: write it as a number without u'],
  ['[rank] != [1u]', '1u equals nothing in a list: write it as a number without u'],
  ['{"a": rank} == {"a": 1u}', '1u equals nothing in a list: write it as a number without u'],
  ['tags == "a"', '"tags" is a list, which "a" never equals'],
  ['rank in ["1", "2"]', '"rank" is a number, which "1" never equals'],
  [
    'whens != null && !("2024-01-10T00:00:00Z" in whens)',
    '"each of whens" is a date, which "2024-01-10T00:00:00Z" never equals: compare it with timestamp("2024-01-10T00:00:00Z")',
  ],
  [
    'whens.exists(w, w == "2024")',
    '"each of whens" is a date, which "2024" never equals: compare it with timestamp("2024")',
  ],
  ['cel.bind(r, rank, r == "1")', '"rank" is a number, which "1" never equals'],
  ['tags.exists(rank, rank == "a") || rank == "a"', '"rank" is a number, which "a" never equals'],
  ['tags[0] == 1', '"each of tags" is a text, which 1 never equals'],
  // Within an object a date is the text that the server shows.
  [
    'place.since == timestamp("2020-01-01T00:00:00Z")',
    '"place.since" is a text, which timestamp("2020-01-01T00:00:00Z") never equals',
  ],
  [
    'places.exists(p, p.since != timestamp("2020-01-01T00:00:00Z"))',
    '"each of places.since" is a text, which timestamp("2020-01-01T00:00:00Z") never equals',
  ],
  ['properties.place.floor == "2"', '"place.floor" is a number, which "2" never equals'],
])('%s would say the same of every object, and is refused', async (expression, reason) => {
  await expect(chosen(expression)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: `The filter ${expression} cannot be understood: ${reason}.`,
  })
})

it('names the property that a misspelt one may be, or those that there are', async () => {
  await expect(chosen('rnk > 1')).rejects.toMatchObject({hint: 'Did you mean rank?'})
  await expect(chosen('nothing > 1')).rejects.toMatchObject({hint: expect.stringMatching(/^".+" has .*rank/) as string})
})

it('a sample that is no number is refused as it was given', () => {
  for (const size of ['abc', '5 %x', '200%', '%'])
    expect(() => sample(size)).toThrow(expect.objectContaining({message: `A sample of ${size} is none.`}))
})

it.each([
  ['type == "t1"', 'type'],
  ['package == "p"', 'package'],
  ['int in [1, 5]', 'int'],
])('%s is refused, and the hint says how the property is written', async (expression, word) => {
  await expect(chosen(expression)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    hint: `"${word}" is a word of CEL, the language of filters: a property of that name is properties["${word}"].`,
  })
})

const BOTH = ['created', 'tenant', 'updated'].map((name) => ({dataType: ['text'], name}))
const TENANTED: WeaviateClass = {class: 'Both', multiTenancyConfig: {enabled: true}, properties: BOTH}

it.each([
  ['created != null && tenant == "eu"', ['created', 'tenant']],
  ['updated == null', ['updated']],
  ['properties.created == "a" && properties["tenant"] == "b" && id != ""', undefined],
])('%s says in a warning which of its names are properties too', (expression, names) => {
  const transform = where(expression)
  transform.schema?.(TENANTED)
  expect(transform.remark?.(TENANTED)?.details?.names).toEqual(names)
  expect(transform.remark?.(SCHEMA)).toBeUndefined()
})

it('a property called as what a collection lacks is not mistaken for it', () => {
  const schema = {class: 'Both', properties: BOTH}
  expect(() => where('tenant == "acme"').schema?.(schema)).toThrow(
    'the collection has no tenants, and the property "tenant" is properties["tenant"]',
  )
  expect(where('properties.tenant == "acme"').schema?.(schema)).toBe(schema)
})
