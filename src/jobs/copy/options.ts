import type {Store} from '../../store/store.js'
import type {ReplicaReport} from '../../weaviate/connection.js'
import type {FailedRestore, RestoreOptions, RestoreResult} from '../restore/options.js'

/** How one collection is copied. */
export interface CopyOptions extends Omit<RestoreOptions, 'acceptChanged' | 'checkpointDirectory'> {
  /** Onloads offloaded tenants of the source to copy them too; otherwise they are left out, and named. */
  includeOffloaded?: boolean
  /** Milliseconds to wait at most, where one of several replicas of the source is read, until the server has found all of them equal; default 0. */
  waitReplicasMs?: number
}

/** The same for several collections. */
export interface CopyRunOptions extends CopyOptions {
  /** Collections to leave out, as patterns: `*` stands for any text. */
  exclude?: readonly string[]
  /** Goes on with the other collections when one cannot be copied; `failed` of the result names it. */
  keepGoing?: boolean
  /** Called with each collection as soon as it is counted, compared where that was asked for, and shown to readers; the next one waits for it. */
  onConfirmed?: (copied: CopyResult) => Promise<void> | void
}

/** What all copies of a manager have in common. */
export interface CopyManagerOptions {
  /** Folder of checkpoints and refused objects; default `./backups`. */
  directory?: string
  /** Folder for notes of activated tenants, where that of the checkpoints cannot be written or is not there. */
  stateDirectory?: string
  /** In place of a folder. */
  store?: Store
}

/** What came of the copy of one collection. */
export interface CopyResult extends Omit<RestoreResult, 'backupId'> {
  /** False: objects that the source's server counted were not listed by it, and are not copied. */
  complete: boolean
  /** The collection that was read. */
  source: {
    collection: string
    /** What its replicas differed in; absent without replicas. */
    replicas?: ReplicaReport
    server: string
  }
  /** Tenants that were not copied, and why; absent when there are none. */
  tenantsLeftOut?: Array<{name: string; reason: string}>
}

/** A collection that was not copied. */
export interface FailedCopy {
  /** As it was given, or a pattern matched it. */
  collection: string
  error: FailedRestore['error']
}

/** What came of the copies of several collections. */
export interface CopiedCollections {
  collections: CopyResult[]
  /** With `keepGoing`: those left out; absent when there are none. */
  failed?: FailedCopy[]
}
