/** Whether a backup is read by several threads, and what they are told. */
import type {BackupReading} from './reading.js'

import {directOf} from '../../flow/persistent.js'
import {sendChain} from '../../flow/transform/sent.js'
import {storeOpenedAs} from '../../store/open.js'
import {openedAs} from '../../weaviate/connect.js'
import {workersFor} from '../workers/thread.js'
import {BackupThreads, type ThreadsToStart} from './threads.js'
import {FLUSH_EVERY} from './transfer.js'

/** Undefined: this thread reads itself. @throws DataOpsError when a thread cannot connect. */
export async function startThreads(backup: BackupReading): Promise<BackupThreads | undefined> {
  const {content, plan} = backup.open
  const {batchSize, expectedObjects, job} = plan
  const {workers} = job.options
  // What cannot be counted beforehand may be little: more than one thread is for whoever asks for them.
  const objects =
    expectedObjects === undefined && workers === undefined
      ? 0
      : Math.max(0, (expectedObjects ?? Number.MAX_SAFE_INTEGER) - content.objects)
  // The text of a vector takes more of a core than reading it from a server.
  const url = job.format === 'json' ? undefined : openedAs(directOf(job.connection))?.again.place.url
  const count = workersFor(workers, {objects, pages: Math.ceil(objects / batchSize), url})
  if (count <= 1) return undefined
  const threads = threadsFor(backup, count)
  if (typeof threads === 'object') return BackupThreads.start(backup, threads)
  if (workers !== undefined) {
    job.warn({
      code: 'one-worker',
      details: {reason: threads, workers},
      message: `"${job.plan.className}" is read by one worker: ${threads}.`,
    })
  }

  return undefined
}

/** Or why there can be only one. */
function threadsFor({concurrency, open, sink}: BackupReading, count: number): string | ThreadsToStart {
  const {claim, encryption, head, plan} = open
  const {batchSize, chain, expectedObjects, job} = plan
  const {collection, compress, format, options} = job
  const opened = openedAs(directOf(job.connection))
  if (!opened) return 'its connection is not one to one address, made by this package'
  const store = storeOpenedAs(job.store)
  if (!store) return 'its place is not one that this package has opened'
  const transforms = chain && sendChain(chain)
  if (chain && !transforms) return 'functions of this program cannot be sent to others'
  const {maxRetries, retryMaxWaitMs} = options
  return {
    count,
    opened,
    setup: {
      batchSize,
      compress,
      concurrency,
      ...(encryption && {encryption: {isHidden: encryption.isHidden, recipient: encryption.recipient}}),
      expectedObjects,
      flushEvery: {...FLUSH_EVERY},
      format,
      head,
      isIndexed: sink.contents !== undefined,
      maxRetries,
      name: claim.name,
      retryMaxWaitMs,
      schema: collection.schema,
      ...(transforms && {transforms}),
    },
    store: {...store, options: {...store.options, writers: count}},
  }
}
