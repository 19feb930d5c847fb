import type {Warning} from '../model/progress.js'
import type {Connection} from '../weaviate/connection.js'
import type {RetryOptions} from './options.js'

import {DataOpsError} from '../model/errors.js'
import {retry} from '../weaviate/retry.js'
import {onKnownCollection} from './known-collection.js'

export interface PersistenceOptions extends RetryOptions {
  onWarning?: (warning: Warning) => void
  signal?: AbortSignal
}

/**
 * The same connection, whose calls about schema, aliases, tenants and counts are tried again while the server cannot answer, also after a
 * request whose answer was lost. Calls that carry objects are passed on as they are: they go through a `Throttle`.
 */
export function persistent(connection: Connection, options: PersistenceOptions = {}): Connection {
  const again = async <T>(call: (isRepeated: boolean) => Promise<T>, signal = options.signal): Promise<T> =>
    retry(async (attempt) => call(attempt > 0), {
      maxRetries: options.maxRetries,
      maxWaitMs: options.retryMaxWaitMs,
      onRetry({attempt, error, waitMs}) {
        options.onWarning?.({
          code: 'server-retry',
          details: {attempt, waitMs},
          message: `${error.message} Trying again in ${(waitMs / 1000).toFixed(1)} s.`,
        })
      },
      signal,
    })

  return {
    ...connection,
    count: async (collection, tenant, signal) =>
      again(async () => onKnownCollection(async () => connection.count(collection, tenant, signal)), signal),
    createAlias: async (alias, collection) =>
      again(async (isRepeated) => {
        try {
          await connection.createAlias(alias, collection)
        } catch (error) {
          // Perhaps the first request was heard, and only its answer was lost.
          if (!isRepeated || isRetryable(error)) throw error
          const there = await connection.listAliases()
          const isDone = there.some((each) => each.alias === alias && each.collection === collection)
          if (!isDone) throw error
        }
      }),
    createCollection: async (schema) =>
      again(async (isRepeated) => {
        try {
          await connection.createCollection(schema)
        } catch (error) {
          if (isRepeated && error instanceof DataOpsError && error.code === 'COLLECTION_EXISTS') return
          throw error
        }
      }),
    createTenants: async (collection, tenants) => again(async () => connection.createTenants(collection, tenants)),
    deleteAlias: async (alias) => again(async () => connection.deleteAlias(alias)),
    deleteCollection: async (name) => again(async () => connection.deleteCollection(name)),
    getCollection: async (name) => again(async () => connection.getCollection(name)),
    listAliases: async () => again(async () => connection.listAliases()),
    listCollections: async () => again(async () => connection.listCollections()),
    listTenants: async (collection) => again(async () => connection.listTenants(collection)),
    // Its own signal only: tenants are put back after Ctrl-C too.
    setTenantStatus: async (collection, tenants, signal) =>
      retry(async () => connection.setTenantStatus(collection, tenants, signal), {
        maxRetries: options.maxRetries,
        maxWaitMs: options.retryMaxWaitMs,
        signal,
      }),
    updateAlias: async (alias, collection) => again(async () => connection.updateAlias(alias, collection)),
    updateCollection: async (schema) => again(async () => connection.updateCollection(schema)),
  }
}

function isRetryable(error: unknown): boolean {
  return error instanceof DataOpsError && error.retryable
}
