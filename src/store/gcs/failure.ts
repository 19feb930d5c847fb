import type {Failure, FailureKind} from '../objects/client.js'

import {kindOfStatus, networkFailure} from '../objects/failure.js'

interface GcsError extends Error {
  code?: number | string
  response?: {headers?: Record<string, unknown>; status?: number; statusCode?: number}
}

/** What went wrong, for an error of the SDK. */
export function gcsFailure(error: unknown): Failure {
  const {code, message, response} = error as GcsError
  const status = typeof code === 'number' ? code : (response?.statusCode ?? response?.status)
  const network = status === undefined ? networkFailure(error) : undefined
  if (network) return {...network, reason: network.kind === 'unreachable' ? message : network.reason}
  const kind = kindOf(status, message)
  const retryAfter = Number(response?.headers?.['retry-after'])
  return {
    code: typeof code === 'string' ? code : undefined,
    kind,
    mayBeDone: kind === 'busy',
    reason: (message.split('\n', 1)[0] ?? '').slice(0, 300),
    ...(retryAfter > 0 && {retryAfterMs: retryAfter * 1000}),
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
  if (status === 404 && /bucket/i.test(message)) return 'no-bucket'
  // An upload that was dropped.
  if (status === 410 || status === 499) return 'absent'
  // Of an object, 409 means that writes met; GCS asks to try again.
  return kindOfStatus(status)
}
