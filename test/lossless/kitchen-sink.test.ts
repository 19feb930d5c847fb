/** All that a collection can hold goes through each format and comes back, as REST shows it, to the last digit. */
import {beforeAll, describe, expect, it} from 'vitest'

import type {WeaviateClass} from '../../src/model/schema.js'

import {createKitchenSink, fillKitchenSink, type KitchenSink} from './kitchen-sink.js'
import {dumpDifferences, FORMATS, isMissing, renamed, useBench} from './support.js'

const bench = useBench()
let sink: string
let friend: string
let filled: KitchenSink
let before: {friend: Map<string, unknown>; schemas: WeaviateClass[]; sink: Map<string, unknown>}

beforeAll(async () => {
  sink = bench.name('Sink')
  friend = bench.name('Friend')
  await createKitchenSink(bench.rest, sink, friend)
  filled = await fillKitchenSink(bench.rest, sink, friend)
  before = {
    friend: await bench.rest.dump(friend),
    schemas: [await bench.rest.schema(sink), await bench.rest.schema(friend)],
    sink: await bench.rest.dump(sink),
  }
}, 60_000)

it('is a kitchen sink', () => {
  expect(before.sink.size).toBe(filled.objects)
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
})

// Each format starts from what the one before it restored, which is what was there at first.
describe.each(FORMATS)('$title', (format) => {
  it.skipIf(isMissing(format))('backup, delete, restore', {timeout: 60_000}, async () => {
    const {compress, format: name} = format
    const {backups, runId} = await bench.backups.backupCollections([sink, friend], {
      batchSize: 5,
      compress,
      format: name,
    })
    expect(backups.map(({objectCount}) => objectCount)).toEqual([filled.objects, 3])
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

    // Under another name references to itself follow, and those to others stay.
    const copy = bench.name('SinkCopy')
    await bench.restores.restoreCollection(backups[0]!.path, {name: copy, verify: true})
    expect(dumpDifferences(await bench.rest.dump(copy), renamed(before.sink, sink, copy))).toEqual([])
    const schema = JSON.parse(
      JSON.stringify(await bench.rest.schema(copy)).replaceAll(copy, () => sink),
    ) as WeaviateClass
    expect(schema).toEqual(before.schemas[0])
    expect(await bench.verifier.verifyCollection(copy, backups[0]!.path)).toMatchObject({
      equal: true,
      liveDigest: backups[0]!.digest,
    })
    await bench.connection.deleteCollection(copy)
  })
})
