/** Objects that replicas have in several versions, or not all have: read of each replica, without repairing any. */
import type {CollectionPlan, Connection, PageRequest, ReplyMeter} from './connection.js'
import type {Tally} from './replica-tally.js'
import type {HttpClient} from './rest/http.js'

import {DataOpsError} from '../model/errors.js'
import {inParallel} from '../model/in-parallel.js'
import {type WeaviateObject} from '../model/object.js'
import {serverTime} from './rest/about.js'
import {readNodes, readReplica} from './rest/replicas.js'
import {sleep} from './retry.js'

/** Objects asked for at a time, each of every node. */
const AT_ONCE = 8
/** Milliseconds after which what a minority has is looked at again: it may just be on its way to the others. */
const PAUSE_MS = 1000
/** Milliseconds in which an object counts as just written. */
const YOUNG_MS = 60_000
/** Milliseconds that the list of nodes is believed. */
const NODES_MS = 5000

interface ResolveRequest extends Pick<PageRequest, 'collection' | 'include' | 'signal' | 'tenant'> {
  ids: readonly string[]
  /** Counts what every replica answers: all of it is held at once. */
  meter?: ReplyMeter
}

/** One object as all replicas have it. */
interface Versions {
  /** Nodes whose replica lacks it. */
  absent: number
  id: string
  /** By node, without vectors. */
  there: Array<{node: string; object: WeaviateObject}>
  /** Nodes that did not answer, and may have a replica. */
  unasked: string[]
}

interface Nodes {
  at: number
  healthy: string[]
  unwell: string[]
}

export class DisputedObjects {
  #nodes?: Nodes

  constructor(
    private readonly members: readonly Connection[],
    private readonly http: HttpClient,
    private readonly tally: Tally,
  ) {}

  /** As they are to be taken, in any order; those left out, and those that no replica has any more, are missing. */
  async resolve(request: ResolveRequest): Promise<WeaviateObject[]> {
    const {collection, ids, signal} = request
    if (ids.length === 0) return []
    const lettingDeletionsWin = doDeletionsWin(collection)
    const versions = await this.#readAll(request, ids)
    const isDoubtful = (each: Versions): boolean => lettingDeletionsWin && isOnMinority(each)
    const young = await this.#youngAmong(
      versions.filter((each) => isDoubtful(each)),
      signal,
    )
    if (young.length > 0) {
      await sleep(PAUSE_MS, signal)
      const again = new Map((await this.#readAll(request, young)).map((each) => [each.id, each]))
      for (const [index, {id}] of versions.entries()) versions[index] = again.get(id) ?? versions[index]!
    }

    const taken = await inParallel(versions, {atOnce: AT_ONCE, signal}, async (each) =>
      this.#take(request, each, isDoubtful(each)),
    )
    return taken.filter((object) => object !== undefined)
  }

  /** Ids of those that were just written, by the server's clock: this machine's may be wrong. */
  async #youngAmong(versions: readonly Versions[], signal?: AbortSignal): Promise<string[]> {
    if (versions.length === 0) return []
    // Where nobody tells the time, any may be.
    const now = (await serverTime(this.http, signal)) ?? -Infinity
    return versions.filter((each) => now - writtenAt(each) < YOUNG_MS).map(({id}) => id)
  }

  async #take(request: ResolveRequest, versions: Versions, isLeftOut: boolean): Promise<undefined | WeaviateObject> {
    const {collection, tenant} = request
    const {absent, id, there, unasked} = versions
    const newest = newestOf(versions)
    if (!newest) {
      if (unasked.length === 0) return undefined
      throw new DataOpsError(
        'SERVER_UNAVAILABLE',
        `Cannot read object ${id} of ${collection.className}: the nodes that may have it do not answer (${unasked.join(', ')}).`,
        {details: {id, nodes: unasked, tenant}},
      )
    }

    const note = (outcome: 'kept' | 'left out' | 'newest'): void => {
      this.tally.add(collection.className, id, tenant, outcome)
    }

    if (isLeftOut) {
      note('left out')
      return undefined
    }

    if (absent > 0) note('kept')
    else if (there.some(({object}) => object.lastUpdateTimeUnix !== newest.object.lastUpdateTimeUnix)) note('newest')
    return request.include === 'objects' ? this.#readWhole(request, versions, newest) : bare(newest.object, request)
  }

  /** With its vectors. */
  async #readWhole(
    request: ResolveRequest,
    {id}: Versions,
    {node, object}: Versions['there'][number],
  ): Promise<undefined | WeaviateObject> {
    const {collection, meter, signal, tenant} = request
    try {
      const whole = await readReplica(this.http, {collection, id, meter, node, signal, tenant}, true)
      // Deleted meanwhile.
      return typeof whole === 'string' ? undefined : whole
    } catch (error) {
      if (!(error instanceof DataOpsError) || error.code !== 'SERVER_REFUSED') throw error
      // A vector that is no number cannot come over REST: over gRPC, of a node that has this version.
      for (const member of this.members) {
        const found = await member.getObjects({collection, ids: [id], meter, signal, tenant})
        const same = found.find(({lastUpdateTimeUnix}) => lastUpdateTimeUnix === object.lastUpdateTimeUnix)
        if (same) return same
      }

      throw error
    }
  }

  async #readAll(request: ResolveRequest, ids: readonly string[]): Promise<Versions[]> {
    const nodes = await this.#listNodes(request.signal)
    const versions = await inParallel(ids, {atOnce: AT_ONCE, signal: request.signal}, async (id) =>
      this.#readEach(request, id, nodes),
    )
    this.tally.asked([...nodes.healthy, ...nodes.unwell], new Set(versions.flatMap(({unasked}) => unasked)))
    return versions
  }

  async #readEach(
    {collection, meter, signal, tenant}: ResolveRequest,
    id: string,
    {healthy, unwell}: Nodes,
  ): Promise<Versions> {
    const versions: Versions = {absent: 0, id, there: [], unasked: [...unwell]}
    await Promise.all(
      healthy.map(async (node) => {
        const answer = await readReplica(this.http, {collection, id, meter, node, signal, tenant}, false)
        if (answer === 'absent') versions.absent++
        else if (answer !== 'elsewhere') versions.there.push({node, object: answer})
      }),
    )
    return versions
  }

  /** @throws DataOpsError NOT_ALLOWED when they cannot be seen any more. */
  async #listNodes(signal?: AbortSignal): Promise<Nodes> {
    const now = performance.now()
    if (this.#nodes && now - this.#nodes.at < NODES_MS) return this.#nodes
    const nodes = await readNodes(this.http, undefined, signal)
    if (!nodes || nodes.length === 0) {
      throw new DataOpsError('NOT_ALLOWED', 'Cannot compare replicas: the server does not list its nodes.', {
        hint: 'Use credentials with the permission read_nodes.',
      })
    }

    const names = (isHealthy: boolean): string[] =>
      nodes.filter((node) => node.isHealthy === isHealthy).map(({name}) => name)
    this.#nodes = {at: now, healthy: names(true), unwell: names(false)}
    return this.#nodes
  }
}

function newestOf({there}: Versions): undefined | Versions['there'][number] {
  let newest: undefined | Versions['there'][number]
  for (const each of there) {
    const time = each.object.lastUpdateTimeUnix ?? 0
    if (!newest || time > (newest.object.lastUpdateTimeUnix ?? 0)) newest = each
  }

  return newest
}

/** More replicas say that it is not there than have it, or could have it. */
function isOnMinority({absent, there, unasked}: Versions): boolean {
  return there.length > 0 && absent > there.length + unasked.length
}

function writtenAt(versions: Versions): number {
  return newestOf(versions)?.object.lastUpdateTimeUnix ?? 0
}

/** Whether the server itself would take for deleted what one replica has and others have deleted. */
function doDeletionsWin({schema}: CollectionPlan): boolean {
  const {deletionStrategy} = (schema.replicationConfig ?? {}) as {deletionStrategy?: string}
  return deletionStrategy === 'DeleteOnConflict' || deletionStrategy === 'TimeBasedResolution'
}

/** Of an object without vectors, what a listing shows. */
function bare(object: WeaviateObject, {collection, include}: ResolveRequest): WeaviateObject {
  const properties =
    include === 'ids'
      ? {}
      : Object.fromEntries(Object.entries(object.properties).filter(([name]) => collection.referenceNames.has(name)))
  return {...object, properties}
}
