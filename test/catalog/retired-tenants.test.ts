/** Tenants that were backed up by themselves and then deleted: no backup of all tenants that are left has what they had. */
import {expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../bench/data.js'
import {BackupCatalog} from '../../src/catalog/catalog.js'
import {BackupManager} from '../../src/jobs/backup/manager.js'
import {RestoreManager} from '../../src/jobs/restore/manager.js'
import {writeAll} from '../support/collections.js'
import {embeddedServers} from '../support/embedded-servers.js'

const NAME = 'Retired'
const servers = embeddedServers()

it('the only backup of a tenant is not pruned on account of one of all that are left', async () => {
  const {connection, url} = await servers.start()
  const options = {className: NAME, dims: 4, objects: 3, tenant: 'anna'}
  await connection.createCollection(makeClass(options))
  await connection.createTenants(
    NAME,
    ['anna', 'berta', 'carla'].map((name) => ({name, status: 'HOT'})),
  )
  for (const tenant of ['anna', 'berta', 'carla']) await writeAll(connection, NAME, makeObjects({...options, tenant}))
  const place = {directory: servers.directory}
  const backups = new BackupManager(connection, place)
  const anna = await backups.backupCollection(NAME, {tenants: ['anna']})
  const berta = await backups.backupCollection(NAME, {tenants: ['berta']})
  await fetch(`${url}/v1/schema/${NAME}/tenants`, {
    body: '["anna"]',
    headers: {'content-type': 'application/json'},
    method: 'DELETE',
  })
  const left = await backups.backupCollection(NAME)
  const carla = await backups.backupCollection(NAME, {tenants: ['carla']})
  const catalog = new BackupCatalog(servers.directory)
  const {reasons, removed} = await catalog.prune({keepLast: 1})
  // What berta had is in the one of all that are left.
  expect(removed.map(({id}) => id)).toEqual([berta.id])
  expect((await catalog.list()).map(({id}) => id).toSorted()).toEqual([anna.id, carla.id, left.id].toSorted())
  expect(Object.values(reasons)).toContainEqual(['the last good one'])
  const restored = await new RestoreManager(connection, place).restoreCollection(anna.path, {name: 'RetiredAnna'})
  expect(restored.restored).toBe(3)
})
