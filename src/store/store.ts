/** Where backups lie. The whole contract of a place, in the shape of object storage: no rename, no append to what is there, no clock to trust. */

/** Keys are relative, with `/` between folders, and never leave the store (`..`, absolute and symlinked-out keys are refused: INVALID_INPUT). */
export interface Store {
  /** A long write: nothing is at `key` until it is complete. @throws DataOpsError STORAGE; also when an `unfinished` one of that key is there. */
  createWriter: (key: string) => Promise<StoreWriter>
  /** What a person would type to find it: a path or URL without secrets. */
  describe: (key: string) => string
  /** What lies directly in a folder (`''`: the store itself), by name; none when there is nothing. Folders are prefixes: they are there while something lies in them. */
  list: (folder: string) => Promise<StoreEntry[]>
  /** Objects that nobody can change or remove before a time. Absent: the place has no such. */
  readonly locks?: StoreLocks
  /** Pinned: what takes the object's place later is unseen or an error, never mixed in. @throws DataOpsError STORAGE when it cannot be read; NOT_A_BACKUP when it does not exist. */
  openRead: (key: string) => Promise<StoreReader>
  /**
   * Writes a small object as a whole, durably, never half of it; without a condition it replaces. Returns its tag; undefined: the condition
   * was not met, and nothing was changed. Of many with `ifAbsent` at once, one wins. A folder of a machine cannot compare and replace in
   * one step: there `ifMatch` leans on the lease that its caller holds.
   */
  put: (key: string, bytes: Uint8Array, condition?: PutCondition) => Promise<string | undefined>
  /** Removes an object, or a folder with all in it; nothing to remove is no error. Never follows a symlink. `kind`: as of `stat`. */
  remove: (key: string, kind?: KnownKind) => Promise<void>
  /** What lies at a key; undefined: nothing does. @throws DataOpsError STORAGE when that cannot be said. */
  stat: (key: string, kind?: KnownKind) => Promise<StoreEntry | undefined>
  /** Where writes that another process left can be read and continued. Absent: they begin again. */
  readonly unfinished?: UnfinishedWriters
  /** Writes that were begun and neither completed nor dropped, where they are kept and paid for though nobody sees them. */
  readonly uploads?: StoreUploads
}

/** Only files have that name: no folder of it is looked for where that would be a request of its own. */
export type KnownKind = 'file'

/** `ifAbsent`: nothing has that key. `ifMatch`: the object has that tag. */
export type PutCondition = {ifAbsent: true} | {ifMatch: string}

/** What lies at a key. */
export interface StoreEntry {
  /** Bytes; 0 for a folder. */
  bytes: number
  kind: 'directory' | 'file' | 'other'
  /** Milliseconds since 1970, by the clock of the place; 0 for a folder that has no time of its own. */
  modified: number
  /** Last part of the key. */
  name: string
  /** Changes with the content. Only files have one; a listing may leave it out. */
  tag?: string
}

/** The bytes of one object, pinned. */
export interface StoreReader {
  /** Lets go of it; may be called twice. */
  close: () => Promise<void>
  /** Takes memory that `read` gave, for later reads: nobody looks at it any more. Absent: it stays the caller's. */
  giveBack?: (bytes: Uint8Array) => void
  /** Exactly `end - start` bytes. @throws DataOpsError BACKUP_DAMAGED when the object is shorter. */
  read: (start: number, end: number) => Promise<Uint8Array>
  /** Bytes. */
  size: number
  /** Chunks of at most 1 MiB, from `start` to `end` (the end of the object). With `isPassing` a chunk may be overwritten once the next is asked for. */
  stream: (start?: number, end?: number, options?: {isPassing?: boolean}) => AsyncIterable<Uint8Array>
}

/** One long write, invisible until it is complete. */
export interface StoreWriter {
  /** Appends; once it resolves, the memory of the chunks is the caller's again. @throws DataOpsError STORAGE, naming the space needed when the disk is full. */
  append: (chunks: readonly Uint8Array[]) => Promise<void>
  /** Appended so far. */
  readonly bytes: number
  /** Lets go of it. What is not complete is dropped, unless the store keeps it as `unfinished`. */
  close: () => Promise<void>
  /**
   * Shows all that was appended at its key, durably, and closes it; false when the key is taken: then it is still there to be completed
   * `as` another key, where the place can do that (false where it cannot).
   */
  complete: (as?: string) => Promise<boolean>
  /** Resolves once everything appended is safe, as far as the place can make it so before the end. */
  sync: () => Promise<void>
}

/** Writes that were begun and are not complete, by the key that they are to have. */
export interface UnfinishedWriters {
  /** @throws DataOpsError NOT_A_BACKUP when there is none. */
  openRead: (key: string) => Promise<StoreReader>
  /** Drops it; nothing to drop is no error. */
  remove: (key: string) => Promise<void>
  /** Cuts it to `bytes` and goes on from there. @throws DataOpsError BACKUP_DAMAGED when it has fewer; STORAGE when there is none. */
  resume: (key: string, bytes: number) => Promise<StoreWriter>
  /** How long it is; undefined: there is none. */
  stat: (key: string) => Promise<StoreEntry | undefined>
}

/** Writes that nobody may be able to continue. */
export interface StoreUploads {
  /** Drops each that `mayGo` says of; its keys. `begun`: milliseconds since 1970, by the clock of the place. */
  drop: (mayGo: (key: string, begun: number) => Promise<boolean>) => Promise<string[]>
}

/** `governance`: who has a permission of its own for that can undo it; `compliance`: nobody can. */
export type LockMode = 'compliance' | 'governance'

/** Until when nobody may change or remove an object. */
export interface ObjectLock {
  mode: LockMode
  /** Milliseconds since 1970. */
  until: number
}

/** A version of an object that is locked. */
export interface LockedEntry extends StoreEntry {
  lock: ObjectLock
  version: string
}

/**
 * What cannot be changed or removed before a time, also by whoever may do all else. What is written over it, or says that it was removed,
 * lies beside it and hides it: the first version that is locked is what was locked by its writer.
 */
export interface StoreLocks {
  /** Whether objects there can be locked one by one; undefined: nobody may ask. */
  areOn: () => Promise<boolean | undefined>
  /** Milliseconds that the clock of the place and this machine's are apart, when that was asked; undefined: it does not tell. */
  clocksApart: () => Promise<number | undefined>
  /** As those of the store, of an object that is locked from its first moment. */
  createWriter: (key: string, lock: ObjectLock) => Promise<StoreWriter>
  /** As that of the store, of an object that is locked from its first moment. */
  put: (key: string, bytes: Uint8Array, condition: PutCondition, lock: ObjectLock) => Promise<string | undefined>
  /** The first version that is locked now; undefined: none is; `unknown`: these credentials may not look. */
  find: (key: string) => Promise<'unknown' | LockedEntry | undefined>
  /** The first locked versions that something else lies over, by their keys: of `KEY` that one, of `FOLDER/` all in it. */
  hidden: (key: string) => Promise<Map<string, LockedEntry>>
  /** Locks the first locked version, or else what is there; one that is locked for longer stays so. @throws DataOpsError NOT_A_BACKUP when there is none. */
  lock: (key: string, lock: ObjectLock) => Promise<void>
  /** What lies or lay directly in a folder and may be hidden: folders, and objects that are there not once and as they were. */
  names: (folder: string) => Promise<string[]>
  /** Opens one version. @throws DataOpsError NOT_A_BACKUP when it is not there. */
  openRead: (key: string, version: string) => Promise<StoreReader>
}
