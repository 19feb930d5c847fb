/** The public SDK of `@elysia/data-ops`, and nothing else. */
export {BackupManager, type ManagerOptions} from './backup/manager.js'
export type {BackupOptions, BackupResult, BackupRunOptions, BackupRunResult} from './backup/options.js'
export {BackupCatalog} from './catalog/catalog.js'
export {ClearManager} from './clear/manager.js'
export type {ClearOptions, ClearResult} from './clear/options.js'
export * from './codec/index.js'
export {DataOpsError, type ErrorCode, EXIT_CODES} from './errors.js'
export type {OperationOptions, ProgressEvent, ProgressStage, Warning} from './progress.js'
export {RestoreManager} from './restore/manager.js'
export type {RestoreOptions, RestoreResult, RestoreRunOptions} from './restore/options.js'
export {LocalStore} from './store/local.js'
export {nodePlatform} from './store/node-platform.js'
export type {Store, StoreEntry, StoreReader, StoreWriter} from './store/store.js'
export type {RateLimit, RetryOptions} from './transfer/options.js'
export type {
  BackupVerification,
  CollectionComparison,
  CompareOptions,
  ObjectDifference,
  VerifyBackupOptions,
} from './verify/options.js'
export {Verifier} from './verify/verifier.js'
export {connect} from './weaviate/connect.js'
export type {SchemaProperty, WeaviateClass} from './weaviate/schema.js'
export type {Connection, ConnectOptions} from './weaviate/weaviate.js'
