/** Inactive tenants: never too many of them active, in no collection, and as they were in the end, whatever ends a run. */
import {readdir, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi} from 'vitest'

import type {JsonObject, WeaviateObject} from '../../../src/model/object.js'
import type {TenantStatus} from '../../../src/model/tenant.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {MOST_ACTIVE_TENANTS} from '../../../src/flow/tenants/room.js'
import {BackupManager, RestoreManager, type RestoreOptions, Verifier} from '../../../src/index.js'
import {GRACE, SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

// A fifth of what it is: a fifth of the tenants fills it.
vi.mock('../../../src/flow/tenants/room.js', () => ({ACTIVATION_GROUP: 20, MOST_ACTIVE_TENANTS: 40}))

const FROM = 'TenantRestoreFrom'
const TO = 'TenantRestoreTo'
const SAVED_EVERY = SAVE_EVERY.ms
const GRACED = GRACE.ms

type States = Record<string, TenantStatus>

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  server = await startTestServer()
  SAVE_EVERY.ms = 0
  // The calls of what dies here have ended with it.
  GRACE.ms = 200
})

afterAll(async () => {
  SAVE_EVERY.ms = SAVED_EVERY
  GRACE.ms = GRACED
  await dropAll()
  await server.close()
})

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(async () => directory.remove())

async function dropAll(): Promise<void> {
  for (const name of [FROM, TO]) await server.connection.deleteCollection(name)
}

const idOf = (index: number): string => `7e4a4700-0000-4000-8000-${index.toString(16).padStart(12, '0')}`

/** Three objects in each tenant, which refer to the next of their own, and in `FROM` to what `TO` has, and in its second tenant had. */
async function fill(name: string, states: States): Promise<void> {
  const {connection} = server
  const references = [FROM, TO].slice(name === FROM ? 0 : 1)
  await connection.createCollection({
    class: name,
    multiTenancyConfig: {enabled: true},
    properties: [
      {dataType: ['text'], name: 'title'},
      ...references.map((target) => ({dataType: [target], name: `to${target}`})),
    ],
    vectorIndexType: 'flat',
    vectorizer: 'none',
  })
  const plan = planCollection((await connection.getCollection(name))!)
  const tenants = Object.keys(states)
  for (let start = 0; start < tenants.length; start += 100) {
    const group = tenants.slice(start, start + 100)
    await connection.createTenants(
      name,
      group.map((tenant) => ({name: tenant, status: 'HOT'})),
    )
    const toActivate = name === FROM ? group.map((tenant) => ({name: tenant, status: 'HOT' as const})) : []
    const there = toActivate.length > 0 ? await connection.listTenants(TO) : []
    await connection.setTenantStatus(TO, toActivate)
    const objects = group.flatMap((tenant) =>
      [0, 1, 2].map((index): WeaviateObject => {
        const properties: JsonObject = {title: `${name} ${tenant} ${index}`}
        const next = (index + 1) % 3
        for (const target of references)
          properties[`to${target}`] = [{beacon: `weaviate://localhost/${target}/${idOf(next)}`}]
        return {id: idOf(index), properties, tenant, vector: new Uint8Array(8)}
      }),
    )
    expect(await connection.writeObjects({collection: plan, objects})).toEqual([])
    expect(await connection.writeReferences({collection: plan, objects})).toEqual([])
    if (name === FROM && start === 0)
      await connection.deleteObjects({collection: TO, ids: [idOf(2)], tenant: tenants[1]})
    const wasInactive = there.filter(({name: tenant, status}) => status !== 'HOT' && group.includes(tenant))
    await connection.setTenantStatus(TO, wasInactive)
    await connection.setTenantStatus(
      name,
      group.map((tenant) => ({name: tenant, status: states[tenant]!})).filter(({status}) => status !== 'HOT'),
    )
  }
}

async function statesOf(name: string): Promise<States> {
  return Object.fromEntries((await server.connection.listTenants(name)).map((tenant) => [tenant.name, tenant.status]))
}

async function setStates(name: string, states: States): Promise<void> {
  await server.connection.setTenantStatus(
    name,
    Object.entries(states).map(([tenant, status]) => ({name: tenant, status})),
  )
}

function statesFor(count: number, stateOf: (index: number) => TenantStatus): States {
  return Object.fromEntries(Array.from({length: count}, (_, index) => [`tenant${index}`, stateOf(index)]))
}

async function backUp(name: string): Promise<{id: string; path: string}> {
  const manager = new BackupManager(server.connection, {directory: directory.path})
  return manager.backupCollection(name, {includeOffloaded: true})
}

async function expectEqual(name: string, backup: string): Promise<void> {
  const verifier = new Verifier({connection: server.connection, directory: directory.path})
  expect(await verifier.verifyCollection(name, backup, {includeOffloaded: true})).toMatchObject({
    counts: {different: 0, extra: 0, missing: 0},
    equal: true,
  })
}

const checkpoints = async (): Promise<string[]> =>
  (await readdir(directory.path)).filter((entry) => entry.endsWith('.checkpoint'))

function failingAfter(calls: number, call: 'writeObjects' | 'writeReferences'): Connection {
  let made = 0
  return {
    ...server.connection,
    async [call](request: Parameters<Connection[typeof call]>[0]) {
      if (++made > calls) throw new DataOpsError('SERVER_REFUSED', 'These were calls enough.')
      return server.connection[call](request)
    },
  }
}

/** Whether a tenant is active that is not to be. */
async function isLeftActive(name: string, wanted: States): Promise<boolean> {
  const now: States = (await server.connection.getCollection(name)) ? await statesOf(name) : {}
  return Object.entries(now).some(([tenant, status]) => status === 'HOT' && wanted[tenant] !== 'HOT')
}

/** Counts the tenants that are active beside those that are to be, whenever a state has changed. */
function watched(
  collections: readonly string[],
  stay: Record<string, States>,
): {connection: Connection; most: () => number} {
  const {connection} = server
  let most = 0
  const look = async (): Promise<void> => {
    let active = 0
    for (const name of collections) {
      const tenants = await connection.listTenants(name).catch(() => [])
      active += tenants.filter((tenant) => tenant.status === 'HOT' && stay[name]![tenant.name] !== 'HOT').length
    }

    most = Math.max(most, active)
  }

  return {
    connection: {
      ...connection,
      async createTenants(...request) {
        await connection.createTenants(...request)
        await look()
      },
      async setTenantStatus(...request) {
        await connection.setTenantStatus(...request)
        await look()
      },
    },
    most: () => most,
  }
}

describe('more inactive tenants than may be active at once', () => {
  const isEmbedded = process.env.WEAVIATE_URL === undefined
  const states = statesFor(52, (index) => {
    if (index % 10 === 7) return 'HOT'
    return isEmbedded && index % 10 === 8 ? 'FROZEN' : 'COLD'
  })
  let from: string
  let to: string

  beforeEach(async () => {
    await dropAll()
    await fill(TO, states)
    await fill(FROM, states)
    from = (await backUp(FROM)).path
    to = (await backUp(TO)).path
  })

  const options = {concurrency: 8, verify: true} as const
  const whole = {rejected: 0, tenants: 52, verification: {equal: true}}

  it('are active by turns: restored together', {timeout: 120_000}, async () => {
    await dropAll()
    const {connection, most} = watched([FROM, TO], {[FROM]: states, [TO]: states})
    const restores = new RestoreManager(connection, {directory: directory.path})
    expect(await restores.restoreCollections([from, to], options)).toMatchObject({collections: [whole, whole]})
    expect(most()).toBeGreaterThan(MOST_ACTIVE_TENANTS / 2)
    expect(most()).toBeLessThanOrEqual(MOST_ACTIVE_TENANTS)
    expect(await statesOf(FROM)).toEqual(states)
    expect(await statesOf(TO)).toEqual(states)
  })

  it(
    'are active by turns: in a target of references that was there before, and in a merge',
    {timeout: 120_000},
    async () => {
      const {connection, most} = watched([FROM, TO], {[FROM]: states, [TO]: states})
      const restores = new RestoreManager(connection, {directory: directory.path})
      await server.connection.deleteCollection(FROM)
      expect(await restores.restoreCollection(from, options)).toMatchObject({...whole, restored: 156})
      expect(await statesOf(FROM)).toEqual(states)
      expect(await statesOf(TO)).toEqual(states)
      const skipping = {...options, merge: true, onConflict: 'skip'} as const
      expect(await restores.restoreCollection(from, skipping)).toMatchObject({...whole, restored: 0, skipped: 156})
      expect(await restores.restoreCollection(from, {...options, merge: true})).toMatchObject({
        ...whole,
        restored: 156,
      })
      expect(await statesOf(FROM)).toEqual(states)
      expect(await statesOf(TO)).toEqual(states)
      expect(most()).toBeLessThanOrEqual(MOST_ACTIVE_TENANTS)
      await expectEqual(TO, to)
    },
  )

  it('are put back after a failure among them, and restored by the next run', {timeout: 120_000}, async () => {
    await server.connection.deleteCollection(FROM)
    for (const call of ['writeObjects', 'writeReferences'] as const) {
      const failing = new RestoreManager(failingAfter(3, call), {directory: directory.path})
      await expect(failing.restoreCollection(from)).rejects.toThrow(/calls enough/)
      expect(await statesOf(TO)).toEqual(states)
      const unfinished = Object.entries(states).map(([name, status]) => [name, status === 'HOT' ? 'HOT' : 'COLD'])
      expect(await statesOf(FROM)).toEqual(Object.fromEntries(unfinished))
    }

    const result = await new RestoreManager(server.connection, {directory: directory.path}).restoreCollection(from, {
      verify: true,
    })
    expect(result).toMatchObject(whole)
    expect(result.resumed).toBeGreaterThan(0)
    expect(await statesOf(FROM)).toEqual(states)
    expect(await statesOf(TO)).toEqual(states)
    expect(await checkpoints()).toEqual([])
  })
})

/** A connection and a disk that are both dead after so many calls: the last one may still be heard. What kill -9 leaves behind. */
function mortal(calls: number, isLastHeard: boolean): {connection: Connection; made: () => number; store: LocalStore} {
  let made = 0
  const dead = new DataOpsError('UNEXPECTED', 'Killed.')
  const connection = Object.fromEntries(
    Object.entries(server.connection).map(([name, member]) => [
      name,
      typeof member === 'function'
        ? async (...request: unknown[]) => {
            const call = ++made
            if (call > calls) throw dead
            if (call < calls || isLastHeard) {
              const answer = await (member as (...request: unknown[]) => Promise<unknown>)(...request)
              if (call < calls) return answer
            }

            throw dead
          }
        : (member as unknown),
    ]),
  ) as unknown as Connection
  const living = new LocalStore(directory.path)
  const store = new Proxy(living, {
    get(_, key) {
      if (['createWriter', 'put', 'remove'].includes(key as string) && made >= calls) {
        return async () => {
          throw dead
        }
      }

      const member: unknown = Reflect.get(living, key, living)
      return typeof member === 'function' ? (member.bind(living) as unknown) : member
    },
  })
  return {connection, made: () => made, store}
}

interface Scenario {
  /** Of the run after the one that was killed. */
  again?: RestoreOptions
  /** States before it and after it; undefined: of the backup, for there is no such collection. */
  before: {from?: States; to?: States}
  options: () => RestoreOptions
  what: string
  which: 'both' | 'from'
}

it('continues a restore that was killed before a collection had its references to another of the same go', async () => {
  await dropAll()
  await fill(TO, {active: 'HOT', idle: 'COLD'})
  await fill(FROM, {active: 'HOT', idle: 'COLD'})
  const backups = [await backUp(FROM), await backUp(TO)]
  await dropAll()
  const {connection} = server
  const restore = async (changes: Partial<Connection>) =>
    new RestoreManager({...connection, ...changes}, {directory: directory.path}).restoreCollections(
      backups.map(({id}) => id),
      {verify: true},
    )
  const killed = async (): Promise<never> => {
    throw new DataOpsError('UNEXPECTED', 'Killed.')
  }

  // What is dead removes nothing that it made.
  const dying = restore({deleteCollection: killed, updateCollection: killed})
  await expect(dying).rejects.toThrow(/Killed/)
  expect((await connection.getCollection(FROM))!.properties).toHaveLength(2)
  const both = [1, 2].map(() => ({rejected: 0, verification: {equal: true}}))
  expect(await restore({})).toMatchObject({collections: both})
})

describe('a run that is killed', () => {
  const isEmbedded = process.env.WEAVIATE_URL === undefined
  const kinds = ['HOT', 'COLD', isEmbedded ? 'FROZEN' : 'COLD'] as const
  const states = statesFor(6, (index) => kinds[index % 3]!)
  /** Of the target of a merge: the other way around. */
  const others = statesFor(6, (index) => kinds[(index + 1) % 3]!)
  const MOMENTS = 5
  let backups: Array<{id: string; path: string}>
  let rejected: string

  beforeEach(async () => {
    await dropAll()
    await fill(TO, states)
    await fill(FROM, states)
    backups = [await backUp(FROM), await backUp(TO)]
    rejected = path.join(directory.path, 'some.rejected.jsonl')
    const lines = ['tenant2', 'tenant3', 'tenant4'].map((tenant) => {
      const references = [FROM, TO].map((target) => [
        `to${target}`,
        [{beacon: `weaviate://localhost/${target}/${idOf(2)}`}],
      ])
      const properties = {title: `${FROM} ${tenant} 1`, ...(Object.fromEntries(references) as JsonObject)}
      const object = {class: FROM, id: idOf(1), properties, tenant, vector: [0, 0]}
      return JSON.stringify({reason: 'none', pass: 'objects', object})
    })
    await writeFile(rejected, `${lines.join('\n')}\n`)
  })

  const scenarios: Scenario[] = [
    {before: {}, options: () => ({}), what: 'of two collections', which: 'both'},
    {before: {to: states}, options: () => ({}), what: 'of one that refers to another', which: 'from'},
    {before: {to: others}, options: () => ({}), what: 'of one that refers to another in other states', which: 'from'},
    {before: {from: others, to: others}, options: () => ({merge: true}), what: 'into both', which: 'both'},
    {
      again: {onConflict: 'overwrite', restart: true},
      before: {from: others, to: others},
      options: () => ({merge: true, onConflict: 'skip'}),
      what: 'into one, and started over',
      which: 'from',
    },
    {
      before: {from: others, to: others},
      options: () => ({retryRejected: rejected}),
      what: 'of what was refused',
      which: 'from',
    },
  ]

  it.each(scenarios)('is put right by the next: $what', {timeout: 120_000}, async ({again, before, options, which}) => {
    const prepare = async (): Promise<void> => {
      for (const [index, name] of [FROM, TO].entries()) {
        const wanted = index === 0 ? before.from : before.to
        if (wanted) await setStates(name, wanted)
      }

      if (!before.from) await server.connection.deleteCollection(FROM)
      if (!before.to) await server.connection.deleteCollection(TO)
    }

    const run = async (connection: Connection, store: LocalStore, more: RestoreOptions = {}): Promise<void> => {
      const manager = new RestoreManager(connection, {store})
      const all = {batchSize: 2, concurrency: 3, ...options(), ...more}
      const ids = backups.map(({id}) => id)
      if (which === 'both') await manager.restoreCollections(ids, all)
      else await manager.restoreCollection(ids[0]!, all)
    }

    await prepare()
    const counted = mortal(Infinity, true)
    await run(counted.connection, counted.store)
    const expected = {from: before.from ?? states, to: before.to ?? states}
    expect(await statesOf(FROM)).toEqual(expected.from)
    expect(await statesOf(TO)).toEqual(expected.to)
    let left = 0
    for (let moment = 0; moment < MOMENTS; moment++) {
      await prepare()
      const at = 1 + Math.floor(((counted.made() - 1) * moment) / MOMENTS)
      const where = `killed at call ${at} of ${counted.made()}`
      const killed = mortal(at, moment % 2 === 0)
      await expect(run(killed.connection, killed.store), where).rejects.toThrow()
      // The process that held the target lives on here; a killed one would not.
      for (const file of await readdir(directory.path))
        if (file.startsWith('.restore-')) await rm(path.join(directory.path, file), {force: true, recursive: true})
      if ((await isLeftActive(FROM, expected.from)) || (await isLeftActive(TO, expected.to))) left++
      await run(server.connection, new LocalStore(directory.path), again)
      expect(await statesOf(FROM), where).toEqual(expected.from)
      expect(await statesOf(TO), where).toEqual(expected.to)
      expect(await checkpoints(), where).toEqual([])
      await expectEqual(FROM, backups[0]!.path)
      await expectEqual(TO, backups[1]!.path)
    }

    // Else nothing had to be put right.
    expect(left).toBeGreaterThan(0)
  })
})

it('searches only active tenants in a dry run, and says so', async () => {
  await dropAll()
  await fill(TO, {active: 'HOT', idle: 'COLD'})
  const {path: backup} = await backUp(TO)
  const states = {active: 'COLD', idle: 'HOT'} as const
  await setStates(TO, states)
  const restores = new RestoreManager(server.connection, {directory: directory.path})
  const options = {dryRun: true, merge: true, onConflict: 'fail'} as const
  await expect(restores.restoreCollection(backup, options)).rejects.toMatchObject({
    code: 'COLLECTION_EXISTS',
    details: {objects: 3},
  })
  await server.connection.deleteObjects({collection: TO, tenant: 'idle'})
  expect(await restores.restoreCollection(backup, options)).toMatchObject({
    warnings: [{code: 'tenants-not-searched', details: {tenants: ['active']}}],
  })
  expect(await statesOf(TO)).toEqual(states)
})

it.skipIf(process.env.WEAVIATE_URL !== undefined)(
  'leaves offloaded tenants inactive on a server that cannot offload',
  async () => {
    await dropAll()
    const states = {active: 'HOT', away: 'FROZEN', idle: 'COLD'} as const
    await fill(TO, states)
    const {path: backup} = await backUp(TO)
    await server.connection.deleteCollection(TO)
    const {connection} = server
    const restores = new RestoreManager(
      {
        ...connection,
        async setTenantStatus(name, tenants, signal) {
          if (tenants.some(({status}) => status === 'FROZEN'))
            throw new DataOpsError('SERVER_REFUSED', "can't offload tenants")
          return connection.setTenantStatus(name, tenants, signal)
        },
      },
      {directory: directory.path},
    )
    expect(await restores.restoreCollection(backup, {verify: true})).toMatchObject({
      verification: {equal: true},
      warnings: [{code: 'tenants-not-offloaded', details: {collection: TO, tenants: 1}, message: /are inactive only/}],
    })
    expect(await statesOf(TO)).toEqual({...states, away: 'COLD'})
  },
)
