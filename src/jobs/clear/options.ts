import type {RetryOptions} from '../../flow/options.js'
import type {OperationOptions, Warning} from '../../model/progress.js'
import type {BackupOptions, BackupResult} from '../backup/options.js'

export interface ClearOptions extends OperationOptions, RetryOptions {
  /** Needed for protected names. */
  allowProtected?: boolean
  /** Seals and verifies a backup before the first delete. */
  backupFirst?: boolean | BackupOptions
  /** Counts, and deletes nothing. */
  dryRun?: boolean
  /** true (default): deletes the objects. false: drops the collection and creates it again, with its tenants. */
  keepSchema?: boolean
  /** Names that need `allowProtected`, `*` stands for any text; default `ELYSIACTL_*`, `*_SYSTEM`, `.internal*`. */
  protectedNames?: readonly string[]
}

export interface ClearResult {
  /** With `backupFirst`. */
  backup?: BackupResult
  collection: string
  /** Objects removed. */
  deleted: number
  dryRun: boolean
  /** Objects found afterwards: written while clearing. */
  remaining: number
  /** Where the schema was put before the drop (`keepSchema: false`). */
  schemaFile?: string
  /** Wall time from the first request to the confirmation. */
  seconds: number
  warnings: Warning[]
}
