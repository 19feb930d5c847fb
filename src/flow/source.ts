/** What a collection is read from: a backup, a live collection, what another program exported. */
import type {ReadRowsOptions} from '../codec/codec.js'
import type {BackupHead, BackupSeal, BackupStatistics} from '../codec/document.js'
import type {WeaviateObject} from '../model/object.js'
import type {OperationOptions} from '../model/progress.js'

/** Objects in the order of their rows. Rows are ordinals, the same whenever the source is read, so that a job can go on from one. */
export interface SourcePage {
  /** Ordinal behind the last row. */
  endRow: number
  /** Ordinal of the first row, from 0. */
  firstRow: number
  /** Rows whose objects are no longer there; absent where none are. */
  gone?: number[]
  objects: WeaviateObject[]
  /** See `RowPage.release`. */
  release?: () => void
  /** The ordinal of each object, ascending. What was one object in the source has one row. */
  rows: number[]
}

/** Which objects of a source are read. */
export interface ReadSourceOptions extends ReadRowsOptions {
  /** Reads every row, those before `fromRow` too, and compares them with the seal at the end, where there is one. */
  check?: boolean
}

/** What a source says of its content as a whole. */
export interface SourceContent extends Pick<BackupSeal, 'complete' | 'counted' | 'missing'> {
  /** Absent: it may change while it is read. */
  digest?: string
  /** Objects in all. */
  object_count: number
  /** Absent: known only once all of it was read. */
  statistics?: Partial<Omit<BackupStatistics, 'bytes' | 'rows'>>
  tenants?: BackupSeal['tenants']
}

/** Where objects of a collection come from: a server, a backup, an export, or code. */
export interface ObjectSource {
  /** Tells its content from any other. */
  readonly fingerprint: string
  /** Schema, tenants, aliases. */
  readonly head: BackupHead
  /** Objects may change, or go, while it is read; its rows stay the same. */
  readonly isLive?: boolean
  /** Changed on the way by what this run was given: what is not as its seal says is their doing. */
  readonly isTransformed?: boolean
  /** What notes of jobs that read it are called by. */
  readonly name: string
  /** undefined: known only once it is read. */
  readonly objectCount?: number
  /** Where it lies, for messages. */
  readonly path: string
  /** What it says of its content as a whole, where it does. */
  readonly seal?: SourceContent
  /** That write it unless told otherwise; undefined: by the cores. */
  readonly workers?: number
  /** Makes sure that it is whole, and that what is read from now on is what was looked at. @throws DataOpsError BACKUP_DAMAGED. */
  assertWhole: (options?: OperationOptions) => Promise<void>
  /** From `fromRow` on. */
  pages: (options?: ReadSourceOptions) => AsyncIterable<SourcePage>
}
