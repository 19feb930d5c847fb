import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupManager, ClearManager, RestoreManager, Verifier} from '../../src/index.js'
import {ClassConnection} from '../support/class-connection.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../support/collections.js'

const NAME = 'ClassConnection'
const COPY = 'ClassConnectionCopy'

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: TestServer

beforeAll(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  await makeCollection(server.connection, NAME, 250, 4)
  await server.connection.deleteCollection(COPY)
})

afterAll(async () => {
  for (const name of [NAME, COPY]) await server.connection.deleteCollection(name)
  await server.close()
  await directory.remove()
})

it('a class that implements Connection works in every manager', async () => {
  const connection = new ClassConnection(server.connection)
  const folder = {directory: directory.path}
  const backup = await new BackupManager(connection, folder).backupCollection(NAME)
  expect(backup.objectCount).toBe(250)
  const restored = await new RestoreManager(connection, folder).restoreCollection(backup.id, {name: COPY, verify: true})
  expect(restored).toMatchObject({restored: 250, verification: {counts: {live: 250}, equal: true}})
  const comparison = await new Verifier({connection, ...folder}).verifyCollection(COPY, backup.id)
  expect(comparison).toMatchObject({counts: {live: 250}, equal: true, liveDigest: backup.digest})
  const cleared = await new ClearManager(connection, folder).clearCollection(COPY, {backupFirst: true})
  expect(cleared).toMatchObject({backup: {objectCount: 250}, deleted: 250, remaining: 0})
  expect(await server.connection.count(COPY)).toBe(0)
  for (const name of ['count', 'createCollection', 'deleteObjects', 'readPage', 'writeObjects'])
    expect(connection.calls.get(name), name).toBeGreaterThan(0)
})
