/** Writes one backup, as docs/format.md describes it: which is there once it is sealed, and not before. */
import type {BackupFormat} from '../codec/codec.js'
import type {WeaviateObject} from '../model/object.js'
import type {ObjectSink} from '../model/sink.js'
import type {Store} from '../store/store.js'

import {
  type Amendment,
  type BackupHead,
  type BackupSeal,
  type BackupStatistics,
  MAX_NAMED_MISSING,
  type MissingObject,
  type SealedCount,
  type SealedPart,
  type SealedTenant,
} from '../codec/document.js'

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
  /** Default true; false when it was found wanting. */
  complete?: boolean
  counted?: SealedCount
  /** Absent where the objects lie in an export that could not be read. */
  digest?: string
  finished: string
  guarantee?: string
  /** Known to be missing, by id. */
  missing?: MissingObject[]
  objectCount: number
  /** When an unfinished backup was continued, RFC 3339; empty: it was not. */
  resumed?: readonly string[]
  statistics: Partial<Omit<BackupStatistics, 'bytes' | 'rows'>>
  tenants?: SealedTenant[]
}

/** The members of a seal that say what the backup holds, the same in every format. */
export function sealedFacts(
  summary: SealSummary,
): Omit<BackupSeal, 'amendments' | 'checksum' | 'compressed' | 'document' | 'parts' | 'schema_sha256' | 'statistics'> {
  const {complete = true, counted, digest, finished, guarantee, missing, objectCount, resumed = [], tenants} = summary
  return {
    finished,
    ...(guarantee !== undefined && {guarantee}),
    complete,
    ...(!complete && {requires: ['incomplete']}),
    ...(counted && {counted}),
    ...(missing && missing.length > 0 && {missing: missing.slice(0, MAX_NAMED_MISSING)}),
    object_count: objectCount,
    ...(digest !== undefined && {digest}),
    ...(resumed.length > 0 && {resumed: [...resumed]}),
    ...(tenants && {tenants}),
  }
}

export interface SealedArchive {
  /** Bytes on disk. */
  bytes: number
  /** Another has sealed it, in words that may be others than `seal`. */
  isTheirs?: true
  /** Name in the store. */
  name: string
  seal: BackupSeal
}

/** A part that was written, and what lies in the place where that is not its text. */
export interface WrittenPart extends SealedPart {
  /** Encrypted: the file as it is. */
  stored?: {bytes: number; sha256: string}
}

/** A folder whose parts several write. */
export interface SharedFolder {
  /** Takes in parts that others have written. */
  adopt: (parts: readonly WrittenPart[]) => void
  /** A name for a part, given to nobody else. */
  nextName: (extension: string) => string
}

/** A sink that is nothing until it is sealed, in which what was taken is safe once it was flushed. One call at a time. */
export interface ArchiveWriter extends ObjectSink {
  /** Bytes written so far. */
  readonly bytes: number
  /** Closes the files and leaves what is there for a later run. */
  close: () => Promise<void>
  /** Documents: appends lines that others have made, joined by `,\n`. */
  appendLines?: (lines: Uint8Array, extent: Extent) => Promise<void>
  /** Puts everything written so far on the disk and says where that is. */
  flush: () => Promise<ArchivePosition>
  /** Where others can write parts of the backup; absent from documents. */
  readonly folder?: SharedFolder
  readonly rows: number
  /** Ends the backup: hashes, seal, and the name that makes it one. */
  seal: (summary: SealSummary) => Promise<SealedArchive>
}

/** Writes parts for a backup whose head and key others have put there. */
export interface PartsForOthers extends ObjectSink {
  /** Of the part that is being written, so far. */
  readonly bytes: number
  /** Begins a part, where none is being written: one without objects too. */
  begin: () => Promise<void>
  /** What is not finished is dropped. */
  close: () => Promise<void>
  /** Ends the part that is being written. Undefined when there is none. */
  finish: () => Promise<undefined | WrittenPart>
}

export interface ArchiveWriterOptions {
  /** Asked before each flush and before the seal. @throws when the backup is another process's by now. */
  check?: () => Promise<void>
  compress: boolean
  format: BackupFormat
  head: BackupHead
  /** Name that the backup will have. */
  name: string
  /** Where an earlier run stopped. */
  resumeAt?: ArchivePosition
  /** Of a folder that others may be sealing at this moment: what lies there may be theirs, and stays. */
  shared?: SharedSeal
  store: Store
}

/** Of many who propose something, the first one's is what all of them get. */
export type Agree = (what: string, proposal: Uint8Array) => Promise<Uint8Array>

export interface SharedSeal {
  /** What all of them write: what the first of them has proposed. */
  agree: Agree
  /** Whether one of them has made it this very backup. */
  isSealed: () => Promise<boolean>
  /** Of parts that only this attempt at the seal writes. */
  nextName: (extension: string) => string
}

/** Of a part, or of rows of one. */
export interface Extent {
  /** The least. */
  firstId?: string
  /** The greatest. */
  lastId?: string
  rows: number
}

/** Follows the extent of a part. */
export class PartExtent implements Extent {
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

  /** Rows of others. */
  take({firstId, lastId, rows}: Extent): void {
    this.rows += rows
    if (firstId !== undefined && (this.firstId === undefined || firstId < this.firstId)) this.firstId = firstId
    if (lastId !== undefined && (this.lastId === undefined || lastId > this.lastId)) this.lastId = lastId
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
