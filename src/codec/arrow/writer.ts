/** Columns of objects into an Arrow IPC file: one record batch at a time. */
import type * as ArrowModule from 'apache-arrow'
import type {Data, DataType, Float32, List, RecordBatchFileWriter, Schema, Struct} from 'apache-arrow'

import type {WeaviateObject} from '../../model/object.js'
import type {PartColumn, PartEncoder, PartEncoderOptions, Platform} from '../codec.js'

import {COLUMNS_KEY, type ColumnShape, columnShape, DEFAULT_ROW_GROUP_BYTES, GEO_MEMBERS} from '../columns/columns.js'
import {type ColumnBatch, ColumnsBuilder, type RowsBatch} from '../columns/encode.js'
import {type LeafBatch, packBits} from '../columns/leaf-builder.js'

type Arrow = typeof ArrowModule

export class ArrowEncoder implements PartEncoder {
  private readonly builder: ColumnsBuilder
  private readonly rowGroupBytes: number
  private file: ArrowFile | undefined
  rows = 0

  constructor(private readonly options: PartEncoderOptions) {
    this.builder = new ColumnsBuilder(options.columns, 'arrow')
    this.rowGroupBytes = options.rowGroupBytes ?? DEFAULT_ROW_GROUP_BYTES
  }

  /** Loaded with the first objects: Arrow takes a while, and many a command never needs it. */
  private async open(): Promise<ArrowFile> {
    const {columns, compress, platform} = this.options
    this.file ??= new ArrowFile(await import('apache-arrow'), columns, compress ? platform.zstdCompress : undefined)
    return this.file
  }

  private async writeBatch(file: ArrowFile): Promise<void> {
    // What this very call has made is not returned yet.
    if (file.isTaken) await this.builder.recycle(this.options.released)
    file.write(this.builder.take())
  }

  async write(objects: readonly WeaviateObject[]): Promise<Uint8Array[]> {
    const file = await this.open()
    for (const object of objects) {
      this.builder.append(object)
      this.rows++
      if (this.builder.bytes >= this.rowGroupBytes) await this.writeBatch(file)
    }

    return file.takeChunks()
  }

  async finish(): Promise<Uint8Array[]> {
    const file = await this.open()
    if (this.builder.rows > 0) await this.writeBatch(file)
    file.finish()
    return file.takeChunks()
  }
}

/** The bytes of an Arrow file, batch by batch, through Arrow's own writer. */
class ArrowFile {
  private readonly arrow: Arrow
  private readonly schema: Schema
  private readonly writer: RecordBatchFileWriter
  private chunks: Uint8Array[] = []

  constructor(arrow: Arrow, columns: readonly PartColumn[], zstdCompress: Platform['zstdCompress']) {
    this.arrow = arrow
    const fields = columns.map(
      (column) => new arrow.Field(column.name, columnType(arrow, column), column.role !== 'id'),
    )
    this.schema = new arrow.Schema(fields, new Map([[COLUMNS_KEY, JSON.stringify(columns)]]))
    const emit = (bytes: Uint8Array) => {
      this.chunks.push(bytes)
    }

    /** Arrow's own sink is a queue that is read asynchronously; here the bytes are wanted as soon as they are written. */
    class ChunkWriter extends arrow.RecordBatchFileWriter {
      protected override _write(chunk: ArrayBufferView): this {
        if (!this._started || chunk.byteLength === 0) return this
        emit(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
        this._position += chunk.byteLength
        return this
      }

      /** apache-arrow 21.2 writes the compressed length of a buffer where its uncompressed length belongs. */
      protected override _compressBodyBuffers(buffers: ArrayBufferView[]): CompressedBody {
        return compressBody(buffers, zstdCompress!)
      }
    }

    this.writer = new ChunkWriter(zstdCompress ? {compressionType: arrow.CompressionType.ZSTD} : {})
    this.writer.reset(undefined, this.schema)
  }

  /** Nothing is left that `takeChunks` has not given. */
  get isTaken(): boolean {
    return this.chunks.length === 0
  }

  finish(): void {
    this.writer.close()
  }

  takeChunks(): Uint8Array[] {
    const {chunks} = this
    this.chunks = []
    return chunks
  }

  write(batch: RowsBatch): void {
    const {arrow, schema} = this
    const children = batch.columns.map((column) => columnData(arrow, column))
    const type = new arrow.Struct(schema.fields)
    const record = new arrow.RecordBatch(schema, arrow.makeData({children, length: batch.rows, nullCount: 0, type}))
    this.writer.write(record)
  }
}

interface CompressedBody {
  bufferRegions: BufferRegion[]
  buffers: Uint8Array[]
  byteLength: number
}

type BufferRegion = ReturnType<RecordBatchFileWriter['_compressBodyBuffers']>['bufferRegions'][number]

const LENGTH_BYTES = 8
const NOT_COMPRESSED = -1n

/** Each buffer as its uncompressed length and a zstd frame, or as it is where that is shorter; aligned to eight bytes. */
function compressBody(
  buffers: readonly ArrayBufferView[],
  zstdCompress: (bytes: Uint8Array) => Uint8Array,
): CompressedBody {
  const body: CompressedBody = {bufferRegions: [], buffers: [], byteLength: 0}
  for (const buffer of buffers) {
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    const prefix = new Uint8Array(bytes.length === 0 ? 0 : LENGTH_BYTES)
    let frame = bytes
    if (bytes.length > 0) {
      const compressed = zstdCompress(bytes)
      const isShorter = compressed.length < bytes.length
      if (isShorter) frame = compressed
      new DataView(prefix.buffer).setBigInt64(0, isShorter ? BigInt(bytes.length) : NOT_COMPRESSED, true)
    }

    const length = prefix.length + frame.length
    body.buffers.push(prefix, frame)
    body.bufferRegions.push({length, offset: body.byteLength})
    body.byteLength += Math.ceil(length / 8) * 8
  }

  return body
}

function leafType(arrow: Arrow, {kind, leaf}: ColumnShape): DataType {
  if (kind === 'time') return new arrow.TimestampMillisecond('UTC')
  switch (leaf) {
    case 'boolean': {
      return new arrow.Bool()
    }

    case 'float32': {
      return new arrow.Float32()
    }

    case 'float64': {
      return new arrow.Float64()
    }

    case 'int64': {
      return new arrow.Int64()
    }

    case 'text': {
      return new arrow.Utf8()
    }
  }
}

function columnType(arrow: Arrow, column: PartColumn): DataType {
  const shape = columnShape(column)
  let type = leafType(arrow, shape)
  if (shape.kind === 'geo') return new arrow.Struct(GEO_MEMBERS.map((name) => new arrow.Field(name, type, true)))
  for (let depth = 0; depth < shape.lists; depth++) type = new arrow.List(new arrow.Field('item', type, true))
  return type
}

function columnData(arrow: Arrow, column: ColumnBatch): Data {
  const {leaves, lengths, shape} = column
  const nulls = nullsOf(lengths)
  const type = columnType(arrow, column.column)
  const inner = leafType(arrow, shape)
  if (shape.kind === 'geo') {
    const children = leaves.map((leaf) => leafData(arrow, leaf, inner, nulls))
    return arrow.makeData({children, length: lengths.length, type: type as Struct, ...nulls})
  }

  const [leaf] = leaves
  if (shape.lists === 0) return leafData(arrow, leaf!, inner, nulls)
  let child = leafData(arrow, leaf!, inner, NO_NULLS)
  if (shape.lists === 2) {
    const {innerLengths} = column
    const rows = new arrow.List(new arrow.Field('item', inner, true))
    child = arrow.makeData({
      child,
      length: innerLengths.length,
      nullCount: 0,
      type: rows,
      valueOffsets: offsetsOf(innerLengths),
    })
  }

  return arrow.makeData({child, length: lengths.length, type: type as List, valueOffsets: offsetsOf(lengths), ...nulls})
}

interface Nulls {
  nullBitmap?: Uint8Array
  nullCount: number
}

const NO_NULLS: Nulls = {nullCount: 0}

function nullsOf(lengths: readonly number[]): Nulls {
  const valid = Uint8Array.from(lengths, (length) => (length < 0 ? 0 : 1))
  let nullCount = 0
  for (const bit of valid) nullCount += 1 - bit
  return nullCount === 0 ? {nullCount} : {nullBitmap: packBits(valid), nullCount}
}

function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1)
  let end = 0
  for (const [index, length] of lengths.entries()) {
    if (length > 0) end += length
    offsets[index + 1] = end
  }

  return offsets
}

function leafData(arrow: Arrow, {bytes, count, lengths}: LeafBatch, type: DataType, nulls: Nulls): Data {
  if (arrow.DataType.isUtf8(type)) {
    return arrow.makeData({data: bytes, length: count, type, valueOffsets: offsetsOf(lengths), ...nulls})
  }

  return arrow.makeData({data: bytes, length: count, type: type as Float32, ...nulls})
}
