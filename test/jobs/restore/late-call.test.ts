/** A call of a killed run may go on in the server: what it appends must not come after what the next run writes again. */
import {mkdir} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, afterEach, beforeAll, expect, it} from 'vitest'

import {BackupManager, type Connection, RestoreManager, Verifier} from '../../../src/index.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {makeReferences} from '../../fault/samples.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const COLLECTION = 'LateCall'
const COPY = 'LateCallCopy'
/** Milliseconds that the server takes for references. */
const LATE_MS = 250
const USUAL_GRACE = GRACE.ms

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
  GRACE.ms = USUAL_GRACE
})

afterAll(async () => {
  for (const name of [COLLECTION, COPY]) await server.connection.deleteCollection(name)
  await server.close()
  await directory.remove()
})

/** Whether the copy is equal after a run that died while the server was at its references, and one right after it. */
async function isEqualAfter(graceMs: number): Promise<boolean> {
  GRACE.ms = graceMs
  await server.connection.deleteCollection(COPY)
  const checkpointDirectory = path.join(directory.path, `grace-${graceMs}`)
  await mkdir(checkpointDirectory)
  const late: Array<Promise<unknown>> = []
  const over = Promise.withResolvers<void>()
  const dying: Connection = {
    ...server.connection,
    async writeReferences(request) {
      // Whoever does not wait is overtaken, however long it takes itself.
      const until = graceMs > 0 ? sleep(LATE_MS) : over.promise
      late.push(until.then(async () => server.connection.writeReferences(request)))
      throw new Error('killed')
    },
  }
  const options = {checkpointDirectory, concurrency: 1, name: COPY}
  await expect(new RestoreManager(dying).restoreCollection(backup, options)).rejects.toThrow('killed')
  await new RestoreManager(server.connection).restoreCollection(backup, options)
  over.resolve()
  await Promise.all(late)
  expect(late.length).toBeGreaterThan(0)
  return (await new Verifier({connection: server.connection}).verifyCollection(COPY, backup)).equal
}

it('doubles no reference, as the next run waits for it', async () => {
  expect(await isEqualAfter(4 * LATE_MS)).toBe(true)
})

it('would double them otherwise', async () => {
  expect(await isEqualAfter(0)).toBe(false)
})
