/** kill -9 of a verification or a count while it has woken inactive tenants: the next run of any job puts them back, and says so. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {WorkerJob} from './worker.js'

import {TenantNotes} from '../../src/flow/tenants/note.js'
import {BackupManager, type BackupResult, ClearManager, RestoreManager, Verifier} from '../../src/index.js'
import {openStore} from '../../src/store/open.js'
import {startTestServer, type TestServer} from '../support/collections.js'
import {programFile} from '../support/programs.js'
import {momentOf, randomFrom, runWorker, SEED, temporaryFolder} from './harness.js'
import {report} from './report.js'
import {makeTenants, statesOf} from './samples.js'

const NAME = 'FaultVerify'
const OBJECTS = 120
/** Shares of a run to be killed in, before each of the four jobs; in the middle tenants are active most likely. */
const SHARES = [2, 3, 1, 4, 0]
/** Of kills that left tenants active, as many as `npm test` waits for: a campaign makes all rounds. */
const ENOUGH = process.env.FAULT_ROUNDS === undefined ? 3 : Infinity

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryFolder>>
let worker: string
let backup: BackupResult
let states: Array<{name: string; status: string}>

beforeAll(async () => {
  server = await startTestServer()
  directory = await temporaryFolder()
  worker = programFile('killed')
  states = await makeTenants(server.connection, NAME, {objects: OBJECTS, tenants: 12})
  backup = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME)
})

afterAll(async () => {
  await server.connection.deleteAlias(`${NAME}Alias`)
  await server.connection.deleteCollection(NAME)
  await server.close()
  await directory.remove()
})

interface Next {
  job: string
  run: () => Promise<string[]>
}

/** Each gives the codes of its warnings. */
function nextJobs(): Next[] {
  const place = {directory: directory.path}
  const {connection} = server
  const codes = (warnings: Array<{code: string}>): string[] => warnings.map(({code}) => code)
  return [
    {
      job: 'backup',
      run: async () => codes((await new BackupManager(connection, place).backupCollection(NAME)).warnings),
    },
    {
      job: 'clear',
      run: async () =>
        codes((await new ClearManager(connection, place).clearCollection(NAME, {dryRun: true})).warnings),
    },
    {
      job: 'restore',
      run: async () =>
        codes((await new RestoreManager(connection, place).restoreCollection(backup.id, {merge: true})).warnings),
    },
    {
      job: 'verify',
      async run() {
        const warnings: string[] = []
        const options = {
          onWarning({code}: {code: string}) {
            warnings.push(code)
          },
        }
        const {equal} = await new Verifier({connection, ...place}).verifyCollection(NAME, backup.id, options)
        expect(equal).toBe(true)
        return warnings
      },
    },
  ]
}

describe('a run that is killed while tenants are active for it', () => {
  it.each(['verify', 'count'] as const)('of %s: the next job puts them back', {timeout: 300_000}, async (killed) => {
    const run: WorkerJob['run'] =
      killed === 'verify' ? {against: backup.id, collection: NAME, job: 'verify'} : {collection: NAME, job: 'count'}
    const job: WorkerJob = {directory: directory.path, grpcUrl: server.grpcUrl, run, url: server.url}
    const {steps} = await runWorker(worker, job)
    expect(await statesOf(server.connection, NAME)).toEqual(states)
    const random = randomFrom(SEED)
    const notes = new TenantNotes([openStore(directory.path)])
    let left = 0
    let rounds = 0
    for (const share of SHARES) {
      if (left >= ENOUGH) break
      rounds++
      for (const {job: name, run: next} of nextJobs()) {
        await runWorker(worker, {...job, killAt: momentOf(share, SHARES.length, steps, random)})
        const isLeft = JSON.stringify(await statesOf(server.connection, NAME)) !== JSON.stringify(states)
        const {tenants: noted} = await notes.left()
        // Whatever is active that should not be stands in a note.
        if (isLeft) expect(noted.flatMap(({tenants}) => tenants).map(({collection}) => collection)).toContain(NAME)
        const codes = await next()
        expect(await statesOf(server.connection, NAME), name).toEqual(states)
        expect(codes.includes('tenants-put-back'), name).toBe(isLeft)
        expect(await notes.left(), name).toEqual({tenants: [], unreadable: []})
        if (isLeft) left++
      }
    }

    report({
      fault: `kill -9 of a ${killed} with inactive tenants awake`,
      job: killed === 'count' ? 'clear' : killed,
      note: `in ${left} tenants were left active; the next backup, clear, restore or verification put them back in all`,
      objectsLost: 0,
      times: rounds * 4,
      wronglyListed: 0,
    })
    expect(left).toBeGreaterThan(2)
  })
})
