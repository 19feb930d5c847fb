/** Reading a JSON backup where there is nothing but its bytes: in a browser, an edge worker, a script. */
import type {WeaviateObject} from '../../model/object.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {ByteSource, Platform} from '../codec.js'

import {DataOpsError, throwIfOutOfMemory} from '../../model/errors.js'
import {isVoid, voidedRows} from '../amendments.js'
import {concatBytes, toHex, utf8} from '../bytes.js'
import {type BackupHead, type BackupMetadata, type BackupSeal, parseSealLine, unknownRequirement} from '../document.js'
import {isGzip} from '../gzip.js'
import {portablePlatform} from '../portable.js'
import {findSealLine} from '../seal-line.js'
import {type DocumentEnd, readJsonDocument} from './document.js'

const CHUNK_BYTES = 1 << 20

export interface ReadBackupOptions {
  /** Reads on although the seal does not hold: a document that was edited or reformatted since it was sealed. */
  acceptChanged?: boolean
  /** Bytes of objects in a batch; default 8 MiB. */
  pageBytes?: number
  /** Default: `portablePlatform`. */
  platform?: Platform
  signal?: AbortSignal
}

/** A backup of format json, or the one document of it, as a reader finds it. */
export interface BackupDocument {
  metadata: BackupMetadata
  /**
   * Batches of the objects that the backup holds, to be iterated once. The end rejects with BACKUP_DAMAGED unless the
   * document is what was sealed.
   */
  objects: AsyncIterable<WeaviateObject[]>
  /** The class as the server described it. */
  schema: WeaviateClass
  /**
   * Reads what is left and resolves with the seal, checked; undefined only where `acceptChanged` let a document without
   * one pass. @throws DataOpsError BACKUP_DAMAGED when it does not hold.
   */
  seal: () => Promise<BackupSeal | undefined>
}

/** A file, whole (`File` and `Blob` are read piece by piece), or as a stream (`response.body`). */
export type BackupBytes = AsyncIterable<Uint8Array> | Blob | ReadableStream<Uint8Array> | Uint8Array

/**
 * Opens a `.json` or `.json.gz` backup, told apart by their bytes, or the `metadata.json` of a directory, which has no
 * objects. A backup may be larger than memory. From a stream the seal is known last: a backup whose seal voids rows
 * (objects that changed while it ran), or that was reordered, must be given whole.
 * @throws DataOpsError NOT_A_BACKUP or BACKUP_DAMAGED.
 */
// Long because what is returned and what reads share what was found so far.
export async function readBackupDocument(bytes: BackupBytes, options: ReadBackupOptions = {}): Promise<BackupDocument> {
  const platform = options.platform ?? portablePlatform
  const open = () => inflated(chunksOf(bytes), platform)
  const file = wholeFile(bytes)
  let seal = file ? await sealFromEnd(file, platform) : undefined
  let head: BackupHead | undefined
  if (file && !seal) {
    if (!options.acceptChanged) throw new DataOpsError('BACKUP_DAMAGED', 'The backup does not end with a valid seal.')
    for await (const part of readJsonDocument(open(), {fromRow: Infinity, platform, signal: options.signal})) {
      if (part.kind === 'head') head = part.head
      else if (part.kind === 'end') seal = part.end.seal
    }
  }

  const voided = voidedRows(seal?.amendments ?? [])
  const document = platform.createSha256()
  const {pageBytes, signal} = options
  const parts = readJsonDocument(open(), {hash: {document}, pageBytes, platform, signal})
  if (!head) {
    const first = await parts.next()
    if (first.done === true || first.value.kind !== 'head') {
      await parts.return(undefined)
      throw new DataOpsError('INVALID_INPUT', 'The document was reordered, so it cannot be read as a stream.')
    }

    head = first.value.head
  }

  refuseUnknownRequirements(head.metadata, seal)
  let isFinished = false
  let failure: Error | undefined
  async function* read(): AsyncGenerator<WeaviateObject[]> {
    try {
      for await (const part of parts) {
        if (part.kind === 'rows') {
          const {firstRow, objects} = part.page
          yield voided.size === 0 ? objects : objects.filter((object, row) => !isVoid(voided, object, firstRow + row))
        } else if (part.kind === 'end') {
          if (!hasValidSeal(part.end, document.digest()) && !options.acceptChanged) {
            throw new DataOpsError('BACKUP_DAMAGED', 'The backup is not what was sealed: its seal does not hold.')
          }

          seal = part.end.seal
          refuseUnknownRequirements(seal)
          if (!file && voidedRows(seal?.amendments ?? []).size > 0) {
            throw new DataOpsError(
              'INVALID_INPUT',
              'The seal voids rows that were read already: give the backup whole.',
            )
          }

          isFinished = true
        }
      }
    } catch (error) {
      failure =
        error instanceof Error ? error : new DataOpsError('UNEXPECTED', 'The backup could not be read.', {cause: error})
      throw failure
    }
  }

  const objects = read()
  return {
    metadata: head.metadata,
    objects,
    schema: head.schema,
    async seal() {
      let batch = await objects.next()
      while (!batch.done) batch = await objects.next()
      if (failure) throw failure
      if (!isFinished)
        throw new DataOpsError('INVALID_INPUT', 'The objects were not read to their end, where the seal is.')
      return seal
    },
  }
}

function refuseUnknownRequirements(...holders: unknown[]): void {
  const word = unknownRequirement(...holders)
  if (word === undefined) return
  throw new DataOpsError(
    'NOT_A_BACKUP',
    `The backup requires ${word} of its reader, which this release does not know.`,
    {details: {requires: word}, hint: 'Use a newer release to read it.'},
  )
}

function hasValidSeal(end: DocumentEnd, sha256: Uint8Array): boolean {
  const {canonical, checksumHolds, documentBytes, objectCount, seal} = end
  return (
    canonical &&
    checksumHolds &&
    seal?.object_count === objectCount &&
    seal?.document?.bytes === documentBytes &&
    seal.document.sha256 === toHex(sha256)
  )
}

function isBlob(bytes: BackupBytes): bytes is Blob {
  return typeof Blob !== 'undefined' && bytes instanceof Blob
}

function wholeFile(bytes: BackupBytes): ByteSource | undefined {
  if (bytes instanceof Uint8Array) return {read: async (start, end) => bytes.subarray(start, end), size: bytes.length}
  if (!isBlob(bytes)) return undefined
  return {read: async (start, end) => new Uint8Array(await bytes.slice(start, end).arrayBuffer()), size: bytes.size}
}

/** The seal, found from the end of the file alone; undefined when there is none that holds. */
async function sealFromEnd(file: ByteSource, platform: Platform): Promise<BackupSeal | undefined> {
  const found = await findSealLine(file, isGzip(await file.read(0, 2)))
  if (!found) return undefined
  try {
    const sha256Hex = (text: string) => toHex(platform.sha256(utf8(text)))
    return parseSealLine(new TextDecoder('utf-8', {fatal: true}).decode(found.line), sha256Hex)
  } catch (error) {
    throwIfOutOfMemory(error)
    return undefined
  }
}

async function* chunksOf(bytes: BackupBytes): AsyncGenerator<Uint8Array> {
  if (bytes instanceof Uint8Array) {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES)
  } else if (isBlob(bytes)) {
    const file = wholeFile(bytes)!
    for (let at = 0; at < file.size; at += CHUNK_BYTES) yield file.read(at, at + CHUNK_BYTES)
  } else if ('getReader' in bytes) {
    // Not every browser iterates a stream by itself.
    const reader = bytes.getReader()
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
    } finally {
      await reader.cancel()
    }
  } else {
    yield* bytes
  }
}

/** The bytes as they are, or inflated when they start like gzip. */
async function* inflated(chunks: AsyncGenerator<Uint8Array>, platform: Platform): AsyncGenerator<Uint8Array> {
  let start: Uint8Array = new Uint8Array(0)
  while (start.length < 2) {
    const next = await chunks.next()
    if (next.done) break
    start = concatBytes([start, next.value])
  }

  async function* all() {
    yield start
    yield* chunks
  }

  yield* isGzip(start) ? platform.gunzip(all()) : all()
}
