/**
 * `job create` and `job cancel` that die at any call to the place, or do not get its answer: nothing half planned is worked on, the same
 * command works again, and nothing is held any more in the end. Some of the calls; all of them with SWEEP=all.
 */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'

import {BackupCatalog, BackupManager, DataOpsError, RestoreManager, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {SMALLEST_ITEM} from '../../../src/jobs/restore/divide.js'
import {makeReferences, makeTenants, statesOf} from '../../fault/samples.js'
import {startTestServer, type TestServer} from '../../support/collections.js'
import {type Death, dyingStore} from '../../support/dying-store.js'
import {fasterClock} from '../../support/faster-clock.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'MachinesDying'
const TENANTS = 'MachinesDyingTenants'
const COPY = 'MachinesDyingCopy'
const COUNT = 40
const JOB = 'nightly'
const USUAL = {grace: GRACE.ms, rows: SMALLEST_ITEM.rows}
const LEASE_MS = 600
/** One call of a restore in so many. */
const STEP = process.env.SWEEP === 'all' ? 1 : 23

fasterClock()
let server: TestServer
let objects: NonNullable<Parameters<typeof memoryStore>[0]>
let taken: typeof objects
let store: Store
let ids: Record<typeof NAME | typeof TENANTS, string>
let digest: string
let states: unknown

beforeAll(async () => {
  GRACE.ms = 20
  SMALLEST_ITEM.rows = 20
  server = await startTestServer()
  const {connection} = server
  objects = new Map()
  store = memoryStore(objects)
  await makeReferences(connection, NAME, {dims: 4, objects: COUNT, references: 2})
  await makeTenants(connection, TENANTS, {objects: COUNT, tenants: 6})
  const manager = new BackupManager(connection, {store})
  const plain = await manager.backupCollection(NAME, {format: 'parquet'})
  digest = plain.digest
  states = await statesOf(connection, TENANTS)
  ids = {[NAME]: plain.id, [TENANTS]: (await manager.backupCollection(TENANTS, {format: 'parquet'})).id}
  taken = new Map(objects)
}, 60_000)

afterAll(async () => {
  GRACE.ms = USUAL.grace
  SMALLEST_ITEM.rows = USUAL.rows
  for (const name of [NAME, TENANTS, COPY]) await server.connection.deleteCollection(name)
  await server.close()
})

beforeEach(begin)

async function begin(): Promise<void> {
  objects = new Map(taken)
  store = memoryStore(objects)
  await server.connection.deleteCollection(COPY)
}

const SWEPT: Array<{death: Death; name: typeof NAME | typeof TENANTS}> = [
  {death: 'dies', name: NAME},
  {death: 'lost', name: NAME},
  {death: 'dies', name: TENANTS},
]

/** `run` dies at each call in turn, and `check` looks at what it has left, until it has no such call any more. Returns how many it has. */
async function sweep(
  death: Death,
  run: (dying: Store) => Promise<unknown>,
  check: () => Promise<void>,
  step = STEP,
): Promise<number> {
  for (let at = 1; ; at += step) {
    const {calls, store: dying} = dyingStore(store, death, at)
    let error: unknown
    try {
      await run(dying)
    } catch (error_) {
      error = error_
    }

    const isOver = calls.length < at
    if (isOver) expect(error).toBeUndefined()
    else if (error !== undefined) expect(error, `call ${at}: ${calls[at - 1]}`).toBeInstanceOf(DataOpsError)
    try {
      await check()
    } catch (error_) {
      throw new Error(`After call ${at} (${calls[at - 1]}): ${String(error_)}`, {cause: error_})
    }

    if (isOver) return calls.length
    await begin()
  }
}

const manager = (place = store): JobManager => new JobManager({store: place})

/** The job, whole, or none. */
async function isThere(): Promise<boolean> {
  const found = await manager().find(JOB)
  if (found) return true
  await expect(manager().work(server.connection, JOB)).rejects.toMatchObject({code: 'INVALID_INPUT'})
  return false
}

/** The file of a lease whose holder has died holds nobody up. */
const leftInPlace = async (): Promise<string[]> =>
  (await store.list(''))
    .map(({name}) => name)
    .filter((name) => /checkpoint|\.restore-(?!.*\.lock\.\d+$)|\.tenants-/.test(name))

/** Whole, and free. */
async function expectRestored(name: typeof NAME | typeof TENANTS): Promise<void> {
  const verifying = {connection: server.connection, store}
  expect(await new Verifier(verifying).verifyCollection(COPY, ids[name])).toMatchObject({equal: true})
  expect(await leftInPlace()).toEqual([])
  const again = new RestoreManager(server.connection, {store}).restoreCollection(ids[name], {merge: true, name: COPY})
  expect(await again).toMatchObject({restored: COUNT})
  if (name === TENANTS) expect(await statesOf(server.connection, COPY)).toEqual(states)
}

describe('creating a restore by several machines', () => {
  const create = async (name: typeof NAME | typeof TENANTS, place = store): Promise<unknown> =>
    manager(place).createRestore(server.connection, [ids[name]], {id: JOB, items: 2, leaseMs: LEASE_MS, name: COPY})

  it.each(SWEPT)('that $death: $name', async ({death, name}) => {
    const calls = await sweep(
      death,
      async (dying) => create(name, dying),
      async () => {
        if (!(await isThere())) await create(name)
        expect(await manager().work(server.connection, JOB)).toMatchObject({
          end: 'done',
          restored: [{rejected: 0, restored: COUNT}],
        })
        await expectRestored(name)
      },
    )
    expect(calls).toBeGreaterThan(20)
  })

  it('that dies leaves the target to whoever restores next', async () => {
    await sweep(
      'dies',
      async (dying) => create(NAME, dying),
      async () => {
        if (await isThere()) return
        await new RestoreManager(server.connection, {store})
          .restoreCollection(ids[NAME], {merge: true, name: COPY})
          .catch(async (error: unknown) => {
            // A collection that it has made is continued without `merge`.
            expect(error).toMatchObject({code: 'CHECKPOINT'})
            await new RestoreManager(server.connection, {store}).restoreCollection(ids[NAME], {name: COPY})
          })
        await expectRestored(NAME)
      },
    )
  })
})

describe('cancelling a restore by several machines', () => {
  it.each(SWEPT)('that $death: $name', async ({death, name}) => {
    const prepare = async (): Promise<void> => {
      await manager().createRestore(server.connection, [ids[name]], {id: JOB, items: 2, leaseMs: LEASE_MS, name: COPY})
      const abort = new AbortController()
      const onProgress = (): void => {
        abort.abort()
      }

      // Some of the objects are there.
      const stopped = manager().work(server.connection, JOB, {
        concurrency: 1,
        hint: 0,
        onProgress,
        signal: abort.signal,
      })
      await expect(stopped).rejects.toMatchObject({code: 'INTERRUPTED'})
    }

    const calls = await sweep(
      death,
      async (dying) => {
        await prepare()
        await manager(dying).cancel(server.connection, JOB)
      },
      async () => {
        expect(await manager().cancel(server.connection, JOB)).toMatchObject({wasOpen: true})
        expect(await manager().show(JOB)).toMatchObject({end: 'cancelled', workers: []})
        const restored = new RestoreManager(server.connection, {store}).restoreCollection(ids[name], {name: COPY})
        expect(await restored).toMatchObject({rejected: 0})
        await expectRestored(name)
      },
    )
    expect(calls).toBeGreaterThan(15)
  })
})

describe('a backup by several machines', () => {
  const create = async (place = store): Promise<unknown> =>
    manager(place).createBackup(server.connection, [NAME], {id: JOB, items: 2, leaseMs: LEASE_MS})
  /** Beside the backups that were there before. */
  const others = async (): Promise<Array<{digest?: string; status: string}>> =>
    (await new BackupCatalog(store).list()).filter(({id}) => !Object.values(ids).includes(id))

  it.each(['dies', 'lost'] as const)('whose creation %s', async (death) => {
    const check = async (): Promise<void> => {
      if (!(await isThere())) await create()
      expect(await manager().work(server.connection, JOB)).toMatchObject({end: 'done', sealed: [{digest}]})
      expect((await others()).filter(({status}) => status === 'sealed')).toMatchObject([{digest}])
    }

    await sweep(death, async (dying) => create(dying), check, 1)
  })

  it.each(['dies', 'lost'] as const)('whose cancellation %s', async (death) => {
    const run = async (dying: Store): Promise<void> => {
      await create()
      await manager(dying).cancel(server.connection, JOB)
    }

    const check = async (): Promise<void> => {
      expect(await manager().cancel(server.connection, JOB)).toMatchObject({wasOpen: true})
      expect(await others()).toEqual([])
      expect((await store.list('')).map(({name}) => name).filter((name) => name.startsWith(NAME))).toHaveLength(2)
    }

    await sweep(death, run, check, 1)
  })
})
