/**
 * Worker processes on one S3, clocks apart, killed at random and started again as Kubernetes does: what comes of it is what one process
 * makes. `npm run test:workers` does it with 8 workers for 50 rounds; here a few kills of fewer show that it works.
 */
import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupManager, connect, type Connection, Verifier} from '../../src/index.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {makeCollection} from '../support/collections.js'
import {memoryStore} from '../support/memory-store.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'
import {WorkerProcesses} from './worker-processes.js'

const ROUNDS = Number(process.env.WORKERS_ROUNDS ?? 1)
const IS_LONG = ROUNDS > 1
const WORKERS = IS_LONG ? 8 : 2
const OBJECTS = IS_LONG ? 24_000 : 3000
/** Objects a second of one worker, so that a round lasts for some kills. */
const RATE = IS_LONG ? 400 : 1000
const KILL_EVERY_MS = IS_LONG ? 1000 : 1500
const NAME = 'Worked'
let server: EmbeddedWeaviate
let s3: S3Server
let connection: Connection
let digest: string
let workers: WorkerProcesses

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  s3 = await startS3()
  workers = new WorkerProcesses({grpcUrl: server.grpcUrl ?? '', s3, url: server.url, workers: WORKERS})
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  await makeCollection(connection, NAME, OBJECTS, 4)
  digest = (await new BackupManager(connection, {store: memoryStore()}).backupCollection(NAME, {format: 'parquet'}))
    .digest
}, 120_000)

afterAll(async () => {
  await connection.close()
  await s3.close()
  await server.close()
})

it.each(Array.from({length: ROUNDS}, (_, round) => round + 1))(
  'round %i: a backup by workers that are killed is the backup that one process takes, sealed once',
  async (round) => {
    const place = `s3://${BUCKET}/round-${round}`
    const job = `backup-${round}`
    const created = await workers.run(
      'job',
      'create',
      'backup',
      NAME,
      '-o',
      place,
      '--job',
      job,
      '--lease',
      '2',
      '--items',
      '24',
      '--json',
    )
    expect(created, created.stderr + created.stdout).toMatchObject({code: 0})
    const {kills, runs} = await workers.untilDone(
      ['job', 'work', job, '-o', place, '--max-rate', String(RATE), '--json'],
      {everyMs: KILL_EVERY_MS, kills: IS_LONG ? 1000 : 1},
    )
    for (const run of runs) expect(run, run.stderr + run.stdout).toMatchObject({code: 0})
    expect(kills).toBeGreaterThan(0)
    const shown = await workers.run('job', 'show', job, '-o', place, '--json')
    expect(shown.json()).toMatchObject({aside: [], end: 'done', workers: []})
    const listed = await workers.run('backup', 'list', '-o', place, '--json')
    const {backups} = listed.json() as {
      backups: Array<{digest: string; id: string; objectCount: number; status: string}>
    }
    expect(backups).toMatchObject([{digest, objectCount: OBJECTS, status: 'sealed'}])
    const {openStore} = await import('../../src/store/open.js')
    Object.assign(process.env, s3.env)
    const verifier = new Verifier({connection, store: openStore(place)})
    // Read as a whole: every hash, and no object twice.
    expect(await verifier.verifyBackup(backups[0]!.id)).toMatchObject({digest, problems: []})
    process.stderr.write(IS_LONG ? `round ${round}: ${kills} kills\n` : '')
  },
  IS_LONG ? 600_000 : 60_000,
)
