/**
 * Backups, restores and prunes on an S3, killed (SIGKILL) at any request to it, or meeting one failure of it: nothing is lost, nothing that is
 * listed is not whole, and after a prune no upload is left. `npm run test:places` does it 500 times of each; here a few rounds show that it works.
 */
import {spawn} from 'node:child_process'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {BackupOptions} from '../../src/jobs/backup/options.js'
import type {RestoreOptions} from '../../src/jobs/restore/options.js'
import type {Store} from '../../src/store/store.js'
import type {WorkerJob} from './worker.js'

import {BackupCatalog, BackupManager, DataOpsError, RestoreManager, Verifier} from '../../src/index.js'
import {FLUSH_EVERY} from '../../src/jobs/backup/transfer.js'
import {GRACE, SAVE_EVERY} from '../../src/jobs/restore/checkpoint.js'
import {ObjectStore} from '../../src/store/objects/store.js'
import {PART} from '../../src/store/objects/writer.js'
import {connectS3} from '../../src/store/s3/client.js'
import {IMPATIENT} from '../store/s3/support.js'
import {withEnvironment} from '../store/support.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {programFile} from '../support/programs.js'
import {LIMITS} from '../support/s3-routes.js'
import {BUCKET, type Fault, type S3Request, type S3Server, startS3} from '../support/s3-server.js'
import {bundledWorker} from '../support/worker-bundle.js'
import {momentOf, randomFrom, SEED} from './harness.js'
import {report} from './report.js'

/** Kills, and runs that meet a failure, in all; FAULT_SEED for other moments. */
const ROUNDS = Number(process.env.PLACES_ROUNDS ?? 3)
/** Processes in a row that are killed before their job is done once more. */
const KILLS_IN_A_ROW = 4
const NAME = 'FaultPlaces'
const COPY = 'FaultPlacesCopy'
const OBJECTS = 60
const PART_BYTES = 4096
const CATALOG = '.backup_catalog.json'
const settings = {
  flush: FLUSH_EVERY.ms,
  grace: GRACE.ms,
  minPart: LIMITS.minPart,
  part: PART.bytes,
  save: SAVE_EVERY.ms,
}

let server: TestServer
let s3: S3Server
let restoreEnvironment: () => void
let worker: string
let digest: string
/** Objects of a place with three backups of each format. */
const templates = new Map<Format, Array<[string, unknown]>>()
let ids: string[] = []

const FORMATS = ['json', 'parquet', 'arrow'] as const
type Format = (typeof FORMATS)[number]

beforeAll(async () => {
  Object.assign(LIMITS, {minPart: 1})
  Object.assign(PART, {bytes: PART_BYTES})
  FLUSH_EVERY.ms = 0
  SAVE_EVERY.ms = 0
  GRACE.ms = 10
  server = await startTestServer()
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
  worker = programFile('killed')
  await makeCollection(server.connection, NAME, OBJECTS)
  for (const format of FORMATS) {
    const store = storeAt(`template-${format}`)
    for (let count = 0; count < 3; count++) {
      const backup = await new BackupManager(server.connection, {store}).backupCollection(NAME, {format})
      ;({digest} = backup)
    }

    templates.set(
      format,
      [...bucket().objects].filter(([key]) => key.startsWith(`template-${format}/`)),
    )
  }
}, 600_000)

afterAll(async () => {
  Object.assign(LIMITS, {minPart: settings.minPart})
  Object.assign(PART, {bytes: settings.part})
  FLUSH_EVERY.ms = settings.flush
  SAVE_EVERY.ms = settings.save
  GRACE.ms = settings.grace
  restoreEnvironment()
  await s3.close()
  for (const name of [NAME, COPY]) await server.connection.deleteCollection(name)
  await server.close()
})

const threads = bundledWorker()
const bucket = () => s3.buckets.get(BUCKET)!

/** What gives up soon. */
function storeAt(prefix: string): Store {
  const connect = async () => connectS3(BUCKET)
  return new ObjectStore({connect, patience: IMPATIENT, prefix: `${prefix}/`, url: `s3://${BUCKET}/${prefix}`})
}

/** The place with three backups, under another name. Returns their ids, the newest first. */
async function fill(prefix: string, format: Format): Promise<string[]> {
  for (const [key, object] of templates.get(format)!)
    bucket().objects.set(
      key.replace(/^[^/]+/, () => prefix),
      object as never,
    )
  return (await new BackupCatalog(storeAt(prefix)).list()).map(({id}) => id)
}

function empty(prefix: string): void {
  for (const key of bucket().objects.keys()) if (key.startsWith(`${prefix}/`)) bucket().objects.delete(key)
}

/** Two hours later. */
function age(prefix: string): void {
  const before = new Date(Date.now() - 7_200_000)
  for (const [key, object] of bucket().objects) if (key.startsWith(`${prefix}/`)) object.modified = before
  for (const upload of bucket().uploads.values()) if (upload.key.startsWith(`${prefix}/`)) upload.begun = before
}

interface Round {
  format: Format
  /** A run before has ended, though it may not have said so: of a restore, what comes after goes on as one into what is there. */
  isOver?: boolean
  prefix: string
  store: Store
}

/** What a job does, in a process of its own and in this one, and what must hold once it was done after all. */
interface Job {
  check: (round: Round) => Promise<void>
  inProcess: (round: Round) => Promise<WorkerJob['run']>
  name: 'backup' | 'prune' | 'restore' | 'settling backup'
  run: (round: Round) => Promise<unknown>
}

const reading = {batchSize: 10, concurrency: 2}
const writing = {batchSize: 10, concurrency: 2, name: COPY}
const JOBS: Job[] = [
  backing('backup', {workers: 1}),
  backing('settling backup', {settle: true, workers: 2}),
  {
    async check({store}) {
      const [newest] = ids
      expect(await new Verifier({connection: server.connection, store}).verifyCollection(COPY, newest!)).toMatchObject({
        equal: true,
      })
      await server.connection.deleteCollection(COPY)
    },
    inProcess: async (round) => ({backup: ids[0]!, job: 'restore', options: await writingTo(round)}),
    name: 'restore',
    async run(round) {
      const restores = new RestoreManager(server.connection, {store: round.store})
      return restores.restoreCollection(ids[0]!, await writingTo(round))
    },
  },
  {
    async check({store}) {
      const listed = await new BackupCatalog(store).list()
      expect(listed.map(({id}) => id)).toEqual([ids[0]])
      expect((await store.list('')).map(({name}) => name).toSorted()).toEqual([CATALOG, listed[0]!.file].toSorted())
    },
    inProcess: async () => ({job: 'prune', keepLast: 1}),
    name: 'prune',
    run: async ({store}) => new BackupCatalog(store).prune({keepLast: 1}),
  },
]

async function writingTo(round: Round): Promise<RestoreOptions> {
  const isThere = async (): Promise<boolean> => (await server.connection.getCollection(COPY)) !== undefined
  const isOver = round.isOver === true || ((await isThere()) && !(await hasCheckpoint(round.store)))
  round.isOver = isOver
  return {...writing, ...(isOver && {merge: true})}
}

function backing(name: Job['name'], how: BackupOptions): Job {
  const optionsOf = ({format}: Round): BackupOptions => ({...reading, ...how, format, resume: 'auto'})
  return {
    async check({store}) {
      expect(await new BackupCatalog(store).list()).not.toHaveLength(0)
    },
    inProcess: async (round) => ({collection: NAME, job: 'backup', options: optionsOf(round)}),
    name,
    async run(round) {
      const backups = new BackupManager(server.connection, {store: round.store})
      expect(await backups.backupCollection(NAME, optionsOf(round))).toMatchObject({complete: true, digest})
    },
  }
}

const hasCheckpoint = async (store: Store): Promise<boolean> =>
  (await store.list('')).some(({name}) => name.includes('.checkpoint'))

/** Everything that is listed is whole. Returns its ids, the newest first. */
async function listedWhole(store: Store, where: string): Promise<string[]> {
  const found: string[] = []
  for (const {file, id, status} of await new BackupCatalog(store).list()) {
    expect(['sealed', 'unlisted'], where).toContain(status)
    expect(await new Verifier({store}).verifyBackup(file), where).toMatchObject({digest, problems: []})
    found.push(id)
  }

  return found
}

/** Runs a job in a process that is killed at its n-th request to S3, before or after it is done. Returns how many there were. */
async function runProcess(
  {prefix}: Round,
  run: WorkerJob['run'],
  kill?: {at: number; isDone: boolean},
): Promise<{isKilled: boolean; requests: number}> {
  const job: WorkerJob = {
    directory: `s3://${BUCKET}/${prefix}`,
    flushMs: 0,
    grpcUrl: server.grpcUrl,
    partBytes: PART_BYTES,
    run,
    saveMs: 0,
    threadFile: threads.file,
    url: server.url,
  }
  const child = spawn(process.execPath, [worker, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const seen = {output: '', requests: 0}
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      seen.output += text
    })
  }

  s3.fault = () => {
    seen.requests++
    if (seen.requests !== kill?.at) return seen.requests > (kill?.at ?? Infinity) ? 'cut' : undefined
    child.kill('SIGKILL')
    return kill.isDone ? 'lost' : 'cut'
  }

  const [code, signal] = await new Promise<[null | number, null | string]>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (...end) => {
      resolve(end)
    })
  })
  s3.fault = undefined
  const isKilled = signal === 'SIGKILL'
  if (!isKilled && (code !== 0 || seen.output.includes('"error"'))) throw new Error(seen.output)
  return {isKilled, requests: seen.requests}
}

/** After a kill or a failure: what is listed is whole, and what was there is. */
async function expectKept(job: Job, {store}: Round, {before, where}: {before: string[]; where: string}): Promise<void> {
  // A prune may have removed all but the newest.
  const kept = job.name === 'prune' ? before.slice(0, 1) : before
  expect(await listedWhole(store, where), where).toEqual(expect.arrayContaining(kept))
}

/** Done once more, it is done, and no upload is left. */
async function recover(job: Job, round: Round, where: string): Promise<void> {
  const {prefix, store} = round
  age(prefix)
  await job.run(round)
  await job.check(round)
  await new BackupCatalog(store).prune({keepLast: 1})
  expect(await listedWhole(store, where), where).toHaveLength(1)
  const uploads = [...bucket().uploads.values()].filter(({key}) => key.startsWith(`${prefix}/`))
  expect(uploads, where).toEqual([])
  empty(prefix)
}

async function begin(job: Job, index: number, kind: string): Promise<{before: string[]; round: Round}> {
  const prefix = `${kind}-${job.name.replace(' ', '-')}-${index}`
  const format = FORMATS[index % FORMATS.length]!
  const before = await fill(prefix, format)
  ids = before
  await server.connection.deleteCollection(COPY)
  return {before, round: {format, prefix, store: storeAt(prefix)}}
}

const share = Math.ceil(ROUNDS / JOBS.length)
const TIMEOUT = 60_000 + ROUNDS * 20_000

describe.each(JOBS)('$name on S3', (job) => {
  it(`is killed (${share} processes)`, {timeout: TIMEOUT}, async () => {
    const random = randomFrom(SEED)
    const requests = new Map<Format, number>()
    let kills = 0
    for (let index = 0; index * KILLS_IN_A_ROW < share; index++) {
      const {before, round} = await begin(job, index, 'kill')
      const {format} = round
      if (!requests.has(format)) {
        requests.set(format, (await runProcess(round, await job.inProcess(round))).requests)
        empty(round.prefix)
        await begin(job, index, 'kill')
      }

      let where = `${job.name} of ${format}, seed ${SEED}, round ${index}, of ${requests.get(format)} requests`
      for (let kill = index * KILLS_IN_A_ROW; kill < Math.min(share, (index + 1) * KILLS_IN_A_ROW); kill++) {
        // Moments that lie next to each other in the order of the rounds are not killed in a row.
        const at = momentOf((kill * 7) % share, share, requests.get(format)!, random)
        const isDone = random() < 0.5
        where += `, killed ${isDone ? 'after' : 'at'} ${at}`
        const {isKilled} = await runProcess(round, await job.inProcess(round), {at, isDone})
        if (isKilled) kills++
        await expectKept(job, round, {before, where})
      }

      await recover(job, round, where)
    }

    // A single one may come too late.
    if (share > 2) expect(kills).toBeGreaterThan(0)
    report({
      fault: `kill -9 of a ${job.name} at any request to S3`,
      job: job.name === 'settling backup' ? 'backup' : job.name,
      objectsLost: 0,
      times: kills,
      wronglyListed: 0,
    })
  })

  it(`meets failures (${share} runs)`, {timeout: TIMEOUT}, async () => {
    const random = randomFrom(SEED + 1)
    const totals = {failures: 0, runs: 0, times: 0}
    for (let index = 0; index < share; index++) {
      const {before, round} = await begin(job, index, 'fault')
      const fault = faultOf(index)
      // Where in the run it happens, and whether once or for as long as anybody tries.
      const at = 1 + Math.floor(random() * 40)
      const isLasting = random() < 0.3
      const where = `${job.name} of ${round.format}, seed ${SEED}, round ${index}, ${JSON.stringify(fault)} at request ${at}${isLasting ? ' and on' : ''}`
      const counted = {first: undefined as S3Request | undefined, requests: 0}
      s3.fault = (request) => {
        counted.requests++
        if (counted.requests < at || !isFitting(fault, request)) return undefined
        counted.first ??= request
        if (counted.first !== request && !(isLasting && request.operation === counted.first.operation)) return undefined
        totals.times++
        return fault
      }

      await job.run(round).catch((error: unknown) => {
        totals.failures++
        if (!(error instanceof DataOpsError)) throw new Error(where, {cause: error})
      })
      s3.fault = undefined
      if (counted.first) totals.runs++
      await expectKept(job, round, {before, where})
      await recover(job, round, where)
    }

    if (share > 2) expect(totals.times).toBeGreaterThan(0)
    report({
      fault: `409, 412, 500, 503, cut, lost, short and stalled answers of S3 during a ${job.name}`,
      job: job.name === 'settling backup' ? 'backup' : job.name,
      note: `in ${totals.runs} runs, of which ${totals.failures} failed, with an error that says so, and were done again`,
      objectsLost: 0,
      times: totals.times,
      wronglyListed: 0,
    })
  })
})

const FAULTS: readonly Fault[] = [
  {code: 'ConditionalRequestConflict', status: 409},
  {code: 'PreconditionFailed', status: 412},
  {code: 'InternalError', status: 500},
  {code: 'SlowDown', status: 503},
  'cut',
  'lost',
  'short',
  'stall',
]

function faultOf(index: number): Fault {
  return FAULTS[index % FAULTS.length]!
}

/** A service answers 409 and 412 to conditional requests alone. */
function isFitting(fault: Fault, {headers}: S3Request): boolean {
  if (typeof fault === 'string' || !('status' in fault) || ![409, 412].includes(fault.status)) return true
  return headers['if-match'] !== undefined || headers['if-none-match'] !== undefined
}
