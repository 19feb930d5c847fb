/** Threads of a job share what lets them in: a token that the server forgets is replaced by one, which all of them use. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupManager, connect, type Connection, RestoreManager} from '../../../src/index.js'
import {makeCollection, temporaryDirectory} from '../../support/collections.js'
import {type OidcServer, startOidcServer} from '../../support/oidc-server.js'
import {bundledWorker} from '../../support/worker-bundle.js'

bundledWorker()
const NAME = 'TokensOfThreads'
const COUNT = 600
let server: OidcServer
let connection: Connection
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
/** Calls of that name, in whose midst the token is forgotten. */
let forgetsAt: {call: string; left: number} | undefined

beforeAll(async () => {
  directory = await temporaryDirectory()
  server = await startOidcServer(({method}) => {
    if (method === forgetsAt?.call && --forgetsAt.left === 0) server.revoke()
  })
  const oidc = {clientSecret: 'provider-s3cret'}
  connection = await connect({grpcUrl: server.grpcUrl, oidc, url: server.url})
  await makeCollection(connection, NAME, COUNT, 8)
})

afterAll(async () => {
  await connection.close()
  await server.close()
  await directory.remove()
})

it('in a backup and in a restore', async () => {
  forgetsAt = {call: 'Search', left: 6}
  const settings = {batchSize: 20, maxRetries: 0, workers: 3}
  const backup = await new BackupManager(connection, {directory: directory.path}).backupCollection(NAME, settings)
  expect(backup).toMatchObject({complete: true, objectCount: COUNT, warnings: []})
  expect(server.tokens()).toBe(2)

  forgetsAt = {call: 'BatchObjects', left: 6}
  const options = {...settings, name: `${NAME}Copy`, verify: true}
  const restored = await new RestoreManager(connection, {directory: directory.path}).restoreCollection(
    backup.id,
    options,
  )
  expect(restored).toMatchObject({restored: COUNT, verification: {equal: true, liveDigest: backup.digest}})
  expect(server.tokens()).toBe(3)
})
