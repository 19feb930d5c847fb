/** Places of which one object after another may be read, and nothing else: no list, no write, and 403 for what is not there. */
import {chmod, mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import type {Warning} from '../../src/model/progress.js'

import {newIdentity} from '../../src/codec/age/header.js'
import {
  BackupCatalog,
  BackupManager,
  type BackupOptions,
  type BackupResult,
  RestoreManager,
  Verifier,
} from '../../src/index.js'
import {makeTenants, statesOf} from '../fault/samples.js'
import {withEnvironment} from '../store/support.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'

const NAME = 'ReadOnly'
const TENANTS = 'ReadOnlyTenants'
const OBJECTS = 40
const directory = `s3://${BUCKET}/read-only`
const KINDS: Array<{isEncrypted: boolean; options: BackupOptions}> = [
  {isEncrypted: false, options: {format: 'json'}},
  {isEncrypted: false, options: {format: 'parquet'}},
  {isEncrypted: true, options: {format: 'arrow'}},
]

let server: TestServer
let s3: S3Server
let restoreEnvironment: () => void
let me: {identity: string; recipient: string}
let checkpoints: string
let ofTenants: BackupResult
const taken: BackupResult[] = []

beforeAll(async () => {
  server = await startTestServer()
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
  me = await newIdentity()
  checkpoints = await mkdtemp(path.join(tmpdir(), 'data-ops-checkpoints-'))
  await makeCollection(server.connection, NAME, OBJECTS, 4)
  for (const {isEncrypted, options} of KINDS) {
    const encryptTo = isEncrypted ? [me.recipient] : undefined
    taken.push(await new BackupManager(server.connection, {directory, encryptTo}).backupCollection(NAME, options))
  }

  await makeTenants(server.connection, TENANTS, {objects: OBJECTS, tenants: 4})
  ofTenants = await new BackupManager(server.connection, {directory}).backupCollection(TENANTS, {format: 'parquet'})
  const {objects} = s3.buckets.get(BUCKET)!
  const isRead = ({key, operation}: {key: string; operation: string}): boolean =>
    operation === 'GetObject' && objects.has(key)
  s3.fault = (request) => (isRead(request) ? undefined : {code: 'AccessDenied', status: 403})
})
afterAll(async () => {
  restoreEnvironment()
  await s3.close()
  await rm(checkpoints, {force: true, recursive: true})
  for (const name of [NAME, TENANTS, `${TENANTS}Copy`]) await server.connection.deleteCollection(name)
  await server.close()
})

it('a backup of tenants is compared, and restored into what is there; that notes of killed runs cannot be seen is told', async () => {
  const stateDirectory = path.join(checkpoints, 'state')
  const codes: string[] = []
  const onWarning = ({code}: Warning): void => {
    codes.push(code)
  }

  const verifier = new Verifier({connection: server.connection, directory, stateDirectory})
  expect(await verifier.verifyCollection(TENANTS, ofTenants.path, {onWarning})).toMatchObject({equal: true})
  expect(codes).toEqual(['tenant-note-unreadable'])
  const manager = new RestoreManager(server.connection, {directory, stateDirectory})
  const options = {checkpointDirectory: checkpoints, name: `${TENANTS}Copy`, onWarning, verify: true}
  for (const merge of [false, true]) {
    const restored = await manager.restoreCollection(ofTenants.path, {...options, merge})
    expect(restored).toMatchObject({verification: {equal: true}})
  }

  expect(await statesOf(server.connection, `${TENANTS}Copy`)).toEqual(await statesOf(server.connection, TENANTS))
})

it('of what may not be listed nothing is said: no prune, and no catalog made anew, that had nothing to do', async () => {
  const catalog = new BackupCatalog(directory)
  for (const run of [
    async () => catalog.list(),
    async () => catalog.prune({keepLast: 1}),
    async () => catalog.prune({keepLast: 1}, {dryRun: true}),
    async () => catalog.reindex(),
  ]) {
    await expect(run()).rejects.toMatchObject({code: 'STORAGE', details: {reason: 'denied'}})
  }
})

describe.each(KINDS.map((kind, index) => ({...kind, index})))('$options.format, encrypted: $isEncrypted', (kind) => {
  const backup = (): BackupResult => taken[kind.index]!
  const opening = kind.isEncrypted ? () => ({identities: [me.identity]}) : () => ({})

  it('is verified and restored by its full URL, with a checkpoint elsewhere', async () => {
    const verifier = new Verifier({connection: server.connection, ...opening()})
    expect(await verifier.verifyBackup(backup().path)).toMatchObject({digest: backup().digest, problems: []})
    const manager = new RestoreManager(server.connection, opening())
    const options = {name: `${NAME}Restored`, verify: true}
    const refused = manager.restoreCollection(backup().path, options)
    await expect(refused).rejects.toMatchObject({
      code: 'STORAGE',
      hint: expect.stringMatching(/`checkpointDirectory`/) as string,
    })
    expect(await server.connection.getCollection(options.name)).toBeUndefined()
    const restored = await manager.restoreCollection(backup().path, {...options, checkpointDirectory: checkpoints})
    expect(restored).toMatchObject({restored: OBJECTS, verification: {equal: true}})
    await server.connection.deleteCollection(options.name)
  })
})

it.skipIf(process.getuid?.() === 0)('a folder that nothing can be written to says the same', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'data-ops-read-only-'))
  const {path: where} = await new BackupManager(server.connection, {directory: folder}).backupCollection(NAME)
  await chmod(folder, 0o555)
  const manager = new RestoreManager(server.connection, {})
  const refused = manager.restoreCollection(where, {name: `${NAME}Restored`})
  await expect(refused).rejects.toMatchObject({hint: expect.stringMatching(/`checkpointDirectory`/) as string})
  await chmod(folder, 0o755)
  await rm(folder, {recursive: true})
})
