import type {Connection} from './connection.js'

import {DataOpsError} from '../model/errors.js'
import {plural} from '../model/plural.js'
import {forbidden, isForbidden, isTransientReason} from './errors.js'

export type DeleteOutcome = Awaited<ReturnType<Connection['deleteObjects']>>

/**
 * Deletes, and asks once more in detail when something failed: the short reply does not say why.
 * @throws DataOpsError SERVER_UNAVAILABLE for what passes by itself, NOT_ALLOWED.
 */
export async function withReason(
  action: string,
  ask: (isVerbose: boolean) => Promise<DeleteOutcome>,
): Promise<DeleteOutcome> {
  const first = await ask(false)
  if (first.failed === 0) return first
  const second = await ask(true)
  const deleted = first.deleted + second.deleted
  const {failed, reason} = second
  if (failed === 0) return {deleted, failed, matched: first.matched}
  if (reason !== undefined && isForbidden(reason)) throw forbidden(action, reason)
  if (reason !== undefined && isTransientReason(reason)) {
    throw new DataOpsError('SERVER_UNAVAILABLE', `Cannot ${action}: ${reason}.`, {
      details: {deleted, failed, reason},
      hint: reason.includes('read-only')
        ? 'Make the shard writable again (PUT /v1/schema/<collection>/shards/<shard> with {"status": "READY"}); see why the server made it read-only, mostly a disk that is full.'
        : undefined,
    })
  }

  return {deleted, failed, matched: first.matched, reason}
}

/** What came of one call: all that it could not delete, or nothing of what it matched, is an error. @throws DataOpsError SERVER_REFUSED. */
export function assertDeleted(
  outcome: DeleteOutcome,
  {collection, tenant}: {collection: string; tenant?: string | undefined},
): DeleteOutcome {
  const {deleted, failed, matched, reason} = outcome
  if (failed === 0 && (matched === 0 || deleted > 0)) return outcome
  const where = tenant === undefined ? `"${collection}"` : `tenant "${tenant}" of "${collection}"`
  throw new DataOpsError(
    'SERVER_REFUSED',
    `The server matched ${plural(matched, 'object')} of ${where} and deleted ${deleted}: ${reason ?? 'it gave no reason'}.`,
    {details: {deleted, failed, matched, reason}, hint: 'See the log of the server.'},
  )
}
