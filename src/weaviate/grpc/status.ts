/** How a gRPC call ended that did not end well. */
import {type ClientHttp2Stream, constants, type IncomingHttpHeaders} from 'node:http2'

import {GRPC_STATUS} from '../errors.js'

/** Numbers of gRPC status codes by name. */
export const GrpcStatus = Object.fromEntries(GRPC_STATUS.map((name, code) => [name, code])) as Readonly<
  Record<(typeof GRPC_STATUS)[number], number>
>

/** `code` and `details` as gRPC libraries have them; what `grpcError` takes. */
export class StatusError extends Error {
  constructor(
    readonly code: number,
    readonly details: string,
    cause?: unknown,
  ) {
    super(details, {cause})
  }
}

/** What the server says at the end of a call; undefined where it says nothing. No error yet: most calls end well, and its stack costs more than a small call. */
export function statusFrom(headers: IncomingHttpHeaders): undefined | {code: number; details: string} {
  const status = headers['grpc-status']
  if (typeof status !== 'string') return undefined
  const code = /^\d+$/.test(status) ? Number(status) : GrpcStatus.UNKNOWN
  const message = headers['grpc-message']
  return {code, details: typeof message === 'string' ? percentDecoded(message) : ''}
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const BY_HTTP_STATUS: Readonly<Record<number, number>> = {
  400: GrpcStatus.INTERNAL,
  401: GrpcStatus.UNAUTHENTICATED,
  403: GrpcStatus.PERMISSION_DENIED,
  404: GrpcStatus.UNIMPLEMENTED,
  429: GrpcStatus.UNAVAILABLE,
  502: GrpcStatus.UNAVAILABLE,
  503: GrpcStatus.UNAVAILABLE,
  504: GrpcStatus.UNAVAILABLE,
}

const BY_RESET: Readonly<Record<number, {code: number; words: string}>> = {
  [constants.NGHTTP2_CANCEL]: {code: GrpcStatus.CANCELLED, words: 'Call cancelled'},
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: {
    code: GrpcStatus.RESOURCE_EXHAUSTED,
    words: 'Bandwidth exhausted or memory limit exceeded',
  },
  [constants.NGHTTP2_INADEQUATE_SECURITY]: {code: GrpcStatus.PERMISSION_DENIED, words: 'Protocol not secure enough'},
  [constants.NGHTTP2_REFUSED_STREAM]: {code: GrpcStatus.UNAVAILABLE, words: 'Stream refused by server'},
}

/** Of a stream that ended without the server's word, as grpc-js sees it. */
export function statusOfBroken({rstCode}: ClientHttp2Stream, httpStatus: number, error?: Error): StatusError {
  if (httpStatus !== 0 && httpStatus !== 200) {
    return new StatusError(BY_HTTP_STATUS[httpStatus] ?? GrpcStatus.UNKNOWN, `Received HTTP status code ${httpStatus}`)
  }

  const known = rstCode === undefined ? undefined : BY_RESET[rstCode]
  if (known) return new StatusError(known.code, known.words, error)
  // The connection broke, not the call.
  if (error && 'syscall' in error) return new StatusError(GrpcStatus.UNAVAILABLE, error.message, error)
  const words = rstCode === constants.NGHTTP2_NO_ERROR ? ' (Call ended without gRPC status)' : ''
  return new StatusError(GrpcStatus.INTERNAL, `Received RST_STREAM with code ${rstCode}${words}`, error)
}
