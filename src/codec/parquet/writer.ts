/** Columns of objects into a Parquet file: one row group at a time, one page a column. */
import type {WeaviateObject} from '../../model/object.js'
import type {PartColumn, PartEncoder, PartEncoderOptions} from '../codec.js'

import {ByteBuffer} from '../byte-buffer.js'
import {
  COLUMNS_KEY,
  type ColumnShape,
  columnShape,
  DEFAULT_ROW_GROUP_BYTES,
  GEO_MEMBERS,
  type LeafType,
} from '../columns/columns.js'
import {type ColumnBatch, ColumnsBuilder} from '../columns/encode.js'
import {type LeafBatch} from '../columns/leaf-builder.js'
import {
  type ColumnChunk,
  type CompressionCodec,
  encodeFooter,
  encodePageHeader,
  type RowGroup,
  type SchemaElement,
} from './internals.js'
import {bitWidth, RunWriter} from './levels.js'

export const MAGIC = new Uint8Array([0x50, 0x41, 0x52, 0x31])
const CREATED_BY = 'elysia-data-ops version 1.0'

export class ParquetEncoder implements PartEncoder {
  private readonly builder: ColumnsBuilder
  private readonly codec: CompressionCodec
  private readonly rowGroupBytes: number
  private readonly rowGroups: RowGroup[] = []
  /** Bytes of the file so far. */
  private position = 0
  rows = 0

  constructor(private readonly options: PartEncoderOptions) {
    const {columns, compress, platform, rowGroupBytes = DEFAULT_ROW_GROUP_BYTES} = options
    this.builder = new ColumnsBuilder(columns, 'parquet')
    // Vectors hardly compress and text is a small part beside them: nothing is compressed unless asked for (docs/adr/0002).
    this.codec = compress ? (platform.zstdCompress ? 'ZSTD' : 'GZIP') : 'UNCOMPRESSED'
    this.rowGroupBytes = rowGroupBytes
  }

  private async writeRowGroup(chunks: Uint8Array[]): Promise<void> {
    // What this very call has made is not returned yet.
    if (chunks.length === 0) await this.builder.recycle(this.options.released)
    const batch = this.builder.take()
    if (this.position === 0) this.append(chunks, MAGIC)
    const start = this.position
    const columns: ColumnChunk[] = []
    let totalBytes = 0
    for (const column of batch.columns) {
      for (const [index, leaf] of column.leaves.entries()) {
        const chunk = await this.writeColumnChunk(chunks, {column, leaf, leafIndex: index, rows: batch.rows})
        // The bounds of text are in the order of its bytes, which is that of JavaScript's text only for ASCII.
        if (column.column.role === 'id' && isAscii(batch.minId) && isAscii(batch.maxId)) {
          chunk.meta_data!.statistics = {max_value: batch.maxId, min_value: batch.minId, null_count: 0n}
        }

        totalBytes += Number(chunk.meta_data!.total_uncompressed_size)
        columns.push(chunk)
      }
    }

    this.rowGroups.push({
      columns,
      file_offset: BigInt(start),
      num_rows: BigInt(batch.rows),
      total_byte_size: BigInt(totalBytes),
      total_compressed_size: BigInt(this.position - start),
    })
  }

  private async writeColumnChunk(
    chunks: Uint8Array[],
    {column, leaf, leafIndex, rows}: {column: ColumnBatch; leaf: LeafBatch; leafIndex: number; rows: number},
  ): Promise<ColumnChunk> {
    const start = this.position
    const levels = encodeLevels(column)
    const values = await this.compress(leaf.bytes)
    const levelBytes = levels.repetition.length + levels.definition.length
    const header = encodePageHeader({
      compressed_page_size: levelBytes + values.length,
      data_page_header_v2: {
        definition_levels_byte_length: levels.definition.length,
        encoding: 'PLAIN',
        is_compressed: this.codec !== 'UNCOMPRESSED',
        num_nulls: levels.entries - leaf.count,
        num_rows: rows,
        num_values: levels.entries,
        repetition_levels_byte_length: levels.repetition.length,
      },
      type: 'DATA_PAGE_V2',
      uncompressed_page_size: levelBytes + leaf.bytes.length,
    })
    this.append(chunks, header)
    if (levelBytes > 0) this.append(chunks, levels.repetition, levels.definition)
    this.append(chunks, values)
    const isFlat = column.shape.lists === 0
    return {
      file_offset: 0n,
      meta_data: {
        codec: this.codec,
        data_page_offset: BigInt(start),
        encodings: ['PLAIN', 'RLE'],
        num_values: BigInt(levels.entries),
        path_in_schema: leafPath(column.column.name, column.shape, leafIndex),
        ...(isFlat && {statistics: {null_count: BigInt(levels.entries - leaf.count)}}),
        total_compressed_size: BigInt(this.position - start),
        total_uncompressed_size: BigInt(header.length + levelBytes + leaf.bytes.length),
        type: PHYSICAL_TYPES[column.shape.leaf],
      },
    }
  }

  private async compress(bytes: Uint8Array): Promise<Uint8Array> {
    const {platform} = this.options
    if (this.codec === 'ZSTD') return platform.zstdCompress!(bytes)
    if (this.codec === 'GZIP') return platform.gzip(bytes)
    return bytes
  }

  private append(chunks: Uint8Array[], ...parts: Uint8Array[]): void {
    for (const part of parts) {
      if (part.length === 0) continue
      chunks.push(part)
      this.position += part.length
    }
  }

  async write(objects: readonly WeaviateObject[]): Promise<Uint8Array[]> {
    const chunks: Uint8Array[] = []
    for (const object of objects) {
      this.builder.append(object)
      this.rows++
      if (this.builder.bytes >= this.rowGroupBytes) await this.writeRowGroup(chunks)
    }

    return chunks
  }

  async finish(): Promise<Uint8Array[]> {
    const {columns} = this.options
    const chunks: Uint8Array[] = []
    if (this.builder.rows > 0) await this.writeRowGroup(chunks)
    if (this.position === 0) this.append(chunks, MAGIC)
    this.append(
      chunks,
      encodeFooter({
        createdBy: CREATED_BY,
        kvMetadata: [{key: COLUMNS_KEY, value: JSON.stringify(columns)}],
        rowGroups: this.rowGroups,
        schema: schemaElements(columns),
      }),
    )
    return chunks
  }
}

interface Levels {
  definition: Uint8Array
  /** Values, nulls and empty lists: one each. */
  entries: number
  repetition: Uint8Array
}

const NO_BYTES = new Uint8Array(0)

/**
 * Repetition and definition levels, in runs: a vector is one entry that starts a row and a run of entries that continue it.
 * Everything but the id may be null by the schema (other tools like it best so), and each list adds a level of its own:
 * definition 0 is a null, 2d - 1 an empty list at depth d, the highest a value.
 */
function encodeLevels({innerLengths, lengths, shape}: ColumnBatch): Levels {
  if (shape.required) return {definition: NO_BYTES, entries: lengths.length, repetition: NO_BYTES}
  const definition = new ByteBuffer(256)
  const value = shape.kind === 'geo' ? 2 : 2 * shape.lists + 1
  const definitions = new RunWriter(definition, bitWidth(value))
  if (shape.lists === 0) {
    for (const length of lengths) definitions.run(length < 0 ? 0 : value, 1)
    definitions.finish()
    return {definition: definition.contents(), entries: lengths.length, repetition: NO_BYTES}
  }

  const repetition = new ByteBuffer(1024)
  const repetitions = new RunWriter(repetition, bitWidth(shape.lists))
  let entries = 0
  let inner = 0
  /** A list of `length` values that starts at repetition level `start`. */
  const list = (length: number, start: number) => {
    entries += length
    repetitions.run(start, 1)
    if (length > 1) repetitions.run(shape.lists, length - 1)
    definitions.run(value, length)
  }

  for (const length of lengths) {
    if (length <= 0) {
      entries++
      repetitions.run(0, 1)
      definitions.run(length + 1, 1)
    } else if (shape.lists === 1) list(length, 0)
    // Rows of a multi vector are never empty: one without components has no rows.
    else for (let row = 0; row < length; row++) list(innerLengths[inner++]!, row === 0 ? 0 : 1)
  }

  repetitions.finish()
  definitions.finish()
  return {definition: definition.contents(), entries, repetition: repetition.contents()}
}

const PHYSICAL_TYPES: Readonly<Record<LeafType, NonNullable<SchemaElement['type']>>> = {
  boolean: 'BOOLEAN',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  int64: 'INT64',
  text: 'BYTE_ARRAY',
}

/** The schema of a file, root first, depth first. */
function schemaElements(columns: readonly PartColumn[]): SchemaElement[] {
  return [{name: 'schema', num_children: columns.length}, ...columns.flatMap((column) => columnElements(column))]
}

function columnElements(column: PartColumn): SchemaElement[] {
  const {name} = column
  const shape = columnShape(column)
  const repetition = shape.required ? 'REQUIRED' : 'OPTIONAL'
  if (shape.kind === 'geo') {
    return [
      {name, num_children: 2, repetition_type: repetition},
      ...GEO_MEMBERS.map((member) => leafElement(member, shape, 'OPTIONAL')),
    ]
  }

  if (shape.lists === 0) return [leafElement(name, shape, repetition)]
  const inner: SchemaElement[] = [leafElement('element', shape, 'OPTIONAL')]
  if (shape.lists === 2) inner.unshift(...listElements('element'))
  return [...listElements(name), ...inner]
}

function listElements(name: string): SchemaElement[] {
  return [
    {
      converted_type: 'LIST',
      logical_type: {type: 'LIST'},
      name,
      num_children: 1,
      repetition_type: 'OPTIONAL',
    },
    {name: 'list', num_children: 1, repetition_type: 'REPEATED'},
  ]
}

function leafElement(name: string, shape: ColumnShape, repetition: 'OPTIONAL' | 'REQUIRED'): SchemaElement {
  const element: SchemaElement = {name, repetition_type: repetition, type: PHYSICAL_TYPES[shape.leaf]}
  // eslint-disable-next-line unicorn/text-encoding-identifier-case -- Parquet's own name
  if (shape.leaf === 'text') return {...element, converted_type: 'UTF8', logical_type: {type: 'STRING'}}
  if (shape.kind !== 'time') return element
  const logical = {isAdjustedToUTC: true, type: 'TIMESTAMP', unit: 'MILLIS'} as const
  return {...element, converted_type: 'TIMESTAMP_MILLIS', logical_type: logical}
}

function leafPath(name: string, shape: ColumnShape, leafIndex: number): string[] {
  if (shape.kind === 'geo') return [name, GEO_MEMBERS[leafIndex]!]
  return [name, ...Array.from({length: shape.lists}, () => ['list', 'element']).flat()]
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.codePointAt(index)! > 127) return false
  return true
}
