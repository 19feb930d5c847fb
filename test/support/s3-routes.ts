/** What the tests' own S3 does for each operation. */
import {createHash, randomBytes} from 'node:crypto'

import type {S3Request} from './s3-server.js'

export interface StoredObject {
  bytes: Buffer
  etag: string
  metadata: Record<string, string>
  modified: Date
}

export interface StoredUpload {
  begun: Date
  key: string
  metadata: Record<string, string>
  parts: Map<number, {bytes: Buffer; etag: string}>
}

export interface Bucket {
  objects: Map<string, StoredObject>
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

/** Bytes of the smallest part that is not the last. */
const MIN_PART = 5 * 1024 * 1024
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
      etag: unescapeXml(/<ETag>(.*?)<\/ETag>/s.exec(text)?.[1] ?? ''),
      number: Number(/<PartNumber>(\d+)<\/PartNumber>/.exec(text)?.[1]),
    }))
    if (named.length === 0) throw new S3Refusal(400, 'MalformedXML')
    const parts = named.map(({etag, number}, index) => {
      const part = upload.parts.get(number)
      if (part?.etag !== etag) throw new S3Refusal(400, 'InvalidPart')
      if (index > 0 && number <= (named[index - 1]?.number ?? 0)) throw new S3Refusal(400, 'InvalidPartOrder')
      if (index < named.length - 1 && part.bytes.length < MIN_PART) throw new S3Refusal(400, 'EntityTooSmall')
      return part
    })
    const bytes = Buffer.concat(parts.map((part) => part.bytes))
    const sums = Buffer.concat(parts.map(({etag}) => Buffer.from(etag.slice(1, -1), 'hex')))
    const etag = `"${md5(sums)}-${parts.length}"`
    bucket.objects.set(request.key, {bytes, etag, metadata: upload.metadata, modified: new Date()})
    bucket.uploads.delete(request.query.get('uploadId') ?? '')
    return xml(`<CompleteMultipartUploadResult><ETag>${escapeXml(etag)}</ETag></CompleteMultipartUploadResult>`)
  },
  CreateMultipartUpload(bucket, {headers, key}) {
    const id = randomBytes(12).toString('hex')
    bucket.uploads.set(id, {begun: new Date(), key, metadata: metadataOf(headers), parts: new Map()})
    return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
  },
  DeleteObject(bucket, {key}) {
    bucket.objects.delete(key)
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
    const object = {bytes: request.body, etag, metadata: metadataOf(request.headers), modified: new Date()}
    bucket.objects.set(request.key, object)
    return {headers: {etag}, status: 200}
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
    for (const [, key = ''] of body.toString().matchAll(/<Key>(.*?)<\/Key>/gs)) bucket.objects.delete(unescapeXml(key))
    return xml('<DeleteResult></DeleteResult>')
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

function objectOf(bucket: Bucket, {headers, key}: S3Request): StoredObject {
  const object = bucket.objects.get(key)
  if (!object) throw new S3Refusal(404, 'NoSuchKey')
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

function headersOf({etag, metadata, modified}: StoredObject): Record<string, string> {
  const own = Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])
  return {etag, 'last-modified': modified.toUTCString(), ...(Object.fromEntries(own) as Record<string, string>)}
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
