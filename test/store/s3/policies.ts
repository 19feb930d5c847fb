/**
 * The policies of docs/clouds/s3.md, against a versitygw that enforces them: each job works with exactly its actions, and says what is
 * not allowed without one of them. `VERSITYGW_BINARY=… node --import tsx test/store/s3/policies.ts`; ends with 1 where one does not hold.
 */
import {CreateBucketCommand, PutBucketPolicyCommand, S3Client} from '@aws-sdk/client-s3'
import {execFile, spawn} from 'node:child_process'
import {mkdir} from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {promisify} from 'node:util'

import {temporaryDirectory} from '../../support/collections.js'
import {isAsDocumented, type PolicyJob, policyJobs, type PolicyKind} from '../policy-jobs.js'

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

const READ = ['GetObject', 'ListBucket', 'GetBucketObjectLockConfiguration']
const WRITE = [...READ, 'PutObject', 'AbortMultipartUpload', 'DeleteObject']
const PRUNE = [...WRITE, 'ListBucketMultipartUploads']
/** Without DeleteObject: versitygw takes a key that was removed in a bucket with versions for one that is there (`If-None-Match: *` is 412). */
const LOCK = [
  ...WRITE.filter((action) => action !== 'DeleteObject'),
  'PutObjectRetention',
  'GetObjectRetention',
  'ListBucketVersions',
  'GetObjectVersion',
]

/** What each kind of job needs, and what of it is only good to have, as docs/clouds/s3.md says. */
const NEEDS: Record<PolicyKind, {actions: readonly string[]; bucket: string; optional: readonly string[]}> = {
  lock: {actions: LOCK, bucket: 'locked', optional: ['AbortMultipartUpload', 'GetObjectVersion']},
  prune: {actions: PRUNE, bucket: 'plain', optional: ['AbortMultipartUpload', 'ListBucketMultipartUploads']},
  read: {actions: READ, bucket: 'plain', optional: ['ListBucket', 'GetBucketObjectLockConfiguration']},
  remove: {actions: WRITE, bucket: 'plain', optional: ['AbortMultipartUpload']},
  write: {
    actions: WRITE,
    bucket: 'plain',
    optional: ['AbortMultipartUpload', 'GetBucketObjectLockConfiguration', 'DeleteObject'],
  },
}

const folder = await temporaryDirectory()
const admin = new S3Client({credentials: ROOT, endpoint: ENDPOINT, forcePathStyle: true, region: 'us-east-1'})
const gateway = await startGateway()
const {close, jobs, reset} = await policyJobs()

let broken = 0
try {
  for (const [index, job] of jobs.entries()) {
    await tryJob(job, index, undefined)
    for (const action of NEEDS[job.kind].actions) await tryJob(job, index, action)
  }
} finally {
  gateway.kill()
  await close()
  await folder.remove()
}

// eslint-disable-next-line unicorn/no-process-exit -- a program of its own
process.exit(broken === 0 ? 0 : 1)

async function tryJob(job: PolicyJob, index: number, without: string | undefined): Promise<void> {
  const {actions, bucket, optional} = NEEDS[job.kind]
  const place = `s3://${bucket}/job-${index}-${without ?? 'all'}`
  as(ROOT)
  const id = await job.prepare(place)
  await reset()
  await allow(
    bucket,
    actions.filter((action) => action !== without),
  )
  as(USER)
  if (!(await isAsDocumented(job, {id, optional, place, without}))) broken++
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
