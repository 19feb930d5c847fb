/** What could not be compared is never equal: objects that a listing hides, tenants that one side lacks. */
import {expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {BackupManager} from '../../../src/jobs/backup/manager.js'
import {RestoreManager} from '../../../src/jobs/restore/manager.js'
import {isUnknown} from '../../../src/jobs/verify/unknown.js'
import {Verifier} from '../../../src/jobs/verify/verifier.js'
import {writeAll} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const NAME = 'Unknown'
const servers = embeddedServers()

it.each([undefined, 'anna'])(
  'a collection of which the server counts more than it lists is not equal (tenant %s)',
  async (tenant) => {
    const options = {className: NAME, dims: 4, objects: 10, ...(tenant !== undefined && {tenant})}
    const hidden = new Set<string>()
    const {connection} = await servers.start({page: ({ids}) => ids.filter((id) => !hidden.has(id))})
    await connection.createCollection(makeClass(options))
    if (tenant !== undefined) await connection.createTenants(NAME, [{name: tenant, status: 'HOT'}])
    const objects = makeObjects(options)
    await writeAll(connection, NAME, objects.slice(0, 7))
    const place = {directory: servers.directory}
    const backup = await new BackupManager(connection, place).backupCollection(NAME)
    await writeAll(connection, NAME, objects.slice(7))
    for (const {id} of objects.slice(7)) hidden.add(id)
    if (tenant !== undefined) await connection.setTenantStatus(NAME, [{name: tenant, status: 'COLD'}])
    const warned: string[] = []
    const verifier = new Verifier({connection, ...place})
    const compared = await verifier.verifyCollection(NAME, backup.path, {
      onWarning({code}) {
        warned.push(code)
      },
    })
    expect(compared).toMatchObject({
      counts: {backup: 7, different: 0, extra: 0, live: 7, missing: 0},
      equal: false,
      notCompared: ['the server counts 10 objects and lists 7'],
    })
    expect(isUnknown(compared)).toBe(true)
    expect(warned).toEqual(['objects-not-shown'])
    expect(await verifier.diffCollections(NAME, NAME)).toMatchObject({equal: false})
    hidden.clear()
    expect(await verifier.verifyCollection(NAME, backup.path)).toMatchObject({counts: {extra: 3}, equal: false})
  },
)

it('a writer that adds objects while it is compared is no reason to doubt what was listed', async () => {
  const options = {className: NAME, dims: 4, objects: 10}
  const objects = makeObjects(options)
  let isDue = false
  const {connection} = await servers.start({
    async onRequest({method}) {
      if (method !== 'Aggregate' || !isDue) return
      isDue = false
      await writeAll(connection, NAME, objects.slice(7))
    },
  })
  await connection.createCollection(makeClass(options))
  await writeAll(connection, NAME, objects.slice(0, 7))
  const place = {directory: servers.directory}
  const backup = await new BackupManager(connection, place).backupCollection(NAME)
  const counting = connection.count.bind(connection)
  let counts = 0
  connection.count = async (...request) => {
    isDue = ++counts === 2
    return counting(...request)
  }

  const compared = await new Verifier({connection, ...place}).verifyCollection(NAME, backup.path)
  expect(counts).toBe(3)
  expect(compared).toMatchObject({counts: {live: 7}, equal: true})
  expect(compared).not.toHaveProperty('notCompared')
})

it('tenants without objects that one side lacks are seen, and those that nothing was compared with', async () => {
  const options = {className: NAME, dims: 4, objects: 3, tenant: 'full'}
  const {connection, url} = await servers.start()
  const status = 'HOT' as const
  await connection.createCollection(makeClass(options))
  await connection.createTenants(
    NAME,
    ['empty', 'full', 'off'].map((name) => ({name, status})),
  )
  await writeAll(connection, NAME, makeObjects(options))
  await writeAll(connection, NAME, makeObjects({...options, tenant: 'off'}))
  const place = {directory: servers.directory}
  const backups = new BackupManager(connection, place)
  await connection.setTenantStatus(NAME, [{name: 'off', status: 'FROZEN'}])
  const without = await backups.backupCollection(NAME)
  await connection.setTenantStatus(NAME, [{name: 'off', status}])
  const whole = await backups.backupCollection(NAME)
  const verifier = new Verifier({connection, ...place})
  // What it could not read is there, with three objects.
  expect(await verifier.verifyCollection(NAME, without.path)).toMatchObject({
    counts: {live: 3},
    equal: false,
    notCompared: ['tenant off (not in the backup: offloaded)'],
  })
  expect(await verifier.verifyCollection(NAME, without.path, {tenants: ['empty', 'full']})).toMatchObject({equal: true})
  // A restore of it is whole as far as the backup is, and says what that lacks.
  const restored = await new RestoreManager(connection, place).restoreCollection(without.path, {
    name: 'UnknownCopy',
    verify: true,
  })
  expect(restored).toMatchObject({restored: 3, verification: {equal: true}})
  expect(restored.warnings).toEqual([expect.objectContaining({code: 'tenants-not-in-backup'})])

  await fetch(`${url}/v1/schema/${NAME}/tenants`, {
    body: '["empty"]',
    headers: {'content-type': 'application/json'},
    method: 'DELETE',
  })
  await connection.createTenants(NAME, [{name: 'new', status}])
  const differs = await verifier.verifyCollection(NAME, whole.path)
  expect(differs).toMatchObject({
    counts: {different: 0, extra: 0, missing: 0},
    equal: false,
    schemaDifferences: [
      {backup: 'empty', path: 'tenants.empty', severity: 'blocking'},
      {live: 'new', path: 'tenants.new', severity: 'notice'},
    ],
  })
  expect(isUnknown(differs)).toBe(false)
  await connection.createTenants(NAME, [{name: 'empty', status}])
  expect(await verifier.verifyCollection(NAME, whole.path)).toMatchObject({equal: true})
  // One that is there, offloaded, and that the backup does not know.
  await connection.setTenantStatus(NAME, [{name: 'new', status: 'FROZEN'}])
  expect(await verifier.verifyCollection(NAME, whole.path)).toMatchObject({
    equal: false,
    notCompared: ['tenant new (offloaded)'],
  })
})

it('a tenant that was left out of the backup on purpose, and is asked for by its name, is not known to be equal', async () => {
  const options = {className: NAME, dims: 4, objects: 3, tenant: 'out'}
  const {connection} = await servers.start()
  await connection.createCollection(makeClass(options))
  await connection.createTenants(
    NAME,
    ['in', 'out'].map((name) => ({name, status: 'HOT' as const})),
  )
  await writeAll(connection, NAME, makeObjects(options))
  const place = {directory: servers.directory}
  const backup = await new BackupManager(connection, place).backupCollection(NAME, {tenants: ['in']})
  const verifier = new Verifier({connection, ...place})
  const tenantsLeftOut = [{name: 'out', reason: 'not in the backup: not selected'}]
  expect(await verifier.verifyCollection(NAME, backup.path)).toMatchObject({equal: true, tenantsLeftOut})
  const asked = await verifier.verifyCollection(NAME, backup.path, {tenants: ['out']})
  expect(asked).toMatchObject({
    counts: {backup: 0, live: 0},
    equal: false,
    notCompared: ['tenant out (not in the backup: not selected)'],
    tenantsLeftOut,
  })
  expect(isUnknown(asked)).toBe(true)
})

it('of a backup of the schema alone an empty collection is equal, one with objects is not known to be', async () => {
  const options = {className: NAME, dims: 4, objects: 3}
  const {connection} = await servers.start()
  await connection.createCollection(makeClass(options))
  const place = {directory: servers.directory}
  const backup = await new BackupManager(connection, place).backupCollection(NAME, {includeData: false})
  const verifier = new Verifier({connection, ...place})
  expect(await verifier.verifyCollection(NAME, backup.path)).toMatchObject({equal: true})
  await writeAll(connection, NAME, makeObjects(options))
  expect(await verifier.verifyCollection(NAME, backup.path)).toMatchObject({
    equal: false,
    notCompared: ['the objects: the backup holds the schema only'],
  })
})
