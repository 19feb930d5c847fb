/** An unfinished backup is continued only when it is surely one of this very collection, and young; and what was read before is looked at again. */
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {BackupOptions, BackupResult} from '../../../src/jobs/backup/options.js'
import type {WeaviateObject} from '../../../src/model/object.js'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {readManifest} from '../../../src/archive/manifest.js'
import {BackupManager, connect, LocalStore, Verifier} from '../../../src/index.js'
import {FLUSH_EVERY} from '../../../src/jobs/backup/transfer.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {
  fillCollection,
  makeCollection,
  startTestServer,
  temporaryDirectory,
  type TestServer,
} from '../../support/collections.js'

const NAME = 'ContinueTest'
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

async function interrupt(objects: number, options: BackupOptions = {}): Promise<void> {
  FLUSH_EVERY.ms = 0
  const controller = new AbortController()
  const backup = new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {
    batchSize: 5,
    concurrency: 1,
    ...options,
    onProgress({completed}) {
      if (completed >= objects) controller.abort()
    },
    signal: controller.signal,
  })
  await expect(backup).rejects.toMatchObject({code: 'INTERRUPTED', details: {resumable: true}})
}

async function backUp(options: BackupOptions = {}): Promise<BackupResult & {codes: string[]}> {
  const codes: string[] = []
  const result = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {
    resume: 'auto',
    ...options,
    onWarning({code}) {
      codes.push(code)
    },
  })
  return {...result, codes}
}

async function isEqual({path: backup}: BackupResult): Promise<boolean> {
  const verifier = new Verifier({connection: server.connection, directory: directory.path})
  expect((await verifier.verifyBackup(backup)).problems).toEqual([])
  return (await verifier.verifyCollection(NAME, backup)).equal
}

/** Other objects than those of `makeCollection`. */
function others(count: number, from = 0): WeaviateObject[] {
  return makeObjects({className: NAME, dims: 4, objects: from + count})
    .slice(from)
    .map((object, index) => ({...object, id: `ffffffff-0000-4000-8000-${String(index).padStart(12, '0')}`}))
}

describe('an unfinished backup', () => {
  it('of a collection that was dropped and made again is not continued', async () => {
    await makeCollection(server.connection, NAME, 60, 4)
    await interrupt(30)
    await fillCollection(server.connection, makeClass({className: NAME, dims: 4, objects: 0}), others(50))
    const backup = await backUp()
    expect(backup).toMatchObject({objectCount: 50, resumed: 0})
    expect(backup.codes).toContain('not-continued')
    expect(await isEqual(backup)).toBe(true)
    await expect(backUp({resume: true})).rejects.toMatchObject({code: 'INVALID_INPUT'})
  })

  it('that was left for too long is begun anew, and said to be', async () => {
    await makeCollection(server.connection, NAME, 60, 4)
    await interrupt(30)
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
    const backup = await backUp({resumeWithinMs: 10})
    expect(backup).toMatchObject({objectCount: 60, resumed: 0})
    expect(backup.codes).toContain('not-continued')
    // Who asks for it knows how old it is.
    expect((await backUp({resume: true, resumeWithinMs: 10})).resumed).toBeGreaterThanOrEqual(30)
  })

  it('is found again at another address of the same server', async ({skip}) => {
    const url = new URL(server.url)
    if (url.hostname !== '127.0.0.1') skip('needs a server on 127.0.0.1')
    await makeCollection(server.connection, NAME, 60, 4)
    await interrupt(30)
    url.hostname = 'localhost'
    const connection = await connect({transport: 'rest', url: url.href})
    const manager = new BackupManager(connection, {directory: directory.path})
    const backup = await manager.backupCollection(NAME, {resume: 'auto'})
    await connection.close()
    expect(backup.resumed).toBeGreaterThanOrEqual(30)
    expect(await isEqual(backup)).toBe(true)
  })

  it.each([
    {compress: false, format: 'json'},
    {compress: true, format: 'json'},
    {compress: false, format: 'parquet'},
    {compress: false, format: 'arrow'},
  ] as const)('holds what changed in the pause ($format, compressed: $compress)', async (kind) => {
    await makeCollection(server.connection, NAME, 60, 4)
    const began = Date.now()
    await interrupt(30, kind)
    const {connection} = server
    const plan = planCollection((await connection.getCollection(NAME))!)
    const {objects} = await connection.readPage({collection: plan, include: 'objects', limit: 100})
    // Of the first, which were read, and of the last, which were not: changed, deleted; and new ones before and behind.
    const changed = [...objects.slice(0, 3), ...objects.slice(-3)].map((object, index) => ({
      ...object,
      // eslint-disable-next-line unicorn/no-unsafe-buffer-conversion -- made here, whole
      vector: new Uint8Array(new Float32Array([index, 1, 2, 3]).buffer),
    }))
    expect(await connection.writeObjects({collection: plan, objects: changed})).toEqual([])
    const gone = [...objects.slice(5, 9), ...objects.slice(-9, -5)].map(({id}) => id)
    expect(await connection.deleteObjects({collection: NAME, ids: gone})).toMatchObject({deleted: 8})
    const added = [...others(4), {...others(1)[0]!, id: '00000000-0000-4000-8000-000000000001'}]
    expect(await connection.writeObjects({collection: plan, objects: added})).toEqual([])

    const resumedAt = Date.now()
    const backup = await backUp(kind)
    expect(backup).toMatchObject({objectCount: 60 - 8 + 5})
    expect(backup.resumed).toBeGreaterThanOrEqual(30)
    expect(backup.codes).toEqual([])
    expect(await isEqual(backup)).toBe(true)
    const {metadata, seal} = await readManifest(new LocalStore(directory.path), backup.path.split('/').at(-1)!)
    expect(Date.parse(metadata.timestamp)).toBeLessThan(resumedAt)
    expect(Date.parse(metadata.timestamp)).toBeGreaterThanOrEqual(began - 1)
    expect(seal.resumed).toHaveLength(1)
    expect(Date.parse(seal.resumed![0]!)).toBeGreaterThanOrEqual(resumedAt - 1)
  })

  /** The collection anew, with 60 objects in each. */
  async function fillTenants(...names: string[]): Promise<void> {
    const {connection} = server
    await connection.deleteCollection(NAME)
    await connection.createCollection(makeClass({className: NAME, dims: 4, objects: 0, tenant: 't'}))
    await connection.createTenants(
      NAME,
      names.map((name) => ({name, status: 'HOT' as const})),
    )
    const plan = planCollection((await connection.getCollection(NAME))!)
    for (const tenant of names) {
      const objects = makeObjects({className: NAME, dims: 4, objects: 60, tenant})
      expect(await connection.writeObjects({collection: plan, objects})).toEqual([])
    }
  }

  it('of a collection with tenants is known by the objects that were read', async () => {
    const fill = async (): Promise<void> => fillTenants('a')
    await fill()
    await interrupt(30)
    const backup = await backUp()
    expect(backup.resumed).toBeGreaterThanOrEqual(30)
    expect(await isEqual(backup)).toBe(true)

    await interrupt(30)
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
    // The same ids, shards and schema, in another collection.
    await fill()
    const other = await backUp()
    expect(other).toMatchObject({objectCount: 60, resumed: 0})
    expect(other.codes).toContain('not-continued')
    expect(await isEqual(other)).toBe(true)
  })

  it('of tenants that all sleep is known by what some of them hold, which sleep again afterwards', async () => {
    const {connection} = server
    const names = ['a', 'b']
    const fill = async (): Promise<void> => {
      await fillTenants(...names)
      await connection.setTenantStatus(
        NAME,
        names.map((name) => ({name, status: 'COLD' as const})),
      )
    }

    const states = async (): Promise<string[]> => (await connection.listTenants(NAME)).map(({status}) => status)

    await fill()
    await interrupt(30)
    expect(await states()).toEqual(['COLD', 'COLD'])
    const manager = new BackupManager(connection, {directory: directory.path})
    const codes: string[] = []
    await manager.backupCollection(NAME, {
      dryRun: true,
      onWarning({code}) {
        codes.push(code)
      },
      resume: 'auto',
    })
    expect(codes).not.toContain('not-continued')
    const backup = await backUp()
    expect(backup.codes).not.toContain('not-continued')
    expect(backup.resumed).toBeGreaterThanOrEqual(30)
    expect(await states()).toEqual(['COLD', 'COLD'])
    expect(await isEqual(backup)).toBe(true)

    await interrupt(30)
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
    await fill()
    const other = await backUp()
    expect(other).toMatchObject({objectCount: 120, resumed: 0})
    expect(other.codes).toContain('not-continued')
    expect(await states()).toEqual(['COLD', 'COLD'])
  })
})
