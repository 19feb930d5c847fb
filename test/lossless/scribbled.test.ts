/** Memory that a backup, a restore, a copy or a verification has given back is written over at once: nothing of what they read or write shows it. */
import {afterAll, afterEach, beforeAll, beforeEach, expect, it, vi} from 'vitest'

import {BackupManager, CopyManager, RestoreManager, Verifier} from '../../src/index.js'
import {LocalReader} from '../../src/store/local/reader.js'
import {MessageMemory} from '../../src/weaviate/grpc/message.js'
import {makeCollection, restDump, startTestServer, temporaryDirectory, type TestServer} from '../support/collections.js'
import {FORMATS} from './support.js'

const NAME = 'Scribbled'
const TARGET = `${NAME}Copy`
const OBJECTS = 240
/** A page is more than what is too short to be kept. */
const DIMENSIONS = 768

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: TestServer
let before: string
/** Bytes. */
const given = {back: 0}

beforeAll(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  await makeCollection(server.connection, NAME, OBJECTS, DIMENSIONS)
  before = await shown(NAME)
})

/** As REST shows all of it, whatever the collection is called. */
async function shown(name: string): Promise<string> {
  return JSON.stringify([...(await restDump(server.url, name))]).replaceAll(`"class":"${name}"`, '"class":""')
}

afterAll(async () => {
  for (const name of [NAME, TARGET]) await server.connection.deleteCollection(name)
  await server.close()
  await directory.remove()
})

beforeEach(async () => {
  given.back = 0
  await server.connection.deleteCollection(TARGET)
  for (const pool of [LocalReader.prototype, MessageMemory.prototype]) {
    const {giveBack} = pool
    vi.spyOn(pool, 'giveBack').mockImplementation(function (this: LocalReader & MessageMemory, bytes: Uint8Array) {
      given.back += bytes.length
      bytes.fill(0xaa)
      giveBack.call(this, bytes)
    })
  }
})

afterEach(() => {
  vi.restoreAllMocks()
})

it.each(FORMATS)('backup and restore, $title', async ({compress, format}) => {
  const place = {directory: directory.path}
  const small = {batchSize: 40, concurrency: 3, workers: 1}
  const backup = await new BackupManager(server.connection, place).backupCollection(NAME, {...small, compress, format})
  expect(given.back).toBeGreaterThan(OBJECTS * DIMENSIONS * 4)
  const verified = await new Verifier({...place, connection: server.connection}).verifyCollection(NAME, backup.path)
  expect(verified).toMatchObject({equal: true})
  const restored = await new RestoreManager(server.connection, place).restoreCollection(backup.path, {
    ...small,
    name: TARGET,
    verify: true,
  })
  expect(restored).toMatchObject({restored: OBJECTS, verification: {equal: true}})
  expect((await shown(TARGET)) === before).toBe(true)
})

it('a copy', async () => {
  const copies = new CopyManager(server.connection, server.connection, {directory: directory.path})
  const copied = await copies.copyCollection(NAME, {batchSize: 40, concurrency: 3, name: TARGET, verify: true})
  expect(copied).toMatchObject({restored: OBJECTS, verification: {equal: true}})
  expect(given.back).toBeGreaterThan(0)
  expect((await shown(TARGET)) === before).toBe(true)
})
