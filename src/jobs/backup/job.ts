/** What all steps of one backup share: what is backed up, where to, how, and what was warned of. */
import type {BackupFormat} from '../../codec/codec.js'
import type {Warning} from '../../model/progress.js'
import type {Store} from '../../store/store.js'
import type {CollectionPlan, Connection} from '../../weaviate/connection.js'
import type {ResolvedCollection} from '../../weaviate/resolve.js'
import type {BackupOptions} from './options.js'

import {withPrivateJournals} from '../../archive/encrypted/private-journals.js'
import {locking} from '../../archive/locked.js'
import {type ParallelReaderOptions} from '../../flow/parallel-reader.js'
import {type TenantNotes} from '../../flow/tenants/note.js'
import {encryptionOf, type EncryptionOptions, isEncrypting} from '../../store/encryption.js'
import {planCollection} from '../../weaviate/collection-plan.js'
import {SameServer} from '../../weaviate/same-server.js'
import {DEFAULT_CONCURRENCY, keptWarnings, throttleOf} from '../options.js'
import {ReplicaWatch} from '../replica-watch.js'

export interface BackupJob {
  collection: ResolvedCollection
  compress: boolean
  /** Waits for a server that is away. */
  connection: Connection
  /** Who the backup is encrypted to; undefined: it is not. */
  encryptTo?: EncryptionOptions
  format: BackupFormat
  /** Where tenants that are activated are noted. */
  notes: TenantNotes
  options: BackupOptions
  plan: CollectionPlan
  replicas: ReplicaWatch
  sameServer: SameServer
  store: Store
  warn: (warning: Warning) => void
  /** All so far. */
  warnings: Warning[]
}

export function makeJob(
  given: Pick<BackupJob, 'collection' | 'connection' | 'notes' | 'options' | 'store'>,
): BackupJob {
  const {collection, connection, options, store} = given
  const encryption = encryptionOf(store)
  const {onWarning: warn, warnings} = keptWarnings(options)
  const {lockForMs: forMs, lockMode: mode = 'compliance'} = options
  const locked = forMs === undefined ? store : locking(store, {forMs, mode})
  return {
    ...given,
    store: isEncrypting(encryption) ? withPrivateJournals(locked, encryption.state) : locked,
    compress: options.compress === true,
    ...(isEncrypting(encryption) && {encryptTo: encryption}),
    format: options.format ?? 'json',
    plan: planCollection(collection.schema),
    replicas: new ReplicaWatch(connection, collection.schema, {...options, warn}),
    sameServer: new SameServer(connection, collection.schema, options),
    warn,
    warnings,
  }
}

/** How what is backed up is read, whatever is read of it. */
export type Reading = Pick<ParallelReaderOptions, 'concurrency' | 'connection' | 'plan' | 'signal' | 'throttle'>

/** With a throttle of its own. */
export function readingOf({connection, options, plan}: Pick<BackupJob, 'connection' | 'options' | 'plan'>): Reading {
  const {concurrency = DEFAULT_CONCURRENCY, signal} = options
  return {concurrency, connection, plan, signal, throttle: throttleOf(options)}
}

/** Of tenants that are not read. */
export function warnSkipped(job: BackupJob, all: ReadonlyArray<{name: string; reason: string}> = []): void {
  for (const skipped of all) {
    job.warn({
      code: 'tenant-skipped',
      details: {...skipped},
      message: `Tenant "${skipped.name}" is ${skipped.reason} and is not in the backup.`,
    })
  }
}
