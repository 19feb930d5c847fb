/** Documents without a seal that holds: another tool's, reformatted, or edited. Only for those who ask for them. */
import {Buffer} from 'node:buffer'

import type {Amendment, BackupMetadata} from '../codec/document.js'
import type {WeaviateClass} from '../model/schema.js'

import {concatBytes} from '../codec/bytes.js'
import {Field, MalformedError} from '../model/fields.js'
import {isJsonObject} from '../model/object.js'
import {isServerText} from '../model/server-text.js'
import {derivedUuid} from '../platform/node.js'
import {decodeJson, type DocumentSource, MAX_LINE, MAX_SEAL, SEAL_VALUES} from './document-source.js'
import {
  type BackupKind,
  partFile,
  present,
  readAmendment,
  readColumns,
  readSchema,
  readTenantStatuses,
  texts,
} from './sealed-fields.js'

/** What there is of a document before its objects. */
export interface Opening {
  /** The text ends before its objects, and before the object that it is. */
  isCut: boolean
  /** There are no objects: the text was read whole. */
  isWhole: boolean
  /** Undefined where the text is no JSON object. */
  value?: Record<string, unknown>
}

/** Reads the members before `objects`, in any formatting; a document without `objects` is read whole. */
export async function readOpening(source: DocumentSource): Promise<Opening> {
  const scanner = new OpeningScanner()
  try {
    for await (const piece of withoutMark(source.text())) {
      if (scanner.push(piece)) break
      if (scanner.bytes > MAX_LINE) return {isCut: false, isWhole: false}
    }

    const value: unknown = JSON.parse(scanner.text())
    return {isCut: !scanner.isDone, isWhole: scanner.isWhole, ...(isJsonObject(value) && {value})}
  } catch (error) {
    if (error instanceof SyntaxError) return {isCut: !scanner.isDone, isWhole: scanner.isWhole}
    if (error instanceof MalformedError) return {isCut: false, isWhole: false}
    throw error
  }
}

/** Whether a document ends as one does, in any formatting: with its count of objects, or with a seal. */
export async function isEnded(source: DocumentSource): Promise<boolean> {
  const end = await source.end()
  return /"(?:object_count"\s*:\s*\d{1,16}|checksum"\s*:\s*"[^"]{0,200}"\s*\})\s*\}\s*$/.test(end)
}

/**
 * What can be known without a seal. Ids are derived from the text, so that they are the same every time; what is not there
 * is empty, or the start of 1970.
 * @throws MalformedError when the schema is no schema.
 */
export function unsealedContent(
  source: DocumentSource,
  kind: BackupKind,
  head: {metadata?: unknown; schema?: unknown},
): {metadata: BackupMetadata; schema: WeaviateClass} {
  const schema = readSchema(new Field(head.schema, 'schema'))
  const field = new Field(head.metadata, 'metadata')
  const options = field.member('options').optional((item) => item.plainObject()) ?? {}
  const partFormat = options.format === 'arrow' ? 'arrow' : 'parquet'
  const id = derivedUuid(JSON.stringify([source.bytes, head.metadata, head.schema]))
  const metadata: BackupMetadata = {
    backup_id: id,
    collection: schema.class,
    options: {
      compress: source.isCompressed,
      format: kind === 'document' ? 'json' : partFormat,
      include_data: options.include_data !== false,
    },
    run_id: id,
    timestamp: looseTime(field.member('timestamp').value),
    tool_version: looseText(field.member('tool_version').value),
    version: field.member('version').text(),
    weaviate_version: looseText(field.member('weaviate_version').value),
    ...present({
      aliases: field.member('aliases').optional(texts),
      columns: field.member('columns').optional(readColumns),
      server: looseServer(field.member('server').value),
      tenants: field.member('tenants').optional(readTenantStatuses),
    }),
  }
  return {metadata, schema}
}

/** What a backup without a seal that holds says of its own content: nothing vouches for it, and nothing else says it. */
export interface Claims {
  /** Rows that are void, by the ordinals of `rows` rows. */
  amendments?: Amendment[]
  /** `metadata.backup_id` as it stands. */
  backupId?: string
  objectCount?: number
  /** The files of a directory and the rows that they had. */
  parts?: Array<{file: string; rows: number}>
  /** In all parts. */
  rows?: number
}

/** The JSON of a document without objects. @throws MalformedError when it is too long for one. */
export async function readWhole(source: DocumentSource): Promise<unknown> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of withoutMark(source.text())) {
    pieces.push(piece)
    bytes += piece.length
    if (bytes > MAX_LINE + MAX_SEAL) throw new MalformedError('its JSON', 'is too long')
  }

  try {
    return JSON.parse(decodeJson(Buffer.concat(pieces), SEAL_VALUES)) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) throw new MalformedError('its text', 'is no JSON')
    throw error
  }
}

/** @throws MalformedError for a seal that is there and cannot be understood: what it says of the content would be lost. */
export function readClaims(document: Field, kind: BackupKind): Claims {
  const objectCount = document.member('object_count').optional((item) => item.count())
  const seal = document.member('seal')
  if (!seal.isPresent) return {...present({objectCount})}
  const parts = seal.member('parts').array()
  const rows = parts.map((part) => part.member('rows').count())
  return {
    amendments: seal.member('amendments').listOf(readAmendment),
    objectCount: objectCount ?? seal.member('object_count').count(),
    rows: rows.reduce((sum, count) => sum + count, 0),
    ...(kind === 'directory' && {
      parts: parts.map((part, index) => ({file: partFile(part.member('file')), rows: rows[index] ?? 0})),
    }),
  }
}

export function readBackupId(metadata: unknown): Pick<Claims, 'backupId'> {
  const id = new Field(metadata, 'metadata').member('backup_id').value
  return typeof id === 'string' ? {backupId: id} : {}
}

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/** Some editors put a mark before the text. */
async function* withoutMark(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start: Uint8Array | undefined = new Uint8Array()
  for await (const piece of pieces) {
    const bytes: Uint8Array = start && start.length > 0 ? concatBytes([start, piece]) : piece
    if (start && bytes.length < BYTE_ORDER_MARK.length) {
      start = new Uint8Array(bytes)
      continue
    }

    const isMarked = start && BYTE_ORDER_MARK.every((byte, index) => byte === bytes[index])
    start = undefined
    yield isMarked ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes
  }

  if (start && start.length > 0) yield start
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b])
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d])
const SPACE: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d, 0x20])

/** Follows JSON byte by byte, as far as needed to know where the member `objects` of the outermost object starts. */
class OpeningScanner {
  #depth = 0
  /** Where the members before `objects` end, or the whole object. */
  #end: number | undefined
  #isEscaped = false
  #isInString = false
  /** The last string of the outermost object: a member's name if a colon follows. */
  #name = ''
  #nameStart = 0
  readonly #pieces: Uint8Array[] = []
  /** Bytes taken so far. */
  bytes = 0

  #inString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === BACKSLASH) this.#isEscaped = true
    else if (byte === QUOTE) this.#isInString = false
    // One more than what is looked for tells a longer name apart.
    if (this.#isInString && this.#depth === 1 && this.#name.length <= 'objects'.length) {
      this.#name += String.fromCodePoint(byte)
    }
  }

  #outside(byte: number, position: number): void {
    if (byte === QUOTE) {
      this.#isInString = true
      this.#name = ''
      this.#nameStart = position
    } else if (byte === COLON) {
      if (this.#depth === 1 && this.#name === 'objects') this.#end = this.#nameStart
    } else if (OPENING.has(byte)) this.#depth++
    else if (CLOSING.has(byte) && --this.#depth === 0) this.#end = position + 1
    if (this.#depth === 0 && this.#end === undefined && !SPACE.has(byte)) {
      throw new MalformedError('its text', 'is no JSON object')
    }
  }

  get isDone(): boolean {
    return this.#end !== undefined
  }

  get isWhole(): boolean {
    return this.isDone && this.#depth === 0
  }

  /** Takes the next bytes; true once no more are needed. */
  push(piece: Uint8Array): boolean {
    this.#pieces.push(piece)
    for (let index = 0; index < piece.length && this.#end === undefined; index++) {
      const byte = piece[index] ?? 0
      if (this.#isInString) this.#inString(byte)
      else this.#outside(byte, this.bytes + index)
    }

    this.bytes += piece.length
    return this.isDone
  }

  /** The JSON text of what was found, closed where it stopped before `objects`. */
  text(): string {
    const text = decodeJson(Buffer.concat(this.#pieces).subarray(0, this.#end))
    return this.#depth === 0 ? text : `${text.trimEnd().replace(/,$/, '')}}`
  }
}

/** Times without an offset are in UTC. */
function looseTime(value: unknown): string {
  const text = looseText(value)
  const time = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)
  return new Date(Number.isNaN(time) ? 0 : time).toISOString()
}

function looseServer(value: unknown): string | undefined {
  return typeof value === 'string' && isServerText(value) ? value : undefined
}

function looseText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
