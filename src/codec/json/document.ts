import type {IncrementalHash, Platform, ReadRowsOptions, RowPage} from '../codec.js'

import {DataOpsError, throwIfAborted} from '../../model/errors.js'
/** Streaming reader of a backup's document (docs/format.md, "The document"), in memory bounded by its longest line. */
import {approximateBytes, isJsonObject, type WeaviateObject} from '../../model/object.js'
import {isReference} from '../../model/schema.js'
import {toHex, utf8} from '../bytes.js'
import {MAX_DEPTH} from '../digest.js'
import {type BackupHead, type BackupSeal, parseSealLine} from '../document.js'
import {isSpace} from './float32-text.js'
import {decodeObjectLine} from './lines.js'

const DEFAULT_PAGE_BYTES = 8 * 1024 * 1024
const DEFAULT_LINE_BYTES = 512 * 1024 * 1024

export interface ReadDocumentOptions extends ReadRowsOptions {
  /** Fed while reading a canonical document: `document` with everything before the seal line, `objects` with the object lines. */
  hash?: {document?: IncrementalHash; objects?: IncrementalHash}
  /** Bytes of the longest line (object, head or seal) to accept; default 512 MiB. Memory is bounded by twice that. */
  lineBytes?: number
  platform: Pick<Platform, 'sha256'>
}

/** What stands in a document, in its order; see `readJsonDocument`. */
export type DocumentPart =
  {kind: 'end'; end: DocumentEnd} | {kind: 'head'; head: BackupHead} | {kind: 'rows'; page: RowPage}

export interface DocumentEnd {
  /** False for a document that has been reformatted: its seal says nothing about its bytes. */
  canonical: boolean
  /** Whether the seal line's own checksum holds; what it says of parts and document is for the caller to compare. */
  checksumHolds: boolean
  /** Bytes before the seal line (canonical documents only). */
  documentBytes: number
  /** `object_count` as the document says it. */
  objectCount?: number
  /** Bytes of the object lines, separators included (canonical documents only). */
  objectsBytes: number
  /** Objects that were there, those before `fromRow` included. */
  rows: number
  /** As the document says it; undefined when it has none. */
  seal?: BackupSeal
}

/**
 * Reads a document: its head, pages of rows from `fromRow` on (lines before that are passed over unparsed), its end.
 * In a document that someone reordered the head comes when it is known, at the latest before the end: read it first with
 * `readDocumentHead` where it matters.
 * @throws DataOpsError BACKUP_DAMAGED, naming the line, on anything that is not a whole document.
 */
export async function* readJsonDocument(
  chunks: AsyncIterable<Uint8Array>,
  options: ReadDocumentOptions,
): AsyncGenerator<DocumentPart> {
  const source = new Source(chunks, options)
  try {
    const opening = await readOpening(source)
    yield* opening ? readLines(source, opening, options) : readMembers(source, options)
  } finally {
    await source.close()
  }
}

/** Reads the head alone, wherever in the document it stands. @throws DataOpsError BACKUP_DAMAGED when there is none. */
export async function readDocumentHead(
  chunks: AsyncIterable<Uint8Array>,
  options: Omit<ReadDocumentOptions, 'columns' | 'fromRow' | 'hash' | 'pageBytes'>,
): Promise<BackupHead> {
  for await (const part of readJsonDocument(chunks, {...options, fromRow: Infinity})) {
    if (part.kind === 'head') return part.head
  }

  throw damaged('has no metadata and schema')
}

function damaged(what: string, line?: number, cause?: unknown): DataOpsError {
  const where = line === undefined ? 'The document of the backup' : `Line ${line} of the backup`
  return new DataOpsError('BACKUP_DAMAGED', `${where} ${what}.`, {cause, details: line === undefined ? {} : {line}})
}

function notBackup(): DataOpsError {
  return new DataOpsError('NOT_A_BACKUP', 'The document is no backup: it has no metadata, schema and objects.')
}

const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})

function parseJson(bytes: Uint8Array, line: number): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch (error) {
    throw damaged('is not JSON in UTF-8', line, error)
  }
}

function checkHead(metadata: unknown, schema: unknown): BackupHead {
  if (!isJsonObject(metadata) || !isJsonObject(schema) || typeof schema.class !== 'string') {
    throw notBackup()
  }

  return {metadata, schema} as unknown as BackupHead
}

// The canonical form, line by line

interface Opening {
  bytes: Uint8Array
  head: BackupHead
}

/**
 * Reads the first line of a canonical document. Undefined when the document is of another form: then all that was read
 * is given back to the source.
 */
async function readOpening(source: Source): Promise<Opening | undefined> {
  const taken: Uint8Array[] = []
  const literal = async (text: string) => {
    const bytes = await source.take(text.length)
    taken.push(bytes)
    return bytes.length === text.length && utf8(text).every((byte, index) => byte === bytes[index])
  }

  const value = async () => {
    const bytes = await source.value()
    taken.push(bytes)
    return bytes
  }

  if (await literal('{"metadata":')) {
    const metadata = await value()
    if (await literal(',"schema":')) {
      const schema = await value()
      if ((await literal(',"objects":[\n')) && !metadata.includes(10) && !schema.includes(10)) {
        source.line = 2
        return {bytes: concat(taken), head: checkHead(parseJson(metadata, 1), parseJson(schema, 1))}
      }
    }
  }

  source.giveBack(concat(taken))
  source.line = 1
  return undefined
}

async function* readLines(
  source: Source,
  opening: Opening,
  options: ReadDocumentOptions,
): AsyncGenerator<DocumentPart> {
  yield {head: opening.head, kind: 'head'}
  const {hash, platform} = options
  hash?.document?.update(opening.bytes)
  let documentBytes = opening.bytes.length
  let objectsBytes = 0
  const pager = new Pager(options, opening.head)

  // The separator belongs to the line before: only the last object line has none.
  let isSeparated = true
  for (;;) {
    const line = source.lineInHand() ?? (await source.nextLine())
    const number = source.line - 1
    if (line.at(-1) !== 10) throw damaged('is where the backup ends early', number)
    hash?.document?.update(line)
    documentBytes += line.length
    if (line[0] === 93) {
      if (isSeparated && pager.rows > 0) throw damaged('follows a separator without an object', number)
      const page = pager.take()
      if (page) yield {kind: 'rows', page}
      const objectCount = readTail(line, number)
      const end = await readSeal(source, platform)
      yield {
        end: {...end, canonical: true, documentBytes, objectCount, objectsBytes, rows: pager.rows},
        kind: 'end',
      }
      return
    }

    if (!isSeparated) throw damaged('follows an object without a separator', number)
    isSeparated = line.at(-2) === 44
    hash?.objects?.update(line)
    objectsBytes += line.length
    const page = pager.add(line.subarray(0, isSeparated ? -2 : -1), number)
    if (page) yield {kind: 'rows', page}
  }
}

function readTail(line: Uint8Array, number: number): number {
  const match = /^\],"object_count":(0|[1-9]\d{0,15}),\n$/.exec(line.length < 64 ? String.fromCodePoint(...line) : '')
  if (!match) throw damaged('is neither an object nor the end of the objects', number)
  return Number(match[1])
}

async function readSeal(
  source: Source,
  platform: Pick<Platform, 'sha256'>,
): Promise<Pick<DocumentEnd, 'checksumHolds' | 'seal'>> {
  const number = source.line
  const bytes = await source.nextLine()
  if ((await source.take(1)).length > 0) throw damaged('is not the last, as the seal is', number)
  let line: string
  try {
    line = decoder.decode(bytes)
  } catch (error) {
    throw damaged('is not UTF-8', number, error)
  }

  const seal = parseSealLine(line, (text) => toHex(platform.sha256(utf8(text))))
  if (isJsonObject(seal)) return {checksumHolds: true, seal}
  const broken = parseJson(utf8(`{${line}`), number) as {seal?: unknown}
  return {checksumHolds: false, seal: isJsonObject(broken.seal) ? (broken.seal as unknown as BackupSeal) : undefined}
}

// Any other form of the same JSON

async function* readMembers(source: Source, options: ReadDocumentOptions): AsyncGenerator<DocumentPart> {
  await source.skipByteOrderMark()
  if ((await source.peek()) !== 123) throw notBackup()
  await source.expect(123)
  const members = new Map<string, unknown>()
  let pager: Pager | undefined
  let head: BackupHead | undefined
  for (let isFirst = true; (await source.peek()) !== 125; isFirst = false) {
    if (!isFirst) await source.expect(44)
    if ((await source.peek()) !== 34) throw damaged('is not JSON', source.line)
    const key = parseJson(await source.value(), source.line) as string
    await source.expect(58)
    if (members.has(key)) throw damaged(`holds ${JSON.stringify(key.slice(0, 40))} twice`)
    members.set(key, undefined)
    if (key === 'objects') {
      pager = new Pager(options, head)
      await source.expect(91)
      for (let isFirstItem = true; (await source.peek()) !== 93; isFirstItem = false) {
        if (!isFirstItem) await source.expect(44)
        await source.peek()
        const number = source.line
        const page = pager.add(await source.value(), number)
        if (page) yield {kind: 'rows', page}
      }

      await source.expect(93)
      const page = pager.take()
      if (page) yield {kind: 'rows', page}
    } else {
      members.set(key, parseJson(await source.value(), source.line))
      if (!head && members.get('metadata') !== undefined && members.get('schema') !== undefined) {
        head = checkHead(members.get('metadata'), members.get('schema'))
        yield {head, kind: 'head'}
      }
    }
  }

  await source.expect(125)
  if ((await source.peek()) !== undefined) throw damaged('goes on after its end', source.line)
  if (!head || !pager) throw notBackup()
  const objectCount = members.get('object_count')
  const seal = members.get('seal')
  yield {
    end: {
      canonical: false,
      checksumHolds: false,
      documentBytes: 0,
      objectCount: typeof objectCount === 'number' ? objectCount : undefined,
      objectsBytes: 0,
      rows: pager.rows,
      seal: isJsonObject(seal) ? (seal as unknown as BackupSeal) : undefined,
    },
    kind: 'end',
  }
}

/** Decodes the rows that are wanted into pages. */
class Pager {
  readonly #columns: 'all' | 'ids' | 'references'
  readonly #fromRow: number
  readonly #pageBytes: number
  /** Properties to keep where only references are wanted; undefined while the schema is not known. */
  readonly #references: ReadonlySet<string> | undefined
  #bytes = 0
  #objects: WeaviateObject[] = []
  /** Rows seen. */
  rows = 0

  constructor(options: ReadRowsOptions, head: BackupHead | undefined) {
    this.#columns = options.columns ?? 'all'
    this.#fromRow = options.fromRow ?? 0
    this.#pageBytes = options.pageBytes ?? DEFAULT_PAGE_BYTES
    const properties = head?.schema.properties
    if (this.#columns === 'references' && Array.isArray(properties)) {
      this.#references = new Set(properties.filter((property) => isReference(property)).map(({name}) => name))
    }
  }

  #page(endRow: number): RowPage | undefined {
    if (this.#objects.length === 0) return undefined
    const page = {firstRow: endRow - this.#objects.length, objects: this.#objects}
    this.#objects = []
    this.#bytes = 0
    return page
  }

  /** Takes the text of the next row. Returns the page before it when that is full. */
  add(line: Uint8Array, number: number): RowPage | undefined {
    if (this.rows++ < this.#fromRow) return undefined
    const object = decodeObjectLine(line, {columns: this.#columns, line: number})
    if (this.#references) {
      for (const name of Object.keys(object.properties)) {
        if (!this.#references.has(name)) Reflect.deleteProperty(object.properties, name)
      }
    }

    const bytes = approximateBytes(object)
    const page = this.#bytes + bytes > this.#pageBytes ? this.#page(this.rows - 1) : undefined
    this.#objects.push(object)
    this.#bytes += bytes
    return page
  }

  /** What is left once all rows are in. */
  take(): RowPage | undefined {
    return this.#page(this.rows)
  }
}

/** The bytes of a document, taken in whatever pieces its form asks for. A chunk is not touched once the next is asked for. */
class Source {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #lineBytes: number
  readonly #signal: AbortSignal | undefined
  #at = 0
  #chunk: Uint8Array = new Uint8Array(0)
  /** Number of the line that comes next. */
  line = 1

  constructor(chunks: AsyncIterable<Uint8Array>, options: ReadDocumentOptions) {
    this.#iterator = chunks[Symbol.asyncIterator]()
    this.#lineBytes = options.lineBytes ?? DEFAULT_LINE_BYTES
    this.#signal = options.signal
  }

  async #more(): Promise<boolean> {
    for (;;) {
      throwIfAborted(this.#signal)
      const next = await this.#iterator.next()
      if (next.done) {
        this.#chunk = new Uint8Array(0)
        this.#at = 0
        return false
      }

      if (next.value.length > 0) {
        this.#chunk = next.value
        this.#at = 0
        return true
      }
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.()
  }

  giveBack(bytes: Uint8Array): void {
    this.#chunk = concat([bytes, this.#chunk.subarray(this.#at)])
    this.#at = 0
  }

  /** The next line, `\n` included, when the chunk in hand holds it whole; a view. */
  lineInHand(): Uint8Array | undefined {
    const end = this.#chunk.indexOf(10, this.#at)
    if (end === -1) return undefined
    const line = this.#chunk.subarray(this.#at, end + 1)
    if (line.length > this.#lineBytes) throw damaged(`is longer than ${this.#lineBytes} bytes`, this.line)
    this.#at = end + 1
    this.line++
    return line
  }

  /** The next line, or what is left when none ends; empty at the end. */
  async nextLine(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    let size = 0
    for (;;) {
      const rest = this.lineInHand()
      if (rest) {
        pieces.push(rest)
        return concat(pieces)
      }

      const piece = this.#chunk.subarray(this.#at)
      size += piece.length
      if (size > this.#lineBytes) throw damaged(`is longer than ${this.#lineBytes} bytes`, this.line)
      pieces.push(new Uint8Array(piece))
      if (!(await this.#more())) {
        this.line++
        return concat(pieces)
      }
    }
  }

  /** Up to `count` bytes, fewer at the end only. */
  async take(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    for (let left = count; left > 0;) {
      if (this.#at === this.#chunk.length && !(await this.#more())) break
      const piece = this.#chunk.subarray(this.#at, this.#at + left)
      this.#at += piece.length
      left -= piece.length
      pieces.push(new Uint8Array(piece))
    }

    return concat(pieces)
  }

  async skipByteOrderMark(): Promise<void> {
    const bytes = await this.take(3)
    if (!(bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)) this.giveBack(bytes)
  }

  /** The byte behind white space, left where it is; undefined at the end. */
  async peek(): Promise<number | undefined> {
    for (;;) {
      while (this.#at < this.#chunk.length) {
        const code = this.#chunk[this.#at]
        if (!isSpace(code)) return code
        if (code === 10) this.line++
        this.#at++
      }

      if (!(await this.#more())) return undefined
    }
  }

  async expect(code: number): Promise<void> {
    if ((await this.peek()) !== code) throw damaged('is not JSON, or the backup ends early', this.line)
    this.#at++
  }

  /** The bytes of the next JSON value, found by its brackets and quotes alone. */
  async value(): Promise<Uint8Array> {
    await this.peek()
    const scanner = new ValueScanner()
    const pieces: Uint8Array[] = []
    let size = 0
    do {
      const end = scanner.scan(this.#chunk, this.#at)
      const piece = new Uint8Array(this.#chunk.subarray(this.#at, end))
      this.#at = end
      size += piece.length
      pieces.push(piece)
      if (scanner.depth > DEEPEST) throw damaged(`is nested deeper than ${MAX_DEPTH} levels`, this.line)
      if (size > this.#lineBytes) throw damaged(`holds a value longer than ${this.#lineBytes} bytes`, this.line)
    } while (!scanner.isDone && (await this.#more()))

    this.line += scanner.lines
    if (size === 0 || !scanner.isWhole) throw damaged('is not JSON, or the backup ends early', this.line)
    return concat(pieces)
  }
}

/** A schema nests two brackets for each level of an object; rows, whose own limit is less, are checked when they are parsed. */
const DEEPEST = 2 * MAX_DEPTH + 16

/** Finds the end of a JSON value by its brackets and quotes, in bytes that come in pieces. Whoever parses it checks the rest. */
class ValueScanner {
  #isEscaped = false
  #isQuoted = false
  depth = 0
  /** The end was seen. */
  isDone = false
  /** Line ends seen. */
  lines = 0

  #scanText(code: number): void {
    if (this.#isEscaped) {
      this.#isEscaped = false
    } else if (code === 92) {
      this.#isEscaped = true
    } else if (code === 34) {
      this.#isQuoted = false
      this.isDone = this.depth === 0
    }
  }

  #scanBracket(code: number): void {
    const isClosing = code === 93 || code === 125
    if (code === 10) this.lines++
    else if (isClosing) this.isDone = --this.depth === 0
    else if (code === 91 || code === 123) this.depth++
  }

  /** False while something is open. A bare number is whole when the bytes are at their end. */
  get isWhole(): boolean {
    return this.depth === 0 && !this.#isQuoted
  }

  /** Returns the place after the value, or the end of the bytes; stops early where the nesting is too deep. */
  scan(bytes: Uint8Array, from: number): number {
    let at = from
    for (; at < bytes.length && !this.isDone && this.depth <= DEEPEST; at++) {
      const code = bytes[at]!
      if (this.#isQuoted) {
        this.#scanText(code)
      } else if (this.depth === 0 && isDelimiter(code)) {
        this.isDone = true
        return at
      } else if (code === 34) {
        this.#isQuoted = true
      } else {
        this.#scanBracket(code)
      }
    }

    return at
  }
}

/** What ends a bare number or word. */
function isDelimiter(code: number): boolean {
  return code === 44 || code === 58 || code === 93 || code === 125 || isSpace(code)
}

/** A copy of the pieces as one. */
function concat(pieces: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const piece of pieces) size += piece.length
  const bytes = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }

  return bytes
}
