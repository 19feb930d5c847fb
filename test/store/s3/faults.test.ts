/** S3 that fails: what was asked for is done once and as a whole, or an error says why not. */
import {createHash, type Hash, randomBytes} from 'node:crypto'
import {afterAll, beforeAll, beforeEach, describe, expect, it, vi} from 'vitest'

import type {ObjectStore} from '../../../src/store/objects/store.js'

import {DataOpsError} from '../../../src/model/errors.js'
import {Lease, LEASE} from '../../../src/store/lease.js'
import {partsAtOnce, partSize} from '../../../src/store/objects/writer.js'
import {openStore} from '../../../src/store/open.js'
import {wantsEqualParts} from '../../../src/store/s3/client.js'
import {withPartsOf} from '../../support/part-size.js'
import {BUCKET, type Fault, type S3Request, type S3Server, startS3} from '../../support/s3-server.js'
import {codeOf, collect, readAll, writeAll} from '../suite.js'
import {IMPATIENT, s3Place, withEnvironment} from './support.js'

const MIB = 1024 * 1024

let server: S3Server
let restore: () => void
let place: ReturnType<typeof s3Place>
let store: ObjectStore

beforeAll(async () => {
  server = await startS3()
  restore = withEnvironment(server.env)
})
afterAll(async () => {
  restore()
  await server.close()
})
beforeEach(() => {
  server.empty()
  server.ignoresConditions = false
  server.operations = []
  place = s3Place(BUCKET, {patience: IMPATIENT})
  store = place.store
})

/** Fails the first `times` requests of an operation on keys that end with `end`. */
function fail(
  operation: string,
  fault: Fault,
  {end = '', times = 1}: {end?: string; times?: number} = {},
): () => number {
  let count = 0
  server.fault = (request) =>
    request.operation === operation && request.key.endsWith(end) && ++count <= times ? fault : undefined
  return () => count
}

function keys(): string[] {
  return [...server.buckets.get(BUCKET)!.objects.keys()].map((key) => key.replace(place.prefix, '')).toSorted()
}

function uploadsLeft(): number {
  return server.buckets.get(BUCKET)!.uploads.size
}

async function errorOf(work: Promise<unknown>): Promise<DataOpsError> {
  try {
    await work
  } catch (error) {
    if (error instanceof DataOpsError) return error
    throw error
  }

  throw new Error('there was no error')
}

async function writeParts(key: string, bytes: Uint8Array): Promise<boolean> {
  const writer = await store.createWriter(key)
  try {
    for (let at = 0; at < bytes.length; at += MIB) await writer.append([bytes.subarray(at, at + MIB)])
    return await writer.complete()
  } finally {
    await writer.close()
  }
}

async function streamed(key: string): Promise<Buffer> {
  const reader = await store.openRead(key)
  const chunks = await collect(reader.stream())
  await reader.close()
  return Buffer.concat(chunks)
}

const FAULTS: Array<[string, Fault]> = [
  ['cut', 'cut'],
  ['lost after it was done', 'lost'],
  ['a stall', 'stall'],
  ['half an answer', 'short'],
  ['500', {code: 'InternalError', status: 500}],
  ['503', {code: 'SlowDown', status: 503}],
  ['429 that asks to wait', {code: 'TooManyRequests', retryAfter: 0.01, status: 429}],
  ['a 400 that means a time-out', {code: 'RequestTimeout', status: 400}],
]

describe.each(FAULTS)('every few requests: %s', (_, fault) => {
  it('keeps each part as it was written, though memory is written into again', async () => {
    let count = 0
    server.fault = ({operation}) => (operation === 'UploadPart' && ++count % 9 === 2 ? fault : undefined)
    const restorePartSize = withPartsOf(4096)
    try {
      const bytes = randomBytes(50_000)
      const writer = await store.createWriter('many')
      for (let at = 0; at < bytes.length; at += 1000) await writer.append([bytes.subarray(at, at + 1000)])
      expect(await writer.complete()).toBe(true)
      expect(bytes.equals(await streamed('many'))).toBe(true)
      expect(count).toBeGreaterThan(12)
    } finally {
      restorePartSize()
    }
  })

  it('changes nothing of what comes out', async () => {
    let count = 0
    const every = fault === 'stall' ? 9 : 3
    server.fault = () => (++count % every === 2 ? fault : undefined)
    const bytes = Buffer.alloc(17 * MIB, 'part after part')
    expect(await store.put('d/a', Buffer.from('one'), {ifAbsent: true})).toEqual(expect.any(String))
    expect(await store.put('d/a', Buffer.from('two'), {ifAbsent: true})).toBeUndefined()
    const {tag} = (await store.stat('d/a'))!
    expect(await store.put('d/a', Buffer.from('three'), {ifMatch: tag!})).toEqual(expect.any(String))
    expect(await store.put('d/a', Buffer.from('four'), {ifMatch: tag!})).toBeUndefined()
    expect(await readAll(store, 'd/a')).toBe('three')
    expect(await writeParts('d/b', bytes)).toBe(true)
    expect(await writeParts('d/b', Buffer.from('late'))).toBe(false)
    expect(bytes.equals(await streamed('d/b'))).toBe(true)
    expect((await store.list('d')).map((entry) => [entry.name, entry.bytes])).toEqual([
      ['a', 5],
      ['b', bytes.length],
    ])
    await store.remove('d')
    expect(await store.list('')).toEqual([])
    expect(keys()).toEqual([])
    // Nobody was told of an upload whose beginning was not answered.
    if (fault !== 'lost' && fault !== 'short') expect(uploadsLeft()).toBe(0)
    await store.uploads.drop(async () => true)
    expect(uploadsLeft()).toBe(0)
  })
})

/** What the SDK hashed at most in one call while a part was uploaded, and how each body was signed. */
async function signing(): Promise<{bodies: string[]; hashed: number}> {
  const bodies: string[] = []
  server.fault = ({body, headers}) => {
    if (body.length < MIB) return undefined
    const signed = headers['x-amz-content-sha256'] ?? ''
    bodies.push(signed === createHash('sha256').update(body).digest('hex') ? 'its SHA-256' : signed)
    expect(headers['x-amz-checksum-crc32']).toMatch(/^[\d+/A-Za-z]{6}==$/)
    return undefined
  }

  const prototype = Object.getPrototypeOf(createHash('sha256')) as Hash
  const {update} = prototype
  let hashed = 0
  const spy = vi.spyOn(prototype, 'update').mockImplementation(function (this: Hash, data: string | Uint8Array) {
    if (new Error('who').stack?.includes('node_modules/@')) hashed = Math.max(hashed, data.length)
    return Reflect.apply(update, this, [data]) as Hash
  })
  try {
    expect(await writeParts('signed', Buffer.alloc(9 * MIB, 7))).toBe(true)
  } finally {
    spy.mockRestore()
  }

  return {bodies, hashed}
}

describe('a body', () => {
  it('is not hashed to sign it where nobody can change it on its way', async () => {
    const {bodies, hashed} = await signing()
    expect(bodies).toEqual(['UNSIGNED-PAYLOAD', 'UNSIGNED-PAYLOAD'])
    // What it signs is hashed, in a few hundred bytes.
    expect(hashed).toBeGreaterThan(0)
    expect(hashed).toBeLessThan(MIB)
  })

  it('is signed where it goes over a network in the clear', async () => {
    // Any address of this machine, which is no name of the loopback interface's.
    const anyAddress = {AWS_ENDPOINT_URL_S3: server.env.AWS_ENDPOINT_URL_S3!.replace('127.0.0.1', '0.0.0.0')}
    const undo = withEnvironment(anyAddress)
    try {
      store = s3Place(BUCKET, {patience: IMPATIENT}).store
      expect((await signing()).bodies).toEqual(['its SHA-256', 'its SHA-256'])
    } finally {
      undo()
    }
  })

  it('is signed where a policy wants it, from then on', async () => {
    let refused = 0
    const signed = new Set<string | undefined>()
    server.fault = ({body, headers}) => {
      if (body.length === 0 || headers['x-amz-checksum-crc32'] === undefined) return undefined
      if (headers['x-amz-content-sha256'] === 'UNSIGNED-PAYLOAD') {
        refused++
        return {code: 'AccessDenied', status: 403}
      }

      signed.add(headers['x-amz-content-sha256'])
      return undefined
    }

    const bytes = randomBytes(9 * MIB)
    expect(await store.put('policy', Buffer.from('small'), {ifAbsent: true})).toEqual(expect.any(String))
    expect(refused).toBe(1)
    expect(await writeParts('parts', bytes)).toBe(true)
    expect(refused).toBe(1)
    expect([...signed].every((hash) => /^[\da-f]{64}$/.test(hash ?? ''))).toBe(true)
    expect(bytes.equals(await streamed('parts'))).toBe(true)
  })

  it('that is another when it arrives is sent again', async () => {
    let changed = 0
    server.fault = ({body, operation}) => {
      if (operation === 'UploadPart' && ++changed === 1) body[5]! ^= 1
      return undefined
    }

    const bytes = randomBytes(9 * MIB)
    expect(await writeParts('changed', bytes)).toBe(true)
    expect(changed).toBeGreaterThan(2)
    expect(bytes.equals(await streamed('changed'))).toBe(true)
  })
})

it('a service that stops taking checksums in the middle of an upload gets its parts without', async () => {
  let taken = 0
  let refused = 0
  const begun: unknown[] = []
  server.fault = ({body, headers, operation}) => {
    if (operation === 'CompleteMultipartUpload') begun.push(body.toString().includes('ChecksumCRC32'))
    if (operation !== 'UploadPart' || headers['x-amz-checksum-crc32'] === undefined) return undefined
    // Those of the probe and the first part pass; several of what follows are on their way at once.
    if (++taken <= 2) return undefined
    refused++
    return {code: 'NotImplemented', status: 501}
  }

  const bytes = randomBytes(40 * MIB)
  expect(await writeParts('stopped', bytes)).toBe(true)
  expect(refused).toBeGreaterThan(0)
  expect(begun.at(-1)).toBe(false)
  expect(bytes.equals(await streamed('stopped'))).toBe(true)
  expect(uploadsLeft()).toBe(0)
})

describe('a write whose answer was lost', () => {
  it('counts as done where it was, with a condition too', async () => {
    fail('PutObject', 'lost', {end: '/a'})
    const tag = await store.put('a', Buffer.from('mine'), {ifAbsent: true})
    expect(tag).toBe((await store.stat('a'))?.tag)
    fail('PutObject', 'lost', {end: '/a'})
    const next = await store.put('a', Buffer.from('mine too'), {ifMatch: tag!})
    expect(next).toBe((await store.stat('a'))?.tag)
    fail('CompleteMultipartUpload', 'lost', {end: '/b'})
    expect(await writeParts('b', Buffer.alloc(9 * MIB))).toBe(true)
    expect(uploadsLeft()).toBe(0)
  })

  it('counts as not done where another process was faster', async () => {
    await store.put('x', Buffer.from('probed'), {ifAbsent: true})
    let isFirst = true
    server.fault = ({key, operation}: S3Request) => {
      if (operation !== 'PutObject' || !key.endsWith('/a') || !isFirst) return undefined
      isFirst = false
      const other = {bytes: Buffer.from('other'), etag: '"other"', metadata: {}, modified: new Date()}
      server.buckets.get(BUCKET)!.objects.set(key, other)
      return 'cut'
    }

    expect(await store.put('a', Buffer.from('mine'), {ifAbsent: true})).toBeUndefined()
    expect(await readAll(store, 'a')).toBe('other')
  })
})

describe('409', () => {
  it('on a put is tried again', async () => {
    const count = fail('PutObject', {code: 'ConditionalRequestConflict', status: 409}, {end: '/a', times: 2})
    expect(await store.put('a', Buffer.from('x'), {ifAbsent: true})).toEqual(expect.any(String))
    expect(count()).toBe(3)
  })

  it('on completing an upload is tried again; one that the service dropped has to begin again, and says so', async () => {
    fail('CompleteMultipartUpload', {code: 'ConditionalRequestConflict', status: 409}, {end: '/a', times: 2})
    expect(await writeParts('a', Buffer.alloc(9 * MIB))).toBe(true)
    server.fault = ({key, operation}) => {
      if (operation !== 'CompleteMultipartUpload' || !key.endsWith('/b')) return undefined
      server.buckets.get(BUCKET)!.uploads.clear()
      return {code: 'ConditionalRequestConflict', status: 409}
    }

    const error = await errorOf(writeParts('b', Buffer.alloc(9 * MIB)))
    expect(error).toMatchObject({code: 'STORAGE', details: {beginAgain: true}, retryable: true})
    expect(keys()).toEqual(['a'])
  })
})

describe('what is refused for good', () => {
  it.each([
    ['AccessDenied', 403, 'the credentials do not allow it', 'denied'],
    ['NoSuchBucket', 404, 'there is no such bucket', 'no-bucket'],
    ['InvalidAccessKeyId', 403, 'there are no usable credentials', 'no-credentials'],
    ['ExpiredToken', 400, 'there are no usable credentials', 'no-credentials'],
    ['RequestTimeTooSkewed', 403, 'the clock of this machine', 'clock'],
    ['AuthorizationHeaderMalformed', 400, 'the bucket lies in another region', 'region'],
    ['QuotaExceeded', 403, 'there is no room left', 'full'],
    ['XMinioStorageFull', 507, 'there is no room left', 'full'],
    ['AnyName', 507, 'there is no room left', 'full'],
    ['SomethingNew', 418, 'the service refused it', 'refused'],
  ])('%s is one sentence with a hint, and no secret', async (code, status, sentence, reason) => {
    server.fault = () => ({code, status})
    const attempts = [
      async () => store.list('d'),
      async () => store.stat('d'),
      async () => store.openRead('d/a'),
      async () => store.put('d/a', Buffer.from('x'), {ifAbsent: true}),
      async () => store.put('d/a', Buffer.from('x')),
      async () => store.remove('d'),
      async () => writeAll(store, 'd/a', 'x'),
      async () => store.uploads.drop(async () => true),
    ]
    for (const attempt of attempts) {
      server.operations = []
      const error = await errorOf(attempt())
      expect(error).toMatchObject({code: 'STORAGE', details: {reason}})
      expect(error.message).toContain(sentence)
      expect(error.message).toMatch(/^Cannot .+ s3:\/\/backups\/suite-.+\.$/)
      expect(JSON.stringify([error, error.message, error.cause, error.stack])).not.toContain('tests-own-')
      expect(server.operations.length).toBeLessThan(6)
    }
  })

  it('a bucket that is not there is no empty place', async () => {
    const {store: none} = s3Place('no-such-bucket', {patience: IMPATIENT})
    expect((await errorOf(none.list(''))).details.reason).toBe('no-bucket')
    expect((await errorOf(none.stat('a'))).details.reason).toBe('no-bucket')
    expect((await errorOf(none.openRead('a'))).details.reason).toBe('no-bucket')
    expect((await errorOf(none.remove('a'))).details.reason).toBe('no-bucket')
  })

  it('what does not get better says so after a while', async () => {
    server.fault = () => ({code: 'SlowDown', status: 503})
    const error = await errorOf(store.put('a', Buffer.from('x'), {ifAbsent: true}))
    expect(error).toMatchObject({code: 'STORAGE', details: {reason: 'busy', status: 503}, retryable: true})
    expect(server.operations).toHaveLength(IMPATIENT.attempts)
  })

  it('an address where nothing answers is told soon', async () => {
    const back = withEnvironment({AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9'})
    try {
      const error = await errorOf(s3Place(BUCKET, {patience: IMPATIENT}).store.list(''))
      expect(error.message).toContain('the service cannot be reached')
      expect(error.message).toContain('127.0.0.1:9')
    } finally {
      back()
    }
  })

  it('no credentials at all', async () => {
    const back = withEnvironment({AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: ''})
    try {
      expect((await errorOf(s3Place(BUCKET, {patience: IMPATIENT}).store.list(''))).details.reason).toBe(
        'no-credentials',
      )
    } finally {
      back()
    }
  })
})

describe('a place that ignores conditions', () => {
  it('is refused before anything is written, and nothing is left in it', async () => {
    server.ignoresConditions = true
    const attempts = [
      async () => store.put('a', Buffer.from('x'), {ifAbsent: true}),
      async () => store.put('a', Buffer.from('x'), {ifMatch: '"y"'}),
      async () => writeAll(store, 'a', 'x'),
    ]
    for (const attempt of attempts) {
      const error = await errorOf(attempt())
      expect(error).toMatchObject({code: 'INVALID_INPUT', details: {reason: 'conditions'}})
      expect(error.hint).toContain('`unsafePlace: true`')
      expect(keys()).toEqual([])
    }
  })

  it('is refused where only its uploads do', async () => {
    await store.put('first', Buffer.from('x'), {ifAbsent: true})
    server.fault = ({operation}) => {
      server.ignoresConditions = operation === 'CompleteMultipartUpload'
      return undefined
    }

    expect((await errorOf(writeParts('a', Buffer.alloc(9 * MIB)))).code).toBe('INVALID_INPUT')
    expect(keys()).toEqual(['first'])
    expect(uploadsLeft()).toBe(0)
  })

  it('is used by who says so; what is there is looked at beforehand', async () => {
    server.ignoresConditions = true
    const unsafe = s3Place(BUCKET, {isUnsafe: true, patience: IMPATIENT}).store
    const tag = await unsafe.put('a', Buffer.from('x'), {ifAbsent: true})
    expect(await unsafe.put('a', Buffer.from('y'), {ifAbsent: true})).toBeUndefined()
    expect(await unsafe.put('a', Buffer.from('y'), {ifMatch: '"other"'})).toBeUndefined()
    expect(await unsafe.put('a', Buffer.from('z'), {ifMatch: tag!})).toEqual(expect.any(String))
    const writer = await unsafe.createWriter('a')
    await writer.append([Buffer.alloc(9 * MIB)])
    expect(await writer.complete()).toBe(false)
    await writer.close()
    expect(await readAll(unsafe, 'a')).toBe('z')
    expect(uploadsLeft()).toBe(0)
  })
})

describe('bounds', () => {
  it.each([
    {most: 4, writers: undefined},
    {most: 2, writers: 8},
  ])('a slow place has $most parts of a writer on their way, where there are $writers', async ({most, writers}) => {
    store = openStore(`s3://${BUCKET}`, {writers}) as ObjectStore
    server.fault = ({operation}) => (operation === 'UploadPart' ? {pauseMs: 300} : undefined)
    server.maxBytesAtOnce = 0
    expect(await writeParts('slow', Buffer.alloc(48 * MIB))).toBe(true)
    expect(server.maxBytesAtOnce).toBeLessThanOrEqual(most * 6 * MIB)
    expect(server.maxBytesAtOnce).toBeGreaterThan((most - 1) * 6 * MIB)
  })

  it.each([0, -1, 1.5, NaN, Infinity])('%d writers are refused', (writers) => {
    expect(() => openStore(`s3://${BUCKET}`, {writers})).toThrow(`must be a whole number above 0, not ${writers}.`)
  })

  it('an upload has few parts on their way, of 6 MiB at first, and 10,000 of them hold 5 TiB', async () => {
    // A busy machine takes its time for so much.
    place = s3Place(BUCKET)
    store = place.store
    server.maxBytesAtOnce = 0
    server.largestBody = 0
    expect(await writeParts('a', Buffer.alloc(70 * MIB))).toBe(true)
    expect(server.largestBody).toBe(6 * MIB)
    expect(server.maxBytesAtOnce).toBeLessThanOrEqual(5 * 6 * MIB)
    let sum = 0
    for (let number = 1; number <= 10_000; number++) sum += partSize(number)
    expect(sum).toBeGreaterThan(5 * 1024 ** 4)
    expect(partSize(1000)).toBe(6 * MIB)
    expect(partSize(1001)).toBe(12 * MIB)
    // Writers of one place share what may be on its way, and each has a part to fill while another goes out.
    expect([1, 2, 3, 8].map((writers) => partsAtOnce(6 * MIB, writers))).toEqual([5, 2, 2, 2])
    expect([1, 2].map((writers) => partsAtOnce(16 * MIB, writers))).toEqual([2, 1])
    expect(partsAtOnce(64 * MIB)).toBe(1)
    expect(partsAtOnce(6 * MIB, 1, 1)).toBe(1)
    // R2 takes parts of one size only.
    expect(new Set([1, 2, 1001, 9999].map((number) => partSize(number, true)))).toEqual(new Set([6 * MIB]))
    expect(wantsEqualParts('https://account.r2.cloudflarestorage.com')).toBe(true)
    expect(wantsEqualParts('https://account.eu.r2.cloudflarestorage.com/')).toBe(true)
    expect(wantsEqualParts('https://s3.eu-central-1.amazonaws.com')).toBe(false)
  })

  it('a small object is one request to write and one to read', async () => {
    await store.put('x', Buffer.from('the first one looks at the conditions'), {ifAbsent: true})
    server.operations = []
    await writeAll(store, 'a', 'small')
    expect(await readAll(store, 'a')).toBe('small')
    expect(server.operations).toEqual(['PutObject', 'GetObject'])
  })

  it('folders of thousands are listed and removed page by page', async () => {
    const {objects} = server.buckets.get(BUCKET)!
    for (let index = 0; index < 2500; index++) {
      const bytes = Buffer.from('x')
      objects.set(`${place.prefix}d/${index}`, {bytes, etag: '"x"', metadata: {}, modified: new Date()})
    }

    expect(await store.list('d')).toHaveLength(2500)
    expect(server.operations).toEqual(['ListObjectsV2', 'ListObjectsV2', 'ListObjectsV2'])
    server.operations = []
    await store.remove('d')
    expect(keys()).toEqual([])
    expect(server.operations.filter((name) => name === 'DeleteObjects')).toHaveLength(3)
  })

  it('folders are removed one object after another where a service asks for more to remove many at once', async () => {
    for (const name of ['a', 'b', 'c']) await store.put(`d/${name}`, Buffer.from('x'))
    server.fault = ({operation}) => (operation === 'DeleteObjects' ? {code: 'AccessDenied', status: 403} : undefined)
    await store.remove('d')
    expect(keys()).toEqual([])
    for (const name of ['a', 'b']) await store.put(`d/${name}`, Buffer.from('x'))
    server.fault = ({operation}) => (operation.startsWith('Delete') ? {code: 'AccessDenied', status: 403} : undefined)
    await expect(store.remove('d')).rejects.toMatchObject({code: 'STORAGE', details: {permission: 's3:DeleteObject'}})
    server.fault = undefined
    expect(keys()).toHaveLength(2)
  })
})

describe('a reader', () => {
  it('that finds another version says so, and gives none of it', async () => {
    const {objects} = server.buckets.get(BUCKET)!
    objects.set(`${place.prefix}a`, {
      bytes: Buffer.alloc(40 * MIB, 'a'),
      etag: '"a"',
      metadata: {},
      modified: new Date(),
    })
    const reader = await store.openRead('a')
    const stream = reader.stream()[Symbol.asyncIterator]()
    await stream.next()
    objects.set(`${place.prefix}a`, {
      bytes: Buffer.alloc(40 * MIB, 'b'),
      etag: '"b"',
      metadata: {},
      modified: new Date(),
    })
    const read = async (): Promise<void> => {
      for (let next = await stream.next(); !next.done; next = await stream.next()) {
        expect(Buffer.from(next.value).equals(Buffer.alloc(next.value.length, 'a'))).toBe(true)
      }
    }

    expect((await errorOf(read())).details.reason).toBe('changed')
    expect(await codeOf(reader.read(10 * MIB, 11 * MIB))).toBe('STORAGE')
    await store.remove('a')
    expect((await errorOf(reader.read(10 * MIB, 11 * MIB))).details.reason).toBe('changed')
    await reader.close()
  })

  it('that is closed or left asks for no more', async () => {
    const {objects} = server.buckets.get(BUCKET)!
    objects.set(`${place.prefix}a`, {bytes: Buffer.alloc(40 * MIB), etag: '"a"', metadata: {}, modified: new Date()})
    const reader = await store.openRead('a')
    server.operations = []
    const stream = reader.stream()[Symbol.asyncIterator]()
    await stream.next()
    await stream.return?.()
    await reader.close()
    const asked = server.operations.length
    expect(asked).toBeLessThanOrEqual(5)
    expect(await codeOf(reader.read(10 * MIB, 11 * MIB))).toBe('STORAGE')
    expect(server.operations).toHaveLength(asked)
  })
})

it('a lease that nobody holds and that cannot be taken is an error, not waited for', async () => {
  const {ms} = LEASE
  LEASE.ms = 20
  try {
    const count = fail('PutObject', {code: 'PreconditionFailed', status: 412}, {end: '.1', times: Infinity})
    const error = await errorOf(Lease.watchAndAcquire(store, 'one'))
    expect(error).toMatchObject({code: 'STORAGE', details: {reason: 'refused'}})
    expect(count()).toBeLessThan(30)
    expect(await errorOf(Lease.acquire(store, 'one', {waitMs: 20}))).toMatchObject({details: {reason: 'refused'}})
    server.fault = undefined
    const lease = await Lease.watchAndAcquire(store, 'one')
    expect(lease).toBeDefined()
    await lease?.release()
    expect(keys()).toEqual([])
  } finally {
    LEASE.ms = ms
  }
})

it('a listing that goes on and says not where is an error, never taken for all', async () => {
  await store.put('a', Buffer.from('a'))
  const writer = await store.createWriter('b')
  await writer.append([Buffer.alloc(9 * MIB)])
  server.buckets.set('locked', {objects: new Map(), uploads: new Map(), versions: new Map()})
  const {store: locked} = s3Place('locked', {patience: IMPATIENT})
  for (const [operation, list] of [
    ['ListObjectsV2', async () => store.list('')],
    ['ListMultipartUploads', async () => store.uploads.drop(async () => true)],
    ['ListObjectVersions', async () => locked.locks.names('')],
  ] as const) {
    server.endless = operation
    expect((await errorOf(list())).message, operation).toContain('and not where')
  }

  server.endless = undefined
  expect(uploadsLeft()).toBe(1)
  await writer.close()
  expect((await store.list('')).map(({name}) => name)).toEqual(['a'])
})

it('uploads that were left are dropped where they may go', async () => {
  place = s3Place(BUCKET)
  store = place.store
  const writers = await Promise.all(['a', 'd/b', 'd/c'].map(async (key) => store.createWriter(key)))
  for (const writer of writers) await writer.append([Buffer.alloc(9 * MIB)])
  for (const writer of writers) await writer.sync()
  expect(uploadsLeft()).toBe(3)
  const dropped = await store.uploads.drop(async (key, begun) => {
    expect(Math.abs(Date.now() - begun)).toBeLessThan(60_000)
    return key !== 'd/b'
  })
  expect(dropped.toSorted()).toEqual(['a', 'd/c'])
  expect([...server.buckets.get(BUCKET)!.uploads.values()].map(({key}) => key)).toEqual([`${place.prefix}d/b`])
  expect((await errorOf(writers[0]!.complete())).details.beginAgain).toBe(true)
  expect(await writers[1]!.complete()).toBe(true)
  for (const writer of writers) await writer.close()
  expect(keys()).toEqual(['d/b'])
})
