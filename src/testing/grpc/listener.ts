import {type Metadata, type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status} from '@grpc/grpc-js'
import {Buffer} from 'node:buffer'
import {createServer, type Socket} from 'node:net'

import type {Served} from '../objects.js'
import type {Settings} from '../options.js'
import type {Requests} from '../requests.js'

import {AggregateReply, AggregateRequest} from '../../weaviate/proto/generated/aggregate.js'
import {HealthCheckResponse_ServingStatus, HealthService} from '../../weaviate/proto/generated/health.js'
import {
  type BatchDeleteRequest,
  type BatchObjectsRequest,
  type BatchReferencesRequest,
  type SearchRequest,
  type TenantsGetRequest,
  WeaviateService,
} from '../../weaviate/proto/generated/weaviate.js'
import {type Access, accessOf} from '../access.js'
import {listen, type Listener} from '../listen.js'
import {Refusal} from '../refusal.js'
import {isBefore} from '../version.js'
import {BATCH_STREAM, batchStream, type BatchStreamCall} from './batch-stream.js'
import {hidePrototypeKeys} from './prototype-keys.js'
import {WeaviateCalls} from './service.js'
import {AGGREGATE, type Checked, checked, SEARCH} from './unknown-fields.js'

/** Objects keep members of any name; search replies come encoded; requests for more than is answered here are refused. */
const SERVICE = {
  ...WeaviateService,
  aggregate: {
    ...WeaviateService.aggregate,
    requestDeserialize: checked('AggregateRequest', AGGREGATE, (bytes) => AggregateRequest.decode(bytes)),
    responseSerialize: (reply: AggregateReply): Buffer => Buffer.from(AggregateReply.encode(reply).finish()),
  },
  batchObjects: {
    ...WeaviateService.batchObjects,
    requestDeserialize: (bytes: Buffer): BatchObjectsRequest =>
      WeaviateService.batchObjects.requestDeserialize(hidePrototypeKeys(bytes)),
  },
  batchStream: BATCH_STREAM,
  search: {
    ...WeaviateService.search,
    requestDeserialize: checked('SearchRequest', SEARCH, WeaviateService.search.requestDeserialize),
    responseSerialize: (encoded: Uint8Array): Buffer =>
      Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength),
  },
} as const

/** Listens on the loopback interface. Sockets are ours, so that a fault can cut one. */
export async function listenGrpc(
  served: Served,
  {port, requests}: {port: number; requests: Requests},
): Promise<Listener> {
  const {settings} = served.room
  const calls = new WeaviateCalls(served)
  const server = new Server({
    'grpc.max_receive_message_length': mostBytes(settings),
    'grpc.max_send_message_length': -1,
  })
  const sockets = new Map<string, Socket>()
  const desk = new FrontDesk(settings, requests, sockets)
  server.addService(SERVICE, {
    aggregate: desk.unary((request: Checked<AggregateRequest>) => calls.aggregate(taken(request)), {since: '1.28.5'}),
    batchDelete: desk.unary((request: BatchDeleteRequest, access) => calls.batchDelete(request, access)),
    batchObjects: desk.unary((request: BatchObjectsRequest, access) => calls.batchObjects(request, access)),
    batchReferences: desk.unary((request: BatchReferencesRequest, access) => calls.batchReferences(request, access), {
      since: '1.33',
    }),
    batchStream: desk.stream(async (call: BatchStreamCall, access, cut) =>
      batchStream(call, {access, calls, cut, settings}),
    ),
    search: desk.unary((request: Checked<SearchRequest>) => calls.search(taken(request))),
    tenantsGet: desk.unary((request: TenantsGetRequest) => calls.tenantsGet(request)),
  })
  server.addService(HealthService, {
    check: desk.unary(() => ({status: HealthCheckResponse_ServingStatus.SERVING}), {isPublic: true}),
  })

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const tcp = createServer((socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    sockets.set(peer, socket)
    socket.on('close', () => {
      sockets.delete(peer)
    })
    socket.on('error', () => {
      socket.destroy()
    })
    injector.injectConnection(socket)
  })
  return listen(tcp, port, () => {
    server.forceShutdown()
    for (const socket of sockets.values()) socket.destroy()
  })
}

/** @throws Refusal when more is asked than is answered here. */
function taken<Q>({problem, request}: Checked<Q>): Q {
  if (problem) throw problem
  return request
}

type UnaryHandler<Q, R> = (call: ServerUnaryCall<Q, R>, callback: sendUnaryData<R>) => void

/** What every call passes: faults, credentials, and errors made into gRPC's. */
class FrontDesk {
  constructor(
    private readonly settings: Settings,
    private readonly requests: Requests,
    private readonly sockets: Map<string, Socket>,
  ) {}

  /** What the caller may do. @throws Refusal. */
  private accessOf({metadata}: {metadata: Metadata}, isPublic = false): Access {
    const access = accessOf(metadata.get('authorization')[0]?.toString(), this.settings)
    if (!access && !isPublic) throw new Refusal('extract auth: unauthorized: invalid api key', 401)
    return access ?? 'read'
  }

  /** What comes of a call goes to `done`, or what went wrong to `failed`. */
  private async attend<R>(
    call: {getPath: () => string; getPeer: () => string},
    answer: (cut: () => void) => Promise<R> | R,
    {done, failed}: {done: (result: R) => void; failed: (error: {code: number; details: string}) => void},
  ): Promise<void> {
    const path = call.getPath()
    const peer = call.getPeer()
    const cut = (): void => {
      this.sockets.get(peer)?.destroy()
    }

    try {
      const method = path.slice(path.lastIndexOf('/') + 1)
      const fault = await this.requests.arrive({method, path, transport: 'grpc'})
      if (fault && 'status' in fault) throw new Refusal(fault.message ?? 'injected fault', fault.status, fault.status)
      if (fault && !fault.after) {
        cut()
        return
      }

      const result = await answer(cut)
      if (fault) cut()
      else done(result)
    } catch (error) {
      failed(serviceError(error))
    }
  }

  private send<R>(callback: sendUnaryData<R>, result: R): void {
    const bytes = result instanceof Uint8Array ? result.byteLength : 0
    const most = mostBytes(this.settings)
    if (bytes > most) {
      const details = `grpc: trying to send message larger than max (${bytes} vs. ${most})`
      callback({code: status.RESOURCE_EXHAUSTED, details})
    } else {
      callback(null, result)
    }
  }

  /** `since` is the version that brought the call. */
  unary<Q, R>(answer: (request: Q, access: Access) => R, {isPublic = false, since = '0'} = {}): UnaryHandler<Q, R> {
    return (call, callback) => {
      const authorized = (): R => {
        if (isBefore(this.settings, since)) throw unknownMethod(call.getPath())
        return answer(call.request, this.accessOf(call, isPublic))
      }

      void this.attend(call, authorized, {
        done: (result) => {
          this.send(callback, result)
        },
        failed: callback,
      })
    }
  }

  /** A call of two streams; it came with 1.36. */
  stream(
    answer: (call: BatchStreamCall, access: Access, cut: () => void) => Promise<void>,
  ): (call: BatchStreamCall) => void {
    return (call) => {
      // A client that is gone is no failure of the server.
      call.on('error', () => undefined)
      const authorized = async (cut: () => void): Promise<void> => {
        if (isBefore(this.settings, '1.36')) throw unknownMethod(call.getPath())
        await answer(call, this.accessOf(call), cut)
      }

      void this.attend(call, authorized, {
        done() {
          call.end()
        },
        failed(error) {
          call.emit('error', error)
        },
      })
    }
  }
}

/** What passes the server and what is in front of it. */
function mostBytes({maxMessageBytes, proxyMessageBytes}: Settings): number {
  return Math.min(maxMessageBytes, proxyMessageBytes)
}

function unknownMethod(path: string): Refusal {
  const [, service, method] = path.split('/', 3)
  return new Refusal(`unknown method ${method} for service ${service}`, 501, status.UNIMPLEMENTED)
}

function serviceError(error: unknown): {code: number; details: string} {
  if (error instanceof Refusal) return {code: error.grpcCode, details: error.message}
  return {
    code: status.INTERNAL,
    details: `embedded server: ${error instanceof Error ? error.stack : String(error)}`,
  }
}
