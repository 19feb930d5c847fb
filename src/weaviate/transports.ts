/** The ways to one address: REST, which is ready and lets us in, and gRPC where it answers. */
import {rootCertificates} from 'node:tls'

import type {GrpcAddress} from './address.js'
import type {ConnectOptions} from './connection.js'
import type {HeaderSource} from './headers.js'

import {DataOpsError} from '../model/errors.js'
import {isAtLeast, OLDEST} from './capabilities.js'
import {connectGrpc, type GrpcObjects} from './grpc/objects.js'
import {HttpClient} from './rest/http.js'
import {restObjects} from './rest/objects.js'
import {getObjectRest, readReferencesPage} from './rest/reading.js'
import {countOf} from './rest/shape.js'
import {retry} from './retry.js'

/** Milliseconds in which gRPC must answer before REST is taken instead. */
const GRPC_CHECK_MS = 5000
/** What servers take that do not say. */
const DEFAULT_MESSAGE_BYTES = 104_858_000

/** Where a server, or one node of it, is. */
export interface Place {
  grpc: GrpcAddress
  /** The IP address that the host's name stands for here, for both ways. */
  pinned?: string
  /** Of REST. */
  url: string
}

/** What is the same for all addresses. */
export interface TransportOptions extends Pick<ConnectOptions, 'ca' | 'onCall' | 'onWarning' | 'proxy' | 'transport'> {
  headers: HeaderSource
  /** What this process was told a moment ago: REST is not asked again. */
  known?: ServerFacts
  /** Milliseconds for one request. */
  timeoutMs: number
}

/** What a server says of itself. */
export interface ServerFacts {
  /** Bytes of a gRPC message at most. */
  maxMessageBytes: number
  version: string
}

export interface Transports extends ServerFacts {
  grpc?: GrpcObjects
  http: HttpClient
  place: Place
}

/** @throws DataOpsError by what REST answers; CANNOT_CONNECT when it is not Weaviate, too old, or gRPC must answer and does not; NOT_ALLOWED. */
export async function openTransports(place: Place, options: TransportOptions): Promise<Transports> {
  const {ca, headers, onCall, proxy, timeoutMs, transport = 'auto'} = options
  const {pinned, url} = place
  const http = new HttpClient({ca, headers, onCall, pinned, proxy, timeoutMs, url})
  let grpc: GrpcObjects | undefined
  try {
    const {maxMessageBytes, version} = options.known ?? (await checkRest(http, url))
    if (transport !== 'rest') {
      grpc = connectGrpc({
        ...grpcAddressOf(place),
        ca: ca && [...rootCertificates, ca].join('\n'),
        maxMessageBytes,
        metadata: headers,
        onCall,
        rest: {
          ...restObjects(http),
          getObject: async ({className, id, ...rest}) => getObjectRest(http, className, id, rest),
          readReferencesPage: async (request) => readReferencesPage(http, request),
        },
        timeoutMs,
      })
      if (!(await grpcAnswers(grpc, place.grpc.address, options))) {
        grpc.close()
        grpc = undefined
      }
    }

    return {grpc, http, maxMessageBytes, place, version}
  } catch (error) {
    grpc?.close()
    await http.close()
    throw error
  }
}

function grpcAddressOf({grpc: {address, secure}, pinned}: Place): GrpcAddress & {authority?: string} {
  if (pinned === undefined) return {address, secure}
  const port = address.slice(address.lastIndexOf(':'))
  return {address: `${pinned.includes(':') ? `[${pinned}]` : pinned}${port}`, authority: address, secure}
}

/** REST is ready, is Weaviate's, and lets us in. */
async function checkRest(http: HttpClient, url: string): Promise<ServerFacts> {
  const action = `connect to ${url}`
  await http.send({action, method: 'GET', path: '/v1/.well-known/ready'})
  const {value} = await http.json<{grpcMaxMessageSize?: unknown; version?: unknown}>({
    action,
    method: 'GET',
    path: '/v1/meta',
  })
  if (typeof value?.version !== 'string') {
    throw new DataOpsError('CANNOT_CONNECT', `Cannot ${action}: what answers there is not Weaviate.`, {
      hint: 'Check the address, its path included.',
    })
  }

  if (!isAtLeast(value.version, OLDEST)) {
    throw new DataOpsError(
      'CANNOT_CONNECT',
      `Weaviate at ${url} is version ${value.version}: ${OLDEST} or later is needed.`,
      {
        details: {oldest: OLDEST, version: value.version},
        hint: 'Upgrade the server first: what an older one leaves out of its replies cannot be told from what is not there.',
      },
    )
  }

  return {
    maxMessageBytes: countOf(value.grpcMaxMessageSize, action, 'bytes of a message') || DEFAULT_MESSAGE_BYTES,
    version: value.version,
  }
}

/** Whether gRPC answers. @throws DataOpsError CANNOT_CONNECT when it must and does not; NOT_ALLOWED. */
async function grpcAnswers(grpc: GrpcObjects, address: string, options: TransportOptions): Promise<boolean> {
  const checkMs = Math.min(GRPC_CHECK_MS, options.timeoutMs)
  try {
    const signal = AbortSignal.timeout(checkMs)
    // A connection that breaks once must not make the whole job a slow one.
    await retry(async () => grpc.check(signal), {maxRetries: 1, signal})
    return true
  } catch (error) {
    if (!(error instanceof DataOpsError) || error.code === 'NOT_ALLOWED') throw error
    const reason = error.code === 'INTERRUPTED' ? `no answer within ${checkMs / 1000} s` : error.message
    if (options.transport === 'grpc') {
      throw new DataOpsError('CANNOT_CONNECT', `Cannot reach gRPC at ${address}.`, {
        cause: error,
        details: {address, reason},
        hint: 'Check the gRPC address and port, and whether it needs TLS; or use REST, which is slower.',
      })
    }

    options.onWarning?.({
      code: 'grpc-unreachable',
      details: {address, reason},
      message: `gRPC cannot be reached at ${address}: REST does the whole job, several times slower.`,
    })
    return false
  }
}
