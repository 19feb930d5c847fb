import {readdir, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {makeClass} from '../../../bench/data.js'
import {BackupCatalog} from '../../../src/catalog/catalog.js'
import {ClearManager} from '../../../src/jobs/clear/manager.js'
import {type Fault, type RequestInfo, startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {connect} from '../../../src/weaviate/connect.js'
import {fillCollection, makeCollection, temporaryDirectory} from '../../support/collections.js'
import {fallingAsleep} from '../../support/falling-asleep.js'

const NAME = 'ClearDrop'
const TENANTS = ['a', 'b', 'c']

let fault: (request: RequestInfo) => Fault | undefined
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: Awaited<ReturnType<typeof startEmbeddedWeaviate>>
let connection: Awaited<ReturnType<typeof connect>>
let manager: ClearManager

beforeAll(async () => {
  server = await startEmbeddedWeaviate({onRequest: (request) => fault(request)})
  fault = () => undefined
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  await connection.close()
  await server.close()
})

beforeEach(async () => {
  fault = () => undefined
  directory = await temporaryDirectory()
  manager = new ClearManager(connection, {directory: directory.path})
  await fillCollection(connection, makeClass({className: NAME, dims: 4, objects: 0, tenant: 'a'}), [])
  await connection.createTenants(
    NAME,
    TENANTS.map((name) => ({name, status: name === 'c' ? 'COLD' : 'HOT'})),
  )
})

afterEach(async () => directory.remove())

async function tenants(): Promise<Array<[string, string]>> {
  return (await connection.listTenants(NAME))
    .map(({name, status}) => [name, status] as [string, string])
    .sort(([one], [other]) => (one < other ? -1 : 1))
}

describe('clearing by dropping', () => {
  it('deletes nothing while it is not known what an earlier drop was of', async () => {
    const marker = path.join(directory.path, `.drop-${NAME}.json`)
    for (const text of ['{}', 'null', '{"backup": "x"', '']) {
      await writeFile(marker, text)
      for (const keepSchema of [false, true]) {
        await expect(manager.clearCollection(NAME, {keepSchema})).rejects.toMatchObject({
          code: 'CHECKPOINT',
          details: {path: marker},
        })
      }
    }

    expect(await tenants()).toEqual([
      ['a', 'HOT'],
      ['b', 'HOT'],
      ['c', 'COLD'],
    ])
    await rm(marker)
    expect(await manager.clearCollection(NAME, {keepSchema: false})).toMatchObject({remaining: 0})
  })

  it('goes on where a run ended between creating the collection and its tenants', async () => {
    const before = await tenants()
    fault = ({method, path: asked}) =>
      method === 'POST' && asked.endsWith(`/${NAME}/tenants`) ? {message: 'no', status: 422} : undefined
    await expect(manager.clearCollection(NAME, {keepSchema: false})).rejects.toMatchObject({code: 'UNEXPECTED'})
    fault = () => undefined
    // What could only half be made is not left behind.
    expect(await connection.getCollection(NAME)).toBeUndefined()

    const dryRun = await manager.clearCollection(NAME, {dryRun: true, keepSchema: false})
    expect(dryRun.warnings.map(({code}) => code)).toEqual(['drop-finished'])
    expect(await connection.getCollection(NAME)).toBeUndefined()
    const finished = await manager.clearCollection(NAME, {keepSchema: false})
    expect(finished).toMatchObject({deleted: 0, remaining: 0})
    expect(finished.warnings.map(({code}) => code)).toEqual(['drop-finished'])
    expect(await tenants()).toEqual(before)

    // It is done: the next run is one of its own.
    const next = await manager.clearCollection(NAME, {keepSchema: false})
    expect(next.warnings).toEqual([])
    expect(await tenants()).toEqual(before)
  })

  it('says what is gone of a collection that another program has made again in between as it was', async () => {
    fault = ({method, path: asked}) =>
      method === 'POST' && asked === '/v1/schema' ? {message: 'no', status: 422} : undefined
    await expect(manager.clearCollection(NAME, {keepSchema: false})).rejects.toMatchObject({code: 'UNEXPECTED'})
    fault = () => undefined
    await connection.createCollection(makeClass({className: NAME, dims: 4, objects: 0, tenant: 'a'}))
    await connection.createTenants(NAME, [{name: 'a', status: 'HOT'}])
    for (const dryRun of [true, false]) {
      const {warnings} = await manager.clearCollection(NAME, {dryRun, keepSchema: false})
      expect(warnings).toMatchObject([{code: 'dropped-and-lost', details: {lost: ['tenant b', 'tenant c']}}])
    }

    // It is told once.
    expect((await manager.clearCollection(NAME, {keepSchema: false})).warnings).toEqual([])
  })

  it('is refused while tenants are offloaded, before anything is touched', async () => {
    await connection.setTenantStatus(NAME, [{name: 'b', status: 'FROZEN'}])
    const before = await tenants()
    for (const dryRun of [true, false]) {
      await expect(manager.clearCollection(NAME, {backupFirst: true, dryRun, keepSchema: false})).rejects.toMatchObject(
        {
          code: 'INVALID_INPUT',
          details: {tenants: ['b']},
          message: expect.stringContaining('1 offloaded tenants') as string,
        },
      )
    }

    expect(await tenants()).toEqual(before)
    expect(await readdir(directory.path)).toEqual([])
    const kept = await manager.clearCollection(NAME)
    expect(kept.warnings.map(({code}) => code)).toEqual(['tenants-skipped'])
  })

  it('leaves no marker of a drop that never was, where this process stood still', async () => {
    await makeCollection(connection, 'ClearSlept', 8, 4)
    const asleep = fallingAsleep()
    try {
      const options = {backupFirst: true, keepSchema: false, onProgress: asleep.fall, quietForMs: 0}
      await expect(manager.clearCollection('ClearSlept', options)).rejects.toMatchObject({
        code: 'STORAGE',
        message: expect.stringContaining('stood still') as string,
      })
    } finally {
      asleep.end()
    }

    expect(await connection.count('ClearSlept')).toBe(8)
    expect((await readdir(directory.path)).filter((name) => name.startsWith('.drop'))).toEqual([])
    const backups = await new BackupCatalog(directory.path).list()
    expect(backups.map((backup) => backup.object_count)).toEqual([8])
  })
})
