/** One object as one JSON line and back (docs/format.md, "An object as a JSON line"). */

import {DataOpsError, throwIfOutOfMemory} from '../../model/errors.js'
import {type JsonObject, type JsonValue, type NamedVector, setOwn, type WeaviateObject} from '../../model/object.js'
import {isUuid} from '../../model/uuid-range.js'
import {ByteBuffer, LARGE_BYTES} from '../byte-buffer.js'
import {MAX_DEPTH} from '../digest.js'
import {isSpace, VectorTextReader, writeVectorText} from './float32-text.js'

const SEPARATOR = ',\n'
/** Bytes of the buffer that lines are printed into, at first. */
const KEPT_BYTES = 1024 * 1024
/** What a text must have for a number in it to exceed 1.8e308: an exponent of three digits, or over 200 digits before one of two. */
const MAY_OVERFLOW = /\de\+?\d{3}|\d{200}/i

/** Appends an object's line, without a separator. @throws DataOpsError INVALID_INPUT when it holds what JSON cannot. */
export function encodeObjectLine(object: WeaviateObject, className: string, out: ByteBuffer): void {
  const start = out.length
  try {
    writeObject(object, className, out)
  } catch (error) {
    throwIfOutOfMemory(error)
    if (!(error instanceof RangeError)) throw error
    out.length = start
    throw new DataOpsError('INVALID_INPUT', `Object ${object.id} cannot be written as JSON: ${error.message}.`, {
      cause: error,
    })
  }
}

/** @throws RangeError when the object holds what JSON cannot. */
function writeObject(object: WeaviateObject, className: string, out: ByteBuffer): void {
  let head = `{"id":${JSON.stringify(object.id)},"class":${stringifyText(className)}`
  if (object.tenant !== undefined) head += `,"tenant":${stringifyText(object.tenant)}`
  if (object.creationTimeUnix !== undefined) head += `,"creationTimeUnix":${object.creationTimeUnix}`
  if (object.lastUpdateTimeUnix !== undefined) head += `,"lastUpdateTimeUnix":${object.lastUpdateTimeUnix}`
  out.text(`${head},"properties":${stringify(object.properties, 1)}`)
  if (object.vector) {
    out.text(',"vector":')
    writeVectorText(object.vector, out)
  }

  if (object.vectors?.size) {
    let separator = ',"vectors":{'
    for (const [name, vector] of object.vectors) {
      out.text(`${separator}${stringifyText(name)}:`)
      writeNamedVector(vector, out)
      separator = ','
    }

    out.text('}')
  }

  out.text('}')
}

/** Encodes pages of one collection, with a buffer that is used over and over. */
export class JsonLinesEncoder {
  #out = new ByteBuffer(KEPT_BYTES)

  constructor(private readonly className: string) {}

  /** The lines of the objects joined by `,\n`, with no separator before the first or after the last; bytes of their own. */
  encode(objects: readonly WeaviateObject[]): Uint8Array {
    const out = this.#out
    out.clear()
    for (const [index, object] of objects.entries()) {
      if (index > 0) out.text(SEPARATOR)
      encodeObjectLine(object, this.className, out)
    }

    if (out.bytes.length <= LARGE_BYTES) return new Uint8Array(out.contents())
    // Of large objects no copy is made, and no room for the next ones kept.
    this.#out = new ByteBuffer(KEPT_BYTES)
    return out.contents()
  }
}

function writeNamedVector(vector: NamedVector, out: ByteBuffer): void {
  if (vector.kind === 'single') {
    writeVectorText(vector.bytes, out)
    return
  }

  const {bytes, dims} = vector
  if (bytes.length === 0) {
    out.text(`{"dims":${dims},"rows":[]}`)
    return
  }

  if (dims < 1 || bytes.length % (dims * 4) !== 0) throw new RangeError('a multi vector has no whole rows')
  for (let at = 0; at < bytes.length; at += dims * 4) {
    out.text(at === 0 ? '[' : ',')
    writeVectorText(bytes.subarray(at, at + dims * 4), out)
  }

  out.text(']')
}

/** Unlike JSON.stringify it keeps negative zero, and refuses what it would turn into null. */
function stringify(value: JsonValue, depth: number): string {
  if (typeof value === 'string') return stringifyText(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError(`${value} is no JSON number`)
    return Object.is(value, -0) ? '-0' : String(value)
  }

  if (typeof value === 'boolean') return value ? 'true' : 'false'
  // A hole in an array is what JSON.stringify makes of it.
  if (value === null || value === undefined) return 'null'
  if (depth > MAX_DEPTH) throw new RangeError(`it is nested deeper than ${MAX_DEPTH} levels`)
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${stringify(item, depth + 1)}`
    return `[${text}]`
  }

  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    text += `${text === '' ? '' : ','}${stringifyText(key)}:${stringify(member, depth + 1)}`
  }

  return `{${text}}`
}

/** Lone surrogates, which UTF-8 cannot carry, become U+FFFD. */
function stringifyText(text: string): string {
  const json = JSON.stringify(text)
  return json.includes(String.raw`\ud`) ? JSON.stringify(text.replaceAll(/\p{Surrogate}/gu, '\u{FFFD}')) : json
}

/** What a line of objects is read with. */
export interface DecodeLineOptions {
  /** `ids` leaves out properties and vectors, `references` vectors, and properties that hold no beacon; default `all`. */
  columns?: 'all' | 'ids' | 'references'
  /** The line's number, for error messages. */
  line?: number
  /** Gives memory of so many bytes, aligned to four, for a vector; default: each has its own. */
  memory?: {take: (bytes: number) => Uint8Array}
}

const utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})
const vectorReader = new VectorTextReader()

/** What is wrong with a line; turned into BACKUP_DAMAGED where its number is known. */
class LineError extends Error {}

/**
 * Reads an object's line (members in any order, white space allowed).
 * @throws DataOpsError BACKUP_DAMAGED, naming the line, when it is no JSON, no UTF-8, nested deeper than 200 levels or no object of ours.
 */
export function decodeObjectLine(line: Uint8Array, options: DecodeLineOptions = {}): WeaviateObject {
  try {
    return decode(line, options.columns ?? 'all', options.memory)
  } catch (error) {
    if (error instanceof DataOpsError) throw error
    throwIfOutOfMemory(error)
    const where = options.line === undefined ? 'An object' : `Line ${options.line}`
    throw new DataOpsError('BACKUP_DAMAGED', `${where} of the backup cannot be read: ${reasonOf(error)}.`, {
      cause: error,
      details: options.line === undefined ? {} : {line: options.line},
    })
  }
}

/** Parser messages quote what they choke on: content of the backup has no place in a message. */
function reasonOf(error: unknown): string {
  if (error instanceof LineError) return error.message
  return error instanceof SyntaxError ? 'it is not JSON' : 'it is not UTF-8, or too long'
}

// Long because it is a table: a case for each member.
function decode(
  line: Uint8Array,
  columns: 'all' | 'ids' | 'references',
  memory?: DecodeLineOptions['memory'],
): WeaviateObject {
  let id: JsonValue | undefined
  const object: WeaviateObject = {id: '', properties: {}}
  const after = readMembers(line, skipSpace(line, 0), (key, start) => {
    if (key === 'vector' && columns === 'all') {
      vectorReader.clear()
      const end = readRow(line, start)
      object.vector = vectorReader.take(memory)
      return end
    }

    if (key === 'vectors' && columns === 'all') {
      const vectors = new Map<string, NamedVector>()
      object.vectors = vectors
      return readMembers(line, start, (name, from) => {
        const {end, vector} = readNamedVector(line, from, memory)
        vectors.set(name, vector)
        return end
      })
    }

    const end = endOfValue(line, start)
    switch (key) {
      case 'id': {
        id = parse(line, start, end)
        break
      }

      case 'tenant': {
        object.tenant = asText(parse(line, start, end), key)
        break
      }

      case 'creationTimeUnix':
      case 'lastUpdateTimeUnix': {
        const time = parse(line, start, end)
        if (typeof time !== 'number' || !Number.isSafeInteger(time)) throw new LineError(`${key} is no time`)
        object[key] = time
        break
      }

      case 'properties': {
        if (columns !== 'ids') object.properties = parseProperties(line, start, end, columns)
        break
      }

      case 'vector':
      case 'vectors': {
        break
      }

      // The class is the collection's; members of later versions are no concern of this one.
      default: {
        parse(line, start, end)
      }
    }

    return end
  })
  if (skipSpace(line, after) !== line.length) throw new SyntaxError('something follows the object')
  if (typeof id !== 'string' || !isUuid(id)) throw new LineError('it has no id that is a UUID')
  object.id = id.toLowerCase()
  return object
}

function parse(line: Uint8Array, start: number, end: number): JsonValue {
  return JSON.parse(utf8.decode(line.subarray(start, end))) as JsonValue
}

function asText(value: JsonValue, name: string): string {
  if (typeof value !== 'string') throw new LineError(`${name} is no text`)
  return value
}

function parseProperties(line: Uint8Array, start: number, end: number, columns: 'all' | 'references'): JsonObject {
  if (line[start] !== 123) throw new LineError('properties is no object')
  const json = utf8.decode(line.subarray(start, end))
  if (columns === 'references' && !json.includes('"beacon"')) return {}
  const properties = JSON.parse(json) as JsonObject
  if (MAY_OVERFLOW.test(json)) checkFinite(properties)
  return properties
}

/** JSON.parse reads a number beyond float64 as Infinity, which is nothing that a backup can hold. */
function checkFinite(value: JsonValue): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new LineError('a number is too large')
  if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) checkFinite(member)
}

/** Appends one array of numbers to what `vectorReader` holds; returns the place after it. */
function readRow(line: Uint8Array, start: number): number {
  const end = line[start] === 91 ? vectorReader.read(line, start) : -1
  if (end < 0) throw new LineError('a vector is no array of float32 numbers')
  return end
}

function readNamedVector(
  line: Uint8Array,
  start: number,
  memory?: DecodeLineOptions['memory'],
): {end: number; vector: NamedVector} {
  vectorReader.clear()
  if (line[start] === 123) {
    const empty: JsonObject = {}
    const end = readMembers(line, start, (key, from) => {
      const to = endOfValue(line, from)
      setOwn(empty, key, parse(line, from, to))
      return to
    })
    const {dims, rows} = empty
    if (!isDimension(dims) || !Array.isArray(rows) || rows.length > 0)
      throw new LineError('a multi vector is malformed')
    return {end, vector: {bytes: vectorReader.take(), dims, kind: 'multi'}}
  }

  if (line[start] !== 91 || line[skipSpace(line, start + 1)] !== 91) {
    const end = readRow(line, start)
    return {end, vector: {bytes: vectorReader.take(memory), kind: 'single'}}
  }

  let at = start
  let dims = 0
  do {
    const from = vectorReader.length
    at = skipSpace(line, readRow(line, skipSpace(line, at + 1)))
    const read = vectorReader.length - from
    if (dims === 0) dims = read
    if (read === 0 || read !== dims) throw new LineError('rows of a multi vector are empty or differ in length')
  } while (line[at] === 44)

  if (line[at] !== 93) throw new LineError('a multi vector is malformed')
  return {end: at + 1, vector: {bytes: vectorReader.take(memory), dims, kind: 'multi'}}
}

function isDimension(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 0xff_ff_ff_ff
}

function skipSpace(line: Uint8Array, start: number): number {
  let at = start
  while (isSpace(line[at])) at++
  return at
}

/**
 * Walks the members of the object that starts at `start`. `member` gets each one's key and the start of its value, and
 * returns where the value ends. Returns the place after the object's `}`.
 */
function readMembers(line: Uint8Array, start: number, member: (key: string, start: number) => number): number {
  if (line[start] !== 123) throw new LineError('it is not an object')
  const seen = new Set<string>()
  let at = skipSpace(line, start + 1)
  if (line[at] === 125) return at + 1
  for (;;) {
    const keyEnd = line[at] === 34 ? endOfString(line, at) : -1
    if (keyEnd < 0) throw new SyntaxError('a member has no name')
    const key = parse(line, at, keyEnd) as string
    if (seen.has(key)) throw new LineError('a member stands twice')
    seen.add(key)
    at = skipSpace(line, keyEnd)
    if (line[at] !== 58) throw new SyntaxError('a member has no value')
    at = skipSpace(line, member(key, skipSpace(line, at + 1)))
    if (line[at] === 125) return at + 1
    if (line[at] !== 44) throw new SyntaxError('members are not separated')
    at = skipSpace(line, at + 1)
  }
}

/** The place after a string's closing quote. */
function endOfString(line: Uint8Array, start: number): number {
  let at = start + 1
  for (;;) {
    const code = line[at]
    if (code === 34) return at + 1
    if (code === undefined) throw new SyntaxError('a string does not end')
    at += code === 92 ? 2 : 1
  }
}

/** The place after a value, found by its brackets and quotes alone: whoever parses it checks the rest. */
/* eslint-disable unicorn/prefer-switch -- the conditions are not of one kind */
function endOfValue(line: Uint8Array, start: number): number {
  let at = start
  let depth = 0
  for (;;) {
    const code = line[at]
    if (code === undefined) throw new SyntaxError('a value does not end')
    if (code === 34) {
      at = endOfString(line, at)
      if (depth === 0) return at
    } else if (code === 91 || code === 123) {
      if (++depth > MAX_DEPTH) throw new LineError(`it is nested deeper than ${MAX_DEPTH} levels`)
      at++
    } else if (code === 93 || code === 125) {
      if (depth === 0) return at
      at++
      if (--depth === 0) return at
    } else if (depth === 0 && (code === 44 || isSpace(code))) {
      return at
    } else {
      at++
    }
  }
}
/* eslint-enable unicorn/prefer-switch */
