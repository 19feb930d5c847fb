/**
 * Locked backups on the tests' own S3, or with S3_ENDPOINT on a real one (S3_LOCKED_BUCKET: a bucket with object lock): whoever has the
 * credentials that backups are taken with can do to them whatever they like, and they are there, whole.
 */
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import {randomUUID} from 'node:crypto'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'

import {SCRYPT} from '../../src/archive/encrypted/key-file.js'
import {lockOf} from '../../src/archive/locked.js'
import {newIdentity} from '../../src/codec/age/header.js'
import {
  BackupCatalog,
  BackupManager,
  type BackupOptions,
  copyBackup,
  RestoreManager,
  Verifier,
} from '../../src/index.js'
import {examinePlace} from '../../src/jobs/doctor/place.js'
import {LEASE} from '../../src/store/lease.js'
import {openStore} from '../../src/store/open.js'
import {withEnvironment} from '../store/support.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'

const DAY = 24 * 3_600_000
const NAME = 'LockedDocs'
const OBJECTS = 60
const {S3_ENDPOINT: endpoint, S3_LOCKED_BUCKET: bucket = 'locked'} = process.env
/** All of them on a real one. */
const ALL: Array<{isEncrypted: boolean; options: BackupOptions}> = [
  {isEncrypted: false, options: {format: 'json'}},
  {isEncrypted: false, options: {compress: true, format: 'json'}},
  {isEncrypted: false, options: {format: 'parquet'}},
  {isEncrypted: true, options: {format: 'arrow'}},
  {isEncrypted: true, options: {format: 'json'}},
]

const KINDS = endpoint === undefined ? [ALL[1]!, ALL[3]!] : ALL

let server: TestServer
let s3: S3Server | undefined
let client: S3Client
let restoreEnvironment: () => void
let me: {identity: string; recipient: string}
let prefix: string
let place: string

const LEASES = {...LEASE}

beforeAll(async () => {
  // What was written over a lease holds it for its time.
  Object.assign(LEASE, endpoint === undefined ? {ms: 2000, renewMs: 500} : {ms: 3000, renewMs: 1000})
  SCRYPT.logN = 6
  me = await newIdentity()
  server = await startTestServer()
  await makeCollection(server.connection, NAME, OBJECTS, 4)
  s3 = endpoint === undefined ? await startS3() : undefined
  s3?.buckets.set(bucket, {objects: new Map(), uploads: new Map(), versions: new Map()})
  restoreEnvironment = withEnvironment(s3?.env ?? {AWS_ENDPOINT_URL_S3: endpoint ?? ''})
  client = new S3Client({forcePathStyle: true, region: 'us-east-1'})
})
afterAll(async () => {
  Object.assign(LEASE, LEASES)
  client.destroy()
  restoreEnvironment()
  await s3?.close()
  await server.connection.deleteCollection(NAME)
  await server.close()
})
beforeEach(() => {
  prefix = `locked-${randomUUID()}/`
  place = `s3://${bucket}/${prefix.slice(0, -1)}`
})

interface Version {
  isRemoval: boolean
  key: string
  version: string
}

async function versions(): Promise<Version[]> {
  const {DeleteMarkers = [], Versions = []} = await client.send(
    new ListObjectVersionsCommand({Bucket: bucket, Prefix: prefix}),
  )
  const all = [
    ...Versions.map((each) => ({...each, isRemoval: false})),
    ...DeleteMarkers.map((each) => ({...each, isRemoval: true})),
  ]
  return all.map(({isRemoval, Key = '', VersionId = ''}) => ({isRemoval, key: Key, version: VersionId}))
}

/** Everything that the credentials of a backup are good for. Returns what was refused. */
async function attack(): Promise<string[]> {
  const before = await versions()
  const refused: string[] = []
  for (const each of before) refused.push(...(await destroy(each)))
  const found = [...new Set(before.map(({key}) => key))]
  for (const key of found) await overwrite(key)
  // Every other one stays overwritten; the rest is removed on top of that.
  const Objects = found.filter((_, index) => index % 2 === 0).map((Key) => ({Key}))
  await client.send(new DeleteObjectsCommand({Bucket: bucket, ChecksumAlgorithm: 'SHA256', Delete: {Objects}}))
  return refused
}

async function destroy({key: Key, version: VersionId}: Version): Promise<string[]> {
  const Bucket = bucket
  const Retention = {Mode: 'COMPLIANCE' as const, RetainUntilDate: new Date(Date.now() + 60_000)}
  const refused: string[] = []
  const deleting = client.send(new DeleteObjectCommand({Bucket, Key, VersionId}))
  await deleting.catch(() => {
    refused.push(`delete ${Key}`)
  })
  const shortening = client.send(new PutObjectRetentionCommand({Bucket, Key, Retention, VersionId}))
  await shortening.catch(() => {
    refused.push(`shorten ${Key}`)
  })
  return refused
}

/** Without a lock, and with a longer one. */
async function overwrite(Key: string): Promise<void> {
  const ObjectLockRetainUntilDate = new Date(Date.now() + 300 * DAY)
  await client.send(new PutObjectCommand({Body: 'overwritten', Bucket: bucket, Key}))
  await client.send(
    new PutObjectCommand({
      Body: '{"metadata":{}}',
      Bucket: bucket,
      ChecksumAlgorithm: 'SHA256',
      Key,
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate,
    }),
  )
}

const keys = (isEncrypted: boolean) => (isEncrypted ? {encryptTo: [me.recipient]} : {})
const opening = (isEncrypted: boolean) => (isEncrypted ? {identities: [me.identity]} : {})

async function take({isEncrypted, options}: (typeof KINDS)[number], lockForMs = 30 * DAY) {
  const manager = new BackupManager(server.connection, {directory: place, ...keys(isEncrypted)})
  return manager.backupCollection(NAME, {...options, lockForMs})
}

describe.each(KINDS)('a locked backup, $options.format, encrypted: $isEncrypted', (kind) => {
  it('is whole, listed and restored after everything that its own credentials can do to it', async () => {
    const started = Date.now()
    const backup = await take(kind)
    const until = Date.parse(backup.lockedUntil ?? '')
    expect(until).toBeGreaterThanOrEqual(started + 30 * DAY - 1000)
    expect(until).toBeLessThan(Date.now() + 30 * DAY + 1000)
    const written = (await versions()).filter(
      ({isRemoval, key}) => !isRemoval && !key.split('/').at(-1)?.startsWith('.'),
    )
    const ofBackup = written.filter(({key}) => `s3://${bucket}/${key}`.startsWith(backup.path))
    expect(ofBackup.length).toBeGreaterThan(0)
    const refused = await attack()
    // Each file of the backup has one version that nobody can remove; what is not of it has none.
    const kept = refused.filter((what) => what.startsWith('delete ')).map((what) => what.slice('delete '.length))
    const sealed = [...new Set(ofBackup.map(({key}) => key))].filter((key) => !key.includes('.partial'))
    expect(kept.toSorted()).toEqual(sealed.toSorted())
    expect(refused.filter((what) => what.startsWith('shorten ')).length).toBeGreaterThanOrEqual(sealed.length)

    const opened = {directory: place, ...opening(kind.isEncrypted)}
    const catalog = new BackupCatalog(place, opening(kind.isEncrypted))
    await catalog.reindex()
    expect(await catalog.list()).toMatchObject([{file: backup.path.split('/').at(-1), id: backup.id, status: 'sealed'}])
    const verification = await new Verifier({connection: server.connection, ...opened}).verifyBackup(backup.id)
    expect(verification).toMatchObject({digest: backup.digest, problems: []})
    const name = `${NAME}Restored`
    const manager = new RestoreManager(server.connection, opened)
    const restored = await manager.restoreCollection(backup.id, {name, verify: true})
    expect(restored).toMatchObject({restored: OBJECTS, verification: {equal: true}})
    await server.connection.deleteCollection(name)
  })
})

it('prune and remove leave a locked backup alone, and say until when; what is not locked goes', async () => {
  const kind = ALL[2]!
  const locked = await take(kind)
  const manager = new BackupManager(server.connection, {directory: place})
  const free = await manager.backupCollection(NAME, kind.options)
  await manager.backupCollection(NAME, kind.options)
  const catalog = new BackupCatalog(place)
  const {kept, reasons, removed} = await catalog.prune({keepLast: 1})
  expect(removed.map(({id}) => id)).toEqual([free.id])
  expect(kept).toHaveLength(2)
  const file = locked.path.split('/').at(-1) ?? ''
  expect(reasons[file]?.join(',')).toBe(`it is locked until ${locked.lockedUntil?.slice(0, 16).replace('T', ' ')} UTC`)
  await expect(catalog.remove(locked.id)).rejects.toMatchObject({
    code: 'STORAGE',
    details: {locked: true},
    message: expect.stringContaining('is kept: it is locked until') as string,
  })
  expect(await new Verifier({directory: place}).verifyBackup(locked.id)).toMatchObject({problems: []})
})

it('extend locks one that is not, and locks for longer, never for shorter', async () => {
  const backup = await new BackupManager(server.connection, {directory: place}).backupCollection(NAME, {
    format: 'arrow',
  })
  expect(backup.lockedUntil).toBeUndefined()
  const catalog = new BackupCatalog(place)
  const first = await catalog.extend(backup.id, {forMs: 2 * DAY, mode: 'compliance'})
  const longer = await catalog.extend(backup.id, {forMs: 5 * DAY, mode: 'compliance'})
  const shorter = await catalog.extend(backup.id, {forMs: DAY, mode: 'compliance'})
  const days = [first, longer, shorter].map((each) =>
    Math.round((Date.parse(each.locked_until ?? '') - Date.now()) / DAY),
  )
  expect(days).toEqual([2, 5, 5])
  expect((await attack()).filter((what) => what.startsWith('delete '))).toHaveLength(3)
  expect(await new Verifier({directory: place}).verifyBackup(backup.id)).toMatchObject({problems: []})
})

it('rekey adds a file, locked as the others are', async () => {
  const backup = await take(ALL[3]!)
  const other = await newIdentity()
  const warned: string[] = []
  const onWarning = ({code}: {code: string}): void => {
    warned.push(code)
  }

  await new BackupCatalog(place, {...opening(true), onWarning}).rekey(backup.id, {encryptTo: [other.recipient]})
  expect(warned).toEqual(['old-keys-kept'])
  const names = (await openStore(backup.path).list('')).map(({name}) => name)
  expect(names.filter((name) => name.startsWith('key-'))).toHaveLength(2)
  await attack()
  for (const {identity} of [me, other]) {
    const verifier = new Verifier({directory: place, identities: [identity]})
    expect(await verifier.verifyBackup(backup.id)).toMatchObject({problems: []})
  }
})

/** Each way in which credentials may fail to see a lock. */
const BLIND = [['GetObjectRetention'], ['ListObjectVersions'], ['GetObjectLockConfiguration', 'ListObjectVersions']]

describe.runIf(endpoint === undefined)('credentials that may not see locks', () => {
  afterEach(() => {
    s3!.fault = undefined
  })

  it.each(BLIND)('take nothing for not being locked: %s', async (...blind) => {
    const old = await new BackupManager(server.connection, {directory: place}).backupCollection(NAME, {
      format: 'parquet',
      lockForMs: DAY,
    })
    await new BackupManager(server.connection, {directory: place}).backupCollection(NAME, {format: 'parquet'})
    const before = await versions()
    s3!.fault = ({operation}) => (blind.includes(operation) ? {code: 'AccessDenied', status: 403} : undefined)
    const warned: string[] = []
    const catalog = new BackupCatalog(place, {
      onWarning({code}) {
        warned.push(code)
      },
    })
    const pruned = await catalog.prune({keepLast: 1})
    expect(pruned.removed).toEqual([])
    const words = 'may not see whether it is locked'
    expect(Object.values(pruned.reasons).flat().join(' ')).toContain(words)
    await expect(catalog.remove(old.id)).rejects.toMatchObject({
      code: 'STORAGE',
      hint: expect.stringContaining('s3:GetObjectRetention') as string,
      message: expect.stringContaining(words) as string,
    })
    await expect(catalog.extend(old.id, {forMs: 2 * DAY, mode: 'compliance'})).rejects.toMatchObject({code: 'STORAGE'})
    expect(await lockOf(openStore(place), path.basename(old.path))).toBe('unknown')
    // What was seen by who may look is still so; of the other it is said.
    const {entries} = await catalog.reindex()
    expect(entries.map(({lock_unknown: isUnknown}) => isUnknown)).toEqual([true, true])
    expect(entries.find(({id}) => id === old.id)?.locked_until).toBe(old.lockedUntil)
    const files = ({key}: Version): boolean => /objects|schema|metadata/.test(key)
    expect((await seeing(versions)).filter((each) => files(each))).toEqual(before.filter((each) => files(each)))
  })

  it('the doctor says so', async () => {
    s3!.fault = ({operation}) =>
      operation === 'GetObjectLockConfiguration' ? {code: 'AccessDenied', status: 403} : undefined
    const findings = await examinePlace(openStore(place), {now: Date.now})
    expect(findings.find(({check}) => check === 'locks')).toMatchObject({level: 'unknown'})
  })
})

/** With credentials that may. */
async function seeing<T>(work: () => Promise<T>): Promise<T> {
  s3!.fault = undefined
  return work()
}

describe('a bucket without object lock', () => {
  it('is refused before anything is written', async () => {
    const plain = endpoint === undefined ? BUCKET : (process.env.S3_BUCKET ?? BUCKET)
    const directory = `s3://${plain}/${prefix.slice(0, -1)}`
    const backup = new BackupManager(server.connection, {directory}).backupCollection(NAME, {lockForMs: DAY})
    await expect(backup).rejects.toMatchObject({code: 'INVALID_INPUT', details: {reason: 'no-locks'}})
    expect(await openStore(directory).list('')).toEqual([])
    const extended = new BackupCatalog(directory).extend('abcd', {forMs: DAY, mode: 'compliance'})
    await expect(extended).rejects.toMatchObject({code: 'INVALID_INPUT'})
  })

  it('as a folder is', async () => {
    const backup = new BackupManager(server.connection, {directory: '/nonexistent/x'}).backupCollection(NAME, {
      lockForMs: DAY,
    })
    await expect(backup).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('Nothing can be locked') as string,
    })
  })
})

describe.skipIf(endpoint !== undefined)('where the clock of the place is not the one of this machine', () => {
  it.each([-DAY, 7 * 60_000])(
    'by %d ms, nothing is locked: neither a backup, nor a copy, nor for longer',
    async (ahead) => {
      const {id} = await new BackupManager(server.connection, {directory: place}).backupCollection(NAME)
      const before = (await versions()).length
      const minutes = Math.round(Math.abs(ahead) / 60_000)
      const refusal = {
        code: 'STORAGE',
        details: {reason: 'clock'},
        message: `The clock of ${place} and this one are ${minutes} minutes apart: a lock would end too early, or too late.`,
      }
      s3!.clockAheadMs = ahead
      try {
        const backups = new BackupManager(server.connection, {directory: place})
        await expect(backups.backupCollection(NAME, {lockForMs: DAY})).rejects.toMatchObject(refusal)
        const options = {forMs: DAY, mode: 'compliance'} as const
        await expect(new BackupCatalog(place).extend(id, options)).rejects.toMatchObject(refusal)
        const to = `${place}-copies`
        const copying = copyBackup(id, {directory: place, lockForMs: DAY, to})
        await expect(copying).rejects.toMatchObject({code: 'STORAGE', details: {path: to, reason: 'clock'}})
        expect((await versions()).length).toBe(before)
        const unlocked = await lockOf(openStore(place), (await new BackupCatalog(place).list())[0]!.file)
        expect(unlocked).toBeUndefined()
        // A minute is no matter.
        s3!.clockAheadMs = 60_000
        expect(await new BackupCatalog(place).extend(id, options)).toBeDefined()
      } finally {
        delete s3!.clockAheadMs
      }
    },
  )
})

it.skipIf(endpoint !== undefined)(
  'a service that does not know the question for a lock is asked for its headers',
  async () => {
    s3!.ignoresRetention = true
    try {
      const manager = new BackupManager(server.connection, {directory: place})
      const locked = await manager.backupCollection(NAME, {format: 'parquet', lockForMs: DAY})
      const plain = await manager.backupCollection(NAME)
      const store = openStore(place)
      const [of, ofPlain] = [locked.path, plain.path].map((each) => path.basename(each)) as [string, string]
      expect(await lockOf(store, ofPlain)).toBeUndefined()
      await attack()
      const lock = await lockOf(store, of)
      expect(lock).toMatchObject({mode: 'compliance'})
      expect((lock as {until: number}).until).toBeGreaterThan(Date.now() + DAY - 60_000)
      expect((await new Verifier({directory: place}).verifyBackup(locked.path)).problems).toEqual([])
    } finally {
      s3!.ignoresRetention = false
    }
  },
)
