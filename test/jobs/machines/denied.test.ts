/** Credentials that may not do something: jobs of several machines end all the same, or say what they may not, and another worker goes on. */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'

import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupCatalog, BackupManager, DataOpsError, RestoreManager, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {SMALLEST_ITEM} from '../../../src/jobs/restore/divide.js'
import {overlay} from '../../../src/model/overlay.js'
import {type EncryptionOptions, withEncryption} from '../../../src/store/encryption.js'
import {makeReferences} from '../../fault/samples.js'
import {startTestServer, type TestServer} from '../../support/collections.js'
import {dyingStore} from '../../support/dying-store.js'
import {fasterClock} from '../../support/faster-clock.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'MachinesDenied'
const COPY = `${NAME}Copy`
const COUNT = 40
const JOB = 'nightly'
const LEASE_MS = 600
const USUAL = {grace: GRACE.ms, rows: SMALLEST_ITEM.rows}
/** One call in so many. */
const STEP = process.env.SWEEP === 'all' ? 1 : 11
fasterClock()
let server: TestServer
let keys: EncryptionOptions

beforeAll(async () => {
  GRACE.ms = 20
  SMALLEST_ITEM.rows = 20
  server = await startTestServer()
  await makeReferences(server.connection, NAME, {dims: 4, objects: COUNT, references: 2})
  const {identity, recipient} = await newIdentity()
  keys = {encryptTo: [recipient], identities: [identity]}
})

afterAll(async () => {
  GRACE.ms = USUAL.grace
  SMALLEST_ITEM.rows = USUAL.rows
  for (const name of [NAME, COPY]) await server.connection.deleteCollection(name)
  await server.close()
})

beforeEach(async () => server.connection.deleteCollection(COPY))

/** No folder and no object can be removed. */
function appendOnly(place: Store): Store {
  return overlay(place, {
    async remove(key: string) {
      throw new DataOpsError('STORAGE', `${key} may not be removed.`, {details: {reason: 'denied'}})
    },
  })
}

describe.each(['plain', 'encrypted'] as const)('%s', (kind) => {
  const opened = (below: Store): Store => withEncryption(below, kind === 'plain' ? {} : keys)
  const jobs = (below: Store): JobManager => new JobManager({store: opened(below)})
  const createBackup = async (place: Store): Promise<unknown> =>
    jobs(place).createBackup(server.connection, [NAME], {id: JOB, items: 2, leaseMs: LEASE_MS})
  const createRestore = async (place: Store, id: string): Promise<unknown> =>
    jobs(place).createRestore(server.connection, [id], {id: JOB, items: 2, leaseMs: LEASE_MS, name: COPY})
  const backUp = async (place: Store): Promise<string> => {
    const manager = new BackupManager(server.connection, {store: opened(place)})
    return (await manager.backupCollection(NAME, {format: 'parquet'})).id
  }

  const expectBackup = async (place: Store): Promise<void> => {
    const worked = await jobs(place).work(server.connection, JOB)
    expect(worked).toMatchObject({aside: [], end: 'done', sealed: [{object_count: COUNT}]})
    const [listed, ...others] = await new BackupCatalog(opened(place)).list()
    expect(others).toEqual([])
    expect(listed).toMatchObject({file: worked.sealed[0]!.file, status: 'sealed'})
    const found = await new Verifier({store: opened(place)}).verifyBackup(listed!.file)
    expect(found).toMatchObject({objectCount: COUNT, problems: []})
  }

  const expectRestored = async (place: Store, id: string): Promise<void> => {
    const worked = await jobs(place).work(server.connection, JOB)
    expect(worked).toMatchObject({aside: [], end: 'done', restored: [{rejected: 0, restored: COUNT}]})
    const verifier = new Verifier({connection: server.connection, store: opened(place)})
    expect(await verifier.verifyCollection(COPY, id)).toMatchObject({equal: true})
    // Nobody holds the target any more.
    const again = new RestoreManager(server.connection, {store: opened(place)})
    expect(await again.restoreCollection(id, {merge: true, name: COPY})).toMatchObject({restored: COUNT})
  }

  it('backups and restores, without the right to remove', async () => {
    const place = appendOnly(memoryStore())
    await createBackup(place)
    await expectBackup(place)
    const other = appendOnly(memoryStore())
    const id = await backUp(other)
    await createRestore(other, id)
    await expectRestored(other, id)
  }, 30_000)

  it('a backup is cancelled without the right to remove: what stays is said', async () => {
    const place = appendOnly(memoryStore())
    await createBackup(place)
    const warned: string[] = []
    const onWarning = ({code}: {code: string}): void => {
      warned.push(code)
    }

    for (let again = 0; again < 2; again++) {
      const cancelled = await jobs(place).cancel(server.connection, JOB, {onWarning})
      expect(cancelled).toMatchObject({removed: [], wasOpen: true})
    }

    expect(warned).toEqual(['parts-left', 'parts-left'])
    expect(await jobs(place).show(JOB)).toMatchObject({end: 'cancelled'})
  })

  it('a restore is cancelled without the right to remove, and one process continues it', async () => {
    const place = appendOnly(memoryStore())
    const id = await backUp(place)
    await createRestore(place, id)
    for (let again = 0; again < 2; again++)
      expect(await jobs(place).cancel(server.connection, JOB)).toMatchObject({wasOpen: true})
    expect(await jobs(place).show(JOB)).toMatchObject({end: 'cancelled'})
    const restored = new RestoreManager(server.connection, {store: opened(place)}).restoreCollection(id, {name: COPY})
    expect(await restored).toMatchObject({rejected: 0})
    const verifier = new Verifier({connection: server.connection, store: opened(place)})
    expect(await verifier.verifyCollection(COPY, id)).toMatchObject({equal: true})
  }, 30_000)

  it('a worker that may not give its item back when it ends does not hold it any longer', async () => {
    const place = memoryStore()
    await createBackup(place)
    let isDenied = false
    const denied = overlay(place, {
      async createWriter(key: string) {
        isDenied = true
        return place.createWriter(key)
      },
      async put(...put: Parameters<Store['put']>) {
        if (isDenied) throw new DataOpsError('STORAGE', 'It may not be put.', {details: {reason: 'denied'}})
        return place.put(...put)
      },
      async stat(...stat: Parameters<Store['stat']>) {
        if (isDenied) throw new DataOpsError('STORAGE', 'It may not be looked at.', {details: {reason: 'denied'}})
        return place.stat(...stat)
      },
    })
    const worked = jobs(denied).work(server.connection, JOB, {concurrency: 1})
    await expect(worked).rejects.toMatchObject({code: 'STORAGE'})
    // Whatever it still does is allowed from now on.
    isDenied = false
    await expectBackup(place)
  }, 20_000)

  it('a worker of a backup may not do one thing, then nothing', async () => {
    for (const death of ['denied', 'denied-all'] as const) {
      for (let at = 1; ; at += STEP) {
        const place = memoryStore()
        await createBackup(place)
        const {calls, store} = dyingStore(place, death, at)
        let error: unknown
        await jobs(store)
          .work(server.connection, JOB, {concurrency: 1})
          .catch((error_: unknown) => {
            error = error_
          })
        if (error !== undefined) expect(error, calls[at - 1]).toBeInstanceOf(DataOpsError)
        try {
          await expectBackup(place)
        } catch (error_) {
          throw new Error(`${death} at call ${at} (${calls[at - 1]}): ${String(error_)}`, {cause: error_})
        }

        if (calls.length < at) break
      }
    }
  }, 120_000)
})
