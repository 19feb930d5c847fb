/** The contract between codecs and whoever moves the bytes. Nothing in this folder imports `node:`. */
import type {WeaviateObject} from '../model/object.js'
import type {WeaviateClass} from '../model/schema.js'

export const FORMATS = ['json', 'parquet', 'arrow'] as const
/** How the objects of a backup are laid down: in one JSON document, or in a folder of Parquet or Arrow parts. */
export type BackupFormat = (typeof FORMATS)[number]

/** What a codec borrows from the platform it runs on; `portable.ts` has one for any, `src/platform/node.ts` the faster one. */
export interface Platform {
  /** As gzip has it, unsigned; absent where the platform has none of its own. */
  crc32?: (bytes: Uint8Array) => number
  /** Begins a SHA-256. */
  createSha256: () => IncrementalHash
  /** Frees the memory of bytes that `zstdDecompress` made, which nobody looks at any more; absent: the garbage collector does. */
  free?: (bytes: Uint8Array) => void
  /**
   * Inflates any number of gzip members; rejects with BACKUP_DAMAGED on bytes that are not gzip or end early. With `isPassing` a piece may be gone
   * once the next is asked for.
   */
  gunzip: (chunks: AsyncIterable<Uint8Array>, options?: {isPassing?: boolean}) => AsyncIterable<Uint8Array>
  /** One whole gzip member with the canonical header of docs/format.md, fastest level. */
  gzip: (bytes: Uint8Array) => Promise<Uint8Array>
  /** Of all the bytes at once; 32 bytes. */
  sha256: (bytes: Uint8Array) => Uint8Array
  /** One zstd frame; absent where the platform has no zstd (then Parquet falls back to snappy or gzip). */
  zstdCompress?: (bytes: Uint8Array) => Uint8Array
  /** One zstd frame that becomes `outputLength` bytes. */
  zstdDecompress?: (bytes: Uint8Array, outputLength: number) => Uint8Array
}

/** A hash of bytes that come in pieces. */
export interface IncrementalHash {
  /** 32 bytes; the hash cannot be used afterwards. */
  digest: () => Uint8Array
  /** Takes the next bytes, and keeps no reference to them. */
  update: (bytes: Uint8Array) => void
}

/** Random access to the bytes of one part. */
export interface ByteSource {
  /** Takes memory that `read` gave, for later reads: nobody looks at it any more. Absent: it stays the caller's. */
  giveBack?: (bytes: Uint8Array) => void
  /** @throws DataOpsError BACKUP_DAMAGED when the bytes are not there. */
  read: (start: number, end: number) => Promise<Uint8Array>
  /** Bytes. */
  size: number
}

/** What a column of a part can hold. */
export const COLUMN_ROLES = [
  'creation_time',
  'exceptions',
  'id',
  'named_vector',
  'property',
  'tenant',
  'update_time',
  'vector',
] as const

/** Which column of a part holds what (docs/format.md, "Parquet and Arrow parts"). */
export interface PartColumn {
  name: string
  property?: string
  role: (typeof COLUMN_ROLES)[number]
  /** The Weaviate data type of a property. */
  type?: string
  /** The name of a named vector. */
  vector?: string
  /** Named vectors: whether it is a multi vector. */
  vectorKind?: 'multi' | 'single'
}

/** What a part is written with. */
export interface PartEncoderOptions {
  columns: readonly PartColumn[]
  /** zstd (where the platform has it) instead of what the codec does by default. */
  compress: boolean
  platform: Platform
  /**
   * Resolves once nobody looks any more at what earlier calls returned: the encoder waits for it before it uses that memory again.
   * Default: the memory stays the caller's.
   */
  released?: () => Promise<void>
  /** Bytes of objects that one row group should hold; default 8 MiB. */
  rowGroupBytes?: number
  schema: WeaviateClass
}

/** Turns pages of objects into the bytes of one part, in order. */
export interface PartEncoder {
  /** Ends the part: the bytes that are left, footer included. Nothing may be written afterwards. */
  finish: () => Promise<Uint8Array[]>
  /** Objects taken so far. */
  readonly rows: number
  /** Takes objects; returns the bytes that are ready to be appended (none while a row group fills). Keeps no reference to a page's bytes once they are returned. */
  write: (objects: readonly WeaviateObject[]) => Promise<Uint8Array[]>
}

/** Consecutive rows of a part. `firstRow` is the ordinal of the first, within the part. */
export interface RowPage {
  /** From 0. */
  firstRow: number
  objects: WeaviateObject[]
  /** Says that nobody looks at the objects any more: their memory is used for those to come. Need not be called. */
  release?: () => void
}

/** Which rows are read, and how. */
export interface ReadRowsOptions {
  /** `all`, or less where that is all that is needed: `references` has id, tenant and reference properties, `ids` id, tenant and times. */
  columns?: 'all' | 'ids' | 'references'
  /** First row wanted; default 0. */
  fromRow?: number
  /** Bytes of objects that a page should hold at most; default 8 MiB. */
  pageBytes?: number
  signal?: AbortSignal
}

/** Reads the rows of one part. */
export interface PartDecoder {
  /** Rows in order. @throws DataOpsError BACKUP_DAMAGED on anything that is not what the codec writes. */
  read: (options?: ReadRowsOptions) => AsyncIterable<RowPage>
  /** Rows of the part. */
  readonly rows: number
}

/** What a part is read with. */
export interface PartDecoderOptions {
  /** From `metadata.columns`; a foreign file has none and is read by names and types. */
  columns?: readonly PartColumn[]
  platform: Platform
  schema: WeaviateClass
}

/** A format whose objects stand in parts of their own: Parquet, Arrow. */
export interface PartCodec {
  /** The columns of a collection's parts, from its schema. */
  columns: (schema: WeaviateClass) => PartColumn[]
  /** Begins a part. */
  createEncoder: (options: PartEncoderOptions) => PartEncoder
  /** File name extension without the dot. */
  extension: string
  format: BackupFormat
  /** Opens a part. @throws DataOpsError BACKUP_DAMAGED when it is none of this format. */
  openDecoder: (source: ByteSource, options: PartDecoderOptions) => Promise<PartDecoder>
}
