/** Where suites that can put their backups anywhere put them: a folder, or with TEST_PLACE (`s3://bucket/prefix`) a prefix of its own there; with TEST_ENCRYPTED=1, encrypted. */
import {randomUUID} from 'node:crypto'

import type {Store} from '../../src/store/store.js'

import {newIdentity} from '../../src/codec/age/header.js'
import {openStore} from '../../src/store/open.js'
import {splitPlace} from '../../src/store/place.js'
import {readAll} from '../../src/store/read-all.js'
import {temporaryDirectory} from './collections.js'

const {AZURE_STORAGE_CONNECTION_STRING: azureConnectionString, TEST_ENCRYPTED, TEST_PLACE} = process.env

/** Whether a test can read and change what a backup there holds. */
export const IS_PLAIN = TEST_ENCRYPTED === undefined

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
  const store = openStore(place, {azureConnectionString})
  // What is left goes with the emulator.
  return {keys: {...keys, store}, path: place, async remove() {}}
}

/** What lies at a path or URL. */
export async function textAt(file: string): Promise<string> {
  const {folder, name} = splitPlace(file)
  return Buffer.from(await readAll(openStore(folder, {azureConnectionString}), name)).toString()
}

/** Writes over it. */
export async function overwriteAt(file: string, text: string): Promise<void> {
  const {folder, name} = splitPlace(file)
  await openStore(folder, {azureConnectionString}).put(name, Buffer.from(text))
}

/** The names directly in a folder or place. */
export async function namesIn(place: string): Promise<string[]> {
  return (await openStore(place, {azureConnectionString}).list('')).map(({name}) => name)
}
