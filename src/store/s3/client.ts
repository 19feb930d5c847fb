/** S3, and what is compatible with it, by AWS's own SDK. */
import type {GetObjectCommandOutput, S3Client, _Error as S3Error} from '@aws-sdk/client-s3'

import type {S3Bucket, Sdk} from './bucket.js'

import {inParallel} from '../../model/in-parallel.js'
import {isLoopback} from '../../model/loopback.js'
import {crc32, md5} from '../../platform/node.js'
import {ReceivedBuffers} from '../../platform/received-buffers.js'
import {
  type BeginOptions,
  bodyOf,
  type Call,
  contentOf,
  type FoundObject,
  type ListPage,
  type ListRequest,
  type LockClient,
  MARK,
  type ObjectClient,
  type Piece,
  type PutOptions,
  type ReadRange,
  type UnfinishedUpload,
  type Upload,
} from '../objects/client.js'
import {endlessListing} from '../objects/failure.js'
import {loadPeer} from '../peer.js'
import {s3Failure} from './failure.js'
import {lockHeaders, S3Locks} from './locks.js'
import {failedCall, nameWhatIsNeeded} from './permissions.js'
import {S3Upload} from './upload.js'

/** Milliseconds in which a connection must stand. */
const CONNECT_MS = 10_000
/** Bytes of an object that may come whole from a service that does not know ranges. */
const MOST_WHOLE = 16 * 1024 * 1024
/** The SDK asks for one even where there are none. */
const ANY_REGION = 'us-east-1'
const CHECKSUM_HEADER = 'x-amz-checksum-crc32'
const SIGNED_HEADER = 'x-amz-content-sha256'
const SILENT = {debug() {}, error() {}, info() {}, trace() {}, warn() {}}

/** What is said of credentials whose time is over. */
const EXPIRED: ReadonlySet<string> = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired'])

/** Clients of services that take parts of one size only; known once the first call was made. */
const EQUAL_PARTS = new WeakSet<S3Client>()

/** Cloudflare's R2 does. */
export function wantsEqualParts(endpoint: string): boolean {
  return /^https:\/\/[^/]*\.r2\.cloudflarestorage\.com(?:[:/]|$)/i.test(endpoint)
}

/**
 * Credentials, region and endpoint are found by the SDK, as users of AWS know it.
 * @throws DataOpsError INVALID_INPUT when the SDK is not installed.
 */
export async function connectS3(bucket: string): Promise<ObjectClient> {
  const sdk = await loadPeer('Backups at s3://', '@aws-sdk/client-s3', async () => import('@aws-sdk/client-s3'))
  const first = makeClient(sdk)
  const region = await first.config.region().catch(() => '')
  return new S3ObjectClient(bucket, sdk, region === '' ? makeClient(sdk, ANY_REGION) : first)
}

function makeClient(sdk: Sdk, region?: string): S3Client {
  const client: S3Client = new sdk.S3Client({
    // Each part would open a connection of its own.
    expectContinueHeader: false,
    followRegionRedirects: true,
    logger: SILENT,
    // Repeated by us, who know what was being done.
    maxAttempts: 1,
    ...(region && {region}),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    requestHandler: {connectionTimeout: CONNECT_MS, logger: SILENT},
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  // A service at an address of its own has no name for each bucket, as a rule; AWS knows both ways.
  const find = client.config.endpointProvider
  client.config.endpointProvider = (parameters, context) => {
    if (parameters.Endpoint !== undefined && wantsEqualParts(parameters.Endpoint)) EQUAL_PARTS.add(client)
    const ForcePathStyle = parameters.ForcePathStyle === true || parameters.Endpoint !== undefined
    return find({...parameters, ForcePathStyle}, context)
  }

  nameWhatIsNeeded(client)
  askForCredentialsAgain(client)
  const bodies = {areSigned: false}
  client.middlewareStack.add(
    (next) => async (args) => {
      const {headers, hostname, protocol} = args.request as {
        headers: Record<string, string>
        hostname: string
        protocol: string
      }
      // The SDK would hash the body to sign it, which tells no more where nobody can change it on its way.
      const isSafe = protocol === 'https:' || isLoopback(hostname)
      if (bodies.areSigned || !isSafe || headers[CHECKSUM_HEADER] === undefined) return next(args)
      headers[SIGNED_HEADER] = 'UNSIGNED-PAYLOAD'
      try {
        return await next(args)
      } catch (error) {
        if (s3Failure(error).kind !== 'denied') throw error
        // A policy of the bucket may want each body signed.
        Reflect.deleteProperty(headers, SIGNED_HEADER)
        const output = await next(args)
        bodies.areSigned = true
        return output
      }
    },
    {name: 'signNoBody', step: 'build'},
  )
  return client
}

/** Those of a session may end before they said: whoever gave them may have others by then. */
function askForCredentialsAgain(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args)
      } catch (error) {
        if (!EXPIRED.has(s3Failure(error).code ?? '')) throw error
        await client.config.credentials({forceRefresh: true})
        return next(args)
      }
    },
    {name: 'askForCredentialsAgain', step: 'initialize'},
  )
}

class S3ObjectClient implements ObjectClient {
  readonly noTag = `"${'0'.repeat(32)}"`
  readonly #shared: S3Bucket
  #hasBatches = true
  #hasChecksums = true
  /** Whether something was there: a missing object and a missing bucket look the same to `head`. */
  #isBucketKnown = false

  constructor(
    private readonly bucket: string,
    private readonly sdk: Sdk,
    private readonly client: S3Client,
  ) {
    this.#shared = {
      bucket,
      checksum: (bytes) => (this.#hasChecksums ? base64OfCrc32(bytes) : undefined),
      client,
      needsEqualParts: () => EQUAL_PARTS.has(client),
      sdk,
      withChecksums: async (work) => {
        // Of calls at once, each that had one is made again.
        const had = this.#hasChecksums
        try {
          return await work()
        } catch (error) {
          if (!had || s3Failure(error).kind !== 'unsupported') throw error
          this.#hasChecksums = false
          return work()
        }
      },
    }
  }

  failure = s3Failure

  get locks(): LockClient {
    return new S3Locks(this.#shared)
  }

  async begin(key: string, options: BeginOptions, {signal}: Call): Promise<Upload> {
    return S3Upload.begin(this.#shared, key, options, signal)
  }

  async get(key: string, range: ReadRange, {signal}: Call): Promise<Piece | undefined> {
    const {end, start, tag, version} = range
    let output: GetObjectCommandOutput
    try {
      output = await this.client.send(
        new this.sdk.GetObjectCommand({
          Bucket: this.bucket,
          IfMatch: tag,
          Key: key,
          Range: `bytes=${start}-${end - 1}`,
          VersionId: version,
        }),
        {abortSignal: signal},
      )
    } catch (error) {
      // The range of an empty object.
      if (s3Failure(error).status === 416) return undefined
      throw error
    }

    this.#isBucketKnown = true
    if (output.ContentRange === undefined && (output.ContentLength ?? 0) > MOST_WHOLE) {
      ;(output.Body as undefined | {destroy?: () => void})?.destroy?.()
      throw Object.assign(new Error('It answers a range with the whole object'), {Code: 'NotImplemented'})
    }

    const body = (output.Body ?? []) as AsyncIterable<Uint8Array>
    const bytes = await bodyOf(body, range, new ReceivedBuffers())
    return {...contentOf(bytes, output.ContentRange, range), modified: timeOf(output), tag: tagOf(output)}
  }

  async head(key: string, call: Call): Promise<FoundObject | undefined> {
    try {
      const output = await this.client.send(new this.sdk.HeadObjectCommand({Bucket: this.bucket, Key: key}), {
        abortSignal: call.signal,
      })
      this.#isBucketKnown = true
      return {
        bytes: output.ContentLength ?? 0,
        key,
        mark: output.Metadata?.[MARK],
        modified: timeOf(output),
        tag: tagOf(output),
      }
    } catch (error) {
      const {kind, status} = s3Failure(error)
      if (kind === 'absent' && this.#isBucketKnown) return undefined
      if (status === undefined || status >= 500) throw error
      // Its answers have no words: those of a read tell what is wrong.
      return this.#explained(key, error, call)
    }
  }

  /** `error`: what `head` said, which has no words. Nothing is there, what a read tells, or its words. */
  async #explained(key: string, error: unknown, call: Call): Promise<FoundObject | undefined> {
    try {
      const piece = await this.get(key, {end: 1, start: 0}, call)
      // It may be read, and not be asked for.
      if (piece && s3Failure(error).kind === 'denied')
        return {bytes: piece.size, key, modified: piece.modified, tag: piece.tag}
    } catch (error_) {
      if (s3Failure(error_).kind !== 'absent') throw error_
      this.#isBucketKnown = true
      return undefined
    }

    // It can be read by now.
    throw Object.assign(new Error('The service changed its mind', {cause: error}), {Code: 'ServiceUnavailable'})
  }

  async list({after, delimiter, limit, prefix}: ListRequest, {signal}: Call): Promise<ListPage> {
    const output = await this.client.send(
      new this.sdk.ListObjectsV2Command({
        Bucket: this.bucket,
        ContinuationToken: after,
        Delimiter: delimiter,
        MaxKeys: limit,
        Prefix: prefix,
      }),
      {abortSignal: signal},
    )
    this.#isBucketKnown = true
    if (output.IsTruncated && !output.NextContinuationToken) throw endlessListing()
    return {
      folders: (output.CommonPrefixes ?? []).flatMap(({Prefix}) => Prefix ?? []),
      next: output.IsTruncated ? output.NextContinuationToken : undefined,
      objects: (output.Contents ?? []).flatMap(({ETag = '', Key, LastModified, Size = 0}) =>
        Key === undefined ? [] : {bytes: Size, key: Key, modified: timeOf({LastModified}), tag: ETag},
      ),
    }
  }

  async put(key: string, bytes: Uint8Array, {condition, lock, mark}: PutOptions, {signal}: Call): Promise<string> {
    const output = await this.#shared.withChecksums(async () =>
      this.client.send(
        new this.sdk.PutObjectCommand({
          Body: bytes,
          Bucket: this.bucket,
          ChecksumCRC32: this.#shared.checksum(bytes),
          ContentLength: bytes.length,
          Key: key,
          Metadata: {[MARK]: mark},
          // S3 takes no locked object without.
          ...(lock && {ContentMD5: md5(bytes).toString('base64'), ...lockHeaders(lock)}),
          ...(condition && ('ifAbsent' in condition ? {IfNoneMatch: '*'} : {IfMatch: condition.ifMatch})),
        }),
        {abortSignal: signal},
      ),
    )
    this.#isBucketKnown = true
    return tagOf(output)
  }

  async remove(keys: readonly string[], call: Call): Promise<void> {
    if (keys.length === 1 || !this.#hasBatches) return this.#removeEach(keys, call)
    const Errors = await this.#removeBatch(keys, call)
    const failed = Errors.find(({Code}) => Code !== 'NoSuchKey')
    if (!failed) return
    const error = Object.assign(new Error(failed.Message ?? failed.Code), {Code: failed.Code ?? 'InternalError'})
    throw failedCall(error, 'DeleteObjectsCommand')
  }

  async #removeEach(keys: readonly string[], {signal}: Call): Promise<void> {
    await inParallel(keys, {atOnce: 8}, async (Key) =>
      this.client.send(new this.sdk.DeleteObjectCommand({Bucket: this.bucket, Key}), {abortSignal: signal}),
    )
  }

  /** What could not be removed. */
  async #removeBatch(keys: readonly string[], call: Call): Promise<S3Error[]> {
    try {
      const {Errors = []} = await this.client.send(
        new this.sdk.DeleteObjectsCommand({
          Bucket: this.bucket,
          ChecksumAlgorithm: 'SHA256',
          Delete: {Objects: keys.map((key) => ({Key: key})), Quiet: true},
        }),
        {abortSignal: call.signal},
      )
      return Errors
    } catch (error) {
      const {code, kind} = s3Failure(error)
      // versitygw (1.7) looks whether the bucket may be removed from, not its objects: each of them says what is so.
      if (kind !== 'unsupported' && kind !== 'denied' && code !== 'MissingContentMD5') throw error
      this.#hasBatches = false
      await this.#removeEach(keys, call)
      return []
    }
  }

  async uploads(prefix: string, {signal}: Call): Promise<UnfinishedUpload[]> {
    const found: UnfinishedUpload[] = []
    let after: {KeyMarker?: string; UploadIdMarker?: string} | undefined = {}
    while (after) {
      const command: InstanceType<Sdk['ListMultipartUploadsCommand']> = new this.sdk.ListMultipartUploadsCommand({
        Bucket: this.bucket,
        Prefix: prefix,
        ...after,
      })
      const output = await this.client.send(command, {abortSignal: signal})
      for (const {Initiated, Key, UploadId} of output.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined) continue
        const upload = new S3Upload(this.#shared, Key, UploadId)
        found.push({abort: async (call) => upload.abort(call), begun: Initiated?.getTime() ?? Infinity, key: Key})
      }

      if (output.IsTruncated && !output.NextKeyMarker) throw endlessListing()
      after = output.IsTruncated
        ? {KeyMarker: output.NextKeyMarker, UploadIdMarker: output.NextUploadIdMarker}
        : undefined
    }

    return found
  }
}

function base64OfCrc32(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return sum.toString('base64')
}

function tagOf({ETag = ''}: {ETag?: string}): string {
  return ETag
}

function timeOf({LastModified}: {LastModified?: Date}): number {
  return LastModified?.getTime() ?? 0
}
