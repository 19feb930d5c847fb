/** The bytes of a document, in whatever pieces they come. */
import {DataOpsError, outOfMemory, throwIfAborted} from '../../model/errors.js'
import {concatBytes} from '../bytes.js'
import {MAX_DEPTH} from '../digest.js'
import {isSpace} from './float32-text.js'
import {DEFAULT_LINE_BYTES, type ReadDocumentOptions} from './options.js'

export function damaged(what: string, line?: number, cause?: unknown): DataOpsError {
  const memory = outOfMemory(cause)
  if (memory) return memory
  const where = line === undefined ? 'The document of the backup' : `Line ${line} of the backup`
  return new DataOpsError('BACKUP_DAMAGED', `${where} ${what}.`, {cause, details: line === undefined ? {} : {line}})
}

/** The bytes of a document, taken in whatever pieces its form asks for. A chunk is not touched once the next is asked for. */
export class Source {
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
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces
  return only && pieces.length === 1 ? new Uint8Array(only) : concatBytes(pieces)
}
