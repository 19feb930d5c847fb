/** Changes on the way, of backups and restores: what comes of them is what an oracle of this file makes of a dump. */
import fc from 'fast-check'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {makeClass} from '../../bench/data.js'
import {
  drop,
  dropVector,
  intoTenant,
  limit,
  moveVector,
  onlyIds,
  outOfTenants,
  rename,
  sample,
  tenantFrom,
  transformObjects,
  where,
} from '../../src/flow/transform/index.js'
import {type Transform} from '../../src/flow/transform/transform.js'
import {BackupCatalog, BackupManager, RestoreManager, Verifier} from '../../src/index.js'
import {type JsonObject, type WeaviateObject} from '../../src/model/object.js'
import {planCollection} from '../../src/weaviate/collection-plan.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../support/collections.js'

const NAME = 'TransformTest'
const OBJECTS = 60

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let whole: string

const vectorOf = (...numbers: number[]): Uint8Array => {
  const floats = Float32Array.from(numbers)
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
}

const idOf = (index: number): string =>
  `00000000-0000-4000-8000-${String((index * 7919) % 1_000_000).padStart(12, '0')}`

function makeObject(index: number): WeaviateObject {
  return {
    id: idOf(index),
    properties: {
      customer: `c${index % 3}`,
      score: index / 2,
      title: `text ${index}`,
      ...(index % 5 > 0 && {year: 1990 + index}),
    },
    vector: vectorOf(index, 1),
  }
}

beforeAll(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  await server.connection.createCollection({
    ...makeClass({className: NAME, dims: 2, objects: OBJECTS}),
    properties: [
      {dataType: ['text'], name: 'title'},
      {dataType: ['text'], name: 'customer'},
      {dataType: ['int'], name: 'year'},
      {dataType: ['number'], name: 'score'},
    ],
  })
  const collection = planCollection((await server.connection.getCollection(NAME))!)
  const objects = Array.from({length: OBJECTS}, (_, index) => makeObject(index))
  expect(await server.connection.writeObjects({collection, objects})).toEqual([])
  whole = (await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME)).path
})

afterAll(async () => {
  await directory.remove()
  await server.close()
})

let copies = 0
let target: string

beforeEach(() => {
  target = `TransformCopy${++copies}`
})

/** What is there, by tenant and id, without times. */
async function dump(name: string): Promise<Map<string, unknown>> {
  const {connection} = server
  const schema = (await connection.getCollection(name))!
  const collection = planCollection(schema)
  const tenants = collection.multiTenant
    ? (await connection.listTenants(name)).map((tenant) => tenant.name)
    : [undefined]
  const found = new Map<string, unknown>()
  for (const tenant of tenants) {
    const {objects} = await connection.readPage({collection, include: 'objects', limit: 1000, tenant})
    for (const object of objects) found.set(`${tenant ?? ''}/${object.id}`, seen(object))
  }

  return found
}

function seen({id, properties, tenant, vector, vectors}: WeaviateObject): unknown {
  return {
    id,
    properties: Object.fromEntries(Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1))),
    tenant,
    vector: vector && [...vector],
    vectors: [...(vectors ?? [])].map(([name, {bytes}]) => [name, [...bytes]]),
  }
}

/** One change: as a transform, and as this file understands it. */
interface Case {
  name: string
  oracle: (object: WeaviateObject) => undefined | WeaviateObject
  transform: () => Transform
}

const withProperties = (object: WeaviateObject, change: (properties: JsonObject) => JsonObject): WeaviateObject => ({
  ...object,
  properties: change({...object.properties}),
})

const CASES: Case[] = [
  {
    name: 'where',
    oracle: (object) =>
      typeof object.properties.year === 'number' && object.properties.year > 2020 ? object : undefined,
    transform: () => where('has(properties.year) && properties.year > 2020'),
  },
  {
    name: 'where on id and score',
    oracle: (object) => (Number(object.properties.score) >= 3.5 && object.id > idOf(1) ? object : undefined),
    transform: () => where(`score >= 3.5 && id > "${idOf(1)}"`),
  },
  {
    name: 'ids',
    oracle: (object) => ([1, 2, 3, 40].some((index) => idOf(index) === object.id) ? object : undefined),
    transform: () => onlyIds([1, 2, 3, 40, 999].map((index) => idOf(index).toUpperCase())),
  },
  {
    name: 'rename',
    oracle: (object) => withProperties(object, ({title, ...rest}) => ({...rest, heading: title!})),
    transform: () => rename({title: 'heading'}),
  },
  {
    name: 'drop',
    oracle: (object) => withProperties(object, ({score: _, ...rest}) => rest),
    transform: () => drop(['score']),
  },
  {
    name: 'vector',
    oracle: ({vector, ...object}) => ({...object, vectors: new Map([['main', {bytes: vector!, kind: 'single'}]])}),
    transform: () => moveVector('', 'main'),
  },
  {name: 'into-tenant', oracle: (object) => ({...object, tenant: 'one'}), transform: () => intoTenant('one')},
  {
    name: 'tenant-from',
    oracle: (object) => ({...object, tenant: object.properties.customer as string}),
    transform: () => tenantFrom('customer'),
  },
  {
    name: 'functions',
    oracle: (object) =>
      Number(object.properties.score) > 20
        ? undefined
        : {
            ...withProperties(object, (properties) => ({...properties, score: Number(properties.score) + 1})),
            vector: vectorOf(5, 6),
          },
    transform: () =>
      transformObjects(
        {
          object: ({properties, ...object}) =>
            Number(properties.score) > 20
              ? null
              : {...object, properties: {...properties, score: Number(properties.score) + 1}, vector: [5, 6]},
        },
        {name: 'test'},
      ),
  },
]

function expected(cases: readonly Case[]): Map<string, unknown> {
  const result = new Map<string, unknown>()
  for (let index = 0; index < OBJECTS; index++) {
    let object: undefined | WeaviateObject = makeObject(index)
    for (const {oracle} of cases) object &&= oracle(object)
    if (object) result.set(`${object.tenant ?? ''}/${object.id}`, seen(object))
  }

  return result
}

const manager = (): RestoreManager => new RestoreManager(server.connection, {directory: directory.path})
const backups = (): BackupManager => new BackupManager(server.connection, {directory: directory.path})

describe('alone', () => {
  it.each(CASES)('$name: in a restore, compared with it applied', async ({oracle, transform, name}) => {
    const restored = await manager().restoreCollection(whole, {name: target, transforms: [transform()], verify: true})
    const wanted = expected([{name, oracle, transform}])
    expect(restored).toMatchObject({rejected: 0, restored: wanted.size, verification: {equal: true}})
    expect(await dump(target)).toEqual(wanted)
  })

  it.each(CASES)('$name: in a backup, which then restores as any other', async ({oracle, transform, name}) => {
    const wanted = expected([{name, oracle, transform}])
    const backup = await backups().backupCollection(NAME, {transforms: [transform()]})
    expect(backup).toMatchObject({complete: true, objectCount: wanted.size})
    expect((await new Verifier({directory: directory.path}).verifyBackup(backup.path)).problems).toEqual([])
    await manager().restoreCollection(backup.path, {name: target, verify: true})
    expect(await dump(target)).toEqual(wanted)
  })
})

it('of any three, the restored dump is the dump changed by the oracle', async () => {
  // What a change reads must still be there.
  const combinable = ['where on id and score', 'ids', 'rename', 'vector', 'into-tenant', 'where'].map((name) =>
    CASES.find((one) => one.name === name)!,
  )
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.constantFrom(...combinable), {maxLength: 3, minLength: 3}), async (cases) => {
      const name = `TransformCopy${++copies}`
      const transforms = cases.map(({transform}) => transform())
      const restored = await manager().restoreCollection(whole, {name, transforms, verify: true})
      expect(restored.verification).toMatchObject({equal: true})
      expect(await dump(name)).toEqual(expected(cases))
      await server.connection.deleteCollection(name)
    }),
    {numRuns: 12},
  )
})

describe('a choice', () => {
  it('of the first ones is of those with the lowest UUIDs, and of a sample the same for the same seed', async () => {
    await manager().restoreCollection(whole, {name: target, transforms: [limit(10)], verify: true})
    const lowest = Array.from({length: OBJECTS}, (_, index) => idOf(index))
      .sort()
      .slice(0, 10)
    const ids = async (name: string): Promise<string[]> =>
      [...(await dump(name)).keys()].map((key) => key.slice(1)).sort()
    expect(await ids(target)).toEqual(lowest)
    const samples: string[][] = []
    for (const seed of ['a', 'a', 'b']) {
      const name = `TransformCopy${++copies}`
      await manager().restoreCollection(whole, {name, transforms: [sample(20, seed)]})
      samples.push(await ids(name))
    }

    expect(samples[0]).toHaveLength(20)
    expect(samples[1]).toEqual(samples[0])
    expect(samples[2]).not.toEqual(samples[0])
  })

  it('makes a backup a part: it says so, is listed so, and does not stand in for a whole one', async () => {
    const part = await backups().backupCollection(NAME, {transforms: [where('score < 3.0')]})
    expect(part).toMatchObject({objectCount: 6, partial: true})
    const catalog = new BackupCatalog(directory.path)
    const listed = await catalog.list()
    expect(listed.find(({id}) => id === part.id)).toMatchObject({partial: true})
    expect(listed.filter(({file}) => whole.endsWith(file)).map(({partial}) => partial)).toEqual([undefined])
    const {removed} = await catalog.prune({keepLast: 1}, {dryRun: true})
    expect(removed.map(({file}) => file).some((file) => whole.endsWith(file))).toBe(false)
    // Compared with the collection it is from, what was left out is no difference.
    const verifier = new Verifier({connection: server.connection, directory: directory.path})
    expect(await verifier.verifyCollection(NAME, part.path)).toMatchObject({
      counts: {backup: 6, different: 0, extra: 0, live: 6, missing: 0},
      equal: true,
    })
  })
})

describe('what cannot be', () => {
  const restore = async (...transforms: Transform[]): Promise<unknown> =>
    manager().restoreCollection(whole, {name: target, transforms})

  it.each([
    ['a filter that does not parse', () => where('year >'), /cannot be understood/],
    ['a filter of a property that is not there', () => where('nothing == 1'), /nothing/],
    [
      'a filter that says nothing of an object',
      () => where('year > 2000'),
      /says neither true nor false of the object/,
    ],
    ['a rename onto a name that is taken', () => rename({title: 'customer'}), /has a property "customer" already/],
    ['a rename of what is not there', () => rename({nothing: 'x'}), /has no property "nothing"/],
    ['a vector that is not there', () => dropVector('main'), /does not have the vector "main"/],
    ['tenants where there are none', () => outOfTenants(), /has no tenants/],
    [
      'objects that would become one',
      () => transformObjects({object: (object) => ({...object, id: idOf(0)})}, {name: 'one'}),
      /Two objects would become/,
    ],
    [
      'functions that throw',
      () =>
        transformObjects(
          {
            object(object) {
              if (object.properties.title === 'text 17') throw new Error('no')
              return object
            },
          },
          {name: 'throws'},
        ),
      new RegExp(String.raw`The transform throws failed on object \d+, ${idOf(17)}: no\.`),
    ],
  ])('%s is refused, and nothing is made', async (_, transform, message) => {
    const work = async (): Promise<unknown> => restore(transform())
    await expect(work()).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(message) as string,
    })
    expect(await server.connection.getCollection(target)).toBeUndefined()
  })

  it('values that do not follow to another type are found before anything is made; those that do follow', async () => {
    const overrides = {'properties.title.dataType': ['int']}
    await expect(manager().restoreCollection(whole, {name: target, overrides})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(/"title" of the object .* is "text \d+", which is no int/) as string,
    })
    expect(await server.connection.getCollection(target)).toBeUndefined()
    const followed = {'properties.customer.dataType': ['text[]'], 'properties.year.dataType': ['text']}
    const restored = await manager().restoreCollection(whole, {name: target, overrides: followed, verify: true})
    expect(restored).toMatchObject({rejected: 0, restored: OBJECTS, verification: {equal: true}})
    const one = (await dump(target)).get(`/${idOf(7)}`)
    expect(one).toMatchObject({properties: {customer: ['c1'], year: '1997'}})
  })
})

it.each([true, false])(
  'functions that make something else each time are said to, not the backup (verify: %s)',
  async (verify) => {
    let asked = 0
    const some = transformObjects({object: (object) => (++asked % 7 === 0 ? null : object)}, {name: 'moody'})
    const work = manager().restoreCollection(whole, {name: target, transforms: [some], verify})
    await expect(work).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      hint: expect.stringContaining('Take chance, the time and counters out of them') as string,
      message: expect.stringMatching(/^The transforms make something else of .* each time: /) as string,
    })
    // Gone on with, too.
    await expect(manager().restoreCollection(whole, {name: target, transforms: [some], verify})).rejects.toMatchObject({
      code: 'CHECKPOINT',
    })
  },
)

it('functions that are others by now, under the same name, do not go on with what the earlier ones began', async () => {
  const titled = (title: string): Transform =>
    transformObjects({object: (object) => ({...object, properties: {...object.properties, title}})}, {name: 'titled'})
  const stop = new AbortController()
  const options = {batchSize: 2, concurrency: 1, name: target, workers: 1}
  const interrupted = manager().restoreCollection(whole, {
    ...options,
    onProgress({completed, stage}) {
      if (stage === 'restore' && completed > 2) stop.abort()
    },
    signal: stop.signal,
    transforms: [titled('one')],
  })
  await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED'})
  const other = manager().restoreCollection(whole, {...options, transforms: [titled('two')]})
  await expect(other).rejects.toMatchObject({code: 'CHECKPOINT'})
  const same = await manager().restoreCollection(whole, {...options, transforms: [titled('one')], verify: true})
  expect(same).toMatchObject({verification: {equal: true}})
})

it('a dry run tells what would come of it, and makes nothing', async () => {
  const transforms = [where('score < 3.0'), rename({title: 'heading'}), drop(['year'])]
  const {changes, expected: count} = await manager().restoreCollection(whole, {dryRun: true, name: target, transforms})
  expect(count).toBe(6)
  expect(changes).toMatchObject({lost: ['title', 'year'], objects: 6, partial: true, read: OBJECTS})
  expect(changes?.example?.after[0]?.properties).toHaveProperty('heading')
  expect(await server.connection.getCollection(target)).toBeUndefined()
})

it('a comparison with the collection whose objects went into tenants is refused as what it is', async () => {
  const verifier = new Verifier({connection: server.connection, directory: directory.path})
  for (const transform of [tenantFrom('customer'), intoTenant('one')]) {
    const changed = await backups().backupCollection(NAME, {transforms: [transform]})
    await expect(verifier.verifyCollection(NAME, changed.path)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringMatching(/^Tenants were changed on the way into the backup/) as string,
    })
  }
})
