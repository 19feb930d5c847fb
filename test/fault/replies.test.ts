/**
 * One reply of a server is changed, at any place, over REST or gRPC: the job ends with an error that has a type, or what it claims is true.
 * `REPLIES` (1,500 in `npm run test:replies`): how many; `SEED`: which. Values within objects and ids cannot be checked by anybody: for
 * those it is enough that nothing is missing.
 */
import {rm} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../bench/data.js'
import {
  BackupManager,
  ClearManager,
  connect,
  type Connection,
  DataOpsError,
  RestoreManager,
  Verifier,
} from '../../src/index.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {fillCollection} from '../support/collections.js'
import {temporaryFolder} from './harness.js'
import {type RepliesProxy, startRepliesProxy} from './replies.js'
import {report} from './report.js'
import {makeReferences, makeTenants} from './samples.js'
import {randomOf} from './situations.js'

const COUNT = Number(process.env.REPLIES ?? 60)
const SEED = Number(process.env.SEED ?? 1)
const OBJECTS = 36
const COPY = 'RepliesCopy'
const KINDS = ['RepliesPlain', 'RepliesReferences', 'RepliesTenants'] as const

let server: EmbeddedWeaviate
let truth: Connection
let proxy: RepliesProxy
let directory: Awaited<ReturnType<typeof temporaryFolder>>
/** A backup of each, of everything. */
const backups = new Map<string, string>()
/** One object less than its backup has. */
const LESS = 'RepliesLess'

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  truth = await connect({grpcUrl: server.grpcUrl!, url: server.url})
  proxy = await startRepliesProxy({grpcUrl: server.grpcUrl!, url: server.url})
  directory = await temporaryFolder()
  const options = {className: KINDS[0], dims: 4, objects: OBJECTS, properties: 3}
  await fillCollection(truth, makeClass(options), makeObjects(options))
  await makeReferences(truth, KINDS[1], {objects: OBJECTS, references: 2})
  await makeTenants(truth, KINDS[2], {objects: OBJECTS, tenants: 3})
  const place = path.join(directory.path, 'good')
  for (const name of KINDS) {
    backups.set(name, (await new BackupManager(truth, {directory: place}).backupCollection(name)).path)
  }

  const less = {...options, className: LESS}
  await fillCollection(truth, makeClass(less), makeObjects(less))
  backups.set(LESS, (await new BackupManager(truth, {directory: place}).backupCollection(LESS)).path)
  await truth.deleteObjects({collection: LESS, ids: [makeObjects(less)[7]!.id]})
})

afterAll(async () => {
  await truth.close()
  await proxy.close()
  await server.close()
  await directory.remove()
})

const ROUND = {batchSize: 10, concurrency: 1, maxRetries: 1, retryMaxWaitMs: 2} as const

interface Job {
  name: string
  /** Resolves with what is false in what it claims; undefined: nothing. */
  run: (connection: Connection, kind: string) => Promise<string | undefined>
}

const folder = (): string => path.join(directory.path, 'round')

const JOBS: readonly Job[] = [
  {
    name: 'backup',
    async run(connection, kind) {
      const backup = await new BackupManager(connection, {directory: folder()}).backupCollection(kind, ROUND)
      if (backup.complete && backup.objectCount !== OBJECTS) return `sealed as whole with ${backup.objectCount} objects`
      const {objectCount, problems} = await new Verifier({directory: folder()}).verifyBackup(backup.path)
      return problems.length > 0 || objectCount !== backup.objectCount ? 'sealed, and does not hold' : undefined
    },
  },
  {
    name: 'verify',
    async run(connection) {
      const verifier = new Verifier({connection, directory: folder()})
      return (await verifier.verifyCollection(LESS, backups.get(LESS)!, ROUND)).equal
        ? 'equal, and lacks one'
        : undefined
    },
  },
  {
    name: 'restore',
    async run(connection, kind) {
      const manager = new RestoreManager(connection, {directory: folder()})
      const options = {...ROUND, checkpointDirectory: folder(), name: COPY}
      const {rejected, skipped} = await manager.restoreCollection(backups.get(kind)!, options)
      if (rejected > 0 || skipped > 0) return undefined
      const {counts} = await new Verifier({connection: truth, directory: folder()}).verifyCollection(
        COPY,
        backups.get(kind)!,
      )
      return counts.live < OBJECTS ? `done with ${counts.live} objects` : undefined
    },
  },
  {
    name: 'clear',
    async run(connection) {
      const options = {className: COPY, dims: 4, objects: OBJECTS, properties: 3}
      await fillCollection(truth, makeClass(options), makeObjects(options))
      const manager = new ClearManager(connection, {directory: folder()})
      const {backup, remaining} = await manager.clearCollection(COPY, {...ROUND, backupFirst: true})
      const left = await truth.count(COPY)
      if (left < OBJECTS && (backup?.objectCount ?? 0) < OBJECTS - left) return 'deleted what no backup has'
      return remaining === 0 && left > 0 ? `cleared, and ${left} are there` : undefined
    },
  },
]

interface Round {
  how?: string
  outcome: string
}

async function round(seed: number, lengths: Map<string, number>): Promise<Round> {
  const random = randomOf(seed)
  const job = JOBS[seed % JOBS.length]!
  const kind = KINDS[Math.floor(random() * KINDS.length)]!
  const transport = random() < 0.7 ? ('auto' as const) : ('rest' as const)
  const key = `${job.name} ${kind} ${transport}`
  const target = Math.floor(random() * (lengths.get(key) ?? 30))
  const change = proxy.next(target, random)
  let connection: Connection | undefined
  try {
    connection = await connect({grpcUrl: proxy.grpcUrl, timeoutMs: 3000, transport, url: proxy.url})
    const wrong = await job.run(connection, kind)
    return {how: change.done, outcome: wrong === undefined ? 'true' : `${key}, reply ${target}: ${wrong}`}
  } catch (error) {
    if (error instanceof DataOpsError) return {how: change.done, outcome: 'error'}
    return {how: change.done, outcome: `${key}, reply ${target}: ${String((error as Error).stack)}`}
  } finally {
    if (change.done === undefined) lengths.set(key, proxy.replies)
    proxy.next(-1, random)
    await connection?.close()
    await truth.deleteCollection(COPY)
    await rm(folder(), {force: true, recursive: true})
  }
}

describe('a reply that was changed on its way', () => {
  it(
    'is an error with a type, or nothing that is claimed is false',
    async () => {
      const lengths = new Map<string, number>()
      const outcomes = {error: 0, true: 0, unchanged: 0}
      const wrong: string[] = []
      for (let index = 0; index < COUNT; index++) {
        const {how, outcome} = await round(SEED * 100_000 + index, lengths)
        if (outcome !== 'true' && outcome !== 'error') wrong.push(`seed ${SEED * 100_000 + index}: ${how}: ${outcome}`)
        else if (how === undefined) outcomes.unchanged++
        else outcomes[outcome]++
      }

      expect(wrong).toEqual([])
      const changed = outcomes.error + outcomes.true
      expect(changed).toBeGreaterThan(COUNT / 2)
      expect(outcomes.error).toBeGreaterThan(COUNT / 20)
      report({
        fault: 'one reply of the server changed, over gRPC or REST',
        job: 'verify',
        note: `${outcomes.error} errors, ${outcomes.true} without harm`,
        objectsLost: 0,
        times: changed,
        wronglyListed: 0,
      })
    },
    60_000 + COUNT * 2000,
  )
})
