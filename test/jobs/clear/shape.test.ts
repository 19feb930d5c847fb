/** What a clear that drops would not make again, and what its backup would not hold. */
import {expect, it} from 'vitest'

import type {RequestInfo} from '../../../src/testing/index.js'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {drop, where} from '../../../src/flow/transform/index.js'
import {BackupManager} from '../../../src/jobs/backup/manager.js'
import {ClearManager} from '../../../src/jobs/clear/manager.js'
import {ReplaceManager} from '../../../src/jobs/replace/manager.js'
import {fillCollection, writeAll} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const NAME = 'ClearShape'
const servers = embeddedServers()
const QUIET = {keepSchema: false, quietForMs: 1}

/** Changes the collection once, right after it was first looked at for whether it still changes. */
async function changing(change: (url: string) => Promise<unknown>) {
  let isArmed = false
  let own = ''
  const {connection, url} = await servers.start({
    async onRequest({method}: RequestInfo) {
      if (!isArmed || method !== 'Aggregate') return
      isArmed = false
      await change(own)
    },
  })
  own = url
  return {
    arm() {
      isArmed = true
    },
    connection,
  }
}

async function post(path: string, body: unknown): Promise<void> {
  const reply = await fetch(path, {
    body: JSON.stringify(body),
    headers: {'content-type': 'application/json'},
    method: 'POST',
  })
  expect(reply.status).toBe(200)
}

it('a property that came to be after the schema was saved is not dropped with the rest', async () => {
  const options = {className: NAME, dims: 4, objects: 5}
  const {arm, connection} = await changing(async (url) =>
    post(`${url}/v1/schema/${NAME}/properties`, {dataType: ['text'], name: 'extra'}),
  )
  await fillCollection(connection, makeClass(options), makeObjects(options))
  const manager = new ClearManager(connection, {directory: servers.directory})
  arm()
  await expect(manager.clearCollection(NAME, QUIET)).rejects.toMatchObject({
    code: 'CONTENT_DIFFERS',
    message: expect.stringContaining('properties.extra') as string,
  })
  expect(await connection.count(NAME)).toBe(5)
  expect((await connection.getCollection(NAME))?.properties).toHaveLength(7)
  expect(await manager.clearCollection(NAME, QUIET)).toMatchObject({deleted: 5, remaining: 0})
  expect((await connection.getCollection(NAME))?.properties).toHaveLength(7)
})

it('nor is a tenant, nor the state of one', async () => {
  const options = {className: NAME, dims: 4, objects: 2, tenant: 'anna'}
  let turn = 0
  const {arm, connection} = await changing(async (url) =>
    turn++ === 0
      ? post(`${url}/v1/schema/${NAME}/tenants`, [{name: 'berta'}])
      : connection.setTenantStatus(NAME, [{name: 'berta', status: 'COLD'}]),
  )
  await fillCollection(connection, makeClass(options), [])
  await connection.createTenants(NAME, [{name: 'anna', status: 'HOT'}])
  await writeAll(connection, NAME, makeObjects(options))
  const manager = new ClearManager(connection, {directory: servers.directory})
  for (const state of ['HOT', 'COLD'] as const) {
    arm()
    await expect(manager.clearCollection(NAME, QUIET)).rejects.toMatchObject({
      code: 'CONTENT_DIFFERS',
      message: expect.stringContaining('the tenant berta') as string,
    })
    expect(await connection.listTenants(NAME)).toContainEqual(expect.objectContaining({name: 'berta', status: state}))
    expect(await connection.count(NAME, 'anna')).toBe(2)
  }

  expect(await manager.clearCollection(NAME, QUIET)).toMatchObject({deleted: 2, remaining: 0})
  expect(await connection.listTenants(NAME)).toContainEqual(expect.objectContaining({name: 'berta', status: 'COLD'}))
})

it('a backup that changes objects on the way is none to delete them for; one that chooses some is, for those', async () => {
  const options = {className: NAME, dims: 4, objects: 6}
  const {connection} = await servers.start()
  await fillCollection(connection, makeClass(options), makeObjects(options))
  const manager = new ClearManager(connection, {directory: servers.directory})
  for (const backupFirst of [
    {transforms: [drop(['property0'])]},
    {transforms: [where('property2 < 2'), drop(['property0'])]},
  ]) {
    await expect(manager.clearCollection(NAME, {backupFirst})).rejects.toMatchObject({code: 'INVALID_INPUT'})
    expect(await connection.count(NAME)).toBe(6)
  }

  const some = await manager.clearCollection(NAME, {backupFirst: {transforms: [where('property2 < 2')]}})
  expect(some).toMatchObject({backup: {objectCount: 2, partial: true}, deleted: 2, kept: 4, remaining: 4})
})

it('what is written right after a collection was made again is counted', async () => {
  const options = {className: NAME, dims: 4, objects: 3}
  let isDropped = false
  const {connection} = await servers.start({
    async onRequest({method, path}) {
      if (method === 'DELETE' && path === `/v1/schema/${NAME}`) isDropped = true
      else if (isDropped && method === 'Aggregate') {
        isDropped = false
        await writeAll(connection, NAME, makeObjects(options).slice(0, 2))
      }
    },
  })
  await fillCollection(connection, makeClass(options), [])
  isDropped = false
  await writeAll(connection, NAME, makeObjects(options))
  const cleared = await new ClearManager(connection, {directory: servers.directory}).clearCollection(NAME, QUIET)
  expect(cleared).toMatchObject({deleted: 3, remaining: 2, warnings: [{code: 'objects-remain'}]})
})

it('a collection is not replaced either while its schema still changes', async () => {
  const options = {className: NAME, dims: 4, objects: 3}
  let isArmed = false
  const {connection, url} = await servers.start({
    async onRequest({method}) {
      // What was sealed does not have it; the next calls are of the looks at what is there.
      if (!isArmed || method !== 'Search') return
      isArmed = false
      await post(`${url}/v1/schema/${NAME}/properties`, {dataType: ['text'], name: 'extra'})
    },
  })
  await fillCollection(connection, makeClass(options), makeObjects(options))
  const place = {directory: servers.directory}
  const backup = await new BackupManager(connection, place).backupCollection(NAME)
  const replacing = new ReplaceManager(connection, place).replaceCollection(backup.path, {
    onProgress({stage}) {
      isArmed ||= stage === 'seal'
    },
    quietForMs: 1,
  })
  await expect(replacing).rejects.toMatchObject({
    code: 'CONTENT_DIFFERS',
    message: expect.stringContaining('properties.extra') as string,
  })
  expect((await connection.getCollection(NAME))?.properties).toHaveLength(7)
})
