/** One export that the server makes by itself: begun, followed to its end, and cancelled when nobody waits for it any more. */
import type {ExportBackend, ExportState, ServerExports} from '../../weaviate/connection.js'
import type {BackupOptions} from './options.js'

import {DataOpsError, interrupted} from '../../model/errors.js'
import {retryAloud, sleep} from '../../weaviate/retry.js'

/** How often the server is asked how far it is, milliseconds. Tests ask more often; no option. */
export const POLL = {ms: 1000}
/** How long a cancelled export may take to end, milliseconds. */
const CANCEL_MS = 60_000

export interface ExportOrder {
  backend: ExportBackend
  collections: readonly string[]
  id: string
  /** Called as soon as the server says where it will lie. */
  onBegun?: (state: ExportState) => Promise<void>
  options: Pick<BackupOptions, 'maxRetries' | 'onProgress' | 'onWarning' | 'retryMaxWaitMs' | 'signal'>
}

/**
 * Resolves once it is whole. When the signal fires it is cancelled.
 * @throws DataOpsError SERVER_REFUSED when it cannot begin, fails or is cancelled by somebody; INTERRUPTED.
 */
export async function exportByServer(exports: ServerExports, order: ExportOrder): Promise<ExportState> {
  const {backend, collections, id, options} = order
  const begun = await begin(exports, order)
  await order.onBegun?.(begun)
  const lacking = collections.filter((name) => !begun.classes.includes(name))
  if (lacking.length > 0) {
    await cancel(exports, order)
    throw new DataOpsError(
      'NOT_ALLOWED',
      `The server leaves ${lacking.join(', ')} out of its export, without a word why.`,
      {
        details: {collections: lacking, export: id},
        hint: 'These credentials need the permission manage_backups for each collection.',
      },
    )
  }

  let state = begun
  try {
    while (!isOver(state)) {
      tell(order, state)
      await sleep(POLL.ms, options.signal)
      state = await retryAloud(async () => exports.state(backend, id, options.signal), options)
    }
  } catch (error) {
    if (!(error instanceof DataOpsError && error.code === 'INTERRUPTED')) throw unfollowed(error, state)
    await cancel(exports, order)
    const {path} = state
    throw interrupted(options.signal).with({
      details: {export: id, path},
      hint: `What it has written lies in ${path} and can be removed.`,
      message: `The export ${id} was cancelled.`,
    })
  }

  tell(order, state)
  if (state.status !== 'SUCCESS') throw failed(state)
  return state
}

async function begin(exports: ServerExports, {backend, collections, id, options}: ExportOrder): Promise<ExportState> {
  return retryAloud(async (attempt) => {
    try {
      return await exports.start(backend, id, collections)
    } catch (error) {
      // Perhaps the first request was heard, and only its answer was lost.
      const isTaken = attempt > 0 && error instanceof DataOpsError && error.details.status === 409
      if (!isTaken) throw error
      return exports.state(backend, id, options.signal)
    }
  }, options)
}

function isOver({status}: ExportState): boolean {
  return ['CANCELED', 'FAILED', 'SUCCESS'].includes(status)
}

function tell({collections, options}: ExportOrder, {shards}: ExportState): void {
  for (const collection of collections) {
    const states = shards.get(collection) ?? []
    const over = states.filter(({status}) => status === 'SUCCESS' || status === 'SKIPPED')
    options.onProgress?.({
      collection,
      completed: over.reduce((sum, {objects}) => sum + objects, 0),
      stage: 'backup',
    })
  }
}

/** Until it is over, as far as the server answers: no other one can begin before. */
async function cancel(exports: ServerExports, {backend, id}: ExportOrder): Promise<void> {
  const until = performance.now() + CANCEL_MS
  try {
    await exports.cancel(backend, id)
    while (performance.now() < until && !isOver(await exports.state(backend, id))) await sleep(POLL.ms)
  } catch (error) {
    // It was over already, or the server is gone: whoever waited for it does not wait any more.
    if (!(error instanceof DataOpsError)) throw error
  }
}

function failed({error, id, path, shards, status}: ExportState): DataOpsError {
  const reasons = [...shards.values()].flat().flatMap((shard) => (shard.error ? [`${shard.name}: ${shard.error}`] : []))
  const reason = error ?? reasons[0]
  return new DataOpsError('SERVER_REFUSED', `The export ${id} ended as ${status}${reason ? `: ${reason}` : ''}.`, {
    details: {export: id, path, reasons: reasons.slice(0, 20), status},
    hint: `What it has written lies in ${path} and can be removed. See the log of the server.`,
  })
}

function unfollowed(error: unknown, {id, path}: ExportState): unknown {
  if (!(error instanceof DataOpsError)) return error
  return error.with({
    details: {export: id, path},
    hint: `The server may go on with the export ${id}: once it is whole, it can be restored from ${path} as it is.`,
  })
}
