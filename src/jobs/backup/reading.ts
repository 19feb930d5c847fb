import type {CompletenessCheck} from './completeness.js'
import type {Reading} from './job.js'
import type {Open} from './open.js'
import type {ArchiveSink} from './sink.js'

/** A backup while its objects are read. */
export interface BackupReading extends Reading {
  /** Counts before and after, and looks again where fewer were read. */
  completeness: CompletenessCheck
  open: Open
  sink: ArchiveSink
}
