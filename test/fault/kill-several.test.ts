/**
 * Restores and copies of several that die at a call to the store from the first one that is confirmed on: the next run ends them all. Every
 * call that touches a checkpoint, and some of the others; `SWEEP=all` takes every one.
 */
import {Buffer} from 'node:buffer'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Store} from '../../src/store/store.js'

import {newIdentity} from '../../src/codec/age/header.js'
import {BackupManager, CopyManager, DataOpsError, RestoreManager, type RestoreRunOptions} from '../../src/index.js'
import {GRACE, SAVE_EVERY} from '../../src/jobs/restore/checkpoint.js'
import {readAll} from '../../src/store/read-all.js'
import {restDump, startTestServer, temporaryDirectory, type TestServer, writeAll} from '../support/collections.js'
import {type Death, dyingStore} from '../support/dying-store.js'
import {memoryStore} from '../support/memory-store.js'

const NAMES = ['SeveralA', 'SeveralB', 'SeveralC']
const OBJECTS = 6
const OPTIONS = {batchSize: 3, concurrency: 1}
const IS_ALL = process.env.SWEEP === 'all'
const before = {grace: {...GRACE}, save: {...SAVE_EVERY}}

let from: TestServer
let to: TestServer
let expected: unknown[]
let state: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  ;[from, to] = [await startTestServer(), await startTestServer()]
  state = await temporaryDirectory()
  for (const [index, name] of NAMES.entries()) await fill(name, index)
  // In a circle, so that none can be restored without the others.
  for (const [index, name] of NAMES.entries()) {
    const next = NAMES[(index + 1) % NAMES.length]!
    const properties = [{dataType: [next], name: 'next'}]
    await from.connection.updateCollection({class: name, properties})
    const beacon = `weaviate://localhost/${next}/${idOf((index + 1) % NAMES.length, 0)}`
    await writeAll(from.connection, name, [objectOf(index, 0, {next: [{beacon}]})])
  }

  expected = await dumps(from)
})

afterAll(async () => {
  for (const server of [from, to]) {
    for (const name of NAMES) await server.connection.deleteCollection(name)
    await server.close()
  }

  await state.remove()
})

beforeEach(() => {
  GRACE.ms = 0
  SAVE_EVERY.ms = 0
})

afterEach(() => {
  Object.assign(GRACE, before.grace)
  Object.assign(SAVE_EVERY, before.save)
})

const idOf = (collection: number, object: number): string => `0000000${collection}-0000-4000-8000-00000000000${object}`
const objectOf = (collection: number, object: number, more = {}) => ({
  id: idOf(collection, object),
  properties: {title: `${collection} ${object}`, ...more},
})

async function fill(name: string, collection: number): Promise<void> {
  await from.connection.deleteCollection(name)
  await from.connection.createCollection({
    class: name,
    properties: [{dataType: ['text'], name: 'title'}],
    vectorizer: 'none',
  })
  await writeAll(
    from.connection,
    name,
    Array.from({length: OBJECTS}, (_, object) => objectOf(collection, object)),
  )
}

const dumps = async ({url}: TestServer): Promise<unknown[]> =>
  Promise.all(NAMES.map(async (name) => [...(await restDump(url, name))]))

interface Kind {
  prepare: (store: Store) => Promise<string[]>
  /** Returns which were gone on with, or written, and how many objects by which run. */
  run: (store: Store, names: string[], options: RestoreRunOptions) => ReturnType<RestoreManager['restoreCollections']>
  title: string
}

const KINDS: Kind[] = [
  {
    async prepare(store) {
      const {backups} = await new BackupManager(from.connection, {store}).backupCollections(NAMES, {format: 'json'})
      return backups.map(({id}) => id)
    },
    run: async (store, names, options) =>
      new RestoreManager(to.connection, {store}).restoreCollections(names, {...OPTIONS, ...options}),
    title: 'a restore of several backups',
  },
  {
    prepare: async () => NAMES,
    async run(store, names, options) {
      const manager = new CopyManager(from.connection, to.connection, {store})
      const {onConfirmed, ...rest} = options
      const copied = await manager.copyCollections(names, {
        ...OPTIONS,
        ...rest,
        onConfirmed: async (result) => onConfirmed?.({...result, backupId: ''}),
      })
      return {collections: copied.collections.map((one) => ({...one, backupId: ''}))}
    },
    title: 'a copy of several collections',
  },
]

const clean = async (): Promise<void> => {
  for (const name of NAMES) await to.connection.deleteCollection(name)
}

describe.each(KINDS)('$title', ({prepare, run}) => {
  it.each<Death>(['dies', 'fails', 'lost'])('that %s at its end is known to be done', async (death) => {
    await clean()
    const first = memoryStore()
    const names = await prepare(first)
    let confirmed = 0
    const counting = dyingStore(first, undefined, Infinity)
    await run(counting.store, names, {
      onConfirmed() {
        confirmed ||= counting.calls.length
      },
    })
    const outcomes: string[] = []
    for (let at = confirmed; at <= counting.calls.length; at++) {
      if (!IS_ALL && at % 12 > 0 && !/^(?:put|remove) .*checkpoint/.test(counting.calls[at - 1] ?? '')) continue
      await clean()
      const store = memoryStore()
      const given = await prepare(store)
      const {store: dying} = dyingStore(store, death, at)
      const failure: unknown = await run(dying, given, {}).catch((error: unknown) => error)
      if (failure instanceof Error) expect(failure).toBeInstanceOf(DataOpsError)
      const where = `${death} at ${at} of ${counting.calls.length}, ${counting.calls[at - 1]}`
      const isLeft = (await store.list('')).some(({name}) => name.endsWith('.checkpoint'))
      const again = await run(store, given, {verify: true}).catch((error: unknown) => error as DataOpsError)
      if (again instanceof Error) {
        // Nothing is left that could tell: all was done, and said, before it died.
        expect(again, `${where}: ${again.message}`).toMatchObject({code: 'COLLECTION_EXISTS'})
        expect(isLeft, where).toBe(false)
        outcomes.push('over')
      } else {
        expect(again.collections, where).toHaveLength(NAMES.length)
        for (const one of again.collections)
          expect(one, where).toMatchObject({rejected: 0, restored: 0, resumed: OBJECTS, verification: {equal: true}})
        outcomes.push('known')
      }

      expect(await dumps(to), where).toEqual(expected)
      expect(
        (await store.list('')).map(({name}) => name).filter((name) => /\.(?:checkpoint|rows)$/.test(name)),
      ).toEqual([])
    }

    expect(outcomes.filter((one) => one === 'known').length).toBeGreaterThan(3)
  })
})

it('what a checkpoint of an encrypted backup says does not come to stand in that of one that is not', async () => {
  const {identity, recipient} = await newIdentity()
  const prepare = async (): Promise<{ids: string[]; store: Store}> => {
    const store = memoryStore()
    const ids: string[] = []
    for (const [index, name] of NAMES.entries()) {
      const keys = index === 0 ? {encryptTo: [recipient], identities: [identity], stateDirectory: state.path} : {}
      ids.push((await new BackupManager(from.connection, {...keys, store}).backupCollection(name)).id)
    }

    return {ids, store}
  }

  const run = async (store: Store, ids: string[], verify = false): ReturnType<RestoreManager['restoreCollections']> =>
    new RestoreManager(to.connection, {identities: [identity], store}).restoreCollections(ids, {...OPTIONS, verify})
  await clean()
  const whole = await prepare()
  const counting = dyingStore(whole.store)
  await run(counting.store, whole.ids)
  const removals = [...counting.calls.entries()].filter(([, call]) => /^remove .*checkpoint/.test(call))
  expect(removals).toHaveLength(NAMES.length)
  for (const [index] of removals) {
    await clean()
    const {ids, store} = await prepare()
    // After that call.
    const told = await run(dyingStore(store, 'dies', index + 2).store, ids).catch((error: unknown) => error)
    if (told instanceof Error) expect(told).toMatchObject({code: 'STORAGE'})
    const left = (await store.list('')).map(({name}) => name).filter((name) => name.includes('checkpoint'))
    for (const name of left) {
      const text = Buffer.from(await readAll(store, name)).toString()
      expect([name, name.endsWith('.age') || !text.includes('SeveralA')]).toEqual([name, true])
    }

    if (left.length === 0) continue
    const {collections} = await run(store, ids, true)
    for (const one of collections) expect(one).toMatchObject({resumed: OBJECTS, verification: {equal: true}})
    expect(await dumps(to)).toEqual(expected)
  }
})
