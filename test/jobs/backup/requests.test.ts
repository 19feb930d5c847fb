/** How often a backup asks object storage: each request is a round trip that it waits for. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupManager, connect, type Connection} from '../../../src/index.js'
import {openStore} from '../../../src/store/open.js'
import {makeReferences} from '../../fault/samples.js'
import {startTestServer, type TestServer} from '../../support/collections.js'
import {BUCKET, type S3Server, startS3} from '../../support/s3-server.js'

const NAME = 'BackupCounted'

let server: TestServer
let s3: S3Server
let connection: Connection

beforeAll(async () => {
  server = await startTestServer()
  s3 = await startS3()
  Object.assign(process.env, s3.env)
  connection = await connect({grpcUrl: server.grpcUrl, url: server.url})
  await makeReferences(server.connection, NAME, {dims: 4, objects: 50, references: 2})
}, 60_000)

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await connection.close()
  await server.close()
  await s3.close()
})

async function requestsOf(format: 'json' | 'parquet'): Promise<string[]> {
  s3.operations = []
  const store = openStore(`s3://${BUCKET}/backup-counted-${format}`)
  const {objectCount} = await new BackupManager(connection, {store}).backupCollection(NAME, {format})
  expect(objectCount).toBe(50)
  return s3.operations
}

it.each(['parquet', 'json'] as const)('is at most 55 times in all for a small one (%s)', async (format) => {
  const operations = await requestsOf(format)
  expect(operations.length, operations.join(' ')).toBeLessThanOrEqual(55)
  expect(operations.filter((operation) => operation === 'ListObjectsV2').length).toBeLessThanOrEqual(10)
})
