/** Backups of a filter that asks when objects were created or updated, beside the collection they are from and beside what was restored from them. */
import {setTimeout} from 'node:timers/promises'
import {expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {where, withoutVectors} from '../../../src/flow/transform/index.js'
import {BackupManager} from '../../../src/jobs/backup/manager.js'
import {RestoreManager} from '../../../src/jobs/restore/manager.js'
import {Verifier} from '../../../src/jobs/verify/verifier.js'
import {writeAll} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const NAME = 'Timed'
const servers = embeddedServers()

it.each([
  ['created', [], undefined],
  ['updated', [], undefined],
  ['created', [withoutVectors()], undefined],
  ['created', [], 'anna'],
])('%s, then %o, of tenant %s', async (time, more, tenant) => {
  const options = {className: NAME, dims: 4, objects: 20, ...(tenant !== undefined && {tenant})}
  const {connection} = await servers.start()
  await connection.createCollection(makeClass(options))
  if (tenant !== undefined) await connection.createTenants(NAME, [{name: tenant, status: 'HOT'}])
  const objects = makeObjects(options)
  await writeAll(connection, NAME, objects.slice(0, 12))
  await setTimeout(20)
  const until = new Date().toISOString()
  await setTimeout(20)
  await writeAll(connection, NAME, objects.slice(12))
  if (tenant !== undefined) await connection.setTenantStatus(NAME, [{name: tenant, status: 'COLD'}])

  const place = {directory: servers.directory}
  const transforms = [where(`${time} < timestamp("${until}")`), ...more]
  const backup = await new BackupManager(connection, place).backupCollection(NAME, {transforms})
  const restored = await new RestoreManager(connection, place).restoreCollection(backup.path, {name: 'TimedCopy'})
  expect(restored).toMatchObject({restored: 12})
  const verifier = new Verifier({connection, ...place})
  const copy = await verifier.verifyCollection('TimedCopy', backup.path)
  expect(copy).toMatchObject({counts: {backup: 12, extra: 0, live: 12, missing: 0}, equal: true})
  expect(copy).not.toHaveProperty('changed')
  const original = await verifier.verifyCollection(NAME, backup.path)
  expect(original).toMatchObject({changed: 'live', counts: {backup: 12, live: 12}, equal: true})
})
