/** Placeholders for what references point at, and checkpoints that say more than is so: nobody's object is deleted or written over. */
import {readdir, readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'

import {BackupManager, type Connection, DataOpsError, RestoreManager} from '../../../src/index.js'
import {type Placeholder} from '../../../src/jobs/restore/checkpoint-file.js'
import {SAVE_EVERY} from '../../../src/jobs/restore/checkpoint.js'
import {writeDangling} from '../../../src/jobs/restore/dangling.js'
import {inCalls} from '../../../src/jobs/restore/in-calls.js'
import {removePlaceholders} from '../../../src/jobs/restore/placeholders.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {makeCollection, startTestServer, temporaryDirectory, type TestServer} from '../../support/collections.js'
import {objectId} from '../../support/object-id.js'

const FROM = 'DanglingFrom'
const TO = 'DanglingTo'
const PLAIN = 'DanglingPlain'
const TENANT = 'a'
const SETTINGS = {...SAVE_EVERY}

let server: TestServer
let directory: Awaited<ReturnType<typeof temporaryDirectory>>

beforeEach(async () => {
  server = await startTestServer()
  directory = await temporaryDirectory()
  const {connection} = server
  for (const name of [FROM, TO, PLAIN]) await connection.deleteCollection(name)
  const multiTenancyConfig = {enabled: true}
  await connection.createCollection({
    class: TO,
    multiTenancyConfig,
    properties: [{dataType: ['text'], name: 'title'}],
    vectorizer: 'none',
  })
  await connection.createCollection({
    class: FROM,
    multiTenancyConfig,
    properties: [{dataType: [TO], name: 'to'}],
    vectorizer: 'none',
  })
  for (const name of [FROM, TO]) await connection.createTenants(name, [{name: TENANT, status: 'HOT'}])
})

afterEach(async () => {
  Object.assign(SAVE_EVERY, SETTINGS)
  for (const name of [FROM, TO, PLAIN]) await server.connection.deleteCollection(name)
  await server.close()
  await directory.remove()
})

async function planOf(name: string): Promise<ReturnType<typeof planCollection>> {
  return planCollection((await server.connection.getCollection(name))!)
}

async function write(name: string, objects: WeaviateObject[]): Promise<void> {
  expect(await server.connection.writeObjects({collection: await planOf(name), objects})).toEqual([])
}

function referring(to: number): WeaviateObject {
  return {id: objectId(900), properties: {to: [{beacon: `weaviate://localhost/${TO}/${objectId(to)}`}]}, tenant: TENANT}
}

describe('a placeholder', () => {
  it('stands while the reference is written, and is deleted again', async () => {
    const {connection} = server
    const remembered: Placeholder[][] = []
    let during = 0
    const watching: Connection = {
      ...connection,
      async writeReferences(request) {
        during = await connection.count(TO, TENANT)
        return connection.writeReferences(request)
      },
    }
    await write(FROM, [{id: objectId(900), properties: {}, tenant: TENANT}])
    const refused = await writeDangling([referring(1)], {
      connection: watching,
      plan: await planOf(FROM),
      async remember(placeholders) {
        remembered.push(structuredClone(placeholders))
      },
    })
    expect(refused).toEqual([])
    expect(during).toBe(1)
    expect(await connection.count(TO, TENANT)).toBe(0)
    // On the disk before it is written, with its times as soon as there are some, and no more at the end.
    expect(remembered.map((each) => each.map(({id, times}) => [id, times !== undefined]))).toEqual([
      [[objectId(1), false]],
      [[objectId(1), true]],
      [],
    ])
  })

  it('is not written over what has come to be there meanwhile, nor deleted then', async () => {
    await write(FROM, [{id: objectId(900), properties: {}, tenant: TENANT}])
    const refused = await writeDangling([referring(1)], {
      connection: server.connection,
      plan: await planOf(FROM),
      async remember(placeholders) {
        if (placeholders.length > 0 && placeholders[0]!.times === undefined)
          await write(TO, [{id: objectId(1), properties: {title: 'real'}, tenant: TENANT}])
      },
    })
    expect(refused).toEqual([])
    const found = await server.connection.getObjects({collection: await planOf(TO), ids: [objectId(1)], tenant: TENANT})
    expect(found.map(({properties}) => properties)).toEqual([{title: 'real'}])
  })

  it('is made when that of another worker was there, and is gone by the time that it is needed', async () => {
    const {connection} = server
    await write(FROM, [{id: objectId(900), properties: {}, tenant: TENANT}])
    await write(TO, [{id: objectId(1), properties: {}, tenant: TENANT}])
    let tries = 0
    const beside: Connection = {
      ...connection,
      async writeReferences(request) {
        if (++tries === 1) await connection.deleteObjects({collection: TO, ids: [objectId(1)], tenant: TENANT})
        return connection.writeReferences(request)
      },
    }
    const refused = await writeDangling([referring(1)], {
      connection: beside,
      plan: await planOf(FROM),
      async remember() {},
    })
    expect(refused).toEqual([])
    expect(tries).toBe(2)
    expect(await connection.count(TO, TENANT)).toBe(0)
    const [found] = await connection.getObjects({
      collection: await planOf(FROM),
      ids: [objectId(900)],
      tenant: TENANT,
      viaRest: true,
    })
    expect(found?.properties.to).toHaveLength(1)
  })

  it('is written, and deleted, with those of other objects in one call; what the server refuses of one keeps back no other', async () => {
    const {connection} = server
    const objects = Array.from({length: 60}, (_, index): WeaviateObject => ({
      id: objectId(900 + index),
      // Every third refers to what is there as well, every fifth to what others refer to.
      properties: {
        to: [index % 5 === 0 ? 5000 : 1000 + index, ...(index % 3 === 0 ? [1] : [])].map((to) => ({
          beacon: `weaviate://localhost/${TO}/${objectId(to)}`,
        })),
      },
      tenant: TENANT,
    }))
    await write(FROM, objects)
    await write(TO, [{id: objectId(1), properties: {title: 'real'}, tenant: TENANT}])
    const calls: string[] = []
    const deleted: number[] = []
    const counting: Connection = {
      ...connection,
      async deleteObjects(request) {
        deleted.push(request.ids?.length ?? 0)
        return connection.deleteObjects(request)
      },
      async writeObjects(request) {
        const {className} = request.collection
        calls.push(`write ${className} ${request.objects.length}`)
        // One stand-in is refused, and one object.
        const [bad] = className === TO ? [objectId(1007)] : [objectId(908)]
        const refused = await connection.writeObjects({
          ...request,
          objects: request.objects.filter(({id}) => id !== bad),
        })
        return [...refused, {id: bad, reason: `no ${className}`, tenant: TENANT}]
      },
    }
    const remembered: number[] = []
    const refused = await writeDangling(objects, {
      connection: counting,
      plan: await planOf(FROM),
      async remember(placeholders) {
        remembered.push(placeholders.length)
      },
    })
    // 48 of their own, and one that twelve share.
    expect(calls).toEqual([`write ${TO} 49`, `write ${FROM} 59`])
    expect(deleted.length).toBeLessThan(4)
    expect(deleted.reduce((sum, count) => sum + count, 0)).toBe(48)
    // Of what was refused nothing is there.
    expect(remembered).toEqual([49, 48, 0])
    expect(refused).toEqual([
      {id: objectId(907), reason: `no ${TO}`, tenant: TENANT},
      {id: objectId(908), reason: `no ${FROM}`, tenant: TENANT},
    ])
    expect(await connection.count(TO, TENANT)).toBe(1)
    const found = await connection.getObjects({
      collection: await planOf(FROM),
      ids: objects.map(({id}) => id),
      tenant: TENANT,
      viaRest: true,
    })
    const written = new Map(found.map(({id, properties}) => [id, properties.to]))
    for (const {id, properties} of objects) {
      if (id === objectId(907) || id === objectId(908)) expect(written.get(id)).toBeUndefined()
      else expect(written.get(id)).toMatchObject(properties.to as object)
    }
  })

  it('of a beacon in other letters is that of the object that is there, which is left alone', async () => {
    const {connection} = server
    const real = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
    const gone = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeee0'
    await write(TO, [{id: real, properties: {title: 'real'}, tenant: TENANT}])
    const object: WeaviateObject = {
      id: objectId(900),
      properties: {
        to: [real, gone, objectId(1)].map((id) => ({beacon: `weaviate://localhost/${TO}/${id.toUpperCase()}`})),
      },
      tenant: TENANT,
    }
    await write(FROM, [object])
    const options = {connection, plan: await planOf(FROM), async remember() {}}
    expect(await writeDangling([object], options)).toEqual([])
    const found = await connection.getObjects({collection: await planOf(TO), ids: [real, gone], tenant: TENANT})
    expect(found.map(({properties}) => properties)).toEqual([{title: 'real'}])
    expect(await connection.count(TO, TENANT)).toBe(1)
  })

  it.each(['a call that fails', 'a refusal'])('that was never there after %s is nobody’s to delete', async (how) => {
    const {connection} = server
    await write(FROM, [referring(1)])
    const isLost = how === 'a call that fails'
    const real = async () => write(TO, [{id: objectId(1), properties: {}, tenant: TENANT}])
    const failing: Connection = {
      ...connection,
      async writeObjects(request) {
        if (request.collection.className !== TO) return connection.writeObjects(request)
        if (isLost) throw new DataOpsError('SERVER_UNAVAILABLE', 'lost')
        await real()
        return request.objects.map(({id}) => ({id, reason: 'no', tenant: TENANT}))
      },
    }
    const other: WeaviateObject = {
      id: objectId(901),
      properties: {to: [{beacon: `weaviate://localhost/${TO}/${objectId(2)}`}]},
      tenant: TENANT,
    }
    const written = writeDangling(isLost ? [referring(1), other] : [referring(1)], {
      connection: failing,
      plan: await planOf(FROM),
      async remember(placeholders) {
        if (isLost && placeholders.length > 0) await real().catch(() => {})
      },
    })
    await (isLost ? expect(written).rejects.toThrow('lost') : expect(written).resolves.toMatchObject([{reason: 'no'}]))
    // Without a property, as a placeholder has none.
    expect(await connection.count(TO, TENANT)).toBe(1)
  })

  it('that the server does not delete is an error, and not forgotten', async () => {
    const {connection} = server
    await write(FROM, [referring(1)])
    let last: Placeholder[] = []
    const refusing: Connection = {
      ...connection,
      deleteObjects: async () => ({deleted: 0, failed: 1, matched: 1, reason: 'no'}),
    }
    const written = writeDangling([referring(1)], {
      connection: refusing,
      plan: await planOf(FROM),
      async remember(placeholders) {
        last = structuredClone(placeholders)
      },
    })
    await expect(written).rejects.toMatchObject({code: 'SERVER_REFUSED', details: {failed: 1}})
    expect(last.map(({id}) => id)).toEqual([objectId(1)])
  })

  it('is gone with its tenant: the next run is not held up by it', async () => {
    const {connection} = server
    await write(FROM, [referring(1)])
    let last: Placeholder[] = []
    const going: Connection = {
      ...connection,
      async writeReferences(request) {
        const {status} = await fetch(`${server.url}/v1/schema/${TO}/tenants`, {
          body: JSON.stringify([TENANT]),
          headers: {'content-type': 'application/json'},
          method: 'DELETE',
        })
        expect(status).toBe(200)
        return connection.writeReferences(request)
      },
    }
    const refused = await writeDangling([referring(1)], {
      connection: going,
      plan: await planOf(FROM),
      async remember(placeholders) {
        if (placeholders.length > 0) last = structuredClone(placeholders)
      },
    }).catch((error: unknown) => error)
    expect(refused).toMatchObject([{id: objectId(900)}])
    await removePlaceholders(connection, last)
  })

  it('goes in calls of what one takes, however many references an object has', async () => {
    const {connection} = server
    const plan = await planOf(FROM)
    const objects = [250, 60, 60].map((count, index): WeaviateObject => ({
      id: objectId(900 + index),
      properties: {
        to: Array.from({length: count}, (_, each) => ({
          beacon: `weaviate://localhost/${TO}/${objectId(1000 + 1000 * index + each)}`,
        })),
      },
      tenant: TENANT,
    }))
    expect([...inCalls(plan, objects)].map((some) => some.length)).toEqual([1, 1, 1])
    expect([
      ...inCalls(
        plan,
        objects.slice(1).map((each) => ({...each, properties: {}})),
      ),
    ]).toHaveLength(1)
    await write(FROM, objects.slice(0, 1))
    const sizes: number[] = []
    const counting: Connection = {
      ...connection,
      async writeObjects(request) {
        if (request.collection.className === TO) sizes.push(request.objects.length)
        return connection.writeObjects(request)
      },
    }
    const refused = await writeDangling(objects.slice(0, 1), {connection: counting, plan, async remember() {}})
    expect(refused).toEqual([])
    expect(sizes).toEqual([100, 100, 50])
    expect(await connection.count(TO, TENANT)).toBe(0)
    const [found] = await connection.getObjects({
      collection: plan,
      ids: [objectId(900)],
      tenant: TENANT,
      viaRest: true,
    })
    expect(found?.properties.to).toHaveLength(250)
  })

  it('cannot stand in a tenant that is not there: the reference is refused, and the restore comes to its end', async () => {
    const {connection} = server
    await write(TO, [{id: objectId(1), properties: {title: 'real'}, tenant: TENANT}])
    const objects = [referring(1), {id: objectId(901), properties: {}, tenant: TENANT}]
    await write(FROM, objects)
    expect(await connection.writeReferences({collection: await planOf(FROM), objects})).toEqual([])
    const options = {directory: directory.path}
    const {path: backup} = await new BackupManager(connection, options).backupCollection(FROM)
    const restored = await new RestoreManager(connection, options).restoreCollection(backup, {
      name: PLAIN,
      tenants: [`${TENANT}=elsewhere`],
    })
    expect(restored).toMatchObject({references: 0, rejected: 1, restored: 2})
    expect(await connection.count(PLAIN, 'elsewhere')).toBe(2)
    expect((await connection.listTenants(TO)).map(({name}) => name)).toEqual([TENANT])
  })

  it('of a killed run is deleted only while it is exactly what was written', async () => {
    const {connection} = server
    let last: Placeholder[] = []
    const dying: Connection = {
      ...connection,
      async deleteObjects() {
        throw new DataOpsError('UNEXPECTED', 'killed')
      },
    }
    await write(FROM, [{id: objectId(900), properties: {}, tenant: TENANT}])
    const run = writeDangling([referring(1)], {
      connection: dying,
      plan: await planOf(FROM),
      async remember(placeholders) {
        if (placeholders.length > 0) last = structuredClone(placeholders)
      },
    })
    await expect(run).rejects.toThrow('killed')
    expect(await connection.count(TO, TENANT)).toBe(1)
    const untimed = last.map(({times: _, ...placeholder}) => placeholder)
    // The collection is restored meanwhile: a real object, without a single property even.
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
    await write(TO, [{id: objectId(1), properties: {}, tenant: TENANT, vector: new Uint8Array(16).fill(1)}])
    for (const placeholders of [last, untimed]) {
      await removePlaceholders(connection, placeholders)
      expect(await connection.count(TO, TENANT)).toBe(1)
    }

    await connection.deleteObjects({collection: TO, tenant: TENANT})
    await write(TO, [{id: objectId(1), properties: {}, tenant: TENANT}])
    // Another one, though it looks the same.
    await removePlaceholders(connection, last)
    expect(await connection.count(TO, TENANT)).toBe(1)
    await removePlaceholders(connection, untimed)
    expect(await connection.count(TO, TENANT)).toBe(0)
  })
})

/** Interrupts a restore and returns its checkpoint's path. */
async function interruptRestore(backup: string, options: {merge?: boolean; name?: string}): Promise<string> {
  SAVE_EVERY.ms = 0
  const controller = new AbortController()
  const interrupted = new RestoreManager(server.connection, {directory: directory.path}).restoreCollection(backup, {
    ...options,
    batchSize: 10,
    concurrency: 1,
    onProgress({completed, stage}) {
      if (stage === 'restore' && completed >= 50) controller.abort()
    },
    signal: controller.signal,
  })
  await expect(interrupted).rejects.toMatchObject({code: 'INTERRUPTED'})
  const name = (await readdir(directory.path)).find((each) => each.endsWith('.checkpoint'))!
  return path.join(directory.path, name)
}

describe('a checkpoint', () => {
  it('to which ids were added that its backup does not refer to deletes nothing', async () => {
    const {connection} = server
    const objects = Array.from({length: 60}, (_, ordinal) => ({
      id: objectId(1000 + ordinal),
      properties: {to: [{beacon: `weaviate://localhost/${TO}/${objectId(500)}`}]},
      tenant: TENANT,
    }))
    await write(TO, [{id: objectId(500), properties: {title: 'referred to'}, tenant: TENANT}])
    await write(FROM, objects)
    expect(await connection.writeReferences({collection: await planOf(FROM), objects})).toEqual([])
    const foreign = Array.from({length: 20}, (_, ordinal) => ({id: objectId(ordinal), properties: {}, tenant: TENANT}))
    await write(TO, foreign)
    const backup = await new BackupManager(connection, {directory: directory.path}).backupCollection(FROM)
    await connection.deleteCollection(FROM)
    const file = await interruptRestore(backup.path, {})
    const checkpoint = JSON.parse(await readFile(file, 'utf8')) as {placeholders?: unknown[]}
    const plan = await planOf(TO)
    const live = await connection.getObjects({collection: plan, ids: foreign.map(({id}) => id), tenant: TENANT})
    // As exact as an attacker can make them.
    checkpoint.placeholders = live.map(({creationTimeUnix, id, lastUpdateTimeUnix}) => ({
      collection: TO,
      id,
      tenant: TENANT,
      times: [creationTimeUnix, lastUpdateTimeUnix],
      vectors: '',
    }))
    expect(checkpoint.placeholders).toHaveLength(20)
    await writeFile(file, JSON.stringify(checkpoint))
    const manager = new RestoreManager(connection, {directory: directory.path})
    expect(await manager.restoreCollection(backup.path, {verify: true})).toMatchObject({
      references: 60,
      verification: {equal: true},
    })
    expect(await connection.count(TO, TENANT)).toBe(21)
  })

  it('that is begun anew forgets no object that stands in for another', async () => {
    const {connection} = server
    const objects = Array.from({length: 60}, (_, ordinal) => ({
      id: objectId(1000 + ordinal),
      properties: {to: [{beacon: `weaviate://localhost/${TO}/${objectId(700)}`}]},
      tenant: TENANT,
    }))
    await write(TO, [{id: objectId(700), properties: {title: 'referred to'}, tenant: TENANT}])
    await write(FROM, objects)
    expect(await connection.writeReferences({collection: await planOf(FROM), objects})).toEqual([])
    const backup = await new BackupManager(connection, {directory: directory.path}).backupCollection(FROM)
    await connection.deleteObjects({collection: TO, tenant: TENANT})
    await connection.deleteObjects({collection: FROM, tenant: TENANT})
    const file = await interruptRestore(backup.path, {merge: true})
    await write(TO, [{id: objectId(700), properties: {}, tenant: TENANT}])
    const collection = await planOf(TO)
    const [left] = await connection.getObjects({collection, ids: [objectId(700)], tenant: TENANT})
    const times = [left?.creationTimeUnix, left?.lastUpdateTimeUnix]
    const checkpoint = JSON.parse(await readFile(file, 'utf8')) as object
    const placeholders = [{collection: TO, id: objectId(700), tenant: TENANT, times, vectors: ''}]
    await writeFile(file, JSON.stringify({...checkpoint, placeholders}))
    const manager = new RestoreManager(connection, {directory: directory.path})
    const options = {merge: true, restart: true, verify: true}
    expect(await manager.restoreCollection(backup.path, options)).toMatchObject({verification: {equal: true}})
    expect(await connection.count(TO, TENANT)).toBe(0)
  })

  it('knows a target that was dropped and made again, and says so instead of counting what is not there', async () => {
    const {connection} = server
    await makeCollection(connection, PLAIN, 100, 4)
    const backup = await new BackupManager(connection, {directory: directory.path}).backupCollection(PLAIN)
    const schema = (await connection.getCollection(PLAIN))!
    await connection.deleteObjects({collection: PLAIN})
    await interruptRestore(backup.path, {merge: true})
    expect(await connection.count(PLAIN)).toBeGreaterThanOrEqual(50)
    await connection.deleteCollection(PLAIN)
    await connection.createCollection(schema)
    const manager = new RestoreManager(connection, {directory: directory.path})
    await expect(manager.restoreCollection(backup.path, {merge: true})).rejects.toMatchObject({
      code: 'CHECKPOINT',
      message: `"${PLAIN}" is not the collection that this restore was begun in: it was dropped and made again since.`,
    })
    expect(await connection.count(PLAIN)).toBe(0)
    expect(await manager.restoreCollection(backup.path, {merge: true, restart: true, verify: true})).toMatchObject({
      restored: 100,
      resumed: 0,
      verification: {equal: true},
    })
  })

  it('of a target with tenants knows it by what was written', async () => {
    const {connection} = server
    const objects = Array.from({length: 100}, (_, ordinal) => ({
      id: objectId(ordinal + 1),
      properties: {title: `title ${ordinal}`},
      tenant: TENANT,
    }))
    await write(TO, objects)
    const backup = await new BackupManager(connection, {directory: directory.path}).backupCollection(TO)
    const {shardingConfig: _, ...schema} = (await connection.getCollection(TO))!
    await connection.deleteObjects({collection: TO, tenant: TENANT})
    await interruptRestore(backup.path, {merge: true})
    await connection.deleteCollection(TO)
    await connection.createCollection(schema)
    await connection.createTenants(TO, [{name: TENANT, status: 'HOT'}])
    const manager = new RestoreManager(connection, {directory: directory.path})
    await expect(manager.restoreCollection(backup.path, {merge: true})).rejects.toMatchObject({code: 'CHECKPOINT'})
    expect(await manager.restoreCollection(backup.path, {merge: true, restart: true, verify: true})).toMatchObject({
      restored: 100,
      verification: {equal: true},
    })
  })
})
