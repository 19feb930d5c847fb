import type {RateLimit, RetryOptions} from '../../flow/options.js'
import type {Transform} from '../../flow/transform/transform.js'
import type {DataOpsError} from '../../model/errors.js'
import type {JsonValue} from '../../model/object.js'
import type {OperationOptions, Warning} from '../../model/progress.js'
import type {ConsistencyLevel, ReplicaReport} from '../../weaviate/connection.js'
import type {Confirmation} from '../confirmation.js'
import type {TransformPreview} from '../survey.js'
import type {CollectionComparison} from '../verify/options.js'

/** Into what a backup is restored, and how. */
export interface RestoreOptions extends OperationOptions, RetryOptions {
  /** Restores a backup whose bytes are no longer what was sealed (edited, reformatted, or from another tool). */
  acceptChanged?: boolean
  allowNonFinite?: boolean
  /** Lets the server hash the hashes of `blobHash` properties again: it keeps nothing else of what is written to them. */
  allowRehash?: boolean
  /** Lets the server vectorize (and bill) objects that have no vector. */
  allowVectorization?: boolean
  /** Restores under a temporary name and points an alias of the target's name at it once verified. */
  atomic?: boolean
  /** Objects a batch at most; default as for backups. Bytes bound it further. */
  batchSize?: number
  /** Folder for the checkpoint and rejected objects; default: beside the backup. */
  checkpointDirectory?: string
  /** Batches in flight at most; default 4. */
  concurrency?: number
  /** Replicas that must have taken each write; default QUORUM. */
  consistency?: ConsistencyLevel
  /** Checks everything that can be checked, and changes nothing. */
  dryRun?: boolean
  maxRate?: RateLimit
  /** Restore into an existing collection. */
  merge?: boolean
  /** Another name for the collection. */
  name?: string
  /** What happens to references to collections that are gone: `fail` (default), `create` those collections, empty, or `drop` the references. */
  missingTarget?: 'create' | 'drop' | 'fail'
  /** Merges: what happens to objects that the target has already; default overwrite. */
  onConflict?: 'fail' | 'overwrite' | 'skip'
  /** Schema changes by path, e.g. `{'replicationConfig.factor': 1}`. */
  overrides?: Readonly<Record<string, JsonValue>>
  /** Forget the checkpoint of an earlier run and start over. */
  restart?: boolean
  /**
   * For the server's own exports, which hold none: where the schema is from, and with it states of tenants and aliases as far as they are
   * known there. Backups, files with a schema (`/v1/schema`, or one class of it) or names of live collections. Default: with `merge` the target.
   */
  schemaFrom?: readonly string[]
  /** Sends only the objects of a `….rejected.jsonl` file. */
  retryRejected?: string
  /** The schema (and tenants, aliases) only. */
  skipData?: boolean
  /** Only these tenants: names, patterns (`eu-*`), and `old=new` for another name. */
  tenants?: readonly string[]
  /** Changes on the way, one after another. The backup is read through once before anything is written. */
  transforms?: readonly Transform[]
  /** Threads: first they look at every byte of the backup (by default one for each 512 MB); then one reads it, the others encode and send, each over a connection of its own; default as for backups. `concurrency` is of each. */
  workers?: number
  /** Compares the digest of the restored collection with the backup's. */
  verify?: boolean
  /** Re-points aliases that exist and point elsewhere. */
  withAliases?: boolean
}

/** The same for several backups. */
export interface RestoreRunOptions extends RestoreOptions {
  /** For the server's own exports: which of their collections, by names and patterns; default all. */
  collections?: readonly string[]
  /** Goes on with the other backups when one cannot be restored; `failed` of the result names it. */
  keepGoing?: boolean
  /** Called with each collection as soon as it is counted, compared where that was asked for, and shown to readers; the next one waits for it. */
  onConfirmed?: (restored: RestoreResult) => Promise<void> | void
}

/** A backup that was left out. */
export interface FailedRestore {
  /** As it was given. */
  backup: string
  /** The target, once that is known. */
  collection?: string
  error: DataOpsError
}

/** What came of the restore of one backup. */
export interface RestoreResult {
  aliases: string[]
  backupId: string
  collection: string
  /** What the confirmation rests on; absent without replicas. */
  confirmation?: Confirmation
  dryRun: boolean
  /** Dry runs with transforms: what would come of them. */
  changes?: TransformPreview
  /** Dry runs: objects that a run would send; with `onConflict: 'skip'` at most, as the target is not searched for them. */
  expected?: number
  /** From a live source: objects that were deleted before they could be read, in all runs; absent when there are none. */
  gone?: number
  /** References written. */
  references: number
  /** Objects that the server refused, themselves or their references, in this run and those it continues. */
  rejected: number
  /** Of the objects that the server refused, those that it keeps all the same. */
  rejectedButKept?: number
  /** Where they stand, with reasons; given whenever there are any. */
  rejectedFile?: string
  /** What the replicas differed in when it was confirmed; absent without replicas. */
  replicas?: ReplicaReport
  /** Objects that this run wrote. */
  restored: number
  /** Objects that earlier runs had written. */
  resumed: number
  /** Wall time from the first request to the confirmation. */
  seconds: number
  /** Merges with `onConflict: 'skip'`: objects left alone. */
  skipped: number
  /** Tenants that were made or found; absent without multi-tenancy. */
  tenants?: number
  /** With `verify`. */
  verification?: CollectionComparison
  warnings: Warning[]
}
