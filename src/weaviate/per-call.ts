/** Each call about objects goes over gRPC where this server has it there, and over REST where not: known by its version, before anything is sent. */
import type {ObjectOperations} from './rest/objects.js'

import {DataOpsError} from '../model/errors.js'
import {type Capabilities, SINCE} from './capabilities.js'

/** Refuses what the server would take for something else: one that knows no multi vectors keeps their bytes as one long vector, and says nothing. */
export function refusingUnknownVectors(
  operations: ObjectOperations,
  {multiVectors}: Pick<Capabilities, 'multiVectors'>,
): ObjectOperations {
  if (multiVectors) return operations
  return {
    ...operations,
    async writeObjects(request) {
      const [refused, written] = partition(request.objects, (object) =>
        [...(object.vectors ?? [])].some(([, {kind}]) => kind === 'multi'),
      )
      const failures = refused.map(({id, tenant}) => ({
        id,
        reason: `this server knows no multi vectors (they came with ${SINCE.multiVectors}), and would keep them as something else`,
        ...(tenant !== undefined && {tenant}),
      }))
      return written.length === 0
        ? failures
        : [...failures, ...(await operations.writeObjects({...request, objects: written}))]
    },
  }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  const parts: [T[], T[]] = [[], []]
  for (const item of items) parts[test(item) ? 0 : 1].push(item)
  return parts
}

type Operation = 'count' | 'writeReferences'

/** gRPC's operations, with REST's in place of those that the server does not have over gRPC. */
export function perCall(
  grpc: ObjectOperations,
  rest: ObjectOperations,
  capabilities: Pick<Capabilities, 'grpcAggregate' | 'grpcBatchReferences'>,
): ObjectOperations {
  const overRest = new Set<Operation>()
  if (!capabilities.grpcAggregate) overRest.add('count')
  if (!capabilities.grpcBatchReferences) overRest.add('writeReferences')
  // A server whose version says more than it can: an unknown call has done nothing.
  const either = async <T>(operation: Operation, run: (operations: ObjectOperations) => Promise<T>): Promise<T> => {
    if (overRest.has(operation)) return run(rest)
    try {
      return await run(grpc)
    } catch (error) {
      if (!isUnimplemented(error)) throw error
      overRest.add(operation)
      return run(rest)
    }
  }

  return {
    count: async (...request) => either('count', async ({count}) => count(...request)),
    deleteObjects: async (request) => grpc.deleteObjects(request),
    getObjects: async (request) => grpc.getObjects(request),
    readPage: async (request) => grpc.readPage(request),
    writeObjects: async (request) => grpc.writeObjects(request),
    writeReferences: async (request) =>
      either('writeReferences', async (operations) => operations.writeReferences(request)),
  }
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof DataOpsError && error.details.grpcStatus === 'UNIMPLEMENTED'
}
