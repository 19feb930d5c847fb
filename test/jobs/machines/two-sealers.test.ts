/** Two seal the same encrypted backup: one of them slept through its lease in the middle of that. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'

import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupManager, DataOpsError, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {CLOCK} from '../../../src/store/clock.js'
import {withEncryption} from '../../../src/store/encryption.js'
import {overlay} from '../../../src/store/overlay.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'MachinesTwoSealers'
const COUNT = 300
const LEASE_MS = 600
const USUAL = {...CLOCK}
const FASTER = 10
let server: TestServer
let digest: string

beforeAll(async () => {
  CLOCK.monotonic = () => USUAL.monotonic() * FASTER
  CLOCK.ofDay = () => USUAL.ofDay() * FASTER
  CLOCK.sleep = async (ms, signal) => USUAL.sleep(ms / FASTER, signal)
  server = await startTestServer()
  await makeCollection(server.connection, NAME, COUNT, 4)
  const manager = new BackupManager(server.connection, {store: memoryStore()})
  digest = (await manager.backupCollection(NAME, {format: 'parquet'})).digest
})

afterAll(async () => {
  Object.assign(CLOCK, USUAL)
  await server.connection.deleteCollection(NAME)
  await server.close()
})

/** Puts, from the one with that file on, sleep. Everything else of that process does, too. `dies`: once that put is done. */
function asleepAt(place: Store, file: string, dies = false): {asleep: Promise<void>; store: Store; wake: () => void} {
  const asleep = Promise.withResolvers<void>()
  const awake = Promise.withResolvers<void>()
  let isAsleep = false
  let isDead = false
  const sleepy = async <T>(call: () => Promise<T>): Promise<T> => {
    if (isAsleep) await awake.promise
    if (isDead) throw new DataOpsError('STORAGE', 'It is dead.', {details: {reason: 'unreachable'}})
    return call()
  }

  const store = overlay(place, {
    list: async (folder: string) => sleepy(async () => place.list(folder)),
    openRead: async (key: string) => sleepy(async () => place.openRead(key)),
    async put(...put: Parameters<Store['put']>) {
      if (put[0].startsWith(NAME) && put[0].endsWith(`/${file}`)) {
        isAsleep = true
        asleep.resolve()
      }

      return sleepy(async () => {
        const tag = await place.put(...put)
        isDead ||= dies && put[0].startsWith(NAME) && put[0].endsWith(`/${file}`)
        return tag
      })
    },
    stat: async (...stat: Parameters<Store['stat']>) => sleepy(async () => place.stat(...stat)),
  })
  return {asleep: asleep.promise, store, wake: awake.resolve}
}

it.each([
  ['schema.json.age', undefined],
  ['metadata.json.age', undefined],
  ['metadata.json', undefined],
  ['schema.json.age', 'schema.json.age'],
  ['metadata.json.age', 'schema.json.age'],
  ['metadata.json', 'schema.json.age'],
  ['metadata.json.age', 'metadata.json.age'],
  ['metadata.json', 'metadata.json.age'],
  ['metadata.json.age', 'metadata.json'],
  ['metadata.json', 'metadata.json'],
] as const)(
  'one sleeps at %s, the other at %s while the first goes on',
  async (first, second) => {
    const place = memoryStore()
    const {identity, recipient} = await newIdentity()
    const opened = (below: Store): Store => withEncryption(below, {encryptTo: [recipient], identities: [identity]})
    const {id} = await new JobManager({store: opened(place)}).createBackup(server.connection, [NAME], {
      items: 2,
      leaseMs: LEASE_MS,
    })
    const one = asleepAt(place, first)
    const late = new JobManager({store: opened(one.store)}).work(server.connection, id)
    await one.asleep
    const other = second === undefined ? undefined : asleepAt(place, second)
    const work = new JobManager({store: opened(other?.store ?? place)}).work(server.connection, id)
    await (other ? other.asleep : work)
    one.wake()
    if (other) {
      await USUAL.sleep(50)
      other.wake()
    }

    const ends = await Promise.allSettled([late, work])
    const last = await new JobManager({store: opened(place)}).work(server.connection, id)
    expect(ends.map(({status}) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect(last).toMatchObject({end: 'done', sealed: [{object_count: COUNT}]})
    const folders = (await place.list('')).filter(({name}) => name.startsWith(NAME))
    expect(folders).toHaveLength(1)
    const found = await new Verifier({store: opened(place)}).verifyBackup(folders[0]!.name)
    expect(found).toMatchObject({digest, objectCount: COUNT, problems: []})
  },
  30_000,
)

it.each(['schema.json.age', 'metadata.json.age', 'metadata.json'])(
  'the late one dies right behind its %s, and what the other has sealed is whole',
  async (file) => {
    const place = memoryStore()
    const {identity, recipient} = await newIdentity()
    const opened = (below: Store): Store => withEncryption(below, {encryptTo: [recipient], identities: [identity]})
    const {id} = await new JobManager({store: opened(place)}).createBackup(server.connection, [NAME], {
      items: 2,
      leaseMs: LEASE_MS,
    })
    const one = asleepAt(place, 'metadata.json')
    const first = new JobManager({store: opened(one.store)}).work(server.connection, id)
    await one.asleep
    const other = asleepAt(place, file, true)
    const late = new JobManager({store: opened(other.store)}).work(server.connection, id)
    // Where it has no such file to write, it ends.
    await Promise.race([other.asleep, late])
    one.wake()
    await first
    other.wake()
    await late.catch(() => {})
    const last = await new JobManager({store: opened(place)}).work(server.connection, id)
    expect(last).toMatchObject({end: 'done', sealed: [{object_count: COUNT}]})
    const folder = (await place.list('')).find(({name}) => name.startsWith(NAME))
    const found = await new Verifier({store: opened(place)}).verifyBackup(folder!.name)
    expect(found).toMatchObject({digest, objectCount: COUNT, problems: []})
  },
  30_000,
)
