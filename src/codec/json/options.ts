import type {IncrementalHash, Platform, ReadRowsOptions} from '../codec.js'

export const DEFAULT_LINE_BYTES = 512 * 1024 * 1024

/** What a document is read with. */
export interface ReadDocumentOptions extends ReadRowsOptions {
  /** Fed while reading a canonical document: `document` with everything before the seal line, `objects` with the object lines. */
  hash?: {document?: IncrementalHash; objects?: IncrementalHash}
  /** Bytes of the longest line (object, head or seal) to accept; default 512 MiB. Memory is bounded by twice that. */
  lineBytes?: number
  platform: Pick<Platform, 'sha256'>
  /** Pages have a `release`; without a call of it their vectors, kept one by one, hold up to 1 MiB each. Default: vectors have memory of their own. */
  reusesMemory?: boolean
}
