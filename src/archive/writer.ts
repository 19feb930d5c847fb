/** Writes one backup, as docs/format.md describes it: everything under `….partial` until it is sealed. */
import type {BackupFormat, Platform} from '../codec/codec.js'
import type {Amendment, BackupHead, BackupSeal, BackupStatistics, SealedPart, SealedTenant} from '../codec/document.js'
import type {WeaviateObject} from '../model/object.js'
import type {Store} from '../store/store.js'

/** What is on the disk for good: where a resumed backup goes on. */
export interface ArchivePosition {
  /** Bytes of the unfinished document's file, and of the text in it. */
  document?: {fileBytes: number; textBytes: number}
  /** Directories: finished parts. Documents: the one part so far, without its hash. */
  parts: SealedPart[]
  rows: number
}

/** What only the end of a backup knows. */
export interface SealSummary {
  amendments: Amendment[]
  digest: string
  finished: string
  objectCount: number
  statistics: Omit<BackupStatistics, 'bytes' | 'rows'>
  tenants?: SealedTenant[]
}

export interface SealedArchive {
  /** Bytes on disk. */
  bytes: number
  /** Name in the store. */
  name: string
  seal: BackupSeal
}

export interface ArchiveWriter {
  /** Bytes written so far. */
  readonly bytes: number
  /** Closes the files and leaves what is there for a later run. */
  close: () => Promise<void>
  /** Puts everything written so far on the disk and says where that is. */
  flush: () => Promise<ArchivePosition>
  readonly rows: number
  /** Ends the backup: hashes, seal, fsync, and the name without `.partial`. */
  seal: (summary: SealSummary) => Promise<SealedArchive>
  write: (objects: readonly WeaviateObject[]) => Promise<void>
}

export interface ArchiveWriterOptions {
  /** Asked before each flush and before the seal. @throws when the backup is another process's by now. */
  check?: () => Promise<void>
  compress: boolean
  format: BackupFormat
  head: BackupHead
  /** Name that the backup will have; the partial name follows from it. */
  name: string
  platform: Platform
  /** Where an earlier run stopped. */
  resumeAt?: ArchivePosition
  store: Store
}

/** Follows the least and the greatest id of a part, and its rows. */
export class PartExtent {
  firstId?: string
  lastId?: string
  rows = 0

  static from(part: SealedPart | undefined): PartExtent {
    const extent = new PartExtent()
    if (part) {
      extent.rows = part.rows
      extent.firstId = part.first_id
      extent.lastId = part.last_id
    }

    return extent
  }

  add(objects: readonly WeaviateObject[]): void {
    this.rows += objects.length
    for (const {id} of objects) {
      if (this.firstId === undefined || id < this.firstId) this.firstId = id
      if (this.lastId === undefined || id > this.lastId) this.lastId = id
    }
  }

  seal(file: string | null, bytes: number, sha256: string): SealedPart {
    return {
      bytes,
      file,
      ...(this.firstId !== undefined && {first_id: this.firstId, last_id: this.lastId}),
      rows: this.rows,
      sha256,
    }
  }
}
