/** A second process at the same restore, and a prune meanwhile. */
import {cp, readdir, symlink, unlink} from 'node:fs/promises'
import {hostname} from 'node:os'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'

import {leftoversIn} from '../../../src/catalog/leftovers.js'
import {
  BackupCatalog,
  BackupManager,
  type Connection,
  DataOpsError,
  LocalStore,
  RestoreManager,
  type RestoreOptions,
  Verifier,
} from '../../../src/index.js'
import {SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {makeReferences} from '../../fault/samples.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const COLLECTION = 'TwoAtOnce'
const COPY = 'TwoAtOnceCopy'
const SETTINGS = {...SAVE_EVERY}

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let backup: {id: string; path: string}
let references: number

beforeAll(async () => {
  server = await startTestServer()
  references = await makeReferences(server.connection, COLLECTION, {objects: 60, references: 4})
})

beforeAll(async () => {
  directory = await temporaryDirectory()
  backup = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(COLLECTION)
})

afterEach(async () => {
  Object.assign(SAVE_EVERY, SETTINGS)
  await server.connection.deleteCollection(COPY)
})

afterAll(async () => {
  await server.connection.deleteCollection(COLLECTION)
  await server.close()
  await directory.remove()
})

/** A restore that waits before its references until it is told to go on. */
async function pausedRestore(options: RestoreOptions): Promise<{goOn: () => void; restore: Promise<unknown>}> {
  const told = Promise.withResolvers<void>()
  const waiting = Promise.withResolvers<void>()
  const slow: Connection = {
    ...server.connection,
    async writeReferences(request) {
      waiting.resolve()
      await told.promise
      return server.connection.writeReferences(request)
    },
  }
  const restore = new RestoreManager(slow, {directory: directory.path}).restoreCollection(backup.path, options)
  // A failure is met by whoever awaits it.
  restore.catch(() => {})
  await Promise.race([waiting.promise, restore])
  return {goOn: told.resolve, restore}
}

async function isEqual(): Promise<boolean> {
  const verifier = new Verifier({connection: server.connection, directory: directory.path})
  return (await verifier.verifyCollection(COPY, backup.path)).equal
}

function failureOf(error: unknown): unknown {
  return error
}

/** Once half of the objects are there. */
async function interruptHalfway(manager: RestoreManager, options: RestoreOptions): Promise<void> {
  const controller = new AbortController()
  const interrupted = manager.restoreCollection(backup.path, {
    ...options,
    onProgress({completed, stage}) {
      if (stage === 'restore' && completed >= 30) controller.abort()
    },
    signal: controller.signal,
  })
  await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED'})
}

describe('two restores of one backup into one target', () => {
  it.each([
    ['one after the other created it', {}],
    ['both merge', {merge: true}],
  ])('are one: the second says who holds it, no reference is doubled (%s)', async (_, how) => {
    const {goOn, restore} = await pausedRestore({...how, concurrency: 1, name: COPY})
    const manager = new RestoreManager(server.connection, {directory: directory.path})
    const second = await manager.restoreCollection(backup.path, {...how, name: COPY}).catch(failureOf)
    expect(second).toBeInstanceOf(DataOpsError)
    expect(second).toMatchObject({code: 'STORAGE', details: {host: hostname(), pid: process.pid}})
    expect((second as DataOpsError).message).toContain(`process ${process.pid} on ${hostname()}`)
    // Others are not in the way: another target, and a look at what would be done.
    expect(await manager.restoreCollection(backup.path, {dryRun: true, name: `${COPY}Other`})).toMatchObject({
      expected: 60,
    })
    goOn()
    expect(await restore).toMatchObject({references, restored: 60})
    expect(await isEqual()).toBe(true)
    expect(await readdir(directory.path)).toEqual(['.backup_catalog.json', path.basename(backup.path)])
  })
})

it('two that know nothing of each other, since their places are two, send references twice: the one that ends last says so, and mends it when it is run again', async () => {
  const elsewhere = await temporaryDirectory()
  try {
    await cp(directory.path, elsewhere.path, {recursive: true})
    const file = path.join(elsewhere.path, path.basename(backup.path))
    const there = new RestoreManager(server.connection, {directory: elsewhere.path})
    await there.restoreCollection(file, {name: COPY})
    const {goOn, restore} = await pausedRestore({merge: true, name: COPY})
    await there.restoreCollection(file, {merge: true, name: COPY})
    goOn()
    await expect(restore).rejects.toMatchObject({
      code: 'CONTENT_DIFFERS',
      details: {collection: COPY, resumable: true},
      hint: expect.stringMatching(/^Run the same restore again to continue/) as string,
      message: expect.stringContaining('have a reference more often than it was sent') as string,
    })
    expect(await isEqual()).toBe(false)
    const again = new RestoreManager(server.connection, {directory: directory.path})
    expect(await again.restoreCollection(backup.path, {merge: true, name: COPY})).toMatchObject({references})
    expect(await isEqual()).toBe(true)
  } finally {
    await elsewhere.remove()
  }
})

it("a checkpoint in the backup's own place, by whatever name, is not in its own way", async () => {
  const link = `${directory.path}-link`
  await symlink(directory.path, link)
  try {
    for (const checkpointDirectory of [directory.path, link]) {
      const restored = await new RestoreManager(server.connection).restoreCollection(backup.path, {
        checkpointDirectory,
        name: COPY,
      })
      expect(restored).toMatchObject({references, restored: 60})
      expect(await readdir(directory.path)).toEqual(['.backup_catalog.json', path.basename(backup.path)])
      await server.connection.deleteCollection(COPY)
    }
  } finally {
    await unlink(link)
  }
})

describe('pruning and removing', () => {
  it('keep a backup that is being restored, with the reason', async () => {
    // A newer one, so that the policy lets the first one go.
    const other = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(COLLECTION)
    const {goOn, restore} = await pausedRestore({name: COPY})
    const catalog = new BackupCatalog(directory.path)
    const file = path.basename(backup.path)
    const reason = expect.stringMatching(`^it is being restored by process ${process.pid} on `) as string
    for (const dryRun of [true, false]) {
      const pruned = await catalog.prune({keepLast: 1}, {dryRun})
      expect(pruned.removed).toEqual([])
      expect(pruned.reasons[file]).toEqual([reason])
    }

    await expect(catalog.remove(backup.id)).rejects.toMatchObject({code: 'STORAGE', details: {reason}})
    goOn()
    expect(await restore).toMatchObject({references, restored: 60})
    expect(await isEqual()).toBe(true)
    await catalog.remove(other.id)
  })

  it('keep a backup whose restore has its checkpoint in another place, and say where', async () => {
    const elsewhere = await temporaryDirectory()
    try {
      const other = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(COLLECTION)
      SAVE_EVERY.ms = 0
      const manager = new RestoreManager(server.connection, {directory: directory.path})
      const options = {batchSize: 10, checkpointDirectory: elsewhere.path, concurrency: 1, name: COPY}
      await interruptHalfway(manager, options)
      const catalog = new BackupCatalog(directory.path)
      const file = path.basename(backup.path)
      const checkpoint = (await readdir(elsewhere.path)).find((name) => name.endsWith('.checkpoint'))
      const where = path.join(elsewhere.path, checkpoint!)
      const reason = `a restore of it waits to be continued (${where}, as ${checkpoint}-elsewhere says)`
      expect(await catalog.prune({keepLast: 1})).toMatchObject({reasons: {[file]: [reason]}, removed: []})
      await expect(catalog.remove(backup.id)).rejects.toMatchObject({code: 'STORAGE', details: {reason}})
      expect(await leftoversIn(new LocalStore(directory.path))).toMatchObject([
        {kind: 'restore', name: `${checkpoint}-elsewhere`, what: `waits for a restore to be continued, by ${where}`},
      ])
      expect((await manager.restoreCollection(backup.path, options)).resumed).toBeGreaterThanOrEqual(30)
      expect(await isEqual()).toBe(true)
      expect(await leftoversIn(new LocalStore(directory.path))).toEqual([])
      expect((await catalog.prune({keepLast: 1}, {dryRun: true})).removed.map(({id}) => id)).toEqual([backup.id])
      await catalog.remove(other.id)
    } finally {
      await elsewhere.remove()
    }
  })

  it('keep a backup whose restore waits to be continued, until it has been', async () => {
    const other = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(COLLECTION)
    SAVE_EVERY.ms = 0
    const manager = new RestoreManager(server.connection, {directory: directory.path})
    const options = {batchSize: 10, concurrency: 1, name: COPY}
    await interruptHalfway(manager, options)
    const catalog = new BackupCatalog(directory.path)
    const file = path.basename(backup.path)
    const reason = expect.stringMatching(/^a restore of it waits to be continued \(.+\.checkpoint\)$/) as string
    expect(await catalog.prune({keepLast: 1})).toMatchObject({reasons: {[file]: [reason]}, removed: []})
    await expect(catalog.remove(backup.id)).rejects.toMatchObject({code: 'STORAGE', details: {reason}})
    const {resumed, restored} = await manager.restoreCollection(backup.path, options)
    expect(resumed).toBeGreaterThanOrEqual(30)
    expect(resumed + restored).toBe(60)
    expect(await isEqual()).toBe(true)
    expect((await catalog.prune({keepLast: 1})).removed.map((removed) => removed.file)).toEqual([file])
    expect((await catalog.list()).map(({id}) => id)).toEqual([other.id])
  })
})
