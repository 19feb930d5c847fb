/** Canonical gzip members (docs/format.md, "Gzip"), and gzip for platforms that have none of their own. */
import {deflateSync, Gunzip} from 'fflate'

import {DataOpsError, outOfMemory} from '../model/errors.js'
import {concatBytes, viewOf} from './bytes.js'

/** No time, no name, no system: the same bytes whoever wrote them. */
export const GZIP_HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)

/** CRC-32 and size, behind the deflate blocks of a member. */
const TRAILER_BYTES = 8
const STORED_BLOCK_BYTES = 65_535
/** Deflate expands to 1,032 times at most: what one step may inflate stays near 16 MiB. */
const STEP_BYTES = 16_384

const CRC_TABLE = Uint32Array.from({length: 256}, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xed_b8_83_20 : 0)
  return value
})

/** CRC-32 as gzip has it; `value` continues an earlier one. */
export function crc32(bytes: Uint8Array, value = 0): number {
  let crc = ~value
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 255]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Whether bytes start like a gzip file. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

function member(deflated: readonly Uint8Array[], content: Uint8Array): Uint8Array {
  const trailer = new Uint8Array(TRAILER_BYTES)
  const view = viewOf(trailer)
  view.setUint32(0, crc32(content), true)
  view.setUint32(4, content.length, true)
  return concatBytes([GZIP_HEADER, ...deflated, trailer])
}

/** One whole canonical member, fastest level, by fflate. */
export function portableGzip(bytes: Uint8Array): Uint8Array {
  return member([deflateSync(bytes, {level: 1})], bytes)
}

/** One whole canonical member of stored blocks: what the seal line goes into. */
export function storedMember(bytes: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = []
  const blocks = Math.max(1, Math.ceil(bytes.length / STORED_BLOCK_BYTES))
  for (let block = 0; block < blocks; block++) {
    const content = bytes.subarray(block * STORED_BLOCK_BYTES, (block + 1) * STORED_BLOCK_BYTES)
    const {length} = content
    const last = block === blocks - 1 ? 1 : 0
    pieces.push(Uint8Array.of(last, length & 255, length >>> 8, ~length & 255, (~length >>> 8) & 255), content)
  }

  return member(pieces, bytes)
}

/**
 * Where the member that holds the seal line lies in a file of `fileSize` bytes, of which `tail` are the last (four suffice).
 * Undefined where no such member fits.
 */
export function locateSealMember(tail: Uint8Array, fileSize: number): undefined | {end: number; start: number} {
  if (tail.length < 4) return undefined
  const length = new DataView(tail.buffer, tail.byteOffset + tail.length - 4, 4).getUint32(0, true)
  const blocks = Math.max(1, Math.ceil(length / STORED_BLOCK_BYTES))
  const start = fileSize - (GZIP_HEADER.length + length + 5 * blocks + TRAILER_BYTES)
  return start < 0 ? undefined : {end: fileSize, start}
}

/** The content of a stored member; undefined when it is not byte for byte what `storedMember` writes. */
export function readStoredMember(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < GZIP_HEADER.length + 5 + TRAILER_BYTES) return undefined
  const place = locateSealMember(bytes, bytes.length)
  if (place?.start !== 0) return undefined
  const length = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4).getUint32(0, true)
  const content = new Uint8Array(length)
  let from = GZIP_HEADER.length
  for (let to = 0; to === 0 || to < length; to += STORED_BLOCK_BYTES) {
    const size = Math.min(STORED_BLOCK_BYTES, length - to)
    content.set(bytes.subarray(from + 5, from + 5 + size), to)
    from += 5 + size
  }

  const expected = storedMember(content)
  return expected.every((byte, index) => byte === bytes[index]) ? content : undefined
}

/** The error of bytes that are not gzip, or not all of it. */
export function damaged(reason: string, cause?: unknown): DataOpsError {
  return (
    outOfMemory(cause) ??
    new DataOpsError('BACKUP_DAMAGED', `The compressed backup cannot be read: ${reason}.`, {cause})
  )
}

/**
 * Inflates any number of gzip members by fflate, checking each one's CRC and size.
 * @throws DataOpsError BACKUP_DAMAGED on bytes that are not gzip, end early or go on after the last member.
 */
export async function* portableGunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let inflated: Uint8Array[] = []
  let crc = 0
  let size = 0
  /** Bytes given to fflate, of which `recent` are the last: the trailer of a member stands just before the next one. */
  let given = 0
  let recent: Uint8Array = new Uint8Array(0)

  const checkMember = (end: number) => {
    const at = recent.length - (given - end) - TRAILER_BYTES
    if (at < 0) throw damaged('it ends early')
    const trailer = new DataView(recent.buffer, recent.byteOffset + at, TRAILER_BYTES)
    if (trailer.getUint32(0, true) !== crc || trailer.getUint32(4, true) !== size >>> 0) {
      throw damaged('a checksum does not hold')
    }

    crc = 0
    size = 0
  }

  const gunzip = new Gunzip((bytes) => {
    if (bytes.length === 0) return
    crc = crc32(bytes, crc)
    size += bytes.length
    inflated.push(bytes)
  })
  gunzip.onmember = checkMember

  const push = (bytes: Uint8Array, isFinal: boolean) => {
    recent = concatBytes([recent.subarray(-STEP_BYTES), bytes])
    given += bytes.length
    try {
      gunzip.push(bytes, isFinal)
    } catch (error) {
      throw error instanceof DataOpsError ? error : damaged('it is not gzip, or ends early', error)
    }

    const ready = inflated
    inflated = []
    return ready
  }

  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += STEP_BYTES) {
      // fflate keeps what it is given; the chunk may be its owner's again.
      yield* push(new Uint8Array(chunk.subarray(at, at + STEP_BYTES)), false)
    }
  }

  yield* push(new Uint8Array(0), true)
  if (given < GZIP_HEADER.length + TRAILER_BYTES) throw damaged('it ends early')
  checkMember(given)
}
