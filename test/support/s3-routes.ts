/** What the tests' own S3 does for each operation. */
import {createHash, randomBytes} from 'node:crypto'

export interface S3Request {
  body: Buffer
  bucket: string
  headers: Record<string, string | undefined>
  key: string
  operation: string
  query: URLSearchParams
}

export interface ObjectLock {
  mode: string
  until: Date
}

export interface StoredObject {
  bytes: Buffer
  etag: string
  lock?: ObjectLock
  metadata: Record<string, string>
  modified: Date
  version?: string
}

/** What a key was, the newest last; one without bytes says that it was removed. */
export type StoredVersion = Partial<StoredObject> & {modified: Date; version: string}

export interface StoredUpload {
  begun: Date
  key: string
  lock?: ObjectLock
  metadata: Record<string, string>
  parts: Map<number, {bytes: Buffer; etag: string}>
}

export interface Bucket {
  objects: Map<string, StoredObject>
  /** Those of a bucket with object lock; without, nothing is kept. */
  versions?: Map<string, StoredVersion[]>
  uploads: Map<string, StoredUpload>
}

export type Buckets = Map<string, Bucket>

export interface Answer {
  body?: Buffer | string
  headers?: Record<string, string>
  status: number
}

export class S3Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(code)
  }

  get answer(): Answer {
    const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${this.code}</Code><Message>The tests' own S3 says ${this.code}.</Message></Error>`
    return {body, headers: {'content-type': 'application/xml'}, status: this.status}
  }
}

type Route = (bucket: Bucket, request: S3Request) => Answer

/** `minPart`: bytes of every part but the last at least. Tests may have smaller ones. */
export const LIMITS = {minPart: 5 * 1024 * 1024}
const PAGE = 1000

export const objectRoutes: Record<string, Route> = {
  AbortMultipartUpload(bucket, {query}) {
    uploadOf(bucket, query)
    bucket.uploads.delete(query.get('uploadId') ?? '')
    return {status: 204}
  },
  CompleteMultipartUpload(bucket, request) {
    const upload = uploadOf(bucket, request.query)
    checkConditions(bucket.objects.get(request.key), request)
    const named = [...request.body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, text = '']) => ({
      // MinIO's client leaves the quotes out.
      etag: `"${unescapeXml(/<ETag>(.*?)<\/ETag>/s.exec(text)?.[1] ?? '').replaceAll('"', '')}"`,
      number: Number(/<PartNumber>(\d+)<\/PartNumber>/.exec(text)?.[1]),
    }))
    if (named.length === 0) throw new S3Refusal(400, 'MalformedXML')
    const parts = named.map(({etag, number}, index) => {
      const part = upload.parts.get(number)
      if (part?.etag !== etag) throw new S3Refusal(400, 'InvalidPart')
      if (index > 0 && number <= (named[index - 1]?.number ?? 0)) throw new S3Refusal(400, 'InvalidPartOrder')
      if (index < named.length - 1 && part.bytes.length < LIMITS.minPart) throw new S3Refusal(400, 'EntityTooSmall')
      return part
    })
    const bytes = Buffer.concat(parts.map((part) => part.bytes))
    const sums = Buffer.concat(parts.map(({etag}) => Buffer.from(etag.slice(1, -1), 'hex')))
    const etag = `"${md5(sums)}-${parts.length}"`
    const {lock, metadata} = upload
    put(bucket, request.key, {bytes, etag, lock, metadata, modified: new Date()})
    bucket.uploads.delete(request.query.get('uploadId') ?? '')
    return xml(
      `<CompleteMultipartUploadResult><Bucket>${escapeXml(request.bucket)}</Bucket><Key>${escapeXml(request.key)}</Key><ETag>${escapeXml(etag)}</ETag></CompleteMultipartUploadResult>`,
    )
  },
  CreateMultipartUpload(bucket, {headers, key}) {
    const id = randomBytes(12).toString('hex')
    const lock = lockOf(bucket, headers)
    bucket.uploads.set(id, {begun: new Date(), key, lock, metadata: metadataOf(headers), parts: new Map()})
    return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
  },
  DeleteObject(bucket, {headers, key, query}) {
    remove(bucket, key, {headers, version: query.get('versionId') ?? undefined})
    return {status: 204}
  },
  GetObject(bucket, request) {
    const object = objectOf(bucket, request)
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const headers = headersOf(object)
    if (from === undefined) return {body: object.bytes, headers, status: 200}
    if (Number(from) >= object.bytes.length) throw new S3Refusal(416, 'InvalidRange')
    const body = object.bytes.subarray(Number(from), Number(to) + 1)
    const range = `bytes ${from}-${Number(from) + body.length - 1}/${object.bytes.length}`
    return {body, headers: {...headers, 'content-range': range}, status: 206}
  },
  HeadObject(bucket, request) {
    const object = objectOf(bucket, request)
    return {headers: {...headersOf(object), 'content-length': String(object.bytes.length)}, status: 200}
  },
  PutObject(bucket, request) {
    checkConditions(bucket.objects.get(request.key), request)
    const etag = `"${md5(request.body)}"`
    const {headers, key} = request
    const lock = lockOf(bucket, headers)
    if (lock && headers['content-md5'] === undefined && headers['x-amz-sdk-checksum-algorithm'] === undefined)
      throw new S3Refusal(400, 'InvalidRequest')
    put(bucket, key, {bytes: request.body, etag, lock, metadata: metadataOf(headers), modified: new Date()})
    return {headers: {etag}, status: 200}
  },
  GetObjectRetention(bucket, request) {
    if (!bucket.versions) throw new S3Refusal(400, 'InvalidRequest')
    const {lock} = objectOf(bucket, request)
    if (!lock) throw new S3Refusal(404, 'NoSuchObjectLockConfiguration')
    return xml(
      `<Retention><Mode>${lock.mode}</Mode><RetainUntilDate>${lock.until.toISOString()}</RetainUntilDate></Retention>`,
    )
  },
  PutObjectRetention(bucket, request) {
    if (!bucket.versions) throw new S3Refusal(400, 'InvalidRequest')
    const object = objectOf(bucket, request)
    const text = request.body.toString()
    const lock = {
      mode: /<Mode>(.*?)<\/Mode>/s.exec(text)?.[1] ?? '',
      until: new Date(/<RetainUntilDate>(.*?)<\/RetainUntilDate>/s.exec(text)?.[1] ?? ''),
    }
    const {lock: old} = object
    const isShorter = old !== undefined && isLocked(old) && lock.until < old.until
    const isWeaker = old?.mode === 'COMPLIANCE' && isLocked(old) && lock.mode !== 'COMPLIANCE'
    if (isWeaker || (isShorter && !(old.mode === 'GOVERNANCE' && mayBypass(request.headers))))
      throw new S3Refusal(403, 'AccessDenied')
    object.lock = lock
    return {status: 200}
  },
  UploadPart(bucket, {body, query}) {
    const etag = `"${md5(body)}"`
    uploadOf(bucket, query).parts.set(Number(query.get('partNumber')), {bytes: body, etag})
    return {headers: {etag}, status: 200}
  },
}

export const bucketRoutes: Record<string, Route> = {
  DeleteObjects(bucket, {body, headers}) {
    if (Object.keys(headers).every((name) => !(name === 'content-md5' || name.startsWith('x-amz-checksum-'))))
      throw new S3Refusal(400, 'InvalidRequest')
    for (const [, text = ''] of body.toString().matchAll(/<Object>(.*?)<\/Object>/gs)) {
      const key = unescapeXml(/<Key>(.*?)<\/Key>/s.exec(text)?.[1] ?? '')
      remove(bucket, key, {headers, version: /<VersionId>(.*?)<\/VersionId>/s.exec(text)?.[1]})
    }

    return xml('<DeleteResult></DeleteResult>')
  },
  GetObjectLockConfiguration(bucket) {
    if (!bucket.versions) throw new S3Refusal(404, 'ObjectLockConfigurationNotFoundError')
    return xml('<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>')
  },
  ListObjectVersions(bucket, {query}) {
    const prefix = query.get('prefix') ?? ''
    const delimiter = query.get('delimiter')
    const after = query.get('key-marker') ?? ''
    const afterVersion = query.get('version-id-marker')
    const most = Math.min(Number(query.get('max-keys') ?? PAGE), PAGE)
    const texts: string[] = []
    const folders = new Set<string>()
    const keys = [...(bucket.versions ?? new Map<string, StoredVersion[]>()).keys()]
      .filter((key) => key.startsWith(prefix))
      .toSorted()
    let next: string | undefined
    for (const key of keys) {
      const end = delimiter ? key.indexOf(delimiter, prefix.length) : -1
      if (end !== -1) {
        folders.add(key.slice(0, end + 1))
        continue
      }

      if (key < after || (key === after && !afterVersion)) continue
      const all = (bucket.versions?.get(key) ?? []).toReversed()
      const from = key === after ? all.findIndex(({version}) => version === afterVersion) + 1 : 0
      for (const each of all.slice(from)) {
        if (texts.length === most) break
        next = `<NextKeyMarker>${escapeXml(key)}</NextKeyMarker><NextVersionIdMarker>${each.version}</NextVersionIdMarker>`
        texts.push(versionXml(key, each, each === all[0]))
      }
    }

    const isCut = texts.length === most
    const prefixes = [...folders].map((each) => `<CommonPrefixes><Prefix>${escapeXml(each)}</Prefix></CommonPrefixes>`)
    return xml(
      `<ListVersionsResult><IsTruncated>${isCut}</IsTruncated>${isCut ? next : ''}${texts.join('')}${prefixes.join('')}</ListVersionsResult>`,
    )
  },
  ListMultipartUploads(bucket, {query}) {
    const prefix = query.get('prefix') ?? ''
    const uploads = [...bucket.uploads].filter(([, {key}]) => key.startsWith(prefix))
    const texts = uploads.map(
      ([id, {begun, key}]) =>
        `<Upload><Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId><Initiated>${begun.toISOString()}</Initiated></Upload>`,
    )
    return xml(
      `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${texts.join('')}</ListMultipartUploadsResult>`,
    )
  },
  ListObjectsV2(bucket, {query}) {
    const prefix = query.get('prefix') ?? ''
    const delimiter = query.get('delimiter')
    const after = query.get('continuation-token') ?? ''
    const most = Math.min(Number(query.get('max-keys') ?? PAGE), PAGE)
    const items = new Map<string, StoredObject | undefined>()
    for (const [key, object] of bucket.objects) {
      if (!key.startsWith(prefix)) continue
      const end = delimiter ? key.indexOf(delimiter, prefix.length) : -1
      if (end === -1) items.set(key, object)
      else items.set(key.slice(0, end + 1), undefined)
    }

    const names = [...items.keys()]
      .filter((name) => name > after)
      .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const page = names.slice(0, most)
    const texts = page.map((name) => {
      const object = items.get(name)
      if (!object) return `<CommonPrefixes><Prefix>${escapeXml(name)}</Prefix></CommonPrefixes>`
      return `<Contents><Key>${escapeXml(name)}</Key><LastModified>${object.modified.toISOString()}</LastModified><ETag>${escapeXml(object.etag)}</ETag><Size>${object.bytes.length}</Size></Contents>`
    })
    const isCut = names.length > page.length
    const next = isCut ? `<NextContinuationToken>${escapeXml(page.at(-1) ?? '')}</NextContinuationToken>` : ''
    return xml(`<ListBucketResult><IsTruncated>${isCut}</IsTruncated>${next}${texts.join('')}</ListBucketResult>`)
  },
}

/** As a key is from now on. */
export function put(bucket: Bucket, key: string, object: StoredObject): void {
  const version = randomBytes(8).toString('hex')
  const stored = {...object, version}
  bucket.versions?.set(key, [...(bucket.versions.get(key) ?? []), stored])
  bucket.objects.set(key, stored)
}

function remove(
  bucket: Bucket,
  key: string,
  {headers, version}: {headers: Record<string, string | undefined>; version?: string},
): void {
  const {versions} = bucket
  const all = versions?.get(key) ?? []
  if (version === undefined || !versions) {
    bucket.objects.delete(key)
    versions?.set(key, [...all, {modified: new Date(), version: randomBytes(8).toString('hex')}])
    return
  }

  const lock = all.find((each) => each.version === version)?.lock
  if (lock && isLocked(lock) && !(lock.mode === 'GOVERNANCE' && mayBypass(headers)))
    throw new S3Refusal(403, 'AccessDenied')
  const left = all.filter((each) => each.version !== version)
  const current = left.at(-1)
  if (left.length > 0) versions.set(key, left)
  else versions.delete(key)
  if (current?.bytes) bucket.objects.set(key, current as StoredObject)
  else bucket.objects.delete(key)
}

function isLocked({until}: ObjectLock): boolean {
  return until.getTime() > Date.now()
}

function mayBypass(headers: Record<string, string | undefined>): boolean {
  return headers['x-amz-bypass-governance-retention'] === 'true'
}

function lockOf(bucket: Bucket, headers: Record<string, string | undefined>): ObjectLock | undefined {
  const mode = headers['x-amz-object-lock-mode']
  const until = new Date(headers['x-amz-object-lock-retain-until-date'] ?? '')
  if (mode === undefined) return undefined
  if (!bucket.versions || Number.isNaN(until.getTime()) || until.getTime() <= Date.now())
    throw new S3Refusal(400, 'InvalidRequest')
  return {mode, until}
}

function versionXml(key: string, {bytes, etag = '', modified, version}: StoredVersion, isLatest: boolean): string {
  const start = `<Key>${escapeXml(key)}</Key><VersionId>${version}</VersionId><IsLatest>${isLatest}</IsLatest><LastModified>${modified.toISOString()}</LastModified>`
  return bytes
    ? `<Version>${start}<ETag>${escapeXml(etag)}</ETag><Size>${bytes.length}</Size></Version>`
    : `<DeleteMarker>${start}</DeleteMarker>`
}

function objectOf(bucket: Bucket, {headers, key, query}: S3Request): StoredObject {
  const version = query.get('versionId')
  const named = bucket.versions?.get(key)?.find((each) => each.version === version)
  const object = version === null ? bucket.objects.get(key) : (named as StoredObject | undefined)
  if (!object?.bytes) throw new S3Refusal(404, version === null ? 'NoSuchKey' : 'NoSuchVersion')
  if (headers['if-match'] !== undefined && headers['if-match'] !== object.etag)
    throw new S3Refusal(412, 'PreconditionFailed')
  return object
}

function uploadOf(bucket: Bucket, query: URLSearchParams): StoredUpload {
  const upload = bucket.uploads.get(query.get('uploadId') ?? '')
  if (!upload) throw new S3Refusal(404, 'NoSuchUpload')
  return upload
}

/** Together with the write in one step: nothing else runs in between. */
function checkConditions(object: StoredObject | undefined, {headers}: S3Request): void {
  if (headers['if-none-match'] === '*' && object) throw new S3Refusal(412, 'PreconditionFailed')
  const tag = headers['if-match']
  if (tag === undefined) return
  if (!object) throw new S3Refusal(404, 'NoSuchKey')
  if (object.etag !== tag) throw new S3Refusal(412, 'PreconditionFailed')
}

function headersOf({etag, lock, metadata, modified, version}: StoredObject): Record<string, string> {
  const own = Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])
  return {
    etag,
    'last-modified': modified.toUTCString(),
    ...(version !== undefined && {'x-amz-version-id': version}),
    ...(lock && {
      'x-amz-object-lock-mode': lock.mode,
      'x-amz-object-lock-retain-until-date': lock.until.toISOString(),
    }),
    ...(Object.fromEntries(own) as Record<string, string>),
  }
}

function metadataOf(headers: S3Request['headers']): Record<string, string> {
  const prefix = 'x-amz-meta-'
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value ?? '']] : [],
    ),
  )
}

function xml(text: string): Answer {
  return {
    body: `<?xml version="1.0" encoding="UTF-8"?>${text}`,
    headers: {'content-type': 'application/xml'},
    status: 200,
  }
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function unescapeXml(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}
