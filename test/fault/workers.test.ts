/**
 * Worker processes on one S3, clocks apart, killed at random and started again as Kubernetes does: what comes of it is what one process
 * makes. `npm run test:workers` does it with 8 workers for 50 rounds; here a few kills of fewer show that it works.
 */
import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupManager, connect, type Connection, Verifier} from '../../src/index.js'
import {openStore} from '../../src/store/open.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {makeCollection} from '../support/collections.js'
import {memoryStore} from '../support/memory-store.js'
import {WorkerProcesses} from './worker-processes.js'
import {openWorkersPlace, type WorkersPlace} from './workers-place.js'

const ROUNDS = Number(process.env.WORKERS_ROUNDS ?? 1)
const IS_LONG = ROUNDS > 1
const WORKERS = IS_LONG ? 8 : 2
const OBJECTS = IS_LONG ? 24_000 : 3000
/** Objects a second of one worker, so that a round lasts for some kills. */
const RATE = IS_LONG ? 400 : 1000
const KILL_EVERY_MS = IS_LONG ? 1000 : 1500
const NAME = 'Worked'
let server: EmbeddedWeaviate
let place: WorkersPlace
let connection: Connection
let digest: string
let workers: WorkerProcesses

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  place = await openWorkersPlace()
  workers = new WorkerProcesses({grpcUrl: server.grpcUrl ?? '', place, url: server.url, workers: WORKERS})
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  await makeCollection(connection, NAME, OBJECTS, 4)
  digest = (await new BackupManager(connection, {store: memoryStore()}).backupCollection(NAME, {format: 'parquet'}))
    .digest
}, 120_000)

afterAll(async () => {
  await connection.close()
  await place.close()
  await server.close()
})

it.each(Array.from({length: ROUNDS}, (_, round) => round + 1))(
  'round %i: a backup by workers that are killed is the backup that one process takes, sealed once',
  async (round) => {
    const url = `${place.url}/round-${round}`
    const job = `backup-${round}`
    const at = ['-o', url, '--json']
    const created = await workers.run(
      'job',
      'create',
      'backup',
      NAME,
      '--job',
      job,
      '--lease',
      '2',
      '--items',
      '24',
      ...at,
    )
    expect(created, created.stderr + created.stdout).toMatchObject({code: 0})
    const {kills, runs} = await workers.untilDone(['job', 'work', job, '--max-rate', String(RATE), ...at], {
      everyMs: KILL_EVERY_MS,
      kills: IS_LONG ? 1000 : 1,
    })
    for (const run of runs) expect(run, run.stderr + run.stdout).toMatchObject({code: 0})
    expect(kills).toBeGreaterThan(0)
    const shown = await workers.run('job', 'show', job, ...at)
    expect(shown.json()).toMatchObject({aside: [], end: 'done', workers: []})
    const listed = await workers.run('backup', 'list', ...at)
    const {backups} = listed.json() as {
      backups: Array<{digest: string; id: string; objectCount: number; status: string}>
    }
    expect(backups).toMatchObject([{digest, objectCount: OBJECTS, status: 'sealed'}])
    const verifier = new Verifier({connection, store: openStore(url)})
    // Read as a whole: every hash, and no object twice.
    expect(await verifier.verifyBackup(backups[0]!.id)).toMatchObject({digest, problems: []})
    process.stderr.write(IS_LONG ? `round ${round}: ${kills} kills\n` : '')
  },
  IS_LONG ? 600_000 : 60_000,
)
