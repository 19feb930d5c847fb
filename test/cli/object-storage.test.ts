/** Every command on backups in object storage: the tests' own S3. */
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

import {type EmbeddedWeaviate, startEmbeddedWeaviate} from '../../src/testing/index.js'
import {BUCKET, type S3Server, startS3} from '../support/s3-server.js'
import {fill, filler} from './fill.js'
import {cli, type CliRun} from './run-cli.js'

const OBJECTS = 40

let server: EmbeddedWeaviate
let s3: S3Server

beforeAll(async () => {
  server = await startEmbeddedWeaviate()
  s3 = await startS3()
  await fill(filler(server.url), 'Book', OBJECTS)
})
afterAll(async () => {
  await s3.close()
  await server.close()
})

async function on(place: string, ...argv: string[]): Promise<CliRun> {
  const {env, grpcUrl, url} = {...server, env: s3.env}
  return cli([...argv, '-o', place], {...env, WEAVIATE_GRPC_URL: grpcUrl!, WEAVIATE_URL: url})
}

interface Listed {
  backups: Array<{file: string; id: string; objectCount: number; status: string}>
}

describe.each([
  {flags: ['--format', 'json']},
  {flags: ['--format', 'json', '--compress']},
  {flags: ['--format', 'parquet']},
  {flags: ['--format', 'arrow']},
])('a backup in a bucket, $flags', ({flags}) => {
  const place = `s3://${BUCKET}/${flags.join('').replaceAll('-', '')}`

  it('is taken, listed, shown, verified, compared, restored and removed', async () => {
    const name = `Copy${flags.join('').replaceAll('-', '')}`
    const backup = await on(place, 'col', 'backup', 'Book', ...flags, '--json')
    expect(backup, backup.stderr + backup.stdout).toMatchObject({code: 0})
    const {id, objectCount, path} = backup.json() as {id: string; objectCount: number; path: string}
    expect(objectCount).toBe(OBJECTS)
    expect(path.startsWith(`${place}/Book_`)).toBe(true)
    const list = (await on(place, 'backup', 'list', '--json')).json() as unknown as Listed
    expect(list.backups).toMatchObject([{id, objectCount: OBJECTS, status: 'sealed'}])
    expect((await on(place, 'backup', 'show', 'latest', '--json')).json()).toMatchObject({id})
    const verified = await on(place, 'backup', 'verify', id, '--json')
    expect(verified, verified.stderr + verified.stdout).toMatchObject({code: 0})
    const equal = await on(place, 'col', 'verify', 'Book', '--against', id, '--json')
    expect(equal, equal.stderr + equal.stdout).toMatchObject({code: 0})
    const restored = await on(place, 'col', 'restore', id, '--name', name, '--verify', '--json')
    expect(restored, restored.stderr + restored.stdout).toMatchObject({code: 0})
    expect(restored.json()).toMatchObject({restored: OBJECTS})
    // By its whole URL, from a place that is not its own.
    const byUrl = await on(`s3://${BUCKET}/other`, 'backup', 'verify', path, '--json')
    expect(byUrl, byUrl.stderr + byUrl.stdout).toMatchObject({code: 0})
    const cleared = await on(place, 'col', 'clear', name, '--no-keep-schema', '--backup-first', '--force', '--json')
    expect(cleared, cleared.stderr + cleared.stdout).toMatchObject({code: 0})
    const removed = await on(place, 'backup', 'remove', id, '--force', '--json')
    expect(removed, removed.stderr + removed.stdout).toMatchObject({code: 0})
    const left = (await on(place, 'backup', 'list', '--json')).json() as unknown as Listed
    expect(left.backups.map((each) => each.id)).not.toContain(id)
    // What --backup-first took, and the schema that a drop keeps for itself.
    expect(left.backups.map((each) => each.objectCount)).toEqual([0, OBJECTS])
    expect(s3.buckets.get(BUCKET)!.uploads.size).toBe(0)
  })
})

describe('a bucket with object lock', () => {
  it('takes locked backups: list, show and remove say until when, extend locks for longer', async () => {
    s3.buckets.set('locked', {objects: new Map(), uploads: new Map(), versions: new Map()})
    const place = 's3://locked/team'
    const backup = await on(place, 'col', 'backup', 'Book', '--lock-for', '30d', '--lock-mode', 'governance', '--json')
    expect(backup, backup.stderr + backup.stdout).toMatchObject({code: 0})
    const {id, lockedUntil} = backup.json() as {id: string; lockedUntil: string}
    const days = (until: string): number => Math.round((Date.parse(until) - Date.now()) / 86_400_000)
    expect(days(lockedUntil)).toBe(30)
    const list = await on(place, 'backup', 'list')
    expect(list.stdout).toContain(`(locked until ${lockedUntil.slice(0, 10)})`)
    const shown = (await on(place, 'backup', 'show', id, '--json')).json()
    expect(shown).toMatchObject({lockMode: 'governance', lockedUntil})
    const refused = await on(place, 'backup', 'remove', id, '--force')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`it is locked until ${lockedUntil.slice(0, 16).replace('T', ' ')} UTC`)
    const longer = await on(place, 'backup', 'extend', id, '--lock-for', '8w', '--json')
    expect(longer, longer.stderr + longer.stdout).toMatchObject({code: 0})
    expect(days((longer.json() as {extended: {lockedUntil: string}}).extended.lockedUntil)).toBe(56)
    const {backups} = (await on(place, 'backup', 'list', '--json')).json() as {backups: Array<{lockedUntil: string}>}
    expect(backups.map((each) => days(each.lockedUntil))).toEqual([56])
    expect((await on(place, 'backup', 'verify', id)).code).toBe(0)
  })

  it('is needed: without, nothing is written', async () => {
    const place = `s3://${BUCKET}/not-locked`
    const run = await on(place, 'col', 'backup', 'Book', '--lock-for', '30d')
    expect(run.code).toBe(2)
    expect(run.stderr).toContain('Nothing can be locked at s3://')
    expect([...s3.buckets.get(BUCKET)!.objects.keys()].filter((key) => key.startsWith('not-locked/'))).toEqual([])
    expect((await on(place, 'col', 'backup', 'Book', '--lock-mode', 'governance')).code).toBe(2)
    expect((await on(place, 'backup', 'extend', 'abcd')).code).toBe(2)
  })
})

it('a backup is copied to another bucket, as a command', async () => {
  s3.buckets.set('other-bucket', {objects: new Map(), uploads: new Map()})
  const place = `s3://${BUCKET}/copied`
  const {id} = (await on(place, 'col', 'backup', 'Book', '--format', 'parquet', '--json')).json() as {id: string}
  const copied = await on(place, 'backup', 'copy', id, '--to', 's3://other-bucket/x', '--json')
  expect(copied, copied.stderr + copied.stdout).toMatchObject({code: 0})
  expect(copied.json()).toMatchObject({collection: 'Book', id, resumed: 0, wasThere: false})
  expect((await on('s3://other-bucket/x', 'backup', 'verify', id)).code).toBe(0)
  expect((await on(place, 'backup', 'copy', id, '--to', 'ftp://x')).code).toBe(2)
  expect((await on(place, 'backup', 'copy', id)).code).toBe(2)
})

describe('a bucket', () => {
  it('that keeps no conditions is refused before anything is written, unless --unsafe-place says so', async () => {
    const place = `s3://${BUCKET}/unsafe`
    s3.ignoresConditions = true
    try {
      const refused = await on(place, 'col', 'backup', 'Book', '--format', 'parquet')
      expect(refused).toMatchObject({code: 2})
      expect(refused.stderr).toContain('--unsafe-place')
      const keys = [...s3.buckets.get(BUCKET)!.objects.keys()].filter((key) => key.startsWith('unsafe/'))
      expect(keys.filter((key) => key.includes('Book'))).toEqual([])
      const taken = await on(place, 'col', 'backup', 'Book', '--format', 'parquet', '--unsafe-place', '--json')
      expect(taken, taken.stderr + taken.stdout).toMatchObject({code: 0})
      expect(taken.json()).toMatchObject({objectCount: OBJECTS})
    } finally {
      s3.ignoresConditions = false
    }
  })

  it('that is not there is said in a sentence', async () => {
    const run = await on('s3://no-such-bucket/x', 'col', 'backup', 'Book')
    expect(run.code).not.toBe(0)
    expect(run.stderr).toContain('there is no such bucket')
  })

  it('loses what a killed run was uploading at the next prune', async () => {
    const place = `s3://${BUCKET}/left`
    expect((await on(place, 'col', 'backup', 'Book')).code).toBe(0)
    const {uploads} = s3.buckets.get(BUCKET)!
    const before = new Set(uploads.keys())
    const key = 'left/Book_2026-01-01_000000.json'
    const answer = await fetch(`${s3.endpoint}/${BUCKET}/${key}?uploads`, {
      headers: {authorization: 'AWS4-HMAC-SHA256 Credential=tests-own-key/'},
      method: 'POST',
    })
    expect(answer.status).toBe(200)
    expect([...uploads.keys()].filter((id) => !before.has(id))).toHaveLength(1)
    const pruned = await on(place, 'backup', 'prune', '--keep-last', '3', '--json')
    expect(pruned, pruned.stderr + pruned.stdout).toMatchObject({code: 0})
    expect([...uploads.keys()].filter((id) => !before.has(id))).toEqual([])
  })
})

it('tells a prefix under which nothing lies from a bucket that is not there', async () => {
  for (const argv of [
    ['backup', 'list'],
    ['backup', 'prune'],
    ['job', 'list'],
  ]) {
    expect(await on(`s3://${BUCKET}/nothing-here`, ...argv), argv.join(' ')).toMatchObject({code: 0})
    const missing = await on('s3://no-such-bucket/place', ...argv)
    expect(missing, argv.join(' ')).toMatchObject({code: 1, stdout: ''})
    expect(missing.stderr).toContain('no-such-bucket')
  }
})

describe('a bucket in which not everything is allowed', () => {
  const place = `s3://${BUCKET}/not-everything`
  const ids: string[] = []

  beforeAll(async () => {
    for (let times = 0; times < 2; times++) {
      const run = await on(place, 'col', 'backup', 'Book', '--format', 'parquet', '--json')
      ids.push((run.json() as {id: string}).id)
    }
  })

  it('a backup that may not be looked at is shown as unread, and the exit code is 3', async () => {
    const before = (await on(place, 'backup', 'list', '--json')).json() as unknown as {backups: Array<{path: string}>}
    const {path} = before.backups[0]!
    const folder = path.slice(`s3://${BUCKET}/`.length)
    s3.fault = ({key, query}) =>
      `${key}${query.get('prefix') ?? ''}`.startsWith(folder) ? {code: 'AccessDenied', status: 403} : undefined
    const reason = expect.stringContaining('do not allow it') as string
    const unread = [{path, reason}]
    const listed = await on(place, 'backup', 'list', '--json')
    expect(listed).toMatchObject({code: 3, stderr: expect.stringContaining(`${path} could not be looked at`) as string})
    expect(listed.json()).toMatchObject({
      backups: [
        {id: ids[1], status: 'unread'},
        {id: ids[0], status: 'sealed'},
      ],
      unread,
    })
    expect((await on(place, 'backup', 'list')).stdout).toContain('(unread)')
    const pruned = await on(place, 'backup', 'prune', '--keep-last', '1', '--json')
    expect(pruned.code).toBe(3)
    expect(pruned.json()).toMatchObject({kept: [{id: ids[1], status: 'unread'}, {id: ids[0]}], removed: [], unread})
    s3.fault = undefined
  })

  it('uploads that may not be listed: reindex and prune do their work, say so, and end with 3', async () => {
    s3.fault = ({operation}) => (operation === 'ListMultipartUploads' ? {code: 'AccessDenied', status: 403} : undefined)
    const unread = [{path: place, reason: expect.stringContaining('s3:ListBucketMultipartUploads') as string}]
    const indexed = await on(place, 'backup', 'list', '--reindex', '--json')
    expect(indexed, indexed.stderr).toMatchObject({code: 3})
    expect(indexed.json()).toMatchObject({backups: [{id: ids[1]}, {id: ids[0]}], unread})
    const pruned = await on(place, 'backup', 'prune', '--keep-last', '1', '--json')
    expect(pruned, pruned.stderr).toMatchObject({code: 3})
    expect(pruned.json()).toMatchObject({kept: [{id: ids[1]}], removed: [{id: ids[0]}], unread})
    s3.fault = undefined
  })
})
