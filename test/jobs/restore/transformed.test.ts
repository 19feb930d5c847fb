/** A source with tenants, references and multi vectors as random transforms make it: what an oracle makes of its objects, from whatever row on. */
import fc from 'fast-check'
import {expect, it} from 'vitest'

import {
  drop,
  dropVector,
  moveVector,
  rename,
  selectTenants,
  transformObjects,
  where,
} from '../../../src/flow/transform/index.js'
import {type Transform} from '../../../src/flow/transform/transform.js'
import {transformSource} from '../../../src/jobs/restore/transformed.js'
import {type NamedVector, type WeaviateObject} from '../../../src/model/object.js'
import {type WeaviateClass} from '../../../src/model/schema.js'
import {memorySource} from '../../support/memory-source.js'

const NAME = 'Docs'
const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
const twin = (id: string): string => `f${id.slice(1)}`
const bytes = (...numbers: number[]): Uint8Array => {
  const {buffer, byteLength, byteOffset} = Float32Array.from(numbers)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

const SCHEMA: WeaviateClass = {
  class: NAME,
  multiTenancyConfig: {enabled: true},
  properties: [
    {dataType: ['text'], name: 'title'},
    {dataType: [NAME], name: 'before'},
  ],
  vectorConfig: {
    late: {vectorIndexConfig: {multivector: {enabled: true}}, vectorIndexType: 'hnsw', vectorizer: {none: {}}},
    plain: {vectorIndexType: 'flat', vectorizer: {none: {}}},
  },
}

const OBJECTS = Array.from({length: 40}, (_, index): WeaviateObject => ({
  id: idOf(index),
  properties: {before: [{beacon: `weaviate://localhost/${NAME}/${idOf((index * 7) % 40)}`}], title: `text ${index}`},
  tenant: ['eu-1', 'eu-2', 'us'][index % 3]!,
  vectors: new Map<string, NamedVector>([
    ['late', {bytes: bytes(index, 1, 2, 3, 4, 5), dims: 2, kind: 'multi'}],
    ['plain', {bytes: bytes(index, -index), kind: 'single'}],
  ]),
}))

interface Case {
  name: string
  oracle: (object: WeaviateObject) => WeaviateObject[]
  transform: () => Transform
}

const renamed = <T>(entries: Iterable<[string, T]>, old: string, name: string): Array<[string, T]> =>
  [...entries].map(([key, value]) => [key === old ? name : key, value])

const CASES: Case[] = [
  {
    name: 'rename a reference',
    oracle: (object) => [
      {...object, properties: Object.fromEntries(renamed(Object.entries(object.properties), 'before', 'previous'))},
    ],
    transform: () => rename({before: 'previous'}),
  },
  {
    name: 'drop a property',
    oracle({properties, ...object}) {
      const {title: _, ...rest} = properties
      return [{...object, properties: rest}]
    },
    transform: () => drop(['title']),
  },
  {
    name: 'another name for a multi vector',
    oracle: (object) => [{...object, vectors: new Map(renamed(object.vectors ?? [], 'late', 'colbert'))}],
    transform: () => moveVector('late', 'colbert'),
  },
  {
    name: 'drop a vector',
    oracle: (object) => [
      {...object, vectors: new Map([...(object.vectors ?? [])].filter(([name]) => name !== 'plain'))},
    ],
    transform: () => dropVector('plain'),
  },
  {
    name: 'some by their ids',
    oracle: (object) => (object.id > idOf(11) ? [object] : []),
    transform: () => where(`id > "${idOf(11)}"`),
  },
  {
    name: 'tenants of a pattern, one under another name',
    oracle: (object) =>
      object.tenant === 'us' ? [{...object, tenant: 'usa'}] : object.tenant === 'eu-1' ? [object] : [],
    transform: () => selectTenants(['us=usa', 'eu-1']),
  },
  {
    name: 'two of some, none of others',
    oracle: (object) =>
      object.id.endsWith('3') ? [] : object.id.endsWith('5') ? [object, {...object, id: twin(object.id)}] : [object],
    transform: () =>
      transformObjects(
        {
          object: (object) =>
            object.id.endsWith('3')
              ? null
              : object.id.endsWith('5')
                ? [object, {...object, id: twin(object.id)}]
                : object,
        },
        {name: 'twins'},
      ),
  },
]

/** Without the order of members, vectors as numbers. */
function seen({id, properties, tenant, vectors}: WeaviateObject): unknown {
  const named = [...(vectors ?? [])].map(([name, vector]) => [name, {...vector, bytes: [...vector.bytes]}])
  return {id, properties: {...properties}, tenant, vectors: Object.fromEntries(named) as unknown}
}

it('has what an oracle makes of it, and the same rows from whatever row it is read on', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray(CASES, {maxLength: 3, minLength: 3}),
      fc.integer({max: 90, min: 0}),
      fc.integer({max: 17, min: 1}),
      async (cases, fromRow, page) => {
        const source = await transformSource(
          memorySource(SCHEMA, OBJECTS, {page}),
          cases.map(({transform}) => transform()),
          {},
        )
        const rows: Array<[number, unknown]> = []
        for await (const {objects, rows: numbers} of source.pages()) {
          for (const [index, object] of objects.entries()) rows.push([numbers[index]!, seen(object)])
        }

        let expected = OBJECTS
        for (const {oracle} of cases) expected = expected.flatMap((object) => oracle(object))
        expect(rows.map(([, object]) => object)).toEqual(expected.map((object) => seen(object)))
        expect(source.objectCount).toBe(expected.length)
        const numbers = rows.map(([row]) => row)
        expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
        const rest: Array<[number, unknown]> = []
        for await (const {firstRow, objects, rows: later} of source.pages({fromRow})) {
          expect(firstRow).toBeGreaterThanOrEqual(fromRow)
          for (const [index, object] of objects.entries()) rest.push([later[index]!, seen(object)])
        }

        expect(rest).toEqual(rows.filter(([row]) => row >= fromRow))
      },
    ),
    {numRuns: 60},
  )
})
