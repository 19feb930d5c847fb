/** What a backup holds, and so what it may stand in for. */
export interface Held {
  /** Counted apart: none of one kind takes the place of one of another. */
  kind: 'all' | 'incomplete' | 'schema' | 'some'
  /** Of which there are objects; in a backup of some tenants. undefined: nobody knows without a key. */
  tenants?: ReadonlySet<string>
}

/** A backup that is there. */
export interface Looked {
  /** undefined: it is hidden. */
  collection?: string
  held: Held
  /** Of the backup. */
  id: string
  /** Every byte is what was sealed. */
  isWhole: () => Promise<boolean>
}
