/** Processes that stand still for longer than their lease (a paused container, a closed laptop), and wake when another has gone on in their place. */
import {type ChildProcess, spawn} from 'node:child_process'
import {createHash} from 'node:crypto'
import {once} from 'node:events'
import {readdir, readFile, stat} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'

import type {RequestInfo} from '../../src/testing/options.js'
import type {WorkerJob} from './worker.js'

import {
  BackupCatalog,
  BackupManager,
  ClearManager,
  connect,
  type Connection,
  CopyManager,
  ReplaceManager,
  RestoreManager,
  Verifier,
} from '../../src/index.js'
import {FLUSH_EVERY} from '../../src/jobs/backup/transfer.js'
import {GRACE} from '../../src/jobs/restore/checkpoint.js'
import {LEASE} from '../../src/store/lease.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {makeCollection} from '../support/collections.js'
import {programFile} from '../support/programs.js'
import {temporaryFolder} from './harness.js'
import {makeReferences, makeTenants} from './samples.js'

const NAME = 'FaultAsleep'
const SOURCE = 'FaultAsleepSource'
const TENANTS = 'FaultAsleepTenants'
const OBJECTS = 300
/** A lease that a process loses only by being stopped. */
const SLEPT_MS = 1500

let server: EmbeddedWeaviate
let connection: Connection
let directory: Awaited<ReturnType<typeof temporaryFolder>>
let worker: string
/** Runs at each request, before it is answered. */
let onRequest: (request: RequestInfo) => Promise<void> | void = () => {}
const children: ChildProcess[] = []

beforeAll(async () => {
  server = await startEmbeddedWeaviate({
    async onRequest(request) {
      await onRequest(request)
    },
  })
  connection = await connect({grpcUrl: server.grpcUrl!, url: server.url})
  directory = await temporaryFolder()
  worker = programFile('killed')
  await makeCollection(connection, NAME, OBJECTS, 16)
}, 60_000)

afterEach(() => {
  onRequest = () => {}
  FLUSH_EVERY.ms = 60_000
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  children.length = 0
})

afterAll(async () => {
  await connection.close()
  await server.close()
  await directory.remove()
})

/** Six inactive tenants of twenty objects. */
async function makeSleepingTenants(): Promise<void> {
  await makeTenants(connection, TENANTS, {objects: 120, tenants: 6})
  await connection.setTenantStatus(
    TENANTS,
    (await connection.listTenants(TENANTS)).map(({name}) => ({name, status: 'COLD'})),
  )
}

interface Sleeper {
  child: ChildProcess
  /** What it says when it has come to its end. */
  ended: Promise<{error?: {code: string; message: string}}>
}

function startSleeper(folder: string, run: WorkerJob['run'], leaseMs = 400): Sleeper {
  const job: WorkerJob = {
    directory: folder,
    flushMs: 0,
    grpcUrl: server.grpcUrl!,
    leaseMs,
    run,
    saveMs: 0,
    url: server.url,
  }
  const child = spawn(process.execPath, [worker, JSON.stringify(job)], {stdio: ['ignore', 'pipe', 'inherit']})
  children.push(child)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return {child, ended: once(child, 'close').then(() => JSON.parse(output) as Awaited<Sleeper['ended']>)}
}

/**
 * Stops it once it is as far as that and its calls of one kind have arrived, and answers them then. Looked at while the calls are held:
 * nothing is missed, and nothing is between its last look at the lease and the wire, or the `journals` of a folder, which no lease can fence.
 */
async function stopWhile(
  {child, ended}: Sleeper,
  {calls, isFar, journals, method}: {calls: number; isFar: () => Promise<boolean>; journals?: string; method: string},
): Promise<void> {
  const answer = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  let waiting = 0
  onRequest = async (request) => {
    if (!request.method.startsWith(method) || !(waiting > 0 || (await isFar()))) return
    if (++waiting === calls) arrived.resolve()
    await answer.promise
  }

  const over = await Promise.race([arrived.promise, ended])
  expect(over).toBeUndefined()
  if (journals !== undefined) await untilWritten(journals)
  child.kill('SIGSTOP')
  onRequest = () => {}
  answer.resolve()
}

/** A journal is written beside the calls: once they are held, it comes to rest. */
async function untilWritten(folder: string): Promise<void> {
  const look = async (): Promise<string> => {
    const names = (await readdir(folder)).filter((name) => /\.journal|\.tmp$/.test(name))
    const entries = names.map(async (name) => [name, await stat(path.join(folder, name)).catch(() => undefined)])
    return JSON.stringify(await Promise.all(entries))
  }

  let [before, now] = ['', await look()]
  while (now !== before) {
    await sleep(100)
    ;[before, now] = [now, await look()]
  }
}

/** The JSON file of that ending in a folder; undefined: there is none yet. */
async function fileIn<T>(folder: string, ending: string): Promise<T | undefined> {
  const names = await readdir(folder).catch(() => [])
  const name = names.find((each) => each.endsWith(ending))
  return name === undefined ? undefined : (JSON.parse(await readFile(path.join(folder, name), 'utf8')) as T)
}

/** As many rows are safe. */
async function hasRead(folder: string, rows: number): Promise<boolean> {
  const journal = await fileIn<{position: {rows: number}}>(folder, '.journal')
  return journal !== undefined && journal.position.rows >= rows
}

/** SHA-256 of every file of a backup, by name. */
async function hashes(place: string): Promise<Record<string, string>> {
  const sha256 = async (file: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
  const names = await readdir(place).catch(() => undefined)
  if (!names) return {[path.basename(place)]: await sha256(place)}
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await sha256(path.join(place, name))] as const)),
  )
}

/** Nothing but the backup; a file that was being created when the sleeper was stopped is one of an unfinished backup, which the next prune takes for abandoned. */
async function expectNothingElse(folder: string, place: string): Promise<void> {
  const names = await readdir(folder)
  expect(names).toEqual(expect.arrayContaining(['.backup_catalog.json', path.basename(place)]))
  for (const name of names) {
    if (name === '.backup_catalog.json' || name === path.basename(place) || name.endsWith('.partial')) continue
    expect((await readdir(path.join(folder, name))).filter((file) => !file.endsWith('.partial'))).toEqual([])
  }
}

describe('a backup that stands still for longer than its lease', () => {
  it.each([
    {compress: false, format: 'json'},
    {compress: true, format: 'json'},
    {compress: false, format: 'parquet'},
    {compress: false, format: 'arrow'},
  ] as const)('reaches nothing of what its successor has sealed ($format, compressed: $compress)', async (kind) => {
    const {compress, format} = kind
    const folder = path.join(directory.path, `${format}-${compress}`)
    const options = {batchSize: 10, compress, concurrency: 1, format, resume: 'auto'} as const
    const sleeper = startSleeper(folder, {collection: NAME, job: 'backup', options})
    await stopWhile(sleeper, {calls: 1, isFar: async () => hasRead(folder, 50), journals: folder, method: 'Search'})
    const backup = await new BackupManager(connection, {directory: folder}).backupCollection(NAME, options)
    expect(backup.objectCount).toBe(OBJECTS)
    expect(backup.resumed).toBeGreaterThanOrEqual(50)
    const sealed = await hashes(backup.path)

    sleeper.child.kill('SIGCONT')
    const {error} = await sleeper.ended
    expect(error).toMatchObject({code: 'STORAGE', message: expect.stringContaining('lost') as string})
    expect(await hashes(backup.path)).toEqual(sealed)
    expect(await new Verifier({directory: folder}).verifyBackup(backup.path)).toMatchObject({
      digest: backup.digest,
      objectCount: OBJECTS,
      problems: [],
    })
    expect((await new BackupCatalog(folder).list()).map(({id, status}) => [id, status])).toEqual([
      [backup.id, 'sealed'],
    ])
    await expectNothingElse(folder, backup.path)
  })

  it('leaves the tenants alone that its successor reads', async () => {
    const folder = path.join(directory.path, 'tenants')
    await makeSleepingTenants()
    const options = {batchSize: 5, concurrency: 1, resume: 'auto'} as const
    const sleeper = startSleeper(folder, {collection: TENANTS, job: 'backup', options})
    await stopWhile(sleeper, {calls: 1, isFar: async () => hasRead(folder, 15), journals: folder, method: 'Search'})

    let pages = 0
    const changes: string[] = []
    let error: unknown
    onRequest = async ({method, path: asked}) => {
      if (method === 'PUT' && asked.endsWith('/tenants')) changes.push(asked)
      if (method !== 'Search' || ++pages !== 12) return
      // In the middle of what its successor reads it wakes, and comes to its end.
      const before = changes.length
      sleeper.child.kill('SIGCONT')
      error = (await sleeper.ended).error
      expect(changes.slice(before)).toEqual([])
    }

    const backup = await new BackupManager(connection, {directory: folder}).backupCollection(TENANTS, options)
    expect(error).toMatchObject({code: 'STORAGE', message: expect.stringContaining('lost') as string})
    expect(backup).toMatchObject({complete: true, objectCount: 120, tenants: {count: 6, skipped: []}})
    expect(backup.resumed).toBeGreaterThanOrEqual(15)
    const states = (await connection.listTenants(TENANTS)).map(({status}) => status)
    expect(states).toEqual(states.map(() => 'COLD'))
    expect(await new Verifier({connection, directory: folder}).verifyCollection(TENANTS, backup.path)).toMatchObject({
      equal: true,
    })
    await expectNothingElse(folder, backup.path)
  })
})

describe('a restore that stands still for longer than its lease', () => {
  const COPY = 'FaultAsleepCopy'
  const SETTINGS = {...GRACE}

  beforeAll(() => {
    GRACE.ms = 20
  })

  afterAll(() => {
    Object.assign(GRACE, SETTINGS)
  })

  /** As many objects and references are done, by its checkpoint. */
  async function hasWritten(folder: string, objects: number, references: number): Promise<boolean> {
    const file = await fileIn<Record<'objects' | 'references', {count: number}>>(folder, '.checkpoint')
    return file !== undefined && file.objects.count >= objects && file.references.count >= references
  }

  it.each([
    ['among the objects', 0, {}],
    ['among the references', 100, {}],
    ['among the references of a merge', 100, {merge: true}],
  ])('doubles and clears nothing of what its successor has written (%s)', async (_, references, how) => {
    const folder = path.join(directory.path, `restore-${references}-${Object.keys(how).length}`)
    await connection.deleteCollection(COPY)
    const total = await makeReferences(connection, SOURCE, {objects: 150, references: 4})
    const backup = await new BackupManager(connection, {directory: folder}).backupCollection(SOURCE)
    if ('merge' in how) {
      await new RestoreManager(connection, {directory: folder}).restoreCollection(backup.path, {name: COPY})
    }

    const options = {batchSize: 5, concurrency: 2, name: COPY, ...how}
    const sleeper = startSleeper(folder, {backup: backup.path, job: 'restore', options})
    await stopWhile(sleeper, {calls: 2, isFar: async () => hasWritten(folder, 30, references), method: 'Batch'})
    const restored = await new RestoreManager(connection, {directory: folder}).restoreCollection(backup.path, {
      ...options,
      verify: true,
    })
    expect(restored).toMatchObject({rejected: 0, verification: {equal: true}})
    expect(restored.resumed).toBeGreaterThanOrEqual(30)

    const writes: string[] = []
    onRequest = ({method, path: asked, transport}) => {
      const isWrite = transport === 'grpc' ? method.startsWith('Batch') : ['DELETE', 'PATCH', 'PUT'].includes(method)
      if (isWrite) writes.push(`${method} ${asked}`)
    }

    sleeper.child.kill('SIGCONT')
    const {error} = await sleeper.ended
    expect(error).toMatchObject({code: 'STORAGE', message: expect.stringContaining('lost') as string})
    expect(writes).toEqual([])
    onRequest = () => {}
    // Its digest has every reference in its place.
    const copy = await new BackupManager(connection, {directory: path.join(folder, 'copy')}).backupCollection(COPY)
    expect(copy.objectCount).toBe(150)
    expect(await new Verifier({connection, directory: folder}).verifyCollection(COPY, backup.path)).toMatchObject({
      equal: true,
    })
    expect(total).toBeGreaterThan(200)
    expect(await readdir(folder)).toEqual(['.backup_catalog.json', path.basename(backup.path), 'copy'])
  })

  it('of a copy, too, doubles nothing of what its successor has written', async () => {
    const folder = path.join(directory.path, 'copies')
    await connection.deleteCollection(COPY)
    await makeReferences(connection, SOURCE, {objects: 150, references: 4})
    const options = {batchSize: 5, concurrency: 2, name: COPY}
    const to = {grpcUrl: server.grpcUrl!, url: server.url}
    const sleeper = startSleeper(folder, {collection: SOURCE, job: 'copy', options, to})
    await stopWhile(sleeper, {calls: 2, isFar: async () => hasWritten(folder, 30, 100), method: 'Batch'})
    const copied = await new CopyManager(connection, connection, {directory: folder}).copyCollection(SOURCE, {
      ...options,
      verify: true,
    })
    expect(copied).toMatchObject({rejected: 0, verification: {equal: true}})
    await continues(sleeper)
    const compared = await new Verifier({connection, directory: folder}).diffCollections(SOURCE, COPY)
    expect(compared).toMatchObject({equal: true})
    expect(await readdir(folder)).toEqual([])
  })
})

/** Of the requests of such a run, from its first one on: how many come before the first that is `change`. */
async function requestsBefore(run: WorkerJob['run'], folder: string, change: RegExp): Promise<number> {
  let before = 0
  let isOver = false
  onRequest = ({method, path: asked}) => {
    isOver ||= change.test(`${method} ${asked}`)
    if (!isOver) before++
  }

  // With a lease as long as usual: on a busy machine a process that is not stopped stands still for a moment, too.
  expect((await startSleeper(folder, run, LEASE.ms).ended).error).toBeUndefined()
  onRequest = () => {}
  expect(isOver).toBe(true)
  return before
}

describe('a clear, or a replacement, that stands still for longer than a lease', () => {
  const EMPTIED = 'FaultAsleepEmptied'

  async function refill(): Promise<void> {
    await connection.deleteCollection(EMPTIED)
    await makeCollection(connection, EMPTIED, 40, 4)
  }

  it.each([
    ['that deletes', {}, /BatchDelete/],
    ['that deletes what its backup holds', {backupFirst: true}, /BatchDelete/],
    ['that drops', {keepSchema: false, quietForMs: 0}, /^DELETE .*schema/],
    ['that drops what its backup holds', {backupFirst: true, keepSchema: false, quietForMs: 0}, /^DELETE .*schema/],
  ] as const)('%s deletes nothing of what has come since', async (title, options, change) => {
    const folder = path.join(directory.path, title.replaceAll(' ', '-'))
    const run: WorkerJob['run'] = {collection: EMPTIED, job: 'clear', options}
    await refill()
    const calls = await requestsBefore(run, `${folder}-whole`, change)
    await refill()
    const sleeper = startSleeper(folder, run, SLEPT_MS)
    await stopBeforeChange(sleeper, calls)

    const {remaining} = await new ClearManager(connection, {directory: folder}).clearCollection(EMPTIED, options)
    expect(remaining).toBe(0)
    // The same ids, as when a program writes its objects anew.
    await refill()
    await continues(sleeper)
    expect(await connection.count(EMPTIED)).toBe(40)
  })

  it('that replaces drops nothing of what has come since', async () => {
    const folder = path.join(directory.path, 'replaces')
    await refill()
    const backup = await new BackupManager(connection, {directory: folder}).backupCollection(EMPTIED)
    const run: WorkerJob['run'] = {backup: backup.path, job: 'replace', options: {quietForMs: 0}}
    const calls = await requestsBefore(run, folder, /^DELETE .*schema/)
    const sleeper = startSleeper(folder, run, SLEPT_MS)
    await stopBeforeChange(sleeper, calls)

    await new ReplaceManager(connection, {directory: folder}).replaceCollection(backup.path, {quietForMs: 0})
    await connection.deleteCollection(EMPTIED)
    await makeCollection(connection, EMPTIED, 70, 4)
    await continues(sleeper)
    expect(await connection.count(EMPTIED)).toBe(70)
  })
})

/** Stops it while its request before the first change is on its way. */
async function stopBeforeChange(sleeper: Sleeper, calls: number): Promise<void> {
  let arrived = 0
  await stopWhile(sleeper, {calls: 1, isFar: async () => ++arrived >= calls, method: ''})
}

/** Wakes it, once its lease is long over, and it says that it has slept; it changes nothing. */
async function continues({child, ended}: Sleeper): Promise<void> {
  const changes: string[] = []
  onRequest = ({method, path: asked, transport}) => {
    const isChange = transport === 'grpc' ? method.startsWith('Batch') : method !== 'GET'
    if (isChange && !asked.includes('graphql')) changes.push(`${method} ${asked}`)
  }

  await sleep(SLEPT_MS + 100)
  child.kill('SIGCONT')
  const {error} = await ended
  onRequest = () => {}
  expect(error).toMatchObject({code: 'STORAGE', message: expect.stringMatching(/stood still|lost/) as string})
  expect(changes).toEqual([])
}
