/** REST of one real server, gRPC of another. Runs with WEAVIATE_BINARY set. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {BackupManager, ClearManager, connect, type Connection, RestoreManager, Verifier} from '../../src/index.js'
import {makeCollection, temporaryDirectory} from '../support/collections.js'
import {BINARY, type RealServer, startRealServer} from './real-server.js'

const NAME = 'Prod'
const COPY = 'ProdCopy'

describe.skipIf(!BINARY)('two real servers', {timeout: 300_000}, () => {
  let a: RealServer
  let b: RealServer
  let atA: Connection
  let atB: Connection
  let mixed: Connection
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>

  beforeAll(async () => {
    a = await startRealServer()
    b = await startRealServer()
    atA = await connect(a)
    atB = await connect(b)
    mixed = await connect({grpcUrl: b.grpcUrl, url: a.url})
    directory = await temporaryDirectory()
    await makeCollection(atA, NAME, 500, 4)
    await makeCollection(atB, NAME, 400, 4)
  }, 120_000)

  afterAll(async () => {
    for (const connection of [atA, atB, mixed]) await connection?.close()
    await a?.remove()
    await b?.remove()
    await directory?.remove()
  })

  it('are told apart before anything is sealed, deleted or written', async () => {
    const folder = {directory: directory.path}
    const backup = (await new BackupManager(atA, folder).backupCollection(NAME)).path
    const refused = {code: 'CANNOT_CONNECT', details: {addresses: {grpc: b.grpcUrl, rest: a.url}}, exitCode: 6}
    await expect(new BackupManager(mixed, folder).backupCollection(NAME)).rejects.toMatchObject(refused)
    await expect(new ClearManager(mixed, folder).clearCollection(NAME)).rejects.toMatchObject(refused)
    await expect(new Verifier({connection: mixed, ...folder}).verifyCollection(NAME, backup)).rejects.toMatchObject(
      refused,
    )
    await expect(
      new RestoreManager(mixed, folder).restoreCollection(backup, {merge: true, verify: true}),
    ).rejects.toMatchObject(refused)
    // Not there at B.
    await expect(new RestoreManager(mixed, folder).restoreCollection(backup, {name: COPY})).rejects.toMatchObject(
      refused,
    )
    expect(await atA.getCollection(COPY)).toBeUndefined()
    expect(await atB.getCollection(COPY)).toBeUndefined()
    expect([await atA.count(NAME), await atB.count(NAME)]).toEqual([500, 400])

    // Empty on both.
    await new ClearManager(atA, folder).clearCollection(NAME)
    await new ClearManager(atB, folder).clearCollection(NAME)
    await expect(new RestoreManager(mixed, folder).restoreCollection(backup, {merge: true})).rejects.toMatchObject(
      refused,
    )
    expect([await atA.count(NAME), await atB.count(NAME)]).toEqual([0, 0])
    const restored = await new RestoreManager(atA, folder).restoreCollection(backup, {merge: true, verify: true})
    expect(restored).toMatchObject({restored: 500, verification: {equal: true}})
  })
})
