/** What has expired and is hidden over gRPC is in the backup; and what cannot be known is said, not taken for none. */
import {readFile, writeFile} from 'node:fs/promises'
import {expect, it} from 'vitest'

import {BackupManager, ClearManager, RestoreManager, Verifier} from '../../../src/index.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {fillCollection} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'
import {objectId} from '../../support/object-id.js'

const NAME = 'ExpiredProbe'
const servers = embeddedServers()

it('eight objects, of which four have expired: all are backed up and restored, and none is deleted that no backup has', async () => {
  const clock = {now: Date.now()}
  const {connection} = await servers.start({now: () => clock.now})
  const schema = {
    class: NAME,
    objectTtlConfig: {defaultTtl: 3600, deleteOn: '_creationTimeUnix', enabled: true, filterExpiredObjects: true},
    properties: [{dataType: ['text'], name: 'title'}],
    vectorizer: 'none',
  }
  const objects = Array.from({length: 8}, (_, index) => ({id: objectId(index + 1), properties: {title: `${index}`}}))
  await fillCollection(connection, schema, objects.slice(0, 4))
  clock.now += 2 * 3_600_000
  const collection = planCollection((await connection.getCollection(NAME))!)
  expect(await connection.writeObjects({collection, objects: objects.slice(4)})).toEqual([])

  const folder = {directory: servers.directory}
  const backup = await new BackupManager(connection, folder).backupCollection(NAME)
  expect(backup).toMatchObject({complete: true, counted: {after: 8, before: 8, read: 8}, objectCount: 8})
  expect(await new Verifier({connection, ...folder}).verifyCollection(NAME, backup.path)).toMatchObject({equal: true})
  const cleared = await new ClearManager(connection, folder).clearCollection(NAME, {backupFirst: true})
  expect(cleared).toMatchObject({backup: {objectCount: 8}, deleted: 8, remaining: 0})
  const restored = await new RestoreManager(connection, folder).restoreCollection(backup.path, {merge: true})
  expect(restored).toMatchObject({rejected: 0, restored: 8})
})

it('a dry run wakes no tenant and names those that it has not counted', async () => {
  const {connection} = await servers.start()
  await connection.createCollection({class: NAME, multiTenancyConfig: {enabled: true}, vectorizer: 'none'})
  await connection.createTenants(NAME, [
    {name: 'awake', status: 'HOT'},
    {name: 'asleep', status: 'HOT'},
  ])
  const collection = planCollection((await connection.getCollection(NAME))!)
  const objects = ['awake', 'asleep'].flatMap((tenant) =>
    [1, 2, 3].map((index) => ({id: objectId(index), properties: {}, tenant})),
  )
  expect(await connection.writeObjects({collection, objects})).toEqual([])
  await connection.setTenantStatus(NAME, [{name: 'asleep', status: 'COLD'}])
  const folder = {directory: servers.directory}
  const {objectCount, warnings} = await new BackupManager(connection, folder).backupCollection(NAME, {dryRun: true})
  expect(objectCount).toBe(3)
  expect(warnings).toMatchObject([{code: 'tenants-not-counted', details: {tenants: ['asleep']}}])
  expect((await connection.listTenants(NAME)).find(({name}) => name === 'asleep')?.status).toBe('COLD')
})

/** Path of a backup of one object, and what it says. */
async function oneObject(tenant?: string) {
  const {connection} = await servers.start()
  const isTenants = tenant !== undefined
  const multiTenancyConfig = {autoTenantCreation: isTenants, enabled: isTenants}
  const object = {id: objectId(1), properties: {}, ...(tenant !== undefined && {tenant})}
  await fillCollection(connection, {class: NAME, multiTenancyConfig, vectorizer: 'none'}, [object])
  const folder = {directory: servers.directory}
  const {path: file} = await new BackupManager(connection, folder).backupCollection(NAME)
  return {connection, file, manager: new RestoreManager(connection, folder), text: await readFile(file, 'utf8')}
}

it('a dry run of a backup of tenants without its seal says nothing of how many objects there are', async () => {
  const {file, manager, text} = await oneObject('tenant')
  const {seal: _, ...document} = JSON.parse(text) as Record<string, unknown>
  await writeFile(file, JSON.stringify(document))
  const options = {acceptChanged: true, dryRun: true, name: `${NAME}Copy`}
  const foretold = await manager.restoreCollection(file, options)
  expect([foretold.dryRun, foretold.expected]).toEqual([true, undefined])
})

it('a backup that requires what this release does not know is not read', async () => {
  const {connection, file, manager, text} = await oneObject()
  const document = JSON.parse(text) as {metadata: Record<string, unknown>}
  document.metadata.requires = ['time-travel']
  await writeFile(file, JSON.stringify(document))
  const restoring = manager.restoreCollection(file, {acceptChanged: true, name: `${NAME}Copy`})
  await expect(restoring).rejects.toMatchObject({message: expect.stringContaining('time-travel') as string})
  expect(await connection.getCollection(`${NAME}Copy`)).toBeUndefined()
})
