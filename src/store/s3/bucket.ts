import type * as S3Sdk from '@aws-sdk/client-s3'
import type {S3Client} from '@aws-sdk/client-s3'

export type Sdk = typeof S3Sdk

/** What the calls of one bucket share. */
export interface S3Bucket {
  bucket: string
  /** Base64 of the CRC-32, while the service takes such. */
  checksum: (bytes: Uint8Array) => string | undefined
  client: S3Client
  /** Whether all parts of an upload but the last must have one size. */
  needsEqualParts: () => boolean
  sdk: Sdk
  /** Runs a call with a checksum; once more without for a service that does not know them. */
  withChecksums: <T>(work: () => Promise<T>) => Promise<T>
}
