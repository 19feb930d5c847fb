/** kill -9 of restores of the server's own exports, of copies, and of backups that change objects: continued, they end equal. */
import {mkdir, readdir, writeFile} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {JsonObject, WeaviateObject} from '../../src/model/object.js'
import type {WorkerJob} from './worker.js'

import {makeObjects} from '../../bench/data.js'
import {transformsAgain} from '../../src/flow/transform/again.js'
import {BackupManager, CopyManager, DataOpsError, RestoreManager, Verifier} from '../../src/index.js'
import {GRACE, SAVE_EVERY} from '../../src/jobs/restore/checkpoint.js'
import {dumpDifferences, Rest} from '../lossless/support.js'
import {makeCollection, startTestServer, type TestServer, writeAll} from '../support/collections.js'
import {copyExport, EXPORTED_CLASSES} from '../support/native-export.js'
import {programFile} from '../support/programs.js'
import {momentOf, randomFrom, ROUNDS, runWorker, SEED, temporaryFolder} from './harness.js'
import {statesOf} from './samples.js'

/** Few in `npm test`; FAULT_ROUNDS says otherwise. */
const KILLS = process.env.FAULT_ROUNDS === undefined ? 3 : ROUNDS
/** In which a run of several removes what it has left. */
const LAST_STEPS = 40
const TIMEOUT = 60_000 + KILLS * 10_000
const COPIED = 'FaultCopied'
const CHANGED = 'FaultChanged'
const TENANTS = ['cold', 'north', 'south']
const OBJECTS = 90

let server: TestServer
let other: TestServer
let directory: Awaited<ReturnType<typeof temporaryFolder>>
let worker: string

beforeAll(async () => {
  server = await startTestServer()
  other = await startTestServer()
  SAVE_EVERY.ms = 5
  GRACE.ms = 20
  directory = await temporaryFolder()
  worker = programFile('killed')
}, 60_000)

afterAll(async () => {
  await server.close()
  await other.close()
  await directory.remove()
})

interface Campaign {
  /** Before each round: as if nothing had been done. */
  clean: () => Promise<void>
  /** After each kill: ends it, and checks that it is equal. Returns whether something was continued. */
  finish: (folder: string, where: string) => Promise<boolean>
  job: (folder: string) => WorkerJob
  name: string
  seed: number
}

/** Kills it at moments spread over the whole run, and finishes it each time. */
async function campaign({clean, finish, job, name, seed}: Campaign): Promise<void> {
  const random = randomFrom(SEED + seed)
  const folderOf = async (round: number | string): Promise<string> => {
    const folder = path.join(directory.path, `${name}-${round}`)
    await mkdir(folder)
    return folder
  }

  await clean()
  const {error, steps} = await runWorker(worker, job(await folderOf('whole')))
  expect(error).toBeUndefined()
  let kills = 0
  let continued = 0
  for (let round = 0; round < KILLS; round++) {
    await clean()
    const folder = await folderOf(round)
    // In a campaign each third one dies within its last steps.
    const isLate = KILLS > 10 && round % 3 === 0
    const killAt = isLate ? steps - Math.floor(random() * LAST_STEPS) : momentOf(round, KILLS, steps, random)
    const afterMs = random() < 0.4 ? 0 : 1 + Math.floor(random() * 10)
    const where = `${name}: round ${round} of seed ${SEED}, killed at step ${killAt} of ${steps}, ${afterMs} ms later`
    const {killed} = await runWorker(worker, {...job(folder), afterMs, killAt})
    if (killed) kills++
    if (await finish(folder, where)) continued++
  }

  process.stderr.write(`${name}: ${kills} kills in ${KILLS} rounds, ${continued} continued, all equal\n`)
  expect(kills).toBeGreaterThan(KILLS * 0.6)
}

describe('killed, and continued', () => {
  it(
    'a restore of an export is equal',
    async () => {
      const names = ['Exp', 'ExpEmpty', 'ExpMT', 'ExpTarget']
      const place = await copyExport(directory.path)
      const schemas = path.join(directory.path, 'schema.json')
      await writeFile(schemas, JSON.stringify({classes: Object.values(EXPORTED_CLASSES)}))
      const rest = new Rest(server.url)
      const dumps = async (): Promise<Array<Map<string, unknown>>> =>
        Promise.all(names.map(async (name) => rest.dump(name, name === 'ExpMT' ? ['cold_1', 'hot'] : undefined)))
      const clean = async (): Promise<void> => {
        for (const name of names) await server.connection.deleteCollection(name)
      }

      const restore = async (checkpointDirectory: string) =>
        new RestoreManager(server.connection, {directory: directory.path}).restoreCollections([place], {
          batchSize: 1,
          checkpointDirectory,
          schemaFrom: [schemas],
          verify: true,
        })
      await mkdir(path.join(directory.path, 'first'))
      await restore(path.join(directory.path, 'first'))
      const expected = await dumps()
      expect(expected.map(({size}) => size)).toEqual([3, 0, 2, 1])
      await campaign({
        clean,
        async finish(folder, where) {
          const isBegun = (await readdir(folder)).some((name) => name.endsWith('.checkpoint'))
          const restored = await restore(folder).catch((error: unknown) => {
            // It was killed after all were confirmed, with the last of its checkpoints gone.
            if (isBegun || !(error instanceof DataOpsError && error.code === 'COLLECTION_EXISTS')) throw error
            return undefined
          })
          for (const one of restored?.collections ?? [])
            expect(one, where).toMatchObject({rejected: 0, verification: {equal: true}})
          for (const [index, dump] of (await dumps()).entries())
            expect(dumpDifferences(dump, expected[index]!), where).toEqual([])
          expect(await statesOf(server.connection, 'ExpMT'), where).toEqual(
            ['cold_1', 'empty', 'hot'].map((name) => ({name, status: 'HOT'})),
          )
          return isBegun && restored !== undefined
        },
        job: (checkpointDirectory) => ({
          directory: directory.path,
          grpcUrl: server.grpcUrl,
          run: {
            backups: [place],
            job: 'restores',
            options: {batchSize: 1, checkpointDirectory, schemaFrom: [schemas]},
          },
          saveMs: 0,
          url: server.url,
        }),
        name: 'restore of an export',
        seed: 14,
      })
      await clean()
    },
    TIMEOUT,
  )

  it(
    'a copy with tenants and references is equal',
    async () => {
      await fillCopied()
      const rest = [new Rest(server.url), new Rest(other.url)] as const
      const active = ['north', 'south']
      const expected = await rest[0].dump(COPIED, active)
      const states = await statesOf(server.connection, COPIED)
      await campaign({
        clean: async () => other.connection.deleteCollection(COPIED),
        async finish(folder, where) {
          const isBegun = (await readdir(folder)).some((name) => name.endsWith('.checkpoint'))
          const isDone = !isBegun && (await other.connection.getCollection(COPIED)) !== undefined
          if (!isDone) {
            const manager = new CopyManager(server.connection, other.connection, {directory: folder})
            const copied = await manager.copyCollection(COPIED, {batchSize: 10, concurrency: 2, verify: true})
            expect(copied, where).toMatchObject({complete: true, rejected: 0, verification: {equal: true}})
            expect(copied.restored + copied.resumed, where).toBe(OBJECTS)
          }

          expect(await statesOf(other.connection, COPIED), where).toEqual(states)
          expect(await statesOf(server.connection, COPIED), where).toEqual(states)
          expect(dumpDifferences(await rest[1].dump(COPIED, active), expected), where).toEqual([])
          const verifier = new Verifier({connection: server.connection, directory: folder})
          const difference = await verifier.diffCollections(COPIED, COPIED, {other: other.connection})
          expect(difference, where).toMatchObject({a: {objects: OBJECTS}, equal: true})
          expect(difference.a.digest).toBe(difference.b.digest)
          return isBegun
        },
        job: (folder) => ({
          directory: folder,
          grpcUrl: server.grpcUrl,
          run: {
            collection: COPIED,
            job: 'copy',
            options: {batchSize: 10, concurrency: 2, workers: 1},
            to: {grpcUrl: other.grpcUrl, url: other.url},
          },
          saveMs: 0,
          url: server.url,
        }),
        name: 'copy',
        seed: 15,
      })
    },
    TIMEOUT,
  )

  it(
    'a backup that changes objects on the way has the digest of one that was not killed',
    async () => {
      await makeCollection(server.connection, CHANGED, OBJECTS, 8)
      const [first] = (await server.connection.getCollection(CHANGED))!.properties!
      const transforms: JsonObject[] = [
        {kind: 'rename', names: {[first!.name]: 'renamed'}},
        {expression: 'id < "d"', kind: 'where'},
      ]
      const back = async (folder: string, resume: boolean | 'auto') =>
        new BackupManager(server.connection, {directory: folder}).backupCollection(CHANGED, {
          format: 'parquet',
          resume,
          transforms: transformsAgain(transforms).transforms,
        })
      const whole = await back(path.join(directory.path, 'changed-whole'), false)
      const {digest, objectCount} = whole
      expect(whole).toMatchObject({complete: true, partial: true})
      expect(objectCount).toBeGreaterThan(OBJECTS / 2)
      expect(objectCount).toBeLessThan(OBJECTS)
      await campaign({
        async clean() {},
        async finish(folder, where) {
          const result = await back(folder, 'auto')
          expect(result, where).toMatchObject({complete: true, digest, objectCount})
          const verified = await new Verifier({directory: folder}).verifyBackup(result.path)
          expect(verified, where).toMatchObject({digest, problems: []})
          return result.resumed > 0
        },
        job: (folder) => ({
          directory: folder,
          flushMs: 0,
          grpcUrl: server.grpcUrl,
          run: {
            collection: CHANGED,
            job: 'backup',
            options: {batchSize: 10, concurrency: 2, format: 'parquet', workers: 1},
            transforms,
          },
          url: server.url,
        }),
        name: 'backup that changes objects',
        seed: 16,
      })
    },
    TIMEOUT,
  )
})

/** Each object refers to the one before and to itself, in an order that matters. */
async function fillCopied(): Promise<void> {
  const {connection} = server
  await connection.deleteCollection(COPIED)
  await connection.createCollection({
    class: COPIED,
    multiTenancyConfig: {enabled: true},
    properties: [
      {dataType: ['text'], name: 'title'},
      {dataType: [COPIED], name: 'before'},
    ],
    vectorIndexType: 'flat',
    vectorizer: 'none',
  })
  await connection.createTenants(
    COPIED,
    TENANTS.map((name) => ({name, status: 'HOT' as const})),
  )
  const made = makeObjects({className: COPIED, dims: 4, objects: OBJECTS / TENANTS.length})
  for (const tenant of TENANTS) {
    const objects = made.map(({id, vector}, index): WeaviateObject => ({
      id,
      properties: {
        before: [made[index]!, made[Math.max(0, index - 1)]!].map((one) => ({
          beacon: `weaviate://localhost/${COPIED}/${one.id}`,
        })),
        title: `${tenant} ${index}`,
      },
      tenant,
      ...(vector && {vector}),
    }))
    await writeAll(connection, COPIED, objects)
  }

  await connection.setTenantStatus(COPIED, [{name: 'cold', status: 'COLD'}])
}
