/** A backup that several machines take, each a manager of its own that shares nothing with the others but the place. */
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {CreateBackupJobOptions} from '../../../src/jobs/machines/options.js'
import type {Warning} from '../../../src/model/progress.js'
import type {Store} from '../../../src/store/store.js'
import type {Connection, PageRequest} from '../../../src/weaviate/connection.js'

import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupManager, DataOpsError, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {withEncryption} from '../../../src/store/encryption.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'MachinesPlain'
const COUNT = 6000
let server: TestServer
let digest: string
let store = memoryStore()

beforeAll(async () => {
  server = await startTestServer()
  await makeCollection(server.connection, NAME, COUNT, 4)
  const manager = new BackupManager(server.connection, {store: memoryStore()})
  digest = (await manager.backupCollection(NAME, {format: 'parquet'})).digest
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
})

beforeEach(() => {
  store = memoryStore()
})

async function create(options: CreateBackupJobOptions = {}): Promise<string> {
  const {id, items} = await new JobManager({store}).createBackup(server.connection, [NAME], {items: 6, ...options})
  expect(items).toBe(7)
  return id
}

/** A connection of which pages that `fails` says of are refused. */
function failing(
  connection: Connection,
  fails: (request: PageRequest) => Error | Promise<undefined> | undefined,
): Connection {
  return new Proxy(connection, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name !== 'readPage') return value.bind(target) as unknown
      return async (...parameters: [PageRequest]): Promise<unknown> => {
        const error = await fails(parameters[0])
        if (error) throw error
        return (value as (...given: unknown[]) => unknown).apply(target, parameters)
      }
    },
  })
}

describe('a backup by several machines', () => {
  it.each(['parquet', 'arrow'] as const)('is the backup that one takes, sealed once: %s', async (format) => {
    const id = await create({format})
    const results = await Promise.all(
      [0, 1 / 3, 2 / 3].map(async (hint) => new JobManager({store}).work(server.connection, id, {hint})),
    )
    expect(results.reduce((sum, {done}) => sum + done, 0)).toBe(7)
    for (const result of results) expect(result).toMatchObject({aside: [], end: 'done', workers: []})
    const [sealed] = results[0]!.sealed
    expect(sealed).toMatchObject({collection: NAME, digest, format, object_count: COUNT})
    const found = await new Verifier({connection: server.connection, store}).verifyBackup(sealed!.id)
    expect(found).toMatchObject({digest, problems: []})
    expect((await store.list('')).map(({name}) => name)).toEqual(['.backup_catalog.json', '.jobs', sealed!.file])
    // Whoever comes later finds it done.
    expect(await new JobManager({store}).work(server.connection, id)).toMatchObject({done: 0, end: 'done'})
  })

  it('shows who works on what, and goes on where an interrupted worker gave its item back', async () => {
    const id = await create()
    const abort = new AbortController()
    const manager = new JobManager({store})
    let state: unknown
    const stopped = manager.work(
      failing(server.connection, () => {
        state ??= manager.show(id).then((shown) => {
          abort.abort()
          return shown
        })
        return undefined
      }),
      id,
      {concurrency: 1, hint: 0, signal: abort.signal},
    )
    await expect(stopped).rejects.toMatchObject({code: 'INTERRUPTED'})
    expect(await state).toMatchObject({
      collections: [NAME],
      end: 'open',
      phases: [
        {collection: NAME, done: 0, held: 1, items: 6, task: 'read', weight: COUNT},
        {done: 0, held: 0, items: 1, task: 'seal'},
      ],
      workers: [{attempt: 1, item: 0, pid: process.pid, task: 'read'}],
    })
    expect(await manager.show(id)).toMatchObject({end: 'open', workers: []})
    expect(await manager.work(server.connection, id)).toMatchObject({done: 7, sealed: [{digest}]})
  })

  it.each([NaN, 0, -1, 1.5])('is not worked on with a concurrency of %d, and stays as it was', async (concurrency) => {
    const id = await create()
    await expect(new JobManager({store}).work(server.connection, id, {concurrency})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: `The concurrency must be a whole number above 0, not ${concurrency}.`,
    })
    expect(await new JobManager({store}).show(id)).toMatchObject({aside: [], end: 'open', sealed: [], workers: []})
  })

  it('puts an item aside that failed three times, and says so; nothing is sealed', async () => {
    const id = await create()
    // Of the first range only.
    const refusing = failing(server.connection, ({after}) =>
      after === undefined ? new DataOpsError('SERVER_REFUSED', 'No such page.') : undefined,
    )
    const result = await new JobManager({store}).work(refusing, id, {concurrency: 1, hint: 0})
    expect(result).toMatchObject({done: 5, end: 'stuck', sealed: []})
    const {aside} = result
    expect(aside).toHaveLength(1)
    expect(aside[0]).toMatchObject({collection: NAME, item: 0, task: 'read'})
    expect(aside[0]?.failures.map(({code, message}) => [code, message])).toEqual(
      Array.from({length: 3}, () => ['SERVER_REFUSED', 'No such page.']),
    )
  })

  it('what is wrong with a worker ends that worker, and no item', async () => {
    const id = await create()
    const shutOut = failing(server.connection, () => new DataOpsError('NOT_ALLOWED', 'The key is wrong.'))
    const manager = new JobManager({store})
    await expect(manager.work(shutOut, id)).rejects.toMatchObject({code: 'NOT_ALLOWED'})
    expect(await manager.show(id)).toMatchObject({aside: [], end: 'open', workers: []})
    expect(await manager.work(server.connection, id)).toMatchObject({done: 7})
  })

  it.each([{reason: 'denied'}, {reason: 'full'}, {code: 'ENOSPC'}])(
    'what its place or disk refuses to a worker (%j) ends that worker, and no item',
    async (details) => {
      const id = await create()
      const refusing: Store = {
        ...store,
        async createWriter() {
          throw new DataOpsError('STORAGE', 'Nothing can be written here.', {details})
        },
      }
      const stopped = new JobManager({store: refusing}).work(server.connection, id)
      await expect(stopped).rejects.toMatchObject({code: 'STORAGE', details})
      expect(await new JobManager({store}).show(id)).toMatchObject({aside: [], end: 'open', workers: []})
      expect(await new JobManager({store}).work(server.connection, id)).toMatchObject({done: 7, end: 'done'})
    },
  )

  it('ends a worker at another server, and no item', async () => {
    const id = await create()
    const other = await startTestServer()
    const manager = new JobManager({store})
    try {
      const astray = manager.work(other.connection, id)
      await expect(astray).rejects.toMatchObject({code: 'SERVER_REFUSED', details: {collection: NAME, ofWorker: true}})
    } finally {
      await other.close()
    }

    expect(await manager.show(id)).toMatchObject({aside: [], end: 'open', workers: []})
    expect(await manager.work(server.connection, id)).toMatchObject({done: 7, sealed: [{digest}]})
  })

  it('is cancelled: workers stop, and what was written goes', async () => {
    const id = await create({leaseMs: 600})
    const manager = new JobManager({store})
    let cancelled: unknown
    const slow = failing(server.connection, async () => {
      cancelled ??= manager.cancel(server.connection, id)
      await sleep(500)
      return undefined
    })
    const worked = await manager.work(slow, id, {concurrency: 1})
    expect(worked.end).toBe('cancelled')
    expect(await cancelled).toMatchObject({id, wasOpen: true})
    expect(await manager.show(id)).toMatchObject({end: 'cancelled', sealed: [], workers: []})
    expect((await store.list('')).map(({name}) => name)).toEqual(['.jobs'])
    expect(await manager.cancel(server.connection, id)).toMatchObject({wasOpen: true})
  })

  it('is created once under a name, and two of one moment get names of their own', async () => {
    const id = await create({id: 'nightly'})
    expect(id).toBe('nightly')
    await expect(create({id})).rejects.toMatchObject({code: 'INVALID_INPUT', details: {exists: true}})
    await expect(create({id: '../x'})).rejects.toMatchObject({code: 'INVALID_INPUT'})
    await expect(new JobManager({store}).work(server.connection, 'none')).rejects.toMatchObject({code: 'INVALID_INPUT'})
    const other = await create()
    const manager = new JobManager({store})
    const files = await Promise.all(
      [id, other].map(async (one) => (await manager.work(server.connection, one)).sealed[0]?.file),
    )
    expect(new Set(files).size).toBe(2)
    expect(await manager.list()).toEqual([other, id].sort())
  })

  it('encrypted ones of one moment have folders, and keys, of their own', async () => {
    const place = store
    const {identity, recipient} = await newIdentity()
    const encrypting = withEncryption(place, {encryptTo: [recipient]})
    const warned: string[] = []
    const onWarning = ({code}: Warning): void => {
      warned.push(code)
    }

    const createIn = async (id: string): Promise<unknown> =>
      new JobManager({store: encrypting}).createBackup(server.connection, [NAME], {id, items: 6, onWarning})
    const [first, second, third] = await Promise.allSettled([createIn('a'), createIn('b'), createIn('b')])
    expect(first.status).toBe('fulfilled')
    expect([second.status, third.status].sort()).toEqual(['fulfilled', 'rejected'])
    // What the folder of a job shows without a key.
    expect(warned).toEqual(expect.arrayContaining(['plan-in-clear', 'plan-in-clear']))
    const opening = withEncryption(place, {identities: [identity]})
    const files = new Set<string | undefined>()
    for (const id of ['a', 'b']) {
      const {end, sealed} = await new JobManager({store: encrypting}).work(server.connection, id)
      expect({end, sealed: sealed.length}).toEqual({end: 'done', sealed: 1})
      const found = await new Verifier({connection: server.connection, store: opening}).verifyBackup(sealed[0]!.id)
      expect(found).toMatchObject({digest, problems: []})
      files.add(sealed[0]!.file)
    }

    expect(files.size).toBe(2)
    expect((await place.list('')).filter(({kind}) => kind === 'directory')).toHaveLength(3)
  })

  it('is not sealed while what an item came to is not there', async () => {
    const objects: Parameters<typeof memoryStore>[0] = new Map()
    store = memoryStore(objects)
    const id = await create({leaseMs: 600})
    const isSealing = {value: false}
    const lossy: Store = {
      ...store,
      async openRead(key) {
        if (key.endsWith('/00002') && isSealing.value) objects.delete(key)
        return store.openRead(key)
      },
      async put(key, bytes, condition) {
        isSealing.value ||= key.endsWith('/00006')
        return store.put(key, bytes, condition)
      },
    }
    const worked = await new JobManager({store: lossy}).work(server.connection, id)
    expect(isSealing.value).toBe(true)
    expect(worked).toMatchObject({aside: [{item: 6, task: 'seal'}], end: 'stuck', sealed: []})
  })
})
