/** A machine without memory left is no damaged backup: whatever is read or decoded when it happens, it is said, and the exit code is another. */
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, describe, expect, it, vi} from 'vitest'

import type {Store, StoreReader} from '../../src/store/store.js'

import {openArchive} from '../../src/catalog/locate.js'
import {asDataOpsError} from '../../src/cli/failure.js'
import {asDamaged as notUnderstood} from '../../src/codec/columns/columns.js'
import {damaged as notGzip} from '../../src/codec/gzip.js'
import {BackupManager, DataOpsError, Verifier} from '../../src/index.js'
import {receiveError, sendError} from '../../src/jobs/workers/sent-error.js'
import {outOfMemory} from '../../src/model/errors.js'
import {overlay} from '../../src/model/overlay.js'
import {nodePlatform} from '../../src/platform/node.js'
import {damaged} from '../../src/store/damaged.js'
import {openStore} from '../../src/store/open.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'

const NAME = 'OutOfMemory'
const ALLOCATION = new RangeError('Array buffer allocation failed')
const ZLIB = Object.assign(new Error('not enough memory'), {code: 'Z_MEM_ERROR', errno: -4})

let parent: string
let server: TestServer
const ids = new Map<string, string>()
const FORMATS = [
  {compress: false, format: 'json'},
  {compress: true, format: 'json'},
  {compress: false, format: 'parquet'},
  {compress: true, format: 'parquet'},
  {compress: false, format: 'arrow'},
] as const

beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'data-ops-memory-'))
  server = await startTestServer()
  await makeCollection(server.connection, NAME, 30, 8)
  const manager = new BackupManager(server.connection, {directory: parent})
  for (const options of FORMATS) ids.set(JSON.stringify(options), (await manager.backupCollection(NAME, options)).id)
})

afterEach(() => {
  vi.restoreAllMocks()
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
  await rm(parent, {recursive: true})
})

/** The memory is used up at the n-th time that bytes are asked for, and once that is over there is some. */
function storeWithout(at: number): {calls: () => number; store: Store} {
  let calls = 0
  const take = (): void => {
    if (++calls === at) throw new RangeError(ALLOCATION.message)
  }

  const store = openStore(parent)
  return {
    calls: () => calls,
    store: overlay(store, {
      async openRead(key: string): Promise<StoreReader> {
        const reader = await store.openRead(key)
        return overlay(reader, {
          async read(start: number, end: number) {
            take()
            return reader.read(start, end)
          },
          async *stream(...given: Parameters<StoreReader['stream']>) {
            take()
            yield* reader.stream(...given)
          },
        })
      },
    }),
  }
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => undefined).catch((error: unknown) => error)
}

const isSaid = (error: unknown) => {
  expect(asDataOpsError(error)).toMatchObject({
    code: 'STORAGE',
    details: {reason: 'memory'},
    exitCode: 1,
    hint: expect.stringContaining('memory') as string,
    message: expect.stringMatching(/^There is not enough memory/) as string,
  })
}

async function readAll(store: Store, id: string): Promise<number> {
  const {archive} = await openArchive(id, store)
  let objects = 0
  for await (const page of archive.pages()) objects += page.objects.length
  return objects
}

describe.each(FORMATS)('of a backup in $format, compressed: $compress', (options) => {
  it('no reading of its bytes ends with damage', async () => {
    const id = ids.get(JSON.stringify(options))!
    const free = storeWithout(Infinity)
    expect((await new Verifier({store: free.store}).verifyBackup(id)).problems).toEqual([])
    for (let at = 1; at <= free.calls(); at++) {
      const verified = await failureOf(new Verifier({store: storeWithout(at).store}).verifyBackup(id))
      expect(verified, `read ${at}`).toBeDefined()
      isSaid(verified)
    }
  })

  it('nor does decoding it', async () => {
    const id = ids.get(JSON.stringify(options))!
    const store = openStore(parent)
    expect(await readAll(store, id)).toBe(30)
    const {parse} = JSON
    let calls = 0
    let at = Infinity
    vi.spyOn(JSON, 'parse').mockImplementation((...given: Parameters<typeof JSON.parse>): unknown => {
      if (++calls === at) throw new RangeError(ALLOCATION.message)
      return parse(...given)
    })
    const {decode} = TextDecoder.prototype
    vi.spyOn(TextDecoder.prototype, 'decode').mockImplementation(function (
      this: InstanceType<typeof TextDecoder>,
      ...given
    ) {
      if (++calls === at) throw new RangeError(ALLOCATION.message)
      return decode.apply(this, given)
    })
    expect(await readAll(store, id)).toBe(30)
    const all = calls
    expect(all).toBeGreaterThan(3)
    for (at = 1; at <= all; at += Math.max(1, Math.floor(all / 40))) {
      calls = 0
      const error = await failureOf(readAll(store, id))
      // What the catalog is read for can be found without it.
      if (error !== undefined) isSaid(error)
    }
  })
})

it('what zlib and decoders say of it is not taken for damage', async () => {
  isSaid(notGzip('it ends early', ZLIB))
  isSaid(notUnderstood(ALLOCATION))
  isSaid(damaged('/backups/x', 'it cannot be decompressed', {cause: notGzip('x', ZLIB)}))
  const source = async function* (): AsyncGenerator<Uint8Array> {
    yield* [] as Uint8Array[]
    throw ZLIB
  }

  isSaid(await failureOf(nodePlatform.gunzip(source())[Symbol.asyncIterator]().next()))
})

it('is known by what the system says, through causes and from thread to thread; counts that make no sense are not it', () => {
  const codes = ['ENOMEM', 'ERR_MEMORY_ALLOCATION_FAILED', 'ERR_WORKER_OUT_OF_MEMORY', 'Z_MEM_ERROR']
  for (const code of codes) isSaid(outOfMemory(Object.assign(new Error('x'), {code})))
  isSaid(outOfMemory(new Error('outer', {cause: new Error('inner', {cause: ALLOCATION})})))
  isSaid(receiveError(sendError(ALLOCATION)))
  isSaid(ALLOCATION)
  for (const message of ['Invalid array length', 'Invalid typed array length: 9', 'values end early'])
    expect(outOfMemory(new RangeError(message))).toBeUndefined()
  expect(outOfMemory(new DataOpsError('BACKUP_DAMAGED', 'x'))).toBeUndefined()
})
