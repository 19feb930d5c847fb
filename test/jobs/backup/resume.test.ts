/** What a resumed backup holds, when something went wrong or changed before it was resumed. */
import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {
  BackupCatalog,
  BackupManager,
  type BackupOptions,
  DataOpsError,
  LocalStore,
  Verifier,
} from '../../../src/index.js'
import {FLUSH_EVERY} from '../../../src/jobs/backup/transfer.js'
import {overlay} from '../../../src/model/overlay.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'ResumeTest'
const SETTINGS = {...FLUSH_EVERY}

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeEach(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
})

afterEach(async () => {
  Object.assign(FLUSH_EVERY, SETTINGS)
  await server.connection.deleteCollection(NAME)
  await server.close()
  await directory.remove()
})

async function makeTenants(states: Record<string, 'COLD' | 'HOT'>): Promise<void> {
  await server.connection.deleteCollection(NAME)
  const schema = makeClass({className: NAME, dims: 4, objects: 0, tenant: 't'})
  await server.connection.createCollection(schema)
  const tenants = Object.keys(states).map((name) => ({name, status: 'HOT' as const}))
  await server.connection.createTenants(NAME, tenants)
  const plan = planCollection((await server.connection.getCollection(NAME))!)
  for (const {name} of tenants) {
    const objects = makeObjects({className: NAME, dims: 4, objects: 20, tenant: name})
    expect(await server.connection.writeObjects({collection: plan, objects})).toEqual([])
  }

  const inactive = Object.entries(states).flatMap(([name, status]) => (status === 'COLD' ? [{name, status}] : []))
  await server.connection.setTenantStatus(NAME, inactive)
}

/** Stops a backup as soon as so many objects are in it. */
async function interrupt(objects: number, options: BackupOptions = {}): Promise<void> {
  FLUSH_EVERY.ms = 0
  const controller = new AbortController()
  const backup = new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {
    ...options,
    batchSize: 5,
    concurrency: 1,
    onProgress({completed}) {
      if (completed >= objects) controller.abort()
    },
    signal: controller.signal,
  })
  await expect(backup).rejects.toMatchObject({code: 'INTERRUPTED', details: {resumable: true}})
}

async function resume(): Promise<{objectCount: number; path: string; tenants?: {count: number}}> {
  const manager = new BackupManager(server.connection, {directory: directory.path})
  const result = await manager.backupCollection(NAME, {resume: true})
  const verified = await new Verifier({directory: directory.path}).verifyBackup(result.path)
  expect(verified.problems).toEqual([])
  return result
}

it('what cannot go on now waits for the next run, with all that the first one read', async () => {
  await makeCollection(server.connection, NAME, 60)
  await interrupt(20, {format: 'parquet'})
  const store = new LocalStore(directory.path)
  const failing = overlay(store, {
    async openRead(key: string) {
      if (key.endsWith('.parquet')) throw new DataOpsError('STORAGE', 'The place does not answer.')
      return store.openRead(key)
    },
  })
  const options = {format: 'parquet', resume: true} as const
  const again = new BackupManager(server.connection, {store: failing}).backupCollection(NAME, options)
  await expect(again).rejects.toMatchObject({code: 'STORAGE', details: {resumable: true}})
  const result = await new BackupManager(server.connection, {store}).backupCollection(NAME, options)
  expect(result).toMatchObject({complete: true, objectCount: 60})
  expect(result.resumed).toBeGreaterThanOrEqual(20)
})

describe('tenants that change between the two runs', () => {
  it('are read in the state they are in now, and put back to it', async () => {
    await makeTenants({a: 'HOT', b: 'HOT', c: 'COLD'})
    await interrupt(10)
    await server.connection.setTenantStatus(NAME, [
      {name: 'b', status: 'COLD'},
      {name: 'c', status: 'HOT'},
    ])
    const result = await resume()
    expect(result).toMatchObject({objectCount: 60, tenants: {count: 3, skipped: []}})
    const states = await server.connection.listTenants(NAME)
    expect(Object.fromEntries(states.map(({name, status}) => [name, status]))).toEqual({a: 'HOT', b: 'COLD', c: 'HOT'})
  })

  it('do not enter a backup that began without them', async () => {
    await makeTenants({a: 'HOT', b: 'HOT'})
    await interrupt(10)
    await server.connection.createTenants(NAME, [{name: 'new', status: 'HOT'}])
    expect(await resume()).toMatchObject({objectCount: 40, tenants: {count: 2, skipped: []}})
  })

  it('end the run with a sentence when one is gone', async () => {
    await makeTenants({a: 'HOT', b: 'HOT'})
    await interrupt(10)
    await fetch(`${server.url}/v1/schema/${NAME}/tenants`, {
      body: JSON.stringify(['b']),
      headers: {'content-type': 'application/json'},
      method: 'DELETE',
    })
    await expect(resume()).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: 'Tenant "b" is gone since the backup was interrupted.',
    })
  })
})

describe('a write that fails', () => {
  it('never makes the journal say more than the archive holds', async () => {
    await makeCollection(server.connection, NAME, 60, 4)
    FLUSH_EVERY.ms = 0
    const local = new LocalStore(directory.path)
    let parts = 0
    const failing = new Proxy<Store>(local, {
      get(target, property) {
        if (property === 'createWriter') {
          return async (key: string) => {
            if (key.includes('objects') && ++parts === 2) throw new DataOpsError('STORAGE', 'too many open files')
            return target.createWriter(key)
          }
        }

        const value: unknown = Reflect.get(target, property)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const options = {batchSize: 20, format: 'parquet'} as const
    const first = new BackupManager(server.connection, {store: failing}).backupCollection(NAME, options)
    await expect(first).rejects.toMatchObject({code: 'STORAGE'})
    const result = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {
      ...options,
      resume: true,
    })
    expect(result.objectCount).toBe(60)
    expect((await new Verifier({directory: directory.path}).verifyBackup(result.path)).problems).toEqual([])
  })
})

describe('a backup that nobody could continue', () => {
  it('leaves nothing behind when it fails', async () => {
    await makeCollection(server.connection, NAME, 60, 4)
    const controller = new AbortController()
    const backup = new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {
      batchSize: 10,
      onProgress() {
        controller.abort()
      },
      settle: true,
      signal: controller.signal,
    })
    await expect(backup).rejects.toMatchObject({code: 'INTERRUPTED'})
    const left = await new LocalStore(directory.path).list('')
    expect(left.map(({name}) => name).filter((name) => name.startsWith(NAME))).toEqual([])
    expect(await new BackupCatalog(directory.path).list()).toEqual([])
  })
})

it('whose journal cannot be read is not none: it is said, and is an error where it was to be continued', async () => {
  await makeCollection(server.connection, NAME, 40, 4)
  await interrupt(20)
  const journal = (await readdir(directory.path)).find((name) => name.endsWith('.journal'))
  const file = path.join(directory.path, journal!)
  await writeFile(file, (await readFile(file, 'utf8')).slice(0, 200))
  const manager = new BackupManager(server.connection, {directory: directory.path})
  await expect(manager.backupCollection(NAME, {resume: true})).rejects.toMatchObject({
    code: 'CHECKPOINT',
    message: `The journal ${file} is damaged.`,
  })
  for (const how of [false, 'auto'] as const) {
    const {complete, objectCount, warnings} = await manager.backupCollection(NAME, {resume: how})
    expect({complete, objectCount}).toEqual({complete: true, objectCount: 40})
    expect(warnings.map(({code}) => code)).toEqual(['journal-unreadable'])
  }

  // Another collection's is nobody's business here.
  await makeCollection(server.connection, `${NAME}Other`, 5, 4)
  expect((await manager.backupCollection(`${NAME}Other`)).warnings).toEqual([])
  await server.connection.deleteCollection(`${NAME}Other`)
})
