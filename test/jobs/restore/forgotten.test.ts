/** A restore that was interrupted and is then forgotten: what it has written is not left without its references in silence. */
import {afterEach, beforeEach, expect, it} from 'vitest'

import type {Connection} from '../../../src/weaviate/connection.js'

import {
  BackupManager,
  CopyManager,
  DataOpsError,
  RestoreManager,
  type RestoreOptions,
  Verifier,
} from '../../../src/index.js'
import {GRACE} from '../../../src/jobs/restore/checkpoint.js'
import {makeReferences} from '../../fault/samples.js'
import {makeCollection} from '../../support/collections.js'
import {embeddedServers} from '../../support/embedded-servers.js'

const NAME = 'Forgotten'
const COPY = 'ForgottenCopy'
const SKIP = {merge: true, name: COPY, onConflict: 'skip', restart: true} as const
const USUAL = GRACE.ms
const servers = embeddedServers()

beforeEach(() => {
  GRACE.ms = 0
})

afterEach(() => {
  GRACE.ms = USUAL
})

/** Objects arrive, references do not. */
function failing(connection: Connection): Connection {
  return {
    ...connection,
    async writeReferences() {
      throw new DataOpsError('SERVER_REFUSED', 'No reference today.')
    },
  }
}

async function begin(first: RestoreOptions = {}) {
  const {connection} = await servers.start()
  const references = await makeReferences(connection, NAME, {objects: 20, references: 2})
  const place = {directory: servers.directory}
  const {path} = await new BackupManager(connection, place).backupCollection(NAME)
  const interrupted = new RestoreManager(failing(connection), place).restoreCollection(path, {name: COPY, ...first})
  await expect(interrupted).rejects.toThrow('No reference today.')
  const restore = async (options: RestoreOptions) =>
    new RestoreManager(connection, place).restoreCollection(path, {name: COPY, ...options})
  const isEqual = async () => (await new Verifier({connection, ...place}).verifyCollection(COPY, path)).equal
  return {connection, isEqual, references, restore}
}

it.each([{restart: true}, {dryRun: true, restart: true}])(
  'is not taken for what others have put there: %o',
  async (options) => {
    const {connection, isEqual, references, restore} = await begin()
    await expect(restore({...SKIP, ...options})).rejects.toMatchObject({
      code: 'CHECKPOINT',
      details: {collection: COPY},
      hint: expect.stringMatching(/^Run it again with .+ `onConflict: 'overwrite'`.+\.checkpoint first\.$/) as string,
      message: expect.stringContaining('may lack its references') as string,
    })
    expect(await connection.count(COPY)).toBe(20)
    // What it was told to do ends it.
    expect(await restore({})).toMatchObject({references, restored: 0, resumed: 20})
    expect(await isEqual()).toBe(true)
  },
)

it('may be written over', async () => {
  const {isEqual, references, restore} = await begin()
  await expect(restore(SKIP)).rejects.toMatchObject({code: 'CHECKPOINT'})
  expect(await restore({merge: true, restart: true})).toMatchObject({references, restored: 20})
  expect(await isEqual()).toBe(true)
})

it('is nothing that is in the way where its collection is another by now', async () => {
  const {connection, isEqual, references, restore} = await begin()
  const schema = await connection.getCollection(COPY)
  await connection.deleteCollection(COPY)
  await connection.createCollection(schema!)
  expect(await restore(SKIP)).toMatchObject({references, restored: 20, skipped: 0})
  expect(await isEqual()).toBe(true)
})

it('lacks nothing without references', async () => {
  const {connection} = await servers.start()
  await makeCollection(connection, NAME, 20)
  const place = {directory: servers.directory}
  const {path} = await new BackupManager(connection, place).backupCollection(NAME)
  const stopped = {...connection, count: async () => 3}
  const interrupted = new RestoreManager(stopped, place).restoreCollection(path, {name: COPY})
  await expect(interrupted).rejects.toMatchObject({code: 'CONTENT_DIFFERS'})
  expect(await new RestoreManager(connection, place).restoreCollection(path, SKIP)).toMatchObject({skipped: 20})
})

it('may be a copy', async () => {
  const {connection} = await servers.start()
  await makeReferences(connection, NAME, {objects: 20, references: 2})
  const place = {directory: servers.directory}
  const copies = new CopyManager(connection, connection, place)
  const interrupted = new CopyManager(connection, failing(connection), place).copyCollection(NAME, {name: COPY})
  await expect(interrupted).rejects.toThrow('No reference today.')
  await expect(copies.copyCollection(NAME, SKIP)).rejects.toMatchObject({code: 'CHECKPOINT'})
  expect(await copies.copyCollection(NAME, {name: COPY, verify: true})).toMatchObject({verification: {equal: true}})
})
