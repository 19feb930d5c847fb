/** A restore that several machines do, each a manager of its own that shares nothing with the others but the place. */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {CreateRestoreJobOptions} from '../../../src/jobs/machines/options.js'
import type {WriteFailure} from '../../../src/model/object.js'
import type {Store} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {newIdentity} from '../../../src/codec/age/header.js'
import {BackupManager, connect, DataOpsError, RestoreManager, Verifier} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {LONGEST_CALL} from '../../../src/jobs/restore/item-safety.js'
import {readRejected} from '../../../src/jobs/restore/rejected.js'
import {withEncryption} from '../../../src/store/encryption.js'
import {makeReferences, makeTenants, statesOf} from '../../fault/samples.js'
import {startTestServer, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'MachinesRestored'
const TENANTS = 'MachinesTenants'
const COPY = 'MachinesCopy'
const COUNT = 2000
/** As long as a call of the tests takes at most, so that who takes an item over waits no longer. */
const TIMEOUT_MS = 1500
const USUAL = {call: LONGEST_CALL.ms, grace: GRACE.ms}

let server: TestServer
let references: number
let objects: Parameters<typeof memoryStore>[0]
let store: Store
let connection: Connection

beforeAll(async () => {
  server = await startTestServer()
  connection = await connect({grpcUrl: server.grpcUrl, timeoutMs: TIMEOUT_MS, url: server.url})
  references = await makeReferences(server.connection, NAME, {dims: 4, objects: COUNT, references: 3})
  await makeTenants(server.connection, TENANTS, {objects: 3000, tenants: 30})
  GRACE.ms = 200
  LONGEST_CALL.ms = TIMEOUT_MS
}, 60_000)

afterAll(async () => {
  GRACE.ms = USUAL.grace
  LONGEST_CALL.ms = USUAL.call
  for (const name of [NAME, TENANTS, COPY]) await server.connection.deleteCollection(name)
  await connection.close()
  await server.close()
})

beforeEach(async () => {
  objects = new Map()
  store = memoryStore(objects)
  await server.connection.deleteCollection(COPY)
})

async function backup(name = NAME, format: 'json' | 'parquet' = 'parquet', place = store): Promise<string> {
  return (await new BackupManager(server.connection, {store: place}).backupCollection(name, {format})).id
}

async function create(id: string, options: CreateRestoreJobOptions = {}): Promise<string> {
  const job = await new JobManager({store}).createRestore(connection, [id], {
    items: 4,
    leaseMs: 6000,
    name: COPY,
    ...options,
  })
  return job.id
}

async function isEqual(id: string, of = COPY): Promise<boolean> {
  return (await new Verifier({connection: server.connection, store}).verifyCollection(of, id)).equal
}

type Write = Connection['writeObjects']

/** A connection whose writes go another way. */
function writing(
  on: Connection,
  own: {objects?: (write: Write) => Write; references?: (write: Write) => Write},
): Connection {
  return {
    ...on,
    ...(own.objects && {writeObjects: own.objects(async (request) => on.writeObjects(request))}),
    ...(own.references && {writeReferences: own.references(async (request) => on.writeReferences(request))}),
  }
}

/** Refuses objects by their ids, and sends the others. */
function refusing(reason: string, isRefused: (id: string) => boolean): (write: Write) => Write {
  return (write) => async (request) => {
    const sent = request.objects.filter(({id}) => !isRefused(id))
    const refused = request.objects.filter(({id}) => isRefused(id))
    const failures: WriteFailure[] = sent.length > 0 ? await write({...request, objects: sent}) : []
    return [...failures, ...refused.map(({id, tenant}) => ({id, reason, tenant}))]
  }
}

const leftInPlace = async (): Promise<string[]> =>
  (await store.list('')).map(({name}) => name).filter((name) => /checkpoint|\.restore-|\.tenants-/.test(name))

describe('a restore by several machines', () => {
  it.each(['parquet', 'json'] as const)('is the restore that one process makes, ended once: %s', async (format) => {
    const id = await backup(NAME, format)
    const job = await create(id)
    expect(await leftInPlace()).not.toEqual([])
    const results = await Promise.all(
      [0, 1 / 3, 2 / 3].map(async (hint) => new JobManager({store}).work(connection, job, {hint})),
    )
    expect(results.reduce((sum, {done}) => sum + done, 0)).toBe(format === 'json' ? 3 : 5)
    for (const result of results) {
      expect(result).toMatchObject({
        aside: [],
        end: 'done',
        kind: 'restore',
        restored: [{collection: COPY, references, rejected: 0, restored: COUNT}],
        workers: [],
      })
    }

    expect(await isEqual(id)).toBe(true)
    expect(await leftInPlace()).toEqual([])
    expect(await new JobManager({store}).work(connection, job)).toMatchObject({done: 0, end: 'done'})
  })

  it('of a schema alone has nothing to read, and is whole', async () => {
    const {id} = await new BackupManager(connection, {store}).backupCollection(NAME, {includeData: false})
    const job = await create(id)
    expect(await new JobManager({store}).work(connection, job)).toMatchObject({
      end: 'done',
      restored: [{collection: COPY, references: 0, rejected: 0, restored: 0}],
    })
    expect(await server.connection.count(COPY)).toBe(0)
  })

  it('lets nobody else restore into the target until it has ended', async () => {
    const id = await backup()
    const job = await create(id)
    const other = new RestoreManager(connection, {store})
    const held = {code: 'STORAGE', details: {isHeld: true, job}}
    await expect(other.restoreCollection(id, {merge: true, name: COPY})).rejects.toMatchObject(held)
    await expect(create(id, {merge: true})).rejects.toMatchObject(held)
    await new JobManager({store}).work(connection, job)
    expect(await other.restoreCollection(id, {merge: true, name: COPY})).toMatchObject({restored: COUNT})
  })

  it('joins what the server refused, each once, and confirms the rest', async () => {
    const id = await backup()
    const job = await create(id)
    const strict = writing(connection, {
      objects: refusing('too round', (each) => each.endsWith('0')),
      references: refusing('too far', (each) => each.endsWith('1')),
    })
    const [result] = await Promise.all([0, 0.5].map(async (hint) => new JobManager({store}).work(strict, job, {hint})))
    const [restored] = result?.restored ?? []
    const lines: string[] = []
    const passes = new Map<string, number>()
    const file = restored?.rejectedFile?.slice('memory:/'.length) ?? ''
    for await (const {object, pass, reason} of readRejected(store, file)) {
      lines.push(object.id)
      passes.set(`${pass}: ${reason}`, (passes.get(`${pass}: ${reason}`) ?? 0) + 1)
    }

    const expected = (await idsOf()).filter(
      ({isReferring, id: each}) => each.endsWith('0') || (each.endsWith('1') && isReferring),
    )
    expect(lines.toSorted()).toEqual(expected.map((each) => each.id).toSorted())
    expect([...passes.keys()].toSorted()).toEqual(['objects: too round', 'references: too far'])
    expect(restored).toMatchObject({rejected: lines.length, restored: COUNT - (passes.get('objects: too round') ?? 0)})
  })

  it('takes over references of a worker whose answer nobody has, and doubles none', async () => {
    const id = await backup()
    const job = await create(id, {leaseMs: 2000})
    const {end, gate, hung, isGone, isolated} = hanging()
    const dying = new JobManager({store: isolated}).work(hung, job, {concurrency: 1, hint: 0})
    await gate
    expect(isGone()).toBe(true)
    const result = await new JobManager({store}).work(connection, job)
    expect(result).toMatchObject({aside: [], end: 'done', restored: [{references, restored: COUNT}]})
    end()
    await dying.catch(() => {})
    expect(await isEqual(id)).toBe(true)
  })

  it('reads back and mends what a call has doubled that came late', async () => {
    const id = await backup()
    const job = await create(id, {leaseMs: 2000})
    const {end, gate, hung, isolated, late} = hanging({isLate: true})
    const dying = new JobManager({store: isolated}).work(hung, job, {concurrency: 1, hint: 0})
    await gate
    // It lands once the other one has written the same references.
    let isFirst = true
    const overtaken = writing(connection, {
      references: (write) => async (request) => {
        const failures = await write(request)
        if (isFirst && late.objects.has(request.objects[0]?.id ?? '')) {
          isFirst = false
          await late.land()
        }

        return failures
      },
    })
    const result = await new JobManager({store}).work(overtaken, job)
    expect(isFirst).toBe(false)
    // Within one attempt: it is not what fails items.
    const records = [...(objects ?? [])].filter(([key]) => /\/items\/\d+\/\d+$/.test(key))
    const failures = records.map(
      ([, {bytes}]) => (JSON.parse(Buffer.from(bytes).toString()) as {failures: unknown}).failures,
    )
    expect(failures.length).toBeGreaterThan(0)
    expect(failures.flat()).toEqual([])
    expect(result).toMatchObject({aside: [], end: 'done', restored: [{references, restored: COUNT}]})
    end()
    await dying.catch(() => {})
    expect(await isEqual(id)).toBe(true)
  })

  it('has tenants active while they are needed, and as they were in the end', async () => {
    const id = await backup(TENANTS)
    const before = await statesOf(server.connection, TENANTS)
    const job = await create(id, {items: 6})
    const results = await Promise.all(
      [0, 0.5].map(async (hint) => new JobManager({store}).work(connection, job, {hint})),
    )
    expect(results[0]).toMatchObject({aside: [], end: 'done', restored: [{rejected: 0, restored: 3000, tenants: 30}]})
    expect(await statesOf(server.connection, COPY)).toEqual(before)
    expect(await isEqual(id)).toBe(true)
    expect(await leftInPlace()).toEqual([])
  })

  it('opens encrypted backups with the identity of each worker, which the plan does not hold', async () => {
    const {identity, recipient} = await newIdentity()
    const id = await backup(NAME, 'parquet', withEncryption(store, {encryptTo: [recipient]}))
    const opening = withEncryption(store, {identities: [identity]})
    const warned: string[] = []
    const job = await new JobManager({store: opening}).createRestore(connection, [id], {
      items: 4,
      leaseMs: 6000,
      name: COPY,
      onWarning({code}) {
        warned.push(code)
      },
    })
    expect(warned).toEqual(['plan-in-clear'])
    const texts = [...(objects ?? [])].map(([, {bytes}]) => bytes.toString('latin1'))
    expect(texts.some((text) => text.includes(identity))).toBe(false)
    const shut = new JobManager({store}).work(connection, job.id)
    // What is wrong with a worker is no failure of an item.
    await expect(shut).rejects.toMatchObject({code: 'INVALID_INPUT'})
    expect(await new JobManager({store}).show(job.id)).toMatchObject({aside: [], end: 'open', workers: []})
    const again = await new JobManager({store: opening}).cancel(connection, job.id)
    expect(again).toMatchObject({left: [COPY], wasOpen: true})
    await server.connection.deleteCollection(COPY)
    const next = await new JobManager({store: opening}).createRestore(connection, [id], {items: 4, name: COPY})
    expect(await new JobManager({store: opening}).work(connection, next.id)).toMatchObject({end: 'done'})
    const found = await new Verifier({connection: server.connection, store: opening}).verifyCollection(COPY, id)
    expect(found.equal).toBe(true)
  })

  it('puts an item aside that failed three times, and one process goes on once the job is cancelled', async () => {
    const id = await backup()
    const job = await create(id)
    const failing = writing(connection, {
      references: (write) => async (request) => {
        if (request.objects[0] && [...request.objects[0].id].at(-1) !== 'x')
          throw new DataOpsError('SERVER_REFUSED', 'No.')
        return write(request)
      },
    })
    const manager = new JobManager({store})
    const stuck = await manager.work(failing, job, {maxRetries: 0})
    expect(stuck).toMatchObject({end: 'stuck', restored: []})
    expect(stuck.aside).toHaveLength(2)
    expect(stuck.aside[0]).toMatchObject({collection: COPY, task: 'references'})
    expect(await manager.cancel(connection, job)).toMatchObject({left: [COPY], removed: [], wasOpen: true})
    const restored = await new RestoreManager(connection, {store}).restoreCollection(id, {name: COPY})
    expect(restored).toMatchObject({references, rejected: 0})
    expect(await isEqual(id)).toBe(true)
  })

  it('refuses what only one process can do', async () => {
    const id = await backup()
    const options = {name: COPY, retryRejected: 'x.rejected.jsonl'}
    await expect(new JobManager({store}).createRestore(connection, [id], options)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: 'A restore with `retryRejected` cannot be done by several machines.',
    })
    expect(await server.connection.getCollection(COPY)).toBeUndefined()
  })
})

/** Ids of the objects, and whether they refer to anything. */
async function idsOf(): Promise<Array<{id: string; isReferring: boolean}>> {
  const found: Array<{id: string; isReferring: boolean}> = []
  for (let after = ''; ;) {
    const reply = await fetch(`${server.url}/v1/objects?class=${NAME}&limit=1000&after=${after}`)
    const {objects: page} = (await reply.json()) as {
      objects: Array<{id: string; properties: Record<string, unknown[]>}>
    }
    if (page.length === 0) return found
    for (const {id, properties} of page)
      found.push({id, isReferring: Boolean(properties.follows?.length ?? properties.cites?.length)})
    after = page.at(-1)?.id ?? ''
  }
}

/** A worker that has sent references and gets no answer, while nothing that it writes into the place arrives: as one that was killed. */
function hanging({isLate = false} = {}): {
  end: () => void
  gate: Promise<void>
  hung: Connection
  isGone: () => boolean
  isolated: Store
  late: {land: () => Promise<unknown>; objects: Set<string>}
} {
  let isGone = false
  const killed = Promise.withResolvers<never>()
  killed.promise.catch(() => {})
  const {promise: gate, resolve} = Promise.withResolvers<void>()
  const late = {land: async (): Promise<unknown> => undefined, objects: new Set<string>()}
  const hung = writing(connection, {
    references: (write) => async (request) => {
      isGone = true
      for (const {id} of request.objects) late.objects.add(id)
      late.land = async () => write(request)
      if (!isLate) await write(request)
      resolve()
      return killed.promise
    },
  })
  const isolated: Store = {
    ...store,
    async put(...given) {
      if (isGone) throw new DataOpsError('STORAGE', 'Nothing arrives.')
      return store.put(...given)
    },
  }
  const end = (): void => {
    killed.reject(new Error('killed'))
  }

  return {end, gate, hung, isGone: () => isGone, isolated, late}
}
