/** A new collection that somebody drops, and makes anew, at any request of the restore into it: it is never said to hold the backup when it does not, nor one server to be two. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {WeaviateTenant} from '../../../src/model/tenant.js'

import {BackupManager, connect, type Connection, DataOpsError, RestoreManager, Verifier} from '../../../src/index.js'
import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../../src/testing/index.js'
import {CHANGED_BACK} from '../../../src/weaviate/rest/tenants.js'
import {makeTenants} from '../../fault/samples.js'
import {makeCollection, temporaryDirectory} from '../../support/collections.js'

const NAME = 'DroppedMeanwhile'
const COPY = 'DroppedMeanwhileCopy'
/** Requests between two at which it happens. */
const STEP = process.env.SWEEP === 'all' ? 1 : 3

const {ms} = CHANGED_BACK

let server: EmbeddedWeaviate
let connection: Connection
/** Somebody else's. */
let other: Connection
let onRequest: (path: string) => Promise<void> = async () => {}

beforeAll(async () => {
  CHANGED_BACK.ms = 10
  server = await startEmbeddedWeaviate({onRequest: async ({path}) => onRequest(path)})
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  other = await connect({grpcUrl: server.grpcUrl, url: server.url})
})

afterAll(async () => {
  CHANGED_BACK.ms = ms
  await connection.close()
  await other.close()
  await server.close()
})

async function makeAnew(tenants: WeaviateTenant[]): Promise<void> {
  const schema = await other.getCollection(COPY)
  if (!schema) return
  await other.deleteCollection(COPY)
  const {multiTenancyConfig, properties} = schema
  await other.createCollection({class: COPY, multiTenancyConfig, properties, vectorizer: 'none'})
  if (tenants.length > 0) await other.createTenants(COPY, tenants)
}

it.each([
  ['without tenants', async () => makeCollection(connection, NAME, 20, 4)],
  ['with tenants', async () => makeTenants(connection, NAME, {objects: 20, tenants: 2})],
] as const)('%s', async (_, make) => {
  await make()
  const tenants = (await connection.listTenants(NAME).catch(() => [])).map(({name}) => ({name, status: 'HOT' as const}))
  const {path: directory, remove} = await temporaryDirectory()
  const {id} = await new BackupManager(connection, {directory}).backupCollection(NAME)
  let failures = 0
  for (let at = 1; ; at += STEP) {
    await connection.deleteCollection(COPY)
    let reached: string | undefined
    let requests = 0
    onRequest = async (path) => {
      if (++requests !== at) return
      reached = path
      await makeAnew(tenants)
    }

    const restoring = new RestoreManager(connection, {directory}).restoreCollection(id, {
      batchSize: 5,
      concurrency: 1,
      maxRetries: 1,
      name: COPY,
      restart: true,
    })
    const failure = await restoring.then(() => undefined).catch((error: unknown) => error as DataOpsError)
    onRequest = async () => {}
    if (reached === undefined) break
    if (failure) {
      failures++
      expect(failure).toBeInstanceOf(DataOpsError)
      expect(failure.code, `request ${at}: ${failure.message}`).not.toBe('CANNOT_CONNECT')
    } else if (reached !== '/v1/aliases') {
      // They come last, after all that is looked at.
      const {counts} = await new Verifier({connection, directory}).verifyCollection(COPY, id)
      expect(counts, `request ${at}`).toMatchObject({different: 0, extra: 0, missing: 0})
    }
  }

  expect(failures).toBeGreaterThan(1)
  await connection.deleteCollection(COPY)
  await connection.deleteAlias(`${NAME}Alias`)
  await connection.deleteCollection(NAME)
  await remove()
})
