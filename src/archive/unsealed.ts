import {Buffer} from 'node:buffer'

import type {BackupMetadata} from '../codec/document.js'
import type {WeaviateClass} from '../model/schema.js'

/** Documents without a seal that holds: another tool's, reformatted, or edited. Only for those who ask for them. */
import {sha256Hex} from '../platform/node.js'
import {decodeJson, type DocumentSource, MAX_LINE} from './document-source.js'
import {Field, MalformedError} from './fields.js'
import {type BackupKind, present, readColumns, readSchema, readTenantStatuses, texts} from './sealed-fields.js'

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
    for await (const piece of source.text()) {
      if (scanner.push(piece)) break
      if (scanner.bytes > MAX_LINE) return {isCut: false, isWhole: false}
    }

    const value: unknown = JSON.parse(scanner.text())
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return {
      isCut: !scanner.isDone,
      isWhole: scanner.isWhole,
      ...(isObject && {value: value as Record<string, unknown>}),
    }
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
      tenants: field.member('tenants').optional(readTenantStatuses),
    }),
  }
  return {metadata, schema}
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

function derivedUuid(text: string): string {
  const digits = sha256Hex(text)
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `8${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join('-')
}

/** Times without an offset are in UTC. */
function looseTime(value: unknown): string {
  const text = looseText(value)
  const time = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)
  return new Date(Number.isNaN(time) ? 0 : time).toISOString()
}

function looseText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
