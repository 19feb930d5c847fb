/** Nothing in a gRPC reply says which server it is: whether REST and gRPC are one is found out by what both show of a collection. */
import type {Warning} from '../model/progress.js'
import type {CollectionPlan, Connection, KnownObject, RestSide} from './connection.js'

import {chunks} from '../model/chunks.js'
import {DataOpsError, insteadOf} from '../model/errors.js'
import {type WeaviateObject} from '../model/object.js'
import {isMultiTenant, type WeaviateClass} from '../model/schema.js'
import {type WeaviateTenant} from '../model/tenant.js'
import {planBare, planCollection} from './collection-plan.js'
import {replicationFactor} from './replicas.js'
import {retryAloud, sleep} from './retry.js'
import {ofThisServer} from './which-server.js'

/** Objects of each side that are compared, and looked up by id where these samples have none in common. */
const SAMPLE = 10
/** Tenants looked at together. */
const TENANTS_AT_ONCE = 8
/** A node may be a moment behind the other: what differs is looked at so often. */
const TRIES = 3
/** Milliseconds in between. */
const PAUSE_MS = 300

type Verdict = 'not over gRPC' | 'nothing there' | 'one server' | 'two servers'

export interface SameServerOptions {
  maxRetries?: number
  onWarning?: (warning: Warning) => void
  retryMaxWaitMs?: number
  signal?: AbortSignal
}

/** Proves for one collection that REST and gRPC are one server, once: of each node that listings go through, and of where is written. */
export class SameServer {
  readonly #pairs: readonly AddressPair[]

  constructor(connection: Connection, schema: WeaviateClass, options: SameServerOptions = {}) {
    // What several nodes show together proves nothing of one address.
    this.#pairs = [...new Set([pairOf(connection), ...severalOf(connection)])].map(
      (each) => new AddressPair(each, schema, options),
    )
  }

  /** False while one of them has shown no object. */
  get isProven(): boolean {
    return this.#pairs.every(({isProven}) => isProven)
  }

  /** As `AddressPair.prove`, of each. */
  async prove(tenants?: readonly WeaviateTenant[]): Promise<void> {
    for (const pair of this.#pairs) await pair.prove(tenants)
  }

  /** As `AddressPair.proveByWriting`, where is written. */
  async proveByWriting(object: WeaviateObject): Promise<boolean> {
    const [main] = this.#pairs
    return (await main?.proveByWriting(object)) ?? true
  }
}

/** One REST address and one gRPC address. One object known over both ways is enough: replicas may lag. */
class AddressPair {
  /** False while neither side has shown an object. */
  isProven: boolean

  constructor(
    private readonly connection: Connection,
    private readonly schema: WeaviateClass,
    private readonly options: SameServerOptions,
  ) {
    this.isProven = connection.restSide === undefined
  }

  /**
   * Compares what both sides have, of active tenants; changes nothing.
   * @param tenants of a collection with tenants; only those that are active are looked at
   * @throws DataOpsError CANNOT_CONNECT naming both addresses.
   */
  async prove(tenants?: readonly WeaviateTenant[]): Promise<void> {
    const side = this.connection.restSide
    if (this.isProven || !side) return
    const active = (tenants ?? []).flatMap(({name, status}) => (status === 'HOT' ? [name] : []))
    const names = isMultiTenant(this.schema) ? active : [undefined]
    const name = this.schema.class
    const missing = twoServers(this.connection, name, `gRPC knows no collection "${name}"`)
    if (
      names.length === 0 &&
      !(await this.#settled(async () => isKnownOverGrpc(this.connection, name, this.options.signal)))
    )
      throw missing
    for (const group of chunks(names, TENANTS_AT_ONCE)) {
      const verdicts = await Promise.all(group.map(async (tenant) => this.#compare(side, tenant)))
      if (verdicts.includes('one server')) {
        this.isProven = true
        return
      }

      if (verdicts.includes('not over gRPC')) throw missing
      if (verdicts.includes('two servers'))
        throw twoServers(this.connection, name, `no object of "${name}" is known over both`)
    }
  }

  /**
   * Where both sides are empty: writes one object and looks for it over both. It stays, or is taken back where it landed.
   * Its tenant is active. Returns false when the server refused it.
   * @throws DataOpsError CANNOT_CONNECT naming both addresses; SERVER_REFUSED where what is written is not there afterwards, by neither.
   */
  async proveByWriting(object: WeaviateObject): Promise<boolean> {
    const side = this.connection.restSide
    if (this.isProven || !side) return true
    await this.prove(object.tenant === undefined ? [] : [{name: object.tenant, status: 'HOT'}])
    if (this.isProven) return true
    for (let attempt = 1; ; attempt++) {
      const found = await this.#writeAndLook(side, object)
      if (found === 'refused') return false
      if (found === 'both') break
      if (found === 'neither' && attempt === 1) continue
      await this.#takeBack(side, object)
      throw found === 'neither'
        ? this.#isEmptied()
        : twoServers(this.connection, this.schema.class, 'what is written over gRPC is not there over REST')
    }

    this.isProven = true
    return true
  }

  /** Who drops the collection in between, and makes it anew, does not make two servers of one: there it is by neither. */
  async #writeAndLook(side: RestSide, object: WeaviateObject): Promise<'both' | 'neither' | 'one' | 'refused'> {
    const collection = planCollection(this.schema)
    const refused = await this.#again(async () => this.connection.writeObjects({collection, objects: [object]}))
    if (refused.length > 0) return 'refused'
    const {id, tenant} = object
    // What has expired is hidden over gRPC.
    let isAnywhere = collection.hidesExpired
    const place = {className: this.schema.class, id, ...(tenant !== undefined && {tenant})}
    const seen = await this.#settled(async () => {
      const [overRest, [overGrpc]] = await Promise.all([
        side.findObject(place),
        this.connection.getObjects({collection: this.#overGrpc, ids: [id], tenant}),
      ])
      // By the last look: each is of a moment.
      isAnywhere = collection.hidesExpired || overRest !== undefined || overGrpc !== undefined
      return overRest && (collection.hidesExpired || isSame(overRest, overGrpc))
    })
    return seen ? 'both' : isAnywhere ? 'one' : 'neither'
  }

  #isEmptied(): DataOpsError {
    const {class: name} = this.schema
    return new DataOpsError('SERVER_REFUSED', `What is written to "${name}" is not there afterwards.`, {
      details: {collection: name},
      hint: 'See whether another program empties the collection, or drops it, and run it again.',
    })
  }

  /** Ids and times, over gRPC whatever is hidden there: what would be read over REST proves nothing. */
  get #overGrpc(): CollectionPlan {
    return planBare({...this.schema, objectTtlConfig: undefined})
  }

  /** Both were empty: whatever is under this id came from here. */
  async #takeBack(side: RestSide, {id, tenant}: WeaviateObject): Promise<void> {
    const className = this.schema.class
    await this.#again(async () => this.connection.deleteObjects({collection: className, ids: [id], tenant}))
    const there = await this.#again(async () => side.findObject({className, id, tenant}))
    if (there) await this.#again(async () => side.deleteObject({className, id, tenant}))
  }

  /** Looks again where the answer is no: another node may know it a moment later. */
  async #settled(look: () => Promise<boolean | undefined>): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      if (await this.#again(look)) return true
      if (attempt >= TRIES) return false
      await sleep(PAUSE_MS, this.options.signal)
    }
  }

  async #again<T>(call: () => Promise<T>): Promise<T> {
    return retryAloud(call, this.options)
  }

  async #compare(side: RestSide, tenant: string | undefined): Promise<Verdict> {
    let verdict: Verdict = 'nothing there'
    await this.#settled(async () => {
      verdict = await this.#look(side, tenant)
      return verdict !== 'two servers' && verdict !== 'not over gRPC'
    })
    return verdict
  }

  async #look(side: RestSide, tenant: string | undefined): Promise<Verdict> {
    const {signal} = this.options
    const className = this.schema.class
    const collection = this.#overGrpc
    const [page, listed] = await Promise.all([
      this.connection
        .readPage({collection, include: 'ids', limit: SAMPLE, signal, tenant})
        .then((page) => listedIn(page, className))
        .catch((error: unknown) => unknown(error, tenant)),
      side.listObjects({className, limit: SAMPLE, signal, tenant}),
    ])
    if (page === 'collection') return 'not over gRPC'
    if (page === 'tenant') return 'two servers'
    if (page.length === 0 && listed.length === 0) return 'nothing there'
    const byId = new Map(listed.map((object) => [object.id, object]))
    if (page.some((object) => isSame(object, byId.get(object.id)))) return 'one server'
    for (const object of page) {
      if (isSame(object, await side.findObject({className, id: object.id, signal, tenant}))) return 'one server'
    }

    const ids = listed.map(({id}) => id)
    const fetched = ids.length > 0 ? await this.connection.getObjects({collection, ids, signal, tenant}) : []
    if (fetched.some((object) => isSame(object, byId.get(object.id)))) return 'one server'
    return (await this.#countsMore(page, tenant)) ? 'nothing there' : 'two servers'
  }

  /** gRPC lists no expired objects where the collection says so, and a node lists nothing that was written while it was away; both are counted. */
  async #countsMore(page: readonly KnownObject[], tenant: string | undefined): Promise<boolean> {
    const {hidesExpired} = planCollection(this.schema)
    if (page.length > 0 || !(hidesExpired || replicationFactor(this.schema) > 1)) return false
    return (await this.connection.count(this.schema.class, tenant, this.options.signal)) > 0
  }
}

/** Those that listings go through, where they are several. */
function severalOf({replicas}: Connection): readonly Connection[] {
  return replicas && replicas.members.length > 1 ? replicas.members : []
}

/** Where is written: not what several nodes show together. */
function pairOf(connection: Connection): Connection {
  return severalOf(connection).length > 0 ? (connection.replicas?.main ?? connection) : connection
}

/** For a name that REST does not know. @throws DataOpsError CANNOT_CONNECT when gRPC does. */
export async function assertUnknownOverGrpc(
  connection: Connection,
  name: string,
  options: SameServerOptions = {},
): Promise<void> {
  const side = connection.restSide
  if (!side) return
  // Credentials that may not read it say nothing about which server it is.
  const isKnown = async (): Promise<boolean> =>
    isKnownOverGrpc(pairOf(connection), name, options.signal).catch(insteadOf(false, 'NOT_ALLOWED'))
  for (let attempt = 1; await retryAloud(isKnown, options); attempt++) {
    // Weaviate takes `article` for Article: then both ways know the same collection, by another name than the one that was typed.
    const taken = name.charAt(0).toUpperCase() + name.slice(1)
    if ((await connection.getCollection(name)) ?? (await connection.getCollection(taken))) return
    if (attempt >= TRIES) throw twoServers(connection, name, `only gRPC knows a collection "${name}"`)
    await sleep(PAUSE_MS, options.signal)
  }
}

/** @throws DataOpsError NOT_ALLOWED when the credentials may not read it: that is no answer. */
async function isKnownOverGrpc(connection: Connection, name: string, signal?: AbortSignal): Promise<boolean> {
  try {
    await connection.readPage({collection: planCollection({class: name}), include: 'ids', limit: 1, signal})
    return true
  } catch (error) {
    if (!(error instanceof DataOpsError)) throw error
    if (error.code === 'COLLECTION_MISSING') return false
    // It has tenants, and none was named.
    if (/multi-?tenan/i.test(String(error.details.reason))) return true
    throw error
  }
}

/** What REST knows and gRPC does not. */
function unknown(error: unknown, tenant: string | undefined): 'collection' | 'tenant' {
  if (!(error instanceof DataOpsError)) throw error
  if (error.code === 'COLLECTION_MISSING') return 'collection'
  const isTenant = tenant !== undefined && error.code === 'SERVER_REFUSED'
  if (isTenant && /not found|multi-tenancy/i.test(String(error.details.reason))) return 'tenant'
  throw error
}

function isSame(one: KnownObject, other: KnownObject | undefined): boolean {
  return one.id === other?.id && one.creationTimeUnix === other.creationTimeUnix
}

function twoServers(connection: Connection, collection: string, reason: string): unknown {
  const addresses = connection.restSide?.addresses
  const error = new DataOpsError(
    'CANNOT_CONNECT',
    `REST at ${addresses?.rest} and gRPC at ${addresses?.grpc} are two servers: ${reason}.`,
    {
      details: {addresses, collection},
      hint: 'Give the addresses of one server, with `url` and `grpcUrl`.',
    },
  )
  return ofThisServer(error, connection)
}

/** @throws DataOpsError UNEXPECTED for what is no page of objects. */
function listedIn(page: undefined | {objects?: unknown}, className: string): WeaviateObject[] {
  const objects: unknown = page?.objects
  const isPage =
    Array.isArray(objects) && objects.every((object) => typeof (object as undefined | WeaviateObject)?.id === 'string')
  if (isPage) return objects as WeaviateObject[]
  throw new DataOpsError(
    'UNEXPECTED',
    `Cannot read objects of ${className}: what the server answered is no page of objects.`,
  )
}
