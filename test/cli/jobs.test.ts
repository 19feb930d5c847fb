/** Jobs of several machines at the terminal: exit codes, and what is printed. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import {makeTenants} from '../fault/samples.js'
import {startTestServer, type TestServer} from '../support/collections.js'
import {cannotOffload, NO_OFFLOAD} from '../support/server-that-offloads.js'
import {cli, type CliRun, temporaryFolder} from './run-cli.js'

const TENANTS = 'JobsTenants'
let server: TestServer
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  server = await startTestServer()
  folder = await temporaryFolder()
  await makeTenants(server.connection, TENANTS, {objects: 60, tenants: 6})
})
afterAll(async () => {
  await server.connection.deleteCollection(TENANTS)
  await server.close()
  await folder.remove()
})

const run = async (...argv: string[]): Promise<CliRun> =>
  cli([...argv, '-o', folder.path], {WEAVIATE_GRPC_URL: server.grpcUrl, WEAVIATE_URL: server.url})

it('ends with 3 when tenants are not in the backup that nobody left out, and says which', async ({skip}) => {
  skip(await cannotOffload(server.connection), NO_OFFLOAD)
  await server.connection.setTenantStatus(TENANTS, [{name: 'tenant2', status: 'FROZEN'}])
  expect(await run('job', 'create', 'backup', TENANTS, '--job', 'lacking')).toMatchObject({code: 0})
  const worked = await run('job', 'work', 'lacking', '--json')
  expect(worked).toMatchObject({code: 3})
  expect(worked.json()).toMatchObject({
    end: 'done',
    sealed: [{collection: TENANTS, object_count: 50, tenants: 5}],
    skipped: [{collection: TENANTS, reason: 'offloaded', tenant: 'tenant2'}],
  })
  // Whoever comes later, and has nothing left to do, learns it as well.
  const later = await run('job', 'work', 'lacking')
  expect(later).toMatchObject({code: 3})
  expect(later.stdout + later.stderr).toContain(`NOT in the backup: tenant "tenant2" of ${TENANTS} (offloaded)`)
  // Chosen ones are all that is wanted.
  const chosen = await run('job', 'create', 'backup', TENANTS, '--job', 'chosen', '--tenant', 'tenant0')
  expect(chosen).toMatchObject({code: 0})
  expect(await run('job', 'work', 'chosen', '--json')).toMatchObject({code: 0})
})
