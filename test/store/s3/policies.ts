/**
 * The policies of docs/clouds.md, against a versitygw that enforces them: each job works with exactly its actions, and says what is
 * not allowed without one of them. `VERSITYGW_BINARY=… node --import tsx test/store/s3/policies.ts`; ends with 1 where one does not hold.
 */
import {CreateBucketCommand, PutBucketPolicyCommand, S3Client} from '@aws-sdk/client-s3'
import {execFile, spawn} from 'node:child_process'
import {mkdir} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {promisify} from 'node:util'

import {BackupCatalog, BackupManager, DataOpsError, RestoreManager, Verifier} from '../../../src/index.js'
import {makeCollection, startTestServer, temporaryDirectory} from '../../support/collections.js'

const binary = process.env.VERSITYGW_BINARY
if (binary === undefined) {
  console.error('SKIPPED: no policy was tried. Name a versitygw in VERSITYGW_BINARY.')
  // eslint-disable-next-line unicorn/no-process-exit -- a program of its own
  process.exit(0)
}

const PORT = Number(process.env.POLICIES_PORT ?? 20_220)
const ROOT = {accessKeyId: 'policies-root', secretAccessKey: 'policies-root-secret'}
const USER = {accessKeyId: 'policies-user', secretAccessKey: 'policies-user-secret'}
const ENDPOINT = `http://127.0.0.1:${PORT}`
const NAME = 'PolicyDocs'
const DAY = 86_400_000

const READ = ['GetObject', 'ListBucket']
const WRITE = [...READ, 'PutObject', 'AbortMultipartUpload', 'GetBucketObjectLockConfiguration', 'DeleteObject']
const PRUNE = [...WRITE, 'ListBucketMultipartUploads']
/** Without DeleteObject: versitygw takes a key that was removed in a bucket with versions for one that is there (`If-None-Match: *` is 412). */
const LOCK = [
  ...WRITE.filter((action) => action !== 'DeleteObject'),
  'PutObjectRetention',
  'GetObjectRetention',
  'ListBucketVersions',
  'GetObjectVersion',
]

interface Job {
  actions: readonly string[]
  bucket: string
  name: string
  /** Works without, as docs/clouds.md says. */
  optional?: readonly string[]
  /** As the owner. Returns the id of a backup. */
  prepare: (place: string) => Promise<string>
  run: (place: string, id: string) => Promise<unknown>
}

const folder = await temporaryDirectory()
const server = await startTestServer()
const admin = new S3Client({credentials: ROOT, endpoint: ENDPOINT, forcePathStyle: true, region: 'us-east-1'})
const gateway = await startGateway()
await makeCollection(server.connection, NAME, 20)

const take = async (place: string, options = {}): Promise<string> =>
  (
    await new BackupManager(server.connection, {directory: place}).backupCollection(NAME, {
      format: 'parquet',
      ...options,
    })
  ).id
const JOBS: Job[] = [
  {
    actions: READ,
    bucket: 'plain',
    name: 'list, verify and restore (checkpoint elsewhere)',
    optional: ['ListBucket'],
    prepare: take,
    async run(place, id) {
      const [backup] = await new BackupCatalog(place).list()
      if (backup?.id !== id) throw new Error('it is not listed')
      const verified = await new Verifier({directory: place}).verifyBackup(id)
      if (verified.problems.length > 0) throw new Error('it is not whole')
      const elsewhere = {checkpointDirectory: folder.path, name: `${NAME}Back`}
      await new RestoreManager(server.connection, {directory: place}).restoreCollection(id, elsewhere)
    },
  },
  {
    actions: WRITE,
    bucket: 'plain',
    name: 'back up',
    optional: ['AbortMultipartUpload', 'GetBucketObjectLockConfiguration', 'DeleteObject'],
    prepare: async () => '',
    run: async (place) => take(place),
  },
  {
    actions: PRUNE,
    bucket: 'plain',
    name: 'prune',
    optional: ['AbortMultipartUpload'],
    async prepare(place) {
      await take(place)
      return take(place)
    },
    async run(place, id) {
      const {kept, reasons, removed} = await new BackupCatalog(place).prune({keepLast: 1})
      if (removed.length === 1 && kept.length === 1 && kept[0]?.id === id) return
      const [reason] = kept.flatMap(({file, id: each}) => (each === id ? [] : (reasons[file] ?? [])))
      if (reason === undefined) throw new Error('it is not removed, and nothing says why')
      throw new DataOpsError('STORAGE', `It is kept: ${reason}.`)
    },
  },
  {
    actions: LOCK,
    bucket: 'locked',
    name: 'back up --lock-for, and extend',
    optional: ['AbortMultipartUpload', 'GetObjectVersion'],
    prepare: async () => '',
    async run(place) {
      const id = await take(place, {lockForMs: DAY})
      const {locked_until: until = ''} = await new BackupCatalog(place).extend(id, {forMs: 2 * DAY, mode: 'compliance'})
      if (Date.parse(until) - Date.now() < 1.9 * DAY) throw new Error('it is not locked')
    },
  },
]

let broken = 0
try {
  for (const [index, job] of JOBS.entries()) {
    await tryJob(job, index, undefined)
    for (const action of job.actions) await tryJob(job, index, action)
  }
} finally {
  gateway.kill()
  await server.close()
  await folder.remove()
}

// eslint-disable-next-line unicorn/no-process-exit -- a program of its own
process.exit(broken === 0 ? 0 : 1)

async function tryJob(job: Job, index: number, without: string | undefined): Promise<void> {
  const place = `s3://${job.bucket}/job-${index}-${without ?? 'all'}`
  as(ROOT)
  const id = await job.prepare(place)
  await server.connection.deleteCollection(`${NAME}Back`)
  const allowed = job.actions.filter((action) => action !== without)
  await allow(job.bucket, allowed)
  as(USER)
  let outcome = 'works'
  try {
    await job.run(place, id)
  } catch (error) {
    outcome = error instanceof DataOpsError ? `says: ${error.message}` : `BROKEN: ${String(error)}`
  }

  const isWorking = outcome === 'works'
  const isExpected = without === undefined ? isWorking : !isWorking || job.optional?.includes(without) === true
  const isHolding = isExpected && !outcome.startsWith('BROKEN')
  if (!isHolding) broken++
  console.log(`${isHolding ? 'ok ' : 'NOT'} ${job.name}, ${without ? `without ${without}` : 'with all'}: ${outcome}`)
}

function as({accessKeyId, secretAccessKey}: typeof ROOT): void {
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_ENDPOINT_URL_S3: ENDPOINT,
    AWS_REGION: 'us-east-1',
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  })
}

async function allow(bucket: string, actions: readonly string[]): Promise<void> {
  const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
  // An action of the bucket may not stand beside the objects' alone, and the other way round.
  const Statement = actions.map((action) => ({
    Action: `s3:${action}`,
    Effect: 'Allow',
    Principal: {AWS: [USER.accessKeyId]},
    Resource: action.includes('Bucket') ? Resource[0] : Resource[1],
  }))
  const Policy = JSON.stringify({Statement, Version: '2012-10-17'})
  await admin.send(new PutBucketPolicyCommand({Bucket: bucket, Policy}))
}

async function startGateway(): Promise<ReturnType<typeof spawn>> {
  const folders = ['iam', 'data', 'sidecar', 'versions'].map((name) => path.join(folder.path, name))
  for (const each of folders) await mkdir(each)
  const [iam = '', data = '', sidecar = '', versions = ''] = folders
  const secrets = ['--access', ROOT.accessKeyId, '--secret', ROOT.secretAccessKey]
  const own = [
    '--port',
    `127.0.0.1:${PORT}`,
    '--iam-dir',
    iam,
    'posix',
    '--sidecar',
    sidecar,
    '--versioning-dir',
    versions,
    data,
  ]
  const child = spawn(binary!, [...secrets, ...own], {stdio: 'ignore'})
  const created = [...secrets, '--endpoint-url', ENDPOINT, 'create-user', '--role', 'user']
  for (let attempt = 1; ; attempt++) {
    try {
      await admin.send(new CreateBucketCommand({Bucket: 'plain'}))
      break
    } catch (error) {
      if (attempt === 50) throw error
      await sleep(100)
    }
  }

  await admin.send(new CreateBucketCommand({Bucket: 'locked', ObjectLockEnabledForBucket: true}))
  const user = ['--access', USER.accessKeyId, '--secret', USER.secretAccessKey]
  await promisify(execFile)(binary!, ['admin', ...created, ...user])
  return child
}
