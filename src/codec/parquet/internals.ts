/**
 * Everything of hyparquet, hyparquet-writer and hyparquet-compressors that is used here. Deep paths, because the packages' main doors
 * import `node:fs` on Node. test/codec/parquet/internals.test.ts fails when an upgrade changes what these do.
 */
import type {FileMetaData as FileMetadata, KeyValue, PageHeader, RowGroup, SchemaElement} from 'hyparquet'

import {ByteWriter} from 'hyparquet-writer/src/bytewriter.js'
import {writePageHeader} from 'hyparquet-writer/src/datapage.js'
import {ParquetWriter} from 'hyparquet-writer/src/parquet-writer.js'
import {parquetHeader} from 'hyparquet/src/column.js'
import {deltaBinaryUnpack, deltaByteArray, deltaLengthByteArray} from 'hyparquet/src/delta.js'
import {readOffsetIndex} from 'hyparquet/src/indexes.js'
import {parquetMetadata} from 'hyparquet/src/metadata.js'

import {viewOf} from '../bytes.js'

export type {
  ColumnChunk,
  CompressionCodec,
  Encoding,
  FileMetaData as FileMetadata,
  KeyValue,
  PageHeader,
  RowGroup,
  SchemaElement,
} from 'hyparquet'

const MAGIC_BYTES = 4

/** A page header in Thrift's compact protocol. */
export function encodePageHeader(header: PageHeader): Uint8Array {
  const writer = new ByteWriter(128)
  writePageHeader(writer, header)
  return writer.getBytes()
}

/** Page index, bloom filters: none. The footer with its length and magic. */
export function encodeFooter(footer: {
  createdBy: string
  kvMetadata: KeyValue[]
  rowGroups: RowGroup[]
  schema: SchemaElement[]
}): Uint8Array {
  const writer = new ByteWriter(65_536)
  // Whole ids as bounds, not their first 16 bytes.
  const parquet = new ParquetWriter({...footer, statisticsTruncateLength: Infinity, writer})
  for (const rowGroup of footer.rowGroups) {
    parquet.row_groups.push(rowGroup)
    parquet.num_rows += rowGroup.num_rows
  }

  void parquet.finish()
  return writer.getBytes().subarray(MAGIC_BYTES)
}

/** Reads the page header at `offset`. @throws Error on bytes that are none. */
export function decodePageHeader(bytes: Uint8Array, offset: number): {end: number; header: PageHeader} {
  const end = skipThriftStruct(bytes, offset)
  const reader = {offset: 0, view: new DataView(bytes.buffer, bytes.byteOffset + offset, end - offset)}
  return {end, header: parquetHeader(reader)}
}

/** `bytes` ends with a file's end and holds its whole footer. @throws Error on bytes that are none. */
export function decodeFooter(bytes: Uint8Array, footerLength: number): FileMetadata {
  skipThriftStruct(bytes, bytes.length - 8 - footerLength)
  return parquetMetadata(bytes, {
    geoparquet: false,
    // Bounds are not used, and text among them may be cut in the middle of a character.
    parsers: {stringFromBytes: (text: Uint8Array) => text},
  })
}

/** Where a page lies, and the row that it starts with. */
export interface PageLocation {
  /** Of the page, its header included. */
  bytes: number
  offset: number
  row: number
}

/** The offset index of a column. @throws Error on bytes that are none. */
export function decodeOffsetIndex(bytes: Uint8Array): PageLocation[] {
  if (skipThriftStruct(bytes, 0) !== bytes.length) throw new RangeError('an offset index is longer than it says')
  return readOffsetIndex(readerOf(bytes)).page_locations.map((page) => ({
    bytes: page.compressed_page_size,
    offset: Number(page.offset),
    row: Number(page.first_row_index),
  }))
}

/** Values of DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY. */
export function decodeDeltaBytes(
  bytes: Uint8Array,
  count: number,
  encoding: 'DELTA_BYTE_ARRAY' | 'DELTA_LENGTH_BYTE_ARRAY',
): Uint8Array[] {
  const values = Array.from<Uint8Array>({length: count})
  if (encoding === 'DELTA_BYTE_ARRAY') deltaByteArray(readerOf(bytes), count, values)
  else deltaLengthByteArray(readerOf(bytes), count, values)
  return values
}

/** Values of DELTA_BINARY_PACKED. */
export function decodeDeltaIntegers(bytes: Uint8Array, count: number, type: 'INT32' | 'INT64'): number[] {
  const values = decodeDeltaLongs(bytes, count)
  // Of INT32 hyparquet takes the first value for one of 32 bits, sign included: DuckDB writes those without a sign as longer ones.
  return Array.from(values, type === 'INT32' ? (value) => Number(BigInt.asIntN(32, value)) : Number)
}

/** The same of INT64, exactly. */
export function decodeDeltaLongs(bytes: Uint8Array, count: number): BigInt64Array {
  const values = new BigInt64Array(count)
  deltaBinaryUnpack(readerOf(bytes), count, values)
  return values
}

/** Decompressors by codec; loaded when a file needs one, because they compile wasm. */
export async function loadDecompressors(): Promise<
  Partial<Record<string, (bytes: Uint8Array, outputLength: number) => Uint8Array>>
> {
  const {compressors} = await import('hyparquet-compressors')
  return compressors
}

function readerOf(bytes: Uint8Array): {offset: number; view: DataView} {
  return {offset: 0, view: viewOf(bytes)}
}

const MAX_THRIFT_DEPTH = 24
/** The most bytes that Thrift's variable-length integer of 64 bits takes. */
const MAX_VARINT_BYTES = 10

/**
 * Where the Thrift struct that starts at `offset` ends. hyparquet believes the counts that it reads; walking the struct first
 * makes sure that every count, length and depth fits the bytes that are there.
 */
// Long because its readers share the place that they are at.
export function skipThriftStruct(bytes: Uint8Array, offset: number): number {
  let at = offset
  const byte = () => {
    if (at < 0 || at >= bytes.length) throw new RangeError('thrift: ends early')
    return bytes[at++]!
  }

  const varint = () => {
    let value = 0
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      const next = byte()
      value += (next & 0x7f) * 2 ** (7 * count)
      if (next < 0x80) return value
    }

    throw new RangeError('thrift: integer too long')
  }

  const skip = (count: number) => {
    at += count
    if (at > bytes.length) throw new RangeError('thrift: ends early')
  }

  const value = (type: number, depth: number): void => {
    if (depth > MAX_THRIFT_DEPTH) throw new RangeError('thrift: nested too deep')
    switch (type) {
      case 1:
      case 2: {
        return // true and false: in the type
      }

      case 3: {
        skip(1)
        return
      }

      case 4:
      case 5:
      case 6: {
        varint()
        return
      }

      case 7: {
        skip(8)
        return
      }

      case 8: {
        skip(varint())
        return
      }

      case 9: {
        const head = byte()
        const count = head >> 4 === 15 ? varint() : head >> 4
        if (count > bytes.length - at) throw new RangeError('thrift: list longer than its bytes')
        const itemType = head & 15
        for (let index = 0; index < count; index++) value(itemType <= 2 ? 3 : itemType, depth + 1)
        return
      }

      case 12: {
        struct(depth + 1)
        return
      }

      default: {
        throw new RangeError(`thrift: type ${type}`)
      }
    }
  }

  const struct = (depth: number): void => {
    for (;;) {
      const head = byte()
      const type = head & 15
      if (type === 0) return
      if (head >> 4 === 0) varint()
      value(type, depth)
    }
  }

  struct(0)
  return at
}
