import type {Failure, FailureKind} from '../objects/client.js'

import {firstLine, kindOfStatus, networkFailure, retryAfter} from '../objects/failure.js'
import {permissionNeeded} from './permissions.js'

/** What S3, and what calls itself compatible, says in words of its own. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  AccessDenied: 'denied',
  AllAccessDisabled: 'denied',
  AuthorizationHeaderMalformed: 'region',
  BadDigest: 'busy',
  ConditionalRequestConflict: 'conflict',
  CredentialsProviderError: 'no-credentials',
  EntityTooLarge: 'too-large',
  ExpiredToken: 'no-credentials',
  ExpiredTokenException: 'no-credentials',
  IncompleteBody: 'busy',
  IllegalLocationConstraintException: 'region',
  InternalError: 'busy',
  InvalidAccessKeyId: 'no-credentials',
  InvalidToken: 'no-credentials',
  MissingSecurityHeader: 'no-credentials',
  NoSuchBucket: 'no-bucket',
  NoSuchKey: 'absent',
  NoSuchUpload: 'absent',
  NotFound: 'absent',
  NotImplemented: 'unsupported',
  OperationAborted: 'conflict',
  PermanentRedirect: 'region',
  PreconditionFailed: 'condition',
  // Of Ceph and versitygw.
  QuotaExceeded: 'full',
  RequestExpired: 'clock',
  RequestTimeTooSkewed: 'clock',
  RequestTimeout: 'busy',
  ServiceUnavailable: 'busy',
  SignatureDoesNotMatch: 'no-credentials',
  SlowDown: 'busy',
  Throttling: 'busy',
  ThrottlingException: 'busy',
  TokenRefreshRequired: 'no-credentials',
  XAmzContentChecksumMismatch: 'busy',
  XAmzContentSHA256Mismatch: 'busy',
  XMinioAdminBucketQuotaExceeded: 'full',
  XMinioStorageFull: 'full',
}
/** The service refused the bytes, and has written nothing. */
const UNDONE: ReadonlySet<string> = new Set(['BadDigest', 'IncompleteBody', 'SlowDown', 'XAmzContentSHA256Mismatch'])

interface ServiceError extends Error {
  $metadata?: {httpStatusCode?: number}
  $response?: {headers?: Record<string, string>}
  Code?: string
}

/** What went wrong, for an error of the SDK. */
export function s3Failure(error: unknown): Failure {
  const {$metadata, $response, Code, message, name} = error as ServiceError
  const status = $metadata?.httpStatusCode
  const network = status === undefined || (status >= 200 && status < 300) ? networkFailure(error) : undefined
  if (network) return network
  const code = Code ?? name
  // An answer that is none: cut off on the way, or something between us and the service spoke.
  const isGarbled = status !== undefined && status < 300
  const kind = isGarbled ? 'busy' : (KINDS[code] ?? kindOfStatus(status))
  return {
    code,
    kind,
    mayBeDone: kind === 'busy' && !UNDONE.has(code),
    ...(kind === 'denied' && {permission: permissionNeeded(error)}),
    reason: reasonOf(code, message),
    ...retryAfter($response?.headers?.['retry-after']),
    status,
  }
}

/** Names that say nothing in the service's stead are left out. */
function reasonOf(code: string, message: string): string {
  const words = firstLine(message)
  const isEmpty = ['', code, 'UnknownError'].includes(words)
  return isEmpty ? (/^(?:Error|UnknownError|\d+)$/.test(code) ? '' : code) : words
}
