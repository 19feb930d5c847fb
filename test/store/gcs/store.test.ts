import {afterAll, beforeAll, describe, it} from 'vitest'

import {connectGcs} from '../../../src/store/gcs/client.js'
import {storeSuite} from '../suite.js'
import {cloudPlace, withEnvironment} from '../support.js'

/** An emulator, or Google's own: its bucket must be there. */
const {GCS_BUCKET: bucket = 'backups', GCS_ENDPOINT: endpoint} = process.env

if (endpoint === undefined) {
  describe('GCS', () => {
    it.skip('keeps the contract of a store (set GCS_ENDPOINT, and GCS_BUCKET)')
  })
} else {
  let restore: (() => void) | undefined
  beforeAll(() => {
    restore = withEnvironment({STORAGE_EMULATOR_HOST: endpoint})
  })
  afterAll(() => {
    restore?.()
  })
  storeSuite(`GCS at ${endpoint}`, async () => cloudPlace(`gs://${bucket}`, async () => connectGcs(bucket)))
}
