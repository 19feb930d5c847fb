/** Leads the threads of a restore: this one reads the backup and keeps account of it, the others encode and send. */
import type {WriteFailure} from '../../model/object.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {RestoreJob} from './job.js'
import type {LeaderCalls, ThreadCalls} from './thread-calls.js'

import {LiveSink} from '../../flow/live/sink.js'
import {type Opened, openedAs, sentConnection} from '../../weaviate/connect.js'
import {ofThisServer} from '../../weaviate/which-server.js'
import {throttleOf} from '../options.js'
import {type Offer} from '../workers/peer.js'
import {Thread, workersFor} from '../workers/thread.js'
import {lookUpIn, type RestoreTransferOptions} from './objects.js'
import {sendObjects} from './sent-objects.js'

type WriteRequest = Parameters<Connection['writeObjects']>[0]

/** Writes in place of a connection. */
export type Writes = Pick<Connection, 'writeObjects' | 'writeReferences'>

/** Runs a pass with as many workers as the restore has. */
export async function withThreads<T>(
  job: RestoreJob,
  transfer: RestoreTransferOptions,
  pass: (transfer: RestoreTransferOptions) => Promise<T>,
): Promise<T> {
  const {options, warn, writers} = job
  const {batchSize, checkpoint, concurrency, plan, total = Number.MAX_SAFE_INTEGER} = transfer
  const objects = Math.max(0, total - checkpoint.objects.count)
  const left = checkpoint.objects.finished ? total : objects
  const opened = openedAs(job.direct)
  const workers = workersFor(options.workers ?? job.archive.workers, {
    objects: left,
    pages: Math.ceil(left / batchSize),
    url: opened?.again.place.url,
  })
  if (workers > 1 && !opened && options.workers !== undefined) {
    const reason = 'its connection is not one to one address, made by this package'
    warn({
      code: 'one-worker',
      details: {reason, workers},
      message: `"${job.target}" is written by one worker: ${reason}.`,
    })
  }

  if (workers <= 1 || !opened) return pass(transfer)
  const threads = new RestoreThreads(job.direct, plan, opened, workers - 1)
  const inFlight = concurrency * workers
  try {
    await threads.start()
    writers.by = threads
    const throttle = throttleOf({...options, concurrency: inFlight, lanes: workers})
    return await pass({
      ...transfer,
      concurrency: inFlight,
      lookUp: lookUpIn({...transfer, throttle}),
      sink: new LiveSink({...transfer, throttle}),
      throttle,
    })
  } finally {
    writers.by = undefined
    await threads.close()
  }
}

class RestoreThreads implements Writes {
  readonly #threads: Array<{thread: Thread<ThreadCalls>; underWay: number}> = []

  constructor(
    /** Of this thread, for what is not for the others. */
    private readonly connection: Connection,
    /** Of the target. */
    private readonly plan: CollectionPlan,
    private readonly opened: Opened,
    count: number,
  ) {
    const calls: LeaderCalls = {
      called: (call) => opened.onCall?.(call),
      headers: async (refused) => opened.headers(refused),
    }
    const offer: Offer = {...calls}
    for (let number = 1; number <= count; number++) {
      this.#threads.push({thread: new Thread<ThreadCalls>('restore', number + 1, offer), underWay: 0})
    }
  }

  async start(): Promise<void> {
    const setup = {connect: await sentConnection(this.opened), schema: this.plan.schema}
    await Promise.all(this.#threads.map(async ({thread}) => thread.peer.call('start', setup)))
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(async ({thread}) => thread.close()))
  }

  async writeObjects(request: WriteRequest): Promise<WriteFailure[]> {
    return this.#isForThem(request) ? this.#write('objects', request) : this.connection.writeObjects(request)
  }

  async writeReferences(request: WriteRequest): Promise<WriteFailure[]> {
    return this.#isForThem(request) ? this.#write('references', request) : this.connection.writeReferences(request)
  }

  /** Placeholders go into other collections, by themselves. */
  #isForThem({collection, signal}: WriteRequest): boolean {
    return collection === this.plan && signal === undefined
  }

  /** By the one with the least to do. */
  async #write(what: 'objects' | 'references', {consistency, objects}: WriteRequest): Promise<WriteFailure[]> {
    const [idlest] = this.#threads.toSorted((a, b) => a.underWay - b.underWay)
    if (!idlest) throw new TypeError('there is no thread')
    idlest.underWay++
    try {
      const sent = sendObjects(objects)
      return await idlest.thread.peer.call('write', {...(consistency && {consistency}), sent, what}, [sent.vectors])
    } catch (error) {
      throw ofThisServer(error, this.connection)
    } finally {
      idlest.underWay--
    }
  }
}
