import type {CompletedPart} from '@aws-sdk/client-s3'

import type {S3Bucket} from './bucket.js'

import {type BeginOptions, type Call, MARK, type Upload, type UploadLimits} from '../objects/client.js'
import {s3Failure} from './failure.js'
import {lockHeaders} from './locks.js'

export class S3Upload implements Upload {
  static async begin(
    bucket: S3Bucket,
    key: string,
    {lock, mark}: BeginOptions,
    signal: AbortSignal,
  ): Promise<S3Upload> {
    const {client, sdk} = bucket
    return bucket.withChecksums(async () => {
      const hasChecksums = bucket.checksum(new Uint8Array()) !== undefined
      const {UploadId} = await client.send(
        new sdk.CreateMultipartUploadCommand({
          Bucket: bucket.bucket,
          ...(hasChecksums && {ChecksumAlgorithm: 'CRC32'}),
          Key: key,
          Metadata: {[MARK]: mark},
          ...lockHeaders(lock),
        }),
        {abortSignal: signal},
      )
      return new S3Upload(bucket, key, UploadId ?? '')
    })
  }

  get limits(): UploadLimits {
    return {atOnce: 4, isEqual: this.bucket.needsEqualParts(), parts: 10_000}
  }

  readonly #parts: CompletedPart[] = []

  constructor(
    private readonly bucket: S3Bucket,
    private readonly key: string,
    private readonly id: string,
  ) {}

  get #name() {
    return {Bucket: this.bucket.bucket, Key: this.key, UploadId: this.id}
  }

  async part(number: number, bytes: Uint8Array, _isLast: boolean, {signal}: Call): Promise<void> {
    const {checksum, client, sdk, withChecksums} = this.bucket
    this.#parts[number - 1] = await withChecksums(async () => {
      const ChecksumCRC32 = checksum(bytes)
      const {ETag} = await client.send(
        new sdk.UploadPartCommand({
          ...this.#name,
          Body: bytes,
          ChecksumCRC32,
          ContentLength: bytes.length,
          PartNumber: number,
        }),
        {abortSignal: signal},
      )
      return {ChecksumCRC32, ETag, PartNumber: number}
    })
  }

  async complete({signal}: Call): Promise<void> {
    const {checksum, client, sdk, withChecksums} = this.bucket
    await withChecksums(async () => {
      const hasChecksums = checksum(new Uint8Array()) !== undefined
      // Those of parts that it took before it stopped are nothing that it knows any more.
      const Parts = hasChecksums ? this.#parts : this.#parts.map(({ETag, PartNumber}) => ({ETag, PartNumber}))
      await client.send(
        new sdk.CompleteMultipartUploadCommand({...this.#name, IfNoneMatch: '*', MultipartUpload: {Parts}}),
        {abortSignal: signal},
      )
    })
  }

  async abort({signal}: Call): Promise<void> {
    const {client, sdk} = this.bucket
    try {
      await client.send(new sdk.AbortMultipartUploadCommand(this.#name), {abortSignal: signal})
    } catch (error) {
      // It is gone: dropped before, or complete.
      if (s3Failure(error).kind !== 'absent') throw error
    }
  }
}
