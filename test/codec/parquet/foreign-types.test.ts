/** What other programs write in place of a part: values are read as what they are there, or refused, and never as another number. */
import {type DuckDBConnection, DuckDBInstance} from '@duckdb/node-api'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, expect, it} from 'vitest'

import type {JsonValue, WeaviateObject} from '../../../src/model/object.js'
import type {WeaviateClass} from '../../../src/model/schema.js'

import {parquetCodec} from '../../../src/codec/parquet/codec.js'
import {objectId} from '../../support/object-id.js'
import {decodePart, encodePart, floats} from '../part-sample.js'

const schema: WeaviateClass = {
  class: 'Edited',
  properties: ['date', 'int', 'int[]', 'number', 'text'].map((type) => ({
    dataType: [type],
    name: type.replace('[]', '_list'),
  })),
}
const OBJECT: WeaviateObject = {id: objectId(0xa), properties: {int: 7}, vector: floats(1, 0.1)}
let folder: string
let instance: DuckDBInstance
let duckdb: DuckDBConnection

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'parquet-'))
  await writeFile(path.join(folder, 'part.parquet'), await encodePart(parquetCodec, schema, [OBJECT]))
  instance = await DuckDBInstance.create()
  duckdb = await instance.connect()
})

afterAll(async () => {
  duckdb.closeSync()
  instance.closeSync()
  await rm(folder, {recursive: true})
})

/** The part, with another value in a column. */
async function edited(column: string, value: string, options = ''): Promise<WeaviateObject> {
  const [from, to] = ['part', 'edited'].map((name) => path.join(folder, `${name}.parquet`))
  await duckdb.run(
    `COPY (SELECT * REPLACE (${value} AS ${column}) FROM '${from}') TO '${to}' (FORMAT parquet${options})`,
  )
  const [object] = await decodePart(parquetCodec, new Uint8Array(await readFile(to!)), {schema})
  return object!
}

it.each<[column: string, value: string, read: JsonValue]>([
  ['int', '3000000000::UINTEGER', 3_000_000_000],
  ['int', '200::UTINYINT', 200],
  ['int', '9007199254740991::UBIGINT', Number.MAX_SAFE_INTEGER],
  ['int', '-5::SMALLINT', -5],
  ['int_list', '[4294967295::UINTEGER, 0]', [4_294_967_295, 0]],
  ['int_list', '[(-2147483648)::INTEGER, 2147483647]', [-2_147_483_648, 2_147_483_647]],
  ['number', '19.99::DOUBLE', 19.99],
  ['number', '1.5::FLOAT', 1.5],
  ['date', "TIMESTAMP '2024-01-02 03:04:05.123456'", '2024-01-02T03:04:05.123456Z'],
  ['date', "TIMESTAMP_NS '2024-01-02 03:04:05.123456789'", '2024-01-02T03:04:05.123456789Z'],
  ['date', "TIMESTAMP_NS '1969-12-31 23:59:59.999999999'", '1969-12-31T23:59:59.999999999Z'],
  ['date', "TIMESTAMPTZ '2024-01-02 03:04:05.12+00'", '2024-01-02T03:04:05.120Z'],
  ['date', "TIMESTAMP_MS '1901-01-02 03:04:05'", '1901-01-02T03:04:05.000Z'],
])('%s that is %s is read as it is', async (column, value, read) => {
  for (const options of ['', ', PARQUET_VERSION v2']) {
    const {properties} = await edited(column, value, options)
    expect(properties[column]).toEqual(read)
  }
})

it.each([
  ['number', '19.99', 'DECIMAL'],
  ['number', '1234567890.99', 'DECIMAL'],
  ['number', '12345678901234567890.99', 'DECIMAL'],
  ['number', "DATE '2024-01-02'", 'DATE'],
  ['int', "TIME '01:02:03'", 'TIME'],
  ['int', "TIMESTAMP '2024-01-02 03:04:05'", 'TIMESTAMP'],
  ['int_list', '[1.5, 2.25]', 'DECIMAL'],
  ['date', "DATE '2024-01-02'", 'DATE'],
  ['text', '12.5', 'DECIMAL'],
  ['text', "INTERVAL '3 days'", 'INTERVAL'],
  ['text', '7', 'INT'],
  ['vector', '[1, 2]', 'INT'],
  ['vector', '[1.5, 2.5]', 'DECIMAL'],
])('%s that is %s is refused, with its column and type', async (column, value, type) => {
  for (const options of ['', ', PARQUET_VERSION v2']) {
    await expect(edited(column, value, options)).rejects.toMatchObject({
      code: 'BACKUP_DAMAGED',
      message: expect.stringMatching(
        new RegExp(`^Column "${column}" of the part cannot be read: values of type ${type}`),
      ) as string,
    })
  }
})

it('a number that no int of Weaviate holds is refused', async () => {
  await expect(edited('int', '18446744073709551615::UBIGINT')).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
    message: 'Column "int" of the part cannot be read: a number is beyond 64 bits with a sign.',
  })
})

it('ids are UUIDs, however they are written', async () => {
  expect(await edited('id', 'upper(id)')).toMatchObject({id: OBJECT.id})
  expect(await edited('id', 'id::UUID')).toMatchObject({id: OBJECT.id})
  await expect(edited('id', "'x' || id")).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
    message: 'The id of row 0 is no UUID.',
  })
})

it('nulls are of any type', async () => {
  for (const column of ['date', 'int', 'number', 'text'])
    expect((await edited(column, 'NULL')).properties[column]).toBeUndefined()
})

// By pyarrow: the dictionary of a column of nothing but nulls is a page of no bytes, compressed.
it('pages of nothing are read, however they are compressed', async () => {
  const file = new URL('../../fixtures/parquet/pyarrow-lz4-nulls.parquet', import.meta.url)
  const read = await decodePart(parquetCodec, new Uint8Array(await readFile(file)), {schema})
  expect(read).toEqual([1, 2].map((number) => ({id: objectId(number), properties: {}})))
})
