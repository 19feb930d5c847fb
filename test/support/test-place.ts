/** Where suites that can put their backups anywhere put them: a folder, or with TEST_PLACE (`s3://bucket/prefix`) a prefix of its own there; with TEST_ENCRYPTED=1, encrypted. */
import {randomUUID} from 'node:crypto'

import type {Store} from '../../src/store/store.js'

import {newIdentity} from '../../src/codec/age/header.js'
import {openStore} from '../../src/store/open.js'
import {temporaryDirectory} from './collections.js'

const {TEST_ENCRYPTED, TEST_PLACE} = process.env

/** Whether backups are files of this machine, which a test can look into. */
export const IS_PLAIN_FOLDER = TEST_PLACE === undefined && TEST_ENCRYPTED === undefined

export interface TestPlace {
  /** For the managers. */
  keys: {encryptTo?: string[]; identities?: string[]; store?: Store}
  path: string
  remove: () => Promise<void>
}

export async function testPlace(): Promise<TestPlace> {
  const pair = TEST_ENCRYPTED === undefined ? undefined : await newIdentity()
  const keys = pair ? {encryptTo: [pair.recipient], identities: [pair.identity]} : {}
  if (TEST_PLACE === undefined) return {keys, ...(await temporaryDirectory())}
  const place = `${TEST_PLACE}/${randomUUID()}`
  const store = openStore(place, {azureConnectionString: process.env.AZURE_STORAGE_CONNECTION_STRING})
  // What is left goes with the emulator.
  return {keys: {...keys, store}, path: place, async remove() {}}
}
