/** An export in which a real server (1.39) has written nulls as values without bytes: after as many values as there were nulls before. */
import path from 'node:path'
import {expect, it} from 'vitest'

import type {WeaviateClass} from '../../../src/model/schema.js'

import {NativeExport} from '../../../src/archive/native/export.js'
import {ExportSource} from '../../../src/archive/native/source.js'
import {viewOf} from '../../../src/codec/bytes.js'
import {limit} from '../../../src/flow/transform/index.js'
import {transformSource} from '../../../src/jobs/restore/transformed.js'
import {openStore} from '../../../src/store/open.js'
import {root} from '../../support/root.js'

const none = {vectorIndexType: 'flat', vectorizer: {none: {}}}
const SCHEMA: WeaviateClass = {
  class: 'Mixed',
  properties: [{dataType: ['text'], name: 't'}],
  vectorConfig: {
    a: none,
    m: {vectorIndexConfig: {multivector: {enabled: true}}, vectorIndexType: 'hnsw', vectorizer: {none: {}}},
  },
  vectorIndexType: 'flat',
  vectorizer: 'none',
}

const numbers = (bytes: Uint8Array): number[] =>
  Array.from({length: bytes.length / 4}, (_, index) => viewOf(bytes).getFloat32(index * 4, true))

it('objects without vectors have none, whatever stands in their place', async () => {
  const native = await NativeExport.open(openStore(path.join(root, 'test/fixtures')), 'native-export-runs')
  const source = new ExportSource(native, 'Mixed', {schema: SCHEMA})
  await source.assertWhole()
  const found: unknown[] = []
  for await (const {objects} of source.pages()) {
    for (const {id, properties, vector, vectors} of objects) {
      const named = [...(vectors ?? [])].map(([name, {bytes}]) => [name, numbers(bytes)])
      found.push({id: id.slice(-1), named, properties, vector: vector && numbers(vector)})
    }
  }

  const bare = (id: string) => ({id, named: [], properties: {}, vector: undefined})
  const whole = (index: number) => ({
    id: String(index),
    named: [
      ['a', [index, 1]],
      ['m', [index, 1, 2, 3]],
    ],
    properties: {t: `t${index}`},
    vector: [index, index],
  })
  expect(found).toEqual([bare('0'), bare('1'), whole(2), whole(3), bare('4'), bare('5'), bare('6')])
})

it('it is written by one worker unless more are asked for, changed on the way too', async () => {
  const native = await NativeExport.open(openStore(path.join(root, 'test/fixtures')), 'native-export-runs')
  const source = new ExportSource(native, 'Mixed', {schema: SCHEMA})
  const changed = await transformSource(source, [limit(3)], {})
  expect([source.workers, changed.workers, changed.objectCount]).toEqual([1, 1, 3])
})
