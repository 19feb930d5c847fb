/** Errors on their way from one thread to another: classes do not survive it. */
import type {DataOpsErrorOptions, ErrorCode} from '../../model/errors.js'

import {DataOpsError} from '../../model/errors.js'

export interface SentError extends Pick<DataOpsErrorOptions, 'hint' | 'retryable' | 'retryAfterMs'> {
  /** Absent from an error that is none of ours. */
  code?: ErrorCode
  details?: Record<string, unknown>
  message: string
  stack?: string
}

export function sendError(error: unknown): SentError {
  if (error instanceof DataOpsError) {
    const {code, details, hint, message, retryable, retryAfterMs, stack} = error
    // eslint-disable-next-line unicorn/prefer-structured-clone -- what cannot be cloned is left out
    return {
      code,
      details: JSON.parse(JSON.stringify(details)) as Record<string, unknown>,
      hint,
      message,
      retryable,
      retryAfterMs,
      stack,
    }
  }

  return error instanceof Error ? {message: error.message, stack: error.stack} : {message: String(error)}
}

export function receiveError({code, message, stack, ...options}: SentError): Error {
  const error = code === undefined ? new Error(message) : new DataOpsError(code, message, options)
  if (stack !== undefined) error.stack = stack
  return error
}
