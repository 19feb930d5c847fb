/** A tenant, or a collection that the server does not tell from another, dropped and made anew while it is backed up: what was read is of two. */
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'
import type {TenantStatus} from '../../../src/model/tenant.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {BackupCatalog, BackupManager, LocalStore, Verifier} from '../../../src/index.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'RecreatedProbe'
const PLAIN = {class: NAME, properties: [{dataType: ['text'], name: 'title'}], vectorizer: 'none'}
const COUNT = 60

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  server = await startTestServer()
})

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(async () => {
  await server.connection.deleteCollection(NAME)
  await directory.remove()
})

afterAll(async () => server.close())

async function write(title: string, {first = '0', from = 0, tenant}: {first?: string; from?: number; tenant?: string}) {
  const plan = planCollection((await server.connection.getCollection(NAME))!)
  const objects: WeaviateObject[] = Array.from({length: COUNT - from}, (_, index) => ({
    id: `${first}${(from + index).toString(16).padStart(7, '0')}-0000-4000-8000-000000000000`,
    properties: {title: `${title} ${from + index}`},
    ...(tenant !== undefined && {tenant}),
  }))
  expect(await server.connection.writeObjects({collection: plan, objects})).toEqual([])
}

/** The first of `order` has the older objects. */
async function makeTenants(status: TenantStatus, title = 'old', order = ['a', 'b']): Promise<void> {
  await server.connection.createCollection({...PLAIN, multiTenancyConfig: {enabled: true}})
  await server.connection.createTenants(NAME, [
    {name: 'a', status: 'HOT'},
    {name: 'b', status: 'HOT'},
  ])
  for (const tenant of order) await write(`${title} of ${tenant}`, {tenant})
  await server.connection.setTenantStatus(NAME, [{name: 'a', status}])
}

async function dropTenant(): Promise<void> {
  const dropped = await fetch(`${server.url}/v1/schema/${NAME}/tenants`, {
    body: '["a"]',
    headers: {'content-type': 'application/json'},
    method: 'DELETE',
  })
  expect(dropped.status).toBe(200)
}

/** Runs `change` once, when the second page of tenant a, or of a collection without, is asked for. */
function changing(change: () => Promise<void>, members: Partial<Connection> = {}): Connection {
  let pages = 0
  return {
    ...server.connection,
    ...members,
    async readPage(request) {
      if (request.include === 'objects' && request.tenant !== 'b' && ++pages === 2) await change()
      return server.connection.readPage(request)
    },
  }
}

const backUp = async (connection: Connection, batchSize = 20) =>
  new BackupManager(connection, {directory: directory.path}).backupCollection(NAME, {batchSize, concurrency: 1})

async function expectNothingLeft(): Promise<void> {
  expect(await new BackupCatalog(directory.path).list()).toEqual([])
  const names = (await new LocalStore(directory.path).list('')).map(({name}) => name)
  expect(names.filter((name) => /partial|journal|tenants/.test(name))).toEqual([])
}

describe('a tenant in mid-backup', () => {
  const anew = async (first: string): Promise<void> => {
    await dropTenant()
    await server.connection.createTenants(NAME, [{name: 'a', status: 'HOT'}])
    await write('new', {first, tenant: 'a'})
  }

  it.each<[string, TenantStatus, string, RegExp]>([
    ['with other objects', 'HOT', 'f', /The tenant "a" of "RecreatedProbe" was emptied, or dropped and made anew/],
    ['with objects of the same ids', 'HOT', '0', /The tenant "a" of "RecreatedProbe" was made anew/],
    ['that slept, with other objects', 'COLD', 'f', /The tenant "a" of "RecreatedProbe" was emptied/],
  ])('dropped and made anew %s: nothing is sealed, nothing is left', async (_, status, first, message) => {
    await makeTenants(status)
    await expect(backUp(changing(async () => anew(first)))).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      details: {recreated: true, tenant: 'a'},
      message: expect.stringMatching(message) as string,
    })
    await expectNothingLeft()
  })

  it('of which half is written anew, with new creation times, is the same', async () => {
    await makeTenants('HOT')
    const half = async (): Promise<void> => write('new', {from: COUNT / 2, tenant: 'a'})
    const backup = await backUp(changing(half))
    expect(backup).toMatchObject({complete: true, objectCount: 2 * COUNT})
    const verifier = new Verifier({connection: server.connection, directory: directory.path})
    expect(await verifier.verifyCollection(NAME, backup.path)).toMatchObject({equal: true})
  })
})

describe('a collection with tenants that are read in one page each, in mid-backup', () => {
  const anew = async (title: string): Promise<void> => {
    await server.connection.deleteCollection(NAME)
    await makeTenants('HOT', title)
  }

  /** Runs `change` before anything of tenant b is read. */
  const before = (change: () => Promise<void>): Connection => {
    let isChanged = false
    return {
      ...server.connection,
      async readPage(request) {
        if (request.tenant === 'b' && !isChanged) {
          isChanged = true
          await change()
        }

        return server.connection.readPage(request)
      },
    }
  }

  it('dropped and made anew: nothing is sealed', async () => {
    await makeTenants('HOT')
    await server.connection.setTenantStatus(NAME, [{name: 'b', status: 'COLD'}])
    const connection = before(async () => anew('new'))
    await expect(backUp(connection, 100)).rejects.toMatchObject({
      details: {collection: NAME, recreated: true},
      message: expect.stringMatching(/^"RecreatedProbe" was emptied, or dropped and made anew,/) as string,
    })
    await expectNothingLeft()
  })

  it('of which the first is deleted once it was read, is the same', async () => {
    // What is left is as old as what is gone.
    await makeTenants('HOT', 'old', ['b', 'a'])
    await server.connection.setTenantStatus(NAME, [{name: 'b', status: 'COLD'}])
    expect(await backUp(before(dropTenant), 100)).toMatchObject({complete: true, objectCount: 2 * COUNT})
  })
})

it('a collection whose server names no shards, dropped and made anew: nothing is sealed', async () => {
  await server.connection.createCollection(PLAIN)
  await write('old', {})
  const anew = async (): Promise<void> => {
    await server.connection.deleteCollection(NAME)
    await server.connection.createCollection(PLAIN)
    await write('new', {first: 'f'})
  }

  const connection = changing(anew, {identify: async () => undefined})
  await expect(backUp(connection)).rejects.toMatchObject({code: 'SERVER_REFUSED', details: {recreated: true}})
  await expectNothingLeft()
})
