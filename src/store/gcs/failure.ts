import type {Failure, FailureKind} from '../objects/client.js'

import {firstLine, kindOfStatus, networkFailure, retryAfter} from '../objects/failure.js'

interface GcsError extends Error {
  code?: number | string
  response?: {headers?: Record<string, unknown>; status?: number; statusCode?: number}
}

/** What went wrong, for an error of the SDK. */
export function gcsFailure(error: unknown): Failure {
  const {code, message, response} = error as GcsError
  const status = typeof code === 'number' ? code : (response?.statusCode ?? response?.status)
  const network = status === undefined ? networkFailure(error) : undefined
  if (network) return network
  const kind = kindOf(status, message)
  return {
    code: typeof code === 'string' ? code : undefined,
    kind,
    mayBeDone: kind === 'busy',
    reason: firstLine(message),
    ...retryAfter(response?.headers?.['retry-after']),
    status,
  }
}

function kindOf(status: number | undefined, message: string): FailureKind {
  if (
    /could not load the default credentials|invalid_grant|invalid_rapt|unable to detect|no access.*credentials/i.test(
      message,
    )
  )
    return 'no-credentials'
  if (status === undefined) return 'refused'
  if (status === 401) return 'no-credentials'
  // Of an object that is missing it tells the name, and that of its bucket, in which anything may stand.
  if (status === 404 && /bucket/i.test(message) && !/^No such object/i.test(message)) return 'no-bucket'
  // An upload that was dropped.
  if (status === 410 || status === 499) return 'absent'
  // Of an object, 409 means that writes met; GCS asks to try again.
  return kindOfStatus(status)
}
