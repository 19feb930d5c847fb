/** What a restore refuses, what it asks for, and what it leaves behind. */
import {describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../src/model/object.js'
import type {SchemaProperty} from '../../src/model/schema.js'

import {DataOpsError} from '../../src/model/errors.js'
import {isAtLeast} from '../../src/weaviate/capabilities.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {IS_PLAIN, namesIn, overwriteAt, textAt} from '../support/test-place.js'
import {createKitchenSink, vectorsOfSinks} from './kitchen-sink.js'
import {dumpDifferences, managersOn, tailId, useBench, vectorOfBits} from './support.js'

// A limit that three large objects reach; the real server's takes twenty.
const bench = useBench({maxMessageBytes: 12 * 1024 * 1024})
const text = (name: string): SchemaProperty => ({dataType: ['text'], name})

/** Objects `{"title": "…"}` with a vector, in a collection of that name. */
async function fill(name: string, count: number, schema: Record<string, unknown> = {}): Promise<void> {
  await bench.connection.deleteCollection(name)
  await bench.rest.send('POST', '/schema', {
    class: name,
    properties: [text('title')],
    vectorIndexType: 'flat',
    vectorizer: 'none',
    ...schema,
  })
  if (count === 0) return
  await bench.rest.write(
    Array.from({length: count}, (_, index) =>
      JSON.stringify({class: name, id: tailId(index), properties: {title: `title ${index}`}, vector: [index, 1]}),
    ),
  )
}

async function vectorsOf(name: string): Promise<Map<string, string>> {
  const collection = planCollection(await bench.rest.schema(name))
  const {objects} = await bench.connection.readPage({collection, include: 'objects', limit: 100})
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  return new Map(
    objects.map(({id, vector, vectors}) => [
      id,
      [vector, ...[...(vectors ?? [])].map(([, {bytes}]) => bytes)].map((bytes) => bytes && hex(bytes)).join(' '),
    ]),
  )
}

describe('vectors that are no numbers', () => {
  it.each(['json', 'parquet'] as const)('are refused, or restored bit for bit (%s)', async (format) => {
    const name = bench.name(`NonFinite_${format}`)
    await bench.rest.send('POST', '/schema', {
      class: name,
      properties: [text('title')],
      vectorConfig: {
        ...(bench.connection.capabilities.multiVectors && {
          multi: {vectorIndexConfig: {multivector: {enabled: true}}, vectorIndexType: 'hnsw', vectorizer: {none: {}}},
        }),
        one: {vectorIndexType: 'flat', vectorizer: {none: {}}},
      },
    })
    const collection = planCollection(await bench.rest.schema(name))
    const patterns = [0x7f_c0_00_01, 0xff_c0_00_00, 0x7f_80_00_00, 0xff_80_00_00, 0x7f_ff_ff_ff, 0x80_00_00_00]
    const objects: WeaviateObject[] = [
      {
        id: tailId(1),
        properties: {title: 'a'},
        vectors: new Map([['one', {bytes: vectorOfBits(...patterns), kind: 'single'}]]),
      },
      {
        id: tailId(2),
        properties: {title: 'b'},
        vectors: new Map([['one', {bytes: vectorOfBits(1, 2, 3, 4, 5, 6), kind: 'single'}]]),
      },
    ]
    expect(await bench.connection.writeObjects({collection, objects})).toEqual([])
    const before = await vectorsOf(name)
    expect(before.get(tailId(1))).toContain('0100c07f')

    const backup = await bench.backups.backupCollection(name, {format})
    expect(backup.warnings).toMatchObject([{code: 'non-finite-vectors', details: {objects: 1}}])
    const verification = await bench.verifier.verifyBackup(backup.path)
    expect(verification.problems).toEqual([])
    expect(verification.warnings.join(' ')).toContain('1 object has vectors')
    const copy = `${name}Copy`
    await expect(bench.restores.restoreCollection(backup.path, {name: copy})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: {objects: 1},
    })
    expect(await bench.connection.getCollection(copy)).toBeUndefined()
    await bench.restores.restoreCollection(backup.path, {allowNonFinite: true, name: copy, verify: true})
    expect(await vectorsOf(copy)).toEqual(before)
  })
})

describe('a vectorizer', () => {
  const openai = {
    vectorIndexType: 'flat',
    vectorizer: {'text2vec-openai': {baseURL: 'http://127.0.0.1:9', vectorizeClassName: false}},
  }

  /** A backup of three objects, one without a vector, and the changes that would set a vectorizer to work on it. */
  async function backUpBare() {
    // How such an object comes about: written before the vectorizer was, or with `none` as here, changed in the backup.
    const bare = bench.name('Bare')
    await fill(bare, 2)
    await bench.rest.write([JSON.stringify({class: bare, id: tailId(5), properties: {title: 'bare'}})])
    const backup = await bench.backups.backupCollection(bare)
    await bench.connection.deleteCollection(bare)
    const overrides = {
      moduleConfig: {'text2vec-openai': {baseURL: 'http://127.0.0.1:9', vectorizeClassName: false}},
      vectorizer: 'text2vec-openai',
    }
    return {backup, bare, overrides}
  }

  it('is not set to work unasked', async (context) => {
    await bench.needsModule(context, 'text2vec-openai')
    const name = bench.name('Vectorized')
    // With all vectors given there is nothing to do for the module, which has no key and could not.
    await fill(name, 2, {
      moduleConfig: {'text2vec-openai': {baseURL: 'http://127.0.0.1:9', vectorizeClassName: false}},
      vectorizer: 'text2vec-openai',
    })
    const whole = await bench.backups.backupCollection(name)
    const before = await bench.rest.dump(name)
    const schema = await bench.rest.schema(name)
    await bench.connection.deleteCollection(name)
    expect(await bench.restores.restoreCollection(whole.path, {verify: true})).toMatchObject({rejected: 0})
    expect(dumpDifferences(await bench.rest.dump(name), before)).toEqual([])
    expect(await bench.rest.schema(name)).toEqual(schema)

    // Without the vectorizer, nor what properties say to it, the same objects.
    await bench.connection.deleteCollection(name)
    const without = await bench.restores.restoreCollection(whole.path, {
      overrides: {moduleConfig: null, vectorizer: 'none'},
      verify: true,
    })
    expect(without).toMatchObject({rejected: 0, verification: {differences: [], equal: true}})

    const {backup, bare, overrides} = await backUpBare()
    await expect(bench.restores.restoreCollection(backup.path, {overrides})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: {modules: ['text2vec-openai'], objects: 1},
    })
    expect(await bench.connection.getCollection(bare)).toBeUndefined()
  })

  it.skipIf(!IS_PLAIN)('that is allowed to work and refuses an object has it put aside', async (context) => {
    await bench.needsModule(context, 'text2vec-openai')
    context.skip(
      !isAtLeast(bench.connection.version, '1.30.0'),
      'Weaviate 1.25 panics on what its vectorizer refuses; nothing before 1.30 is tested',
    )
    const {backup, overrides} = await backUpBare()
    // Allowed, the server tries: it has no key, and so refuses that object, which is kept.
    const allowed = await bench.restores.restoreCollection(backup.path, {allowVectorization: true, overrides})
    expect(allowed).toMatchObject({rejected: 1, restored: 2})
    expect(await textAt(allowed.rejectedFile!)).toContain(tailId(5))
  })

  it('of one vector among several is not set to work unasked', async (context) => {
    await bench.needsModule(context, 'text2vec-openai')
    const name = bench.name('OneOfTwo')
    const none = {vectorIndexType: 'flat', vectorizer: {none: {}}}
    await bench.rest.send('POST', '/schema', {
      class: name,
      properties: [text('title')],
      vectorConfig: {given: none, made: none},
    })
    const object = (index: number, vectors: object): string =>
      JSON.stringify({class: name, id: tailId(index), properties: {title: `${index}`}, vectors})
    await bench.rest.write([object(1, {given: [1], made: [2]}), object(2, {given: [3]}), object(3, {made: [4]})])
    const backup = await bench.backups.backupCollection(name)
    await bench.connection.deleteCollection(name)
    // Object 2 lacks the vector that the server would make; object 3 lacks only one that it would not.
    const options = {overrides: {'vectorConfig.made': openai}}
    const refusal = await bench.restores.restoreCollection(backup.path, options).catch((error: unknown) => error)
    expect(refusal).toMatchObject({rejected: 1, restored: 2})
    const live = await bench.rest.dump(name)
    expect([...live.keys()]).toEqual([tailId(1), tailId(3)])
  })

  it('that came to a collection later is counted by its backup, and said before anything is created', async (context) => {
    await bench.needsModule(context, 'text2vec-openai')
    bench.needs(context, 'addedVectors')
    const name = bench.name('AddedLater')
    const given = {vectorIndexType: 'flat', vectorizer: {none: {}}}
    await bench.rest.send('POST', '/schema', {class: name, properties: [text('title')], vectorConfig: {given}})
    await bench.rest.write(
      [1, 2].map((index) => JSON.stringify({class: name, id: tailId(index), vectors: {given: [index]}})),
    )
    const schema = await bench.rest.schema(name)
    await bench.rest.send('PUT', `/schema/${name}`, {...schema, vectorConfig: {...schema.vectorConfig, made: openai}})
    const before = await bench.rest.dump(name)
    const changed = await bench.rest.schema(name)
    const backup = await bench.backups.backupCollection(name, {format: 'parquet'})
    expect((await bench.verifier.verifyBackup(backup.path)).problems).toEqual([])
    await bench.connection.deleteCollection(name)
    await expect(bench.restores.restoreCollection(backup.path)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: {modules: ['text2vec-openai'], objects: 2},
    })
    expect(await bench.connection.getCollection(name)).toBeUndefined()
    // Without that vectorizer they come back as they were.
    await bench.restores.restoreCollection(backup.path, {
      overrides: {'vectorConfig.made.vectorizer': {none: {}}},
      verify: true,
    })
    expect(dumpDifferences(await bench.rest.dump(name), before)).toEqual([])
    expect((await bench.rest.schema(name)).vectorConfig!.given).toEqual(changed.vectorConfig!.given)
  })
})

/** Adds a property to every other object of a JSON backup. */
async function editBackup(file: string, property: string): Promise<void> {
  const lines = (await textAt(file)).split('\n')
  let ordinal = 0
  const edited = lines.map((line) => {
    if (!line.startsWith('{"id"')) return line
    return ordinal++ % 2 === 0 ? line : line.replace('"properties":{', () => `"properties":{"${property}":"new",`)
  })
  await overwriteAt(file, edited.join('\n'))
}

describe.skipIf(!IS_PLAIN)('an edited backup', () => {
  it('is refused, and with leave its unknown properties are', async () => {
    const name = bench.name('Edited')
    await fill(name, 6)
    const backup = await bench.backups.backupCollection(name)
    await editBackup(backup.path, 'unknown')
    await bench.connection.deleteCollection(name)
    await expect(bench.restores.restoreCollection(backup.path)).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      exitCode: 4,
    })
    expect(await bench.connection.getCollection(name)).toBeUndefined()

    const result = await bench.restores.restoreCollection(backup.path, {acceptChanged: true})
    expect(result).toMatchObject({rejected: 3, restored: 3})
    const lines = (await textAt(result.rejectedFile!)).trim().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as {object: {id: string}; reason: string}).object.id).sort()).toEqual(
      [1, 3, 5].map((index) => tailId(index)),
    )
    expect(lines[0]).toContain(String.raw`no property \"unknown\"`)
    // The server's auto-schema has not added it.
    expect((await bench.rest.schema(name)).properties!.map((property) => property.name)).toEqual(['title'])

    // Nor does trying those objects again.
    const again = await bench.restores.restoreCollection(backup.path, {
      acceptChanged: true,
      retryRejected: result.rejectedFile,
    })
    expect(again).toMatchObject({rejected: 3, restored: 0})
    expect((await bench.rest.schema(name)).properties!.map((property) => property.name)).toEqual(['title'])

    // Until the collection has the property.
    await bench.rest.send('POST', `/schema/${name}/properties`, text('unknown'))
    const third = await bench.restores.restoreCollection(backup.path, {
      acceptChanged: true,
      retryRejected: again.rejectedFile,
    })
    expect(third).toMatchObject({rejected: 0, restored: 3})
    const dump = await bench.rest.dump(name)
    expect(dump.size).toBe(6)
    expect(dump.get(tailId(1))).toMatchObject({
      properties: {title: 'title 1', unknown: 'new'},
      vector: ['number 1', 'number 1'],
    })
  })

  it('with a property unknown inside an object, too', async () => {
    const name = bench.name('EditedNested')
    await bench.rest.send('POST', '/schema', {
      class: name,
      properties: [{dataType: ['object'], name: 'nested', nestedProperties: [text('title')]}],
      vectorizer: 'none',
    })
    await bench.rest.write([JSON.stringify({class: name, id: tailId(1), properties: {nested: {title: 'a'}}})])
    const backup = await bench.backups.backupCollection(name)
    const content = await textAt(backup.path)
    await overwriteAt(backup.path, content.replace('"nested":{"title":"a"', '"nested":{"title":"a","unknown":"b"'))
    await bench.connection.deleteCollection(name)
    expect(await bench.restores.restoreCollection(backup.path, {acceptChanged: true})).toMatchObject({
      rejected: 1,
      restored: 0,
    })
    const [nested] = (await bench.rest.schema(name)).properties!
    expect(nested!.nestedProperties!.map((property) => property.name)).toEqual(['title'])
  })
})

describe('what the server refuses', () => {
  it.skipIf(!IS_PLAIN)('a reference that it cannot take leaves the object whole, also when tried again', async () => {
    const [name, other] = [bench.name('RefusedReference'), bench.name('RefusedTarget')]
    await fill(other, 1)
    await fill(name, 3, {properties: [text('title'), {dataType: [other], name: 'to'}]})
    await bench.rest.refer(
      [0, 1, 2].map((index) => ({from: `${name}/${tailId(index)}/to`, to: `${other}/${tailId(0)}`})),
    )
    const backup = await bench.backups.backupCollection(name)
    // To a collection that is not among those of the property, nor anywhere.
    const content = await textAt(backup.path)
    const edited = content
      .split('\n')
      .map((line) =>
        line.startsWith(`{"id":"${tailId(1)}"`) ? line.replace(`/${other}/`, '/NoSuchCollection/') : line,
      )
    await overwriteAt(backup.path, edited.join('\n'))
    const before = await bench.rest.dump(name)
    await bench.connection.deleteCollection(name)
    const result = await bench.restores.restoreCollection(backup.path, {acceptChanged: true})
    expect(result).toMatchObject({references: 2, rejected: 1})
    const differs = [`${tailId(1)}.properties.to: undefined for [{"beacon"`]
    const found = (await differences()).map((difference) => difference.slice(0, differs[0]!.length))
    expect(found).toEqual(differs)

    const again = await bench.restores.restoreCollection(backup.path, {
      acceptChanged: true,
      retryRejected: result.rejectedFile,
    })
    expect(again).toMatchObject({rejected: 1, restored: 0})
    // Nothing but the reference is missing: neither title nor vector went with it.
    expect((await differences()).map((difference) => difference.slice(0, differs[0]!.length))).toEqual(differs)

    async function differences(): Promise<string[]> {
      return dumpDifferences(await bench.rest.dump(name), before)
    }
  })
})

describe('a merge', () => {
  /** Two collections A ↔ B in a circle, of four objects each. */
  async function circle(): Promise<[string, string]> {
    const [a, b] = [bench.name('CircleA'), bench.name('CircleB')]
    for (const name of [a, b]) await bench.connection.deleteCollection(name)
    await fill(a, 4)
    await fill(b, 4, {properties: [text('title'), {dataType: [a], name: 'to'}]})
    await bench.rest.send('POST', `/schema/${a}/properties`, {dataType: [b, a], name: 'to'})
    await bench.rest.refer([
      {from: `${a}/${tailId(0)}/to`, to: `${b}/${tailId(1)}`},
      {from: `${a}/${tailId(0)}/to`, to: `${a}/${tailId(0)}`},
      {from: `${a}/${tailId(0)}/to`, to: `${b}/${tailId(0)}`},
      {from: `${a}/${tailId(1)}/to`, to: `${b}/${tailId(2)}`},
      {from: `${b}/${tailId(1)}/to`, to: `${a}/${tailId(0)}`},
      {from: `${b}/${tailId(0)}/to`, to: `${a}/${tailId(3)}`},
    ])
    return [a, b]
  }

  it('into collections that are as they were changes nothing, doubles no reference and loses none', async () => {
    const [a, b] = await circle()
    const before = [await bench.rest.dump(a), await bench.rest.dump(b)]
    const {backups} = await bench.backups.backupCollections([a, b], {format: 'parquet'})
    const paths = backups.map((backup) => backup.path)
    for (const onConflict of ['overwrite', 'skip'] as const) {
      await bench.restores.restoreCollections(paths, {merge: true, onConflict, verify: true})
      expect(dumpDifferences(await bench.rest.dump(a), before[0]!)).toEqual([])
      expect(dumpDifferences(await bench.rest.dump(b), before[1]!)).toEqual([])
    }
  })

  it('overwrites, skips or fails', async () => {
    const [a, b] = await circle()
    const before = await bench.rest.dump(a)
    const backup = await bench.backups.backupCollection(a)
    const spoil = async (): Promise<void> => {
      await bench.rest.send('DELETE', `/objects/${a}/${tailId(0)}`)
      await bench.rest.send('PATCH', `/objects/${a}/${tailId(1)}`, {class: a, properties: {title: 'changed'}})
      await bench.rest.refer([{from: `${a}/${tailId(2)}/to`, to: `${b}/${tailId(3)}`}])
      await bench.rest.write([JSON.stringify({class: a, id: tailId(50), properties: {title: 'extra'}})])
    }

    await spoil()
    const spoilt = await bench.rest.dump(a)
    await expect(
      bench.restores.restoreCollection(backup.path, {merge: true, onConflict: 'fail'}),
    ).rejects.toMatchObject({
      code: 'COLLECTION_EXISTS',
      details: {objects: 3},
    })
    expect(dumpDifferences(await bench.rest.dump(a), spoilt)).toEqual([])

    expect(await bench.restores.restoreCollection(backup.path, {merge: true, onConflict: 'skip'})).toMatchObject({
      references: 3,
      restored: 1,
      skipped: 3,
    })
    const skipped = new Map([...spoilt, [tailId(0), before.get(tailId(0))]])
    expect(dumpDifferences(await bench.rest.dump(a), skipped)).toEqual([])

    expect(await bench.restores.restoreCollection(backup.path, {merge: true})).toMatchObject({restored: 4, skipped: 0})
    const overwritten = new Map([...before, [tailId(50), spoilt.get(tailId(50))]])
    expect(dumpDifferences(await bench.rest.dump(a), overwritten)).toEqual([])
    expect(await bench.restores.restoreCollection(backup.path, {dryRun: true, merge: true})).toMatchObject({
      dryRun: true,
    })

    // Into a collection that lacks them all, a merge that would fail on a conflict has none.
    await bench.clears.clearCollection(a)
    await bench.restores.restoreCollection(backup.path, {merge: true, onConflict: 'fail', verify: true})
    expect(dumpDifferences(await bench.rest.dump(a), before)).toEqual([])
  })

  it('finds what is there among objects of 5 MB', {timeout: 1_200_000}, async () => {
    const name = bench.name('Large')
    await bench.connection.deleteCollection(name)
    await bench.rest.send('POST', '/schema', {
      class: name,
      properties: [{dataType: ['blob'], name: 'blob'}],
      vectorizer: 'none',
    })
    // More in one reply than a gRPC message holds.
    const blob = Buffer.alloc(3_900_000, 'large').toString('base64')
    const count = bench.isReal ? 22 : 4
    for (let index = 0; index < count; index++) {
      await bench.rest.write([JSON.stringify({class: name, id: tailId(index), properties: {blob}})])
    }

    const backup = await bench.backups.backupCollection(name, {compress: true})
    await bench.rest.send('DELETE', `/objects/${name}/${tailId(2)}`)
    expect(
      await bench.restores.restoreCollection(backup.path, {merge: true, onConflict: 'skip', verify: true}),
    ).toMatchObject({
      restored: 1,
      skipped: count - 1,
      verification: {equal: true},
    })
  })
})

it('restores a circle of collections in any order', async () => {
  const [sink, friend] = [bench.name('CycleSink'), bench.name('CycleFriend')]
  const {capabilities} = bench.connection
  await createKitchenSink(bench.rest, {capabilities, friend, sink, vectors: vectorsOfSinks(capabilities)[0]!})
  const schemas = [await bench.rest.schema(sink), await bench.rest.schema(friend)]
  const {backups} = await bench.backups.backupCollections([sink, friend])
  for (const order of [backups, [...backups].reverse()]) {
    for (const name of [sink, friend]) await bench.connection.deleteCollection(name)
    // One of them alone lacks the other.
    await expect(bench.restores.restoreCollection(backups[0]!.path)).rejects.toMatchObject({code: 'SCHEMA_MISMATCH'})
    await bench.restores.restoreCollections(order.map((backup) => backup.path))
    expect([await bench.rest.schema(sink), await bench.rest.schema(friend)]).toEqual(schemas)
  }
})

it('says which collections are finished when a later one fails, and goes on where it ended when all are named again', async () => {
  const [first, second] = [bench.name('FirstOfTwo'), bench.name('SecondOfTwo')]
  await fill(first, 3)
  await fill(second, 3)
  const {backups} = await bench.backups.backupCollections([first, second])
  const before = await bench.rest.dump(second)
  for (const name of [first, second]) await bench.connection.deleteCollection(name)
  const failing = managersOn(
    {
      ...bench.connection,
      async count(name, tenant, signal) {
        if (name === second) throw new DataOpsError('SERVER_REFUSED', 'Nothing is counted today.')
        return bench.connection.count(name, tenant, signal)
      },
    },
    bench.directory,
    bench.keys,
  )
  const [one, two] = backups.map((backup) => backup.path)
  await expect(failing.restores.restoreCollections([one!, two!])).rejects.toMatchObject({
    details: {collection: second, finished: [{collection: first, restored: 3}]},
    message: /Nothing is counted today/,
  })
  const checkpoints = (await namesIn(bench.directory)).filter((entry) => entry.includes('.checkpoint'))
  expect(checkpoints).toHaveLength(2)
  const resumed = {restored: 0, resumed: 3, verification: {equal: true}}
  expect(await bench.restores.restoreCollections([one!, two!], {verify: true})).toMatchObject({
    collections: [
      {collection: first, ...resumed},
      {collection: second, ...resumed},
    ],
  })
  expect(dumpDifferences(await bench.rest.dump(second), before)).toEqual([])
  expect((await namesIn(bench.directory)).filter((entry) => entry.includes('.checkpoint'))).toEqual([])
})

it('overrides settings by path, and reports what has no place', async () => {
  const name = bench.name('Overridden')
  await fill(name, 2)
  const backup = await bench.backups.backupCollection(name)
  await bench.connection.deleteCollection(name)
  await expect(
    bench.restores.restoreCollection(backup.path, {overrides: {'properties.nope.tokenization': 'field'}}),
  ).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  })
  await bench.restores.restoreCollection(backup.path, {
    overrides: {
      description: 'overridden',
      'invertedIndexConfig.bm25.b': 0.5,
      'properties.title.tokenization': 'field',
      'replicationConfig.factor': 1,
      vectorIndexType: 'hnsw',
      vectorIndexConfig: {distance: 'dot', ef: 50},
    },
  })
  expect(await bench.rest.schema(name)).toMatchObject({
    description: 'overridden',
    invertedIndexConfig: {bm25: {b: 0.5}},
    properties: [{name: 'title', tokenization: 'field'}],
    replicationConfig: {factor: 1},
    vectorIndexConfig: {distance: 'dot', ef: 50},
    vectorIndexType: 'hnsw',
  })
  const comparison = await bench.verifier.verifyCollection(name, backup.path)
  expect(comparison).toMatchObject({differences: [], equal: true})
  expect(comparison.schemaDifferences.map((difference) => difference.path)).toContain('properties.title.tokenization')
})

describe('aliases', () => {
  it('are re-created where free, reported where taken, re-pointed when asked', async (context) => {
    bench.needs(context, 'aliases')
    const [name, other] = [bench.name('Aliased'), bench.name('AliasOther')]
    const [free, taken] = [bench.name('AliasFree'), bench.name('AliasTaken')]
    await fill(name, 1)
    await fill(other, 1)
    await bench.connection.createAlias(free, name)
    await bench.connection.createAlias(taken, name)
    const backup = await bench.backups.backupCollection(taken)
    expect(backup).toMatchObject({alias: taken, collection: name})
    const pointsAt = async (alias: string): Promise<string | undefined> =>
      (await bench.connection.listAliases()).find((candidate) => candidate.alias === alias)?.collection

    for (const alias of [free, taken]) await bench.connection.deleteAlias(alias)
    await bench.connection.deleteCollection(name)
    await bench.connection.createAlias(taken, other)
    const first = await bench.restores.restoreCollection(backup.path)
    expect(first.aliases).toEqual([free])
    expect(first.warnings).toMatchObject([{code: 'alias-taken', details: {alias: taken, collection: other}}])
    expect(await Promise.all([free, taken].map(async (alias) => pointsAt(alias)))).toEqual([name, other])

    await bench.connection.deleteCollection(name)
    const second = await bench.restores.restoreCollection(backup.path, {withAliases: true})
    expect([...second.aliases].sort()).toEqual([free, taken].sort())
    expect(await Promise.all([free, taken].map(async (alias) => pointsAt(alias)))).toEqual([name, name])
  })
})

describe('an atomic restore', () => {
  it.skipIf(!IS_PLAIN)(
    'shows its objects to readers of the alias once they are verified, and not before',
    async (context) => {
      bench.needs(context, 'aliases')
      const [source, live] = [bench.name('AtomicSource'), bench.name('AtomicLive')]
      await fill(source, 5, {properties: [text('title'), {dataType: [source], name: 'self'}]})
      await bench.rest.refer([{from: `${source}/${tailId(1)}/self`, to: `${source}/${tailId(2)}`}])
      const backup = await bench.backups.backupCollection(source)
      await expect(bench.restores.restoreCollection(backup.path, {atomic: true})).rejects.toMatchObject({
        code: 'COLLECTION_EXISTS',
      })

      const seen = new Set<string>()
      const result = await bench.restores.restoreCollection(backup.path, {
        atomic: true,
        name: live,
        onProgress({stage}) {
          seen.add(stage)
        },
      })
      expect(seen.has('verify')).toBe(true)
      expect(result.collection).toMatch(new RegExp(`^${live}_[0-9a-f]{8}$`))
      expect(result.aliases).toContain(live)
      expect(await bench.connection.listAliases()).toContainEqual({alias: live, collection: result.collection})
      expect((await bench.rest.dump(live)).size).toBe(5)

      // What does not hold what the backup does is not shown.
      await bench.rest.write([JSON.stringify({class: source, id: tailId(9), properties: {title: 'nine'}})])
      const next = await bench.backups.backupCollection(source)
      await editBackup(next.path, 'unknown')
      const failed = await bench.restores
        .restoreCollection(next.path, {acceptChanged: true, atomic: true, name: live})
        .catch((error: unknown) => error)
      expect(failed).not.toMatchObject({verification: {equal: true}})
      expect(await bench.connection.listAliases()).toContainEqual({alias: live, collection: result.collection})

      // And another one takes the place of the first, which stays.
      const last = await bench.backups.backupCollection(source)
      const switched = await bench.restores.restoreCollection(last.path, {atomic: true, name: live})
      expect(switched.warnings).toMatchObject([{code: 'alias-switched', details: {previous: result.collection}}])
      expect(await bench.connection.listAliases()).toContainEqual({alias: live, collection: switched.collection})
      expect((await bench.rest.dump(live)).size).toBe(6)
      expect(await bench.connection.count(result.collection)).toBe(5)
    },
  )
})

it('keeps an empty collection, with and without properties', async () => {
  for (const [index, format] of (['json', 'parquet'] as const).entries()) {
    const [none, some] = [bench.name(`EmptyNone${index}`), bench.name(`EmptySome${index}`)]
    await bench.rest.send('POST', '/schema', {class: none, vectorizer: 'none'})
    await fill(some, 0)
    for (const name of [none, some]) {
      const schema = await bench.rest.schema(name)
      const backup = await bench.backups.backupCollection(name, {format})
      expect(backup).toMatchObject({digest: '0'.repeat(64), objectCount: 0})
      expect((await bench.verifier.verifyBackup(backup.path)).problems).toEqual([])
      await bench.connection.deleteCollection(name)
      expect(await bench.restores.restoreCollection(backup.path, {verify: true})).toMatchObject({
        restored: 0,
        verification: {equal: true},
      })
      expect(await bench.rest.schema(name)).toEqual(schema)
    }
  }

  expect((await namesIn(bench.directory)).filter((entry) => /checkpoint|rejected|partial/.test(entry))).toEqual([])
})
