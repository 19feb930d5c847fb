/** With credentials that may remove nothing, everything works but prune and remove. */
import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {newIdentity} from '../../src/codec/age/header.js'
import {BackupCatalog, BackupManager, ClearManager, RestoreManager, Verifier} from '../../src/index.js'
import {FLUSH_EVERY} from '../../src/jobs/backup/transfer.js'
import {SAVE_EVERY} from '../../src/jobs/restore/checkpoint.js'
import {LEASE} from '../../src/store/lease.js'
import {openStore} from '../../src/store/open.js'
import {withEnvironment} from '../store/support.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'

const NAME = 'AppendOnly'
const OBJECTS = 60
const directory = `s3://${BUCKET}/append-only`

let server: TestServer
let s3: S3Server
let restoreEnvironment: () => void
const settings = [{...FLUSH_EVERY}, {...SAVE_EVERY}, {...LEASE}] as const

beforeAll(async () => {
  server = await startTestServer()
  s3 = await startS3()
  restoreEnvironment = withEnvironment(s3.env)
  await makeCollection(server.connection, NAME, OBJECTS, 4)
  FLUSH_EVERY.ms = 0
  SAVE_EVERY.ms = 0
  // Whoever waited for one to expire would wait for ever.
  LEASE.ms = 3_000_000
})
afterAll(async () => {
  Object.assign(FLUSH_EVERY, settings[0])
  Object.assign(SAVE_EVERY, settings[1])
  Object.assign(LEASE, settings[2])
  restoreEnvironment()
  await s3.close()
  await server.connection.deleteCollection(NAME)
  await server.close()
})
beforeEach(() => {
  s3.empty()
  s3.operations = []
  s3.fault = ({operation}) => (operation.startsWith('Delete') ? {code: 'AccessDenied', status: 403} : undefined)
})

/** Stops once so much is done. */
function stopAt(count: number): {onProgress: (event: {completed: number}) => void; signal: AbortSignal} {
  const controller = new AbortController()
  return {
    onProgress({completed}) {
      if (completed >= count) controller.abort()
    },
    signal: controller.signal,
  }
}

const names = async (): Promise<string[]> => (await openStore(directory).list('')).map(({name}) => name)

describe.each(['json', 'parquet'] as const)('in %s', (format) => {
  it('backups are taken, continued, listed, verified, restored, also after an interruption', async () => {
    const backups = new BackupManager(server.connection, {directory})
    const options = {batchSize: 5, concurrency: 1, format}
    await expect(backups.backupCollection(NAME, {...options, ...stopAt(20)})).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    const first = await backups.backupCollection(NAME, {...options, resume: 'auto'})
    expect(first).toMatchObject({objectCount: OBJECTS, warnings: []})
    expect(first.resumed > 0).toBe(format === 'parquet')
    // What is over is no unfinished backup, and its lease is nobody's: nothing waits for it to expire.
    const second = await backups.backupCollection(NAME, {...options, resume: 'auto'})
    expect(second).toMatchObject({digest: first.digest, resumed: 0, warnings: []})
    expect((await new BackupCatalog(directory).list()).map(({status}) => status)).toEqual(['sealed', 'sealed'])
    expect(await new Verifier({directory}).verifyBackup(first.id)).toMatchObject({problems: []})

    const restores = new RestoreManager(server.connection, {directory})
    const into = {batchSize: 5, concurrency: 1, name: `${NAME}Restored`}
    await expect(restores.restoreCollection(first.id, {...into, ...stopAt(20)})).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    const restored = await restores.restoreCollection(first.id, {...into, verify: true})
    expect(restored).toMatchObject({rejected: 0, verification: {equal: true}})
    expect(restored.resumed).toBeGreaterThan(0)
    expect(restored.restored + restored.resumed).toBe(OBJECTS)
    // The checkpoint is over: what is restored once more is restored as a whole.
    await server.connection.deleteCollection(into.name)
    expect(await restores.restoreCollection(first.id, into)).toMatchObject({restored: OBJECTS, resumed: 0})
    const cleared = await new ClearManager(server.connection, {directory}).clearCollection(into.name, {
      backupFirst: true,
    })
    expect(cleared).toMatchObject({deleted: OBJECTS})
    await server.connection.deleteCollection(into.name)
    expect(s3.operations.filter((operation) => operation.startsWith('Delete')).length).toBeGreaterThan(5)
  })
})

it('prune and remove say that they are not allowed, and leave the backup whole', async () => {
  const backups = new BackupManager(server.connection, {directory})
  const first = await backups.backupCollection(NAME, {format: 'parquet'})
  await backups.backupCollection(NAME, {format: 'parquet'})
  const catalog = new BackupCatalog(directory)
  for (const attempt of [async () => catalog.prune({keepLast: 1}), async () => catalog.remove(first.id)]) {
    await expect(attempt()).rejects.toMatchObject({code: 'STORAGE', details: {reason: 'denied'}})
    expect(await new Verifier({directory}).verifyBackup(first.id)).toMatchObject({problems: []})
    expect((await catalog.list()).map(({status}) => status)).toEqual(['sealed', 'sealed'])
  }

  expect((await names()).filter((name) => name.endsWith('.removed.partial'))).toHaveLength(0)
})

it('rekey adds a reader, and says that the old ones stay', async () => {
  const [me, other] = await Promise.all([newIdentity(), newIdentity()])
  const backups = new BackupManager(server.connection, {directory, encryptTo: [me.recipient]})
  const backup = await backups.backupCollection(NAME, {format: 'arrow'})
  const warned: string[] = []
  const catalog = new BackupCatalog(directory, {
    identities: [me.identity],
    onWarning({code}) {
      warned.push(code)
    },
  })
  await catalog.rekey(backup.id, {encryptTo: [other.recipient]})
  expect(warned).toEqual(['old-keys-kept'])
  const verifier = new Verifier({directory, identities: [other.identity]})
  expect(await verifier.verifyBackup(backup.id)).toMatchObject({problems: []})
})
