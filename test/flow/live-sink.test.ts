import {expect, it} from 'vitest'

import type {WeaviateObject, WriteFailure} from '../../src/model/object.js'

import {LiveSink} from '../../src/flow/live/sink.js'
import {Throttle} from '../../src/flow/throttle.js'
import {DataOpsError} from '../../src/model/errors.js'
import {type WeaviateClass} from '../../src/model/schema.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'

const schema: WeaviateClass = {
  class: 'Target',
  properties: [
    {dataType: ['text'], name: 'title'},
    {dataType: ['Target'], name: 'before'},
  ],
  vectorizer: 'text2vec-dummy',
}
const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
const object = (index: number, change: Partial<WeaviateObject> = {}): WeaviateObject => ({
  id: idOf(index),
  properties: {title: 'a'},
  vector: new Uint8Array(4),
  ...change,
})

interface Calls {
  objects: string[][]
  references: WeaviateObject[][]
}

/** A sink over a connection that keeps what it is sent. */
function sinkOf(
  answer: Partial<Record<'objects' | 'references', (some: readonly WeaviateObject[]) => WriteFailure[]>>,
): {
  calls: Calls
  sink: LiveSink
} {
  const calls: Calls = {objects: [], references: []}
  const connection = {
    async writeObjects({objects}: {objects: readonly WeaviateObject[]}) {
      calls.objects.push(objects.map(({id}) => id.slice(-2)))
      return answer.objects?.(objects) ?? []
    },
    async writeReferences({objects}: {objects: readonly WeaviateObject[]}) {
      calls.references.push([...objects])
      return answer.references?.(objects) ?? []
    },
  }
  const throttle = new Throttle({concurrency: 2, maxRetries: 3, retryMaxWaitMs: 1})
  const sink = new LiveSink({connection, plan: planCollection(schema), sourceName: 'Source', throttle})
  return {calls, sink}
}

const tooLarge = (): DataOpsError => new DataOpsError('SERVER_REFUSED', 'too large', {details: {tooLarge: true}})

it('halves what is too large for one call, and refuses what is by itself', async () => {
  const {calls, sink} = sinkOf({
    objects(some) {
      if (some.length > 2 || some[0]?.id === idOf(1)) throw tooLarge()
      return []
    },
  })
  expect(await sink.write([1, 2, 3, 4, 5].map((index) => object(index)))).toEqual([
    {id: idOf(1), reason: 'too large', tenant: undefined},
  ])
  expect(calls.objects).toEqual([
    ['01', '02', '03', '04', '05'],
    ['01', '02'],
    ['01'],
    ['02'],
    ['03', '04', '05'],
    ['03'],
    ['04', '05'],
  ])
})

it('sends what the server must vectorize by itself, and nothing where there is nothing', async () => {
  const {calls, sink} = sinkOf({objects: (some) => some.map(({id}) => ({id, reason: 'no'}))})
  const refused = await sink.write([object(1), object(2, {vector: undefined}), object(3)])
  expect(calls.objects).toEqual([['01', '03'], ['02']])
  expect(refused.map(({id}) => id)).toEqual([idOf(1), idOf(3), idOf(2)])
  expect(await sink.write([])).toEqual([])
  expect(calls.objects).toHaveLength(2)
})

it('has references follow the name of the target, and clears them before a call is made again', async () => {
  let failures = 1
  const {calls, sink} = sinkOf({
    references() {
      if (failures-- > 0) throw new DataOpsError('SERVER_UNAVAILABLE', 'gone', {retryable: true})
      return []
    },
  })
  const before = [{beacon: `weaviate://localhost/Source/${idOf(9)}`}, {beacon: `weaviate://localhost/Other/${idOf(9)}`}]
  const some = [object(1, {properties: {before}}), object(2, {properties: {before}})]
  const cleared: number[] = []
  const refused = await sink.writeReferences(some, async (write) => {
    cleared.push(calls.references.length)
    expect(await write(some.slice(1))).toEqual([])
    return some.slice(1)
  })
  expect(refused).toEqual([])
  expect(cleared).toEqual([1])
  expect(calls.objects).toEqual([['02']])
  expect(calls.references.map((sent) => sent.map(({id}) => id))).toEqual([[idOf(1), idOf(2)], [idOf(2)]])
  expect(calls.references[1]![0]!.properties.before).toEqual([
    {beacon: `weaviate://localhost/Target/${idOf(9)}`},
    {beacon: `weaviate://localhost/Other/${idOf(9)}`},
  ])
  // What was given stays as it is.
  expect(some[0]!.properties.before).toBe(before)
})
