/**
 * The metadata of an Arrow IPC file: footer, schema and record batches, read from flatbuffers without believing a count or an offset.
 * apache-arrow's own reader loops over whatever counts the bytes claim, which damaged files turn into hangs.
 */
import type {ByteSource} from '../codec.js'

import {viewOf} from '../bytes.js'

const MAGIC = new Uint8Array([0x41, 0x52, 0x52, 0x4f, 0x57, 0x31])
const MAX_METADATA_BYTES = 64 * 1024 * 1024
const MAX_FIELDS = 10_000

/** A table of a flatbuffer. Reads past the buffer's end throw a RangeError, as a DataView does. */
class Table {
  constructor(
    readonly view: DataView,
    readonly at: number,
  ) {}

  static root(bytes: Uint8Array): Table {
    const view = viewOf(bytes)
    return new Table(view, view.getUint32(0, true))
  }

  /** Where a member's value is; 0 when it is absent. */
  private member(index: number): number {
    const vtable = this.at - this.view.getInt32(this.at, true)
    const slot = 4 + 2 * index
    if (slot + 2 > this.view.getUint16(vtable, true)) return 0
    const offset = this.view.getUint16(vtable + slot, true)
    return offset === 0 ? 0 : this.at + offset
  }

  byte(index: number): number {
    const at = this.member(index)
    return at === 0 ? 0 : this.view.getUint8(at)
  }

  short(index: number): number {
    const at = this.member(index)
    return at === 0 ? 0 : this.view.getInt16(at, true)
  }

  int(index: number): number {
    const at = this.member(index)
    return at === 0 ? 0 : this.view.getInt32(at, true)
  }

  long(index: number): number {
    const at = this.member(index)
    return at === 0 ? 0 : long(this.view, at)
  }

  text(index: number): string {
    const {count, start} = this.vector(index, 1)
    return new TextDecoder().decode(new Uint8Array(this.view.buffer, this.view.byteOffset + start, count))
  }

  table(index: number): Table | undefined {
    const at = this.member(index)
    return at === 0 ? undefined : new Table(this.view, at + this.view.getUint32(at, true))
  }

  tables(index: number): Table[] {
    const {count, start} = this.vector(index, 4)
    return Array.from({length: count}, (_, item) => {
      const at = start + item * 4
      return new Table(this.view, at + this.view.getUint32(at, true))
    })
  }

  /** Structs of `width` bytes, one after another. */
  vector(index: number, width: number): {count: number; start: number} {
    const at = this.member(index)
    if (at === 0) return {count: 0, start: 0}
    const start = at + this.view.getUint32(at, true) + 4
    const count = this.view.getUint32(start - 4, true)
    if (start + count * width > this.view.byteLength) throw new RangeError('a list is longer than its bytes')
    return {count, start}
  }
}

/** A 64-bit integer that must be an exact count or offset. */
function long(view: DataView, at: number): number {
  const value = Number(view.getBigInt64(at, true))
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`a count of ${value}`)
  return value
}

export type ArrowTypeName =
  | 'boolean'
  | 'fixed-list'
  | 'float32'
  | 'float64'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'int8'
  | 'large-list'
  | 'large-utf8'
  | 'list'
  | 'null'
  | 'other'
  | 'struct'
  | 'timestamp'
  | 'utf8'
  | 'view'

/** Types whose values are lists of their child's, and texts. */
export const LISTS: ReadonlySet<ArrowTypeName> = new Set(['fixed-list', 'large-list', 'list'])
export const TEXTS: ReadonlySet<ArrowTypeName> = new Set(['large-utf8', 'utf8', 'view'])

export interface ArrowField {
  children: ArrowField[]
  /** Items of each list of a `fixed-list`. */
  listSize: number
  /** Milliseconds of a timestamp's unit. */
  millis: number
  name: string
  /** `other` is what no column of ours can be: its buffers cannot be skipped either. */
  type: ArrowTypeName
}

export interface ArrowSchema {
  fields: ArrowField[]
  metadata: Map<string, string>
}

interface Range {
  end: number
  start: number
}

export interface ArrowBatch {
  /** Buffers, as ranges of the file. */
  buffers: Range[]
  isCompressed: boolean
  nodes: Array<{length: number; nulls: number}>
  rows: number
  /** Numbers of data buffers of the columns of text views. */
  variadic: number[]
}

export interface ArrowFile {
  batches: ArrowBatch[]
  schema: ArrowSchema
}

/** Reads a file's footer and the description of each of its record batches. @throws Error on anything else. */
export async function readArrowFile(source: ByteSource): Promise<ArrowFile> {
  const {size} = source
  const trailer = MAGIC.length + 4
  if (size < trailer + MAGIC.length) throw new RangeError('too short for an Arrow file')
  const tail = await source.read(size - trailer, size)
  if (MAGIC.some((byte, index) => tail[index + 4] !== byte)) throw new Error('it does not end like an Arrow file')
  const length = new DataView(tail.buffer, tail.byteOffset).getInt32(0, true)
  if (length < 8 || length > Math.min(size - trailer, MAX_METADATA_BYTES))
    throw new RangeError(`a footer of ${length} bytes`)
  const footer = Table.root(await source.read(size - trailer - length, size - trailer))
  const schemaTable = footer.table(1)
  if (!schemaTable) throw new Error('the file has no schema')
  if (footer.vector(2, 24).count > 0) throw new Error('dictionaries are not supported')
  const schema = readSchema(schemaTable)
  const blocks = footer.vector(3, 24)
  const batches: ArrowBatch[] = []
  for (let block = 0; block < blocks.count; block++) {
    const at = blocks.start + block * 24
    const start = long(footer.view, at)
    const metadataBytes = footer.view.getInt32(at + 8, true)
    if (metadataBytes < 8 || metadataBytes > MAX_METADATA_BYTES || start + metadataBytes > size) {
      throw new RangeError('a record batch lies outside the file')
    }

    const message = await source.read(start, start + metadataBytes)
    batches.push(readBatch(message, start + metadataBytes, size))
  }

  return {batches, schema}
}

function readSchema(table: Table): ArrowSchema {
  if (table.short(0) !== 0) throw new Error('the file is big-endian')
  const metadata = new Map<string, string>()
  for (const pair of table.tables(2)) metadata.set(pair.text(0), pair.text(1))
  const budget = {left: MAX_FIELDS}
  return {fields: table.tables(1).map((field) => readField(field, budget, 0)), metadata}
}

function readField(table: Table, budget: {left: number}, depth: number): ArrowField {
  if (budget.left-- === 0 || depth > 16) throw new RangeError('a schema of too many fields')
  if (table.table(4)) throw new Error(`column ${table.text(0)} is a dictionary, which is not supported`)
  const type = table.table(3)
  return {
    children: table.tables(5).map((child) => readField(child, budget, depth + 1)),
    listSize: type && table.byte(2) === 16 ? type.int(0) : 0,
    millis: type && table.byte(2) === 10 ? ([1000, 1, 1e-3, 1e-6][type.short(0)] ?? 1) : 1,
    name: table.text(0),
    type: typeName(table.byte(2), type),
  }
}

const PLAIN_TYPES: Readonly<Record<number, ArrowTypeName>> = {
  1: 'null',
  // Binary, as text is laid out.
  4: 'utf8',
  5: 'utf8',
  6: 'boolean',
  10: 'timestamp',
  12: 'list',
  13: 'struct',
  16: 'fixed-list',
  19: 'large-utf8',
  20: 'large-utf8',
  21: 'large-list',
  23: 'view',
  24: 'view',
}

function typeName(id: number, type: Table | undefined): ArrowTypeName {
  if (id === 2) return type?.byte(1) === 1 ? (`int${type.int(0)}` as ArrowTypeName) : 'other'
  if (id === 3) return (['other', 'float32', 'float64'] as const)[type?.short(0) ?? 0] ?? 'other'
  return PLAIN_TYPES[id] ?? 'other'
}

/** `bytes` is the message with its length in front; its body starts at `bodyStart` of the file. */
function readBatch(bytes: Uint8Array, bodyStart: number, fileSize: number): ArrowBatch {
  const view = viewOf(bytes)
  const message = Table.root(bytes.subarray(view.getInt32(0, true) === -1 ? 8 : 4))
  const batch = message.table(2)
  if (message.byte(1) !== 3 || !batch) throw new Error('a block of the file is no record batch')
  const bodyBytes = message.long(3)
  if (bodyStart + bodyBytes > fileSize) throw new RangeError('a record batch ends outside the file')
  const compression = batch.table(3)
  if (compression && (compression.byte(0) !== 1 || compression.byte(1) !== 0)) {
    throw new Error('only zstd is supported among the compressions of Arrow')
  }

  const pairs = (index: number) => {
    const {count, start} = batch.vector(index, 16)
    return Array.from(
      {length: count},
      (_, item) => [long(batch.view, start + item * 16), long(batch.view, start + item * 16 + 8)] as const,
    )
  }

  const variadic = batch.vector(4, 8)
  return {
    buffers: pairs(2).map(([offset, length]) => {
      if (offset + length > bodyBytes) throw new RangeError('a buffer ends outside its record batch')
      return {end: bodyStart + offset + length, start: bodyStart + offset}
    }),
    isCompressed: compression !== undefined,
    nodes: pairs(1).map(([length, nulls]) => ({length, nulls})),
    rows: batch.long(0),
    variadic: Array.from({length: variadic.count}, (_, item) => long(batch.view, variadic.start + item * 8)),
  }
}
