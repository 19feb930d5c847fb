/** Whether a backup is read by several threads, and what they are told. */
import type {Throttle} from '../../flow/throttle.js'
import type {CompletenessCheck} from './completeness.js'
import type {Open} from './open.js'
import type {ArchiveSink} from './sink.js'

import {directOf} from '../../flow/persistent.js'
import {sendChain} from '../../flow/transform/sent.js'
import {storeOpenedAs} from '../../store/open.js'
import {openedAs} from '../../weaviate/connect.js'
import {workersFor} from '../workers/thread.js'
import {BackupThreads, type BackupThreadsOptions} from './threads.js'
import {FLUSH_EVERY} from './transfer.js'

interface Reading {
  check: CompletenessCheck
  concurrency: number
  sink: ArchiveSink
  throttle: Throttle
}

/** Undefined: this thread reads itself. @throws DataOpsError when a thread cannot connect. */
export async function startThreads(open: Open, reading: Reading): Promise<BackupThreads | undefined> {
  const {
    content,
    plan: {batchSize, expectedObjects, job},
  } = open
  const {workers} = job.options
  // What cannot be counted beforehand may be little: more than one thread is for whoever asks for them.
  const objects =
    expectedObjects === undefined && workers === undefined
      ? 0
      : Math.max(0, (expectedObjects ?? Number.MAX_SAFE_INTEGER) - content.objects)
  const count = workersFor(workers, {objects, pages: Math.ceil(objects / batchSize)})
  if (count <= 1) return undefined
  const options = optionsOf(open, reading, count)
  if (typeof options === 'object') return BackupThreads.start(options)
  if (workers !== undefined) {
    job.warn('one-worker', `"${job.plan.className}" is read by one worker: ${options}.`, {reason: options, workers})
  }

  return undefined
}

/** Or why there can be only one. */
function optionsOf(
  {claim, content, encryption, head, plan: {batchSize, chain, expectedObjects, job}, writer}: Open,
  {check, concurrency, sink, throttle}: Reading,
  count: number,
): BackupThreadsOptions | string {
  const {collection, compress, format, options, warn} = job
  const opened = openedAs(directOf(job.connection))
  if (!opened) return 'its connection is not one to one address, made by this package'
  const store = storeOpenedAs(job.store)
  if (!store) return 'its place is not one that this package has opened'
  const transforms = chain && sendChain(chain)
  if (chain && !transforms) return 'functions of this program cannot be sent to others'
  const {maxRetries, retryMaxWaitMs, signal} = options
  return {
    check: claim.check,
    completeness: check,
    content,
    count,
    opened,
    setup: {
      batchSize,
      compress,
      concurrency,
      ...(encryption && {encryption}),
      expectedObjects: expectedObjects ?? Number.MAX_SAFE_INTEGER,
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
    signal,
    sink,
    store,
    throttle,
    warn({code, details, message}) {
      warn(code, message, details)
    },
    writer,
  }
}
