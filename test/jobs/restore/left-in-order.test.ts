/** A restore that fails since nothing can be written to the place any more: what it activated is put back, and the first failure is the one that is told. */
import {expect, it} from 'vitest'

import type {PutCondition, Store} from '../../../src/store/store.js'

import {BackupManager, RestoreManager} from '../../../src/index.js'
import {SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {overlay} from '../../../src/model/overlay.js'
import {LocalStore} from '../../../src/store/local/store.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {startTestServer, temporaryDirectory} from '../../support/collections.js'

const NAME = 'LeftInOrder'
const SAVED_EVERY = SAVE_EVERY.ms

it('a disk that is full for refused objects leaves no tenant active', async () => {
  const server = await startTestServer()
  const directory = await temporaryDirectory()
  SAVE_EVERY.ms = 0
  const {connection} = server
  const tenants = ['a', 'b'].map((name) => ({name, status: 'COLD' as const}))
  const statuses = async (): Promise<string[]> => (await connection.listTenants(NAME)).map(({status}) => status)
  try {
    await connection.createCollection({class: NAME, multiTenancyConfig: {enabled: true}, vectorizer: 'none'})
    await connection.createTenants(
      NAME,
      tenants.map(({name}) => ({name, status: 'HOT'})),
    )
    const collection = planCollection((await connection.getCollection(NAME))!)
    const objects = tenants.map(({name: tenant}, index) => ({
      id: `7e4a4700-0000-4000-8000-00000000000${index}`,
      properties: {},
      tenant,
    }))
    await connection.writeObjects({collection, objects})
    await connection.setTenantStatus(NAME, tenants)
    const place = new LocalStore(directory.path)
    const backup = await new BackupManager(connection, {store: place}).backupCollection(NAME)
    expect(await statuses()).toEqual(['COLD', 'COLD'])
    const full: Store = overlay(place, {
      async put(name: string, bytes: Uint8Array, condition?: PutCondition) {
        if (name.includes('rejected')) throw new DataOpsError('STORAGE', 'The disk is full.')
        return place.put(name, bytes, condition)
      },
    })
    const refusing: typeof connection = {
      ...connection,
      writeObjects: async (request) => request.objects.map(({id, tenant}) => ({id, reason: 'not today', tenant})),
    }
    const restore = new RestoreManager(refusing, {store: full}).restoreCollection(backup.id, {merge: true})
    const failed = await restore.catch((error: unknown) => error)
    expect(await statuses()).toEqual(['COLD', 'COLD'])
    expect(failed).toMatchObject({code: 'STORAGE', details: {resumable: true}})
  } finally {
    SAVE_EVERY.ms = SAVED_EVERY
    await connection.deleteCollection(NAME)
    await server.close()
    await directory.remove()
  }
})
