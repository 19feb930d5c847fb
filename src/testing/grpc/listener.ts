import {
  type handleUnaryCall,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import {createServer, type Socket} from 'node:net'

import type {Settings} from '../options.js'
import type {Requests} from '../requests.js'
import type {WeaviateCalls} from './service.js'

import {HealthCheckResponse_ServingStatus, HealthService} from '../../weaviate/proto/generated/health.js'
import {WeaviateService} from '../../weaviate/proto/generated/weaviate.js'
import {type Access, accessOf} from '../access.js'
import {Refusal} from '../refusal.js'
import {refuseUnknownFields} from './unknown-fields.js'

export interface Listener {
  close: () => Promise<void>
  port: number
}

/** Search replies come encoded, requests with more than is answered here are refused. */
const SERVICE = {
  ...WeaviateService,
  search: {
    ...WeaviateService.search,
    requestDeserialize(bytes: Buffer) {
      return {problem: refuseUnknownFields(bytes), request: WeaviateService.search.requestDeserialize(bytes)}
    },
    responseSerialize: (reply: Uint8Array): Buffer => Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength),
  },
} as const

/** Listens on the loopback interface. Sockets are ours, so that a fault can cut one. */
export async function listenGrpc(calls: WeaviateCalls, settings: Settings, requests: Requests): Promise<Listener> {
  const server = new Server({
    'grpc.max_receive_message_length': settings.maxMessageBytes,
    'grpc.max_send_message_length': -1,
  })
  const sockets = new Map<string, Socket>()
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())

  const unary =
    <Q, R>(answer: (request: Q, access: Access) => R, authenticated = true): handleUnaryCall<Q, R> =>
    (call, callback) => {
      const run = () => {
        const access = accessOf(call.metadata.get('authorization')[0]?.toString(), settings)
        if (!access && authenticated) throw new Refusal(401, 'extract auth: unauthorized: invalid api key')
        return answer(call.request, access ?? 'read')
      }

      void reply(call, callback, {cut: () => sockets.get(call.getPeer())?.destroy(), requests, run, settings})
    }

  server.addService(SERVICE, {
    aggregate: unary((request, access) => calls.aggregate(request)),
    batchDelete: unary((request, access) => calls.batchDelete(request, access)),
    batchObjects: unary((request, access) => calls.batchObjects(request, access)),
    batchReferences: unary((request, access) => calls.batchReferences(request, access)),
    search: unary(({problem, request}: ReturnType<typeof SERVICE.search.requestDeserialize>) => {
      if (problem) throw problem
      return calls.search(request)
    }),
    tenantsGet: unary((request, access) => calls.tenantsGet(request)),
  })
  server.addService(HealthService, {
    check: unary(() => ({status: HealthCheckResponse_ServingStatus.SERVING}), false),
  })

  const tcp = createServer((socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`
    sockets.set(peer, socket)
    socket.on('close', () => sockets.delete(peer))
    socket.on('error', () => socket.destroy())
    injector.injectConnection(socket)
  })
  const port = await listen(tcp, settings.grpcPort)
  return {
    async close() {
      server.forceShutdown()
      for (const socket of sockets.values()) socket.destroy()
      await new Promise((resolve) => {
        tcp.close(resolve)
      })
    },
    port,
  }
}

/** Binds to 127.0.0.1. Resolves with the port. */
export async function listen(
  server: {
    address: () => null | string | {port: number}
    listen: (port: number, host: string, done: () => void) => unknown
    once: (event: 'error', listener: (error: Error) => void) => unknown
  },
  port: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      resolve((server.address() as {port: number}).port)
    })
  })
}

interface Answering<R> {
  cut: () => void
  requests: Requests
  run: () => R
  settings: Settings
}

async function reply<Q, R>(
  call: ServerUnaryCall<Q, R>,
  callback: sendUnaryData<R>,
  {cut, requests, run, settings}: Answering<R>,
): Promise<void> {
  const path = call.getPath()
  const fault = await requests.arrive({method: path.slice(path.lastIndexOf('/') + 1), path, transport: 'grpc'})
  if (fault && 'status' in fault) {
    callback({code: fault.status, details: fault.message ?? 'injected fault'})
    return
  }

  if (fault && !fault.after) {
    cut()
    return
  }

  try {
    const answer = run()
    if (fault) {
      cut()
      return
    }

    const bytes = answer instanceof Uint8Array ? answer.byteLength : 0
    if (bytes > settings.maxMessageBytes)
      callback({
        code: status.RESOURCE_EXHAUSTED,
        details: `grpc: trying to send message larger than max (${bytes} vs. ${settings.maxMessageBytes})`,
      })
    else callback(null, answer)
  } catch (error) {
    const {code, message} =
      error instanceof Refusal
        ? {code: error.grpcCode, message: error.message}
        : {code: status.INTERNAL, message: `embedded server: ${String(error instanceof Error ? error.stack : error)}`}
    callback({code, details: message})
  }
}
