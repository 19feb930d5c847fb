/** Where backups lie. The whole contract of a place; `local.ts` is the one that ships. */

/** Names are relative to the store, with `/` between folders, and never leave it (`..`, absolute and symlinked-out names are refused). */
export interface Store {
  /** Creates exclusively: false when the name is taken. */
  createDirectory: (name: string) => Promise<boolean>
  /** What a person would type to find it: a path or URL without secrets. */
  describe: (name: string) => string
  /** Names in a folder (`''` for the store itself); none when it does not exist. */
  list: (name: string) => Promise<StoreEntry[]>
  /** @throws DataOpsError STORAGE when it cannot be read; NOT_A_BACKUP when it does not exist. */
  openRead: (name: string) => Promise<StoreReader>
  /** Opens for appending. `create` is exclusive (STORAGE when taken); `resumeAt` cuts the file to that many bytes first. */
  openWrite: (name: string, mode: {create: true} | {resumeAt: number}) => Promise<StoreWriter>
  /** Removes a file, or a folder with all in it; nothing to remove is no error. Never follows a symlink. */
  remove: (name: string) => Promise<void>
  /** Renames without replacing: false when the target is taken. The folder is fsynced. */
  rename: (from: string, to: string) => Promise<boolean>
  stat: (name: string) => Promise<StoreEntry | undefined>
  /** Replaces a small file as a whole: temporary file, fsync, rename, fsync of the folder. */
  writeAtomic: (name: string, bytes: Uint8Array) => Promise<void>
}

export interface StoreEntry {
  /** Bytes; 0 for a folder. */
  bytes: number
  kind: 'directory' | 'file' | 'other'
  /** Milliseconds since 1970. */
  modified: number
  /** Last part of the name. */
  name: string
}

export interface StoreReader {
  close: () => Promise<void>
  /** Exactly `end - start` bytes. @throws DataOpsError BACKUP_DAMAGED when the file is shorter. */
  read: (start: number, end: number) => Promise<Uint8Array>
  /** Bytes. */
  size: number
  /** Chunks of at most 1 MiB, from `start` to `end` (the end of the file). */
  stream: (start?: number, end?: number) => AsyncIterable<Uint8Array>
}

export interface StoreWriter {
  /** Appends. @throws DataOpsError STORAGE, naming the space needed when the disk is full. */
  append: (chunks: readonly Uint8Array[]) => Promise<void>
  /** Bytes in the file. */
  readonly bytes: number
  close: () => Promise<void>
  /** Resolves once everything appended is on the disk. */
  sync: () => Promise<void>
}
