import type {ServerDuplexStream} from '@grpc/grpc-js'

import {Buffer} from 'node:buffer'

import type {BatchObject, BatchReference} from '../../weaviate/proto/generated/weaviate.js'
import type {Access} from '../access.js'
import type {Settings, StreamFault} from '../options.js'
import type {WeaviateCalls} from './service.js'

import {
  BatchStreamReply,
  BatchStreamRequest,
  type BatchStreamRequest_Data,
  type BatchStreamReply_Results as Results,
} from '../../weaviate/proto/generated/batch_stream.js'
import {beaconTo} from '../beacon.js'
import {Refusal} from '../refusal.js'
import {hidePrototypeKeys} from './prototype-keys.js'

export type BatchStreamCall = ServerDuplexStream<BatchStreamRequest, BatchStreamReply>

/** As the generated services have it. */
export const BATCH_STREAM = {
  path: '/weaviate.v1.Weaviate/BatchStream',
  requestDeserialize: (bytes: Buffer): BatchStreamRequest => BatchStreamRequest.decode(hidePrototypeKeys(bytes)),
  requestSerialize: (request: BatchStreamRequest): Buffer => Buffer.from(BatchStreamRequest.encode(request).finish()),
  requestStream: true,
  responseDeserialize: (bytes: Buffer): BatchStreamReply => BatchStreamReply.decode(bytes),
  responseSerialize: (reply: BatchStreamReply): Buffer => Buffer.from(BatchStreamReply.encode(reply).finish()),
  responseStream: true,
} as const

/** Seconds that the real server asks a client to wait when it is out of memory. */
const OUT_OF_MEMORY_WAIT = 300

interface Served {
  access: Access
  calls: WeaviateCalls
  /** Cuts the connection. */
  cut: () => void
  settings: Settings
}

/** One stream: `Started`, then for each message `Acks` (received) and `Results` (written or not); ends when the client ends it. */
export async function batchStream(call: BatchStreamCall, {access, calls, cut, settings}: Served): Promise<void> {
  const send = (message: BatchStreamReply['message']): void => {
    call.write(BatchStreamReply.create({message}))
  }

  let ordinal = -1
  for await (const {message} of call.iterator({destroyOnReturn: false}) as AsyncIterable<BatchStreamRequest>) {
    ordinal++
    if (ordinal === 0) {
      if (message?.$case !== 'start') throw new Refusal('first message must be a start message')
      send({$case: 'started', value: {}})
      continue
    }

    if (message?.$case === 'stop') continue
    if (message?.$case !== 'data') throw new Refusal('invalid batch send request: data field is nil')
    const named = namesOf(message.value)
    if (named.uuids.length + named.beacons.length === 0) continue
    const fault = settings.onBatchStream({...named, ordinal}) ?? undefined
    if (attend({access, calls, cut, fault, send}, {data: message.value, named})) return
  }

  if (ordinal === -1) throw new Refusal('initial stream message receive: EOF')
}

interface Attended extends Omit<Served, 'settings'> {
  fault: StreamFault | undefined
  send: (message: BatchStreamReply['message']) => void
}

/** One message with data, and what goes wrong with it. Whether the stream is over. */
function attend(
  {access, calls, cut, fault, send}: Attended,
  {data, named}: {data: BatchStreamRequest_Data; named: Named},
): boolean {
  if (fault && 'outOfMemory' in fault) {
    send({$case: 'outOfMemory', value: {...named, waitTime: OUT_OF_MEMORY_WAIT}})
    return true
  }

  const isCut = fault !== undefined && 'drop' in fault
  if (isCut && !fault.after) {
    cut()
    return true
  }

  if (fault && 'backoff' in fault) send({$case: 'backoff', value: {batchSize: fault.backoff}})
  if (fault && 'shuttingDown' in fault) send({$case: 'shuttingDown', value: {}})
  send({$case: 'acks', value: named})
  const results = write(calls, access, data)
  if (isCut) cut()
  else send({$case: 'results', value: results})
  return isCut
}

interface Named {
  beacons: string[]
  uuids: string[]
}

function namesOf({objects, references}: BatchStreamRequest_Data): Named {
  return {
    beacons: (references?.values ?? []).map((reference) => beaconOf(reference)),
    uuids: (objects?.values ?? []).map(({uuid}) => uuid),
  }
}

function beaconOf({fromCollection, fromUuid, name}: BatchReference): string {
  return `${beaconTo({collection: fromCollection, id: fromUuid})}/${name}`
}

function write(calls: WeaviateCalls, access: Access, {objects, references}: BatchStreamRequest_Data): Results {
  const results: Results = {errors: [], successes: []}
  writeObjects(calls, access, {objects: objects?.values ?? [], results})
  const links = references?.values ?? []
  if (links.length === 0) return results
  const failed = new Map(
    calls
      .batchReferences({consistencyLevel: undefined, references: links}, access)
      .errors.map(({error, index}) => [index, error]),
  )
  for (const [index, link] of links.entries()) {
    const detail = {$case: 'beacon' as const, value: beaconOf(link)}
    const error = failed.get(index)
    if (error === undefined) results.successes.push({detail})
    else results.errors.push({detail, error})
  }

  return results
}

/**
 * Collection by collection. As in the real server, the index of an error is one within its collection, but is taken for one of the
 * message: of a message with two collections an object may be told as refused and as written, and another as neither.
 */
function writeObjects(
  calls: WeaviateCalls,
  access: Access,
  {objects, results}: {objects: BatchObject[]; results: Results},
): void {
  const errored = new Set<number>()
  for (const group of Map.groupBy(objects, ({collection}) => collection).values()) {
    const {errors} = calls.batchObjects({consistencyLevel: undefined, objects: group}, access)
    for (const {error, index} of errors) {
      errored.add(index)
      results.errors.push({detail: {$case: 'uuid', value: group[index]!.uuid}, error})
    }
  }

  for (const [index, {uuid}] of objects.entries())
    if (!errored.has(index)) results.successes.push({detail: {$case: 'uuid', value: uuid}})
}
