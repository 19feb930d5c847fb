/** Notes of tenants that killed workers of a job leave go once the job has put them back itself: what somebody activates since stays active. */
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest'

import type {Store} from '../../../src/store/store.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {utf8} from '../../../src/codec/bytes.js'
import {DataOpsError} from '../../../src/index.js'
import {JobManager} from '../../../src/jobs/machines/manager.js'
import {LEASE} from '../../../src/store/lease.js'
import {makeTenants, statesOf} from '../../fault/samples.js'
import {startTestServer, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = 'MachinesNotes'
const COPY = 'MachinesNotesCopy'
const USUAL = {...LEASE}
let server: TestServer
let store: Store

beforeAll(async () => {
  server = await startTestServer()
})

afterAll(async () => {
  Object.assign(LEASE, USUAL)
  for (const name of [NAME, COPY]) await server.connection.deleteCollection(name)
  await server.close()
})

beforeEach(async () => {
  // Nobody waits for it: who has the item takes it from whoever had it.
  LEASE.ms = 600_000
  store = memoryStore()
  await server.connection.deleteCollection(COPY)
  await makeTenants(server.connection, NAME, {objects: 60, tenants: 6})
})

/** As a worker on another machine leaves it that is killed, while it has tenants active. */
async function leaveNote(of: string, collection: string): Promise<string> {
  const name = '.tenants-01234567-89ab-4cde-8f01-23456789abcd.json'
  const tenants = ['tenant1', 'tenant4'].map((tenant) => ({collection, name: tenant, status: 'COLD'}))
  const note = {of, server: server.connection.describe, since: 'then', tenants, version: 1}
  await store.put(name, utf8(JSON.stringify(note)))
  await store.put(`${name}.lease.1`, utf8(`${JSON.stringify({machine: 'elsewhere', ms: LEASE.ms, pid: 1})}\n`))
  return name
}

/** Fails the first page that is read of inactive tenants, or any write, and lets the others pass. */
function failingOnce(method: 'readPage' | 'writeObjects', before: () => Promise<void>): Connection {
  let isFirst = true
  const isMeant = ([request]: unknown[]): boolean =>
    method === 'writeObjects' || ['tenant1', 'tenant4'].includes((request as {tenant?: string}).tenant ?? '')
  return new Proxy(server.connection, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return async (...given: unknown[]): Promise<unknown> => {
        if (name === method && isFirst && isMeant(given)) {
          isFirst = false
          await before()
          throw new DataOpsError('SERVER_REFUSED', 'Not this time.')
        }

        return (value as (...parameters: unknown[]) => unknown).apply(target, given)
      }
    },
  })
}

const notes = async (): Promise<string[]> =>
  (await store.list('')).map(({name}) => name).filter((name) => name.startsWith('.tenants-'))

it('of a backup', async () => {
  const {id} = await new JobManager({store}).createBackup(server.connection, [NAME], {items: 1})
  const plan = JSON.parse(String(await textOf(`.jobs/${id}/plan.json`))) as {
    items: Array<{payload: {do: string; item: {activate?: unknown[]}; number: number}}>
    works: Array<{name: string}>
  }
  const {payload} = plan.items.find((item) => item.payload.item?.activate?.length === 2)!
  const failing = failingOnce('readPage', async () => {
    await leaveNote(`${plan.works[0]!.name} item ${payload.number}`, NAME)
  })
  expect(await new JobManager({store}).work(failing, id, {concurrency: 1})).toMatchObject({end: 'done'})
  expect(await notes()).toEqual([])
})

it('of a restore', async () => {
  const backup = await new JobManager({store}).createBackup(server.connection, [NAME], {items: 1})
  const {sealed} = await new JobManager({store}).work(server.connection, backup.id)
  const options = {items: 1, name: COPY}
  const {id} = await new JobManager({store}).createRestore(server.connection, [sealed[0]!.id], options)
  const failing = failingOnce('writeObjects', async () => {
    await leaveNote(`.jobs/${id}/left/00000`, COPY)
  })
  expect(await new JobManager({store}).work(failing, id, {concurrency: 1})).toMatchObject({end: 'done'})
  expect(await notes()).toEqual([])
  expect(await statesOf(server.connection, COPY)).toEqual(await statesOf(server.connection, NAME))
})

async function textOf(key: string): Promise<Buffer> {
  const reader = await store.openRead(key)
  return Buffer.from(await reader.read(0, reader.size))
}
