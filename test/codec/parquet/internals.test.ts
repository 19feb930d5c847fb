import {describe, expect, it} from 'vitest'

import {toHex, utf8} from '../../../src/codec/bytes.js'
import {
  decodeDeltaBytes,
  decodeDeltaIntegers,
  decodeFooter,
  decodePageHeader,
  encodeFooter,
  encodePageHeader,
  loadDecompressors,
  type PageHeader,
  type RowGroup,
  skipThriftStruct,
} from '../../../src/codec/parquet/internals.js'

const bytesOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

/** Bytes by hand from parquet.thrift: what hyparquet and its writer must go on reading and writing. */
describe('what is borrowed from hyparquet', () => {
  const header: PageHeader = {
    compressed_page_size: 300,
    data_page_header_v2: {
      definition_levels_byte_length: 2,
      encoding: 'PLAIN',
      is_compressed: false,
      num_nulls: 1,
      num_rows: 3,
      num_values: 5,
      repetition_levels_byte_length: 4,
    },
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: 300,
  }
  // i32 type 3, i32 300, i32 300, field 8: {5, 1, 3, PLAIN, 2, 4, false}
  const headerHex = '150615d80415d8045c150a15021506150015041508120000'

  it('page headers', () => {
    expect(toHex(encodePageHeader(header))).toBe(headerHex)
    const padded = bytesOf(`ffff${headerHex}ff`)
    const decoded = decodePageHeader(padded, 2)
    expect(decoded.end).toBe(padded.length - 1)
    expect(decoded.header).toMatchObject({...header, data_page_header_v2: header.data_page_header_v2})
  })

  it('headers of the pages that others write', () => {
    const {header: dictionary} = decodePageHeader(bytesOf('15041514151c4c150415040000'), 0)
    expect(dictionary).toMatchObject({
      dictionary_page_header: {encoding: 'PLAIN_DICTIONARY', num_values: 2},
      type: 'DICTIONARY_PAGE',
    })
    const {header: v1} = decodePageHeader(bytesOf('15001514151c2c15041510150615060000'), 0)
    expect(v1).toMatchObject({
      compressed_page_size: 14,
      data_page_header: {encoding: 'RLE_DICTIONARY', num_values: 2},
      type: 'DATA_PAGE',
      uncompressed_page_size: 10,
    })
  })

  it('the footer', () => {
    const rowGroup: RowGroup = {
      columns: [
        {
          file_offset: 0n,
          meta_data: {
            codec: 'ZSTD',
            data_page_offset: 4n,
            encodings: ['PLAIN', 'RLE'],
            num_values: 3n,
            path_in_schema: ['id'],
            statistics: {max_value: 'z'.repeat(40), min_value: 'a', null_count: 0n},
            total_compressed_size: 70n,
            total_uncompressed_size: 80n,
            type: 'BYTE_ARRAY',
          },
        },
      ],
      num_rows: 3n,
      total_byte_size: 80n,
    }
    const footer = encodeFooter({
      createdBy: 'test',
      kvMetadata: [{key: 'k', value: 'v'}],
      rowGroups: [rowGroup, rowGroup],
      schema: [
        {name: 'schema', num_children: 2},
        {
          // eslint-disable-next-line unicorn/text-encoding-identifier-case -- Parquet's own name
          converted_type: 'UTF8',
          logical_type: {type: 'STRING'},
          name: 'id',
          repetition_type: 'REQUIRED',
          type: 'BYTE_ARRAY',
        },
        {
          converted_type: 'TIMESTAMP_MILLIS',
          logical_type: {isAdjustedToUTC: true, type: 'TIMESTAMP', unit: 'MILLIS'},
          name: 'at',
          repetition_type: 'OPTIONAL',
          type: 'INT64',
        },
      ],
    })
    const length = footer.length - 8
    expect(new DataView(footer.buffer, footer.byteOffset).getUint32(length, true)).toBe(length)
    expect(toHex(footer.subarray(-4))).toBe('50415231')
    expect(skipThriftStruct(footer, 0)).toBe(length)
    expect(decodeFooter(footer, length)).toMatchObject({
      created_by: 'test',
      key_value_metadata: [{key: 'k', value: 'v'}],
      num_rows: 6n,
      row_groups: [
        {
          columns: [
            {
              meta_data: {
                codec: 'ZSTD',
                encodings: ['PLAIN', 'RLE'],
                path_in_schema: ['id'],
                statistics: {max_value: utf8('z'.repeat(40)), min_value: utf8('a')},
              },
            },
          ],
        },
        {num_rows: 3n},
      ],
      schema: [
        {num_children: 2},
        {logical_type: {type: 'STRING'}, repetition_type: 'REQUIRED', type: 'BYTE_ARRAY'},
        {logical_type: {isAdjustedToUTC: true, type: 'TIMESTAMP', unit: 'MILLIS'}, repetition_type: 'OPTIONAL'},
      ],
    })
  })

  it('delta encodings', () => {
    // The specification's example: 7, 5, 3, 1, 2, 3, 4, 5 in one block of 128 with 4 miniblocks.
    const integers = bytesOf('800104080e0302000000c03f000000000000')
    expect(decodeDeltaIntegers(integers, 8, 'INT64')).toEqual([7, 5, 3, 1, 2, 3, 4, 5])
    expect(decodeDeltaIntegers(integers, 8, 'INT32')).toEqual([7, 5, 3, 1, 2, 3, 4, 5])
    // Lengths 1 and 2 in a block of their own, then the bytes.
    const lengths = '80010402020200000000'
    expect(decodeDeltaBytes(bytesOf(`${lengths}616263`), 2, 'DELTA_LENGTH_BYTE_ARRAY')).toEqual([utf8('a'), utf8('bc')])
    // Prefixes 0 and 1.
    const prefixes = '80010402000200000000'
    expect(decodeDeltaBytes(bytesOf(`${prefixes}${lengths}616263`), 2, 'DELTA_BYTE_ARRAY')).toEqual([
      utf8('a'),
      utf8('abc'),
    ])
  })

  it('decompressors', async () => {
    const decompressors = await loadDecompressors()
    const text = utf8('aaaaaaaaaaaaaaaaaaaa')
    // 20 bytes: the literal "a", then a copy of 19 from one byte back.
    expect(decompressors.SNAPPY!(bytesOf('1400614a0100'), text.length)).toEqual(text)
    expect(Object.keys(decompressors)).toEqual(
      expect.arrayContaining(['BROTLI', 'GZIP', 'LZ4', 'LZ4_RAW', 'SNAPPY', 'ZSTD']),
    )
  })
})

describe('skipThriftStruct', () => {
  it.each([
    ['ends early', '15'],
    ['has a text past its end', '18ff7f'],
    ['has a list past its end', '19fcffffffff0f'],
    ['has an integer without an end', `16${'ff'.repeat(11)}00`],
    ['is nested without an end', '1c'.repeat(200)],
    ['has a map', '1b00'],
  ])('refuses what %s', (_name, hex) => {
    expect(() => skipThriftStruct(bytesOf(hex), 0)).toThrow(RangeError)
  })

  it('refuses to start outside', () => {
    expect(() => skipThriftStruct(bytesOf('00'), 1)).toThrow(RangeError)
    expect(() => skipThriftStruct(bytesOf('00'), -1)).toThrow(RangeError)
  })
})
