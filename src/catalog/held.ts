import type {HeldKind} from '../archive/encrypted/cover.js'

/** What a backup holds, and so what it may stand in for. */
export interface Held {
  /** Counted apart: none of one kind takes the place of one of another. */
  kind: HeldKind
  /** Of which there are objects; in a backup of some tenants. undefined: nobody knows without a key. */
  tenants?: ReadonlySet<string>
  /** What was changed on the way into it, as text; absent when nothing was, or nobody knows without a key. */
  transforms?: string
}

/** A backup that is there. */
export interface Looked {
  /** undefined: it is hidden. */
  collection?: string
  held: Held
  /** Of the backup. */
  id: string
  /** Another backup has taken the place of what it holds. */
  isReplaced?: true
  /** Every byte is what was sealed. */
  isWhole: () => Promise<boolean>
}
