/** Objects that the server refuses: each has its line in the file, whenever the restore ends, and however many runs it takes. */
import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'
import type {PutCondition, Store} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {restoreLines} from '../../../src/cli/results.js'
import {BackupManager, RestoreManager} from '../../../src/index.js'
import {SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {fillCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'RejectedTest'
const SAVED_EVERY = SAVE_EVERY.ms
const sample = {className: NAME, dims: 4, objects: 20}

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let backup: {id: string; path: string}

beforeAll(async () => {
  server = await startTestServer()
  SAVE_EVERY.ms = 0
})

afterAll(async () => {
  SAVE_EVERY.ms = SAVED_EVERY
  await server.connection.deleteCollection(NAME)
  await server.close()
})

/** Every object refers to itself. */
beforeEach(async () => {
  directory = await temporaryDirectory()
  const schema = makeClass(sample)
  schema.properties!.push({dataType: [NAME], name: 'self'})
  const objects = makeObjects(sample).map((object) => ({
    ...object,
    properties: {...object.properties, self: [{beacon: `weaviate://localhost/${NAME}/${object.id}`}]},
  }))
  await fillCollection(server.connection, schema, objects)
  backup = await new BackupManager(server.connection, {directory: directory.path}).backupCollection(NAME)
  await server.connection.deleteCollection(NAME)
})

afterEach(async () => directory.remove())

/** A third of them. */
const isRefused = ({id}: Pick<WeaviateObject, 'id'>): boolean => Number.parseInt(id.slice(-2), 16) % 3 === 0
const refusedIds = makeObjects(sample)
  .filter((object) => isRefused(object))
  .map(({id}) => id)
  .sort()

type Refused = 'writeObjects' | 'writeReferences'

/** A server that refuses a third of what one call sends, and after so many calls everything. */
function refusing(call: Refused, calls = Infinity): Connection {
  let count = 0
  return {
    ...server.connection,
    async [call](request: Parameters<Connection[Refused]>[0]) {
      if (++count > calls) throw new DataOpsError('SERVER_REFUSED', 'These were calls enough.')
      const objects = request.objects.filter((object) => !isRefused(object))
      const refused = request.objects.filter((object) => isRefused(object))
      const failures = objects.length > 0 ? await server.connection[call]({...request, objects}) : []
      return [...failures, ...refused.map(({id}) => ({id, reason: 'not today'}))]
    },
  }
}

const idsIn = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as {object: {id: string}}).object.id)
    .sort()

/** A slow disk; what each checkpoint says when it is replaced is held against what the file of refused objects has then. */
function watchedStore(seen: Array<{lines: number; rows: number}>): Store {
  const store = new LocalStore(directory.path)
  return new Proxy(store, {
    get(_, key) {
      if (key === 'put') {
        return async (name: string, bytes: Uint8Array, condition?: PutCondition) => {
          if (name.includes('rejected')) {
            await new Promise((resolve) => {
              setTimeout(resolve, 40)
            })
          }

          if (name.endsWith('.checkpoint')) {
            const saved = JSON.parse(Buffer.from(bytes).toString()) as {rejected: number[][]; rejectedBytes: number}
            const file = path.join(directory.path, (await rejectedNames())[0] ?? 'none')
            const lines = await readFile(file).catch(() => Buffer.alloc(0))
            seen.push({
              lines: idsIn(lines.subarray(0, saved.rejectedBytes).toString()).length,
              rows: saved.rejected.reduce((sum, [from, to]) => sum + to! - from!, 0),
            })
          }

          return store.put(name, bytes, condition)
        }
      }

      const member: unknown = Reflect.get(store, key, store)
      return typeof member === 'function' ? (member.bind(store) as unknown) : member
    },
  })
}

async function rejectedNames(): Promise<string[]> {
  return (await readdir(directory.path)).filter((entry) => entry.endsWith('.rejected.jsonl'))
}

it('says in a dry run how many objects there are to send', async () => {
  const restores = (connection: Connection) => new RestoreManager(connection, {directory: directory.path})
  const dryRun = async (options = {}) => {
    const result = await restores(server.connection).restoreCollection(backup.path, {dryRun: true, ...options})
    expect(result).toMatchObject({dryRun: true, restored: 0})
    return result
  }

  const fresh = await dryRun()
  expect(fresh.expected).toBe(20)
  expect(restoreLines(fresh)[0]).toBe(`Could restore ${NAME}: 20 objects`)
  expect((await dryRun({skipData: true})).expected).toBe(0)
  expect(await server.connection.getCollection(NAME)).toBeUndefined()

  const options = {batchSize: 4, concurrency: 1}
  const interrupted = restores(refusing('writeObjects', 3)).restoreCollection(backup.path, options)
  await expect(interrupted).rejects.toThrow(/calls enough/)
  const rest = await dryRun(options)
  expect(rest).toMatchObject({expected: 12})
  expect(rest.resumed + rest.rejected).toBe(8)
  const {rejected, rejectedFile} = await restores(refusing('writeObjects')).restoreCollection(backup.path, options)
  expect((await dryRun({retryRejected: rejectedFile})).expected).toBe(rejected)
})

it.each([
  ['is not there', undefined, 'NOT_A_BACKUP'],
  ['is empty', '', 'INVALID_INPUT'],
  ['has blank lines only', '\n\n', 'INVALID_INPUT'],
  ['is of something else', '{"id": 1}\n', 'INVALID_INPUT'],
])('a file to send again that %s makes no collection', async (_, text, code) => {
  const file = path.join(directory.path, 'other.rejected.jsonl')
  if (text !== undefined) await writeFile(file, text)
  const before = await readdir(directory.path)
  for (const dryRun of [true, false]) {
    const failure = await new RestoreManager(server.connection, {directory: directory.path})
      .restoreCollection(backup.path, {dryRun, retryRejected: file})
      .catch((error: unknown) => error as DataOpsError)
    expect(failure).toMatchObject({code})
    expect((failure as DataOpsError).message).not.toContain('so far')
    expect(await server.connection.getCollection(NAME)).toBeUndefined()
  }

  expect(await readdir(directory.path)).toEqual(before)
})

describe.each(['writeObjects', 'writeReferences'] as const)('refused by %s', (call) => {
  it('has its line on the disk before a checkpoint tells of it, and once', async () => {
    const seen: Array<{lines: number; rows: number}> = []
    const options = {batchSize: 2, concurrency: 4}
    const run = async (connection: Connection) =>
      new RestoreManager(connection, {store: watchedStore(seen)}).restoreCollection(backup.id, options)
    await expect(run(refusing(call, 6))).rejects.toThrow(/calls enough/)
    const result = await run(refusing(call))
    expect(seen.some(({rows}) => rows > 0)).toBe(true)
    expect(seen.filter(({lines, rows}) => lines !== rows)).toEqual([])
    expect(result).toMatchObject({rejected: refusedIds.length})
    expect(idsIn(await readFile(result.rejectedFile!, 'utf8'))).toEqual(refusedIds)
  })

  it('is told with its file by a later run that has nothing refused', async () => {
    const options = {batchSize: 4, concurrency: 1}
    const run = async (connection: Connection) =>
      new RestoreManager(connection, {directory: directory.path}).restoreCollection(backup.path, options)
    await expect(run(refusing(call, 3))).rejects.toThrow(/calls enough/)
    const result = await run(server.connection)
    expect(result.rejected).toBeGreaterThan(0)
    expect(idsIn(await readFile(result.rejectedFile!, 'utf8'))).toHaveLength(result.rejected)
  })
})
