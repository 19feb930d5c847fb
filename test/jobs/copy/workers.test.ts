/** A copy by several threads: everything once, with its references, also when one of them dies. */
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest'

import {CopyManager, type CopyResult, type CopyRunOptions} from '../../../src/index.js'
import {makeReferences} from '../../fault/samples.js'
import {restDump, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {hastyCheckpoints} from '../../support/hasty-checkpoints.js'
import {bundledWorker, DIES_IN_PASS} from '../../support/worker-bundle.js'

bundledWorker(DIES_IN_PASS)
hastyCheckpoints()
const NAME = 'WorkersCopy'
const TARGET = `${NAME}Target`
const COUNT = 200

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let references: number

beforeAll(async () => {
  server = await startTestServer()
  references = await makeReferences(server.connection, NAME, {dims: 4, objects: COUNT, references: 3})
})

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(async () => {
  await server.connection.deleteCollection(TARGET)
  await directory.remove()
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

const copy = async (options: CopyRunOptions): Promise<CopyResult> =>
  new CopyManager(server.connection, server.connection, {directory: directory.path}).copyCollection(NAME, {
    batchSize: 10,
    name: TARGET,
    ...options,
  })

async function expectCopy(): Promise<void> {
  const text = (dump: Map<string, unknown>): string => JSON.stringify([...dump]).replaceAll(TARGET, () => NAME)
  const [source, target] = [await restDump(server.url, NAME), await restDump(server.url, TARGET)]
  expect(target.size).toBe(COUNT)
  expect(text(target)).toBe(text(source))
}

it('writes what one writes', async () => {
  const copied = await copy({verify: true, workers: 3})
  expect(copied).toMatchObject({complete: true, references, rejected: 0, restored: COUNT, warnings: []})
  expect(copied.verification?.equal).toBe(true)
  await expectCopy()
})

it.each(['objects', 'references'])('names a worker that dies in the pass of the %s, and is continued', async (pass) => {
  process.env.TEST_DIES_IN = pass
  const died = await copy({workers: 2}).catch((error: unknown) => error)
  delete process.env.TEST_DIES_IN
  expect(died).toMatchObject({code: 'UNEXPECTED', details: {resumable: true}})
  expect((died as Error).message).toContain('planted')
  const copied = await copy({verify: true, workers: 2})
  if (pass === 'references') expect(copied.resumed).toBe(COUNT)
  expect(copied.resumed + copied.restored).toBe(COUNT)
  expect(copied.verification?.equal).toBe(true)
  await expectCopy()
})
