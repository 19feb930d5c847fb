/** The public SDK of `@elysia/data-ops`, and nothing else. */
export type {LockOptions} from './archive/locked.js'
export type {Problem as BackupProblem} from './archive/problem.js'
export {BackupCatalog} from './catalog/catalog.js'
export type {BackupCatalogOptions, BackupStatus, ListedBackup, PruneOptions, PruneResult} from './catalog/catalog.js'
export type {CatalogEntry} from './catalog/entry.js'
export type {Listing} from './catalog/listing.js'
export type {RekeyOptions} from './catalog/rekey.js'
export type {RetentionPolicy} from './catalog/retention.js'
export type {ReindexResult, UnusableFile} from './catalog/scan.js'
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
export type {Confirmation} from './jobs/confirmation.js'
export {CopyManager} from './jobs/copy/manager.js'
export type {
  CopiedCollections,
  CopyManagerOptions,
  CopyOptions,
  CopyResult,
  CopyRunOptions,
  FailedCopy,
} from './jobs/copy/options.js'
export {type DoctorOptions, examine} from './jobs/doctor/doctor.js'
export type {CheckName, Finding} from './jobs/doctor/finding.js'
export {JobManager} from './jobs/machines/manager.js'
export type {
  AsideItem,
  CancelledJob,
  CreateBackupJobOptions,
  CreatedJob,
  CreateJobOptions,
  CreateRestoreJobOptions,
  JobKind,
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
export type {RestoredBackups} from './jobs/restore/restore.js'
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
export {Verifier, type VerifierOptions} from './jobs/verify/verifier.js'
export {DataOpsError, type DataOpsErrorOptions, type ErrorCode, EXIT_CODES} from './model/errors.js'
export type {WriteFailure} from './model/object.js'
export type {OperationOptions, ProgressEvent, ProgressStage, Warning} from './model/progress.js'
export type {SchemaProperty, WeaviateClass} from './model/schema.js'
export type {TenantStatus, WeaviateTenant} from './model/tenant.js'
export {nodePlatform} from './platform/node.js'
export type {EncryptionOptions} from './store/encryption.js'
export {LocalStore, type LocalStoreOptions} from './store/local/store.js'
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
export type {Capabilities, Capability} from './weaviate/capabilities.js'
export {connect} from './weaviate/connect.js'
export type {
  AboutServer,
  AtLevelRequest,
  CollectionPlan,
  Connection,
  ConnectOptions,
  ConsistencyLevel,
  ExportBackend,
  ExportShardState,
  ExportState,
  KnownObject,
  NodeState,
  ObjectPage,
  ObjectRequest,
  PageRequest,
  ReplicaOutcome,
  ReplicaReport,
  ReplicaSide,
  ReplyMeter,
  RestSide,
  ServerCall,
  ServerExports,
  ServerNode,
  WeaviateAlias,
  WeaviateClientLike,
  WriteRequest,
} from './weaviate/connection.js'
export type {ItemFailure, PhaseState, QueueEnd} from './work/queue.js'
