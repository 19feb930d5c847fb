/** Defaults, options and checks that the jobs share. */
import type {RateLimit, RetryOptions} from '../flow/options.js'
import type {OperationOptions, Warning} from '../model/progress.js'
import type {Store} from '../store/store.js'
import type {Connection} from '../weaviate/connection.js'

import {pastWhatHides} from '../archive/locked.js'
import {defaultBatchSize} from '../flow/page-size.js'
import {TenantNotes} from '../flow/tenants/note.js'
import {Throttle} from '../flow/throttle.js'
import {matchTenants} from '../flow/transform/tenants.js'
import {DataOpsError} from '../model/errors.js'
import {canOpen, encryptionOf, type EncryptionOptions, isEncrypting, withEncryption} from '../store/encryption.js'
import {openStore, stateOf} from '../store/open.js'

export const DEFAULT_DIRECTORY = './backups'
export const DEFAULT_CONCURRENCY = 4

export interface ManagerOptions extends EncryptionOptions {
  /** Folder of the backups; default `./backups`. */
  directory?: string
  /** Folder for notes of activated tenants, where that of the backups cannot be written or is not there. Notes in it are looked at too. */
  stateDirectory?: string
  /** In place of a folder. */
  store?: Store
}

/** The place that a manager works in, with what opens and encrypts the backups there. */
export function storeOf(options: ManagerOptions): Store {
  const store = options.store ?? openStore(options.directory ?? DEFAULT_DIRECTORY)
  return pastWhatHides(withEncryption(store, {...options, state: stateOf(store, options.stateDirectory)}))
}

/** What a manager works with. */
export interface Workplace {
  connection: Connection
  notes: TenantNotes
  store: Store
}

export function workplaceOf(connection: Connection, options: ManagerOptions): Workplace {
  const store = storeOf(options)
  return {connection, notes: tenantNotes(store, options.stateDirectory), store}
}

/** Where jobs note which tenants they hold active, and find what killed runs left. */
export function tenantNotes(store: Store, stateDirectory?: string): TenantNotes {
  const state = stateOf(store, stateDirectory)
  // Beside an encrypted backup they are encrypted: where this host could not read them, it keeps them to itself.
  const keys = encryptionOf(store)
  return new TenantNotes(isEncrypting(keys) && !canOpen(keys) ? [state, store] : [store, state])
}

/** Keeps what is warned of, for a result, and passes it on at once. */
export function keptWarnings(options: Pick<OperationOptions, 'onWarning'> = {}) {
  const warnings: Warning[] = []
  const onWarning = (warning: Warning): void => {
    warnings.push(warning)
    options.onWarning?.(warning)
  }

  return {onWarning, warnings}
}

/** @throws DataOpsError INVALID_INPUT with that hint when one name was given for several. */
export function checkOneName(name: string | undefined, collections: number, hint: string): void {
  if (name === undefined || collections <= 1) return
  throw new DataOpsError('INVALID_INPUT', 'One name cannot be given to several collections.', {hint})
}

/** None chosen is not all: a list that came out empty is a mistake. @throws DataOpsError INVALID_INPUT. */
export function checkTenantsChosen(tenants: readonly string[] | undefined): void {
  if (tenants?.length !== 0) return
  throw new DataOpsError('INVALID_INPUT', 'A choice of tenants was given, and none is in it.', {
    hint: 'Leave `tenants` out for all of them.',
  })
}

/** By names, patterns, and `old=new`. @throws DataOpsError INVALID_INPUT when one of them matches none. */
export function selectTenants<Tenant extends {name: string}>(
  tenants: readonly Tenant[],
  names: readonly string[] | undefined,
): Tenant[] {
  if (!names || names.length === 0) return [...tenants]
  return matchTenants(tenants, names)
}

/** The page size that the user set, or the one for a collection of this size. */
export function batchSizeFor(options: {batchSize?: number}, objectCount: number): number {
  return options.batchSize ?? defaultBatchSize(objectCount)
}

/** Through which a job makes every call that carries objects. */
export function throttleOf(
  options: OperationOptions & RetryOptions & {concurrency?: number; lanes?: number; maxRate?: RateLimit},
): Throttle {
  const {concurrency = DEFAULT_CONCURRENCY, lanes, maxRate, maxRetries, retryMaxWaitMs, signal} = options
  return new Throttle({
    concurrency,
    lanes,
    maxRate,
    maxRetries,
    onWarning: (warning) => options.onWarning?.(warning),
    retryMaxWaitMs,
    signal,
  })
}

/** Whether a run over several goes on without the one that failed. */
export function isPassedOver(error: unknown, {keepGoing}: {keepGoing?: boolean}): error is DataOpsError {
  return Boolean(keepGoing) && error instanceof DataOpsError && error.code !== 'INTERRUPTED'
}
