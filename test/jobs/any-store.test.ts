/** Everything that is done with backups, in a store that has nothing but the contract: no folders, no renames, nothing unfinished. */
import {readFile} from 'node:fs/promises'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {BackupOptions} from '../../src/jobs/backup/options.js'
import type {Store} from '../../src/store/store.js'

import {BackupCatalog, BackupManager, RestoreManager, Verifier} from '../../src/index.js'
import {FLUSH_EVERY} from '../../src/jobs/backup/transfer.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {memoryStore} from '../support/memory-store.js'

const NAME = 'AnyStore'
const SETTINGS = {...FLUSH_EVERY}
const OBJECTS = 60
const KINDS: BackupOptions[] = [
  {format: 'json'},
  {compress: true, format: 'json'},
  {format: 'parquet'},
  {format: 'arrow'},
]

let server: TestServer
let store: Store

beforeAll(async () => {
  server = await startTestServer()
  await makeCollection(server.connection, NAME, OBJECTS, 4)
})

afterAll(async () => {
  Object.assign(FLUSH_EVERY, SETTINGS)
  await server.connection.deleteCollection(NAME)
  await server.close()
})

beforeEach(() => {
  store = memoryStore()
  FLUSH_EVERY.ms = 0
})

const names = async (): Promise<string[]> => (await store.list('')).map(({name}) => name)

it('is implemented in 60 lines', async () => {
  const text = await readFile(new URL('../support/memory-store.ts', import.meta.url), 'utf8')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('import '))
  expect(lines.length).toBeLessThanOrEqual(60)
})

/** Stops when so many objects are in the backup. */
async function interrupted(options: BackupOptions, at: number): Promise<unknown> {
  const controller = new AbortController()
  const backup = new BackupManager(server.connection, {store}).backupCollection(NAME, {
    ...options,
    batchSize: 5,
    concurrency: 1,
    onProgress({completed}) {
      if (completed >= at) controller.abort()
    },
    signal: controller.signal,
  })
  return backup.catch((error: unknown) => error)
}

describe.each(KINDS)('a backup in $format, compressed: $compress', (options) => {
  it('is taken, listed, verified, restored, pruned and removed', async () => {
    const backups = new BackupManager(server.connection, {store})
    const first = await backups.backupCollection(NAME, {...options, batchSize: 20})
    const second = await backups.backupCollection(NAME, {...options, batchSize: 20})
    expect(first).toMatchObject({complete: true, objectCount: OBJECTS, warnings: []})
    expect(first.path).toMatch(/_\d{6}(?:\.json(?:\.gz)?)?$/)
    const catalog = new BackupCatalog(store)
    expect((await catalog.list()).map(({status}) => status)).toEqual(['sealed', 'sealed'])
    const verifier = new Verifier({connection: server.connection, store})
    expect(await verifier.verifyBackup(first.id)).toMatchObject({digest: first.digest, problems: []})
    const target = `${NAME}Restored`
    const restored = await new RestoreManager(server.connection, {store}).restoreCollection(first.id, {name: target})
    expect(restored).toMatchObject({rejected: 0, restored: OBJECTS})
    const again = await backups.backupCollection(target, options)
    expect(again.digest).toBe(first.digest)
    await server.connection.deleteCollection(target)
    const {removed} = await catalog.prune({keepLast: 1}, {collection: NAME})
    expect(removed.map(({id}) => id)).toEqual([first.id])
    await catalog.remove(second.id)
    await catalog.remove(again.id)
    expect(await names()).toEqual(['.backup_catalog.json'])
  })

  it('that was interrupted goes on from its parts, or begins again: whole in the end, once', async () => {
    expect(await interrupted(options, 30)).toMatchObject({code: 'INTERRUPTED'})
    const catalog = new BackupCatalog(store)
    expect(await catalog.list()).toEqual([])
    expect((await catalog.reindex()).damaged).toEqual([])
    const result = await new BackupManager(server.connection, {store}).backupCollection(NAME, {
      ...options,
      resume: 'auto',
    })
    expect(result.objectCount).toBe(OBJECTS)
    // A document has nothing to go on from where nothing is kept of a write that is not complete.
    expect(result.resumed > 0).toBe(options.format !== 'json')
    expect((await new Verifier({store}).verifyBackup(result.id)).problems).toEqual([])
    expect(await names()).toEqual(['.backup_catalog.json', result.path.slice('memory:/'.length)])
  })
})

it('takes four backups at once: four entries under four names', async () => {
  const results = await Promise.all(
    KINDS.map(async (options) => new BackupManager(server.connection, {store}).backupCollection(NAME, options)),
  )
  const listed = await new BackupCatalog(store).list()
  expect(listed.map(({id}) => id).toSorted()).toEqual(results.map(({id}) => id).toSorted())
  expect(new Set(listed.map(({file}) => file)).size).toBe(4)
})

describe.each(KINDS)('a name that is taken while a backup in $format is written, compressed: $compress', (options) => {
  it('leaves what took it as it is', async () => {
    let taken = ''
    const taking: Store = {
      ...store,
      async createWriter(key) {
        if (taken !== '') return store.createWriter(key)
        taken = key.includes('/') ? `${key.slice(0, key.indexOf('/'))}/metadata.json` : key
        await store.put(taken, Buffer.from('mine'), {ifAbsent: true})
        return store.createWriter(key)
      },
    }
    const result = await new BackupManager(server.connection, {store: taking}).backupCollection(NAME, options)
    expect(result.objectCount).toBe(OBJECTS)
    const reader = await store.openRead(taken)
    expect(Buffer.from(await reader.read(0, reader.size)).toString()).toBe('mine')
    expect(result.path).toMatch(/-2(?:\.json(?:\.gz)?)?$/)
    expect((await new Verifier({store}).verifyBackup(result.id)).problems).toEqual([])
    expect(await new BackupCatalog(store).list()).toMatchObject([{id: result.id, status: 'sealed'}])
  })
})
