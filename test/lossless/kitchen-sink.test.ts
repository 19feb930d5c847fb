/** All that a collection can hold goes through each format and comes back, as REST shows it, to the last digit. */
import {beforeAll, describe, expect, it} from 'vitest'

import type {WeaviateClass} from '../../src/model/schema.js'

import {createKitchenSink, fillKitchenSink, type KitchenSink, vectorsOfSinks} from './kitchen-sink.js'
import {dumpDifferences, type Format, FORMATS, isMissing, renamed, useBench} from './support.js'

const bench = useBench()
/** One, or two where no collection has all kinds of vectors. */
let sinks: Sink[]

interface Sink extends KitchenSink {
  before: {friend: Map<string, unknown>; schemas: WeaviateClass[]; sink: Map<string, unknown>}
}

beforeAll(async () => {
  const {capabilities} = bench.connection
  sinks = []
  for (const [index, vectors] of vectorsOfSinks(capabilities).entries()) {
    const options = {capabilities, friend: bench.name(`Friend${index}`), sink: bench.name(`Sink${index}`), vectors}
    await createKitchenSink(bench.rest, options)
    const filled = await fillKitchenSink(bench.rest, options)
    sinks.push({...filled, before: await stateOf(filled)})
  }
}, 900_000)

async function stateOf({friend, sink}: KitchenSink): Promise<Sink['before']> {
  const {rest} = bench
  return {
    friend: await rest.dump(friend),
    schemas: [await rest.schema(sink), await rest.schema(friend)],
    sink: await rest.dump(sink),
  }
}

it('is a kitchen sink', () => {
  for (const {before, objects} of sinks) {
    expect(before.sink.size).toBe(objects)
    expect(before.friend.size).toBe(3)
    const text = JSON.stringify([...before.sink])
    for (const part of [
      'number 9223372036854776000',
      '23:59:59.123456789+05:45',
      '0001-01-01T00:00:00Z',
      'number 5e-324',
      String.raw`\u0000`,
      'number -0',
    ]) {
      expect(text.includes(part) ? part : `no ${part}`).toBe(part)
    }
  }
})

// Each format starts from what the one before it restored, which is what was there at first.
describe.each(FORMATS)('$title', (format) => {
  it.skipIf(isMissing(format))('backup, delete, restore', {timeout: 900_000}, async () => {
    for (const filled of sinks) await comesBack(filled, format)
  })
})

async function comesBack({before, friend, objects, sink}: Sink, {compress, format}: Format): Promise<void> {
  const {backups, runId} = await bench.backups.backupCollections([sink, friend], {batchSize: 5, compress, format})
  expect(backups.map(({objectCount}) => objectCount)).toEqual([objects, 3])
  expect(backups.map((backup) => backup.runId)).toEqual([runId, runId])
  for (const {path} of backups) expect((await bench.verifier.verifyBackup(path)).problems).toEqual([])

  await bench.connection.deleteCollection(sink)
  await bench.connection.deleteCollection(friend)
  const {collections} = await bench.restores.restoreCollections(
    backups.map(({path}) => path),
    {batchSize: 7, verify: true},
  )
  expect(collections.map(({rejected, verification}) => ({equal: verification?.equal, rejected}))).toEqual([
    {equal: true, rejected: 0},
    {equal: true, rejected: 0},
  ])
  expect(dumpDifferences(await bench.rest.dump(sink), before.sink)).toEqual([])
  expect(dumpDifferences(await bench.rest.dump(friend), before.friend)).toEqual([])
  expect([await bench.rest.schema(sink), await bench.rest.schema(friend)]).toEqual(before.schemas)
  for (const {collection, digest, path} of backups) {
    expect(await bench.verifier.verifyCollection(collection, path)).toMatchObject({
      differences: [],
      equal: true,
      liveDigest: digest,
      schemaDifferences: [],
    })
  }

  // Under another name references to itself follow, and those to others stay: what the format of the text does not decide.
  if (compress) return
  const copy = bench.name('SinkCopy')
  await bench.connection.deleteCollection(copy)
  await bench.restores.restoreCollection(backups[0]!.path, {name: copy, verify: true})
  expect(dumpDifferences(await bench.rest.dump(copy), renamed(before.sink, sink, copy))).toEqual([])
  const schema = JSON.parse(JSON.stringify(await bench.rest.schema(copy)).replaceAll(copy, () => sink)) as WeaviateClass
  expect(schema).toEqual(before.schemas[0])
  expect(await bench.verifier.verifyCollection(copy, backups[0]!.path)).toMatchObject({
    equal: true,
    liveDigest: backups[0]!.digest,
  })
  await bench.connection.deleteCollection(copy)
}
