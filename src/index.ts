export type {LockOptions} from './archive/locked.js'
export {BackupCatalog} from './catalog/catalog.js'
export * from './codec/index.js'
export type {RateLimit, RetryOptions} from './flow/options.js'
export type {ObjectSource, ReadSourceOptions, SourceContent, SourcePage} from './flow/source.js'
export type {FunctionContext, TransformFunctions} from './flow/transform/functions.js'
export * as transforms from './flow/transform/index.js'
export type {PlainObject} from './flow/transform/plain.js'
export type {Changed, Look, Transform} from './flow/transform/transform.js'
export {copyBackup} from './jobs/backup-copy/copy-backup.js'
export type {CopyBackupOptions, CopyBackupResult} from './jobs/backup-copy/copy-backup.js'
export {BackupManager} from './jobs/backup/manager.js'
export type {
  BackupOptions,
  BackupResult,
  BackupRunOptions,
  BackupRunResult,
  FailedBackup,
} from './jobs/backup/options.js'
export type {ExportBackupOptions} from './jobs/backup/via-export.js'
export {ClearManager} from './jobs/clear/manager.js'
export type {ClearOptions, ClearResult} from './jobs/clear/options.js'
export {CopyManager} from './jobs/copy/manager.js'
export type {
  CopiedCollections,
  CopyManagerOptions,
  CopyOptions,
  CopyResult,
  CopyRunOptions,
  FailedCopy,
} from './jobs/copy/options.js'
/** The public SDK of `@elysia/data-ops`, and nothing else. */
export {type DoctorOptions, examine} from './jobs/doctor/doctor.js'
export type {CheckName, Finding} from './jobs/doctor/finding.js'
export {JobManager} from './jobs/machines/manager.js'
export type {
  AsideItem,
  CancelledJob,
  CreateBackupJobOptions,
  CreatedJob,
  CreateRestoreJobOptions,
  JobState,
  JobWorker,
  SealedByJob,
  WorkOptions,
  WorkResult,
} from './jobs/machines/options.js'
export type {ManagerOptions} from './jobs/options.js'
export {ReplaceManager} from './jobs/replace/manager.js'
export type {
  Replaced,
  ReplacedCollections,
  ReplaceOptions,
  ReplaceResult,
  ReplaceRunOptions,
} from './jobs/replace/options.js'
export {RestoreManager} from './jobs/restore/manager.js'
export type {FailedRestore, RestoreOptions, RestoreResult, RestoreRunOptions} from './jobs/restore/options.js'
export type {ShownObject, TransformPreview} from './jobs/survey.js'
export type {
  BackupVerification,
  CollectionComparison,
  ComparedThing,
  CompareOptions,
  Difference,
  DiffOptions,
  ObjectDifference,
  VerifyBackupOptions,
} from './jobs/verify/options.js'
export {Verifier} from './jobs/verify/verifier.js'
export {DataOpsError, type ErrorCode, EXIT_CODES} from './model/errors.js'
export type {WriteFailure} from './model/object.js'
export type {OperationOptions, ProgressEvent, ProgressStage, Warning} from './model/progress.js'
export type {SchemaProperty, WeaviateClass} from './model/schema.js'
export type {TenantStatus, WeaviateTenant} from './model/tenant.js'
export {nodePlatform} from './platform/node.js'
export {LocalStore} from './store/local/store.js'
export {openStore, type OpenStoreOptions} from './store/open.js'
export type {
  LockedEntry,
  LockMode,
  ObjectLock,
  PutCondition,
  Store,
  StoreEntry,
  StoreLocks,
  StoreReader,
  StoreUploads,
  StoreWriter,
  UnfinishedWriters,
} from './store/store.js'
export {connect} from './weaviate/connect.js'
export type {
  AboutServer,
  CollectionPlan,
  Connection,
  ConnectOptions,
  ExportBackend,
  ObjectPage,
  PageRequest,
  ServerCall,
  ServerNode,
  WeaviateAlias,
} from './weaviate/connection.js'
