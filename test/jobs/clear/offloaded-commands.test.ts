import process from 'node:process'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {makeClass} from '../../../bench/data.js'
import {cli, type CliRun} from '../../cli/run-cli.js'
import {fillCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'

const NAME = 'OffloadedCommands'
const COPY = `${NAME}Copy`

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: TestServer

beforeAll(async () => {
  directory = await temporaryDirectory()
  server = await startTestServer()
})

afterAll(async () => {
  for (const name of [NAME, COPY]) await server.connection.deleteCollection(name)
  await server.close()
  await directory.remove()
})

beforeEach(async () => {
  const {connection} = server
  await fillCollection(connection, makeClass({className: NAME, dims: 4, objects: 0, tenant: 'far'}), [])
  await connection.createTenants(NAME, [{name: 'far', status: 'HOT'}])
  await connection.setTenantStatus(NAME, [{name: 'far', status: 'FROZEN'}])
  await settled()
})

async function settled(): Promise<void> {
  await expect.poll(async () => (await server.connection.listTenants(NAME))[0]?.status).toBe('FROZEN')
}

async function col(...argv: string[]): Promise<CliRun> {
  return cli(['col', ...argv, '-o', directory.path], {WEAVIATE_GRPC_URL: server.grpcUrl, WEAVIATE_URL: server.url})
}

// A real server offloads only with a module for it.
describe.skipIf(process.env.WEAVIATE_URL !== undefined)('offloaded tenants', () => {
  it('are onloaded by col clear for the backup, when asked', async () => {
    const refused = await col('clear', NAME, '--backup-first', '--force')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('--include-offloaded')
    await settled()
    const cleared = await col('clear', NAME, '--backup-first', '--include-offloaded', '--force')
    expect(cleared.stderr).not.toContain('NOT in it')
    // What it holds is not deleted: the tenant is offloaded.
    expect(cleared).toMatchObject({code: 3})
    expect(cleared.stdout).toContain('NOT counted: tenant far')
    await settled()
    expect((await col('clear', NAME, '--include-offloaded', '--force')).code).toBe(2)
  })

  it('that a backup, and a restore from it, are without are exit code 3; those that were not chosen are not', async () => {
    await server.connection.createTenants(NAME, [{name: 'near', status: 'HOT'}])
    const backup = await col('backup', NAME, '--json')
    expect(backup).toMatchObject({code: 3})
    expect(backup.json()).toMatchObject({
      complete: true,
      tenants: {count: 1, skipped: [{name: 'far', reason: 'offloaded'}]},
    })
    const id = String(backup.json().id)
    expect((await col('restore', id, '--name', COPY, '--dry-run')).code).toBe(0)
    const restored = await col('restore', id, '--name', COPY, '--json')
    expect(restored).toMatchObject({code: 3})
    expect(restored.json()).toMatchObject({
      warnings: [
        expect.objectContaining({
          code: 'tenants-not-in-backup',
          details: expect.objectContaining({unread: 1}) as object,
        }),
      ],
    })
    expect((await server.connection.listTenants(COPY)).map(({name}) => name)).toEqual(['near'])

    const chosen = await col('backup', NAME, '--tenant', 'near', '--json')
    expect(chosen).toMatchObject({code: 0})
    const merged = await col('restore', String(chosen.json().id), '--name', COPY, '--merge', '--json')
    expect(merged).toMatchObject({code: 0})
    expect(merged.json()).toMatchObject({
      warnings: [expect.objectContaining({details: expect.objectContaining({count: 1, unread: 0}) as object})],
    })
  })

  it('are named by col verify, or compared', async () => {
    const backup = await col('backup', NAME, '--include-offloaded', '--json')
    const {id} = (backup.json() as {backups?: Array<{id: string}>; id?: string}).backups?.[0] ?? backup.json()
    await settled()
    const without = await col('verify', NAME, '--against', String(id))
    expect(without.stdout).toContain('NOT compared: tenant far')
    await settled()
    const compared = await col('verify', NAME, '--against', String(id), '--include-offloaded')
    expect(compared.stdout).not.toContain('NOT compared')
    expect(compared.code).toBe(0)
  })
})
