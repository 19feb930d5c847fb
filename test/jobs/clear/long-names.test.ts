import {readdir} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {BackupManager} from '../../../src/jobs/backup/manager.js'
import {activationMarkerName} from '../../../src/jobs/clear/activation-marker.js'
import {ClearManager} from '../../../src/jobs/clear/manager.js'
import {markerNameIn} from '../../../src/jobs/clear/marker.js'
import {RestoreManager} from '../../../src/jobs/restore/manager.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {fillCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {memoryStore} from '../../support/memory-store.js'

const NAME = `Clear${'x'.repeat(195)}`
const TENANTS = [
  {name: 'cold', status: 'COLD'},
  {name: 'hot', status: 'HOT'},
] as const

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: TestServer

beforeAll(async () => {
  directory = await temporaryDirectory()
  server = await startTestServer()
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
  await directory.remove()
})

describe('a collection with a very long name', () => {
  it.each([200, 255])('of %d characters has markers that fit in 255 bytes', (length) => {
    for (const name of [
      activationMarkerName('A'.repeat(length)),
      markerNameIn(memoryStore(), 'drop', 'A'.repeat(length)),
    ]) {
      expect(name.length).toBeLessThanOrEqual(255)
    }
  })

  it('is backed up, cleared, restored and dropped like any other', async () => {
    const {connection} = server
    await fillCollection(connection, makeClass({className: NAME, dims: 4, objects: 0, tenant: 'hot'}), [])
    await connection.createTenants(
      NAME,
      TENANTS.map(({name}) => ({name, status: 'HOT'})),
    )
    const plan = planCollection((await connection.getCollection(NAME))!)
    for (const {name} of TENANTS) {
      const objects = makeObjects({className: NAME, dims: 4, objects: 20, tenant: name})
      expect(await connection.writeObjects({collection: plan, objects})).toEqual([])
    }

    await connection.setTenantStatus(NAME, [TENANTS[0]])
    const options = {directory: directory.path}
    const backup = await new BackupManager(connection, options).backupCollection(NAME, {compress: true})
    expect(backup).toMatchObject({collection: NAME, objectCount: 40})
    await connection.deleteCollection(NAME)
    const restored = await new RestoreManager(connection, options).restoreCollection(backup.path, {verify: true})
    expect(restored).toMatchObject({collection: NAME, restored: 40, verification: {equal: true}})

    const manager = new ClearManager(connection, options)
    expect(await manager.clearCollection(NAME)).toMatchObject({deleted: 40, remaining: 0})
    const dropped = await manager.clearCollection(NAME, {keepSchema: false})
    expect(await connection.listTenants(NAME)).toEqual(expect.arrayContaining([...TENANTS]))
    const left = (await readdir(directory.path)).filter((name) => !name.startsWith('.backup_catalog'))
    expect(left.sort()).toEqual([backup.path, dropped.schemaFile!].map((file) => path.basename(file)).sort())
  })
})
