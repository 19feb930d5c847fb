/** Which permission a call of S3 needs: an answer that denies it need not say so. */
import type {S3Client} from '@aws-sdk/client-s3'

const WRITE = 's3:PutObject'
/** S3 says the same of what is not there to whoever may not list. */
const READ = 's3:GetObject, and s3:ListBucket where it may not be there'

/** By the command of the SDK. */
const PERMISSIONS: Readonly<Record<string, string>> = {
  AbortMultipartUploadCommand: 's3:AbortMultipartUpload',
  CompleteMultipartUploadCommand: WRITE,
  CreateMultipartUploadCommand: WRITE,
  DeleteObjectCommand: 's3:DeleteObject',
  DeleteObjectsCommand: 's3:DeleteObject',
  GetObjectCommand: READ,
  GetObjectLockConfigurationCommand: 's3:GetBucketObjectLockConfiguration',
  GetObjectRetentionCommand: 's3:GetObjectRetention',
  HeadObjectCommand: READ,
  ListMultipartUploadsCommand: 's3:ListBucketMultipartUploads',
  ListObjectVersionsCommand: 's3:ListBucketVersions',
  ListObjectsV2Command: 's3:ListBucket',
  PutObjectCommand: WRITE,
  PutObjectRetentionCommand: 's3:PutObjectRetention',
  UploadPartCommand: WRITE,
}

/** By the error. */
const needed = new WeakMap<object, string>()

/** Undefined: no call has failed with that error. */
export function permissionNeeded(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? needed.get(error) : undefined
}

/** The error of a call that failed; itself. */
export function failedCall<E extends Error>(error: E, command: string, {hasVersion = false} = {}): E {
  const permission = PERMISSIONS[command]
  const isVersion = hasVersion && permission === READ
  if (permission !== undefined) needed.set(error, isVersion ? 's3:GetObjectVersion' : permission)
  return error
}

/** From now on the errors of its calls are known by what they need. */
export function nameWhatIsNeeded(client: S3Client): void {
  client.middlewareStack.add(
    (next, {commandName = ''}) =>
      async (args) => {
        try {
          return await next(args)
        } catch (error) {
          const hasVersion = (args.input as {VersionId?: string}).VersionId !== undefined
          throw error instanceof Error ? failedCall(error, commandName, {hasVersion}) : error
        }
      },
    {name: 'nameWhatIsNeeded', step: 'initialize'},
  )
}
