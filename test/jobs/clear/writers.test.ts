import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {ClearManager} from '../../../src/jobs/clear/manager.js'
import {startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {connect} from '../../../src/weaviate/connect.js'
import {fillCollection, temporaryDirectory} from '../../support/collections.js'

const NAME = 'ClearWriters'
/** After so many deletes the writer gives up, for a clear that would never end. */
const MOST_DELETES = 40

let deletes = 0
let write = async (): Promise<void> => {}
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: Awaited<ReturnType<typeof startEmbeddedWeaviate>>
let connection: Awaited<ReturnType<typeof connect>>

beforeAll(async () => {
  server = await startEmbeddedWeaviate({
    async onRequest({method}) {
      if (method === 'BatchDelete' && ++deletes < MOST_DELETES) await write()
    },
    queryMaximumResults: 10,
  })
  directory = await temporaryDirectory()
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  await connection.close()
  await server.close()
  await directory.remove()
})

/** Another program, which writes three objects. */
async function post(tenant?: string): Promise<void> {
  for (let count = 0; count < 3; count++) {
    const reply = await fetch(`${server.url}/v1/objects`, {
      body: JSON.stringify({class: NAME, properties: {}, ...(tenant !== undefined && {tenant}), vector: [1, 2, 3, 4]}),
      headers: {'content-type': 'application/json'},
      method: 'POST',
    })
    if (!reply.ok) throw new Error(await reply.text())
  }
}

describe('clearing while somebody writes', () => {
  it.each([undefined, 'HOT', 'COLD'] as const)('ends, and says what remains (tenant: %s)', async (status) => {
    const tenant = status && 'T'
    const data = {className: NAME, dims: 4, objects: 35, ...(tenant && {tenant})}
    write = async () => {}
    await fillCollection(connection, makeClass({...data, objects: 0}), [])
    if (tenant) await connection.createTenants(NAME, [{name: tenant, status: 'HOT'}])
    const plan = planCollection((await connection.getCollection(NAME))!)
    expect(await connection.writeObjects({collection: plan, objects: makeObjects(data)})).toEqual([])
    if (status === 'COLD') await connection.setTenantStatus(NAME, [{name: 'T', status}])

    deletes = 0
    write = async () => post(tenant)
    const cleared = await new ClearManager(connection, {directory: directory.path}).clearCollection(NAME)
    // 35 objects in pages of 10; 12 were written meanwhile, 5 of them (or of the others) are gone with the last page.
    expect(deletes).toBe(4)
    expect(cleared).toMatchObject({deleted: 40, remaining: 7})
    expect(cleared.warnings.map(({code}) => code)).toEqual(['objects-remain'])
    if (status === 'COLD') await connection.setTenantStatus(NAME, [{name: 'T', status: 'HOT'}])
    expect(await connection.count(NAME, tenant)).toBe(7)
  })
})
