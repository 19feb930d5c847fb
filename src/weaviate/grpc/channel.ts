/** Unary gRPC calls with a deadline, fresh metadata, an AbortSignal and typed errors. */
import {Client, type ClientOptions, credentials, Metadata, type MethodDefinition, status} from '@grpc/grpc-js'
import {Buffer} from 'node:buffer'

import type {ServerCall} from '../connection.js'

import {DataOpsError, interrupted, throwIfAborted} from '../../model/errors.js'
import {told} from '../calls.js'
import {grpcError} from '../errors.js'

export interface GrpcChannelOptions {
  /** `host:port` */
  address: string
  /** The name that TLS and the server see, where `address` is one of several that it stands for. */
  authority?: string
  /** Extra PEM text to trust. */
  ca?: string
  /** Bytes of one message at most, both ways. */
  maxMessageBytes: number
  /** Asked anew for each call, so that refreshed tokens are used. */
  metadata: () => Promise<Record<string, string>>
  onCall?: (call: ServerCall) => void
  /** TLS. */
  secure: boolean
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
  signal?: AbortSignal
}

// gRPC servers hang up on clients that ask more often than every five minutes whether they are still there.
const KEEPALIVE_MS = 330_000

// HTTP/2 windows: Node's 64 KiB would make a page of megabytes wait for a round trip per 64 KiB.
const FLOW_CONTROL_WINDOW = 4 * 1024 * 1024

/** Errors that tell nothing of the server's being there. */
const UNHEARD: ReadonlySet<status> = new Set([status.CANCELLED, status.DEADLINE_EXCEEDED, status.UNAVAILABLE])

export class GrpcChannel {
  #client: Client
  /** When the server was last heard of; of `performance.now()`. */
  #heardAt = -Infinity
  #isClosed = false
  readonly #options: GrpcChannelOptions

  constructor(options: GrpcChannelOptions) {
    this.#options = options
    this.#client = this.#connect()
  }

  #connect(): Client {
    const options = this.#options
    const channelOptions: ClientOptions = {
      ...(options.authority !== undefined && {
        'grpc.default_authority': options.authority,
        'grpc.enable_http_proxy': 0,
        'grpc.ssl_target_name_override': options.authority.replace(/:\d+$/, ''),
      }),
      'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW,
      'grpc.keepalive_permit_without_calls': 0,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': 20_000,
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': options.maxMessageBytes,
      // Else a new client would be given the connection of the old one.
      'grpc.use_local_subchannel_pool': 1,
    }
    return new Client(
      options.address,
      options.secure
        ? credentials.createSsl(options.ca === undefined ? null : Buffer.from(options.ca))
        : credentials.createInsecure(),
      channelOptions,
    )
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
    {action, signal}: GrpcCall,
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

    const headers = await this.#options.metadata()
    throwIfAborted(signal)
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
    const client = this.#client
    const began = performance.now()
    return new Promise<Reply>((resolve, reject) => {
      const call = client.makeUnaryRequest(
        method.path,
        (serialized: typeof bytes) => serialized,
        method.responseDeserialize,
        bytes,
        metadata,
        {deadline: Date.now() + this.#options.timeoutMs},
        (error, reply) => {
          signal?.removeEventListener('abort', cancel)
          if (!error || !UNHEARD.has(error.code)) this.#heardAt = performance.now()
          else if (error.code === status.DEADLINE_EXCEEDED && this.#heardAt < began) this.#renew(client)
          if (error)
            reject(signal?.aborted ? interrupted(signal) : grpcError(error, {action, metadata: headers, signal}))
          else resolve(reply!)
        },
      )
      const cancel = () => {
        call.cancel()
      }

      signal?.addEventListener('abort', cancel, {once: true})
    })
  }

  /** Leaves a connection on which nothing is heard any more, half open perhaps: keepalive would take minutes to find that out. */
  #renew(silent: Client): void {
    if (this.#client !== silent || this.#isClosed) return
    this.#client = this.#connect()
    silent.close()
  }

  close(): void {
    this.#isClosed = true
    this.#client.close()
  }
}
