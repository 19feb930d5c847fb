/** Pages of objects over gRPC, completed over REST where gRPC would lose something. */
import type {Connection, ObjectPage, PageRequest, ReplyMeter} from '../connection.js'
import type {ReferencesPage} from '../rest/reading.js'
import type {GrpcMethod} from './channel.js'

import {chunks} from '../../model/chunks.js'
import {DataOpsError} from '../../model/errors.js'
import {inParallel} from '../../model/in-parallel.js'
import {approximateBytes, type JsonObject, type JsonValue, setOwn, type WeaviateObject} from '../../model/object.js'
import {type GrpcCollectionPlan, grpcPlan} from '../collection-plan.js'
import {isTooLarge} from '../errors.js'
import {plannedProperties} from '../planned.js'
import {type SearchRequest, WeaviateService} from '../proto/generated/weaviate.js'
import {type GrpcContext, reasonOf} from './context.js'
import {type DecodedPage, decodeSearchReply} from './decode.js'
import {UnknownKindError} from './page-reader.js'
import {filterByIds, type PageQuery, searchRequest} from './requests.js'

// Bytes out: they are decoded here instead of by the generated code.
const SEARCH: GrpcMethod<SearchRequest, Uint8Array> = {
  ...WeaviateService.search,
  responseDeserialize: (bytes) => bytes,
}

// Objects fetched singly at a time.
const SINGLE_FETCHES = 8

// Ids in one filter; each is looked up by itself in the server.
const IDS_PER_SEARCH = 500

// The server cannot put these into a gRPC reply, and fails the whole page: an `object` that looks like geo coordinates
// (`{latitude, longitude}`) or an `object[]` that looks like references (`beacon`), a phone number whose national part is 0.
// 1.25 also lists of objects within objects; the words vary.
const NOT_FOR_GRPC = 'invalid type:'

interface SearchPage extends DecodedPage {
  /** The reply, which vectors are views of. */
  message: Uint8Array
}

interface Reading {
  /** Counts what comes over REST. */
  meter?: ReplyMeter
  signal?: AbortSignal
}

export class GrpcReader {
  // Collections whose properties gRPC cannot carry, or not in a way that is known here, as found out.
  readonly #badlyCarried = new WeakSet<GrpcCollectionPlan>()

  constructor(private readonly context: GrpcContext) {}

  // Adds to a page what comes over REST: from the same page there, and what that lacks one by one. What was deleted since is taken out:
  // it would be there without its references, or without any property, as it never was.
  async #complete(
    plan: GrpcCollectionPlan,
    page: DecodedPage,
    restPage: ReferencesPage,
    {meter, signal}: Reading,
  ): Promise<void> {
    const byId = new Map(restPage.map((beside) => [beside.id, beside]))
    const uncertain = new Set(page.uncertain)
    const singly: WeaviateObject[] = []
    for (const object of page.objects) {
      const beside = byId.get(object.id)
      const isTold = beside !== undefined && !isOtherVersion(beside, object)
      if (uncertain.has(object) || (this.#readsRest(plan) && !isTold)) singly.push(object)
      else if (isTold) this.#merge(plan, object, beside.properties)
    }

    const gone = new Set<WeaviateObject>()
    await inParallel(singly, {atOnce: SINGLE_FETCHES, signal}, async (object) => {
      const {id, tenant} = object
      const found = await this.context.rest.getObject({className: plan.className, id, meter, signal, tenant})
      if (!found) gone.add(object)
      else if (!isOtherVersion(found, object)) object.properties = allProperties(plan, found.properties)
      else if (!(await this.#readWhole(plan, object, {meter, signal}))) gone.add(object)
    })
    if (gone.size > 0) page.objects = page.objects.filter((object) => !gone.has(object))
  }

  // It was written between the two answers: all of it comes over REST, of one version. Returns whether it is still there.
  async #readWhole(plan: GrpcCollectionPlan, object: WeaviateObject, reading: Reading): Promise<boolean> {
    const {id, tenant} = object
    const [whole] = await this.context.rest.getObjects({collection: plan, ids: [id], ...reading, tenant})
    if (!whole) return false
    delete object.vector
    delete object.vectors
    Object.assign(object, whole)
    return true
  }

  #merge(plan: GrpcCollectionPlan, object: WeaviateObject, properties: JsonObject): void {
    if (this.#isBadlyCarried(plan)) object.properties = allProperties(plan, properties)
    else
      for (const [name, value] of Object.entries(references(plan, properties))) setOwn(object.properties, name, value)
  }

  #isBadlyCarried(plan: GrpcCollectionPlan): boolean {
    return plan.losesNestedNames || this.#badlyCarried.has(plan)
  }

  #readsRest(plan: GrpcCollectionPlan): boolean {
    return plan.hasReferences || this.#isBadlyCarried(plan)
  }

  async #search(
    plan: GrpcCollectionPlan,
    query: PageQuery,
    {maxBytes, signal}: Pick<PageRequest, 'maxBytes' | 'signal'>,
  ): Promise<SearchPage> {
    const action = `read objects of ${plan.className}`
    const isBare = query.include === 'ids' || this.#isBadlyCarried(plan)
    let bytes: Uint8Array
    try {
      bytes = await this.context.call(SEARCH, searchRequest(plan, query, isBare), {
        action,
        collection: plan.className,
        maxReplyBytes: maxBytes,
        signal,
      })
    } catch (error) {
      if (isBare || !reasonOf(error).includes(NOT_FOR_GRPC)) throw error
      this.#badlyCarried.add(plan)
      return this.#search(plan, query, {maxBytes, signal})
    }

    try {
      return {...decodeSearchReply(bytes, query.tenant), message: bytes}
    } catch (error) {
      const isUnknownKind = error instanceof UnknownKindError
      if (isUnknownKind && !isBare) {
        this.#badlyCarried.add(plan)
        return this.#search(plan, query, {maxBytes, signal})
      }

      throw new DataOpsError('UNEXPECTED', `Cannot ${action}: the reply cannot be decoded.`, {
        cause: error,
        ...(isUnknownKind && {
          details: {reason: error.message},
          hint: 'The server is newer than this version knows: use REST, which carries everything as text.',
        }),
      })
    }
  }

  async getObjects({
    collection,
    ids,
    meter,
    signal,
    tenant,
    viaRest,
  }: Parameters<Connection['getObjects']>[0]): Promise<WeaviateObject[]> {
    const plan = grpcPlan(collection)
    if (viaRest || plan.hidesExpired) return this.context.rest.getObjects({collection, ids, meter, signal, tenant})
    const objects: WeaviateObject[] = []
    const read = async (values: readonly string[]): Promise<void> => {
      try {
        const query: PageQuery = {filters: filterByIds([...values]), include: 'objects', limit: values.length, tenant}
        const page = await this.#search(plan, query, {maxBytes: leftOf(meter), signal})
        if (meter) meter.received += page.message.byteLength
        await this.#complete(plan, page, [], {meter, signal})
        objects.push(...page.objects)
      } catch (error) {
        if (!isTooLarge(error)) throw error
        if (meter?.most !== undefined) {
          const {bytes} = error.details
          if (typeof bytes === 'number') meter.received += bytes
          throw error
        }

        const half = Math.floor(values.length / 2)
        if (half === 0) {
          // Larger than any message: it can still come over REST.
          objects.push(...(await this.context.rest.getObjects({collection, ids: values, meter, signal, tenant})))
          return
        }

        await read(values.slice(0, half))
        await read(values.slice(half))
      }
    }

    for (const some of chunks(ids, IDS_PER_SEARCH)) await read(some)
    return objects
  }

  async readPage(request: PageRequest): Promise<ObjectPage> {
    const plan = grpcPlan(request.collection)
    const {after, include, limit, maxBytes, signal, tenant} = request
    if (include !== 'references' && (request.viaRest || plan.hidesExpired)) return this.context.rest.readPage(request)
    const meter: ReplyMeter = {received: 0, ...(maxBytes !== undefined && {most: maxBytes})}
    const readRest = async () =>
      this.context.rest.readReferencesPage({after, className: plan.className, limit, meter, signal, tenant})

    if (include === 'references') return referencesPage(plan, await readRest(), tenant)
    const query: PageQuery = {after, include, limit, tenant}
    if (include === 'ids') {
      const {message, objects} = await this.#search(plan, query, {maxBytes, signal})
      return {bytes: message.byteLength, objects}
    }

    let page: SearchPage
    let beside: ReferencesPage | undefined
    try {
      ;[page, beside] = await Promise.all([
        this.#search(plan, query, {maxBytes, signal}),
        this.#readsRest(plan) ? readRest() : undefined,
      ])
    } catch (error) {
      // One object larger than any message: no smaller page helps, and REST knows no such limit.
      if (limit === 1 && isTooLarge(error)) return this.context.rest.readPage(request)
      throw error
    }

    // Later than the gRPC page only where that has just shown that REST is needed.
    const restPage = beside ?? (this.#readsRest(plan) ? await readRest() : [])
    const last = page.objects.at(-1)
    await this.#complete(plan, page, restPage, {meter, signal})
    // An empty page would be taken for the end.
    if (last && page.objects.length === 0) {
      this.context.release(page.message)
      return this.readPage({...request, after: last.id})
    }

    let {message}: {message?: Uint8Array} = page
    return {
      // Where gRPC carries vectors alone, what objects weigh came over REST.
      bytes: message.byteLength + (this.#isBadlyCarried(plan) ? meter.received : 0),
      objects: page.objects,
      // Once: given back twice, two pages would be read into the same memory.
      release: () => {
        if (message) this.context.release(message)
        message = undefined
      },
    }
  }
}

/** Bytes that may still come. */
function leftOf(meter: ReplyMeter | undefined): number | undefined {
  return meter?.most === undefined ? undefined : Math.max(0, meter.most - meter.received)
}

function isOtherVersion(rest: {lastUpdateTimeUnix?: number}, object: WeaviateObject): boolean {
  const [a, b] = [rest.lastUpdateTimeUnix, object.lastUpdateTimeUnix]
  return a !== undefined && b !== undefined && a !== b
}

function referencesPage(plan: GrpcCollectionPlan, page: ReferencesPage, tenant?: string): ObjectPage {
  const objects = page.map(({id, properties}) => ({
    id,
    properties: references(plan, properties),
    ...(tenant !== undefined && {tenant}),
  }))
  return {bytes: objects.reduce((sum, object) => sum + approximateBytes(object), 0), objects}
}

function references(plan: GrpcCollectionPlan, properties: JsonObject): JsonObject {
  return fromRest(plan, properties, (name) => plan.referenceNames.has(name))
}

function allProperties(plan: GrpcCollectionPlan, properties: JsonObject): JsonObject {
  return fromRest(plan, plannedProperties(properties, plan), () => true)
}

// Without nulls, and without what REST shows beside a beacon (href).
function fromRest(plan: GrpcCollectionPlan, properties: JsonObject, isKept: (name: string) => boolean): JsonObject {
  const kept: JsonObject = {}
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || !isKept(name)) continue
    setOwn(
      kept,
      name,
      plan.referenceNames.has(name) && Array.isArray(value) ? value.map((item) => bareReference(item)) : value,
    )
  }

  return kept
}

function bareReference(reference: JsonValue): JsonObject {
  return {beacon: (reference as {beacon: string}).beacon}
}
