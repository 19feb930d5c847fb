/** A process that is killed while it looks whether a place keeps conditions leaves an object and an upload there: prune takes them away once they are old. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import {BackupCatalog} from '../../src/index.js'
import {openStore} from '../../src/store/open.js'
import {withEnvironment} from '../store/support.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'

const HOUR = 3_600_000
let s3: S3Server
let restoreEnvironment: () => void

beforeAll(async () => {
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
})
afterAll(async () => {
  restoreEnvironment()
  await s3.close()
})

it.each([
  {ageMs: HOUR / 2, left: 1},
  {ageMs: 2 * HOUR, left: 0},
])('after $ageMs ms $left of them are left', async ({ageMs, left}) => {
  const {objects, uploads} = s3.buckets.get(BUCKET)!
  const key = `place-${left}/.elysia-conditions`
  const at = new Date(Date.now() - ageMs)
  objects.set(key, {bytes: Buffer.from('?'), etag: '"1"', metadata: {}, modified: at})
  uploads.set(`upload-${left}`, {begun: at, key, metadata: {}, parts: new Map()})
  const catalog = new BackupCatalog(openStore(`s3://${BUCKET}/place-${left}`))
  await catalog.prune({keepLast: 1})
  expect([...objects.keys()].filter((each) => each === key)).toHaveLength(left)
  expect([...uploads.values()].filter((each) => each.key === key)).toHaveLength(left)
})
