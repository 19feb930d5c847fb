/** How often a backup asks object storage: each request is a round trip that it waits for. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupManager} from '../../../src/index.js'
import {openStore} from '../../../src/store/open.js'
import {makeReferences} from '../../fault/samples.js'
import {BUCKET} from '../../support/s3-server.js'
import {type ServerWithS3, startServerWithS3} from '../../support/server-with-s3.js'

const NAME = 'BackupCounted'

let at: ServerWithS3

beforeAll(async () => {
  at = await startServerWithS3()
  await makeReferences(at.server.connection, NAME, {dims: 4, objects: 50, references: 2})
}, 60_000)

afterAll(async () => {
  await at.close(NAME)
})

async function requestsOf(format: 'json' | 'parquet'): Promise<string[]> {
  const {s3, server} = at
  s3.operations = []
  const store = openStore(`s3://${BUCKET}/backup-counted-${format}`)
  const {objectCount} = await new BackupManager(server.connection, {store}).backupCollection(NAME, {format})
  expect(objectCount).toBe(50)
  return s3.operations
}

it.each(['parquet', 'json'] as const)('is at most 55 times in all for a small one (%s)', async (format) => {
  const operations = await requestsOf(format)
  expect(operations.length, operations.join(' ')).toBeLessThanOrEqual(55)
  expect(operations.filter((operation) => operation === 'ListObjectsV2').length).toBeLessThanOrEqual(10)
})
