/** The same on a real Weaviate: kills of large restores, restarts of the server, parallel backups. Runs with WEAVIATE_BINARY set. */
import {mkdir, readdir, readFile} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest'

import type {ProgressEvent} from '../../src/model/progress.js'
import type {WorkerJob} from './worker.js'

import {
  BackupCatalog,
  BackupManager,
  type BackupResult,
  connect,
  type Connection,
  DataOpsError,
  RestoreManager,
  Verifier,
  type Warning,
} from '../../src/index.js'
import {makeCollection, temporaryDirectory} from '../support/collections.js'
import {programFile} from '../support/programs.js'
import {checkFolder} from './checks.js'
import {randomFrom, runWorker, SEED} from './harness.js'
import {BINARY, type RealServer, startRealServer} from './real-server.js'
import {report} from './report.js'
import {makeReferences} from './samples.js'

const PLAIN = 'FaultReal'
const REFERENCES = 'FaultRealRefs'
const COPY = 'FaultRealCopy'
const OBJECTS = 50_000
const REFERRING = 4000
const KILLS = 20
/** A killed run goes on at most so long: so that some of them, one after another, make a whole one. */
const SHARE_OF_RUN = 0.4

let server: RealServer
let connection: Connection
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let worker: string
let references: number

describe.skipIf(!BINARY)('on a real server', {timeout: 1_200_000}, () => {
  beforeAll(async () => {
    server = await startRealServer()
    connection = await connect(server)
    directory = await temporaryDirectory()
    worker = programFile('killed')
    await makeCollection(connection, PLAIN, OBJECTS, 64)
    references = await makeReferences(connection, REFERENCES, {objects: REFERRING, references: 6})
  }, 300_000)

  afterAll(async () => {
    await connection?.close()
    await server?.remove()
    await directory?.remove()
  })

  async function backUp(collection: string): Promise<BackupResult> {
    return new BackupManager(connection, {directory: directory.path}).backupCollection(collection, {format: 'parquet'})
  }

  /** Into a target that is not there yet, with a folder of its own for the checkpoint. */
  async function restoreJob(backup: BackupResult, folder: string) {
    await connection.deleteCollection(COPY)
    const options = {checkpointDirectory: path.join(directory.path, folder), name: COPY}
    await mkdir(options.checkpointDirectory)
    const run: WorkerJob['run'] = {backup: backup.path, job: 'restore', options}
    const job: WorkerJob = {directory: directory.path, grpcUrl: server.grpcUrl, run, url: server.url}
    return {job, options}
  }

  /** Milliseconds that a restore takes which nobody kills: machines differ. */
  async function msOfRestore(backup: BackupResult): Promise<number> {
    const {job} = await restoreJob(backup, `${backup.id}-whole`)
    const start = performance.now()
    expect(await runWorker(worker, job)).toMatchObject({killed: false})
    return performance.now() - start
  }

  it.each([
    {collection: PLAIN, what: `${OBJECTS} objects`},
    {collection: REFERENCES, what: `${REFERRING} objects with thousands of references`},
  ])(`${KILLS} kills of a restore of $what end equal`, async ({collection, what}) => {
    const backup = await backUp(collection)
    const most = (await msOfRestore(backup)) * SHARE_OF_RUN
    const random = randomFrom(SEED)
    let kills = 0
    let restores = 0
    let lost = 0
    let inReferences = 0
    while (kills < KILLS) {
      const {job, options} = await restoreJob(backup, `${collection}-${restores}`)
      // Some times one after another, each further into the run.
      for (let again = 0; again < 5 && kills < KILLS; again++) {
        const run = await runWorker(worker, {...job, afterMs: Math.floor((0.1 + random()) * most), killAt: 1})
        if (!run.killed) break
        kills++
        if (await isAmongReferences(options.checkpointDirectory)) inReferences++
      }

      const restored = await new RestoreManager(connection)
        .restoreCollection(backup.path, {
          ...options,
        })
        .catch((error: unknown) => {
          // Finished before its last kill.
          if (!(error instanceof DataOpsError && error.code === 'COLLECTION_EXISTS')) throw error
        })
      restores++
      const comparison = await new Verifier({connection}).verifyCollection(COPY, backup.path)
      lost += comparison.counts.missing + comparison.counts.different + comparison.counts.extra
      expect(comparison, JSON.stringify({comparison, restored})).toMatchObject({equal: true, liveDigest: backup.digest})
    }

    report({
      fault: `kill -9 of a restore of ${what}${collection === REFERENCES ? ` (${references})` : ''}`,
      job: 'restore',
      note: `${restores} restores, ${collection === REFERENCES ? `${inReferences} kills among the references, ` : ''}equal by digest`,
      objectsLost: lost,
      server: 'real',
      times: kills,
      wronglyListed: 0,
    })
    expect(lost).toBe(0)
    if (collection === REFERENCES) expect(inReferences).toBeGreaterThan(KILLS / 4)
  })

  it('a server that is killed and started again twice, during one backup and one restore, changes nothing', async () => {
    const good = await backUp(PLAIN)
    let restarts = 0
    let restarting = Promise.resolve()
    // Also when the job fails: the next test needs a server.
    onTestFinished(async () => restarting)
    const at = (shares: number[]) => ({
      onProgress({completed, stage, total}: ProgressEvent) {
        if ((stage !== 'backup' && stage !== 'restore') || completed < (shares[0] ?? Infinity) * (total ?? OBJECTS))
          return
        shares.shift()
        restarting = restarting.then(async () => {
          await server.kill()
          restarts++
          await sleep(500)
          await server.start()
        })
      },
    })
    const warnings: Warning[] = []
    const onWarning = (warning: Warning): void => {
      warnings.push(warning)
    }

    const folder = path.join(directory.path, 'restarts')
    const backup = await new BackupManager(connection, {directory: folder}).backupCollection(PLAIN, {
      onWarning,
      ...at([0.2, 0.6]),
    })
    await restarting
    expect(backup).toMatchObject({digest: good.digest, objectCount: OBJECTS})
    expect(restarts).toBe(2)
    await connection.deleteCollection(COPY)
    const restored = await new RestoreManager(connection).restoreCollection(backup.path, {
      name: COPY,
      onWarning,
      verify: true,
      ...at([0.2, 0.6]),
    })
    await restarting
    expect(restarts).toBe(4)
    expect(restored).toMatchObject({rejected: 0, restored: OBJECTS, verification: {equal: true}})
    expect(warnings.some(({code}) => code === 'server-retry')).toBe(true)
    const {wrong} = await checkFolder(folder, good.digest)
    report({
      fault: 'the server killed and started again twice during one backup, and twice during one restore',
      job: 'restore',
      note: `${OBJECTS} objects, without help; ${warnings.filter(({code}) => code === 'server-retry').length} calls tried again`,
      objectsLost: 0,
      server: 'real',
      times: restarts,
      wronglyListed: wrong.length,
    })
  })

  it('four backups at once into one folder are four entries of the catalog', async () => {
    const folder = path.join(directory.path, 'parallel')
    const job: WorkerJob = {
      directory: folder,
      grpcUrl: server.grpcUrl,
      // One thread each: the processes are what there is to be many of.
      run: {collection: PLAIN, job: 'backup', options: {format: 'parquet', resume: 'auto', workers: 1}},
      url: server.url,
    }
    const runs = await Promise.all(Array.from({length: 4}, async () => runWorker(worker, job)))
    const digests = new Set(runs.map(({result}) => result?.digest))
    expect(digests.size).toBe(1)
    const listed = await new BackupCatalog(folder).list()
    expect(listed.map(({status}) => status)).toEqual(['sealed', 'sealed', 'sealed', 'sealed'])
    const {good, wrong} = await checkFolder(folder, [...digests][0] as string)
    expect({good: good.length, wrong}).toEqual({good: 4, wrong: []})
    report({
      fault: 'four backups of one collection at once into one folder',
      job: 'backup',
      note: 'four entries in the catalog',
      objectsLost: 0,
      server: 'real',
      times: 4,
      wronglyListed: 0,
    })
  })
})

/** Whether a restore was killed in its second pass, as its checkpoint says. */
async function isAmongReferences(folder: string): Promise<boolean> {
  const name = (await readdir(folder)).find((each) => each.endsWith('.checkpoint'))
  if (name === undefined) return false
  const passes = JSON.parse(await readFile(path.join(folder, name), 'utf8')) as Record<
    'objects' | 'references',
    {finished: boolean}
  >
  return passes.objects.finished && !passes.references.finished
}
