import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {makeClass} from '../../../bench/data.js'
import {ClearManager} from '../../../src/jobs/clear/manager.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {type RequestInfo, startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {connect} from '../../../src/weaviate/connect.js'
import {fillCollection, makeCollection, temporaryDirectory} from '../../support/collections.js'

const NAME = 'ClearRetries'

let isUnavailable: (request: RequestInfo) => boolean
let refused = 0
let isReadOnly = false
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let server: Awaited<ReturnType<typeof startEmbeddedWeaviate>>
let connection: Awaited<ReturnType<typeof connect>>

beforeAll(async () => {
  directory = await temporaryDirectory()
  server = await startEmbeddedWeaviate({
    isReadOnly: () => isReadOnly,
    onRequest(request) {
      if (!isUnavailable(request)) return
      refused++
      return request.transport === 'grpc' ? {status: 14} : {status: 503}
    },
  })
  isUnavailable = () => false
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  await connection.close()
  await server.close()
  await directory.remove()
})

beforeEach(async () => {
  isUnavailable = () => false
  await makeCollection(connection, NAME, 20)
  refused = 0
})

describe('the retries of a clear', () => {
  it.each([
    ['the backup taken first', {backupFirst: true}, ({method}: RequestInfo) => method === 'Search'],
    [
      'the creation after a drop',
      {keepSchema: false},
      ({method, path}: RequestInfo) => method === 'POST' && path === '/v1/schema',
    ],
  ])('are those of %s too', async (_, options, isHit) => {
    isUnavailable = isHit
    const manager = new ClearManager(connection, {directory: directory.path})
    const cleared = manager.clearCollection(NAME, {...options, maxRetries: 1, retryMaxWaitMs: 1})
    await expect(cleared).rejects.toBeInstanceOf(DataOpsError)
    // Some pages may be asked for at once; with the default of 8 retries this would take many more.
    expect(refused).toBeGreaterThanOrEqual(2)
    expect(refused).toBeLessThanOrEqual(8)
    isUnavailable = () => false
    await manager.clearCollection(NAME, options)
    expect(await connection.count(NAME)).toBe(0)
  })
})

it('a shard that is read-only is named, with what helps, and nothing is said to be deleted', async () => {
  isReadOnly = true
  const manager = new ClearManager(connection, {directory: directory.path})
  await expect(manager.clearCollection(NAME, {maxRetries: 1, retryMaxWaitMs: 1})).rejects.toMatchObject({
    code: 'SERVER_UNAVAILABLE',
    hint: expect.stringContaining('Make the shard writable again') as string,
    message: expect.stringContaining('read-only') as string,
  })
  isReadOnly = false
  expect(await connection.count(NAME)).toBe(20)
  expect(await manager.clearCollection(NAME)).toMatchObject({deleted: 20, remaining: 0})
})

describe('a clear with a backup first', () => {
  it('needs offloaded tenants to be in the backup, and leaves them as they are', async () => {
    const data = {className: NAME, dims: 4, objects: 0, tenant: 'T'}
    await fillCollection(connection, makeClass(data), [])
    await connection.createTenants(NAME, [{name: 'T', status: 'HOT'}])
    await connection.setTenantStatus(NAME, [{name: 'T', status: 'FROZEN'}])
    const manager = new ClearManager(connection, {directory: directory.path})
    await expect(manager.clearCollection(NAME, {backupFirst: true})).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      hint: expect.stringContaining('`includeOffloaded: true`') as string,
    })
    const {backup} = await manager.clearCollection(NAME, {backupFirst: {includeOffloaded: true}})
    expect(backup?.tenants).toEqual({count: 1, skipped: []})
    await expect.poll(async () => (await connection.listTenants(NAME))[0]?.status).toBe('FROZEN')
  })
})
