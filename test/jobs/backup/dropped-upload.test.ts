/** A service that drops an upload (a 409 on its end) costs the backup that upload, and not more. */
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest'

import {BackupCatalog, BackupManager, Verifier} from '../../../src/index.js'
import {withEnvironment} from '../../store/support.js'
import {makeCollection, startTestServer, type TestServer} from '../../support/collections.js'
import {BUCKET, type S3Server, startS3} from '../../support/s3-server.js'

const NAME = 'Dropped'
const OBJECTS = 600
/** More than one part of an upload. */
const DIMENSIONS = 1536
const directory = `s3://${BUCKET}/dropped`

let server: TestServer
let s3: S3Server
let restoreEnvironment: () => void

beforeAll(async () => {
  server = await startTestServer()
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
  await makeCollection(server.connection, NAME, OBJECTS, DIMENSIONS)
})
afterAll(async () => {
  restoreEnvironment()
  await s3.close()
  await server.connection.deleteCollection(NAME)
  await server.close()
})
beforeEach(() => {
  s3.empty()
})

it('begins it again, as often as twice', {timeout: 120_000}, async () => {
  const dropped = new Set<null | string>()
  s3.fault = ({key, operation, query}) => {
    // Not where it is asked whether the place keeps conditions.
    const isBackup = operation === 'CompleteMultipartUpload' && key.includes(NAME)
    const upload = query.get('uploadId')
    if (!isBackup || dropped.size === 2 || dropped.has(upload)) return undefined
    dropped.add(upload)
    s3.buckets.get(BUCKET)!.uploads.clear()
    return {code: 'ConditionalRequestConflict', status: 409}
  }

  const warned: string[] = []
  const backup = await new BackupManager(server.connection, {directory}).backupCollection(NAME, {
    format: 'json',
    onWarning({code}) {
      warned.push(code)
    },
  })
  expect(dropped.size).toBe(2)
  expect(warned).toEqual(['upload-dropped', 'upload-dropped'])
  expect(backup).toMatchObject({complete: true, objectCount: OBJECTS})
  expect(await new BackupCatalog(directory).list()).toMatchObject([{id: backup.id, status: 'sealed'}])
  expect(await new Verifier({directory}).verifyBackup(backup.id)).toMatchObject({problems: []})
  expect(s3.buckets.get(BUCKET)!.uploads.size).toBe(0)
})
