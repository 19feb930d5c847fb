/** What an object must not be sent for: the server would make something else of it. And options that are no choice. */
import {describe, expect, it} from 'vitest'

import {checkRefersToOthers, checkRestoreOptions, makeObjection} from '../../../src/jobs/restore/checks.js'
import {type WeaviateObject} from '../../../src/model/object.js'
import {prepareForCreate} from '../../../src/model/schema-prepare.js'
import {type WeaviateClass} from '../../../src/model/schema.js'

const vector = new Uint8Array([0, 0, 128, 63, 0, 0, 0, 64])
const ID = '00000000-0000-4000-8000-000000000001'
const unnamed: WeaviateObject = {id: ID, properties: {}, vector}
const named: WeaviateObject = {id: ID, properties: {}, vectors: new Map([['main', {bytes: vector, kind: 'single'}]])}
const config = {main: {vectorIndexType: 'flat', vectorizer: {none: {}}}}

describe('a vector', () => {
  it.each<[string, Partial<WeaviateClass>, WeaviateObject, string | undefined]>([
    ['unnamed, where all have names', {vectorConfig: config}, unnamed, 'the collection has no unnamed vector'],
    [
      'unnamed and empty, where all have names',
      {vectorConfig: config},
      {...unnamed, vector: new Uint8Array()},
      undefined,
    ],
    ['unnamed, where both are', {vectorConfig: config, vectorIndexType: 'hnsw'}, unnamed, undefined],
    ['unnamed, where none has a name', {vectorIndexType: 'hnsw'}, unnamed, undefined],
    ['unnamed, in a schema that leaves it to the server', {}, unnamed, undefined],
    ['of a name that is there', {vectorConfig: config}, named, undefined],
    ['of a name that is not', {}, named, 'the collection has no vector "main"'],
  ])('%s', (_, schema, object, reason) => {
    expect(makeObjection({class: 'Checked', ...schema}, {})(object)).toBe(reason)
  })
})

it.each([
  [{batchSize: 0}, 'The batch size must be a whole number above 0, not 0.'],
  [{concurrency: 1.5}, 'The concurrency must be a whole number above 0, not 1.5.'],
  [{skipData: true, verify: true}, 'Without objects there is nothing to compare.'],
  [{workers: NaN}, 'The number of workers must be a whole number above 0, not NaN.'],
])('refuses %o', (options, message) => {
  expect(() => {
    checkRestoreOptions(options)
  }).toThrow(expect.objectContaining({code: 'INVALID_INPUT', message}))
})

it('a collection is not called as one it refers to, which would be itself then', () => {
  const schema = {
    class: 'Article',
    properties: [
      {dataType: ['Article'], name: 'self'},
      {dataType: ['Author', 'Editor'], name: 'by'},
    ],
  }
  const as = (name: string, overrides = {}) => prepareForCreate(schema, {name, overrides}).create
  expect(() => {
    checkRefersToOthers(schema, as('Author'))
  }).toThrow('"Article" refers to "Author" by "by", and under that name it would refer to itself.')
  for (const fitting of [as('Article'), as('Copy'), as('Author', {'properties.by.dataType': ['Editor']})])
    expect(() => {
      checkRefersToOthers(schema, fitting)
    }).not.toThrow()
})
