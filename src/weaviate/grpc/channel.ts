/** Unary gRPC calls with a deadline, fresh metadata, an AbortSignal and typed errors, over HTTP/2 (docs/adr/0012). */
import type {MethodDefinition} from '@grpc/grpc-js'
import type {Buffer} from 'node:buffer'

import type {ServerCall} from '../connection.js'

import {DataOpsError, interrupted, throwIfAborted} from '../../model/errors.js'
import {told} from '../calls.js'
import {grpcError} from '../errors.js'
import {type HeaderSource, withHeaders} from '../headers.js'
import {exchange, type UnaryRequest} from './exchange.js'
import {GrpcLink, type LinkOptions} from './link.js'
import {MessageMemory} from './message.js'
import {GrpcStatus, StatusError} from './status.js'

export interface GrpcChannelOptions extends LinkOptions {
  /** Bytes of one message at most, both ways. */
  maxMessageBytes: number
  metadata: HeaderSource
  onCall?: (call: ServerCall) => void
  /** Milliseconds for one call. */
  timeoutMs: number
}

/** As much of a method of a generated service definition as a call needs. */
export type GrpcMethod<Request, Reply> = Pick<
  MethodDefinition<Request, Reply>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>

export interface GrpcCall {
  /** What is done, to follow "Cannot": `read objects of Article`. */
  action: string
  /** Bytes of the reply at most, where that is less than of any message. */
  maxReplyBytes?: number
  signal?: AbortSignal
}

/** Errors that tell nothing of the server's being there. */
const UNHEARD: ReadonlySet<number> = new Set([
  GrpcStatus.CANCELLED,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.UNAVAILABLE,
])

export class GrpcChannel {
  readonly #link: GrpcLink
  readonly #memory = new MessageMemory()
  /** When the server was last heard of; of `performance.now()`. */
  #heardAt = -Infinity
  readonly #options: GrpcChannelOptions

  constructor(options: GrpcChannelOptions) {
    this.#options = options
    this.#link = new GrpcLink(options)
  }

  /** @throws DataOpsError; `details.tooLarge` when the request or the reply is over the limit. */
  async call<Request, Reply>(method: GrpcMethod<Request, Reply>, request: Request, how: GrpcCall): Promise<Reply> {
    return told(this.#options.onCall, {action: how.action, transport: 'grpc'}, async () => ({
      reply: await this.#call(method, request, how),
    }))
  }

  async #call<Request, Reply>(
    method: GrpcMethod<Request, Reply>,
    request: Request,
    {action, maxReplyBytes = Infinity, signal}: GrpcCall,
  ): Promise<Reply> {
    throwIfAborted(signal)
    const bytes = method.requestSerialize(request)
    if (bytes.byteLength > this.#options.maxMessageBytes) {
      throw new DataOpsError(
        'SERVER_REFUSED',
        `Cannot ${action}: the message is too large: ${bytes.byteLength} bytes of ${this.#options.maxMessageBytes} at most.`,
        {details: {tooLarge: true}},
      )
    }

    return withHeaders(this.#options.metadata, async (metadata) => {
      throwIfAborted(signal)
      try {
        const sent = {message: bytes, metadata, path: method.path}
        return method.responseDeserialize(await this.#exchange(sent, maxReplyBytes, signal))
      } catch (error) {
        throw signal?.aborted ? interrupted(signal) : grpcError(error, {action, metadata, signal})
      }
    })
  }

  /** @throws StatusError. */
  async #exchange(request: UnaryRequest, maxReplyBytes: number, signal: AbortSignal | undefined): Promise<Buffer> {
    const {timeoutMs} = this.#options
    const maxMessageBytes = Math.min(maxReplyBytes, this.#options.maxMessageBytes)
    const began = performance.now()
    try {
      const reply = await exchange(this.#link, request, {maxMessageBytes, memory: this.#memory, signal, timeoutMs})
      this.#heardAt = performance.now()
      return reply
    } catch (error) {
      const code = error instanceof StatusError ? error.code : GrpcStatus.UNKNOWN
      if (!UNHEARD.has(code)) this.#heardAt = performance.now()
      // Half open perhaps: keepalive would take minutes to find that out.
      // Another call may have left it already: then the new one is younger than half of this call.
      else if (code === GrpcStatus.DEADLINE_EXCEEDED && this.#heardAt < began) this.#link.leave(began + timeoutMs / 2)
      throw error
    }
  }

  /** Takes the memory of a reply for those to come: nobody may look at its bytes any more. */
  release(reply: Uint8Array): void {
    this.#memory.giveBack(reply)
  }

  close(): void {
    this.#link.close()
  }
}
