import {compressionRegistry, CompressionType, tableFromIPC} from 'apache-arrow'
import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {readFile} from 'node:fs/promises'
import {beforeAll, describe, expect, it} from 'vitest'

import type {Platform} from '../../../src/codec/codec.js'
import type {WeaviateObject} from '../../../src/model/object.js'

import {arrowCodec} from '../../../src/codec/arrow/codec.js'
import {loadDecompressors} from '../../../src/codec/parquet/internals.js'
import {DataOpsError} from '../../../src/model/errors.js'
import {nodePlatform} from '../../../src/platform/node.js'
import {arbitraryCollection, comparable} from '../../support/arbitraries.js'
import {objectId} from '../../support/object-id.js'
import {decodePart, encodePart, encodeReleasing, floats, sampleClass, sampleObjects} from '../part-sample.js'

const comparables = (objects: WeaviateObject[]) => objects.map((object) => comparable(object))
const fixture = async (name: string) =>
  new Uint8Array(await readFile(new URL(`../../fixtures/arrow/${name}.arrow`, import.meta.url)))

describe('arrow parts', () => {
  it('keep any object of any class', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryCollection({loneSurrogates: true}),
        fc.record({compress: fc.boolean(), rowGroupBytes: fc.constantFrom(1, 400, 1e7)}),
        fc.boolean(),
        async ({objects, schema}, options, isNamedByItself) => {
          const bytes = await encodePart(arrowCodec, schema, objects, {...options, pageObjects: 3})
          const columns = isNamedByItself ? undefined : arrowCodec.columns(schema)
          const read = await decodePart(arrowCodec, bytes, {columns, schema})
          expect(comparables(read)).toEqual(comparables(objects))
        },
      ),
      {numRuns: 80},
    )
  })

  it('keep what has no column, bits of vectors, and vectors that are missing or empty', async () => {
    const bits = new Uint8Array(Buffer.from('0100807f3412c0ff00000080010000000000807f', 'hex'))
    const objects: WeaviateObject[] = [
      {id: objectId(1), properties: {unknown: [1, null]}, vector: bits},
      {id: objectId(2), properties: {}},
      {id: objectId(3), properties: {}, vector: new Uint8Array(0)},
      {id: objectId(4), properties: {}, vector: bits.subarray(8)},
      {
        id: objectId(5),
        properties: {},
        vectors: new Map([['colbert', {bytes: new Uint8Array(0), dims: 7, kind: 'multi'}]]),
      },
      {id: objectId(6), properties: {}, vectors: new Map([['other', {bytes: floats(1), kind: 'single'}]])},
    ]
    for (const compress of [false, true]) {
      const bytes = await encodePart(arrowCodec, sampleClass, objects, {compress})
      expect(comparables(await decodePart(arrowCodec, bytes, {schema: sampleClass}))).toEqual(comparables(objects))
    }
  })

  it('are the same from an encoder that uses its memory again, which waits until nobody looks at it', async () => {
    const objects = sampleObjects(300)
    for (const rowGroupBytes of [500, 3000, 40_000]) {
      const options = {pageObjects: 23, rowGroupBytes}
      const expected = await encodePart(arrowCodec, sampleClass, objects, options)
      expect(Buffer.from(await encodeReleasing(arrowCodec, sampleClass, objects, options)).equals(expected)).toBe(true)
    }
  })

  it('are refused when they hold a column that their list does not name: it would be left out without a word', async () => {
    const bytes = await encodePart(arrowCodec, sampleClass, sampleObjects(3))
    const [left, ...columns] = arrowCodec
      .columns(sampleClass)
      .filter(({role}) => role === 'property' || role === 'id')
      .toReversed()
    const read = decodePart(arrowCodec, bytes, {columns: columns.toReversed(), schema: sampleClass})
    await expect(read).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining('list of columns') as string,
    })
    expect(left?.role).toBe('property')
  })

  it('may be empty', async () => {
    const bytes = await encodePart(arrowCodec, sampleClass, [])
    expect(await decodePart(arrowCodec, bytes, {schema: sampleClass})).toEqual([])
    expect(tableFromIPC(bytes).numRows).toBe(0)
  })

  it('are read from any row, in pages, and only the columns wanted', async () => {
    const objects = sampleObjects()
    const part = await encodePart(arrowCodec, sampleClass, objects, {rowGroupBytes: 4000})
    for (const fromRow of [0, 1, 23, 49, 50]) {
      for (const pageBytes of [1, 3000, 1e6]) {
        const read = await decodePart(arrowCodec, part, {read: {fromRow, pageBytes}, schema: sampleClass})
        expect(comparables(read)).toEqual(comparables(objects.slice(fromRow)))
      }
    }

    const ids = await decodePart(arrowCodec, part, {read: {columns: 'ids'}, schema: sampleClass})
    expect(ids).toEqual(
      objects.map(({creationTimeUnix, id, lastUpdateTimeUnix}) => ({
        creationTimeUnix,
        id,
        lastUpdateTimeUnix,
        properties: {},
      })),
    )
    const references = await decodePart(arrowCodec, part, {read: {columns: 'references'}, schema: sampleClass})
    expect(references).toEqual(objects.map(({id, properties: {ref}}) => ({id, properties: ref ? {ref} : {}})))
  })

  it('compress only where there is zstd', async () => {
    const withoutZstd: Platform = {...nodePlatform, zstdCompress: undefined, zstdDecompress: undefined}
    const objects = sampleObjects()
    const [plain, fallback, compressed] = await Promise.all([
      encodePart(arrowCodec, sampleClass, objects),
      encodePart(arrowCodec, sampleClass, objects, {compress: true, platform: withoutZstd}),
      encodePart(arrowCodec, sampleClass, objects, {compress: true}),
    ])
    expect(fallback).toEqual(plain)
    expect(compressed.length).toBeLessThan(plain.length)
    await expect(decodePart(arrowCodec, compressed, {platform: withoutZstd, schema: sampleClass})).rejects.toThrow(
      DataOpsError,
    )
  })
})

describe('arrow parts elsewhere', () => {
  it.each([false, true])('are a table to apache-arrow, compressed: %s', async (compress) => {
    const objects = sampleObjects()
    const part = await encodePart(arrowCodec, sampleClass, objects, {compress, rowGroupBytes: 4000})
    const {ZSTD} = await loadDecompressors()
    const before = compressionRegistry.get(CompressionType.ZSTD)
    expect(before).toBeNull()
    compressionRegistry.set(CompressionType.ZSTD, {decode: (bytes) => new Uint8Array(ZSTD!(bytes, 0))})
    try {
      const table = tableFromIPC(part)
      expect(table.batches.length).toBeGreaterThan(3)
      expect(Object.fromEntries(table.schema.fields.map(({name, type}) => [name, String(type)]))).toMatchObject({
        creation_time: 'Timestamp<MILLISECOND, UTC>',
        // eslint-disable-next-line unicorn/text-encoding-identifier-case -- Arrow's own name
        id: 'Utf8',
        p_boolean_list: 'List<Bool>',
        p_geoCoordinates: 'Struct<{latitude:Float32, longitude:Float32}>',
        p_int: 'Int64',
        p_number: 'Float64',
        vector: 'List<Float32>',
        vector_colbert: 'List<List<Float32>>',
      })
      const row = table.get(3)!.toJSON()
      expect(row).toMatchObject({id: objects[3]!.id, p_int: BigInt(3 * 2 ** 40), p_number: 1, vector: null})
      expect(Array.from(table.getChild('vector')!.get(1) as Iterable<number>)).toEqual([1, 1.5, -1])
      expect(table.getChild('vector')!.nullCount).toBe(objects.filter(({vector}) => !vector).length)
    } finally {
      compressionRegistry.set(CompressionType.ZSTD, before!)
    }
  })

  // Copies of the sample's first 20 objects without our metadata. Polars: text views. pyarrow: large text, large and fixed lists, zstd.
  it.each(['polars', 'pyarrow'])('come back from %s', async (name) => {
    const bytes = await fixture(name)
    for (const pageBytes of [1, 2000, 1e6]) {
      const read = await decodePart(arrowCodec, bytes, {read: {pageBytes}, schema: sampleClass})
      expect(comparables(read)).toEqual(comparables(sampleObjects(20)))
    }
  })
})

describe('damaged parts', () => {
  const parts: Uint8Array[] = []
  beforeAll(async () => {
    parts.push(
      await encodePart(arrowCodec, sampleClass, sampleObjects(6)),
      await encodePart(arrowCodec, sampleClass, sampleObjects(6), {compress: true, rowGroupBytes: 1000}),
      await fixture('polars'),
      await fixture('pyarrow'),
    )
  })

  async function readDamaged(bytes: Uint8Array): Promise<'damaged' | 'read'> {
    try {
      await decodePart(arrowCodec, bytes, {read: {pageBytes: 10_000}, schema: sampleClass})
      return 'read'
    } catch (error) {
      expect(error).toBeInstanceOf(DataOpsError)
      expect((error as DataOpsError).code).toBe('BACKUP_DAMAGED')
      return 'damaged'
    }
  }

  it('are refused wherever they are cut', async () => {
    const [part] = parts
    for (let length = 0; length < part!.length; length += 37) {
      expect(await readDamaged(part!.slice(0, length))).toBe('damaged')
    }
  })

  it('never do more than fail when bytes change', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(3),
        fc.array(fc.tuple(fc.double({max: 1, maxExcluded: true, min: 0, noNaN: true}), fc.nat(255)), {
          maxLength: 4,
          minLength: 1,
        }),
        fc.boolean(),
        async (which, changes, isInFooter) => {
          const bytes = new Uint8Array(parts[which]!)
          const footer = new DataView(bytes.buffer).getInt32(bytes.length - 10, true) + 10
          for (const [where, value] of changes) {
            const at = isInFooter ? bytes.length - 1 - Math.floor(where * footer) : Math.floor(where * bytes.length)
            bytes[at] = value
          }

          await readDamaged(bytes)
        },
      ),
      {numRuns: 600},
    )
  })
})
