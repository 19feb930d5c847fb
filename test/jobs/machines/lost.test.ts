/** A restore by several machines of which something is lost, or is not what it was, while it goes on. */
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi} from 'vitest'

import type {Store} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {BackupManager, connect, DataOpsError, RestoreManager} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {openStore} from '../../../src/store/open.js'
import {readAll} from '../../../src/store/read-all.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const PLAIN = 'MachinesLost'
const COPY = 'MachinesLostCopy'
const USUAL = GRACE.ms

let server: TestServer
let objects: NonNullable<Parameters<typeof memoryStore>[0]>
let store: Store
let connection: Connection

beforeAll(async () => {
  server = await startTestServer()
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  await makeCollection(server.connection, PLAIN, 3000, 4)
  GRACE.ms = 200
}, 60_000)

afterAll(async () => {
  GRACE.ms = USUAL
  for (const name of [PLAIN, COPY]) await server.connection.deleteCollection(name)
  await connection.close()
  await server.close()
})

beforeEach(async () => {
  objects = new Map()
  store = memoryStore(objects)
  await server.connection.deleteCollection(COPY)
})

async function backup(name = PLAIN): Promise<string> {
  return (await new BackupManager(server.connection, {store}).backupCollection(name, {format: 'parquet'})).id
}

async function textOf(key: string): Promise<string> {
  return Buffer.from(await readAll(store, key)).toString()
}

/** Somebody makes the target anew after so many writes, with more in it than is to be restored. */
function madeAnewAfter(writes: number): {calls: () => number; meddled: Connection} {
  let calls = 0
  const meddled: Connection = {
    ...connection,
    async writeObjects(request) {
      const failures = await connection.writeObjects(request)
      if (++calls === writes) {
        await server.connection.deleteCollection(COPY)
        await makeCollection(server.connection, COPY, 5000, 4)
      }

      return failures
    },
  }
  return {calls: () => calls, meddled}
}

describe('a restore by several machines', () => {
  it('is not said to be done while what it came to is not there', async () => {
    const id = await backup()
    const manager = new JobManager({store})
    const {id: job, items} = await manager.createRestore(connection, [id], {items: 3, name: COPY})
    expect(await manager.work(connection, job)).toMatchObject({end: 'done', restored: [{restored: 3000}]})
    expect(objects.delete(`.jobs/${job}/items/00000/0000${items - 1}`)).toBe(true)
    const lost = {code: 'STORAGE', details: {item: items - 1}}
    await expect(manager.show(job)).rejects.toMatchObject(lost)
    await expect(manager.work(connection, job)).rejects.toMatchObject(lost)
  })

  it('does not end in a collection that was made anew meanwhile, whatever it holds', async () => {
    const id = await backup()
    const on = server.connection
    await makeCollection(on, COPY, 10, 4)
    const manager = new JobManager({store})
    const {id: job} = await manager.createRestore(connection, [id], {items: 3, merge: true, name: COPY})
    const result = await manager.work(madeAnewAfter(4).meddled, job, {concurrency: 1, hint: 0})
    expect(result).toMatchObject({end: 'stuck', restored: []})
    expect(result.aside.map(({failures, task}) => [task, failures.map(({code}) => code)])).toEqual(
      [1, 2].map(() => ['objects', ['CHECKPOINT', 'CHECKPOINT', 'CHECKPOINT']]),
    )
    expect(await on.count(COPY)).toBe(5000)
  })

  it('ends once: what began after its end was given free, and before that was noted, is left alone', async () => {
    const id = await backup()
    const {id: job, items} = await new JobManager({store}).createRestore(connection, [id], {
      items: 3,
      leaseMs: 1000,
      name: COPY,
    })
    let isGone = false
    const dying: Store = {
      ...store,
      async put(key, bytes, condition) {
        isGone ||= key.endsWith(`/0000${items - 1}`) && Buffer.from(bytes).includes('"state":"done"')
        if (isGone) throw new DataOpsError('STORAGE', 'Nothing arrives.')
        return store.put(key, bytes, condition)
      },
    }
    await expect(new JobManager({store: dying}).work(connection, job)).rejects.toMatchObject({code: 'STORAGE'})
    let calls = 0
    const failing: Connection = {
      ...connection,
      async writeObjects(request) {
        if (++calls > 3) throw new DataOpsError('SERVER_REFUSED', 'No.')
        return connection.writeObjects(request)
      },
    }
    const other = new RestoreManager(failing, {store}).restoreCollection(id, {
      batchSize: 500,
      concurrency: 1,
      merge: true,
      name: COPY,
    })
    await expect(other).rejects.toMatchObject({code: 'SERVER_REFUSED'})
    const checkpoints = [...objects].filter(([key]) => key.endsWith('.checkpoint')).map(([, {tag}]) => tag)
    expect(checkpoints).toHaveLength(1)
    expect(await new JobManager({store}).work(connection, job)).toMatchObject({
      done: 1,
      end: 'done',
      restored: [{collection: COPY, rejected: 0, restored: 3000}],
    })
    expect([...objects].filter(([key]) => key.endsWith('.checkpoint')).map(([, {tag}]) => tag)).toEqual(checkpoints)
  })

  it('ends a worker, or a cancellation, at another server, and nothing of the job', async () => {
    const id = await backup()
    const options = {items: 3, leaseMs: 6000, name: COPY}
    const {id: job} = await new JobManager({store}).createRestore(connection, [id], options)
    const other = await startTestServer()
    try {
      const astray = new JobManager({store}).work(other.connection, job)
      await expect(astray).rejects.toMatchObject({code: 'CHECKPOINT', details: {ofWorker: true}})
      expect(await new JobManager({store}).show(job)).toMatchObject({aside: [], end: 'open', workers: []})
      const cancelling = new JobManager({store}).cancel(other.connection, job)
      await expect(cancelling).rejects.toMatchObject({code: 'CHECKPOINT', details: {ofWorker: true}})
    } finally {
      await other.close()
    }

    expect(await new JobManager({store}).cancel(connection, job)).toMatchObject({left: [COPY], wasOpen: true})
    const restored = await new RestoreManager(connection, {store}).restoreCollection(id, {name: COPY})
    expect(restored).toMatchObject({restored: 3000})
  })

  it('by one process does not end in such a collection either', async () => {
    const id = await backup()
    const on = server.connection
    await makeCollection(on, COPY, 10, 4)
    const {calls, meddled} = madeAnewAfter(3)
    const restoring = new RestoreManager(meddled, {store}).restoreCollection(id, {
      batchSize: 500,
      concurrency: 1,
      merge: true,
      name: COPY,
    })
    await expect(restoring).rejects.toMatchObject({code: 'CHECKPOINT'})
    expect(calls()).toBeGreaterThan(3)
  })

  it('takes a backup that is named by a path, whatever the place is called', async () => {
    const directory = await temporaryDirectory()
    try {
      const there = openStore(directory.path)
      const {path: file} = await new BackupManager(server.connection, {store: there}).backupCollection(PLAIN, {
        format: 'parquet',
      })
      const relative = new JobManager({store: openStore(path.relative(process.cwd(), directory.path))})
      const {id: job} = await relative.createRestore(connection, [path.resolve(file)], {items: 2, name: COPY})
      expect(await new JobManager({store: there}).work(connection, job)).toMatchObject({restored: [{restored: 3000}]})
      await server.connection.deleteCollection(COPY)
      const elsewhere = new JobManager({store}).createRestore(connection, [path.resolve(file)], {name: COPY})
      await expect(elsewhere).rejects.toMatchObject({code: 'INVALID_INPUT'})
    } finally {
      await directory.remove()
    }
  })
})

describe('creating a restore by several machines', () => {
  const OTHER = `${COPY}Other`
  const create = async (name: string, id: string, on = connection): Promise<unknown> =>
    new JobManager({store}).createRestore(on, [id], {id: 'nightly', items: 3, name})

  afterEach(async () => {
    await server.connection.deleteCollection(OTHER)
  })

  it('leaves nothing reserved by a job that is another one of that name', async () => {
    const id = await backup()
    // Both find the name free: the one that comes second has reserved what it will never restore into.
    const both = await Promise.allSettled([COPY, OTHER].map(async (name) => create(name, id)))
    expect(both.map(({status}) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const [first] = (await new JobManager({store}).show('nightly')).collections
    const second = first === COPY ? OTHER : COPY
    expect(await new RestoreManager(connection, {store}).restoreCollection(id, {name: second})).toMatchObject({
      restored: 3000,
    })
    await expect(new RestoreManager(connection, {store}).restoreCollection(id, {name: first})).rejects.toMatchObject({
      details: {isHeld: true, job: 'nightly'},
    })
    expect(await new JobManager({store}).work(connection, 'nightly')).toMatchObject({end: 'done'})
  })

  it('that fails leaves nothing reserved, whatever job gets its name', async () => {
    const id = await backup()
    const writing = vi.spyOn(store, 'put').mockImplementation(async (key, ...rest) => {
      if (key.endsWith('/plan.json')) throw new DataOpsError('STORAGE', 'No room.')
      return memoryStore(objects).put(key, ...rest)
    })
    await expect(create(OTHER, id)).rejects.toThrow('No room.')
    writing.mockRestore()
    await create(COPY, id)
    expect(await new RestoreManager(connection, {store}).restoreCollection(id, {name: OTHER})).toMatchObject({
      restored: 3000,
    })
  })

  it('that stood still while another one took the target plans nothing', async () => {
    const id = await backup()
    const slow: Store = {
      ...store,
      async put(key, ...rest) {
        const tag = await store.put(key, ...rest)
        // Reserved: its leases have expired, and are another process's, before the plan is there.
        if (key.endsWith('.job.json')) for (const [each] of objects) if (/\.lock\.\d+$/.test(each)) objects.delete(each)
        return tag
      },
    }
    await expect(
      new JobManager({store: slow}).createRestore(connection, [id], {items: 3, name: COPY}),
    ).rejects.toMatchObject({code: 'STORAGE', details: {leaseLost: true}})
    expect(await new JobManager({store}).list()).toEqual([])
  })
})

it.each([
  ['has no items', (): never[] => []],
  ['lacks its last', (items: unknown[]): unknown[] => items.slice(0, -1)],
])('a plan that %s is damaged, and not done', async (_, cut) => {
  const manager = new JobManager({store})
  const {id} = await manager.createBackup(connection, [PLAIN], {items: 3})
  const key = `.jobs/${id}/plan.json`
  const plan = JSON.parse(await textOf(key)) as {items: unknown[]}
  await store.put(key, Buffer.from(JSON.stringify({...plan, items: cut(plan.items)})))
  await expect(manager.show(id)).rejects.toMatchObject({code: 'STORAGE'})
  await expect(manager.work(connection, id)).rejects.toMatchObject({code: 'STORAGE'})
})

it('a backup of several collections of which one cannot be planned leaves nothing of the others', async () => {
  const before = await store.list('')
  await makeCollection(server.connection, COPY, 3)
  const uncounted: Connection = {
    ...connection,
    async count(name, ...rest) {
      if (name === COPY) throw new DataOpsError('CANNOT_CONNECT', 'Away.')
      return connection.count(name, ...rest)
    },
  }
  await expect(new JobManager({store}).createBackup(uncounted, [PLAIN, COPY])).rejects.toThrow('Away.')
  expect(await store.list('')).toEqual(before)
})
