/** What keeps an item safe from the attempts before it, and from whoever changes the states of its tenants. */
import type {WriteFailure} from '../../model/object.js'
import type {ProgressEvent} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {Connection} from '../../weaviate/connection.js'
import type {RestoreJob} from './job.js'

import {utf8} from '../../codec/bytes.js'
import {DataOpsError} from '../../model/errors.js'
import {readOwnJson} from '../../store/own-json.js'
import {openedAs} from '../../weaviate/connect.js'
import {sleep} from '../../weaviate/retry.js'
import {type Placeholder, readPlaceholder} from './checkpoint-file.js'
import {GRACE} from './checkpoint.js'

/** Milliseconds that a call may take over a connection that does not say. Tests wait less; no option. */
export const LONGEST_CALL = {ms: 60_000}
const MAX_BYTES = 16 * 1024 * 1024

/** How an item is carried out. */
export interface RestoreItemRun {
  /** From 1: no other attempt at this item has it. */
  attempt: number
  /** Asked before each call that changes something. @throws when the item is another worker's by now. */
  check: () => Promise<void>
  /** How the attempts before ended. */
  earlier: 'ended' | 'none' | 'unseen'
  /** Keys of what the item leaves in the place begin like this. */
  files: string
  /** Milliseconds that a lease lasts. */
  leaseMs: number
  onProgress?: (event: ProgressEvent) => void
  signal?: AbortSignal
}

/**
 * Waits, counted from now, until nothing that an earlier attempt has sent can still be at work in the server. A worker asks for its lease
 * before each call, and calls at half of its time at most: what is left is the time that a call may take.
 */
export function calmFor(
  {earlier, leaseMs}: Pick<RestoreItemRun, 'earlier' | 'leaseMs'>,
  connection: Connection,
): (signal?: AbortSignal) => Promise<void> {
  const began = performance.now()
  const timeoutMs = openedAs(connection)?.again.timeoutMs ?? LONGEST_CALL.ms
  const quietMs = {ended: GRACE.ms, none: 0, unseen: Math.max(GRACE.ms, timeoutMs - leaseMs / 2)}[earlier]
  return async (signal) => {
    const leftMs = quietMs - (performance.now() - began)
    if (leftMs > 0) await sleep(leftMs, signal)
  }
}

/** Puts back what was activated, whatever comes of it; what earlier attempts have noted of that, and did not live to put back, with it. */
export async function puttingBack<T>(
  {active, notes}: Pick<RestoreJob, 'active' | 'notes'>,
  {attempt, files}: Pick<RestoreItemRun, 'attempt' | 'files'>,
  body: () => Promise<T>,
): Promise<T> {
  let result: T
  try {
    result = await body()
  } finally {
    await active.putBack()
  }

  if (attempt > 1 && active.hasPutBack) {
    await notes.settle(
      (of) => of === files,
      (tenant) => active.wasPutBack(tenant),
    )
  }

  return result
}

/** Writes over a connection; that a tenant is inactive, or gone, is nothing that is wrong with an object. */
export function whileTenantsAre(direct: Connection): Pick<Connection, 'writeObjects' | 'writeReferences'> {
  return {
    writeObjects: async (request) => activeOnly(await direct.writeObjects(request)),
    writeReferences: async (request) => activeOnly(await direct.writeReferences(request)),
  }
}

/** Of the tenant that objects are written to: a reference may point into one that never was. */
const TENANT_AWAY = /tenant not active|^(?:source: .*)?tenant not found/i

/** @throws DataOpsError SERVER_REFUSED: the next attempt activates it again, or makes it anew. */
export function activeOnly<Failures extends readonly WriteFailure[]>(failures: Failures): Failures {
  const away = failures.find(({reason}) => TENANT_AWAY.test(reason))
  if (!away) return failures
  const what = /not found/i.test(away.reason) ? 'deleted' : 'made inactive'
  throw new DataOpsError('SERVER_REFUSED', `A tenant was ${what} while it was written: ${away.reason}.`, {
    details: {...away},
    hint: 'Somebody else changes the tenants.',
  })
}

/** What stands in for objects that are not there must be deleted by the next attempt, when this one is killed. */
export async function keepPlaceholders(
  store: Store,
  run: Pick<RestoreItemRun, 'files'>,
  placeholders: readonly Placeholder[],
): Promise<void> {
  await store.put(keyOf(run), utf8(JSON.stringify(placeholders)))
}

export async function leftPlaceholders(store: Store, run: Pick<RestoreItemRun, 'files'>): Promise<Placeholder[]> {
  const key = keyOf(run)
  const found = await readOwnJson(store, key, {
    damaged: (cause) => new DataOpsError('CHECKPOINT', `${store.describe(key)} is damaged.`, {cause}),
    maxBytes: MAX_BYTES,
    name: 'placeholders',
    read: (list) => list.listOf(readPlaceholder),
  })
  return found ?? []
}

function keyOf({files}: Pick<RestoreItemRun, 'files'>): string {
  return `${files}.placeholders.json`
}
