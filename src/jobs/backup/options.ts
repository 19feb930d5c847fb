import type {BackupFormat} from '../../codec/codec.js'
import type {MissingObject, SealedCount} from '../../codec/document.js'
import type {RateLimit, RetryOptions} from '../../flow/options.js'
import type {Transform} from '../../flow/transform/transform.js'
import type {DataOpsError} from '../../model/errors.js'
import type {OperationOptions, Warning} from '../../model/progress.js'
import type {LockMode} from '../../store/store.js'
import type {ReplicaReport} from '../../weaviate/connection.js'
import type {TransformPreview} from '../survey.js'

/** What of one collection is backed up, and how. */
export interface BackupOptions extends OperationOptions, RetryOptions {
  /** Objects a page at most; by default 100 below 1,000 objects, 500 below 100,000, else 1,000. Bytes bound it further. */
  batchSize?: number
  /** gzip for JSON, zstd columns for Parquet and Arrow. */
  compress?: boolean
  /** Pages in flight at most; default 4, fewer when the server pushes back. */
  concurrency?: number
  /** Plans, checks and counts, and writes nothing. */
  dryRun?: boolean
  format?: BackupFormat
  /** false: the schema only. */
  includeData?: boolean
  /** Onloads offloaded tenants to read them; otherwise they are listed as skipped. */
  includeOffloaded?: boolean
  /** Milliseconds from its end in which nobody can change or remove the backup. The place must have locks of single objects. */
  lockForMs?: number
  /** `compliance` (default): nobody can undo the lock; `governance`: who has a permission of its own for that. */
  lockMode?: LockMode
  maxRate?: RateLimit
  /** Id of the backup that is about to take this collection's place: `latest` will pass this one over. */
  replacedBy?: string
  /** Continue an unfinished backup of the same collection, format and options, where there is one: `auto` does when one fits that no other process writes, true requires one, false (default) starts anew. */
  resume?: boolean | 'auto'
  /** Milliseconds: `resume: 'auto'` continues no backup that was left for longer; default 900,000 (15 minutes). */
  resumeWithinMs?: number
  /** Shared by the backups of one run; made when absent. */
  runId?: string
  /** Scans again until what changed during the backup is in it. */
  settle?: boolean
  /** Only these tenants: names, patterns (`eu-*`), and `old=new` for another name. */
  tenants?: readonly string[]
  /** Milliseconds to wait at most, where one of several replicas is read, until the server has found all of them equal; default 0. */
  waitReplicasMs?: number
  /** Threads that read and write, each over a connection of its own; default: one for each core, at most 8 (half of them where the server is on this machine, unless the format is JSON), and one for a small collection. One where the connection, the place or a transform is of the caller's own making. */
  workers?: number
  /** Changes on the way, one after another. An interrupted backup goes on with the same ones alone; never with functions that are no module. */
  transforms?: readonly Transform[]
}

/** The same for several collections, one run. */
export interface BackupRunOptions extends BackupOptions {
  /** Collections to leave out, as patterns: `*` stands for any text. */
  exclude?: readonly string[]
  /** Goes on with the other collections when one cannot be backed up; `failed` of the result names it. */
  keepGoing?: boolean
  /** Called with each backup as soon as it is sealed; the next one waits for it. */
  onSealed?: (backup: BackupResult) => Promise<void> | void
}

/** What came of the backup of one collection. */
export interface BackupResult {
  /** Set when the name given was an alias. */
  alias?: string
  /** Bytes on disk. */
  bytes: number
  collection: string
  /** False: objects that the server counted are not in it. */
  complete: boolean
  compressed: boolean
  /** What the server counted, and what was read. */
  counted?: SealedCount
  /** Content digest, 64 hex; empty of a dry run, and where the objects lie in an export that cannot be read from here. */
  digest: string
  dryRun: boolean
  /** Absent from one that is not. */
  encrypted?: true
  format: BackupFormat
  /** Dry runs with transforms: what would come of them. */
  changes?: TransformPreview
  /** Backup id. */
  id: string
  /** Until then nobody can change or remove it, RFC 3339. Absent from one that is not locked. */
  lockedUntil?: string
  /** Objects known to be missing, by id: the first hundred. */
  missing?: MissingObject[]
  /** Objects in the backup; with `dryRun`, those that would be. */
  objectCount: number
  /** Transforms left objects, or members of them, out. */
  partial?: true
  /** Where it lies: a file or a directory. */
  path: string
  /** What replicas differed in; absent without replicas. */
  replicas?: ReplicaReport
  /** Objects that an earlier, unfinished run had already read. */
  resumed: number
  runId: string
  /** Wall time from the first request to the seal. */
  seconds: number
  /** Multi-tenant collections: how many tenants are in it, and which are not and why. */
  tenants?: {count: number; skipped: Array<{name: string; reason: string}>}
  warnings: Warning[]
}

/** A collection that was not backed up. */
export interface FailedBackup {
  /** As it was given, or a pattern matched it. */
  collection: string
  error: DataOpsError
}

/** What came of a run: the backups that were made, and what was not. */
export interface BackupRunResult {
  backups: BackupResult[]
  /** With `keepGoing`: what was not backed up; absent when there is none. */
  failed?: FailedBackup[]
  runId: string
}
