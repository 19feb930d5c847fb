/** One unary call on the wire: a message there, one back, and the server's word on it. */
import type {Buffer} from 'node:buffer'

import {type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders} from 'node:http2'

import type {ReceivedBuffers} from '../../platform/received-buffers.js'
import type {GrpcLink} from './link.js'

import {TOOL_VERSION} from '../../model/version.js'
import {MessageAssembler, messageHeader, type MessageMemory} from './message.js'
import {GrpcStatus, StatusError, statusFrom, statusOfBroken} from './status.js'

export interface UnaryRequest {
  message: Uint8Array
  metadata: Readonly<Record<string, string>>
  /** Of the method. */
  path: string
}

export interface ExchangeOptions {
  /** Bytes of the reply at most. */
  maxMessageBytes: number
  /** The reply's. */
  memory: MessageMemory
  signal?: AbortSignal
  /** Milliseconds, those for connecting included. */
  timeoutMs: number
}

/** @throws StatusError; CANCELLED when the signal aborts. */
export async function exchange(link: GrpcLink, request: UnaryRequest, options: ExchangeOptions): Promise<Buffer> {
  const {maxMessageBytes, memory, signal, timeoutMs} = options
  return new Promise((resolve, reject) => {
    let stream: ClientHttp2Stream | undefined
    let isOver = false
    const settle = (how: () => void) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', cancel)
      how()
    }

    const fail = (error: unknown) => {
      settle(() => {
        stream?.close(constants.NGHTTP2_CANCEL)
        reject(error instanceof Error ? error : new StatusError(GrpcStatus.UNKNOWN, String(error)))
      })
    }

    const cancel = () => {
      fail(new StatusError(GrpcStatus.CANCELLED, 'Cancelled on client'))
    }

    // It keeps the process alive, which the connection does not.
    const timer = setTimeout(() => {
      fail(new StatusError(GrpcStatus.DEADLINE_EXCEEDED, `Deadline exceeded after ${timeoutMs} ms`))
    }, timeoutMs)
    signal?.addEventListener('abort', cancel, {once: true})
    link
      .session()
      .then(async ({received, session}) => {
        if (isOver) return
        stream = session.request(headersOf(link, request, timeoutMs))
        const reply = receive(stream, received, new MessageAssembler(maxMessageBytes, memory))
        stream.cork()
        stream.write(messageHeader(request.message.byteLength))
        stream.end(request.message)
        const message = await reply
        settle(() => {
          resolve(message)
        })
      })
      .catch(fail)
  })
}

/** A time-out on the wire has eight digits at most. */
const MAX_TIMEOUT_MS = 99_999_999

function headersOf(link: GrpcLink, {metadata, path}: UnaryRequest, timeoutMs: number): OutgoingHttpHeaders {
  return {
    ...metadata,
    ':authority': link.authority,
    ':method': 'POST',
    ':path': path,
    ':scheme': link.scheme,
    'content-type': 'application/grpc',
    'grpc-accept-encoding': 'identity',
    'grpc-timeout': `${Math.min(Math.ceil(timeoutMs), MAX_TIMEOUT_MS)}m`,
    te: 'trailers',
    'user-agent': `elysia-data-ops/${TOOL_VERSION}`,
  }
}

async function receive(
  stream: ClientHttp2Stream,
  received: ReceivedBuffers,
  message: MessageAssembler,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let httpStatus = 0
    let status: ReturnType<typeof statusFrom>
    let failure: Error | undefined
    stream.on('response', (headers) => {
      httpStatus = headers[':status'] ?? 0
      status = statusFrom(headers)
    })
    stream.on('trailers', (headers: IncomingHttpHeaders) => {
      status = statusFrom(headers)
    })
    stream.on('data', (piece: Buffer) => {
      received.note(piece)
      // What a proxy says instead is no message.
      if (httpStatus !== 200 || failure) return
      try {
        message.add(piece)
      } catch (error) {
        failure = error as Error
        stream.close(constants.NGHTTP2_CANCEL)
      }
    })
    stream.on('error', (error) => {
      failure ??= error
    })
    stream.on('close', () => {
      if (failure instanceof StatusError) reject(failure)
      else if (!status) reject(statusOfBroken(stream, httpStatus, failure))
      else if (status.code !== GrpcStatus.OK) reject(new StatusError(status.code, status.details))
      else if (message.isWhole) resolve(message.bytes)
      else reject(new StatusError(GrpcStatus.INTERNAL, 'A reply ended before its message did'))
    })
  })
}
