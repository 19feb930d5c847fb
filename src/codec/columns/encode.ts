/** Objects taken apart into columns, whose memory is laid out as Parquet or Arrow has it. */
import type {PartColumn} from '../codec.js'

import {DataOpsError} from '../../model/errors.js'
import {shortestFloat32} from '../../model/float32.js'
import {type JsonObject, type JsonValue, type NamedVector, setOwn, type WeaviateObject} from '../../model/object.js'
import {ByteBuffer} from '../byte-buffer.js'
import {toHex} from '../bytes.js'
import {type ColumnShape, columnShape, type LeafType, VECTOR_EXCEPTION} from './columns.js'

/** Values of a column's leaf, one after another, nulls and lists taken out. */
export interface LeafBatch {
  /** Little-endian values; booleans are bits, least significant first; text is described at `ColumnsBuilder`. */
  bytes: Uint8Array
  count: number
  /** text: bytes of each value. */
  lengths: number[]
}

/** Some rows of one column. */
export interface ColumnBatch {
  column: PartColumn
  /** Elements of each inner list, of columns with two levels of lists. */
  innerLengths: number[]
  /** Two for geo, else one. */
  leaves: LeafBatch[]
  /** One a row: -1 for null, else the elements of the list (1 without lists). */
  lengths: number[]
  shape: ColumnShape
}

export interface RowsBatch {
  columns: ColumnBatch[]
  /** The least and the greatest id, compared as JavaScript text. */
  maxId: string
  minId: string
  rows: number
}

/**
 * Collects objects as columns, until `take` hands them over. In layout `parquet` nulls take no place among the values and each text
 * is preceded by its length (u32); in layout `arrow` a null takes the place of a value, and texts follow one another.
 */
export class ColumnsBuilder {
  private readonly columns: ColumnBuilder[]
  private readonly exceptions: ColumnBuilder
  private readonly id: ColumnBuilder
  private readonly properties: ColumnBuilder[]
  private readonly vectors: ColumnBuilder[]
  private readonly rest: ColumnBuilder[]
  private minId = ''
  private maxId = ''
  rows = 0

  constructor(columns: readonly PartColumn[], layout: 'arrow' | 'parquet') {
    this.columns = columns.map((column) => new ColumnBuilder(column, layout))
    const withRole = (...roles: Array<PartColumn['role']>) =>
      this.columns.filter(({column}) => roles.includes(column.role))
    const [id] = withRole('id')
    const [exceptions] = withRole('exceptions')
    if (!id || !exceptions) throw new DataOpsError('UNEXPECTED', 'The columns of a part need an id and exceptions.')
    this.id = id
    this.exceptions = exceptions
    this.properties = withRole('property')
    this.vectors = withRole('vector', 'named_vector')
    this.rest = withRole('tenant', 'creation_time', 'update_time')
  }

  private appendProperties(properties: JsonObject): JsonObject | undefined {
    let exceptions: JsonObject | undefined
    let found = 0
    for (const builder of this.properties) {
      const value = builder.propertyOf(properties)
      if (value === undefined || value === null) {
        builder.appendNull()
        continue
      }

      found++
      if (builder.appendValue(value)) continue
      builder.appendNull()
      setOwn((exceptions ??= {}), builder.column.property!, value)
    }

    let present = 0
    for (const key in properties) if (properties[key] !== undefined && properties[key] !== null) present++
    if (present === found) return exceptions
    // A property that the schema did not have when the columns were made.
    const known = new Set(this.properties.map(({column}) => column.property))
    for (const [key, value] of Object.entries(properties)) {
      if (value !== undefined && value !== null && !known.has(key)) setOwn((exceptions ??= {}), key, value)
    }

    return exceptions
  }

  private appendVectors(object: WeaviateObject, exceptions: JsonObject | undefined): JsonObject | undefined {
    let found = 0
    const except = (name: string, vector: NamedVector) => {
      setOwn((exceptions ??= {}), ...vectorException(name, vector))
    }

    for (const builder of this.vectors) {
      const name = builder.column.vector
      const vector = name === undefined ? unnamed(object.vector) : object.vectors?.get(name)
      if (vector) found++
      if (!vector || !builder.appendVector(vector)) {
        builder.appendNull()
        if (vector) except(name ?? '', vector)
      } else if (vector.kind === 'multi' && vector.bytes.length === 0 && vector.dims > 0) {
        // A list without rows has nowhere to keep their length.
        except(name ?? '', vector)
      }
    }

    if (found < (object.vector ? 1 : 0) + (object.vectors?.size ?? 0)) {
      const known = new Set(this.vectors.map(({column}) => column.vector))
      if (object.vector && !known.has(undefined)) except('', {bytes: object.vector, kind: 'single'})
      for (const [name, vector] of object.vectors ?? []) if (!known.has(name)) except(name, vector)
    }

    return exceptions
  }

  /** Bytes collected, near enough to bound them by. */
  get bytes(): number {
    let bytes = this.rows * this.columns.length
    for (const column of this.columns) bytes += column.bytes
    return bytes
  }

  append(object: WeaviateObject): void {
    this.id.appendScalar(object.id)
    if (this.rows === 0 || object.id < this.minId) this.minId = object.id
    if (this.rows === 0 || object.id > this.maxId) this.maxId = object.id
    this.rows++
    let hasTenant = object.tenant === undefined
    for (const builder of this.rest) {
      if (builder.column.role === 'tenant') {
        hasTenant = true
        builder.appendValue(object.tenant)
      } else {
        const time = builder.column.role === 'creation_time' ? object.creationTimeUnix : object.lastUpdateTimeUnix
        if (!builder.appendValue(time)) builder.appendNull()
      }
    }

    if (!hasTenant) throw new DataOpsError('UNEXPECTED', `Object ${object.id} has a tenant, its collection has none.`)
    let exceptions = this.appendProperties(object.properties)
    exceptions = this.appendVectors(object, exceptions)
    if (exceptions) this.exceptions.appendScalar(jsonText(exceptions))
    else this.exceptions.appendNull()
  }

  /** Nobody looks at what was taken any more: its memory is used for what comes. */
  recycle(): void {
    for (const column of this.columns) column.recycle()
  }

  /** The rows collected: theirs is the memory until `recycle`. */
  take(): RowsBatch {
    const {maxId, minId, rows} = this
    this.rows = 0
    return {columns: this.columns.map((column) => column.take()), maxId, minId, rows}
  }
}

function unnamed(bytes: Uint8Array | undefined): NamedVector | undefined {
  return bytes && {bytes, kind: 'single'}
}

function vectorException(name: string, vector: NamedVector): [string, JsonObject] {
  const value = {hex: toHex(vector.bytes), kind: vector.kind}
  return [VECTOR_EXCEPTION + name, vector.kind === 'multi' ? {...value, dims: vector.dims} : value]
}

const encoder = new TextEncoder()

class ColumnBuilder {
  private readonly leaves: LeafBuilder[]
  private lengths: number[] = []
  private innerLengths: number[] = []
  /** A name that every object inherits something by. */
  private readonly inherited: boolean
  readonly shape: ColumnShape

  constructor(
    readonly column: PartColumn,
    layout: 'arrow' | 'parquet',
  ) {
    this.shape = columnShape(column)
    this.leaves = Array.from({length: this.shape.kind === 'geo' ? 2 : 1}, () => new LeafBuilder(this.shape, layout))
    this.inherited = column.property !== undefined && Reflect.has(Object.prototype, column.property)
  }

  private appendGeo(value: JsonValue): boolean {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    const {latitude, longitude} = value
    if (!isCoordinate(latitude) || !isCoordinate(longitude) || Object.keys(value).length !== 2) return false
    this.lengths.push(1)
    this.leaves[0]!.append(latitude)
    this.leaves[1]!.append(longitude)
    return true
  }

  get bytes(): number {
    let {bytes} = this.leaves[0]!
    if (this.leaves.length > 1) bytes *= 2
    return bytes
  }

  propertyOf(properties: JsonObject): JsonValue | undefined {
    const name = this.column.property!
    return this.inherited && !Object.hasOwn(properties, name) ? undefined : properties[name]
  }

  appendNull(): void {
    this.lengths.push(-1)
    if (this.shape.lists === 0) for (const leaf of this.leaves) leaf.appendNull()
  }

  appendScalar(value: boolean | number | string): void {
    this.lengths.push(1)
    this.leaves[0]!.append(value)
  }

  /** False, and nothing appended, when the column cannot hold the value exactly. */
  appendValue(value: JsonValue | undefined): boolean {
    const {kind, leaf, lists} = this.shape
    if (value === undefined) {
      this.appendNull()
      return true
    }

    if (kind === 'json') {
      this.appendScalar(jsonText(value))
      return true
    }

    if (kind === 'geo') return this.appendGeo(value)
    if (lists === 0) {
      if (!canHold(leaf, value)) return false
      this.appendScalar(value as boolean | number | string)
      return true
    }

    if (!Array.isArray(value) || value.some((item) => !canHold(leaf, item))) return false
    this.lengths.push(value.length)
    for (const item of value) this.leaves[0]!.append(item as boolean | number | string)
    return true
  }

  appendVector(vector: NamedVector): boolean {
    const {bytes} = vector
    if (bytes.length % 4 !== 0 || (vector.kind === 'multi') !== (this.shape.lists === 2)) return false
    if (vector.kind === 'multi') {
      const rowBytes = vector.dims * 4
      if (rowBytes === 0 ? bytes.length > 0 : bytes.length % rowBytes !== 0) return false
      const rows = rowBytes === 0 ? 0 : bytes.length / rowBytes
      this.lengths.push(rows)
      for (let row = 0; row < rows; row++) this.innerLengths.push(vector.dims)
    } else {
      this.lengths.push(bytes.length / 4)
    }

    this.leaves[0]!.appendFloats(bytes)
    return true
  }

  recycle(): void {
    for (const leaf of this.leaves) leaf.recycle()
  }

  take(): ColumnBatch {
    const batch = {
      column: this.column,
      innerLengths: this.innerLengths,
      leaves: this.leaves.map((leaf) => leaf.take()),
      lengths: this.lengths,
      shape: this.shape,
    }
    this.lengths = []
    this.innerLengths = []
    return batch
  }
}

const TWO_63 = 2 ** 63

/** Whether a leaf of that type holds the value exactly. */
function canHold(leaf: LeafType, value: JsonValue): boolean {
  switch (leaf) {
    case 'boolean': {
      return typeof value === 'boolean'
    }

    case 'float32': {
      return isFloat32(value)
    }

    case 'float64': {
      return typeof value === 'number'
    }

    case 'int64': {
      if (typeof value !== 'number' || Math.trunc(value) !== value || Object.is(value, -0)) return false
      return value >= -TWO_63 && value < TWO_63
    }

    case 'text': {
      return typeof value === 'string' && isWellFormed(value)
    }
  }
}

function isFloat32(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Object.is(Math.fround(value), value) && !Number.isNaN(value)
}

/** Whether a coordinate is what readers make of a float32: its shortest decimal, as the server shows it. */
function isCoordinate(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value) && Object.is(shortestFloat32(Math.fround(value)), value)
}

/** Whether the text has no lone surrogates, which UTF-8 cannot hold. (ES2024; every Node that is supported has it.) */
function isWellFormed(text: string): boolean {
  return (text as unknown as {isWellFormed: () => boolean}).isWellFormed()
}

/** Text longer than this is encoded apart: it costs a copy, and saves reserving three bytes for every character. */
const LONG_TEXT = 4096

class LeafBuilder {
  private buffer = new ByteBuffer(256)
  /** Given away by `take`. */
  private taken?: ByteBuffer
  /** For the next `take`. */
  private spare?: ByteBuffer
  private count = 0
  private lengths: number[] = []
  private readonly type: LeafType

  constructor(
    shape: ColumnShape,
    private readonly layout: 'arrow' | 'parquet',
  ) {
    this.type = shape.leaf
  }

  private appendText(text: string): void {
    const {buffer} = this
    const start = buffer.length
    if (this.layout === 'parquet') {
      buffer.reserve(4)
      buffer.length += 4
    }

    const textStart = buffer.length
    if (text.length > LONG_TEXT) buffer.append(encoder.encode(text))
    else buffer.text(text)
    const length = buffer.length - textStart
    if (this.layout === 'parquet') buffer.view.setUint32(start, length, true)
    else this.lengths.push(length)
  }

  get bytes(): number {
    return this.buffer.length
  }

  append(value: boolean | number | string): void {
    const {buffer} = this
    this.count++
    switch (this.type) {
      case 'boolean': {
        buffer.byte(value ? 1 : 0)
        return
      }

      case 'float32': {
        buffer.reserve(4)
        buffer.view.setFloat32(buffer.length, value as number, true)
        buffer.length += 4
        return
      }

      case 'float64': {
        buffer.reserve(8)
        buffer.view.setFloat64(buffer.length, value as number, true)
        buffer.length += 8
        return
      }

      case 'int64': {
        // Exact for every integral float64 in range: both halves are multiples of a power of two.
        const high = Math.floor((value as number) / 2 ** 32)
        buffer.reserve(8)
        buffer.view.setUint32(buffer.length, (value as number) - high * 2 ** 32, true)
        buffer.view.setInt32(buffer.length + 4, high, true)
        buffer.length += 8
        return
      }

      case 'text': {
        this.appendText(value as string)
      }
    }
  }

  appendFloats(bytes: Uint8Array): void {
    this.count += bytes.length / 4
    this.buffer.append(bytes)
  }

  appendNull(): void {
    if (this.layout === 'parquet') return
    this.count++
    if (this.type === 'text') this.lengths.push(0)
    else {
      const width = this.type === 'boolean' ? 1 : this.type === 'float32' ? 4 : 8
      this.buffer.reserve(width)
      this.buffer.bytes.fill(0, this.buffer.length, this.buffer.length + width)
      this.buffer.length += width
    }
  }

  recycle(): void {
    // Empty: whoever had it gave its memory to somebody else.
    if (this.taken && this.taken.bytes.length > 0) this.spare = this.taken
    this.taken = undefined
  }

  take(): LeafBatch {
    const contents = this.buffer.contents()
    const batch = {
      bytes: this.type === 'boolean' ? packBits(contents) : contents,
      count: this.count,
      lengths: this.lengths,
    }
    this.taken = this.buffer
    // As much room as the last rows took, so that the next do not grow into it by doubling.
    this.buffer = this.spare ?? new ByteBuffer(Math.max(256, contents.length + (contents.length >> 6)))
    this.buffer.clear()
    this.spare = undefined
    this.count = 0
    this.lengths = []
    return batch
  }
}

/** One byte of 0 or 1 a value to one bit a value, least significant first. */
export function packBits(values: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 8))
  for (const [index, value] of values.entries()) bits[index >> 3]! |= value << (index & 7)
  return bits
}

/** JSON text that reads back to the same value, negative zeros too. Lone surrogates are escaped. */
export function jsonText(value: JsonValue): string {
  return hasNegativeZero(value) ? writeJson(value) : JSON.stringify(value)
}

function hasNegativeZero(value: JsonValue): boolean {
  if (typeof value === 'number') return isNegativeZero(value)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some((item) => hasNegativeZero(item))
  for (const key in value) if (hasNegativeZero(value[key]!)) return true
  return false
}

function isNegativeZero(value: number): boolean {
  if (!Number.isFinite(value)) throw new DataOpsError('UNEXPECTED', `JSON text cannot hold the number ${value}.`)
  return Object.is(value, -0)
}

function writeJson(value: JsonValue): string {
  if (typeof value === 'number' && isNegativeZero(value)) return '-0'
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map((item) => writeJson(item)).join(',')}]`
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${writeJson(member)}`).join(',')}}`
}
