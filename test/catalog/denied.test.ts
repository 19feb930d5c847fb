/** What changes backups at an S3 whose credentials do not allow one kind of request, or one request: nothing is said that is not so, and the permission is named. */
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {Warning} from '../../src/model/progress.js'

import {openArchive} from '../../src/catalog/locate.js'
import {newIdentity} from '../../src/codec/age/header.js'
import {BackupCatalog, BackupManager, DataOpsError} from '../../src/index.js'
import {insteadOf} from '../../src/model/errors.js'
import {withEncryption} from '../../src/store/encryption.js'
import {openStore} from '../../src/store/open.js'
import {withEnvironment} from '../store/s3/support.js'
import {makeCollection, startTestServer, type TestServer} from '../support/collections.js'
import {type S3Request, type S3Server, startS3} from '../support/s3-server.js'

const NAME = 'Denied'
const DAY = 86_400_000
/** Requests between two that are denied. */
const STEP = process.env.SWEEP === 'all' ? 1 : 12

type Bucket = S3Server['buckets'] extends Map<string, infer One> ? One : never

let server: TestServer
let s3: S3Server
let restore: () => void
let mine: {identity: string; recipient: string}
let theirs: {identity: string; recipient: string}
let backup: {file: string; id: string}
let made: Bucket

beforeAll(async () => {
  s3 = await startS3()
  restore = withEnvironment(s3.env)
  server = await startTestServer()
  ;[mine, theirs] = await Promise.all([newIdentity(), newIdentity()])
  await makeCollection(server.connection, NAME, 5, 4)
  made = {objects: new Map(), uploads: new Map(), versions: new Map()}
  s3.buckets.set('made', made)
  const manager = new BackupManager(server.connection, {directory: 's3://made', encryptTo: [mine.recipient]})
  const {id, path} = await manager.backupCollection(NAME, {format: 'parquet'})
  backup = {file: path.split('/').at(-1)!, id}
})

afterAll(async () => {
  await server.connection.deleteCollection(NAME)
  await server.close()
  restore()
  await s3.close()
})

/** A bucket of its own, with the backup in it. */
function bucketOf(name: string): string {
  const versions = new Map([...made.versions!].map(([key, all]) => [key, all.map((one) => ({...one}))]))
  s3.buckets.set(name, {objects: new Map(made.objects), uploads: new Map(), versions})
  return `s3://${name}`
}

const opens = async (directory: string, identity: string): Promise<boolean> => {
  const opening = openArchive(backup.id, withEncryption(openStore(directory), {identities: [identity]}))
  return opening.then(() => true).catch(insteadOf(false, 'INVALID_INPUT'))
}

interface Run {
  directory: string
  warnings: Warning[]
}

/** What each job does, and that what it says it has done is so. */
const jobs: Record<string, (catalog: BackupCatalog, run: Run) => Promise<(() => Promise<void>) | undefined>> = {
  async extend(catalog, {directory}) {
    const {locked_until: until = ''} = await catalog.extend(backup.id, {forMs: DAY, mode: 'compliance'})
    return async () => {
      expect(Date.parse(until)).toBeGreaterThan(Date.now() + DAY / 2)
      const {locks} = openStore(directory)
      for (const {name} of await openStore(directory).list(backup.file)) {
        const found = await locks!.find(`${backup.file}/${name}`)
        expect(found, name).toMatchObject({lock: {mode: 'compliance'}})
      }
    }
  },
  async reindex(catalog) {
    const {damaged, entries, unread} = await catalog.reindex()
    return async () => {
      expect(damaged).toEqual([])
      // What may not be read keeps its entry, and is named.
      expect(entries.map(({id}) => id)).toEqual([backup.id])
      expect(unread.length).toBeLessThan(2)
    }
  },
  async rekey(catalog, {directory, warnings}) {
    await catalog.rekey(backup.id, {encryptTo: [theirs.recipient]})
    return async () => {
      expect(await opens(directory, theirs.identity)).toBe(true)
      const isKept = warnings.some(({code}) => code === 'old-keys-kept')
      expect(await opens(directory, mine.identity)).toBe(isKept)
    }
  },
}

async function attempt(
  job: string,
  name: string,
  isDenied: (request: S3Request, number: number) => boolean,
): Promise<{failure?: DataOpsError; requests: S3Request[]}> {
  const directory = bucketOf(name)
  const warnings: Warning[] = []
  const requests: S3Request[] = []
  s3.fault = (request) => {
    requests.push(request)
    return isDenied(request, requests.length) ? {code: 'AccessDenied', status: 403} : undefined
  }

  const catalog = new BackupCatalog(directory, {
    encryptTo: [mine.recipient],
    identities: [mine.identity],
    lockWaitMs: 500,
    onWarning(warning) {
      warnings.push(warning)
    },
  })
  let check: (() => Promise<void>) | undefined
  let failure: DataOpsError | undefined
  try {
    check = await jobs[job]!(catalog, {directory, warnings})
  } catch (error) {
    if (!(error instanceof DataOpsError)) throw error
    failure = error
  } finally {
    s3.fault = undefined
  }

  await check?.()
  // The old key is gone: that it failed is not all that there is to say.
  if (failure && job === 'rekey' && !(await opens(directory, mine.identity)))
    expect(failure).toMatchObject({details: {changed: true}, hint: expect.stringContaining('reindex') as string})
  // Whatever was said: it is whole, listed as such, and somebody can open it.
  const listed = await new BackupCatalog(directory).list()
  expect(listed.map(({id, status}) => ({id, status}))).toEqual([{id: backup.id, status: 'sealed'}])
  expect((await opens(directory, mine.identity)) || (await opens(directory, theirs.identity))).toBe(true)
  s3.buckets.delete(name)
  return {...(failure && {failure}), requests}
}

it.each(Object.keys(jobs))('%s', async (job) => {
  const {failure, requests} = await attempt(job, `${job}-free`, () => false)
  expect(failure).toBeUndefined()
  const kinds = new Set(requests.map(({operation}) => operation))
  expect(kinds.size).toBeGreaterThan(5)
  let failures = 0
  const look = (error: DataOpsError | undefined, what: string): void => {
    if (!error) return
    failures++
    expect(error, what).toMatchObject({code: 'STORAGE', details: {reason: 'denied'}})
    expect(error.hint, what).toMatch(/s3:[A-Z]\w+/)
  }

  for (const kind of kinds) {
    const {failure: error} = await attempt(job, `${job}-${kind.toLowerCase()}`, ({operation}) => operation === kind)
    look(error, kind)
  }

  for (let at = 1; at <= requests.length; at += STEP) {
    const {failure: error} = await attempt(job, `${job}-${at}`, (_, number) => number === at)
    look(error, `request ${at}: ${requests[at - 1]!.operation}`)
  }

  expect(failures).toBeGreaterThan(3)
})
