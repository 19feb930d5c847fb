/** What codecs borrow from Node: native hashes and compression. */
/* eslint-disable n/no-unsupported-features/node-builtins -- zstd is experimental: its results are checked, and codecs do without where it is missing */
import {createCipheriv, createHash, createSecretKey, hash, randomBytes} from 'node:crypto'
import {pipeline, Readable} from 'node:stream'
import {promisify} from 'node:util'
import * as zlib from 'node:zlib'

import type {Platform} from '../codec/codec.js'

import {damaged, GZIP_HEADER} from '../codec/gzip.js'
import {DataOpsError, throwIfOutOfMemory} from '../model/errors.js'
import {uuidOfHex} from '../model/uuid-range.js'
import {freeBytes, freeFilled} from './free.js'

const gzipAsync = promisify<zlib.InputType, zlib.ZlibOptions, Uint8Array>(zlib.gzip)

/** Fast enough not to hold up a backup; higher levels gain little on float32 text. */
const GZIP_LEVEL = 1
const ZSTD_LEVEL = 1
/** Room that is left over, by which zlib knows that nothing more comes; in it headers too, and what hardly any text becomes. */
const SPARE = 512
/** Bytes that are compressed, or decompressed, into one piece at most. */
const AT_ONCE = 16 * 1024 * 1024
const INFLATED_CHUNK_BYTES = 256 * 1024

/** Node's own hashes and compression. */
export const nodePlatform: Platform = {
  crc32: (bytes) => zlib.crc32(bytes),
  createSha256() {
    const sha256 = createHash('sha256')
    return {
      digest: () => sha256.digest(),
      update(bytes) {
        sha256.update(bytes)
      },
    }
  },
  free: freeBytes,
  gunzip,
  async gzip(bytes) {
    const member = await gzipAsync(bytes, {chunkSize: gzipChunk(bytes.length), level: GZIP_LEVEL})
    // zlib's header has the same ten bytes, with its level and system in them.
    member.set(GZIP_HEADER)
    return member
  },
  sha256: hashOf,
  // Node 22.15 and later.
  ...(typeof zlib.zstdCompressSync === 'function' && {zstdCompress, zstdDecompress}),
}

/** Text is less than half as long afterwards: one piece, where zlib's own, 16 KiB each, are joined by a copy. */
function gzipChunk(bytes: number): number {
  return Math.min(bytes >> 1, AT_ONCE) + SPARE
}

const HASH_BYTES = 32

/** As text, one character a byte: a Buffer for each would have memory outside the heap, which the garbage collector is called for. */
function hashOf(bytes: Uint8Array): Uint8Array {
  const text = hash('sha256', bytes, 'binary')
  const digest = new Uint8Array(HASH_BYTES)
  // eslint-disable-next-line unicorn/prefer-code-point -- a unit is a byte here
  for (let index = 0; index < HASH_BYTES; index++) digest[index] = text.charCodeAt(index)
  return digest
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>, {isPassing = false} = {}): AsyncGenerator<Uint8Array> {
  let given = 0
  /** Errors of the source are its own; only those of zlib speak of the bytes. */
  let sourceError: Error | undefined
  async function* counted() {
    let isReading = true
    try {
      for await (const chunk of chunks) {
        given += chunk.length
        isReading = false
        yield chunk
        isReading = true
      }
    } catch (error) {
      // What zlib refuses while there is more to read is thrown into the yield.
      if (!isReading) throw error
      sourceError =
        error instanceof Error ? error : new DataOpsError('UNEXPECTED', 'The backup could not be read.', {cause: error})
      throw sourceError
    }
  }

  const inflate = zlib.createGunzip({chunkSize: INFLATED_CHUNK_BYTES})
  try {
    pipeline(Readable.from(counted(), {objectMode: true}), inflate, () => {
      // Iterating `inflate` rejects with the same error.
    })
    for await (const piece of inflate as AsyncIterable<Uint8Array>) {
      yield piece
      if (isPassing) freeFilled(piece)
    }
  } catch (error) {
    if (sourceError) throw sourceError
    throw damaged((error as Error).message, error)
  } finally {
    inflate.destroy()
  }

  // zlib takes zeros after a member for padding, and no bytes at all for an empty file.
  if (given === 0 || inflate.bytesWritten !== given) throw damaged('the bytes do not end with a gzip member')
}

function zstdCompress(bytes: Uint8Array): Uint8Array {
  return zlib.zstdCompressSync(bytes, {
    // In one piece: zlib's own chunks, 16 KiB each, are joined by a copy.
    chunkSize: Math.min(bytes.length + (bytes.length >> 8), AT_ONCE) + SPARE,
    params: {[zlib.constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL},
  })
}

function zstdDecompress(bytes: Uint8Array, outputLength: number): Uint8Array {
  let inflated: Uint8Array
  try {
    inflated = zlib.zstdDecompressSync(bytes, {
      // What is claimed is not believed further than that.
      chunkSize: Math.min(outputLength, AT_ONCE) + SPARE,
      maxOutputLength: Math.max(1, outputLength),
    })
  } catch (error) {
    throwIfOutOfMemory(error)
    throw new DataOpsError('BACKUP_DAMAGED', 'A zstd frame of the backup cannot be read.', {cause: error})
  }

  if (inflated.length !== outputLength) {
    throw new DataOpsError(
      'BACKUP_DAMAGED',
      `A zstd frame of the backup holds ${inflated.length} bytes, not ${outputLength}.`,
    )
  }

  return inflated
}

/** Lower-case hex of the SHA-256 of text or bytes. */
export function sha256Hex(...pieces: ReadonlyArray<string | Uint8Array>): string {
  const sum = createHash('sha256')
  for (const piece of pieces) sum.update(piece)
  return sum.digest('hex')
}

/** A UUID: the same for the same text, and for no other. */
export function derivedUuid(text: string): string {
  const hex = sha256Hex(text)
  return uuidOfHex(`${hex.slice(0, 12)}8${hex.slice(13, 16)}8${hex.slice(17, 32)}`)
}

/** What clouds check bytes by that they are sent: no proof against people. */
export function md5(bytes: Uint8Array): Buffer {
  return hash('md5', bytes, 'buffer')
}

/** Threads of this process can have it, nobody else. */
export type PieceKey = ReturnType<typeof createSecretKey>

export function newPieceKey(): PieceKey {
  return createSecretKey(randomBytes(16))
}

/**
 * 16 bytes that tell a piece of bytes from others within this process, at half of what SHA-256 costs: GMAC under a key that nobody else knows.
 * `number`: of the piece; one with another number has another tag.
 */
export function pieceTag(key: PieceKey, piece: Uint8Array, number: number): Uint8Array {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setFloat64(0, number, true)
  const cipher = createCipheriv('aes-128-gcm', key, nonce)
  cipher.setAAD(piece)
  cipher.final()
  return cipher.getAuthTag()
}

/** Unpredictable bytes as lower-case hex, two digits a byte. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

export {randomUUID} from 'node:crypto'

export {crc32, createInflateRaw, type InflateRaw} from 'node:zlib'
