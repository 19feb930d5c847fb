/** A restore by several threads: everything once, with its references, whatever dies. */
import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest'

import type {RestoreOptions, RestoreResult} from '../../../src/jobs/restore/options.js'
import type {WeaviateObject} from '../../../src/model/object.js'

import {BackupManager, type BackupResult, connect, RestoreManager, type ServerCall} from '../../../src/index.js'
import {receiveObjects, sendObjects} from '../../../src/jobs/restore/sent-objects.js'
import {
  fillCollection,
  restDump,
  startTestServer,
  temporaryDirectory,
  type TestServer,
} from '../../support/collections.js'
import {hastyCheckpoints} from '../../support/hasty-checkpoints.js'
import {bundledWorker, DIES_IN_PASS} from '../../support/worker-bundle.js'

bundledWorker(DIES_IN_PASS)
hastyCheckpoints()
const NAME = 'WorkersRestore'
const TARGET = `${NAME}Copy`
const COUNT = 400
const idOf = (at: number): string => `${(at * 7919).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
const vectorOf = (...numbers: number[]): Uint8Array => {
  const {buffer, byteLength, byteOffset} = Float32Array.from(numbers)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

const objects: WeaviateObject[] = Array.from({length: COUNT}, (_, at) => ({
  id: idOf(at),
  properties: {
    next: [{beacon: `weaviate://localhost/${NAME}/${idOf((at + 1) % COUNT)}`}],
    title: `object ${at}`,
  },
  vector: vectorOf(at, -1, 0.5),
}))

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let backup: BackupResult

beforeAll(async () => {
  server = await startTestServer()
  const plain = {class: NAME, properties: [{dataType: ['text'], name: 'title'}], vectorizer: 'none'}
  await server.connection.deleteCollection(NAME)
  await server.connection.createCollection(plain)
  const properties = [...plain.properties, {dataType: [NAME], name: 'next'}]
  await server.connection.updateCollection({class: NAME, properties})
  const schema = (await server.connection.getCollection(NAME))!
  const {planCollection} = await import('../../../src/weaviate/collection-plan.js')
  const collection = planCollection(schema)
  await server.connection.writeObjects({collection, objects})
  await server.connection.writeReferences({collection, objects})
})

beforeEach(async () => {
  directory = await temporaryDirectory()
  backup = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME, {
    format: 'parquet',
  })
})

afterEach(async () => {
  await server.connection.deleteCollection(TARGET)
  await directory.remove()
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

const restore = async (options: RestoreOptions): Promise<RestoreResult> =>
  new RestoreManager(server.connection, {directory: directory.path}).restoreCollection(backup.id, {
    batchSize: 10,
    name: TARGET,
    ...options,
  })

/** As the server shows it, with the references of the copy to itself. */
async function expectCopy(): Promise<void> {
  const found = await restDump(server.url, TARGET)
  expect(found.size).toBe(COUNT)
  for (const object of found.values()) {
    const {properties} = object as {properties: {next: unknown[]}}
    expect(properties.next).toHaveLength(1)
  }
}

it('writes what one writes', async () => {
  const restored = await restore({verify: true, workers: 3})
  expect(restored).toMatchObject({references: COUNT, rejected: 0, restored: COUNT, warnings: []})
  expect(restored.verification?.equal).toBe(true)
  await expectCopy()
})

it('asks a server about itself once, and not in each thread', async () => {
  const calls: ServerCall[] = []
  const onCall = (call: ServerCall): void => {
    calls.push(call)
  }

  const connection = await connect({grpcUrl: server.grpcUrl, onCall, url: server.url})
  try {
    await new RestoreManager(connection, {directory: directory.path}).restoreCollection(backup.id, {
      batchSize: 10,
      name: TARGET,
      workers: 3,
    })
  } finally {
    await connection.close()
  }

  // Whether it is ready, and what it is.
  expect(calls.filter(({action, transport}) => transport === 'rest' && action.startsWith('connect'))).toHaveLength(2)
  await expectCopy()
})

it.each(['restore', 'references'] as const)('is interrupted in the pass of the %s, and continued', async (stage) => {
  const controller = new AbortController()
  const interrupted = await restore({
    onProgress(event) {
      if (event.stage === stage && event.completed >= COUNT / 3) controller.abort()
    },
    signal: controller.signal,
    workers: 3,
  }).catch((error: unknown) => error)
  expect(interrupted).toMatchObject({code: 'INTERRUPTED', details: {resumable: true}})
  const restored = await restore({workers: 2})
  expect(restored.resumed).toBeGreaterThanOrEqual(COUNT / 3)
  expect(restored.resumed + restored.restored).toBe(COUNT)
  await expectCopy()
})

it.each(['objects', 'references'])('names a worker that dies in the pass of the %s, and is continued', async (pass) => {
  process.env.TEST_DIES_IN = pass
  const died = await restore({workers: 2}).catch((error: unknown) => error)
  delete process.env.TEST_DIES_IN
  expect(died).toMatchObject({code: 'UNEXPECTED', details: {resumable: true}})
  expect((died as Error).message).toMatch(/^Worker 2 of the restore ended unexpectedly: planted\. /)
  const restored = await restore({workers: 2})
  expect(restored.resumed + restored.restored).toBe(COUNT)
  await expectCopy()
})

it('objects that the server refuses have one line each', async () => {
  const dims = {...objects[0]!, id: idOf(COUNT + 1), vector: vectorOf(1, 2)}
  await fillCollection(
    server.connection,
    {class: TARGET, properties: [{dataType: ['text'], name: 'title'}], vectorizer: 'none'},
    [{id: dims.id, properties: {}, vector: dims.vector}],
  )
  const restored = await restore({merge: true, missingTarget: 'drop', workers: 3}).catch((error: unknown) => error)
  // The property is not there: what does not fit is said before anything is sent.
  expect(restored).toMatchObject({code: 'SCHEMA_MISMATCH'})
  await server.connection.updateCollection({class: TARGET, properties: [{dataType: [TARGET], name: 'next'}]})
  const refused = await restore({merge: true, workers: 3})
  expect(refused).toMatchObject({rejected: COUNT, restored: 0})
  const lines = (await readFile(path.resolve(refused.rejectedFile!), 'utf8')).trim().split('\n')
  const ids = lines.map((line) => (JSON.parse(line) as {object: {id: string}}).object.id)
  expect([...ids].sort()).toEqual(objects.map(({id}) => id).sort())
})

it('hands objects over as they are', () => {
  const bytes = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7, 8]).subarray(1)
  const given: WeaviateObject[] = [
    {id: idOf(1), properties: {list: [1, -0, null]}, tenant: 't'},
    {
      creationTimeUnix: 1,
      id: idOf(2),
      properties: {},
      vector: bytes,
      vectors: new Map([
        ['many', {bytes, dims: 2, kind: 'multi' as const}],
        ['one', {bytes: bytes.subarray(4), kind: 'single' as const}],
      ]),
    },
  ]
  expect(receiveObjects(structuredClone(sendObjects(given)))).toEqual(given)
})
