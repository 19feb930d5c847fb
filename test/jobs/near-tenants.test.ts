/** A tenant that is misspelt: whichever job it is for, what may be meant is said, as of collections. */
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'

import {openArchive} from '../../src/catalog/locate.js'
import {BackupManager, CopyManager, JobManager, RestoreManager, Verifier} from '../../src/index.js'
import {firstObjects} from '../../src/jobs/inspect/objects.js'
import {tenantsNotThere} from '../../src/model/tenant.js'
import {openStore} from '../../src/store/open.js'
import {makeTenants} from '../fault/samples.js'
import {startTestServer, type TestServer} from '../support/collections.js'

const NAME = 'NearTenants'

let directory: string
let server: TestServer
let id: string

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'data-ops-near-'))
  server = await startTestServer()
  const {connection} = server
  await makeTenants(connection, NAME, {objects: 4, tenants: 2})
  await connection.createTenants(NAME, [{name: 'alice', status: 'HOT'}])
  id = (await new BackupManager(connection, {directory}).backupCollection(NAME)).id
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
  await rm(directory, {recursive: true})
})

it.each<[string, (options: {tenants: string[]}) => Promise<unknown>]>([
  ['back up', async (options) => new BackupManager(server.connection, {directory}).backupCollection(NAME, options)],
  [
    'dry run',
    async (options) =>
      new BackupManager(server.connection, {directory}).backupCollection(NAME, {...options, dryRun: true}),
  ],
  [
    'restore',
    async (options) =>
      new RestoreManager(server.connection, {directory}).restoreCollection(id, {...options, name: `${NAME}Back`}),
  ],
  [
    'copy',
    async (options) =>
      new CopyManager(server.connection, server.connection, {directory}).copyCollection(NAME, {
        ...options,
        name: `${NAME}Copy`,
      }),
  ],
  [
    'compare',
    async (options) => new Verifier({connection: server.connection, directory}).verifyCollection(NAME, id, options),
  ],
  ['diff', async (options) => new Verifier({directory}).diffBackups(id, id, options)],
  [
    'plan a job',
    async (options) =>
      new JobManager({directory}).createBackup(server.connection, [NAME], {...options, format: 'parquet'}),
  ],
  [
    'look into a backup',
    async ({tenants}) => firstObjects((await openArchive(id, openStore(directory))).archive, {tenant: tenants[0]}),
  ],
])('%s', async (_, run) => {
  await expect(run({tenants: ['alise']})).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    details: {near: ['alice'], tenants: ['alise']},
    hint: 'Did you mean alice?',
    message: expect.stringContaining('"alise"') as string,
  })
})

it('what is near none is answered with how many there are; patterns and new names are not part of a name', () => {
  expect(tenantsNotThere(['zebra'], ['alice', 'bob'], 'The collection')).toEqual({
    details: {tenants: ['zebra']},
    hint: 'The collection has 2 tenants, "alice" among them.',
  })
  expect(tenantsNotThere(['x'], [], 'It').hint).toBe('It has 0 tenants.')
  expect(tenantsNotThere(['alise*'], ['alice', 'bob'], 'It').hint).toBe('Did you mean alice?')
})
