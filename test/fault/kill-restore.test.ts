/** kill -9 of a restore, at moments spread over the whole run, the reference pass included: continued, it ends equal to the backup. */
import {mkdir, readdir} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {BackupFormat} from '../../src/codec/codec.js'
import type {RestoreOptions} from '../../src/jobs/restore/options.js'
import type {WorkerJob} from './worker.js'

import {BackupManager, type BackupResult, RestoreManager, Verifier} from '../../src/index.js'
import {GRACE, SAVE_EVERY} from '../../src/jobs/restore/checkpoint.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {programFile} from '../support/programs.js'
import {momentOf, randomFrom, ROUNDS, runWorker, SEED, temporaryFolder} from './harness.js'
import {report} from './report.js'
import {ALIAS_SUFFIX, makeReferences, makeTenants, statesOf} from './samples.js'

const PLAIN = 'FaultRestore'
const REFERENCES = 'FaultRestoreRefs'
const TENANTS = 'FaultRestoreTenants'
const COPY = 'FaultRestoreCopy'
const ALIAS = `${TENANTS}${ALIAS_SUFFIX}`
const OBJECTS = 300

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryFolder>>
let worker: string
let references: number
let states: Array<{name: string; status: string}>
/** Batches of objects sent so far; on the embedded server only. */
let batches = 0

beforeAll(async () => {
  server = await startTestServer({
    onRequest({method}) {
      if (method === 'BatchObjects') batches++
    },
  })
  // Each change at once: the steps of a run, and with them the moments, are the same on a slow machine.
  SAVE_EVERY.ms = 0
  GRACE.ms = 20
  directory = await temporaryFolder()
  worker = programFile('killed')
  await makeCollection(server.connection, PLAIN, OBJECTS)
  references = await makeReferences(server.connection, REFERENCES, {objects: OBJECTS, references: 10})
  states = await makeTenants(server.connection, TENANTS, {objects: OBJECTS, tenants: 12})
})

afterAll(async () => {
  await server.connection.deleteAlias(ALIAS)
  for (const name of [PLAIN, REFERENCES, TENANTS, COPY]) await server.connection.deleteCollection(name)
  await server.close()
  await directory.remove()
})

async function backUp(collection: string, format: BackupFormat): Promise<BackupResult> {
  return new BackupManager(server.connection, {directory: path.join(directory.path, 'backups')}).backupCollection(
    collection,
    {format},
  )
}

const KINDS: Array<{collection: string; format: BackupFormat; what: string}> = [
  {collection: PLAIN, format: 'json', what: 'objects'},
  {collection: REFERENCES, format: 'parquet', what: 'thousands of references'},
  {collection: REFERENCES, format: 'json', what: 'thousands of references'},
  {collection: TENANTS, format: 'arrow', what: 'tenants, inactive ones too, and an alias'},
]

describe('a restore that is killed', () => {
  it.each(KINDS)(
    `ends equal: $what, from $format (${ROUNDS} rounds)`,
    async ({collection, format, what}) => {
      const backup = await backUp(collection, format)
      const random = randomFrom(SEED + 1)
      // The alias follows to each copy.
      const options: RestoreOptions = {batchSize: 20, concurrency: 3, name: COPY, withAliases: true}
      const job: WorkerJob = {
        directory: path.join(directory.path, 'backups'),
        grpcUrl: server.grpcUrl,
        run: {
          backup: backup.path,
          job: 'restore',
          options: {...options, checkpointDirectory: path.join(directory.path, 'whole')},
        },
        saveMs: 0,
        url: server.url,
      }
      await server.connection.deleteCollection(COPY)
      const whole = await runWorker(worker, job)
      expect(whole.result).toMatchObject({rejected: 0, restored: OBJECTS})
      if (collection === REFERENCES) expect(whole.result).toMatchObject({references})
      let kills = 0
      let resumed = 0
      let lost = 0
      for (let round = 0; round < ROUNDS; round++) {
        await server.connection.deleteCollection(COPY)
        const checkpointDirectory = path.join(directory.path, `${collection}-${format}-${round}`)
        await mkdir(checkpointDirectory)
        const roundOptions = {...options, checkpointDirectory}
        const moment = {
          afterMs: random() < 0.4 ? 0 : 1 + Math.floor(random() * 10),
          killAt: momentOf(round, ROUNDS, whole.steps, random),
        }
        const where = `round ${round} of seed ${SEED}, killed at step ${moment.killAt} of ${whole.steps}, ${moment.afterMs} ms later`
        const run = {backup: backup.path, job: 'restore' as const, options: roundOptions}
        const {killed} = await runWorker(worker, {...job, ...moment, run})
        if (killed) kills++
        if (killed && random() < 0.3) {
          const again = await runWorker(worker, {...job, killAt: 1 + Math.floor(random() * whole.steps), run})
          if (again.killed) kills++
        }

        const names = await readdir(checkpointDirectory)
        if (names.every((name) => !name.endsWith('.checkpoint')) && (await server.connection.getCollection(COPY))) {
          // Killed, if at all, after its last step: there is nothing to continue, and nothing may be missing.
          const comparison = await new Verifier({
            connection: server.connection,
            directory: directory.path,
          }).verifyCollection(COPY, backup.path)
          expect(comparison, where).toMatchObject({equal: true, liveDigest: backup.digest})
          continue
        }

        const restored = await new RestoreManager(server.connection, {directory: directory.path}).restoreCollection(
          backup.path,
          {
            ...roundOptions,
            verify: true,
          },
        )
        if (restored.resumed > 0) resumed++
        expect(restored, where).toMatchObject({rejected: 0, restored: OBJECTS - restored.resumed})
        const {counts} = restored.verification!
        lost += counts.missing + counts.different + counts.extra
        expect(restored.verification, where).toMatchObject({equal: true, liveDigest: backup.digest})
        if (collection === TENANTS) {
          expect(await statesOf(server.connection, COPY), where).toEqual(states)
          expect(await server.connection.listAliases(), where).toContainEqual({alias: ALIAS, collection: COPY})
        }
      }

      report({
        fault: `kill -9 of a restore: ${what} (${format})`,
        job: 'restore',
        note: `${OBJECTS} objects${collection === REFERENCES ? ` with ${references} references` : ''}; ${resumed} of ${ROUNDS} continued`,
        objectsLost: lost,
        times: kills,
        wronglyListed: 0,
      })
      expect(kills).toBeGreaterThan(ROUNDS * 0.6)
      expect(resumed).toBeGreaterThan(ROUNDS * 0.3)
      await server.connection.deleteCollection(COPY)
    },
    30_000 + ROUNDS * 6000,
  )

  it('sends only what was missing', async ({skip}) => {
    if (!server.embedded) skip('batches are counted at the embedded server')
    const backup = await backUp(PLAIN, 'parquet')
    const concurrency = 3
    const options: RestoreOptions = {batchSize: 20, checkpointDirectory: directory.path, concurrency, name: COPY}
    const job: WorkerJob = {
      directory: directory.path,
      grpcUrl: server.grpcUrl,
      run: {backup: backup.path, job: 'restore', options},
      saveMs: 0,
      url: server.url,
    }
    await server.connection.deleteCollection(COPY)
    batches = 0
    const {steps} = await runWorker(worker, job)
    const needed = batches
    // One more for the object that shows that both addresses are one server.
    expect(needed).toBe(OBJECTS / 20 + 1)
    await server.connection.deleteCollection(COPY)
    // eslint-disable-next-line require-atomic-updates -- counts from here on
    batches = 0
    expect(await runWorker(worker, {...job, killAt: Math.floor(steps * 0.6)})).toMatchObject({killed: true})
    expect(batches).toBeGreaterThan(needed / 4)
    const restored = await new RestoreManager(server.connection, {directory: directory.path}).restoreCollection(
      backup.path,
      {
        ...options,
        verify: true,
      },
    )
    expect(restored.verification?.equal).toBe(true)
    // Batches on their way, and those whose checkpoint was, are sent twice.
    expect(batches).toBeLessThanOrEqual(needed + 2 * concurrency)
    await server.connection.deleteCollection(COPY)
  })
})
