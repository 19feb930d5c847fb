/** Several processes at once, interrupted ones, full disks and wrong clocks: no backup is mixed, none is lost, none is listed that does not hold. */
import {execFileSync} from 'node:child_process'
import {chmod, mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, afterEach, beforeAll, describe, expect, it, vi} from 'vitest'

import type {Fault, RequestInfo} from '../../src/testing/options.js'
import type {WorkerJob} from './worker.js'

import {makeClass} from '../../bench/data.js'
import {openArchive} from '../../src/catalog/locate.js'
import {
  BackupCatalog,
  BackupManager,
  ClearManager,
  connect,
  type Connection,
  DataOpsError,
  LocalStore,
  RestoreManager,
  Verifier,
} from '../../src/index.js'
import {FLUSH_EVERY} from '../../src/jobs/backup/transfer.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {start as startCli} from '../cli/run-cli.js'
import {fillCollection, makeCollection} from '../support/collections.js'
import {Gates} from '../support/gates.js'
import {programFile} from '../support/programs.js'
import {checkFolder} from './checks.js'
import {runWorker, temporaryFolder} from './harness.js'
import {report} from './report.js'
import {makeTenants, statesOf} from './samples.js'

const PLAIN = 'FaultFolder'
const TENANTS = 'FaultFolderTenants'
const OBJECTS = 400
const IS_LONG = process.env.FAULT_ROUNDS !== undefined

let server: EmbeddedWeaviate
let connection: Connection
let directory: Awaited<ReturnType<typeof temporaryFolder>>
let worker: string
let digest: string
let onRequest: (request: RequestInfo) => Promise<Fault | undefined | void> | undefined
const none = (): undefined => undefined

beforeAll(async () => {
  onRequest = none
  server = await startEmbeddedWeaviate({onRequest: async (request) => onRequest(request)})
  connection = await connect({grpcUrl: server.grpcUrl!, url: server.url})
  directory = await temporaryFolder()
  worker = programFile('killed')
  await makeCollection(connection, PLAIN, OBJECTS, 64)
  await makeTenants(connection, TENANTS, {objects: 120, tenants: 12})
  digest = (
    await new BackupManager(connection, {directory: path.join(directory.path, 'first')}).backupCollection(PLAIN)
  ).digest
})

afterEach(() => {
  onRequest = none
  FLUSH_EVERY.ms = 60_000
})

afterAll(async () => {
  await connection.close()
  await server.close()
  await directory.remove()
})

function backupJob(folder: string, options: object = {}): WorkerJob {
  return {
    directory: folder,
    flushMs: 0,
    grpcUrl: server.grpcUrl!,
    run: {collection: PLAIN, job: 'backup', options: {batchSize: 20, resume: 'auto', ...options}},
    url: server.url,
  }
}

describe('several processes', () => {
  it('that back up the same collection into one folder make a backup each', async () => {
    const folder = path.join(directory.path, 'parallel')
    // Long enough for all of them to be at it at once.
    onRequest = async ({method}) => {
      if (method === 'Search') await sleep(30)
    }

    const runs = await Promise.all(Array.from({length: 4}, async () => runWorker(worker, backupJob(folder))))
    expect(runs.map(({result}) => result?.digest)).toEqual([digest, digest, digest, digest])
    expect(runs.map(({result}) => result?.resumed)).toEqual([0, 0, 0, 0])
    const listed = await new BackupCatalog(folder).list()
    expect(listed.map(({status}) => status)).toEqual(['sealed', 'sealed', 'sealed', 'sealed'])
    expect(new Set(listed.map(({id}) => id)).size).toBe(4)
    const state = await checkFolder(folder, digest)
    expect(state).toMatchObject({left: ['.backup_catalog.json'], wrong: []})
    report({
      fault: 'four backups of one collection at once into one folder',
      job: 'backup',
      note: 'four entries in the catalog',
      objectsLost: 0,
      times: 4,
      wronglyListed: 0,
    })
  })

  it('that continue the same unfinished backup: one does, the others are told', async () => {
    const folder = path.join(directory.path, 'resume')
    expect(await runWorker(worker, {...backupJob(folder), afterMs: 1, killAt: 60})).toMatchObject({killed: true})
    onRequest = async ({method}) => {
      if (method === 'Search') await sleep(60)
    }

    const runs = await Promise.all(
      Array.from({length: 3}, async () => runWorker(worker, backupJob(folder, {resume: true}))),
    )
    const done = runs.filter(({result}) => result)
    const refused = runs.filter(({error}) => error)
    expect(done).toHaveLength(1)
    expect(done[0]!.result).toMatchObject({digest, objectCount: OBJECTS})
    expect(done[0]!.result!.resumed).toBeGreaterThan(0)
    for (const {error} of refused) {
      expect(error).toMatchObject({code: expect.stringMatching(/^(STORAGE|INVALID_INPUT)$/) as string})
      expect(error!.message).toMatch(/Another process is writing|no unfinished backup/)
    }

    const {good, left, wrong} = await checkFolder(folder, digest)
    expect({good, wrong}).toEqual({good: [expect.any(String)], wrong: []})
    // The killed run may have left a temporary file, which `backup prune` removes.
    expect(left.filter((each) => !/^\.elysia-[\da-f]{16}\.tmp$/.test(each))).toEqual(['.backup_catalog.json'])
  })
})

describe('Ctrl-C', () => {
  const cli = (argv: string[], folder: string) =>
    startCli([...argv, '--url', server.url, '-o', folder], {WEAVIATE_GRPC_URL: server.grpcUrl!})

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s puts the tenants of a backup back, exits with 130, and says how to go on',
    async (signal) => {
      const folder = path.join(directory.path, `interrupt-${signal}`)
      const states = await statesOf(connection, TENANTS)
      const gates = new Gates()
      onRequest = gates.onRequest
      // The active tenants come first, then those to activate.
      const waking = gates.hold(`PUT /v1/schema/${TENANTS}/tenants`, 0)
      const backup = cli(['col', 'backup', TENANTS, '--batch-size', '10', '--concurrency', '1'], folder)
      await waking.reached
      const reading = gates.hold('Search', 0)
      waking.release()
      await reading.reached
      await vi.waitFor(
        async () => {
          expect(await statesOf(connection, TENANTS)).not.toEqual(states)
        },
        {timeout: 60_000},
      )
      backup.kill(signal)
      await backup.said(`Stopping (${signal})`)
      gates.release()
      const run = await backup.done
      expect(run, run.stderr).toMatchObject({code: 130})
      expect(run.stderr).toContain('To continue: elysia-data-ops col backup --resume')
      expect(await statesOf(connection, TENANTS)).toEqual(states)
      expect((await checkFolder(folder, '')).good).toEqual([])
      onRequest = none
      const again = await cli(['col', 'backup', '--resume', TENANTS, '--json'], folder).done
      expect(again, again.stdout + again.stderr).toMatchObject({code: 0})
      expect(again.json()).toMatchObject({objectCount: 120})
      expect(await statesOf(connection, TENANTS)).toEqual(states)
    },
  )
})

describe('tenants that a backup activates', () => {
  it('are put back when the server fails for good', async () => {
    const states = await statesOf(connection, TENANTS)
    const hasActivated = async (): Promise<boolean> =>
      JSON.stringify(await statesOf(connection, TENANTS)) !== JSON.stringify(states)
    onRequest = async ({method}) =>
      method === 'Search' && (await hasActivated()) ? {message: 'broken', status: 13} : undefined
    const manager = new BackupManager(connection, {directory: path.join(directory.path, 'tenants')})
    await expect(manager.backupCollection(TENANTS, {batchSize: 10, concurrency: 1})).rejects.toMatchObject({
      code: 'UNEXPECTED',
    })
    expect(await statesOf(connection, TENANTS)).toEqual(states)
  })

  it('are put back after kill -9 by the next run, also one that starts anew in another format', async () => {
    const states = await statesOf(connection, TENANTS)
    const folder = path.join(directory.path, 'tenants-killed')
    const job = {
      ...backupJob(folder),
      run: {collection: TENANTS, job: 'backup' as const, options: {batchSize: 5, concurrency: 1}},
    }
    for (let killAt = 300; ; killAt += 12) {
      const {killed} = await runWorker(worker, {...job, killAt})
      expect(killed).toBe(true)
      if (JSON.stringify(await statesOf(connection, TENANTS)) !== JSON.stringify(states)) break
    }

    const backup = await new BackupManager(connection, {directory: folder}).backupCollection(TENANTS, {
      format: 'parquet',
      resume: false,
    })
    expect(await statesOf(connection, TENANTS)).toEqual(states)
    const {archive} = await openArchive(backup.path, new LocalStore(folder))
    // And the backup knows them as they were before the killed one.
    const noted = new Map(archive.head.metadata.tenants!.map(({name, status}) => [name, status]))
    expect(noted).toEqual(new Map(states.map(({name, status}) => [name, status])))
  })
})

describe('a disk', () => {
  const isRoot = process.getuid?.() === 0
  const mount = (folder: string, size: string): boolean => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], {stdio: 'ignore'})
      return true
    } catch {
      return false
    }
  }

  it('that is full stops a backup cleanly; after making room it goes on', async ({skip}) => {
    const folder = path.join(directory.path, 'full')
    await mkdir(folder)
    if (!isRoot || !mount(folder, '400k')) skip('a small tmpfs cannot be mounted here')
    try {
      await writeFile(path.join(folder, 'ballast'), new Uint8Array(150_000))
      FLUSH_EVERY.ms = 0
      const manager = new BackupManager(connection, {directory: folder})
      const options = {batchSize: 20, concurrency: 1, resume: 'auto' as const}
      const full = await manager.backupCollection(PLAIN, options).catch((error: unknown) => error as DataOpsError)
      expect(full).toMatchObject({code: 'STORAGE', details: {needed: expect.any(Number) as number, resumable: true}})
      expect((full as DataOpsError).message).toMatch(/the disk is full/)
      expect(await checkFolder(folder, digest)).toMatchObject({good: [], wrong: []})
      execFileSync('mount', ['-o', 'remount,size=4m', folder])
      const backup = await manager.backupCollection(PLAIN, options)
      expect(backup).toMatchObject({digest, objectCount: OBJECTS})
      expect(backup.resumed).toBeGreaterThan(0)
      const {wrong} = await checkFolder(folder, digest)
      expect(wrong).toEqual([])
      report({
        fault: 'the disk is full in mid-backup',
        job: 'backup',
        note: 'continued after room was made',
        objectsLost: 0,
        times: 1,
        wronglyListed: wrong.length,
      })
    } finally {
      execFileSync('umount', [folder])
    }
  })

  it('that is full within the last steps lists no backup that does not hold', async ({skip}) => {
    const folder = path.join(directory.path, 'nearly-full')
    await mkdir(folder)
    if (!isRoot || !mount(folder, '4m')) skip('a small tmpfs cannot be mounted here')
    let wrong = 0
    let tried = 0
    try {
      const {bytes} = await new BackupManager(connection, {
        directory: path.join(directory.path, 'size'),
      }).backupCollection(PLAIN, {format: 'parquet'})
      for (let room = bytes - 4096; room < bytes + 16_384; room += 4096) {
        await rm(path.join(folder, 'ballast'), {force: true})
        for (const name of await readdir(folder)) await rm(path.join(folder, name), {force: true, recursive: true})
        await writeFile(path.join(folder, 'ballast'), new Uint8Array(Math.max(0, 4 * 1024 * 1024 - room)))
        const manager = new BackupManager(connection, {directory: folder})
        const backup = await manager
          .backupCollection(PLAIN, {format: 'parquet', resume: 'auto'})
          .catch((error: unknown) => error)
        tried++
        if (backup instanceof DataOpsError) expect(backup).toMatchObject({code: 'STORAGE'})
        else expect(backup).toMatchObject({digest})
        wrong += (await checkFolder(folder, digest)).wrong.length
        await rm(path.join(folder, 'ballast'), {force: true})
        expect(await manager.backupCollection(PLAIN, {format: 'parquet', resume: 'auto'})).toMatchObject({digest})
        wrong += (await checkFolder(folder, digest)).wrong.length
      }
    } finally {
      execFileSync('umount', [folder])
    }

    report({
      fault: 'the disk is full while a backup is sealed or listed',
      job: 'backup',
      objectsLost: 0,
      times: tried,
      wronglyListed: wrong,
    })
    expect(wrong).toBe(0)
  })

  it('that cannot be written says so before anything is read', async ({skip}) => {
    const folder = path.join(directory.path, 'unwritable')
    await mkdir(folder)
    // Root may write anywhere but where nobody can.
    if (isRoot && !mount(folder, '64k')) skip('root may write everywhere')
    if (isRoot) execFileSync('mount', ['-o', 'remount,ro', folder])
    else await chmod(folder, 0o500)
    let searches = 0
    onRequest = async ({method}) => {
      if (method === 'Search') searches++
    }

    try {
      const backup = new BackupManager(connection, {directory: folder}).backupCollection(PLAIN)
      await expect(backup).rejects.toMatchObject({code: 'STORAGE', hint: expect.any(String) as string})
      // A few ids are read to know that both addresses are one server.
      expect(searches).toBeLessThanOrEqual(1)
    } finally {
      if (isRoot) execFileSync('umount', [folder])
      else await chmod(folder, 0o700)
    }
  })
})

describe('a clock that goes backwards', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('between two backups loses neither, and prune keeps a good one', async () => {
    const folder = path.join(directory.path, 'clock')
    const manager = new BackupManager(connection, {directory: folder})
    vi.useFakeTimers({now: new Date('2031-05-01T12:00:00Z'), toFake: ['Date']})
    await manager.backupCollection(PLAIN)
    vi.setSystemTime(new Date('2031-05-01T12:00:00Z'))
    await manager.backupCollection(PLAIN)
    vi.setSystemTime(new Date('2031-05-01T09:00:00Z'))
    await manager.backupCollection(PLAIN)
    const catalog = new BackupCatalog(folder)
    expect((await catalog.list()).map(({file}) => file)).toEqual([
      `${PLAIN}_2031-05-01_120000-2.json`,
      `${PLAIN}_2031-05-01_120000.json`,
      `${PLAIN}_2031-05-01_090000.json`,
    ])
    expect((await checkFolder(folder, digest)).good).toHaveLength(3)
    // What is dated in the future is nobody's to remove.
    expect((await catalog.prune({keepLast: 1})).kept).toHaveLength(3)
    vi.setSystemTime(new Date('2031-05-02T09:00:00Z'))
    expect((await catalog.prune({keepLast: 1})).kept).toHaveLength(1)
    expect((await checkFolder(folder, digest)).good).toHaveLength(1)
  })

  it('during a backup or restore keeps the journal and the checkpoint coming', async () => {
    const folder = path.join(directory.path, 'clock-during')
    vi.useFakeTimers({now: new Date('2031-05-01T12:00:00Z'), toFake: ['Date']})
    FLUSH_EVERY.ms = 0
    const controller = new AbortController()
    const manager = new BackupManager(connection, {directory: folder})
    const interrupted = manager.backupCollection(PLAIN, {
      batchSize: 20,
      concurrency: 1,
      onProgress({completed}) {
        vi.setSystemTime(new Date('2031-05-01T06:00:00Z'))
        if (completed >= 200) controller.abort()
      },
      signal: controller.signal,
    })
    await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED'})
    const backup = await manager.backupCollection(PLAIN, {resume: true})
    expect(backup).toMatchObject({digest, objectCount: OBJECTS})
    expect(backup.resumed).toBeGreaterThanOrEqual(200)
  })
})

describe('a clear', () => {
  const NAME = 'FaultClear'
  const job = (folder: string, options: object): WorkerJob => ({
    directory: folder,
    grpcUrl: server.grpcUrl!,
    run: {collection: NAME, job: 'clear', options},
    url: server.url,
  })

  it('that drops and makes again, killed at any moment, is finished by the next run: schema, tenants, states and aliases', async () => {
    // Nobody else writes here: the look that waits for quiet need not wait.
    const drop = {keepSchema: false, quietForMs: 1}
    const states = await makeTenants(connection, NAME, {objects: 60, tenants: 9})
    const schema = await connection.getCollection(NAME)
    const aliases = (await connection.listAliases()).filter(({collection}) => collection === NAME)
    const whole = await runWorker(worker, job(path.join(directory.path, 'clear-whole'), drop))
    expect(whole.result).toMatchObject({remaining: 0})
    let kills = 0
    let gone = 0
    const rounds = Math.max(6, Math.floor(Number(process.env.FAULT_ROUNDS ?? 0) / 2))
    for (let round = 0; round < rounds; round++) {
      const folder = path.join(directory.path, `clear-${round}`)
      const killAt = 1 + Math.floor(((round + 0.5) / rounds) * whole.steps)
      const {killed} = await runWorker(worker, {...job(folder, drop), killAt})
      if (killed) kills++
      if (!(await connection.getCollection(NAME))) gone++
      const cleared = await new ClearManager(connection, {directory: folder}).clearCollection(NAME, drop)
      const where = `killed at step ${killAt} of ${whole.steps}`
      expect(cleared, where).toMatchObject({collection: NAME, remaining: 0})
      expect(await connection.getCollection(NAME), where).toEqual(schema)
      expect(await statesOf(connection, NAME), where).toEqual(states)
      expect(
        (await connection.listAliases()).filter(({collection}) => collection === NAME),
        where,
      ).toEqual(aliases)
    }

    expect(kills).toBeGreaterThan(rounds * 0.8)
    expect(gone).toBeGreaterThan(0)
    report({
      fault: 'kill -9 of a clear that drops and makes the collection again',
      job: 'clear',
      note: `in ${gone} the collection was gone; schema, tenants and aliases came back in all`,
      objectsLost: 0,
      times: kills,
      wronglyListed: 0,
    })
    await connection.deleteAlias(`${NAME}Alias`)
    await connection.deleteCollection(NAME)
  })

  it('of inactive tenants that is killed leaves them to the next run to put back', async () => {
    const states = await makeTenants(connection, NAME, {objects: 60, tenants: 9})
    const folder = path.join(directory.path, 'clear-tenants')
    for (let killAt = 10; ; killAt += 8) {
      const {killed} = await runWorker(worker, {...job(folder, {}), killAt})
      expect(killed).toBe(true)
      if (JSON.stringify(await statesOf(connection, NAME)) !== JSON.stringify(states)) break
    }

    await new ClearManager(connection, {directory: folder}).clearCollection(NAME)
    expect(await statesOf(connection, NAME)).toEqual(states)
    await connection.deleteAlias(`${NAME}Alias`)
    await connection.deleteCollection(NAME)
  })

  it('with a backup first deletes nothing before that backup is sealed and verified', async () => {
    await makeCollection(connection, NAME, 100)
    const folder = path.join(directory.path, 'clear-first')
    let sealed: Promise<Array<{problems: unknown[]}>> | undefined
    onRequest = async ({method}) => {
      if (method !== 'BatchDelete') return
      sealed ??= verifyAll(folder)
      await sealed
    }

    const cleared = await new ClearManager(connection, {directory: folder}).clearCollection(NAME, {backupFirst: true})
    expect(await sealed).toMatchObject([{objectCount: 100, problems: []}])
    expect(cleared).toMatchObject({backup: {objectCount: 100}, deleted: 100, remaining: 0})

    await makeCollection(connection, NAME, 100)
    let deletes = 0
    onRequest = async ({method}) => {
      if (method === 'BatchDelete') deletes++
      return method === 'Search' ? {message: 'broken', status: 13} : undefined
    }

    const failed = new ClearManager(connection, {directory: folder}).clearCollection(NAME, {backupFirst: true})
    await expect(failed).rejects.toMatchObject({code: 'UNEXPECTED'})
    expect(deletes).toBe(0)
    onRequest = none
    expect(await connection.count(NAME)).toBe(100)
    await connection.deleteCollection(NAME)
  })
})

describe('rejected objects', () => {
  it('survive kill -9: each stands once in the file, with its reason, when the restore has gone on', async () => {
    const NAME = 'FaultRejected'
    const folder = path.join(directory.path, 'rejected')
    await makeCollection(connection, NAME, 200, 32)
    const backup = await new BackupManager(connection, {directory: folder}).backupCollection(NAME, {format: 'parquet'})
    // An object with a vector of another length comes first: no object of the backup fits any more.
    const other = 'ffffffff-ffff-4fff-bfff-ffffffffffff'
    await fillCollection(connection, makeClass({className: NAME, dims: 4, objects: 1}), [
      {id: other, properties: {}, vector: new Uint8Array(16)},
    ])
    let kills = 0
    for (const killAt of IS_LONG ? [40, 60, 80, 100, 120, 140] : [40, 80, 120]) {
      const checkpointDirectory = path.join(directory.path, `rejected-${killAt}`)
      await mkdir(checkpointDirectory)
      const options = {batchSize: 10, checkpointDirectory, concurrency: 2, merge: true}
      const job: WorkerJob = {
        directory: folder,
        grpcUrl: server.grpcUrl!,
        run: {backup: backup.path, job: 'restore', options},
        saveMs: 3,
        url: server.url,
      }
      if ((await runWorker(worker, {...job, killAt})).killed) kills++
      if ((await runWorker(worker, {...job, killAt: killAt - 15})).killed) kills++
      const restored = await new RestoreManager(connection).restoreCollection(backup.path, options)
      expect(restored).toMatchObject({rejected: 200})
      const file = (await readdir(checkpointDirectory)).find((name) => name.endsWith('.rejected.jsonl'))!
      const lines = (await readFile(path.join(checkpointDirectory, file), 'utf8')).trimEnd().split('\n')
      const rejected = lines.map((line) => JSON.parse(line) as {object: {id: string}; reason: string})
      expect(new Set(rejected.map(({object}) => object.id)).size).toBe(200)
      expect(rejected).toHaveLength(200)
      for (const {reason} of rejected) expect(reason).not.toBe('')
    }

    expect(kills).toBeGreaterThan(IS_LONG ? 6 : 3)
    expect(await connection.count(NAME)).toBe(1)
    report({
      fault: 'kill -9 of a restore whose objects are refused',
      job: 'restore',
      note: 'each of 200 stands once in the file of rejected objects',
      objectsLost: 0,
      times: kills,
      wronglyListed: 0,
    })
    await connection.deleteCollection(NAME)
  })
})

async function verifyAll(folder: string): Promise<Array<{problems: unknown[]}>> {
  const listed = await new BackupCatalog(folder).list()
  return Promise.all(listed.map(async ({id}) => new Verifier({directory: folder}).verifyBackup(id)))
}
