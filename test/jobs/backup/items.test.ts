/** A backup that several workers write: whoever takes which item, it is the backup that one process takes. */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {BackupOptions} from '../../../src/jobs/backup/options.js'
import type {Store} from '../../../src/store/store.js'

import {newIdentity} from '../../../src/codec/age/header.js'
import {intoTenant, where} from '../../../src/flow/transform/index.js'
import {BackupManager, Verifier} from '../../../src/index.js'
import {type DividedBackup, planBackupWork} from '../../../src/jobs/backup/divide.js'
import {
  type BackupItemResult,
  type BackupWork,
  type BackupWorker,
  openBackupWork,
  runBackupItem,
} from '../../../src/jobs/backup/items.js'
import {sealItems} from '../../../src/jobs/backup/seal-items.js'
import {withEncryption} from '../../../src/store/encryption.js'
import {JobPlace} from '../../../src/work/place.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const PLAIN = 'ItemsPlain'
const TENANTS = 'ItemsTenants'
const COUNT = 3000
let server: TestServer
let store: Store

beforeAll(async () => {
  server = await startTestServer()
  await makeCollection(server.connection, PLAIN, COUNT, 4)
  await server.connection.deleteCollection(TENANTS)
  await server.connection.createCollection({
    class: TENANTS,
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['text'], name: 'title'}],
    vectorizer: 'none',
  })
  const tenants = Array.from({length: 6}, (_, at) => ({name: `t${at}`, status: 'HOT' as const}))
  await server.connection.createTenants(TENANTS, tenants)
  const {planCollection} = await import('../../../src/weaviate/collection-plan.js')
  const collection = planCollection((await server.connection.getCollection(TENANTS))!)
  for (const [number, {name}] of tenants.entries()) {
    const objects = Array.from({length: number === 0 ? 2500 : 20}, (_, at) => ({
      id: `${(number * 4000 + at).toString(16).padStart(8, '0')}-0000-4000-8000-00000000000${number}`,
      properties: {title: `of ${name}`},
      tenant: name,
    }))
    await server.connection.writeObjects({collection, objects})
  }

  await server.connection.setTenantStatus(TENANTS, [
    {name: 't4', status: 'COLD'},
    {name: 't5', status: 'COLD'},
  ])
})

afterAll(async () => {
  for (const name of [PLAIN, TENANTS]) await server.connection.deleteCollection(name)
  await server.close()
})

beforeEach(() => {
  store = memoryStore()
})

const plan = async (name: string, options: BackupOptions, items = 4): Promise<DividedBackup> =>
  planBackupWork(server.connection, store, name, {items, options: {format: 'parquet', ...options}})

// eslint-disable-next-line unicorn/prefer-structured-clone -- what JSON cannot hold is to be lost
const asJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

/** As on another machine: it knows what can be sent. */
const worker = async (work: BackupWork): Promise<BackupWorker> => openBackupWork(server.connection, store, asJson(work))

async function runAll({items, work}: DividedBackup): Promise<BackupItemResult[]> {
  const results: BackupItemResult[] = []
  // The last one first: the order in which they are done says nothing.
  for (const [at, item] of [...items.entries()].toReversed()) {
    const result = await runBackupItem(await worker(work), item, {attempt: 1, number: at + 1})
    results[at] = asJson(result)
  }

  return results
}

async function digestOfOne(name: string, options: BackupOptions): Promise<string> {
  const manager = new BackupManager(server.connection, {store: withEncryption(memoryStore(), {})})
  return (await manager.backupCollection(name, {format: 'parquet', ...options})).digest
}

async function sealAll(work: BackupWork, results: BackupItemResult[]): ReturnType<typeof sealItems> {
  return sealItems(await worker(work), results, {attempt: 1, places: new JobPlace(store, '.jobs/one')})
}

describe.each(['parquet', 'arrow'] as const)('in %s', (format) => {
  it('a collection in ranges', async () => {
    const divided = await plan(PLAIN, {format})
    expect(divided.items).toHaveLength(3)
    const results = await runAll(divided)
    expect(results.every(({content}) => content.objects > COUNT / 6)).toBe(true)
    const sealed = await sealAll(divided.work, results)
    expect(sealed).toMatchObject({
      complete: true,
      counted: {after: COUNT, before: COUNT, read: COUNT},
      digest: await digestOfOne(PLAIN, {format}),
      objectCount: COUNT,
    })
    const found = await new Verifier({connection: server.connection, store}).verifyBackup(sealed.id)
    expect(found).toMatchObject({digest: sealed.digest, problems: []})
    expect((await store.list(divided.work.name)).map(({name}) => name)).toEqual([
      'metadata.json',
      `objects-00001-1.${format}`,
      `objects-00002-1.${format}`,
      `objects-00003-1.${format}`,
      'schema.json',
    ])
  })
})

it('tenants: a large one in ranges, small ones, and inactive ones that are put back', async () => {
  const divided = await plan(TENANTS, {})
  expect(divided.work.counts).toEqual([['t0', 2500]])
  expect(divided.items.map(({activate, slices}) => [activate?.length ?? 0, slices.length])).toContainEqual([2, 2])
  const sealed = await sealAll(divided.work, await runAll(divided))
  expect(sealed).toMatchObject({
    complete: true,
    counted: {after: 2600, before: 2600, read: 2600},
    digest: await digestOfOne(TENANTS, {}),
    tenants: {count: 6, skipped: []},
  })
  const states = await server.connection.listTenants(TENANTS)
  expect(states.filter(({status}) => status === 'COLD').map(({name}) => name)).toEqual(['t4', 't5'])
})

it('what a second attempt has done counts, and what the first has left goes', async () => {
  const divided = await plan(PLAIN, {})
  const {items, work} = divided
  const first = await runBackupItem(await worker(work), items[1]!, {attempt: 1, number: 2})
  const results = await Promise.all(
    items.map(async (item, at) => runBackupItem(await worker(work), item, {attempt: 2, number: at + 1})),
  )
  expect(results[1]!.content).toEqual(first.content)
  const sealed = await sealAll(work, results)
  expect(sealed.objectCount).toBe(COUNT)
  const names = (await store.list(work.name)).map(({name}) => name)
  expect(names).not.toContain('objects-00002-1.parquet')
  expect(names).toContain('objects-00002-2.parquet')
})

it('an item whose lease is lost ends without a part', async () => {
  const {items, work} = await plan(PLAIN, {})
  let asked = 0
  const check = async (): Promise<void> => {
    if (++asked === 2) throw new Error('lost')
  }

  await expect(runBackupItem(await worker(work), items[0]!, {attempt: 1, check, number: 1})).rejects.toThrow('lost')
  expect(await store.list(work.name)).toEqual([])
})

it('encrypted: each worker knows the public half of the key only', async () => {
  const {identity, recipient} = await newIdentity()
  const place = store
  store = withEncryption(place, {encryptTo: [recipient]})
  const divided = await plan(PLAIN, {})
  expect(JSON.stringify(divided.work)).not.toMatch(/AGE-SECRET/i)
  const results = await runAll(divided)
  const sealed = await sealAll(divided.work, results)
  expect(sealed).toMatchObject({digest: await digestOfOne(PLAIN, {}), encrypted: true})
  const reader = withEncryption(place, {identities: [identity]})
  const found = await new Verifier({connection: server.connection, store: reader}).verifyBackup(sealed.id)
  expect(found).toMatchObject({digest: sealed.digest, problems: []})
})

it('changes on the way are made by each worker, and ids that become one are found at the seal', async () => {
  const transforms = [where('title.startsWith("of t1") || title.startsWith("of t2")')]
  const divided = await plan(TENANTS, {transforms})
  const results = await runAll(divided)
  const sealed = await sealAll(divided.work, results)
  expect(sealed).toMatchObject({
    complete: true,
    counted: {after: 2600, before: 2600, read: 2600},
    digest: await digestOfOne(TENANTS, {transforms}),
    objectCount: 40,
    partial: true,
  })
})

it('an object that no item has read is found, and read, at the seal', async () => {
  const divided = await plan(PLAIN, {})
  const results = await runAll(divided)
  // As if a listing had hidden the second third.
  const lacking = {...results[1]!, content: {...results[0]!.content, objects: 0, sum: '0'.repeat(64)}, parts: []}
  const sealed = await sealAll(divided.work, [results[0]!, lacking, results[2]!])
  expect(sealed).toMatchObject({complete: true, digest: await digestOfOne(PLAIN, {}), objectCount: COUNT})
})

it.each([
  [{format: 'json'}, 'is one document'],
  [{settle: true}, 'settles'],
])('%o is refused', async (options, what) => {
  await expect(plan(PLAIN, options as BackupOptions)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: `A backup that ${what} cannot be written by several machines.`,
  })
  expect(await store.list('')).toEqual([])
})

it('tenants that become one are refused when two of their objects do', async () => {
  const divided = await plan(TENANTS, {transforms: [intoTenant('one')]})
  const results = await runAll(divided)
  const copies = [...results, ...results.slice(0, 1)]
  await expect(sealAll(divided.work, copies)).rejects.toMatchObject({code: 'INVALID_INPUT'})
})
