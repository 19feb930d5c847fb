import {afterAll, beforeAll} from 'vitest'

import {BUCKET, type S3Server, startS3} from '../../support/s3-server.js'
import {storeSuite} from '../suite.js'
import {s3Place, withEnvironment} from './support.js'

let server: S3Server | undefined
let restore: (() => void) | undefined
/** A real service, when one is named: its bucket must be there. */
const {S3_BUCKET: bucket = BUCKET, S3_ENDPOINT: endpoint} = process.env

beforeAll(async () => {
  if (endpoint !== undefined) {
    restore = withEnvironment({AWS_ENDPOINT_URL_S3: endpoint})
    return
  }

  server = await startS3()
  restore = withEnvironment(server.env)
})
afterAll(async () => {
  restore?.()
  await server?.close()
})

storeSuite(endpoint === undefined ? "S3 (the tests' own)" : `S3 at ${endpoint}`, async () => s3Place(bucket))
