import type {Failure, FailureKind} from '../objects/client.js'

import {firstLine, kindOfStatus, networkFailure, retryAfter} from '../objects/failure.js'

/** What Azure says in words of its own. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  AccountIsDisabled: 'denied',
  AuthenticationFailed: 'no-credentials',
  AuthorizationFailure: 'denied',
  AuthorizationPermissionMismatch: 'denied',
  BlobAlreadyExists: 'condition',
  BlobNotFound: 'absent',
  BlockCountExceedsLimit: 'too-large',
  ConditionNotMet: 'condition',
  ContainerBeingDeleted: 'conflict',
  ContainerNotFound: 'no-bucket',
  InternalError: 'busy',
  // Blocks that somebody dropped.
  InvalidBlockList: 'absent',
  InvalidBlobOrBlock: 'conflict',
  Md5Mismatch: 'busy',
  NoAuthenticationInformation: 'no-credentials',
  OperationTimedOut: 'busy',
  RequestBodyTooLarge: 'too-large',
  ServerBusy: 'busy',
  TargetConditionNotMet: 'condition',
}

interface AzureError extends Error {
  code?: string
  details?: {errorCode?: string}
  response?: {headers?: {get: (name: string) => string | undefined}}
  statusCode?: number
}

/** What went wrong, for an error of the SDK. */
export function azureFailure(error: unknown): Failure {
  const {code: given, details, message, name, response, statusCode: status} = error as AzureError
  if (/Authentication|Credential/.test(name)) {
    return {code: name, kind: 'no-credentials', mayBeDone: false, reason: firstLine(message)}
  }

  const network = status === undefined || (status >= 200 && status < 300) ? networkFailure(error) : undefined
  if (network) return network
  const code = details?.errorCode ?? given ?? name
  // The SDK's own words for a connection that failed.
  const isCut = status === undefined && (code === 'REQUEST_SEND_ERROR' || code === 'PARSE_ERROR')
  const kind = isCut || (status !== undefined && status < 300) ? 'busy' : (KINDS[code] ?? kindOfStatus(status))
  return {
    code,
    kind,
    mayBeDone: kind === 'busy',
    reason: code.includes('Error') ? firstLine(message) : code,
    ...retryAfter(response?.headers?.get('retry-after')),
    status,
  }
}
