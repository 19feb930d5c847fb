import type {FailedRestore, RestoreOptions, RestoreResult} from '../restore/options.js'

/** How a collection is replaced: as a restore, but for what would not be a replacement. */
export interface ReplaceOptions extends Omit<
  RestoreOptions,
  'atomic' | 'merge' | 'onConflict' | 'retryRejected' | 'skipData' | 'tenants'
> {
  /** Needed for protected names. */
  allowProtected?: boolean
  /** Onloads offloaded tenants, so that the backup taken first has them; default: a collection that has some is not replaced. */
  includeOffloaded?: boolean
  /** Names that need `allowProtected`; default as for a clear. */
  protectedNames?: readonly string[]
  /** Milliseconds in which nothing may change before the collection is dropped; default 2,000. */
  quietForMs?: number
}

/** The same for several collections. */
export interface ReplaceRunOptions extends ReplaceOptions {
  /** Goes on with the other backups when one cannot be restored; `failed` of the result names it. */
  keepGoing?: boolean
  /** Called with each collection as soon as it is confirmed; the next one waits for it. */
  onConfirmed?: (replaced: ReplaceResult) => Promise<void> | void
}

/** What was there before. */
export interface Replaced {
  /** Backups of what earlier runs dropped, that were not finished, the oldest first: `saved` has what came to be there since. */
  earlier?: string[]
  /** Milliseconds in which readers found no collection, or a part of it; 0 where an alias was switched. Absent when an earlier run dropped it. */
  gapMs?: number
  /** Objects of it. */
  objectCount?: number
  /** Its sealed and verified backup, or the collection that the alias pointed at. */
  saved: string
}

/** What came of it, and where what was there before is. */
export interface ReplaceResult extends RestoreResult {
  /** Absent when there was nothing. */
  replaced?: Replaced
}

/** What came of the replacements of several collections. */
export interface ReplacedCollections {
  collections: ReplaceResult[]
  failed?: FailedRestore[]
}
