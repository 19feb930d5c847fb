import {DuckDBInstance} from '@duckdb/node-api'
import fc from 'fast-check'
import {Buffer} from 'node:buffer'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {describe, expect, it} from 'vitest'

import type {Platform} from '../../../src/codec/codec.js'
import type {WeaviateObject} from '../../../src/model/object.js'
import type {WeaviateClass} from '../../../src/model/schema.js'

import {parquetCodec} from '../../../src/codec/parquet/codec.js'
import {decodeFooter} from '../../../src/codec/parquet/internals.js'
import {nodePlatform} from '../../../src/platform/node.js'
import {arbitraryCollection, comparable} from '../../support/arbitraries.js'
import {objectId} from '../../support/object-id.js'
import {decodePart, encodePart, encodeReleasing, floats, sampleClass, sampleObjects, sourceOf} from '../part-sample.js'

const comparables = (objects: WeaviateObject[]) => objects.map((object) => comparable(object))
/** How the values of a row look in JSON, which shows own members called __proto__ too. */
const texts = (objects: WeaviateObject[]) => objects.map(({properties}) => JSON.stringify(sorted(properties)))

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : value
  if (Array.isArray(value)) return value.map((item) => sorted(item))
  return Object.entries(value)
    .map(([key, member]) => [key, sorted(member)])
    .toSorted(([a], [b]) => ((a as string) < (b as string) ? -1 : 1))
}

function footerOf(bytes: Uint8Array) {
  return decodeFooter(bytes, new DataView(bytes.buffer).getUint32(bytes.length - 8, true))
}

const withoutZstd: Platform = {...nodePlatform, zstdCompress: undefined, zstdDecompress: undefined}

describe('parquet parts', () => {
  it('keep any object of any class', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryCollection({loneSurrogates: true}),
        fc.record({compress: fc.boolean(), rowGroupBytes: fc.constantFrom(1, 400, 1e7)}),
        fc.boolean(),
        async ({objects, schema}, options, ownColumns) => {
          const bytes = await encodePart(parquetCodec, schema, objects, {...options, pageObjects: 3})
          // Without columns the part is understood by its own metadata.
          const columns = ownColumns ? undefined : parquetCodec.columns(schema)
          const read = await decodePart(parquetCodec, bytes, {columns, schema})
          expect(comparables(read)).toEqual(comparables(objects))
          expect(texts(read)).toEqual(texts(objects))
        },
      ),
      {numRuns: 80},
    )
  })

  it.each([
    ['compressed with zstd', true, nodePlatform, 'ZSTD'],
    ['compressed without zstd', true, withoutZstd, 'GZIP'],
    ['uncompressed', false, nodePlatform, 'UNCOMPRESSED'],
  ])('keep the sample %s', async (_name, compress, platform, codec) => {
    const objects = sampleObjects()
    const bytes = await encodePart(parquetCodec, sampleClass, objects, {compress, platform, rowGroupBytes: 4000})
    const footer = footerOf(bytes)
    expect(footer.row_groups.length).toBeGreaterThan(3)
    expect(new Set(footer.row_groups.flatMap(({columns}) => columns.map((chunk) => chunk.meta_data?.codec)))).toEqual(
      new Set([codec]),
    )
    for (const other of [nodePlatform, withoutZstd]) {
      const read = await decodePart(parquetCodec, bytes, {platform: other, schema: sampleClass})
      expect(comparables(read)).toEqual(comparables(objects))
    }
  })

  it('are refused when they hold a column that their list does not name: it would be left out without a word', async () => {
    const bytes = await encodePart(parquetCodec, sampleClass, sampleObjects(3))
    const [left, ...columns] = parquetCodec
      .columns(sampleClass)
      .filter(({role}) => role === 'property' || role === 'id')
      .toReversed()
    const read = decodePart(parquetCodec, bytes, {columns: columns.toReversed(), schema: sampleClass})
    await expect(read).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringContaining('list of columns') as string,
    })
    expect(left?.role).toBe('property')
  })

  it('may be empty', async () => {
    const bytes = await encodePart(parquetCodec, sampleClass, [])
    expect(await decodePart(parquetCodec, bytes, {schema: sampleClass})).toEqual([])
  })

  it('keep the bits of vectors, whatever they are', async () => {
    const bits = new Uint8Array(Buffer.from('0100807f3412c0ff00000080010000000000807f', 'hex'))
    const vectors: Array<Uint8Array | undefined> = [
      bits,
      undefined,
      floats(1),
      new Uint8Array(0),
      bits.subarray(4),
      undefined,
    ]
    const objects = vectors.map((vector, index): WeaviateObject => ({
      id: objectId(index),
      properties: {},
      ...(vector && {vector}),
    }))
    for (const isCompress of [false, true]) {
      const part = await encodePart(parquetCodec, {class: 'C'}, objects, {compress: isCompress})
      expect(comparables(await decodePart(parquetCodec, part, {schema: {class: 'C'}}))).toEqual(comparables(objects))
    }
  })

  it('keep the dimensions of a multi vector without rows, and vectors and properties without a column', async () => {
    const objects: WeaviateObject[] = [
      {
        id: objectId(1),
        properties: {unknown: [1, null]},
        vectors: new Map([['colbert', {bytes: new Uint8Array(0), dims: 7, kind: 'multi'}]]),
      },
      {
        id: objectId(2),
        properties: {},
        vectors: new Map([['colbert', {bytes: new Uint8Array(0), dims: 0, kind: 'multi'}]]),
      },
      {
        id: objectId(3),
        properties: {},
        vectors: new Map([
          ['colbert', {bytes: floats(1, 2), kind: 'single'}],
          ['new', {bytes: floats(3, 4), dims: 1, kind: 'multi'}],
        ]),
      },
    ]
    const bytes = await encodePart(parquetCodec, sampleClass, objects)
    expect(comparables(await decodePart(parquetCodec, bytes, {schema: sampleClass}))).toEqual(comparables(objects))
  })

  it('keep blobs of megabytes, a row group each', async () => {
    const schema: WeaviateClass = {class: 'C', properties: [{dataType: ['blob'], name: 'blob'}]}
    const objects = ['A', 'B', 'C'].map((unit, index): WeaviateObject => ({
      id: objectId(index),
      properties: {blob: unit.repeat(5_000_000)},
    }))
    const bytes = await encodePart(parquetCodec, schema, objects, {rowGroupBytes: 1 << 20})
    expect(footerOf(bytes).row_groups).toHaveLength(3)
    const read = await decodePart(parquetCodec, bytes, {read: {pageBytes: 1 << 20}, schema})
    expect(read.map(({properties}) => properties.blob)).toEqual(objects.map(({properties}) => properties.blob))
  })

  it('bound their row groups in bytes', async () => {
    const objects = Array.from({length: 400}, (_, index): WeaviateObject => ({
      id: `${index}`,
      properties: {},
      vector: floats(...Array.from({length: 64}, () => index)),
    }))
    const footer = footerOf(
      await encodePart(parquetCodec, {class: 'C'}, objects, {pageObjects: 400, rowGroupBytes: 20_000}),
    )
    for (const group of footer.row_groups.slice(0, -1)) {
      expect(Number(group.total_byte_size)).toBeGreaterThan(19_000)
      expect(Number(group.total_byte_size)).toBeLessThan(22_000)
    }
  })

  it('do not change once handed over', async () => {
    const encoder = parquetCodec.createEncoder({
      columns: parquetCodec.columns(sampleClass),
      compress: false,
      platform: nodePlatform,
      rowGroupBytes: 2000,
      schema: sampleClass,
    })
    const objects = sampleObjects(40)
    const chunks = await encoder.write(objects)
    for (const {vector} of objects) vector?.fill(0xff)
    chunks.push(...(await encoder.write(sampleObjects(40))), ...(await encoder.finish()))
    expect(encoder.rows).toBe(80)
    const read = await decodePart(parquetCodec, new Uint8Array(Buffer.concat(chunks)), {schema: sampleClass})
    const first = sampleObjects(40)
    // The rows of a row group still open may have been anywhere but in the caller's memory.
    expect(comparables(read)).toEqual(comparables([...first, ...first]))
  })

  it('are the same from an encoder that uses its memory again, which waits until nobody looks at it', async () => {
    const objects = sampleObjects(300)
    for (const rowGroupBytes of [500, 3000, 40_000]) {
      const options = {pageObjects: 23, rowGroupBytes}
      const expected = await encodePart(parquetCodec, sampleClass, objects, options)
      expect(Buffer.from(await encodeReleasing(parquetCodec, sampleClass, objects, options)).equals(expected)).toBe(
        true,
      )
    }
  })

  it('are read from any row, in pages, and only the columns wanted', async () => {
    const objects = sampleObjects()
    const part = await encodePart(parquetCodec, sampleClass, objects, {rowGroupBytes: 4000})
    const ranges: Array<[number, number]> = []
    const counting = {
      ...sourceOf(part),
      async read(start: number, end: number) {
        ranges.push([start, end])
        return part.subarray(start, end)
      },
    }
    for (const fromRow of [0, 1, 23, 49, 50, 60]) {
      for (const pageBytes of [1, 3000, 1e6]) {
        const read = {fromRow, pageBytes}
        expect(comparables(await decodePart(parquetCodec, part, {read, schema: sampleClass}))).toEqual(
          comparables(objects.slice(fromRow)),
        )
      }
    }

    const ids = await decodePart(parquetCodec, part, {read: {columns: 'ids', fromRow: 5}, schema: sampleClass})
    expect(ids).toEqual(
      objects.slice(5).map(({creationTimeUnix, id, lastUpdateTimeUnix}) => ({
        creationTimeUnix,
        id,
        lastUpdateTimeUnix,
        properties: {},
      })),
    )
    const references = await decodePart(parquetCodec, part, {read: {columns: 'references'}, schema: sampleClass})
    expect(references).toEqual(
      objects.map(({id, properties}) => ({id, properties: properties.ref ? {ref: properties.ref} : {}})),
    )

    const decoder = await parquetCodec.openDecoder(counting, {platform: nodePlatform, schema: sampleClass})
    ranges.length = 0
    for await (const page of decoder.read({columns: 'ids', fromRow: 40})) expect(page.objects.length).toBeGreaterThan(0)
    expect(ranges.reduce((sum, [start, end]) => sum + end - start, 0)).toBeLessThan(part.length / 5)
  })

  it('stop when the signal fires', async () => {
    const part = await encodePart(parquetCodec, sampleClass, sampleObjects(), {rowGroupBytes: 2000})
    const controller = new AbortController()
    const decoder = await parquetCodec.openDecoder(sourceOf(part), {platform: nodePlatform, schema: sampleClass})
    const pages = decoder.read({signal: controller.signal})[Symbol.asyncIterator]()
    await pages.next()
    controller.abort()
    await expect(pages.next()).rejects.toMatchObject({code: 'INTERRUPTED'})
  })
})

describe('parquet parts elsewhere', () => {
  it('are typed columns and lists to DuckDB, and come back from it', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'parquet-'))
    try {
      const objects = sampleObjects()
      const file = path.join(folder, 'objects.parquet')
      await writeFile(file, await encodePart(parquetCodec, sampleClass, objects, {compress: true, rowGroupBytes: 4000}))
      const instance = await DuckDBInstance.create()
      const connection = await instance.connect()
      const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson()
      const described = await rows(`DESCRIBE SELECT * FROM '${file}'`)
      expect(Object.fromEntries(described.map(([name, type]) => [name, type]))).toEqual({
        _exceptions: 'VARCHAR',
        creation_time: 'TIMESTAMP WITH TIME ZONE',
        id: 'VARCHAR',
        p_blob: 'VARCHAR',
        p_boolean: 'BOOLEAN',
        p_boolean_list: 'BOOLEAN[]',
        p_date: 'VARCHAR',
        p_date_list: 'VARCHAR[]',
        p_geoCoordinates: 'STRUCT(latitude FLOAT, longitude FLOAT)',
        p_int: 'BIGINT',
        p_int_list: 'BIGINT[]',
        p_number: 'DOUBLE',
        p_number_list: 'DOUBLE[]',
        p_object: 'VARCHAR',
        p_object_list: 'VARCHAR',
        p_phoneNumber: 'VARCHAR',
        p_text: 'VARCHAR',
        p_text_list: 'VARCHAR[]',
        p_uuid: 'VARCHAR',
        p_uuid_list: 'VARCHAR[]',
        ref: 'VARCHAR',
        update_time: 'TIMESTAMP WITH TIME ZONE',
        vector: 'FLOAT[]',
        vector_colbert: 'FLOAT[][]',
        vector_title: 'FLOAT[]',
      })
      expect(
        await rows(`SELECT id, epoch_ms(creation_time), p_int, p_geoCoordinates.longitude, p_object->>'$.a', len(vector),
          list_sum(vector), array_inner_product(vector::FLOAT[3], [1, 2, 3]::FLOAT[3]), vector_colbert, len(p_text_list)
          FROM '${file}' WHERE id IN ('${objects[1]!.id}', '${objects[3]!.id}') ORDER BY id`),
      ).toEqual([
        [objects[1]!.id, '1700000000001', String(2 ** 40), Math.fround(4.9), '1', '3', 1.5, 1, [[0, 1]], '2'],
        [
          objects[3]!.id,
          '1700000000003',
          String(3 * 2 ** 40),
          Math.fround(4.9),
          '1',
          null,
          null,
          null,
          [
            [0, 1],
            [2, 3],
            [4, 5],
          ],
          '0',
        ],
      ])
      expect(await rows(`SELECT count(*), count(vector), count(p_int) FROM '${file}'`)).toEqual([['50', '43', '39']])

      for (const options of [
        '',
        ', PARQUET_VERSION v2, COMPRESSION zstd',
        ', COMPRESSION brotli',
        ', COMPRESSION lz4_raw',
      ]) {
        const copy = path.join(folder, 'copy.parquet')
        await connection.run(`COPY (SELECT * FROM '${file}') TO '${copy}' (FORMAT parquet${options})`)
        const read = await decodePart(parquetCodec, new Uint8Array(await readFile(copy)), {schema: sampleClass})
        expect(comparables(read)).toEqual(comparables(objects))
      }

      connection.closeSync()
      instance.closeSync()
    } finally {
      await rm(folder, {recursive: true})
    }
  })

  // Copies of the sample's first 20 objects: pyarrow with dictionaries, gzip and pages of a few values, in version 1 (rows may span
  // pages; no metadata of ours left); pyarrow with version 2 pages, zstd, delta encodings and byte streams; Polars.
  it.each(['pyarrow-v1', 'pyarrow-v2', 'polars'])('come back from %s', async (name) => {
    const bytes = new Uint8Array(await readFile(new URL(`../../fixtures/parquet/${name}.parquet`, import.meta.url)))
    for (const pageBytes of [1, 2000, 1e6]) {
      const read = await decodePart(parquetCodec, bytes, {read: {pageBytes}, schema: sampleClass})
      expect(comparables(read)).toEqual(comparables(sampleObjects(20)))
    }

    const columns = parquetCodec.columns(sampleClass)
    const read = await decodePart(parquetCodec, bytes, {columns, read: {fromRow: 11}, schema: sampleClass})
    expect(comparables(read)).toEqual(comparables(sampleObjects(20).slice(11)))
  })

  it('are understood without the class, by their types', async () => {
    const bytes = new Uint8Array(await readFile(new URL('../../fixtures/parquet/pyarrow-v1.parquet', import.meta.url)))
    const [, object] = await decodePart(parquetCodec, bytes, {schema: {class: 'C', vectorConfig: {title: {}}}})
    const [, expected] = sampleObjects(2)
    const {p_int: int, p_number_list: numbers, vector_colbert: none} = object!.properties
    expect([int, numbers, none]).toEqual([2 ** 40, [-0, 1], undefined])
    expect(object!.vector).toEqual(expected!.vector)
    expect(object!.vectors).toEqual(expected!.vectors)
  })

  it('may be an export of Weaviate itself', async () => {
    const bytes = new Uint8Array(
      await readFile(new URL('../../fixtures/parquet/weaviate-export.parquet', import.meta.url)),
    )
    const schema: WeaviateClass = {
      class: 'PqExport',
      properties: [{dataType: ['PqExport'], name: 'ref'}],
      vectorConfig: {colbert: {vectorIndexConfig: {multivector: {enabled: true}}}, title: {}},
    }
    const objects = await decodePart(parquetCodec, bytes, {schema})
    const [first, second, , last] = objects
    expect(objects).toHaveLength(4)
    expect(first!.properties).toMatchObject({
      nested: {a: 0},
      place: {latitude: 52.3932, longitude: 4.9},
      ref: [{beacon: 'weaviate://localhost/PqExport/00000000-0000-4000-8000-000000000002'}],
      tags: [],
      text: 'täxt 0',
      when: '2024-02-29T23:59:59.123456789+05:45',
    })
    expect(comparable(second!)).toMatchObject({
      creationTimeUnix: 1_795_402_563_322,
      id: '00000000-0000-4000-8000-000000000001',
      vectors: {
        colbert: {bytes: Buffer.from(floats(1.5, 2.5, 0.1, -1)).toString('hex'), dims: 2, kind: 'multi'},
        title: {bytes: Buffer.from(floats(0.1, 0.2, 1)).toString('hex'), kind: 'single'},
      },
    })
    expect(last!.properties).toEqual({})
    const references = await decodePart(parquetCodec, bytes, {read: {columns: 'references'}, schema})
    expect(references.map(({properties}) => Object.keys(properties))).toEqual([['ref'], [], [], []])
  })
})
