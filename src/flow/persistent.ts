import type {Warning} from '../model/progress.js'
import type {WeaviateClass} from '../model/schema.js'
import type {Connection, ConsistencyLevel} from '../weaviate/connection.js'
import type {RetryOptions} from './options.js'

import {DataOpsError} from '../model/errors.js'
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
  return new PersistentConnection(connection, options)
}

/** The connection below, where there is one. */
export function directOf(connection: Connection): Connection {
  return connection instanceof PersistentConnection ? connection.direct : connection
}

/** Passes on what it is not about: whatever implements `Connection`, a class too, stays itself. */
class PersistentConnection implements Connection {
  readonly #inner: Connection
  readonly #options: PersistenceOptions
  /** Collections of which there is one copy: a level says nothing there, and some servers cannot carry it out (1.30 and older ask themselves over the network). */
  readonly #single = new Map<string, boolean>()

  constructor(inner: Connection, options: PersistenceOptions) {
    this.#inner = inner
    this.#options = options
  }

  get capabilities(): Connection['capabilities'] {
    return this.#inner.capabilities
  }

  get direct(): Connection {
    return this.#inner
  }

  get describe(): string {
    return this.#inner.describe
  }

  get replicas(): Connection['replicas'] {
    return this.#inner.replicas
  }

  get restSide(): Connection['restSide'] {
    return this.#inner.restSide
  }

  get transport(): Connection['transport'] {
    return this.#inner.transport
  }

  get version(): string {
    return this.#inner.version
  }

  async close(): Promise<void> {
    await this.#inner.close()
  }

  async count(...[collection, tenant, signal]: Parameters<Connection['count']>): Promise<number> {
    const call = async (): Promise<number> => this.#inner.count(collection, tenant, signal)
    return this.#again(async () => onKnownCollection(call), signal)
  }

  async createAlias(...[alias, collection]: Parameters<Connection['createAlias']>): Promise<void> {
    await this.#change(async (isRepeated) => {
      try {
        await this.#inner.createAlias(alias, collection)
      } catch (error) {
        // Perhaps the first request was heard, and only its answer was lost.
        if (!isRepeated || isRetryable(error)) throw error
        const there = await this.#inner.listAliases()
        const isDone = there.some((each) => each.alias === alias && each.collection === collection)
        if (!isDone) throw error
      }
    })
  }

  async createCollection(...[schema]: Parameters<Connection['createCollection']>): Promise<void> {
    await this.#change(async (isRepeated) => {
      try {
        await this.#inner.createCollection(schema)
      } catch (error) {
        if (isRepeated && error instanceof DataOpsError && error.code === 'COLLECTION_EXISTS') return
        throw error
      }
    })
  }

  async createTenants(...[collection, tenants]: Parameters<Connection['createTenants']>): Promise<void> {
    await this.#change(async () => this.#inner.createTenants(collection, tenants))
  }

  async deleteAlias(...[alias]: Parameters<Connection['deleteAlias']>): Promise<void> {
    await this.#change(async () => this.#inner.deleteAlias(alias))
  }

  async deleteCollection(...[name]: Parameters<Connection['deleteCollection']>): Promise<void> {
    await this.#change(async () => this.#inner.deleteCollection(name))
  }

  async deleteObjects(...[request]: Parameters<Connection['deleteObjects']>): ReturnType<Connection['deleteObjects']> {
    await this.#options.guard?.()
    return this.#inner.deleteObjects(this.#atLevel(request, request.collection))
  }

  async getCollection(...[name]: Parameters<Connection['getCollection']>): ReturnType<Connection['getCollection']> {
    const schema = await this.#again(async () => this.#inner.getCollection(name))
    if (schema) this.#learn(schema)
    return schema
  }

  async getObjects(...[request]: Parameters<Connection['getObjects']>): ReturnType<Connection['getObjects']> {
    return this.#inner.getObjects(request)
  }

  async identify(...[schema]: Parameters<Connection['identify']>): ReturnType<Connection['identify']> {
    return this.#again(async () => this.#inner.identify(schema))
  }

  async listAliases(): ReturnType<Connection['listAliases']> {
    return this.#again(async () => this.#inner.listAliases())
  }

  async listCollections(): ReturnType<Connection['listCollections']> {
    const schemas = await this.#again(async () => this.#inner.listCollections())
    for (const schema of schemas) this.#learn(schema)
    return schemas
  }

  async listTenants(...[collection]: Parameters<Connection['listTenants']>): ReturnType<Connection['listTenants']> {
    return this.#again(async () => this.#inner.listTenants(collection))
  }

  async readPage(...[request]: Parameters<Connection['readPage']>): ReturnType<Connection['readPage']> {
    return this.#inner.readPage(request)
  }

  /** Its own signal only: tenants are put back after Ctrl-C too. */
  async setTenantStatus(...[collection, tenants, signal]: Parameters<Connection['setTenantStatus']>): Promise<void> {
    const change = async (): Promise<void> => {
      await this.#options.guard?.()
      await this.#inner.setTenantStatus(collection, tenants, signal)
    }

    await retry(change, {
      maxRetries: this.#options.maxRetries,
      maxWaitMs: this.#options.retryMaxWaitMs,
      signal,
    })
  }

  async updateAlias(...[alias, collection]: Parameters<Connection['updateAlias']>): Promise<void> {
    await this.#change(async () => this.#inner.updateAlias(alias, collection))
  }

  async updateCollection(...[schema]: Parameters<Connection['updateCollection']>): Promise<void> {
    await this.#change(async () => this.#inner.updateCollection(schema))
  }

  async writeObjects(...[request]: Parameters<Connection['writeObjects']>): ReturnType<Connection['writeObjects']> {
    await this.#options.guard?.()
    this.#learn(request.collection.schema)
    return (this.#options.writes?.() ?? this.#inner).writeObjects(this.#atLevel(request, request.collection.className))
  }

  async writeReferences(
    ...[request]: Parameters<Connection['writeReferences']>
  ): ReturnType<Connection['writeReferences']> {
    await this.#options.guard?.()
    this.#learn(request.collection.schema)
    return (this.#options.writes?.() ?? this.#inner).writeReferences(
      this.#atLevel(request, request.collection.className),
    )
  }

  #atLevel<T extends {consistency?: ConsistencyLevel}>(request: T, className: string): T {
    const {consistency = this.#options.consistency} = request
    return consistency === undefined || this.#single.get(className) ? request : {...request, consistency}
  }

  #learn(schema: WeaviateClass): void {
    this.#single.set(schema.class, replicationFactor(schema) <= 1)
  }

  async #change(call: (isRepeated: boolean) => Promise<void>): Promise<void> {
    await this.#again(async (isRepeated) => {
      await this.#options.guard?.()
      await call(isRepeated)
    })
  }

  async #again<T>(call: (isRepeated: boolean) => Promise<T>, signal = this.#options.signal): Promise<T> {
    return retryAloud(async (attempt) => call(attempt > 0), {...this.#options, signal})
  }
}

function isRetryable(error: unknown): boolean {
  return error instanceof DataOpsError && error.retryable
}
