/** Every byte of a backup is looked at before a restore writes anything, by threads too; and what they have looked at is what is read. */
import {appendFile, cp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupManager, type BackupResult, RestoreManager, type RestoreOptions, Verifier} from '../../../src/index.js'
import {FLUSH_EVERY} from '../../../src/jobs/backup/transfer.js'
import {WORTH} from '../../../src/jobs/workers/thread.js'
import {listenToThreads} from '../../support/asked-threads.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const heard = listenToThreads(['prove', 'hash'])
const NAME = 'CheckedByThreads'
const COUNT = 400
const SETTINGS = {...FLUSH_EVERY}
let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  // A few bytes are worth a thread here.
  WORTH.objects = 0.001
  directory = await temporaryDirectory()
  server = await startTestServer()
})

afterAll(async () => {
  await server.close()
  await directory.remove()
})

describe.each(['plain', 'encrypted'] as const)('%s', (kind) => {
  let backup: BackupResult
  let identities: string[]
  /** Of the parts. */
  let files: string[]

  beforeAll(async () => {
    const {identity, recipient} = await newIdentity()
    identities = kind === 'plain' ? [] : [identity]
    await makeCollection(server.connection, NAME, COUNT, 8)
    Object.assign(FLUSH_EVERY, {bytes: 1})
    try {
      const encryption = kind === 'plain' ? {} : {encryptTo: [recipient]}
      const manager = new BackupManager(server.connection, {directory: path.join(directory.path, kind), ...encryption})
      backup = await manager.backupCollection(NAME, {batchSize: 40, format: 'parquet', workers: 5})
    } finally {
      Object.assign(FLUSH_EVERY, SETTINGS)
    }

    files = (await readdir(backup.path)).filter((file) => file.startsWith('objects')).sort()
    expect(files.length).toBeGreaterThan(4)
  })

  beforeEach(async () => {
    await server.connection.deleteCollection(NAME)
    await heard()
  })

  const restore = async (from: string, options: RestoreOptions) =>
    new RestoreManager(server.connection, {directory: path.dirname(from), identities}).restoreCollection(from, options)

  /** A copy that may be damaged. */
  async function copied(name: string): Promise<string> {
    const copy = path.join(directory.path, `${kind}-${name}`, path.basename(backup.path))
    await cp(backup.path, copy, {recursive: true})
    return copy
  }

  async function flipIn(copy: string, part: number): Promise<void> {
    const file = path.join(copy, files[part]!)
    const bytes = await readFile(file)
    bytes[bytes.length >> 1]! ^= 4
    await writeFile(file, bytes)
  }

  it('each part is looked at once, and all of it restored', async () => {
    expect(await restore(backup.path, {workers: 3})).toMatchObject({restored: COUNT})
    expect(await heard()).toEqual(files.map((_, part) => `prove ${part}`).sort())
    const verifier = new Verifier({connection: server.connection, directory: path.dirname(backup.path), identities})
    expect(await verifier.verifyCollection(NAME, backup.path)).toMatchObject({equal: true})
  })

  it('one thread looks at all of it itself', async () => {
    expect(await restore(backup.path, {workers: 1})).toMatchObject({restored: COUNT})
    expect(await heard()).toEqual([])
  })

  it('damage is found by threads as by one, before anything is made', async () => {
    const copy = await copied('damaged')
    await flipIn(copy, 1)
    await appendFile(path.join(copy, files[3]!), 'x')
    await rm(path.join(copy, files[4]!))
    const complaint = async (workers: number): Promise<unknown> => {
      const failed: unknown = await restore(copy, {workers}).catch((error: unknown) => error)
      const {code, details, message} = failed as {code: string; details: unknown; message: string}
      return {code, details, message}
    }

    const byOne = await complaint(1)
    expect(byOne).toMatchObject({code: 'BACKUP_DAMAGED'})
    expect((byOne as Error).message.split('is damaged').length).toBe(2)
    expect(await complaint(3)).toEqual(byOne)
    expect(await server.connection.listCollections()).toEqual([])
  })

  it('a part that is exchanged once a thread has looked at it is refused', async () => {
    const copy = await copied('exchanged')
    const {connection} = server
    const exchanging = new Proxy(connection, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member)
        if (typeof value !== 'function') return value
        return async (...given: unknown[]): Promise<unknown> => {
          // The first call that changes anything.
          if (member === 'createCollection') await flipIn(copy, 3)
          return (value as (...all: unknown[]) => unknown).apply(target, given)
        }
      },
    })
    const manager = new RestoreManager(exchanging, {directory: path.dirname(copy), identities})
    const restored = manager.restoreCollection(copy, {workers: 3})
    await expect(restored).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining(files[3]!) as string,
    })
    expect((await heard()).length).toBe(files.length)
  })
})
