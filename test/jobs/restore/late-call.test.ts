/** A call of a killed run may go on in the server: what it appends must not come after what the next run writes again. */
import {mkdir} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, afterEach, beforeAll, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'

import {BackupManager, type Connection, RestoreManager, type RestoreOptions, Verifier} from '../../../src/index.js'
import {GRACE, SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {overlay} from '../../../src/model/overlay.js'
import {makeReferences} from '../../fault/samples.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const COLLECTION = 'LateCall'
const COPY = 'LateCallCopy'
/** Milliseconds that the server takes for the call that outlives its run. */
const LATE_MS = 250
const USUAL = {every: SAVE_EVERY.ms, grace: GRACE.ms}

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let backup: string

beforeAll(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  await makeReferences(server.connection, COLLECTION, {objects: 60, references: 4})
  backup = (await new BackupManager(server.connection, {directory: directory.path}).backupCollection(COLLECTION)).path
})

afterEach(() => {
  GRACE.ms = USUAL.grace
  SAVE_EVERY.ms = USUAL.every
})

afterAll(async () => {
  for (const name of [COLLECTION, COPY]) await server.connection.deleteCollection(name)
  await server.close()
  await directory.remove()
})

/** Whether the copy is equal after a run that died while the server was at its references, or at its objects, and one right after it. */
async function isEqualAfter(
  graceMs: number,
  call: 'writeObjects' | 'writeReferences',
  next: RestoreOptions = {},
): Promise<boolean> {
  GRACE.ms = graceMs
  await server.connection.deleteCollection(COPY)
  const checkpointDirectory = path.join(directory.path, `${call}-${graceMs}-${next.restart === true}`)
  await mkdir(checkpointDirectory)
  const late: Array<Promise<unknown>> = []
  const over = Promise.withResolvers<void>()
  const dies = (write: () => Promise<unknown>): never => {
    // Whoever does not wait is overtaken, however long it takes itself.
    const until = graceMs > 0 ? sleep(LATE_MS) : over.promise
    late.push(until.then(write))
    throw new Error('killed')
  }

  const dying: Connection = {
    ...server.connection,
    async writeObjects(request) {
      // One alone is the proof that the target is the right one.
      if (call === 'writeReferences' || request.objects.length === 1) return server.connection.writeObjects(request)
      return dies(async () => server.connection.writeObjects(request))
    },
    async writeReferences(request) {
      return dies(async () => server.connection.writeReferences(request))
    },
  }
  const options = {checkpointDirectory, concurrency: 1, name: COPY}
  await expect(new RestoreManager(dying).restoreCollection(backup, options)).rejects.toThrow('killed')
  await new RestoreManager(server.connection).restoreCollection(backup, {...options, ...next})
  over.resolve()
  await Promise.all(late)
  expect(late.length).toBeGreaterThan(0)
  return (await new Verifier({connection: server.connection}).verifyCollection(COPY, backup)).equal
}

it('doubles no reference, as the next run waits for it', async () => {
  expect(await isEqualAfter(4 * LATE_MS, 'writeReferences')).toBe(true)
})

it('would double them otherwise', async () => {
  expect(await isEqualAfter(0, 'writeReferences')).toBe(false)
})

it('clears no reference, as the next run waits for the objects', async () => {
  expect(await isEqualAfter(4 * LATE_MS, 'writeObjects')).toBe(true)
})

it('would clear them otherwise', async () => {
  expect(await isEqualAfter(0, 'writeObjects')).toBe(false)
})

it.each(['writeObjects', 'writeReferences'] as const)(
  'does no harm to what is begun anew either (%s)',
  async (call) => {
    const anew = {merge: true, restart: true}
    expect(await isEqualAfter(4 * LATE_MS, call, anew)).toBe(true)
    expect(await isEqualAfter(0, call, anew)).toBe(false)
  },
)

it('is at most as old as the checkpoint says, also where that takes long to save', async () => {
  SAVE_EVERY.ms = 20
  const saves: number[] = []
  const sent: number[] = []
  const store = memoryStore()
  const slow = overlay(store, {
    async put(...[key, ...given]: Parameters<Store['put']>) {
      if (key.endsWith('.checkpoint')) {
        await sleep(30)
        saves.push(performance.now())
      }

      return store.put(key, ...given)
    },
  })
  const connection: Connection = {
    ...server.connection,
    async writeReferences(request) {
      await sleep(20)
      sent.push(performance.now())
      return server.connection.writeReferences(request)
    },
  }
  const {path: sealed} = await new BackupManager(server.connection, {store}).backupCollection(COLLECTION)
  await server.connection.deleteCollection(COPY)
  await new RestoreManager(connection, {store: slow}).restoreCollection(sealed, {
    batchSize: 3,
    concurrency: 1,
    name: COPY,
  })
  expect(sent.length).toBeGreaterThan(10)
  // What `calm` counts from.
  expect(saves.filter((at) => at > sent[0]! && at < sent.at(-1)!).length).toBeGreaterThan(5)
})
