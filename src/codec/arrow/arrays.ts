/** The arrays of an Arrow record batch as the values that `src/codec/columns/decode.ts` takes. */
import type {ByteSource, Platform} from '../codec.js'
import type {ColumnValue} from '../columns/decode.js'

import {viewOf} from '../bytes.js'
import {GEO_MEMBERS} from '../columns/columns.js'
import {type ArrowBatch, type ArrowField, LISTS, TEXTS} from './format.js'

/** A field's values in one batch. */
export interface ArrowArray {
  buffers: BufferRef[]
  children: ArrowArray[]
  field: ArrowField
  length: number
  nulls: number
}

interface BufferRef {
  end: number
  start: number
}

const BUFFERS: Readonly<Record<string, number>> = {
  'fixed-list': 1,
  'large-utf8': 3,
  null: 0,
  struct: 1,
  utf8: 3,
  view: 2,
}

/** Assigns a batch's nodes and buffers to the fields. @throws Error when they do not fit. */
export function arraysOf(fields: readonly ArrowField[], batch: ArrowBatch): ArrowArray[] {
  let node = 0
  let buffer = 0
  let variadic = 0
  const take = (field: ArrowField): ArrowArray => {
    const {length, nulls} = batch.nodes[node++] ?? {length: -1, nulls: 0}
    if (length < 0 || field.type === 'other')
      throw new TypeError(`column ${field.name} is of a type that is not supported`)
    let count = BUFFERS[field.type] ?? 2
    if (field.type === 'view') count += batch.variadic[variadic++] ?? 0
    const buffers = batch.buffers.slice(buffer, buffer + count)
    if (buffers.length < count) throw new RangeError(`column ${field.name} lacks buffers`)
    buffer += count
    return {buffers, children: field.children.map((child) => take(child)), field, length, nulls}
  }

  return fields.map((field) => take(field))
}

const MAX_BUFFER_BYTES = 512 * 1024 * 1024
const strictText = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})

/** An array with its buffers in memory. */
export interface LoadedArray {
  bytes: Uint8Array[]
  children: LoadedArray[]
  field: ArrowField
  isValid: (index: number) => boolean
  length: number
}

/** Reads an array's buffers, and its children's. */
export async function loadArray(
  array: ArrowArray,
  {isCompressed, platform, source}: {isCompressed: boolean; platform: Platform; source: ByteSource},
): Promise<LoadedArray> {
  const bytes: Uint8Array[] = []
  for (const {end, start} of array.buffers) {
    const buffer = end > start ? await source.read(start, end) : new Uint8Array(0)
    bytes.push(isCompressed ? decompress(buffer, platform) : buffer)
  }

  const [validity] = bytes
  if (array.nulls > 0 && array.field.type !== 'null' && validity!.length * 8 < array.length) {
    throw new RangeError('a validity bitmap ends early')
  }

  const children: LoadedArray[] = []
  for (const child of array.children) children.push(await loadArray(child, {isCompressed, platform, source}))
  const isNullType = array.field.type === 'null'
  return {
    bytes,
    children,
    field: array.field,
    isValid: array.nulls === 0 && !isNullType ? () => true : (index) => !isNullType && hasBit(validity!, index),
    length: array.length,
  }
}

function decompress(buffer: Uint8Array, platform: Platform): Uint8Array {
  if (buffer.length === 0) return buffer
  const length = Number(viewOf(buffer).getBigInt64(0, true))
  const body = buffer.subarray(8)
  if (length === -1) return body
  if (!(length >= 0 && length <= MAX_BUFFER_BYTES)) throw new RangeError(`a buffer of ${length} bytes`)
  if (!platform.zstdDecompress) throw new Error('this platform has no zstd')
  const output = platform.zstdDecompress(body, length)
  if (output.length !== length) throw new RangeError('a buffer is not as long as it says')
  return output
}

function hasBit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3]! >> (index & 7)) & 1) === 1
}

/** The values of rows `from` to `to`: lists as arrays, lists of float32 as bytes when `isVector`. */
export function arrayValues(array: LoadedArray, from: number, to: number, isVector: boolean): ColumnValue[] {
  if (to > array.length) throw new RangeError(`column ${array.field.name} ends early`)
  const read = valueReader(array, isVector)
  const values: ColumnValue[] = []
  for (let row = from; row < to; row++) values.push(array.isValid(row) ? read(row) : undefined)
  return values
}

function valueReader(array: LoadedArray, isVector: boolean): (index: number) => ColumnValue {
  const {type} = array.field
  if (LISTS.has(type)) return listReader(array, isVector)
  if (type === 'struct') return geoReader(array)
  if (TEXTS.has(type)) {
    const read = bytesReader(array)
    // A vector as bytes stays bytes.
    return isVector ? read : (index) => strictText.decode(read(index))
  }

  return numberReader(array)
}

function numberReader({bytes, field}: LoadedArray): (index: number) => ColumnValue {
  const data = bytes[1] ?? new Uint8Array(0)
  const view = viewOf(data)
  switch (field.type) {
    case 'boolean': {
      return (index) => {
        if (index >> 3 >= data.length) throw new RangeError('booleans end early')
        return hasBit(data, index)
      }
    }

    case 'float32': {
      return (index) => view.getFloat32(index * 4, true)
    }

    case 'float64': {
      return (index) => view.getFloat64(index * 8, true)
    }

    case 'int16': {
      return (index) => view.getInt16(index * 2, true)
    }

    case 'int32': {
      return (index) => view.getInt32(index * 4, true)
    }

    case 'int64': {
      return (index) => view.getInt32(index * 8 + 4, true) * 2 ** 32 + view.getUint32(index * 8, true)
    }

    case 'int8': {
      return (index) => view.getInt8(index)
    }

    case 'timestamp': {
      const {millis} = field
      return (index) =>
        Math.round((view.getInt32(index * 8 + 4, true) * 2 ** 32 + view.getUint32(index * 8, true)) * millis)
    }

    case 'fixed-list':
    case 'large-list':
    case 'large-utf8':
    case 'list':
    case 'null':
    case 'other':
    case 'struct':
    case 'utf8':
    case 'view': {
      throw new TypeError(`column ${field.name} holds no numbers`)
    }
  }
}

function geoReader(array: LoadedArray): (index: number) => ColumnValue {
  const members = GEO_MEMBERS.map((name) => array.children.find(({field}) => field.name === name))
  const [latitude, longitude] = members
  if (!latitude || !longitude) throw new TypeError(`column ${array.field.name} is no coordinates`)
  const readers = [numberReader(latitude), numberReader(longitude)] as const
  return (index) => {
    if (!latitude.isValid(index) || !longitude.isValid(index)) return undefined
    return {latitude: readers[0](index) as number, longitude: readers[1](index) as number}
  }
}

/** Start and end of a list or text among its items. */
function spanReader(
  {bytes, field}: LoadedArray,
  items: number,
): (index: number) => readonly [start: number, end: number] {
  const view = viewOf(bytes[1] ?? new Uint8Array(0))
  const isLarge = field.type === 'large-list' || field.type === 'large-utf8'
  const offset = (index: number) => {
    if (!isLarge) return view.getInt32(index * 4, true)
    return Number(view.getBigInt64(index * 8, true))
  }

  // Spans follow one another; ones that overlap would make much of few bytes. (A first row may be looked at twice.)
  let left = items * 2
  return (index) => {
    const start = field.type === 'fixed-list' ? index * field.listSize : offset(index)
    const end = field.type === 'fixed-list' ? start + field.listSize : offset(index + 1)
    if (!(start >= 0 && start <= end && end <= items))
      throw new RangeError(`column ${field.name} has offsets out of order`)
    left -= end - start
    if (left < 0) throw new RangeError(`column ${field.name} has lists that overlap`)
    return [start, end]
  }
}

function bytesReader(array: LoadedArray): (index: number) => Uint8Array {
  if (array.field.type === 'view') return textViewReader(array)
  const data = array.bytes[2]!
  const span = spanReader(array, data.length)
  return (index) => data.subarray(...span(index))
}

/** Texts of up to twelve bytes stand in the view itself, longer ones in one of the data buffers. */
function textViewReader({bytes}: LoadedArray): (index: number) => Uint8Array {
  const views = bytes[1]!
  const view = viewOf(views)
  let left = MAX_BUFFER_BYTES
  return (index) => {
    const at = index * 16
    const length = view.getInt32(at, true)
    if (length < 0) throw new RangeError('a text of less than no bytes')
    const isInline = length <= 12
    const data = isInline ? views : bytes[2 + view.getInt32(at + 8, true)]
    const start = isInline ? at + 4 : view.getInt32(at + 12, true)
    if (!data || start < 0 || start + length > data.length) throw new RangeError('a text lies outside its buffers')
    // Views may share their text.
    left -= length
    if (left < 0) throw new RangeError('texts of too many bytes')
    return data.subarray(start, start + length)
  }
}

function listReader(array: LoadedArray, isVector: boolean): (index: number) => ColumnValue {
  const [items] = array.children
  if (!items) throw new TypeError(`column ${array.field.name} is a list of nothing`)
  const span = spanReader(array, items.length)
  if (!isVector) {
    const read = valueReader(items, false)
    return (index) => {
      const [start, end] = span(index)
      const list: ColumnValue[] = []
      for (let item = start; item < end; item++) list.push(items.isValid(item) ? read(item) : null)
      return list as ColumnValue
    }
  }

  if (items.field.type === 'float32' || items.field.type === 'float64') {
    const floats = floatBytes(items)
    return (index) => {
      const [start, end] = span(index)
      requireValid(items, start, end)
      return floats.subarray(start * 4, end * 4)
    }
  }

  return rowsReader(span, items)
}

function rowsReader(
  span: (index: number) => readonly [start: number, end: number],
  rows: LoadedArray,
): (index: number) => ColumnValue {
  const [items] = rows.children
  if (!items) throw new TypeError(`column ${rows.field.name} is no list of vectors`)
  const inner = spanReader(rows, items.length)
  const floats = floatBytes(items)
  return (index) => {
    const [start, end] = span(index)
    requireValid(rows, start, end)
    if (start === end) return {bytes: new Uint8Array(0), dims: 0}
    const [first, firstEnd] = inner(start)
    const dims = firstEnd - first
    for (let row = start; row < end; row++) {
      const [rowStart, rowEnd] = inner(row)
      if (rowStart !== first + (row - start) * dims || rowEnd - rowStart !== dims) {
        throw new TypeError('a multi vector has rows of different lengths')
      }
    }

    requireValid(items, first, first + (end - start) * dims)
    return {bytes: floats.subarray(first * 4, (first + (end - start) * dims) * 4), dims}
  }
}

function requireValid(array: LoadedArray, start: number, end: number): void {
  for (let item = start; item < end; item++)
    if (!array.isValid(item)) throw new TypeError('a vector has a component that is null')
}

/** Little-endian float32 of all items. */
function floatBytes({bytes, field, length}: LoadedArray): Uint8Array {
  const data = bytes[1] ?? new Uint8Array(0)
  const width = field.type === 'float64' ? 8 : 4
  if ((field.type !== 'float32' && field.type !== 'float64') || data.length < length * width) {
    throw new TypeError(`column ${field.name} holds no vectors, or not all of them`)
  }

  if (width === 4) return data
  const view = viewOf(data)
  const floats = new Uint8Array(length * 4)
  const out = viewOf(floats)
  for (let item = 0; item < length; item++) out.setFloat32(item * 4, view.getFloat64(item * 8, true), true)
  return floats
}
