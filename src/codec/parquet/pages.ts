/** What is inside a Parquet page: levels as runs, and values in any encoding as what `columns.ts` takes. */
import type {ColumnValue} from '../columns/decode.js'

import {uuidOfHex} from '../../model/uuid-range.js'
import {toHex, viewOf} from '../bytes.js'
import {
  decodeDeltaBytes,
  decodeDeltaIntegers,
  decodeDeltaLongs,
  type Encoding,
  type SchemaElement,
} from './internals.js'
import {RunReader} from './levels.js'
import {checkReadAs, type LeafTarget, meaningOf, textOfTimestamps, timestampDigits} from './meaning.js'

/** Values of a page: float32 as their bytes, everything else one by one. */
export type PageValues = {floats: Uint8Array} | {items: Items}

/** An array, or what makes each value when it is asked for. */
interface Items {
  /** @throws Error when the bytes of that value are none of its type. */
  at: (index: number) => ColumnValue
  readonly length: number
}

/** Values that a page may decode into one by one, and components of vectors: bytes that say more lie about it. */
const MAX_ITEMS = 2 ** 23
const MAX_FLOATS = 2 ** 25

export interface ValuesPage {
  bytes: Uint8Array
  /** Values, nulls not counted. */
  count: number
  dictionary?: PageValues
  element: SchemaElement
  encoding: Encoding
  target: LeafTarget
}

/** @throws Error when the bytes do not hold `count` values in that encoding, or the type cannot become the target. */
export function decodeValues(page: ValuesPage): PageValues {
  const {count, encoding, target} = page
  if (!Number.isSafeInteger(count) || count < 0 || count > MAX_FLOATS) throw new RangeError(`${count} values in a page`)
  // Pages of nothing but nulls; their dictionary need not be there.
  if (count === 0) return target === 'float32' ? {floats: new Uint8Array(0)} : {items: []}
  checkReadAs(page.element, target)
  return decodeAs(encoding, page)
}

function decodeAs(encoding: Encoding, {bytes, count, dictionary, element, target}: ValuesPage): PageValues {
  switch (encoding) {
    case 'BYTE_STREAM_SPLIT': {
      return decodePlain(joinStreams(bytes, count), count, element, target)
    }

    case 'DELTA_BINARY_PACKED': {
      checkItems(count)
      if (element.type !== 'INT32' && element.type !== 'INT64') throw new TypeError('delta encoding of no integers')
      if (target === 'text') return {items: textOfTimestamps(decodeDeltaLongs(bytes, count), element)}
      return {items: toTarget(decodeDeltaIntegers(bytes, count, element.type), element, target)}
    }

    case 'DELTA_BYTE_ARRAY':
    case 'DELTA_LENGTH_BYTE_ARRAY': {
      checkItems(count)
      return {items: fromBytes(decodeDeltaBytes(bytes, count, encoding), target)}
    }

    case 'PLAIN': {
      return decodePlain(bytes, count, element, target)
    }

    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY': {
      if (!dictionary) throw new Error('a page refers to a dictionary that is not there')
      return lookUp(bytes, count, dictionary)
    }

    case 'RLE': {
      if (element.type !== 'BOOLEAN' || target !== 'boolean') throw new TypeError('run lengths of no booleans')
      return {items: decodeBooleanRuns(bytes, count)}
    }

    case 'BIT_PACKED':
    case 'GROUP_VAR_INT': {
      throw new Error(`encoding ${encoding} is not known`)
    }
  }
}

function decodeBooleanRuns(bytes: Uint8Array, count: number): ColumnValue[] {
  checkItems(count)
  const items: ColumnValue[] = []
  eachRun(new RunReader(bytes, 4, 1), count, (value, length) => {
    for (let index = 0; index < length; index++) items.push(value === 1)
  })
  return items
}

/** Of a dictionary, to which many rows refer: each value is made once. @throws Error as `decodeValues`. */
export function decodeDictionary(page: Omit<ValuesPage, 'dictionary' | 'encoding'>): PageValues {
  const values = decodeValues({...page, encoding: 'PLAIN'})
  if ('floats' in values) return values
  return {items: Array.from({length: values.items.length}, (_, index) => values.items.at(index))}
}

function checkItems(count: number): void {
  if (count > MAX_ITEMS) throw new RangeError(`${count} values in a page`)
}

function eachRun(reader: RunReader, total: number, take: (value: number, count: number) => void): void {
  let left = total
  while (left > 0) {
    if (reader.count === 0) reader.advance()
    const count = Math.min(reader.count, left)
    take(reader.value, count)
    reader.count -= count
    left -= count
  }
}

function lookUp(bytes: Uint8Array, count: number, dictionary: PageValues): PageValues {
  const reader = new RunReader(bytes, 1, bytes[0] ?? 33)
  if ('floats' in dictionary) {
    const floats = new Uint8Array(count * 4)
    let at = 0
    eachRun(reader, count, (value, length) => {
      const entry = dictionary.floats.subarray(value * 4, value * 4 + 4)
      if (entry.length !== 4) throw new RangeError('a page refers past the end of its dictionary')
      for (let index = 0; index < length; index++, at += 4) floats.set(entry, at)
    })
    return {floats}
  }

  checkItems(count)
  const items: ColumnValue[] = []
  eachRun(reader, count, (value, length) => {
    if (value >= dictionary.items.length) throw new RangeError('a page refers past the end of its dictionary')
    const item = dictionary.items.at(value)
    for (let index = 0; index < length; index++) items.push(item)
  })
  return {items}
}

/** Undoes BYTE_STREAM_SPLIT: first bytes of all values, then second bytes, …  */
function joinStreams(bytes: Uint8Array, count: number): Uint8Array {
  const width = bytes.length / count
  if (!Number.isSafeInteger(width)) throw new RangeError('byte streams of different lengths')
  const joined = new Uint8Array(bytes.length)
  let from = 0
  for (let byte = 0; byte < width; byte++) {
    for (let at = byte; at < joined.length; at += width) joined[at] = bytes[from++]!
  }

  return joined
}

// Long because it is a table: a case for each type.
function decodePlain(bytes: Uint8Array, count: number, element: SchemaElement, target: LeafTarget): PageValues {
  const view = viewOf(bytes)
  const fixed = (width: number) => {
    if (bytes.length < count * width) throw new RangeError('values end early')
  }

  const numbers = (at: (index: number) => number): PageValues => ({
    items: toTarget(numbersOf(count, at), element, target),
  })

  switch (element.type) {
    case 'BOOLEAN': {
      checkItems(count)
      if (target !== 'boolean') break
      if (bytes.length * 8 < count) throw new RangeError('values end early')
      return {items: Array.from({length: count}, (_, index) => ((bytes[index >> 3]! >> (index & 7)) & 1) === 1)}
    }

    case 'BYTE_ARRAY': {
      return {items: new ByteArrays(bytes, count, target)}
    }

    case 'DOUBLE': {
      fixed(8)
      if (target === 'float32') return {floats: narrow(view, count)}
      return numbers((index) => view.getFloat64(index * 8, true))
    }

    case 'FIXED_LEN_BYTE_ARRAY': {
      const width = element.type_length ?? 0
      checkItems(count)
      fixed(width)
      const values = Array.from({length: count}, (_, index) => bytes.subarray(index * width, (index + 1) * width))
      if (element.logical_type?.type === 'UUID' && width === 16 && target === 'text') {
        return {items: values.map((value) => uuidOfHex(toHex(value)))}
      }

      return {items: fromBytes(values, target)}
    }

    case 'FLOAT': {
      fixed(4)
      if (target === 'float32') return {floats: bytes.subarray(0, count * 4)}
      return numbers((index) => view.getFloat32(index * 4, true))
    }

    case 'INT32': {
      checkItems(count)
      fixed(4)
      return numbers((index) => view.getInt32(index * 4, true))
    }

    case 'INT64': {
      checkItems(count)
      fixed(8)
      if (target === 'text') {
        const longs = Array.from({length: count}, (_, index) => view.getBigInt64(index * 8, true))
        return {items: textOfTimestamps(longs, element)}
      }

      // Exact where float64 is, and else the nearest.
      return numbers((index) => view.getInt32(index * 8 + 4, true) * 2 ** 32 + view.getUint32(index * 8, true))
    }

    case 'INT96':
    case undefined: {
      break
    }
  }

  throw new TypeError(`values of type ${element.type} where ${target} is expected`)
}

function numbersOf(count: number, at: (index: number) => number): number[] {
  const numbers: number[] = []
  for (let index = 0; index < count; index++) numbers.push(at(index))
  return numbers
}

/** float64 as the bytes of float32. */
function narrow(view: DataView, count: number): Uint8Array {
  const floats = new Uint8Array(count * 4)
  const out = new DataView(floats.buffer)
  for (let index = 0; index < count; index++) out.setFloat32(index * 4, view.getFloat64(index * 8, true), true)
  return floats
}

const strictText = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})

/** Each made when it is asked for: a page of 8 MiB holds 200,000 ids, whose strings, or views, are three times as large. */
class ByteArrays implements Items {
  /** Where each begins, behind its length; the last entry: behind all. */
  readonly #starts: Uint32Array

  /** @throws Error when the bytes end before the last value does. */
  constructor(
    private readonly bytes: Uint8Array,
    readonly length: number,
    private readonly target: LeafTarget,
  ) {
    checkItems(length)
    if (bytes.length < length * 4) throw new RangeError('values end early')
    if (target !== 'text' && target !== 'binary') throw new TypeError(`bytes where ${target} is expected`)
    const view = viewOf(bytes)
    this.#starts = new Uint32Array(length + 1)
    let start = 4
    for (let index = 0; index < length; index++) {
      if (start > bytes.length) throw new RangeError('values end early')
      this.#starts[index] = start
      const end = start + view.getUint32(start - 4, true)
      if (end > bytes.length) throw new RangeError('values end early')
      start = end + 4
    }

    this.#starts[length] = start
  }

  at(index: number): ColumnValue {
    const starts = this.#starts
    const value = this.bytes.subarray(starts[index], starts[index + 1]! - 4)
    return this.target === 'text' ? strictText.decode(value) : value
  }
}

function fromBytes(values: readonly Uint8Array[], target: LeafTarget): ColumnValue[] {
  if (target === 'binary') return [...values]
  if (target !== 'text') throw new TypeError(`bytes where ${target} is expected`)
  return values.map((value) => strictText.decode(value))
}

function toTarget(numbers: number[], element: SchemaElement, target: LeafTarget): ColumnValue[] {
  if (target === 'number')
    return meaningOf(element) === 'unsigned' ? numbers.map((value) => unsigned(value, element)) : numbers
  if (target === 'time' && element.type === 'INT64') {
    const millis = 10 ** (3 - (timestampDigits(element) ?? 3))
    return numbers.map((value) => Math.round(value * millis))
  }

  throw new TypeError(`numbers where ${target} is expected`)
}

/** What was read with a sign. */
function unsigned(value: number, {type}: SchemaElement): number {
  if (type === 'INT32') return value >>> 0
  // None of it is a property's: ints of Weaviate have a sign, and 64 bits.
  if (value < 0) throw new RangeError('a number is beyond 64 bits with a sign')
  return value
}
