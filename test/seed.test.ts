/** The tests that the original specification names, on the embedded server or, with WEAVIATE_URL set, on a real one. */
import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {gunzipSync} from 'node:zlib'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {BackupCatalog, BackupManager, ClearManager, RestoreManager} from '../src/index.js'
import {makeCollection, restDump, startTestServer, type TestServer} from './support/collections.js'
import {IS_PLAIN_FOLDER, namesIn, testPlace, type TestPlace} from './support/test-place.js'

const NAME = 'SeedTest'
const OTHER = 'SeedTestCopy'

let server: TestServer
let directory: TestPlace

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(async () => {
  for (const name of [NAME, OTHER]) await server.connection.deleteCollection(name)
  await server.close()
})

beforeEach(async () => {
  directory = await testPlace()
  await server.connection.deleteCollection(NAME)
  await server.connection.deleteCollection(OTHER)
})

afterEach(async () => directory.remove())

const managers = (): {backups: BackupManager; clears: ClearManager; restores: RestoreManager} => ({
  backups: new BackupManager(server.connection, {directory: directory.path, ...directory.keys}),
  clears: new ClearManager(server.connection, {directory: directory.path, ...directory.keys}),
  restores: new RestoreManager(server.connection, {directory: directory.path, ...directory.keys}),
})

const checkpoints = async (): Promise<string[]> =>
  (await namesIn(directory.path)).filter((name) => name.includes('.checkpoint'))

describe('unit tests of the seed', () => {
  it.skipIf(!IS_PLAIN_FOLDER)('test_backup_schema_only', async () => {
    await makeCollection(server.connection, NAME, 10)
    const {backups, restores} = managers()
    const backup = await backups.backupCollection(NAME, {includeData: false})
    expect(backup.objectCount).toBe(0)
    const document = JSON.parse(await readFile(backup.path, 'utf8')) as {
      metadata: unknown
      object_count: number
      objects: unknown[]
      schema: {class: string}
    }
    expect(document.objects).toEqual([])
    expect(document.object_count).toBe(0)
    expect(document.schema.class).toBe(NAME)
    expect(document.metadata).toMatchObject({
      collection: NAME,
      options: {format: 'json', include_data: false},
      // Of the format's major version 1, as in the seed; 1.1 adds members.
      version: '1.1',
    })

    const schema = await server.connection.getCollection(NAME)
    await server.connection.deleteCollection(NAME)
    await restores.restoreCollection(backup.path)
    expect(await server.connection.getCollection(NAME)).toEqual(schema)
    expect(await server.connection.count(NAME)).toBe(0)
  })

  it.each([
    {compress: false, format: 'json'},
    {compress: true, format: 'json'},
    {compress: false, format: 'parquet'},
    {compress: true, format: 'parquet'},
    {compress: false, format: 'arrow'},
  ] as const)('test_backup_with_data ($format, compressed: $compress)', async ({compress, format}) => {
    await makeCollection(server.connection, NAME, 150)
    const before = await restDump(server.url, NAME)
    const {backups, restores} = managers()
    const backup = await backups.backupCollection(NAME, {compress, format})
    expect(backup).toMatchObject({collection: NAME, format, objectCount: 150})
    await server.connection.deleteCollection(NAME)
    const restored = await restores.restoreCollection(backup.id, {verify: true})
    expect(restored).toMatchObject({collection: NAME, rejected: 0, restored: 150, resumed: 0})
    expect(restored.verification?.equal).toBe(true)
    expect(await restDump(server.url, NAME)).toEqual(before)
  })

  it('test_restore_to_new_collection', async () => {
    await makeCollection(server.connection, NAME, 30)
    const {backups, restores} = managers()
    const backup = await backups.backupCollection(NAME)
    await restores.restoreCollection(backup.path, {name: OTHER, verify: true})
    const copies = await restDump(server.url, OTHER)
    for (const object of copies.values()) (object as {class: string}).class = NAME
    expect(copies).toEqual(await restDump(server.url, NAME))
  })

  it('test_restore_merge_existing', async () => {
    await makeCollection(server.connection, NAME, 30)
    const before = await restDump(server.url, NAME)
    const {backups, restores} = managers()
    const backup = await backups.backupCollection(NAME)
    const refusal = restores.restoreCollection(backup.path)
    await expect(refusal).rejects.toMatchObject({code: 'COLLECTION_EXISTS', exitCode: 5})

    const [kept, lost] = [...before.keys()]
    await fetch(`${server.url}/v1/objects/${NAME}/${lost}`, {method: 'DELETE'})
    const extra = await fetch(`${server.url}/v1/objects`, {
      body: JSON.stringify({
        class: NAME,
        properties: {property0: 'written meanwhile'},
        vector: (before.get(kept!) as {vector: number[]}).vector,
      }),
      headers: {'content-type': 'application/json'},
      method: 'POST',
    })
    const {id} = (await extra.json()) as {id: string}
    await restores.restoreCollection(backup.path, {merge: true})
    const after = await restDump(server.url, NAME)
    expect(after.has(id)).toBe(true)
    after.delete(id)
    expect(after).toEqual(before)
  })

  it('test_clear_collection_keep_schema', async () => {
    await makeCollection(server.connection, NAME, 250)
    const schema = await server.connection.getCollection(NAME)
    const cleared = await managers().clears.clearCollection(NAME)
    expect(cleared).toMatchObject({collection: NAME, deleted: 250, remaining: 0})
    expect(await server.connection.getCollection(NAME)).toEqual(schema)
    expect(await server.connection.count(NAME)).toBe(0)
  })

  it.skipIf(!IS_PLAIN_FOLDER)('test_backup_compression', async () => {
    await makeCollection(server.connection, NAME, 60)
    const {backups, restores} = managers()
    const plain = await backups.backupCollection(NAME)
    const compressed = await backups.backupCollection(NAME, {compress: true})
    expect(path.basename(compressed.path)).toMatch(/^SeedTest_\d{4}-\d\d-\d\d_\d{6}\.json\.gz$/)
    expect(compressed.bytes).toBeLessThan(plain.bytes)
    const inflated = JSON.parse(gunzipSync(await readFile(compressed.path)).toString()) as {
      objects: Array<{id: string}>
    }
    const read = JSON.parse(await readFile(plain.path, 'utf8')) as {objects: Array<{id: string}>}
    expect(new Map(inflated.objects.map((object) => [object.id, object]))).toEqual(
      new Map(read.objects.map((object) => [object.id, object])),
    )
    await restores.restoreCollection(compressed.path, {name: OTHER, verify: true})
  })

  it('test_restore_checkpoint_recovery', async () => {
    await makeCollection(server.connection, NAME, 400)
    const {backups, restores} = managers()
    const backup = await backups.backupCollection(NAME, {format: 'parquet'})
    const controller = new AbortController()
    const interrupted = restores.restoreCollection(backup.path, {
      batchSize: 20,
      concurrency: 1,
      name: OTHER,
      onProgress({completed, stage}) {
        if (stage === 'restore' && completed >= 200) controller.abort()
      },
      signal: controller.signal,
    })
    await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED', exitCode: 130})
    expect(await checkpoints()).toHaveLength(1)
    const partial = await server.connection.count(OTHER)
    expect(partial).toBeGreaterThanOrEqual(200)
    expect(partial).toBeLessThan(400)

    const resumed = await restores.restoreCollection(backup.path, {name: OTHER, verify: true})
    expect(resumed.resumed).toBeGreaterThanOrEqual(200)
    expect(resumed.restored + resumed.resumed).toBe(400)
    expect(resumed.verification?.equal).toBe(true)
    expect(await checkpoints()).toHaveLength(0)
  })
})

describe('integration test of the seed', () => {
  it('test_full_backup_restore_cycle', async () => {
    await makeCollection(server.connection, NAME, 1000)
    const schema = await server.connection.getCollection(NAME)
    const before = await restDump(server.url, NAME)
    const {backups, restores} = managers()
    const backup = await backups.backupCollection(NAME)
    const listed = await new BackupCatalog(directory.keys.store ?? directory.path).list()
    expect(listed).toMatchObject([{collection: NAME, format: 'json', id: backup.id, object_count: 1000}])
    await server.connection.deleteCollection(NAME)
    await restores.restoreCollection(backup.path)
    expect(await server.connection.count(NAME)).toBe(1000)
    expect(await server.connection.getCollection(NAME)).toEqual(schema)
    expect(await restDump(server.url, NAME)).toEqual(before)
  })
})
