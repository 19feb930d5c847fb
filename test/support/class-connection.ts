import type {Connection} from '../../src/weaviate/connection.js'

/** A connection as somebody else may write one: a class whose methods and getters are its prototype's, nothing its own. Counts its calls. */
export class ClassConnection implements Connection {
  readonly #calls = new Map<string, number>()
  readonly #inner: Connection

  constructor(inner: Connection) {
    this.#inner = inner
  }

  get calls(): ReadonlyMap<string, number> {
    return this.#calls
  }

  get capabilities(): Connection['capabilities'] {
    return this.#inner.capabilities
  }

  get describe(): string {
    return this.#inner.describe
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

  async count(...request: Parameters<Connection['count']>): ReturnType<Connection['count']> {
    this.#called('count')
    return this.#inner.count(...request)
  }

  async createAlias(...request: Parameters<Connection['createAlias']>): Promise<void> {
    await this.#inner.createAlias(...request)
  }

  async createCollection(...request: Parameters<Connection['createCollection']>): Promise<void> {
    this.#called('createCollection')
    await this.#inner.createCollection(...request)
  }

  async createTenants(...request: Parameters<Connection['createTenants']>): Promise<void> {
    await this.#inner.createTenants(...request)
  }

  async deleteAlias(...request: Parameters<Connection['deleteAlias']>): Promise<void> {
    await this.#inner.deleteAlias(...request)
  }

  async deleteCollection(...request: Parameters<Connection['deleteCollection']>): Promise<void> {
    await this.#inner.deleteCollection(...request)
  }

  async deleteObjects(...request: Parameters<Connection['deleteObjects']>): ReturnType<Connection['deleteObjects']> {
    this.#called('deleteObjects')
    return this.#inner.deleteObjects(...request)
  }

  async getCollection(...request: Parameters<Connection['getCollection']>): ReturnType<Connection['getCollection']> {
    return this.#inner.getCollection(...request)
  }

  async getObjects(...request: Parameters<Connection['getObjects']>): ReturnType<Connection['getObjects']> {
    return this.#inner.getObjects(...request)
  }

  async identify(...request: Parameters<Connection['identify']>): ReturnType<Connection['identify']> {
    this.#called('identify')
    return this.#inner.identify(...request)
  }

  async listAliases(): ReturnType<Connection['listAliases']> {
    return this.#inner.listAliases()
  }

  async listCollections(): ReturnType<Connection['listCollections']> {
    return this.#inner.listCollections()
  }

  async listTenants(...request: Parameters<Connection['listTenants']>): ReturnType<Connection['listTenants']> {
    return this.#inner.listTenants(...request)
  }

  async readPage(...request: Parameters<Connection['readPage']>): ReturnType<Connection['readPage']> {
    this.#called('readPage')
    return this.#inner.readPage(...request)
  }

  async setTenantStatus(...request: Parameters<Connection['setTenantStatus']>): Promise<void> {
    await this.#inner.setTenantStatus(...request)
  }

  async updateAlias(...request: Parameters<Connection['updateAlias']>): Promise<void> {
    await this.#inner.updateAlias(...request)
  }

  async updateCollection(...request: Parameters<Connection['updateCollection']>): Promise<void> {
    await this.#inner.updateCollection(...request)
  }

  async writeObjects(...request: Parameters<Connection['writeObjects']>): ReturnType<Connection['writeObjects']> {
    this.#called('writeObjects')
    return this.#inner.writeObjects(...request)
  }

  async writeReferences(
    ...request: Parameters<Connection['writeReferences']>
  ): ReturnType<Connection['writeReferences']> {
    return this.#inner.writeReferences(...request)
  }

  #called(name: string): void {
    this.#calls.set(name, (this.#calls.get(name) ?? 0) + 1)
  }
}
