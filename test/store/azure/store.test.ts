import {describe, it} from 'vitest'

import {connectAzure} from '../../../src/store/azure/client.js'
import {storeSuite} from '../suite.js'
import {cloudPlace} from '../support.js'

/** Azurite, or Microsoft's own: its container must be there. */
const {AZURE_CONTAINER: container = 'backups', AZURE_STORAGE_CONNECTION_STRING: connectionString} = process.env

if (connectionString === undefined) {
  describe('Azure', () => {
    it.skip('keeps the contract of a store (set AZURE_STORAGE_CONNECTION_STRING, and AZURE_CONTAINER)')
  })
} else {
  const account = /AccountName=(\w+)/.exec(connectionString)?.[1] ?? ''
  storeSuite(`Azure, account ${account}`, async () =>
    cloudPlace(`az://${account}/${container}`, async () => connectAzure({account, connectionString, container})),
  )
}
