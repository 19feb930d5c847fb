/** Tenants that could not be read are told of, whatever is changed on the way. */
import {expect, it} from 'vitest'

import type {Connection} from '../../src/weaviate/connection.js'

import {makeClass, makeObjects} from '../../bench/data.js'
import {comesFromLacking} from '../../src/cli/unread.js'
import {convert, intoTenant, outOfTenants, rename} from '../../src/flow/transform/index.js'
import {BackupManager} from '../../src/jobs/backup/manager.js'
import {RestoreManager} from '../../src/jobs/restore/manager.js'
import {writeAll} from '../support/collections.js'
import {embeddedServers} from '../support/embedded-servers.js'

const NAME = 'Skipped'
const servers = embeddedServers()

async function fill(connection: Connection): Promise<void> {
  const options = {className: NAME, dims: 4, objects: 6, tenant: 'eu-1'}
  await connection.createCollection(makeClass(options))
  const names = ['eu-1', 'eu-2', 'us-1']
  await connection.createTenants(
    NAME,
    names.map((name) => ({name, status: 'HOT'})),
  )
  const objects = makeObjects(options).map((object, index) => ({...object, tenant: names[index % 3]!}))
  await writeAll(connection, NAME, objects)
  await connection.setTenantStatus(NAME, [{name: 'eu-2', status: 'FROZEN'}])
}

it('a backup in which their names would be gone is refused', async () => {
  const {connection} = await servers.start()
  await fill(connection)
  const backups = new BackupManager(connection, {directory: servers.directory})
  for (const transform of [outOfTenants(), intoTenant('eu-2')]) {
    await expect(backups.backupCollection(NAME, {transforms: [transform]})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      details: {tenants: [{name: 'eu-2', reason: 'offloaded'}]},
    })
  }

  const whole = await backups.backupCollection(NAME, {includeOffloaded: true, transforms: [outOfTenants()]})
  expect(whole).toMatchObject({complete: true, objectCount: 6})
  const chosen = await backups.backupCollection(NAME, {tenants: ['us-1'], transforms: [outOfTenants()]})
  expect(chosen.objectCount).toBe(2)
  // Where they stand in it, they are told of as ever.
  const other = await backups.backupCollection(NAME, {transforms: [intoTenant('all')]})
  expect(other).toMatchObject({objectCount: 4, tenants: {count: 1, skipped: [{name: 'eu-2', reason: 'offloaded'}]}})
})

it('a restore that changes what is in it says what its backup lacks', async () => {
  const {connection} = await servers.start()
  await fill(connection)
  const place = {directory: servers.directory}
  const backup = await new BackupManager(connection, place).backupCollection(NAME)
  const restores = new RestoreManager(connection, place)
  const lacking = async (name: string, options: Parameters<RestoreManager['restoreCollection']>[1]) => {
    const restored = await restores.restoreCollection(backup.path, {...options, name})
    return {
      codes: restored.warnings.map(({code}) => code).filter((code) => code !== 'schema-defaults'),
      isLacking: comesFromLacking(restored),
      restored: restored.restored,
    }
  }

  const told = {codes: ['tenants-not-in-backup'], isLacking: true}
  expect(await lacking('Plain', {})).toEqual({...told, restored: 4})
  expect(await lacking('Renamed', {transforms: [rename({property0: 'title'})]})).toEqual({...told, restored: 4})
  expect(await lacking('Retyped', {overrides: {'properties.property2.dataType': ['number']}})).toEqual({
    ...told,
    restored: 4,
  })
  expect(await lacking('Flat', {overrides: {'shardingConfig.desiredCount': 1}, transforms: [outOfTenants()]})).toEqual({
    ...told,
    restored: 4,
  })
  // Of those that were chosen by a pattern, too.
  expect(await lacking('Europe', {tenants: ['eu-*']})).toEqual({...told, restored: 2})
  expect(await lacking('America', {tenants: ['us-*']})).toEqual({codes: [], isLacking: false, restored: 2})
})

it('a text that is a number beyond all numbers does not become Infinity', async () => {
  const schema = {class: NAME, properties: [{dataType: ['text'], name: 'size'}]}
  const transform = convert('size', 'number')
  const objectOf = (size: string) => [{id: '00000000-0000-4000-8000-000000000001', properties: {size}}]
  expect(transform.page?.(objectOf('1e300'), schema)).toMatchObject([{properties: {size: 1e300}}])
  const beyond = async () => transform.page?.(objectOf('1e400'), schema)
  await expect(beyond()).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('1e400') as string,
  })
})
