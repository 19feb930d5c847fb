/** Collections and tenants that are dropped and made anew while they are compared, where the server does not show which one is there. */
import {afterAll, beforeAll, describe, expect, test} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {BackupManager} from '../../../src/jobs/backup/manager.js'
import {Verifier} from '../../../src/jobs/verify/verifier.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {connect} from '../../../src/weaviate/connect.js'
import {temporaryDirectory, writeAll} from '../../support/collections.js'
import {uuid} from './backups.js'

const NAME = 'Replaced'
const TENANTS = ['a', 'b', 'c']

let server: EmbeddedWeaviate
let connection: Connection
let folder: Awaited<ReturnType<typeof temporaryDirectory>>

beforeAll(async () => {
  folder = await temporaryDirectory()
  server = await startEmbeddedWeaviate()
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  await connection.close()
  await server.close()
  await folder.remove()
})

async function make(name: string, {others = 0, tenants}: {others?: number; tenants: boolean}): Promise<void> {
  const multiTenancyConfig = {autoTenantActivation: false, autoTenantCreation: false, enabled: tenants}
  await connection.deleteCollection(name)
  await connection.createCollection({
    class: name,
    multiTenancyConfig,
    properties: [{dataType: ['text'], name: 'title'}],
    vectorizer: 'none',
  })
  if (tenants) await makeTenants(name, TENANTS, others)
  else await writeAll(connection, name, objectsOf(undefined, others))
}

async function makeTenants(name: string, tenants: string[], others: number): Promise<void> {
  await connection.createTenants(
    name,
    tenants.map((each) => ({name: each, status: 'HOT' as const})),
  )
  for (const tenant of tenants) await writeAll(connection, name, objectsOf(tenant, others))
}

async function dropTenants(names: string[]): Promise<void> {
  await fetch(`${server.url}/v1/schema/${NAME}/tenants`, {
    body: JSON.stringify(names),
    headers: {'content-type': 'application/json'},
    method: 'DELETE',
  })
}

/** The first so many are other ones. */
function objectsOf(tenant: string | undefined, others: number, count = 30): WeaviateObject[] {
  return Array.from({length: count}, (_, index) => ({
    id: uuid(index + 1),
    properties: {title: `${index < others ? 'other' : 'one'} ${index}`},
    ...(tenant !== undefined && {tenant}),
    vectors: new Map(),
  }))
}

/** The same server, before one of whose requests for a page something happens; where it shows no shards. */
function before(
  isDue: (page: {after?: string | undefined; tenant?: string | undefined}) => boolean,
  happens: () => Promise<void>,
): Connection {
  let isDone = false
  return Object.assign(Object.create(connection) as Connection, {
    identify: async () => undefined,
    async readPage(request: Parameters<Connection['readPage']>[0]) {
      if (!isDone && request.collection.className === NAME && request.include === 'objects' && isDue(request)) {
        isDone = true
        await happens()
      }

      return connection.readPage(request)
    },
  })
}

const endOf = (tenant?: string) => (page: {after?: string | undefined; tenant?: string | undefined}) =>
  page.after === uuid(30) && page.tenant === tenant

describe('what is replaced while it is compared', () => {
  test.each([
    ['a collection, as its last tenant is read', true, endOf('c'), async () => make(NAME, {others: 30, tenants: true})],
    [
      'a tenant, in the middle of it',
      true,
      (page) => page.tenant === 'a' && page.after === uuid(20),
      async () => {
        await dropTenants(['a'])
        await makeTenants(NAME, ['a'], 20)
      },
    ],
    ['a collection without tenants', false, endOf(), async () => make(NAME, {others: 30, tenants: false})],
  ])('%s: nobody knows whether it is equal', async (_, tenants, isDue, happens) => {
    await make(NAME, {tenants})
    const {path: backup} = await new BackupManager(connection, {directory: folder.path}).backupCollection(NAME)
    const replaced = before(isDue, happens)
    const verifier = new Verifier({connection: replaced, directory: folder.path})
    const reason = expect.stringMatching(/made anew.* while it was read$/) as string
    expect(await verifier.verifyCollection(NAME, backup, {concurrency: 1})).toMatchObject({
      equal: false,
      notCompared: [reason],
    })
  })

  /** Of 7 objects, so that some of each would be remembered, not all. */
  async function makeSmall(tenants: string[], others = 0): Promise<void> {
    await connection.createTenants(
      NAME,
      tenants.map((name) => ({name, status: 'HOT' as const})),
    )
    for (const tenant of tenants) await writeAll(connection, NAME, objectsOf(tenant, others, 7))
  }

  async function withSmall(happens: () => Promise<void>): Promise<unknown> {
    await make(NAME, {tenants: true})
    await dropTenants(TENANTS)
    await makeSmall(['a', 'b', 'c', 'd'])
    const {path: backup} = await new BackupManager(connection, {directory: folder.path}).backupCollection(NAME)
    const changing = before(({after, tenant}) => tenant === 'd' && after === uuid(7), happens)
    const verifier = new Verifier({connection: changing, directory: folder.path})
    return verifier.verifyCollection(NAME, backup, {concurrency: 1})
  }

  test.each([1, 4, 7])('a tenant of which object %i of 7 is deleted is no other', async (index) => {
    const found = await withSmall(async () => {
      await fetch(`${server.url}/v1/objects/${NAME}/${uuid(index)}?tenant=c`, {method: 'DELETE'})
    })
    expect(found).not.toHaveProperty('notCompared')
  })

  test('a small tenant that is made anew after it was read is found', async () => {
    const found = await withSmall(async () => {
      await dropTenants(['c'])
      await makeSmall(['c'], 7)
    })
    expect(found).toMatchObject({equal: false, notCompared: [expect.stringMatching(/tenant "c".*made anew/)]})
  })

  test('a property that came meanwhile is not said to be equal', async () => {
    await make(NAME, {tenants: false})
    const {path: backup} = await new BackupManager(connection, {directory: folder.path}).backupCollection(NAME)
    const changing = before(endOf(), async () => {
      await fetch(`${server.url}/v1/schema/${NAME}/properties`, {
        body: JSON.stringify({dataType: ['text'], name: 'late'}),
        headers: {'content-type': 'application/json'},
        method: 'POST',
      })
    })
    const verifier = new Verifier({connection: changing, directory: folder.path})
    expect(await verifier.verifyCollection(NAME, backup, {concurrency: 1})).toMatchObject({
      equal: false,
      notCompared: [`"${NAME}" got the property late while it was read`],
    })
  })

  test('whatever lasts is equal', async () => {
    await make(NAME, {tenants: true})
    await make('Other', {tenants: true})
    const verifier = new Verifier({
      connection: before(
        () => false,
        async () => {},
      ),
      directory: folder.path,
    })
    const compared = await verifier.diffCollections(NAME, 'Other')
    expect(compared).toMatchObject({equal: true})
    expect(compared).not.toHaveProperty('notCompared')
  })
})
