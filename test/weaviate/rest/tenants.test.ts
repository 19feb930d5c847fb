import {createServer} from 'node:http'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {WeaviateTenant} from '../../../src/model/tenant.js'
import type {Connection} from '../../../src/weaviate/connection.js'

import {connect} from '../../../src/weaviate/connect.js'
import {HttpClient} from '../../../src/weaviate/rest/http.js'
import {normalizeStatus, setTenantStatus} from '../../../src/weaviate/rest/tenants.js'
import {startTestServer, type TestServer} from '../server.js'

const NAME = 'TenantsTest'
const ALIAS = 'TenantsTestAlias'
let server: TestServer
let connection: Connection

beforeAll(async () => {
  server = await startTestServer()
  connection = await connect({transport: 'rest', url: server.url})
  await connection.deleteCollection(NAME)
  await connection.createCollection({
    class: NAME,
    multiTenancyConfig: {enabled: true},
    properties: [{dataType: ['text'], name: 'text'}],
    vectorizer: 'none',
  })
})

afterAll(async () => {
  if (connection.capabilities.aliases) await connection.deleteAlias(ALIAS)
  await connection.deleteCollection(NAME)
  await connection.close()
  await server.close()
})

const byName = (tenants: readonly WeaviateTenant[]) => tenants.toSorted((a, b) => a.name.localeCompare(b.name))

describe('tenants', () => {
  it('are created by the thousand, and change state by the hundred', async () => {
    const tenants = Array.from({length: 1250}, (_, index): WeaviateTenant => ({
      name: `t${String(index).padStart(5, '0')}`,
      status: index % 2 === 0 ? 'HOT' : 'COLD',
    }))
    await connection.createTenants(NAME, tenants)
    expect(byName(await connection.listTenants(NAME))).toEqual(tenants)
    const changed = tenants.slice(0, 250).map((tenant): WeaviateTenant => ({...tenant, status: 'COLD'}))
    await connection.setTenantStatus(NAME, changed)
    expect(byName(await connection.listTenants(NAME))).toEqual([...changed, ...tenants.slice(250)])
    await connection.setTenantStatus(NAME, [{name: 't00001', status: 'HOT'}])
    expect(byName(await connection.listTenants(NAME))[1]).toEqual({name: 't00001', status: 'HOT'})
  })

  it('tell what went wrong', async () => {
    await expect(connection.setTenantStatus(NAME, [{name: 'nobody', status: 'HOT'}])).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
    })
    await expect(connection.listTenants('TenantsNone')).rejects.toMatchObject({code: 'COLLECTION_MISSING'})
  })

  it('have the same states, whatever a server calls them', () => {
    const names = ['HOT', 'ACTIVE', 'COLD', 'INACTIVE', 'FROZEN', 'OFFLOADED', 'OFFLOADING', 'ONLOADING', undefined]
    expect(names.map((name) => normalizeStatus(name))).toEqual([
      'HOT',
      'HOT',
      'COLD',
      'COLD',
      'FROZEN',
      'FROZEN',
      'FREEZING',
      'UNFREEZING',
      'HOT',
    ])
    expect(() => normalizeStatus('LUKEWARM')).toThrow(/LUKEWARM/)
  })

  it('are waited for until the server reports the state, or another one', async () => {
    let states: string[] = []
    const fake = createServer((_request, response) => {
      response.end(JSON.stringify({activityStatus: states.length > 1 ? states.shift() : states[0], name: 't'}))
    })
    await new Promise<void>((resolve) => {
      fake.listen(0, '127.0.0.1', resolve)
    })
    const url = `http://127.0.0.1:${(fake.address() as {port: number}).port}`
    const http = new HttpClient({headers: async () => ({}), timeoutMs: 5000, url})
    const set = async (waitMs: number, signal?: AbortSignal) =>
      setTenantStatus(http, NAME, [{name: 't', status: 'FROZEN'}], {signal, waitMs})
    // The first answer is that to the request itself.
    states = ['', 'HOT', 'FREEZING', 'OFFLOADING', 'FROZEN']
    await set(5000)
    expect(states).toEqual(['FROZEN'])
    states = ['', 'FREEZING', 'HOT']
    await expect(set(5000)).rejects.toMatchObject({code: 'SERVER_REFUSED'})
    // eslint-disable-next-line require-atomic-updates -- the next answers
    states = ['HOT']
    await expect(set(60)).rejects.toMatchObject({code: 'SERVER_UNAVAILABLE', details: {tenants: ['t']}})
    await expect(set(5000, AbortSignal.timeout(50))).rejects.toMatchObject({code: 'INTERRUPTED'})
    await http.close()
    fake.close()
  })
})

describe('aliases', () => {
  it('come, move and go', async (context) => {
    context.skip(!connection.capabilities.aliases, `Weaviate ${connection.version} has no aliases`)
    await connection.createAlias(ALIAS, NAME)
    expect(await connection.listAliases()).toContainEqual({alias: ALIAS, collection: NAME})
    expect(await connection.getCollection(ALIAS)).toBeUndefined()
    await connection.updateAlias(ALIAS, NAME)
    if (connection.capabilities.aliases) await connection.deleteAlias(ALIAS)
    if (connection.capabilities.aliases) await connection.deleteAlias(ALIAS)
    expect(await connection.listAliases()).not.toContainEqual({alias: ALIAS, collection: NAME})
  })
})
