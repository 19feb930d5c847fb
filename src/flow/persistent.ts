import type {Warning} from '../model/progress.js'
import type {WeaviateClass} from '../model/schema.js'
import type {Connection, ConsistencyLevel} from '../weaviate/connection.js'
import type {RetryOptions} from './options.js'

import {DataOpsError} from '../model/errors.js'
import {belowOf, overlay} from '../model/overlay.js'
import {replicationFactor} from '../weaviate/replicas.js'
import {retry, retryAloud} from '../weaviate/retry.js'
import {onKnownCollection} from './known-collection.js'

export interface PersistenceOptions extends RetryOptions {
  /** Of all that is written; default: as each call says. */
  consistency?: ConsistencyLevel
  /** Asked before each call that changes something, also before it is tried again. @throws when it must not be made. */
  guard?: () => Promise<void>
  /** What writes in place of the connection now, if anything does. */
  writes?: () => Pick<Connection, 'writeObjects' | 'writeReferences'> | undefined
  onWarning?: (warning: Warning) => void
  signal?: AbortSignal
}

/**
 * The same connection, whose calls about schema, aliases, tenants and counts are tried again while the server cannot answer, also after a
 * request whose answer was lost. Calls that carry objects are passed on as they are: they go through a `Throttle`.
 */
export function persistent(connection: Connection, options: PersistenceOptions = {}): Connection {
  const calls = new PersistentCalls(options)
  return overlay(connection, {...schemaCalls(connection, calls), ...writingCalls(connection, calls)})
}

/** The connection below, where there is one. */
export function directOf(connection: Connection): Connection {
  return belowOf(connection) ?? connection
}

class PersistentCalls {
  /** Collections of which there is one copy: a level says nothing there, and some servers cannot carry it out (1.30 and older ask themselves over the network). */
  readonly #single = new Map<string, boolean>()

  constructor(readonly options: PersistenceOptions) {}

  atLevel<T extends {consistency?: ConsistencyLevel}>(request: T, className: string): T {
    const {consistency = this.options.consistency} = request
    return consistency === undefined || this.#single.get(className) ? request : {...request, consistency}
  }

  learn(schema: WeaviateClass): void {
    this.#single.set(schema.class, replicationFactor(schema) <= 1)
  }

  async change(call: (isRepeated: boolean) => Promise<void>): Promise<void> {
    await this.again(async (isRepeated) => {
      await this.options.guard?.()
      await call(isRepeated)
    })
  }

  /** Also after Ctrl-C. `signal`: the call's own. */
  async patiently<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const {maxRetries, retryMaxWaitMs: maxWaitMs} = this.options
    return retry(call, {maxRetries, maxWaitMs, signal})
  }

  async again<T>(call: (isRepeated: boolean) => Promise<T>, signal = this.options.signal): Promise<T> {
    return retryAloud(async (attempt) => call(attempt > 0), {...this.options, signal})
  }
}

function schemaCalls(inner: Connection, calls: PersistentCalls): Partial<Connection> {
  return {
    count: async (collection, tenant, signal) =>
      calls.again(async () => onKnownCollection(async () => inner.count(collection, tenant, signal)), signal),
    createAlias: async (alias, collection) =>
      calls.change(async (isRepeated) => {
        try {
          await inner.createAlias(alias, collection)
        } catch (error) {
          // Perhaps the first request was heard, and only its answer was lost.
          if (!isRepeated || (error instanceof DataOpsError && error.retryable)) throw error
          const there = await inner.listAliases()
          const isDone = there.some((each) => each.alias === alias && each.collection === collection)
          if (!isDone) throw error
        }
      }),
    createCollection: async (schema) =>
      calls.change(async (isRepeated) => {
        try {
          await inner.createCollection(schema)
        } catch (error) {
          if (isRepeated && error instanceof DataOpsError && error.code === 'COLLECTION_EXISTS') return
          throw error
        }
      }),
    createTenants: async (collection, tenants) => calls.change(async () => inner.createTenants(collection, tenants)),
    deleteAlias: async (alias) => calls.change(async () => inner.deleteAlias(alias)),
    deleteCollection: async (name) => calls.change(async () => inner.deleteCollection(name)),
    async getCollection(name) {
      const schema = await calls.again(async () => inner.getCollection(name))
      if (schema) calls.learn(schema)
      return schema
    },
    identify: async (schema) => calls.again(async () => inner.identify(schema)),
    listAliases: async () => calls.again(async () => inner.listAliases()),
    async listCollections() {
      const schemas = await calls.again(async () => inner.listCollections())
      for (const schema of schemas) calls.learn(schema)
      return schemas
    },
    /** Some are asked for before they are put back, which heeds no signal. */
    listTenants: async (collection, names) =>
      names
        ? calls.patiently(async () => inner.listTenants(collection, names))
        : calls.again(async () => inner.listTenants(collection)),
    updateAlias: async (alias, collection) => calls.change(async () => inner.updateAlias(alias, collection)),
    updateCollection: async (schema) => calls.change(async () => inner.updateCollection(schema)),
  }
}

function writingCalls(inner: Connection, calls: PersistentCalls): Partial<Connection> {
  const {guard, writes} = calls.options
  return {
    async deleteObjects(request) {
      await guard?.()
      return inner.deleteObjects(calls.atLevel(request, request.collection))
    },
    /** Its own signal only: tenants are put back after Ctrl-C too. */
    async setTenantStatus(collection, tenants, signal) {
      await calls.patiently(async () => {
        await guard?.()
        await inner.setTenantStatus(collection, tenants, signal)
      }, signal)
    },
    async writeObjects(request) {
      await guard?.()
      calls.learn(request.collection.schema)
      return (writes?.() ?? inner).writeObjects(calls.atLevel(request, request.collection.className))
    },
    async writeReferences(request) {
      await guard?.()
      calls.learn(request.collection.schema)
      return (writes?.() ?? inner).writeReferences(calls.atLevel(request, request.collection.className))
    },
  }
}
