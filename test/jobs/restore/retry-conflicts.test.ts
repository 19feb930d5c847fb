/** Refused objects that are sent again, where others have written some of the same ids since; and choices that came out empty. */
import {expect, it} from 'vitest'

import type {Connection} from '../../../src/weaviate/connection.js'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {BackupManager} from '../../../src/jobs/backup/manager.js'
import {RestoreManager} from '../../../src/jobs/restore/manager.js'
import {Verifier} from '../../../src/jobs/verify/verifier.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {fillCollection, writeAll} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const NAME = 'RetryConflicts'
const OPTIONS = {className: NAME, dims: 4, objects: 6}
const servers = embeddedServers()

/** Two of the objects are refused. */
function refusing(connection: Connection, refused: ReadonlySet<string>): Connection {
  return {
    ...connection,
    async writeObjects(request) {
      const objects = request.objects.filter(({id}) => !refused.has(id))
      const failures = objects.length > 0 ? await connection.writeObjects({...request, objects}) : []
      const some = request.objects.filter(({id}) => refused.has(id))
      return [...failures, ...some.map(({id}) => ({id, reason: 'not today'}))]
    },
  }
}

it('what others have written since is left alone, or an error, as on-conflict says', async () => {
  const {connection} = await servers.start()
  const objects = makeObjects(OPTIONS)
  const [mine, theirs] = objects
  if (!mine || !theirs) throw new Error('there are none')
  const place = {directory: servers.directory}
  await fillCollection(connection, makeClass(OPTIONS), objects)
  const backup = await new BackupManager(connection, place).backupCollection(NAME)
  await fillCollection(connection, makeClass(OPTIONS), [])
  const stubborn = refusing(connection, new Set([mine.id, theirs.id]))
  const restores = new RestoreManager(connection, place)
  const first = await new RestoreManager(stubborn, place).restoreCollection(backup.path, {
    merge: true,
    onConflict: 'skip',
  })
  expect(first).toMatchObject({rejected: 2, restored: 4})
  const file = first.rejectedFile ?? ''
  const changed = {...theirs, properties: {...theirs.properties, property0: 'theirs'}}
  await writeAll(connection, NAME, [changed])
  const retry = {merge: true, retryRejected: file}
  await expect(restores.restoreCollection(backup.path, {...retry, onConflict: 'fail'})).rejects.toMatchObject({
    code: 'COLLECTION_EXISTS',
    details: {objects: 1},
  })
  expect(await connection.count(NAME)).toBe(5)
  const again = await restores.restoreCollection(backup.path, {...retry, onConflict: 'skip'})
  expect(again).toMatchObject({rejected: 0, restored: 1, skipped: 1})
  const collection = planCollection(makeClass(OPTIONS))
  const [live] = await connection.getObjects({collection, ids: [theirs.id]})
  expect(live?.properties.property0).toBe('theirs')
  expect(await connection.count(NAME)).toBe(6)
})

it('a choice of tenants that came out empty is not all of them', async () => {
  const {connection} = await servers.start()
  const options = {...OPTIONS, tenant: 'anna'}
  await connection.createCollection(makeClass(options))
  await connection.createTenants(NAME, [{name: 'anna', status: 'HOT'}])
  await writeAll(connection, NAME, makeObjects(options))
  const place = {directory: servers.directory}
  const backups = new BackupManager(connection, place)
  const backup = await backups.backupCollection(NAME)
  const none = {tenants: []}
  const refused = {code: 'INVALID_INPUT', message: 'A choice of tenants was given, and none is in it.'}
  const verifier = new Verifier({connection, ...place})
  await expect(backups.backupCollection(NAME, none)).rejects.toMatchObject(refused)
  const merging = new RestoreManager(connection, place).restoreCollection(backup.path, {...none, merge: true})
  await expect(merging).rejects.toMatchObject(refused)
  await expect(verifier.verifyCollection(NAME, backup.path, none)).rejects.toMatchObject(refused)
  await expect(verifier.diffCollections(NAME, NAME, none)).rejects.toMatchObject(refused)
  await expect(verifier.diffBackups(backup.path, backup.path, none)).rejects.toMatchObject(refused)
})
