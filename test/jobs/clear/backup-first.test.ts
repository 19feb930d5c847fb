/** Clearing with a backup first, while others write: nothing goes that the backup does not have. */
import {randomUUID} from 'node:crypto'
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import type {TenantStatus} from '../../../src/model/tenant.js'

import {makeClass, makeObjects} from '../../../bench/data.js'
import {openArchive} from '../../../src/catalog/locate.js'
import {ClearManager} from '../../../src/jobs/clear/manager.js'
import {openStore} from '../../../src/store/open.js'
import {startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {planCollection} from '../../../src/weaviate/collection-plan.js'
import {connect} from '../../../src/weaviate/connect.js'
import {fillCollection, temporaryDirectory} from '../../support/collections.js'

const NAME = 'ClearBackupFirst'
const STATES: Record<string, TenantStatus> = {a: 'HOT', b: 'COLD', c: 'HOT', d: 'COLD'}

let onDelete = async (): Promise<void> => {}
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: Awaited<ReturnType<typeof startEmbeddedWeaviate>>
let connection: Awaited<ReturnType<typeof connect>>
let manager: ClearManager

beforeAll(async () => {
  server = await startEmbeddedWeaviate({
    async onRequest({method, path}) {
      const isDelete = method === 'BatchDelete' || (method === 'DELETE' && path.startsWith('/v1/schema/'))
      if (isDelete) await onDelete()
    },
  })
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  await connection.close()
  await server.close()
})

beforeEach(async () => {
  onDelete = async () => {}
  directory = await temporaryDirectory()
  manager = new ClearManager(connection, {directory: directory.path})
  return directory.remove
})

async function fill(tenants?: Record<string, TenantStatus>): Promise<void> {
  const data = {className: NAME, dims: 4, objects: 60, ...(tenants && {tenant: 'a'})}
  await fillCollection(connection, makeClass({...data, objects: 0}), [])
  const names = Object.keys(tenants ?? {})
  if (tenants)
    await connection.createTenants(
      NAME,
      names.map((name) => ({name, status: 'HOT'})),
    )
  const objects = makeObjects(data)
  if (tenants) for (const [index, object] of objects.entries()) object.tenant = names[index % names.length]!
  expect(await connection.writeObjects({collection: await plan(), objects})).toEqual([])
  const inactive = names.filter((name) => tenants?.[name] === 'COLD')
  await connection.setTenantStatus(
    NAME,
    inactive.map((name) => ({name, status: 'COLD'})),
  )
}

async function plan() {
  return planCollection((await connection.getCollection(NAME))!)
}

/** A write that is acknowledged. */
async function write(id: string, tenant?: string): Promise<void> {
  const object = {id, properties: {}, vector: new Uint8Array(16), ...(tenant !== undefined && {tenant})}
  expect(await connection.writeObjects({collection: await plan(), objects: [object]})).toEqual([])
}

/** After the backup is sealed: the first request that deletes comes later, the verification before. */
async function afterBackup(work: () => Promise<void>): Promise<Parameters<ClearManager['clearCollection']>[1]> {
  let isDone = false
  return {
    backupFirst: true,
    onProgress({stage}) {
      if (stage !== 'seal' || isDone) return
      isDone = true
      pending = work()
    },
  }
}

let pending: Promise<void> = Promise.resolve()

async function idsIn(backup: string): Promise<Set<string>> {
  const {archive} = await openArchive(backup, openStore(directory.path))
  const ids = new Set<string>()
  for await (const page of archive.pages()) for (const {id, tenant} of page.objects) ids.add(`${tenant ?? ''}/${id}`)
  return ids
}

describe('clear with a backup first', () => {
  it('deletes what the backup holds, and keeps what was written or changed since', async () => {
    await fill()
    const [first] = makeObjects({className: NAME, dims: 4, objects: 60})
    const fresh = randomUUID()
    const options = await afterBackup(async () => {
      await write(fresh)
      await write(first!.id)
    })
    const cleared = await manager.clearCollection(NAME, options)
    await pending
    expect(cleared).toMatchObject({backup: {objectCount: 60}, deleted: 59, kept: 2, remaining: 2})
    expect(cleared.windowMs).toBeGreaterThan(0)
    expect(cleared.guarantee).toContain(`at most ${cleared.windowMs} ms before`)
    expect(cleared.warnings.map(({code}) => code)).toEqual(['objects-kept'])
    const left = await connection.getObjects({collection: await plan(), ids: [fresh, first!.id]})
    expect(left).toHaveLength(2)
  })

  it('loses no new object that comes with each of its deletes', async () => {
    await fill()
    const written: string[] = []
    onDelete = async () => {
      const id = randomUUID()
      await write(id)
      written.push(id)
    }

    const cleared = await manager.clearCollection(NAME, {backupFirst: true})
    expect(cleared.deleted).toBe(60)
    expect(written.length).toBeGreaterThan(0)
    const left = await connection.getObjects({collection: await plan(), ids: written})
    expect(left.map(({id}) => id).sort()).toEqual(written.sort())
    expect(await connection.count(NAME)).toBe(written.length)
  })

  it('reaches inactive tenants, and leaves every tenant as it was', async () => {
    await fill(STATES)
    const fresh = randomUUID()
    const options = await afterBackup(async () => write(fresh, 'c'))
    const cleared = await manager.clearCollection(NAME, options)
    await pending
    expect(cleared).toMatchObject({backup: {objectCount: 60}, deleted: 60, kept: 1, remaining: 1})
    expect((await idsIn(cleared.backup!.path)).size).toBe(60)
    const states = await connection.listTenants(NAME)
    expect(Object.fromEntries(states.map(({name, status}) => [name, status]))).toEqual(STATES)
    expect(await manager.count(NAME)).toBe(1)
  })

  it('counts inactive tenants too, the same each time, dropping or not', async () => {
    await fill(STATES)
    for (let time = 0; time < 5; time++) {
      expect(await manager.clearCollection(NAME, {dryRun: true, keepSchema: time % 2 === 0})).toMatchObject({
        remaining: 60,
      })
    }

    const dropped = await manager.clearCollection(NAME, {keepSchema: false, quietForMs: 1})
    expect(dropped).toMatchObject({deleted: 60, remaining: 0})
    const states = await connection.listTenants(NAME)
    expect(Object.fromEntries(states.map(({name, status}) => [name, status]))).toEqual(STATES)
  })

  it('does not drop what has changed since the backup, and says what', async () => {
    await fill()
    const fresh = randomUUID()
    const options = await afterBackup(async () => write(fresh))
    await expect(manager.clearCollection(NAME, {...options, keepSchema: false, quietForMs: 1})).rejects.toMatchObject({
      code: 'CONTENT_DIFFERS',
      details: {objects: [{id: fresh}], total: 1},
    })
    await pending
    expect(await connection.count(NAME)).toBe(61)
  })

  it('drops what is quiet, with the true number and the time in between', async () => {
    await fill(STATES)
    const cleared = await manager.clearCollection(NAME, {backupFirst: true, keepSchema: false, quietForMs: 1})
    expect(cleared).toMatchObject({backup: {objectCount: 60}, deleted: 60, kept: 0, remaining: 0})
    expect(cleared.guarantee).toContain(`${cleared.windowMs} ms before the server had dropped`)
    expect(await manager.count(NAME)).toBe(0)
  })
})
