/** What a sweep through the calls to a store does to it, and what must hold after each. */
import {expect} from 'vitest'

import type {PruneResult} from '../../src/catalog/catalog.js'
import type {ReindexResult} from '../../src/catalog/scan.js'
import type {BackupOptions} from '../../src/jobs/backup/options.js'
import type {Store} from '../../src/store/store.js'
import type {Connection} from '../../src/weaviate/connection.js'

import {rejectedName} from '../../src/archive/names.js'
import {
  BackupCatalog,
  BackupManager,
  type BackupResult,
  RestoreManager,
  type RestoreResult,
  Verifier,
} from '../../src/index.js'
import {readRejected} from '../../src/jobs/restore/rejected.js'
import {overlay} from '../../src/model/overlay.js'
import {restDump, type TestServer} from '../support/collections.js'

export const NAME = 'SweptDocs'
export const OBJECTS = 12
const TARGET = `${NAME}Back`
const CATALOG = '.backup_catalog.json'

export interface Place {
  remove: () => Promise<void>
  store: Store
}

/** What a backup is taken of, as what, and where it lies. */
export interface Sweep {
  isEncrypted?: boolean
  me: {identity: string; recipient: string}
  options: BackupOptions
  server: TestServer
  state: string
  store: Store
}

interface After {
  /** Backups that were there before. */
  ids: readonly string[]
  /** It told no failure. */
  isDone: boolean
  result: unknown
}

export interface Scenario {
  check: (sweep: Sweep, after: After) => Promise<void>
  /** Of backups that are encrypted alone. */
  isOfEncrypted?: true
  /** Returns the ids of the backups that it has taken, the oldest first. */
  prepare: (sweep: Sweep) => Promise<string[]>
  run: (sweep: Sweep, ids: readonly string[]) => Promise<unknown>
  title: string
}

const keys = ({isEncrypted, me}: Sweep) => (isEncrypted ? {encryptTo: [me.recipient], identities: [me.identity]} : {})
const catalogOf = (sweep: Sweep): BackupCatalog => new BackupCatalog(sweep.store, keys(sweep))
const managing = (sweep: Sweep) => ({...keys(sweep), stateDirectory: sweep.state, store: sweep.store})

async function take(sweep: Sweep, more: BackupOptions = {}): Promise<BackupResult> {
  const options = {batchSize: 4, concurrency: 1, ...sweep.options, ...more}
  return new BackupManager(sweep.server.connection, managing(sweep)).backupCollection(NAME, options)
}

async function takeSome(sweep: Sweep, count: number): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < count) ids.push((await take(sweep)).id)
  return ids
}

/** The same place two hours later. */
function aged(store: Store): Store {
  const older = <T extends undefined | {modified: number}>(entry: T): T =>
    entry && {...entry, modified: entry.modified - 7_200_000}
  return overlay(store, {
    list: async (folder: string) => (await store.list(folder)).map((entry) => older(entry)),
    stat: async (key: string) => older(await store.stat(key)),
  })
}

/** Every backup that is there by its listing is whole, with every object. Returns their ids, the oldest first. */
async function listedWhole(sweep: Sweep): Promise<string[]> {
  const ids: string[] = []
  for (const {file, id, status} of (await catalogOf(sweep).list()).toReversed()) {
    expect(['sealed', 'unlisted']).toContain(status)
    const verified = await new Verifier({...keys(sweep), store: sweep.store}).verifyBackup(file)
    expect(verified).toMatchObject({objectCount: OBJECTS, problems: []})
    ids.push(id)
  }

  return ids
}

/** In two hours nothing lies there but these backups, their catalog and `others`. */
async function expectTidy(sweep: Sweep, ids: readonly string[], others: readonly string[] = []): Promise<void> {
  const {store} = sweep
  const {damaged, entries} = await catalogOf({...sweep, store: aged(store)}).reindex()
  expect(damaged).toEqual([])
  expect(entries.map(({id}) => id).toSorted()).toEqual([...ids].toSorted())
  const names = (await store.list('')).map(({name}) => name)
  expect(names.toSorted()).toEqual([CATALOG, ...entries.map(({file}) => file), ...others].toSorted())
  expect(await store.uploads?.drop(async () => true)).toEqual(store.uploads && [])
}

/** An unfinished backup of eight objects. */
async function begin(sweep: Sweep): Promise<void> {
  const controller = new AbortController()
  const onProgress = ({completed}: {completed: number}): void => {
    if (completed >= 8) controller.abort()
  }

  await expect(take(sweep, {onProgress, signal: controller.signal})).rejects.toMatchObject({code: 'INTERRUPTED'})
}

/** What was there, and what was told to be, is there; so is what another run takes. */
async function checkBackups(sweep: Sweep, {ids, isDone, result}: After): Promise<void> {
  const there = await listedWhole(sweep)
  expect(there).toEqual(expect.arrayContaining([...ids, ...(isDone ? [(result as BackupResult).id] : [])]))
  const again = await take(sweep, {resume: 'auto'})
  expect(again.objectCount).toBe(OBJECTS)
  const later = await listedWhole(sweep)
  expect(later).toEqual(expect.arrayContaining([...there, again.id]))
  // One that does not go on with anything ends what cannot be continued.
  const last = await take(sweep)
  const all = await listedWhole(sweep)
  expect(all).toEqual(expect.arrayContaining([...later, last.id]))
  await expectTidy(sweep, all)
}

const isRefused = (id: string): boolean => Number.parseInt(id.slice(-2), 16) % 3 === 0

/** A server that refuses some objects. */
function refusing(connection: Connection): Connection {
  return {
    ...connection,
    async writeObjects(request) {
      const objects = request.objects.filter(({id}) => !isRefused(id))
      const refused = request.objects.filter(({id}) => isRefused(id))
      const failures = objects.length > 0 ? await connection.writeObjects({...request, objects}) : []
      return [...failures, ...refused.map(({id}) => ({id, reason: 'not today'}))]
    },
  }
}

async function restore(sweep: Sweep, id: string): Promise<RestoreResult> {
  const options = {batchSize: 4, concurrency: 1, name: TARGET}
  return new RestoreManager(refusing(sweep.server.connection), managing(sweep)).restoreCollection(id, options)
}

/** Every object is there or has its line, once; another run tells the same, or that there is nothing to go on with. */
async function checkRestore(sweep: Sweep, {ids, isDone, result}: After): Promise<void> {
  const [id = ''] = ids
  const all = [...(await restDump(sweep.server.url, NAME)).keys()].toSorted()
  const refused = all.filter((each) => isRefused(each))
  expect(refused.length).toBeGreaterThan(2)
  let last = isDone ? (result as RestoreResult) : undefined
  if (!last) {
    const isOver = (error: {code: string}): undefined => {
      expect(error.code).toBe('COLLECTION_EXISTS')
    }

    last = await restore(sweep, id).catch(isOver)
  }

  if (last) {
    expect(last).toMatchObject({rejected: refused.length})
    expect(last.restored + last.resumed).toBe(all.length - refused.length)
  }

  const {file} = (await catalogOf(sweep).find(id))!
  const lines: string[] = []
  const rejected = rejectedName(file, `${TARGET}@${sweep.server.connection.describe}`)
  for await (const {object} of readRejected(sweep.store, rejected)) lines.push(object.id)
  expect(lines.toSorted()).toEqual(refused)
  const live = [...(await restDump(sweep.server.url, TARGET)).keys()].toSorted()
  expect(live).toEqual(all.filter((each) => !isRefused(each)))
  await expectTidy(sweep, [id], [rejected])
}

export const SCENARIOS: Scenario[] = [
  {
    check: checkBackups,
    prepare: async (sweep) => takeSome(sweep, 1),
    run: async (sweep) => take(sweep),
    title: 'backup',
  },
  {
    check: checkBackups,
    async prepare(sweep) {
      const ids = await takeSome(sweep, 1)
      await begin(sweep)
      return ids
    },
    run: async (sweep) => take(sweep, {resume: 'auto'}),
    title: 'resume',
  },
  {
    async check(sweep, {ids, isDone, result}) {
      const there = await listedWhole(sweep)
      const newest = ids.slice(-1)
      expect(there).toEqual(expect.arrayContaining(newest))
      if (isDone) expect(there.toReversed()).toEqual((result as PruneResult).kept.map(({id}) => id))
      await catalogOf(sweep).prune({keepLast: 1})
      expect(await listedWhole(sweep)).toEqual(newest)
      await expectTidy(sweep, newest)
    },
    prepare: async (sweep) => takeSome(sweep, 3),
    run: async (sweep) => catalogOf(sweep).prune({keepLast: 1}),
    title: 'prune',
  },
  {
    async check(sweep, {ids, isDone}) {
      const [gone = '', ...kept] = ids
      const there = await listedWhole(sweep)
      if (isDone) expect(there).toEqual(kept)
      else expect(there).toEqual(expect.arrayContaining(kept))
      if (await catalogOf(sweep).find(gone)) await catalogOf(sweep).remove(gone)
      expect(await listedWhole(sweep)).toEqual(kept)
      await expectTidy(sweep, kept)
    },
    prepare: async (sweep) => takeSome(sweep, 2),
    run: async (sweep, [gone = '']) => catalogOf(sweep).remove(gone),
    title: 'remove',
  },
  {
    async check(sweep, {ids, isDone, result}) {
      expect(await listedWhole(sweep)).toEqual(ids)
      const {damaged = [], entries = []} = isDone ? (result as ReindexResult) : {}
      if (isDone) expect(damaged.length + entries.length).toBe(ids.length)
      await catalogOf(sweep).reindex()
      const names = (await sweep.store.list('')).map(({name}) => name)
      // The damaged catalog is kept.
      await expectTidy(
        sweep,
        ids,
        names.filter((name) => name.includes('catalog') && name !== CATALOG),
      )
    },
    async prepare(sweep) {
      const ids = await takeSome(sweep, 2)
      await sweep.store.put(CATALOG, Buffer.from('[{'))
      return ids
    },
    run: async (sweep) => catalogOf(sweep).reindex(),
    title: 'reindex',
  },
  {
    async check(sweep, {ids}) {
      expect(await listedWhole(sweep)).toEqual(ids)
      expect(await catalogOf(sweep).rekey(ids[0]!, {encryptTo: [sweep.me.recipient]})).toMatchObject({id: ids[0]})
      expect(await listedWhole(sweep)).toEqual(ids)
      const {file} = (await catalogOf(sweep).find(ids[0]!))!
      expect((await sweep.store.list(file)).filter(({name}) => name.startsWith('key-'))).toHaveLength(1)
      await expectTidy(sweep, ids)
    },
    isOfEncrypted: true,
    async prepare(sweep) {
      const ids = await takeSome(sweep, 1)
      // Its key file gets shorter with its readers.
      await catalogOf(sweep).rekey(ids[0]!, {encryptTo: Array.from({length: 4}, () => sweep.me.recipient)})
      return ids
    },
    run: async (sweep, [id = '']) => catalogOf(sweep).rekey(id, {encryptTo: [sweep.me.recipient]}),
    title: 'rekey',
  },
  {
    check: checkRestore,
    async prepare(sweep) {
      await sweep.server.connection.deleteCollection(TARGET)
      return takeSome(sweep, 1)
    },
    run: async (sweep, [id = '']) => restore(sweep, id),
    title: 'restore',
  },
]
