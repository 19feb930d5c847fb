import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {readFileSync} from 'node:fs'
import {beforeAll, describe, expect, it} from 'vitest'

import type {WeaviateObject} from '../../../src/model/object.js'

import {parquetCodec} from '../../../src/codec/parquet/codec.js'
import {encodeFooter, encodePageHeader} from '../../../src/codec/parquet/internals.js'
import {MAGIC} from '../../../src/codec/parquet/writer.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {nodePlatform} from '../../../src/platform/node.js'
import {objectId} from '../../support/object-id.js'
import {decodePart, encodePart, sampleClass, sampleObjects} from '../part-sample.js'

/** Reads it all; any failure must be an error of damage. Values may be wrong: the seal's hashes tell that, not the codec. */
async function readDamaged(bytes: Uint8Array): Promise<'damaged' | WeaviateObject[]> {
  try {
    return await decodePart(parquetCodec, bytes, {read: {pageBytes: 10_000}, schema: sampleClass})
  } catch (error) {
    expect(error).toBeInstanceOf(DataOpsError)
    expect((error as DataOpsError).code).toBe('BACKUP_DAMAGED')
    return 'damaged'
  }
}

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/parquet/${name}.parquet`, import.meta.url)))

describe('damaged parts', () => {
  const parts: Uint8Array[] = []
  beforeAll(async () => {
    parts.push(
      await encodePart(parquetCodec, sampleClass, sampleObjects(6)),
      await encodePart(parquetCodec, sampleClass, sampleObjects(6), {compress: true, rowGroupBytes: 1000}),
      fixture('pyarrow-v1'),
      fixture('pyarrow-v2'),
      fixture('polars'),
      fixture('weaviate-export'),
    )
  })

  it('are refused wherever they are cut', async () => {
    const [part] = parts
    for (let length = 0; length < part!.length; length += 37)
      expect(await readDamaged(part!.slice(0, length))).toBe('damaged')
  })

  it('never do more than fail when bytes change', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(5),
        fc.array(fc.tuple(fc.double({max: 1, maxExcluded: true, min: 0, noNaN: true}), fc.nat(255)), {
          maxLength: 4,
          minLength: 1,
        }),
        fc.boolean(),
        async (which, changes, inFooter) => {
          const bytes = new Uint8Array(parts[which]!)
          const footer = new DataView(bytes.buffer).getUint32(bytes.length - 8, true) + 8
          for (const [where, value] of changes) {
            // Half of the time where it hurts.
            const at = inFooter ? bytes.length - 1 - Math.floor(where * footer) : Math.floor(where * bytes.length)
            bytes[at] = value
          }

          await readDamaged(bytes)
        },
      ),
      {numRuns: Number(process.env.FUZZ_RUNS ?? 600)},
    )
  })
})

describe('absurd counts', () => {
  /** A part with the one column `id`, whatever its header and footer claim. */
  function idPart(
    body: Uint8Array,
    claims: {
      bytes?: number
      codec?: 'GZIP' | 'UNCOMPRESSED'
      encoding?: 'DELTA_BINARY_PACKED' | 'DELTA_BYTE_ARRAY' | 'PLAIN' | 'RLE_DICTIONARY'
      rows: number
      values?: number
    },
  ) {
    const {bytes = body.length, codec = 'UNCOMPRESSED', encoding = 'PLAIN', rows, values = rows} = claims
    const header = encodePageHeader({
      compressed_page_size: body.length,
      data_page_header_v2: {
        definition_levels_byte_length: 0,
        encoding,
        is_compressed: codec !== 'UNCOMPRESSED',
        num_nulls: 0,
        num_rows: values,
        num_values: values,
        repetition_levels_byte_length: 0,
      },
      type: 'DATA_PAGE_V2',
      uncompressed_page_size: bytes,
    })
    const size = BigInt(header.length + body.length)
    const footer = encodeFooter({
      createdBy: 'test',
      kvMetadata: [],
      rowGroups: [
        {
          columns: [
            {
              file_offset: 0n,
              meta_data: {
                codec,
                data_page_offset: 4n,
                encodings: [encoding],
                num_values: BigInt(rows),
                path_in_schema: ['id'],
                total_compressed_size: size,
                total_uncompressed_size: size,
                type: 'BYTE_ARRAY',
              },
            },
          ],
          num_rows: BigInt(rows),
          total_byte_size: size,
        },
      ],
      schema: [
        {name: 'schema', num_children: 1},
        // eslint-disable-next-line unicorn/text-encoding-identifier-case -- Parquet's own name
        {converted_type: 'UTF8', name: 'id', repetition_type: 'REQUIRED', type: 'BYTE_ARRAY'},
      ],
    })
    return new Uint8Array(Buffer.concat([MAGIC, header, body, footer]))
  }

  it('read as they are when they are none', async () => {
    const body = [1, 2].map((number) => `\u{24}\0\0\0${objectId(number)}`).join('')
    expect(await readDamaged(idPart(new TextEncoder().encode(body), {rows: 2}))).toEqual([
      {id: objectId(1), properties: {}},
      {id: objectId(2), properties: {}},
    ])
  })

  it.each([
    ['rows', {rows: 2 ** 31 - 1}],
    ['rows that a column does not have', {rows: 2 ** 40, values: 1}],
    ['values', {rows: 1, values: 2 ** 30}],
    ['decompressed bytes', {bytes: 2 ** 31 - 1, codec: 'GZIP', rows: 1}],
    ['delta values', {encoding: 'DELTA_BYTE_ARRAY', rows: 2 ** 31 - 1}],
    ['delta values of another type', {encoding: 'DELTA_BINARY_PACKED', rows: 2}],
    ['values of a dictionary that is not there', {encoding: 'RLE_DICTIONARY', rows: 2 ** 31 - 1}],
  ] as const)('of %s are refused without the memory that they ask for', async (_name, claims) => {
    const before = process.memoryUsage.rss()
    expect(await readDamaged(idPart(new Uint8Array(40), claims))).toBe('damaged')
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 2 ** 20)
  })

  it.each([
    ['is empty', new Uint8Array(0)],
    ['is something else', new TextEncoder().encode('{"metadata":{}}')],
    ['claims a footer longer than itself', Uint8Array.of(...MAGIC, 0xff, 0xff, 0xff, 0x7f, ...MAGIC)],
    ['has an empty footer', Uint8Array.of(...MAGIC, 0, 0, 0, 0, ...MAGIC)],
  ])('a part that %s is refused', async (_name, bytes) => {
    expect(await readDamaged(bytes)).toBe('damaged')
  })

  it('passes on the errors of the source', async () => {
    const gone = new DataOpsError('STORAGE', 'gone')
    const source = {
      async read() {
        throw gone
      },
      size: 1000,
    }
    await expect(parquetCodec.openDecoder(source, {platform: nodePlatform, schema: sampleClass})).rejects.toBe(gone)
  })
})
