/** What attempts leave in the folder of a backup goes, also where whoever sealed it died at that, or an attempt ends after the seal. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'

import {BackupCatalog, BackupManager, DataOpsError, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {overlay} from '../../../src/model/overlay.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {dyingStore} from '../../support/dying-store.js'
import {fasterClock} from '../../support/faster-clock.js'
import {memoryStore} from '../../support/memory-store.js'
import {openerOf} from '../../support/plain-or-encrypted.js'
import {sleepyStore} from '../../support/sleepy-store.js'

const NAME = 'MachinesLate'
const COUNT = 300
const LEASE_MS = 600
/** The part of an attempt that was killed. */
const LEFT = 'objects-00002-7.parquet'
fasterClock()
let server: TestServer
let digest: string

beforeAll(async () => {
  server = await startTestServer()
  await makeCollection(server.connection, NAME, COUNT, 4)
  const manager = new BackupManager(server.connection, {store: memoryStore()})
  digest = (await manager.backupCollection(NAME, {format: 'parquet'})).digest
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

const create = async (store: Store): Promise<string> =>
  (await new JobManager({store}).createBackup(server.connection, [NAME], {leaseMs: LEASE_MS})).id

const isSeal = (call: string): boolean => call.startsWith('put') && call.endsWith('/metadata.json')

/** The backup is whole, and its folder holds nothing else. */
async function expectWhole(store: Store): Promise<void> {
  const folder = (await store.list('')).find(({name}) => name.startsWith(NAME))
  const found = await new Verifier({store}).verifyBackup(folder!.name)
  expect(found).toMatchObject({digest, objectCount: COUNT, problems: []})
  const parts = (await store.list(folder!.name)).filter(({name}) => name.startsWith('objects'))
  expect(parts).toHaveLength(1)
}

describe.each(['plain', 'encrypted'] as const)('%s', (kind) => {
  it('of a sealer that dies between its seal and that, the next one does the rest', async () => {
    const opened = await openerOf(kind)
    let calls: string[] = []
    let last = 0
    for (let behind = 0; behind <= last; behind++) {
      const place = memoryStore()
      const store = opened(place)
      const id = await create(store)
      const folder = (await store.list('')).find(({name}) => name.startsWith(NAME))
      await place.put(`${folder!.name}/${LEFT}${kind === 'plain' ? '' : '.age'}`, new Uint8Array(100))
      // The first time nothing dies: that is how the calls are known.
      const sealed = calls.findIndex((call) => isSeal(call))
      const dying = dyingStore(place, 'dies', behind === 0 ? Infinity : sealed + 1 + behind)
      await new JobManager({store: opened(dying.store)}).work(server.connection, id).catch(() => {})
      await new JobManager({store}).work(server.connection, id)
      await expectWhole(store)
      if (behind > 0) continue
      calls = [...dying.calls]
      // Until what was left goes.
      last =
        calls.findIndex((call) => call.startsWith('remove') && call.includes(LEFT)) -
        calls.findIndex((call) => isSeal(call))
    }

    expect(last).toBeGreaterThan(1)
  }, 60_000)

  it.each(['sealer', 'next one'])(
    'where nothing may be removed, the %s says so, and the backup is listed',
    async (who) => {
      const opened = await openerOf(kind)
      const place = memoryStore()
      const denied = overlay(place, {
        async remove(key: string) {
          throw new DataOpsError('STORAGE', `${key} may not be removed.`, {details: {reason: 'denied'}})
        },
      })
      const id = await create(opened(place))
      const folder = (await place.list('')).find(({name}) => name.startsWith(NAME))
      const left = `${LEFT}${kind === 'plain' ? '' : '.age'}`
      await place.put(`${folder!.name}/${left}`, new Uint8Array(100))
      if (who === 'next one') {
        // The first one dies at its first call behind the seal.
        let isSealed = false
        const dead = async <T>(call: () => Promise<T>): Promise<T> => {
          if (isSealed) throw new DataOpsError('STORAGE', 'It is dead.')
          return call()
        }

        const dying = overlay(place, {
          list: async (key: string) => dead(async () => place.list(key)),
          openRead: async (key: string) => dead(async () => place.openRead(key)),
          put: async (...put: Parameters<Store['put']>) =>
            dead(async () => {
              const tag = await place.put(...put)
              isSealed = put[0] === `${folder!.name}/metadata.json`
              return tag
            }),
          stat: async (...stat: Parameters<Store['stat']>) => dead(async () => place.stat(...stat)),
        })
        await new JobManager({store: opened(dying)}).work(server.connection, id).catch(() => {})
        expect(isSealed).toBe(true)
      }

      const worked = await new JobManager({store: opened(denied)}).work(server.connection, id)
      expect(worked).toMatchObject({
        aside: [],
        end: 'done',
        sealed: [{object_count: COUNT}],
      })
      const partsLeft = worked.sealed[0]!.warnings.filter(({code}) => code === 'parts-left')
      expect(partsLeft.map(({details}) => details)).toEqual([{files: [left], path: `memory:/${folder!.name}`}])
      const [listed] = await new BackupCatalog(opened(place)).list()
      expect(listed).toMatchObject({file: folder!.name, status: 'sealed'})
      const found = await new Verifier({store: opened(place)}).verifyBackup(folder!.name)
      expect(found).toMatchObject({digest, objectCount: COUNT})
      expect(found.problems.map(({message}) => message)).toEqual(['It is not part of the backup.'])
      expect(found.problems[0]!.file).toContain(LEFT)
    },
  )

  it('an attempt that slept through the seal takes its part away', async () => {
    const place = memoryStore()
    const opened = await openerOf(kind)
    const id = await create(opened(place))
    const sleeper = sleepyStore(place, {atComplete: true})
    const late = new JobManager({store: opened(sleeper.store)}).work(server.connection, id)
    await sleeper.asleep
    const worked = await new JobManager({store: opened(place)}).work(server.connection, id)
    expect(worked).toMatchObject({end: 'done', sealed: [{object_count: COUNT}]})
    await expectWhole(opened(place))
    sleeper.wake()
    expect(await late).toMatchObject({done: 0, end: 'done'})
    await expectWhole(opened(place))
  }, 60_000)
})
