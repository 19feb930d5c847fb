import type {RetryOptions} from '../../flow/options.js'
import type {OperationOptions, Warning} from '../../model/progress.js'
import type {ConsistencyLevel, ReplicaReport} from '../../weaviate/connection.js'
import type {BackupOptions, BackupResult} from '../backup/options.js'
import type {Confirmation} from '../confirmation.js'

/** What of a collection is cleared, and what has to hold before. */
export interface ClearOptions extends OperationOptions, RetryOptions {
  /** Needed for protected names. */
  allowProtected?: boolean
  /** Seals and verifies a backup before the first delete, and deletes nothing but what it holds: see `ClearResult.guarantee`. */
  backupFirst?: boolean | BackupOptions
  /** Replicas that must have taken each deletion; default QUORUM. */
  consistency?: ConsistencyLevel
  /** Counts, and deletes nothing. */
  dryRun?: boolean
  /** true (default): deletes the objects. false: drops the collection and creates it again, with its tenants. */
  keepSchema?: boolean
  /**
   * Milliseconds in which nothing may change before a collection is dropped (`keepSchema: false`); default 2,000. With `backupFirst` ids
   * and update times are compared before and after, else the number of objects.
   */
  quietForMs?: number
  /** Names that need `allowProtected`, `*` stands for any text; whatever the case; default `ELYSIA_*`, `ELYSIACTL_*`, `*_SYSTEM`, `.internal*`. */
  protectedNames?: readonly string[]
}

/** What came of it. */
export interface ClearResult {
  /** With `backupFirst`. */
  backup?: BackupResult
  collection: string
  /** What the numbers rest on; absent without replicas. */
  confirmation?: Confirmation
  /** Objects removed. */
  deleted: number
  dryRun: boolean
  /** With `backupFirst`: what was promised about writes of others, with the time in which they can be lost. */
  guarantee?: string
  /** With `backupFirst`: objects left alone, as they were written since and the backup does not have them so. */
  kept: number
  /** Objects found afterwards: written while clearing, or kept. A dry run: what would go. */
  remaining: number
  /** What the replicas differed in; absent without replicas. */
  replicas?: ReplicaReport
  /** Where the schema was put before the drop (`keepSchema: false`). */
  schemaFile?: string
  /** Wall time from the first request to the confirmation. */
  seconds: number
  /** Offloaded tenants, whose objects are not in these numbers. */
  tenantsNotCounted?: string[]
  warnings: Warning[]
  /** With `backupFirst`: milliseconds between comparing and deleting, at most; 0 when nothing was deleted. */
  windowMs?: number
}
