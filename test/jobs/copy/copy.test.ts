/** Copies between two embedded servers, and within one. */
import {Buffer} from 'node:buffer'
import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {Connection} from '../../../src/weaviate/connection.js'

import {makeObjects} from '../../../bench/data.js'
import {CopyManager, type CopyResult} from '../../../src/index.js'
import {SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {type WeaviateObject} from '../../../src/model/object.js'
import {type EmbeddedWeaviateOptions, startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {connect} from '../../../src/weaviate/connect.js'
import {restDump} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const servers = embeddedServers()
const NAME = 'CopyTest'
const TENANTS = ['north', 'south', 'west']

let a: {connection: Connection; url: string}
let b: {connection: Connection; url: string}

beforeEach(async () => {
  SAVE_EVERY.ms = 0
  a = await servers.start()
  b = await servers.start()
})

afterEach(() => {
  SAVE_EVERY.ms = 500
})

const manager = (from = a.connection, to = b.connection): CopyManager =>
  new CopyManager(from, to, {directory: servers.directory})

/** Objects that refer to the one before, to themselves, and to what is not there. */
async function fill(
  connection: Connection,
  objects: number,
  {name = NAME, tenants}: {name?: string; tenants?: readonly string[]} = {},
): Promise<void> {
  await connection.createCollection({
    class: name,
    ...(tenants && {multiTenancyConfig: {enabled: true}}),
    properties: [
      {dataType: ['text'], name: 'title'},
      {dataType: [name], name: 'before'},
    ],
    vectorIndexType: 'flat',
    vectorizer: 'none',
  })
  const plan = planCollection((await connection.getCollection(name))!)
  await connection.createTenants(
    name,
    (tenants ?? []).map((tenant) => ({name: tenant, status: 'HOT' as const})),
  )
  const made = makeObjects({className: name, dims: 4, objects})
  for (const tenant of tenants ?? [undefined]) {
    const whole = made.map(({id, vector}, index): WeaviateObject => ({
      id,
      properties: {
        before: made
          .slice(Math.max(0, index - 1), index + 1)
          .map((other) => ({beacon: `weaviate://localhost/${name}/${other.id}`})),
        title: `${tenant ?? 'none'} ${index}`,
      },
      ...(tenant !== undefined && {tenant}),
      ...(vector && {vector}),
    }))
    expect(await connection.writeObjects({collection: plan, objects: whole})).toEqual([])
    expect(await connection.writeReferences({collection: plan, objects: whole})).toEqual([])
  }
}

/** What REST shows, references with the name of their collection left out. */
async function dump(url: string, name: string, tenant?: string): Promise<Array<[string, string]>> {
  const objects = await restDump(url, name, tenant)
  return Array.from(objects, ([id, object]): [string, string] => [id, JSON.stringify(object).replaceAll(name, '')])
}

describe('a copy', () => {
  it('to another server is equal, with references, tenants in their states and aliases', async () => {
    await fill(a.connection, 40, {tenants: TENANTS})
    await a.connection.createAlias('Shown', NAME)
    await a.connection.setTenantStatus(NAME, [{name: 'south', status: 'COLD'}])
    const copied = await manager().copyCollection(NAME, {batchSize: 7, verify: true})
    expect(copied).toMatchObject({
      aliases: ['Shown'],
      collection: NAME,
      complete: true,
      references: 79 * 3,
      rejected: 0,
      restored: 120,
      source: {collection: NAME},
      tenants: 3,
      verification: {equal: true},
      warnings: [],
    })
    for (const {connection} of [a, b]) {
      expect((await connection.listTenants(NAME)).map(({name, status}) => `${name} ${status}`).toSorted()).toEqual([
        'north HOT',
        'south COLD',
        'west HOT',
      ])
    }

    for (const {connection} of [a, b]) await connection.setTenantStatus(NAME, [{name: 'south', status: 'HOT'}])
    for (const tenant of TENANTS) expect(await dump(b.url, NAME, tenant)).toEqual(await dump(a.url, NAME, tenant))
    expect(await left()).toEqual([])
  })

  it('within one server has another name, and references to the copy itself', async () => {
    await fill(a.connection, 30)
    await a.connection.createAlias('Shown', NAME)
    const copied = await manager(a.connection, a.connection).copyCollection('Shown', {name: 'Other', verify: true})
    expect(copied).toMatchObject({aliases: [], restored: 30, verification: {equal: true}, warnings: []})
    expect(await dump(a.url, 'Other')).toEqual(await dump(a.url, NAME))
    expect((await restDump(a.url, 'Other')).size).toBe(30)
  })

  it('of several goes in the order of their references', async () => {
    await fill(a.connection, 5, {name: 'Author'})
    await a.connection.createCollection({
      class: 'Article',
      properties: [{dataType: ['Author'], name: 'by'}],
      vectorizer: 'none',
    })
    const {collections} = await manager().copyCollections('all', {exclude: ['Nothing*']})
    expect(collections.map(({collection, restored}) => `${collection} ${restored}`)).toEqual(['Author 5', 'Article 0'])
  })

  it('of one collection that is named twice is one; by a name and an alias it is refused', async () => {
    await fill(a.connection, 3)
    await a.connection.createAlias('Shown', NAME)
    await expect(manager().copyCollections([NAME, 'Shown'])).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: `"${NAME}" and "Shown" are one collection, "${NAME}".`,
    })
    expect(await b.connection.listCollections()).toEqual([])
    const {collections} = await manager().copyCollections([NAME, `${NAME.slice(0, 3)}*`, NAME])
    expect(collections.map(({restored}) => restored)).toEqual([3])
    expect(await left()).toEqual([])
  })

  it('in a dry run changes nothing and says what would come', async () => {
    await fill(a.connection, 12)
    const copied = await manager().copyCollection(NAME, {dryRun: true})
    expect(copied).toMatchObject({dryRun: true, expected: 12, restored: 0})
    expect(await b.connection.listCollections()).toEqual([])
    expect(await left()).toEqual([])
  })
})

describe('a target that is the source', () => {
  const others = async (): Promise<Connection> =>
    connect({grpcUrl: a.connection.restSide?.addresses.grpc, url: a.url.replace('127.0.0.1', 'localhost')})

  it.each([undefined, TENANTS])('is refused by name, alias and another address, tenants: %s', async (tenants) => {
    await fill(a.connection, 10, {tenants})
    if (tenants) await a.connection.setTenantStatus(NAME, [{name: 'north', status: 'COLD'}])
    await a.connection.createAlias('Shown', NAME)
    const before = tenants ? undefined : await dump(a.url, NAME)
    const elsewhere = await others()
    try {
      for (const target of [a.connection, elsewhere]) {
        // An alias is what an atomic copy may be shown under.
        for (const options of [{}, {atomic: true}, {merge: true, name: NAME}, {name: 'Shown'}]) {
          const refused = manager(a.connection, target).copyCollection(NAME, options)
          await expect(refused).rejects.toMatchObject({code: 'INVALID_INPUT', exitCode: 2})
          await expect(refused).rejects.toThrow('The target is the source')
        }
      }

      if (before) expect(await dump(a.url, NAME)).toEqual(before)
      expect(await left()).toEqual([])
    } finally {
      await elsewhere.close()
    }
  })

  it('is none where another server has a collection of that name, and of those ids', async () => {
    await fill(a.connection, 10, {tenants: TENANTS})
    await fill(b.connection, 10, {tenants: TENANTS})
    const copied = await manager().copyCollection(NAME, {merge: true, verify: true})
    expect(copied).toMatchObject({restored: 30, verification: {equal: true}})
  })
})

/** Names that are left beside nothing. */
async function left(): Promise<string[]> {
  return (await readdir(servers.directory).catch(() => [])).filter((name) => !/\.lock(?:\.\d+)?$/.test(name))
}

/** A copy of 60 objects, whose ids are listed before the first is read; `meanwhile` is told how many are written before each request. */
async function copyBeside(
  meanwhile: (connection: Connection, isListed: boolean, written: number) => Promise<void>,
  options: EmbeddedWeaviateOptions = {},
): Promise<{copied: Promise<CopyResult>; url: string}> {
  let requests = 0
  const state = {isCopying: false}
  let written = 0
  const writer: {connection?: Connection} = {}
  const {connection, url} = await servers.start({
    ...options,
    async onRequest({path: asked}) {
      const isListing = asked.endsWith('/Search') || asked.startsWith('/v1/objects?')
      if (!state.isCopying || !writer.connection || !isListing) return
      state.isCopying = false
      // Both sides of the proof that they are one server, and three pages of ids.
      await meanwhile(writer.connection, ++requests > 5, written)
      Object.assign(state, {isCopying: true})
    },
  })
  writer.connection = connection
  await fill(connection, 60)
  state.isCopying = true
  const copied = new CopyManager(connection, b.connection, {directory: servers.directory}).copyCollection(NAME, {
    batchSize: 10,
    concurrency: 1,
    onProgress({completed, stage}) {
      if (stage === 'restore') written = completed
    },
  })
  return {copied, url}
}

const idsOf = async (url: string): Promise<string[]> => [...(await restDump(url, NAME)).keys()]

describe('a source that is written to while it is copied', () => {
  it('loses objects: they are known to be gone, and no reference makes one of them', async () => {
    const ids = makeObjects({className: NAME, dims: 4, objects: 60})
      .map(({id}) => id)
      .toSorted()
    const victims = [ids[15]!, ids[40]!, ids[59]!]
    const done = {back: false, gone: false}
    const {copied} = await copyBeside(async (connection, isListed, written) => {
      if (isListed && !done.gone) {
        done.gone = true
        await connection.deleteObjects({collection: NAME, ids: victims})
      }

      if (written === 57 && !done.back) {
        done.back = true
        await write(connection, victims)
      }
    })
    expect(await copied).toMatchObject({complete: true, gone: 3, rejected: 0, restored: 57})
    expect(done).toEqual({back: true, gone: true})
    expect(await idsOf(b.url)).toEqual(ids.filter((id) => !victims.includes(id)))
  })

  it.each([false, true])(
    'loses the object by which the target was proven (merge: %s): it is taken back',
    async (merge) => {
      await fill(a.connection, 12)
      const options = {batchSize: 5, concurrency: 1, merge}
      if (merge) await manager().copyCollection(NAME, {skipData: true})
      let first: string | undefined
      const target: Connection = {
        ...b.connection,
        async writeObjects(request) {
          const refused = await b.connection.writeObjects(request)
          if (first === undefined) {
            first = request.objects[0]!.id
            await a.connection.deleteObjects({collection: NAME, ids: [first]})
          }

          return refused
        },
      }
      const copied = await manager(a.connection, target).copyCollection(NAME, options)
      expect(copied).toMatchObject({gone: 1, restored: 11})
      expect(await idsOf(b.url)).toEqual(await idsOf(a.url))
    },
  )

  it('gains objects: those that were not there when ids were listed are not copied, however many', async () => {
    const more = Array.from({length: 300}, (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`)
    let isDone = false
    const {copied, url} = await copyBeside(async (connection, isListed) => {
      if (!isListed || isDone) return
      isDone = true
      await write(connection, more)
    })
    expect(await copied).toMatchObject({complete: true, restored: 60})
    expect((await idsOf(url)).length).toBe(360)
    expect((await idsOf(b.url)).length).toBe(60)
  })

  it('is dropped and made anew: the copy fails and says so', async () => {
    let isDone = false
    const {copied} = await copyBeside(async (connection, isListed) => {
      if (!isListed || isDone) return
      isDone = true
      await connection.deleteCollection(NAME)
      await fill(connection, 60)
    })
    await expect(copied).rejects.toMatchObject({code: 'SERVER_REFUSED', details: {recreated: true}})
  })

  it('counts more than it lists: said, and not complete', async () => {
    let isOff = false
    const {copied} = await copyBeside(
      async () => {
        isOff = true
      },
      {count: (count) => (isOff ? count + 2 : count)},
    )
    const {complete, restored, warnings} = await copied
    expect({complete, restored}).toEqual({complete: false, restored: 60})
    expect(warnings).toMatchObject([{code: 'incomplete-copy', details: {objects: 2}}])
  })
})

/** As if nobody could see which collection it is; `meanwhile` comes before the `at`-th page of objects is read. */
function readingPages(
  connection: Connection,
  at: number,
  meanwhile: () => Promise<void>,
  include: 'objects' | 'references' = 'objects',
): Connection {
  let pages = 0
  return {
    ...connection,
    identify: async () => undefined,
    async readPage(request) {
      if (request.include === include && ++pages === at) await meanwhile()
      return connection.readPage(request)
    },
  }
}

async function interruptedCopy(source: Connection, after: number): Promise<void> {
  const controller = new AbortController()
  const interrupted = manager(source).copyCollection(NAME, {
    batchSize: 5,
    concurrency: 1,
    onProgress({completed, stage}) {
      if (stage === 'restore' && completed >= after) controller.abort()
    },
    signal: controller.signal,
  })
  await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED'})
}

describe.each([undefined, ['north', 'south']])(
  'a source that does not show which collection it is, tenants: %s',
  (tenants) => {
    const anew = async (): Promise<void> => {
      await a.connection.deleteCollection(NAME)
      await fill(a.connection, 20, {tenants})
    }

    it('is dropped and made anew, with the same ids: the copy fails and says so', async () => {
      await fill(a.connection, 20, {tenants})
      const source = readingPages(a.connection, 3, anew)
      const copied = manager(source).copyCollection(NAME, {batchSize: 5, concurrency: 1})
      await expect(copied).rejects.toMatchObject({code: 'SERVER_REFUSED', details: {recreated: true}})
    })

    it('is dropped and made anew before its references are read: the copy fails and says so', async () => {
      await fill(a.connection, 20, {tenants})
      const source = readingPages(a.connection, 1, anew, 'references')
      const copied = manager(source).copyCollection(NAME)
      await expect(copied).rejects.toMatchObject({code: 'SERVER_REFUSED', details: {recreated: true}})
    })

    it('is made anew after the copy was interrupted: what comes then is not taken for what was listed', async () => {
      await fill(a.connection, 20, {tenants})
      const source = readingPages(a.connection, Infinity, anew)
      await interruptedCopy(source, 10)
      await anew()
      const copied = manager(source).copyCollection(NAME, {batchSize: 5})
      await expect(copied).rejects.toMatchObject({code: 'SERVER_REFUSED', details: {recreated: true}})
    })

    it('is copied whole where all that is read last is written anew', async () => {
      await fill(a.connection, 20, {tenants})
      const ids = makeObjects({className: NAME, dims: 4, objects: 20})
        .map(({id}) => id)
        .toSorted()
      const last = tenants?.at(-1)
      const source = readingPages(a.connection, 3, async () => {
        const changed = tenants ? ids : ids.slice(10)
        await a.connection.deleteObjects({collection: NAME, ids: changed, tenant: last})
        await write(a.connection, changed, last)
      })
      const copied = await manager(source).copyCollection(NAME, {batchSize: 5, concurrency: 1})
      expect(copied).toMatchObject({complete: true, restored: 20 * (tenants?.length ?? 1)})
    })

    it('is copied whole where some of it is deleted', async () => {
      await fill(a.connection, 20, {tenants})
      const ids = makeObjects({className: NAME, dims: 4, objects: 20})
        .map(({id}) => id)
        .toSorted()
      const source = readingPages(a.connection, 3, async () => {
        for (const tenant of tenants ?? [undefined]) {
          await a.connection.deleteObjects({collection: NAME, ids: ids.slice(10, 12), tenant})
        }
      })
      const copied = await manager(source).copyCollection(NAME, {batchSize: 5, concurrency: 1})
      const each = tenants?.length ?? 1
      expect(copied).toMatchObject({complete: true, gone: 2 * each, restored: 18 * each})
    })
  },
)

it('a list of rows that was changed on the disk is not believed: no object is taken to be gone', async () => {
  await fill(a.connection, 40)
  await interruptedCopy(a.connection, 15)
  const rows = (await left()).find((name) => name.endsWith('.rows'))
  const file = path.join(servers.directory, rows!, '000001.ids')
  const bytes = await readFile(file)
  // The last id, which was not copied yet, becomes another one.
  const changed = Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])])
  await writeFile(file, changed)
  await expect(manager().copyCollection(NAME, {batchSize: 5})).rejects.toMatchObject({code: 'CHECKPOINT'})
  await writeFile(file, bytes)
  expect(await manager().copyCollection(NAME, {batchSize: 5})).not.toHaveProperty('gone')
  expect((await restDump(b.url, NAME)).size).toBe(40)
})

async function write(connection: Connection, ids: readonly string[], tenant?: string): Promise<void> {
  const collection = planCollection((await connection.getCollection(NAME))!)
  const objects = ids.map((id): WeaviateObject => ({
    id,
    properties: {before: [{beacon: `weaviate://localhost/${NAME}/${id}`}], title: 'again'},
    ...(tenant !== undefined && {tenant}),
    vector: new Uint8Array(16),
  }))
  expect(await connection.writeObjects({collection, objects})).toEqual([])
  expect(await connection.writeReferences({collection, objects})).toEqual([])
}

it('needs the right to write the target: nothing is left of it without', async () => {
  await fill(a.connection, 5)
  const locked = await startEmbeddedWeaviate({apiKeys: ['all'], readOnlyApiKeys: ['read']})
  const reading = await connect({apiKey: 'read', grpcUrl: locked.grpcUrl, url: locked.url})
  try {
    await expect(manager(a.connection, reading).copyCollection(NAME)).rejects.toMatchObject({code: 'NOT_ALLOWED'})
    expect(await reading.listCollections()).toEqual([])
    expect(await left()).toEqual([])
  } finally {
    await reading.close()
    await locked.close()
  }
})

describe('a copy that was interrupted', () => {
  it.each([1, 70, 119])('goes on where it was after %i objects: each once, references once', async (at) => {
    await fill(a.connection, 40, {tenants: TENANTS})
    await a.connection.setTenantStatus(NAME, [{name: 'west', status: 'COLD'}])
    const controller = new AbortController()
    let failure: unknown
    try {
      await manager().copyCollection(NAME, {
        batchSize: 5,
        concurrency: 2,
        onProgress({completed, stage}) {
          if (stage === 'restore' && completed >= at) controller.abort()
        },
        signal: controller.signal,
      })
    } catch (error) {
      failure = error
    }

    if (at < 119) {
      expect(failure).toMatchObject({code: 'INTERRUPTED'})
      expect((failure as {hint: string}).hint).toContain('Run the same copy again to continue')
    }

    const copied = await manager().copyCollection(NAME, {batchSize: 5, verify: true})
    expect(copied.restored + copied.resumed).toBe(120)
    expect(copied.gone).toBeUndefined()
    expect(copied).toMatchObject({verification: {equal: true}})
    expect((await a.connection.listTenants(NAME)).find(({name}) => name === 'west')?.status).toBe('COLD')
    for (const {connection} of [a, b]) await connection.setTenantStatus(NAME, [{name: 'west', status: 'HOT'}])
    for (const tenant of TENANTS) expect(await dump(b.url, NAME, tenant)).toEqual(await dump(a.url, NAME, tenant))
    expect(await left()).toEqual([])
  })
})
