/** Objects over gRPC: the bulk of a backup and of a restore goes through here. */
import type {ObjectOperations} from '../rest/objects.js'

import {DataOpsError} from '../../model/errors.js'
import {HealthService, HealthCheckResponse_ServingStatus as ServingStatus} from '../proto/generated/health.js'
import {WeaviateService} from '../proto/generated/weaviate.js'
import {collectionMissing} from '../rest/reading.js'
import {GrpcChannel, type GrpcChannelOptions} from './channel.js'
import {type CollectionCall, type GrpcContext, reasonOf, type RestObjects} from './context.js'
import {GrpcReader} from './read.js'
import {deleteObjects, writeObjects, writeReferences} from './write.js'

export interface GrpcOptions extends GrpcChannelOptions {
  rest: RestObjects
}

export type GrpcObjects = ObjectOperations & {
  /** The standard gRPC health check. @throws DataOpsError when the server does not answer, or does not serve. */
  check: (signal?: AbortSignal) => Promise<void>
  close: () => void
}

/** Opens no connection yet: the first call does. */
export function connectGrpc({rest, ...options}: GrpcOptions): GrpcObjects {
  const channel = new GrpcChannel(options)
  const call: CollectionCall = async (method, request, {collection, ...callOptions}) => {
    try {
      return await channel.call(method, request, callOptions)
    } catch (error) {
      throw reasonOf(error).includes('could not find class') ? collectionMissing(collection) : error
    }
  }

  const context: GrpcContext = {
    call,
    release(reply) {
      channel.release(reply)
    },
    rest,
  }
  const reader = new GrpcReader(context)
  return {
    check: async (signal) => check(channel, signal),
    close() {
      channel.close()
    },
    count: async (collection, tenant, signal) => count(call, collection, tenant, signal),
    deleteObjects: async (request) => deleteObjects(context, request),
    getObjects: async (request) => reader.getObjects(request),
    readPage: async (request) => reader.readPage(request),
    writeObjects: async (request) => writeObjects(context, request),
    writeReferences: async (request) => writeReferences(context, request),
  }
}

async function check(channel: GrpcChannel, signal?: AbortSignal): Promise<void> {
  const {status} = await channel.call(HealthService.check, {service: ''}, {action: 'check the gRPC service', signal})
  if (status !== ServingStatus.SERVING) {
    throw new DataOpsError('SERVER_UNAVAILABLE', 'The gRPC service is there, but says that it does not serve.')
  }
}

async function count(call: CollectionCall, collection: string, tenant = '', signal?: AbortSignal): Promise<number> {
  const action = `count the objects of ${collection}`
  const request = {collection, objectsCount: true, tenant}
  const {result} = await call(WeaviateService.aggregate, request, {action, collection, signal})
  const counted = result?.value.objectsCount
  if (counted === undefined) throw new DataOpsError('UNEXPECTED', `Cannot ${action}: the reply holds no count.`)
  return Number(counted)
}
