/** One view of a collection whose replicas are listed through several nodes: what they differ in is read of each, and the newest is taken. */
import type {Connection, ObjectPage, PageRequest, ReplicaSide, ReplyMeter} from './connection.js'
import type {DeleteOutcome} from './delete-outcome.js'
import type {HttpClient} from './rest/http.js'

import {DataOpsError} from '../model/errors.js'
import {type WeaviateObject} from '../model/object.js'
import {planBare} from './collection-plan.js'
import {DisputedObjects} from './disputed.js'
import {Tally} from './replica-tally.js'
import {readableAt, readNodes, versionsAt} from './rest/replicas.js'
import {sleep} from './retry.js'

/** A node may hear a moment later than the others that a tenant is active. */
const ACTIVE_TRIES = 50
const ACTIVE_PAUSE_MS = 200

/**
 * The connection to a server, with what is known of its replicas. Several members: listings, counts and reads by id go through each of
 * them; what is written, and all about schema and tenants, goes through `main`.
 */
export function withReplicas(
  main: Connection,
  members: readonly Connection[],
  http: HttpClient,
  close: () => Promise<void>,
): Connection {
  const tally = new Tally()
  const merged = members.length > 1 ? new MergedObjects(members, http, tally) : undefined
  const addresses = members.map(({describe}) => describe)
  const replicas: ReplicaSide = {
    main,
    members,
    nodes: async (collection, signal) => readNodes(http, collection, signal),
    readable: async (request) => readableAt(http, request),
    versions: async (request) => versionsAt(http, request),
    watch(collection) {
      const {now} = tally
      return () => tally.report(collection, addresses, now)
    },
  }
  return {
    ...main,
    close,
    replicas,
    ...(merged && {
      count: async (collection, tenant, signal) => merged.count(collection, tenant, signal),
      deleteObjects: async (request) => merged.deleteObjects(request),
      getObjects: async (request) => merged.getObjects(request),
      readPage: async (request) => merged.readPage(request),
    }),
  }
}

type ObjectRequest = Parameters<Connection['getObjects']>[0]

class MergedObjects {
  readonly #disputed: DisputedObjects
  readonly #members: readonly Connection[]

  constructor(members: readonly Connection[], http: HttpClient, tally: Tally) {
    this.#members = members
    this.#disputed = new DisputedObjects(members, http, tally)
  }

  /** The least that a node counts: more than that may be what one of them has not deleted. */
  async count(...[collection, tenant, signal]: Parameters<Connection['count']>): Promise<number> {
    const counts = await Promise.all(
      this.#members.map(async (member) => whenActive(async () => member.count(collection, tenant, signal), signal)),
    )
    return Math.min(...counts)
  }

  /** A node finds what is to be deleted in its own replica: what it lacks is left to the next one. */
  async deleteObjects(request: Parameters<Connection['deleteObjects']>[0]): Promise<DeleteOutcome> {
    const sum: DeleteOutcome = {deleted: 0, failed: 0, matched: 0}
    for (const member of this.#members) {
      const {signal} = request
      const {deleted, failed, matched, reason} = await whenActive(async () => member.deleteObjects(request), signal)
      sum.deleted += deleted
      sum.failed += failed
      sum.matched += matched
      if (reason !== undefined) sum.reason ??= reason
      if (failed > 0 || sum.matched >= (request.ids?.length ?? 1)) break
    }

    return sum
  }

  async getObjects(request: ObjectRequest): Promise<WeaviateObject[]> {
    const {collection, ids, meter, signal, tenant} = request
    const bare = {...request, collection: planBare(collection.schema)}
    const found = await Promise.all(
      this.#members.map(async (member, index) =>
        whenActive(async () => member.getObjects(index === 0 ? request : bare), signal),
      ),
    )
    const versions = found.map((objects) => new Map(objects.map((object) => [object.id, object])))
    const agreed = ids.flatMap((id) => agreedOn(id, versions) ?? [])
    const open = ids.filter((id) => isDisputed(id, versions))
    const disputed = {collection, ids: open, include: 'objects', meter, signal, tenant} as const
    return [...agreed, ...(await this.#disputed.resolve(disputed))]
  }

  /** Ascending, up to where every member's page reaches. */
  async readPage(request: PageRequest): Promise<ObjectPage> {
    let bytes = 0
    for (let {after} = request; ;) {
      const pages = await Promise.all(this.#members.map(async (_, index) => this.#pageOf(index, {...request, after})))
      const {ids, versions} = sideBySide(pages, request)
      const listed = pages.reduce((sum, page) => sum + page.bytes, 0)
      const agreed = ids.flatMap((id) => agreedOn(id, versions) ?? [])
      const open = ids.filter((id) => isDisputed(id, versions))
      const {collection, include, maxBytes, signal, tenant} = request
      // What replicas differ in weighs as much as what they agree on, in as many versions.
      const meter: ReplyMeter = {received: listed, ...(maxBytes !== undefined && {most: maxBytes})}
      const settled = await this.#disputed.resolve({collection, ids: open, include, meter, signal, tenant})
      bytes += meter.received
      const byId = new Map([...agreed, ...settled].map((object) => [object.id, object]))
      const objects = ids.flatMap((id) => byId.get(id) ?? [])
      // None that remains is not the end: the next page tells.
      if (objects.length > 0 || ids.length === 0) return {bytes, objects}
      after = ids.at(-1)
    }
  }

  /** Whole objects of the first member; of the others what tells versions apart. */
  async #pageOf(index: number, request: PageRequest): Promise<ObjectPage> {
    const {collection, signal} = request
    const member = this.#members[index]!
    if (index === 0) return whenActive(async () => member.readPage(request), signal)
    return whenActive(
      async () => member.readPage({...request, collection: planBare(collection.schema), include: 'ids'}),
      signal,
    )
  }
}

type Versions = ReadonlyArray<ReadonlyMap<string, WeaviateObject>>

/** The ids up to which every page reaches, no more than asked for, and what each page has of them. */
function sideBySide(pages: readonly ObjectPage[], request: PageRequest): {ids: string[]; versions: Versions} {
  let until: string | undefined
  for (const {objects} of pages) {
    checkAscending(objects, request)
    const last = objects.at(-1)?.id
    if (last !== undefined && (until === undefined || last < until)) until = last
  }

  const ids = new Set<string>()
  const versions = pages.map(({objects}) => {
    const within = objects.filter(({id}) => until !== undefined && id <= until)
    for (const {id} of within) ids.add(id)
    return new Map(within.map((object) => [object.id, object]))
  })
  return {ids: [...ids].sort().slice(0, request.limit), versions}
}

/** The first member's object, where all have it in one version. */
function agreedOn(id: string, versions: Versions): undefined | WeaviateObject {
  return isDisputed(id, versions) ? undefined : versions[0]!.get(id)
}

/** False where no member has it. */
function isDisputed(id: string, versions: Versions): boolean {
  const found = versions.flatMap((version) => version.get(id) ?? [])
  const [first] = found
  if (!first) return false
  return (
    found.length < versions.length ||
    first.lastUpdateTimeUnix === undefined ||
    found.some(({lastUpdateTimeUnix}) => lastUpdateTimeUnix !== first.lastUpdateTimeUnix)
  )
}

/** @throws DataOpsError UNEXPECTED for a listing that goes back: nothing could be compared by it. */
function checkAscending(objects: readonly WeaviateObject[], {after, collection}: PageRequest): void {
  let last = after
  for (const {id} of objects) {
    if (last !== undefined && id <= last) {
      throw new DataOpsError(
        'UNEXPECTED',
        `What the server answered for ${collection.className} cannot be right: the listing goes back: ${id} came after ${last}.`,
        {details: {collection: collection.className, id}},
      )
    }

    last = id
  }
}

async function whenActive<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      const reason = error instanceof DataOpsError ? String(error.details.reason) : ''
      if (attempt >= ACTIVE_TRIES || !/tenant not active/i.test(reason)) throw error
      await sleep(ACTIVE_PAUSE_MS, signal)
    }
  }
}
