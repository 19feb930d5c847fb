/** The two ends of a document, plain or gzipped, each in bounded memory (docs/format.md, "The document" and "Gzip"). */
import {Buffer} from 'node:buffer'

import type {StoreReader} from '../store/store.js'

import {MAX_DEPTH} from '../codec/digest.js'
import {type BackupSeal, parseSealLine} from '../codec/document.js'
import {isGzip} from '../codec/gzip.js'
import {findSealLine} from '../codec/seal-line.js'
import {DataOpsError, throwIfOutOfMemory} from '../model/errors.js'
import {MalformedError} from '../model/fields.js'
import {nodePlatform, sha256Hex} from '../platform/node.js'
import {damaged} from '../store/damaged.js'

/** Bytes that the head line may have: a million tenants. */
export const MAX_LINE = 64 * 1024 * 1024
/** Bytes of the seal's line, whose checksum is compared before it is parsed: two million tenants, or four million amendments. */
export const MAX_SEAL = 256 * 1024 * 1024
/** Values that a head or seal may have: what JSON.parse makes of text is many times its size. */
const HEAD_VALUES = 4_000_000
export const SEAL_VALUES = 24_000_000
/** Two for each level of an object that may be nested, and some for the head itself. */
const MAX_NESTING = 2 * MAX_DEPTH + 16
const FIRST_READ = 64 * 1024
const NEWLINE = 10
const HEAD_START = '{"metadata":'
const HEAD_END = ',"objects":[\n'

export interface SealPlace {
  seal: BackupSeal
  /** Where the seal's line, or its gzip member, starts in the file. */
  start: number
}

export class DocumentSource {
  static async open(reader: StoreReader, where: string): Promise<DocumentSource> {
    const magic = await reader.read(0, Math.min(2, reader.size))
    return new this(reader, isGzip(magic), where)
  }

  private constructor(
    private readonly reader: StoreReader,
    readonly isCompressed: boolean,
    /** What messages call it. */
    readonly where: string,
  ) {}

  async *#pieces(): AsyncGenerator<Uint8Array> {
    const {size} = this.reader
    let length = FIRST_READ
    for (let at = 0; at < size;) {
      const end = Math.min(at + length, size)
      yield await this.reader.read(at, end)
      at = end
      length = Math.min(length * 2, 1024 * 1024)
    }
  }

  /** Bytes of the file. */
  get bytes(): number {
    return this.reader.size
  }

  /** The head line, `\n` included; undefined when the file starts in another way than a document of this format. */
  async headLine(): Promise<Uint8Array | undefined> {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of this.text()) {
      if (size === 0 && !latin1(piece.subarray(0, HEAD_START.length)).startsWith(HEAD_START)) return undefined
      const end = piece.indexOf(NEWLINE)
      pieces.push(end === -1 ? piece : piece.subarray(0, end + 1))
      size += piece.length
      if (end !== -1) {
        const line = Buffer.concat(pieces)
        return latin1(line.subarray(-HEAD_END.length)) === HEAD_END ? line : undefined
      }

      if (size > MAX_LINE) return undefined
    }

    return undefined
  }

  /** The seal, when the file ends with one whose checksum holds. */
  async seal(): Promise<SealPlace | undefined> {
    const found = await findSealLine(this.reader, this.isCompressed, MAX_SEAL)
    if (!found) return undefined
    try {
      const seal = parseSealLine(decodeJson(found.line, SEAL_VALUES), (hashed) => sha256Hex(hashed))
      return seal && {seal, start: found.start}
    } catch (error) {
      if (error instanceof MalformedError) return undefined
      throw error
    }
  }

  /** The first bytes of the file as it lies there, one character a byte. */
  async start(): Promise<string> {
    return latin1(await this.reader.read(0, Math.min(1024, this.reader.size)))
  }

  /** Bytes of a plain file. */
  async read(start: number, end: number): Promise<Uint8Array> {
    return this.reader.read(start, end)
  }

  /** The last bytes of the text, one character a byte; for these a gzipped file is read whole. */
  async end(): Promise<string> {
    if (!this.isCompressed)
      return latin1(await this.reader.read(Math.max(0, this.reader.size - 1024), this.reader.size))
    let end: Uint8Array = new Uint8Array()
    for await (const piece of this.text()) end = Buffer.concat([end, piece.subarray(-1024)]).subarray(-1024)
    return latin1(end)
  }

  /** The text from its start, in growing pieces: often its first line is all that is wanted. */
  async *text(): AsyncGenerator<Uint8Array> {
    if (!this.isCompressed) {
      yield* this.#pieces()
      return
    }

    try {
      yield* nodePlatform.gunzip(this.#pieces())
    } catch (error) {
      if (!(error instanceof DataOpsError && error.code === 'BACKUP_DAMAGED')) throw error
      throw damaged(this.where, 'it cannot be decompressed', {cause: error})
    }
  }
}

/**
 * JSON text from UTF-8 bytes, without tolerance.
 * @throws MalformedError also for JSON that would take far more memory than its text.
 */
export function decodeJson(bytes: Uint8Array, maxValues = HEAD_VALUES): string {
  let depth = 0
  let values = 0
  let isInString = false
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]
    if (byte === 0x22) isInString = !isInString
    else if (isInString) {
      // What a backslash escapes ends no string.
      if (byte === 0x5c) index++
    } else if (byte === 0x7b || byte === 0x5b) {
      values++
      if (++depth > MAX_NESTING) throw new MalformedError('its JSON', 'is nested too deeply')
    } else if (byte === 0x7d || byte === 0x5d) depth--
    else if (byte === 0x2c && ++values > maxValues) throw new MalformedError('its JSON', 'has too many values')
  }

  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes)
  } catch (error) {
    throwIfOutOfMemory(error)
    throw new MalformedError('its JSON', 'is not UTF-8')
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
