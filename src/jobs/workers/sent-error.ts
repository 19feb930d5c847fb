/** Errors on their way from one thread to another: classes do not survive it. */
import {DataOpsError, type DataOpsErrorOptions, type ErrorCode, outOfMemory} from '../../model/errors.js'

export interface SentError extends Pick<DataOpsErrorOptions, 'hint' | 'retryable' | 'retryAfterMs'> {
  /** Absent from an error that is none of ours. */
  code?: ErrorCode
  details?: Record<string, unknown>
  message: string
  stack?: string
}

export function sendError(failure: unknown): SentError {
  const error = failure instanceof DataOpsError ? failure : (outOfMemory(failure) ?? failure)
  if (error instanceof DataOpsError) {
    const {code, hint, message, retryable, retryAfterMs, stack} = error
    // What cannot be cloned is left out.
    const text = JSON.stringify(error.details)
    return {
      code,
      details: JSON.parse(text) as Record<string, unknown>,
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
