/**
 * npm run bench -- native-export: peak resident memory, and CPU, of looking through and reading an export of the server's own, which has one
 * row group a file however large that is. The file is made here, as the server lays it out. Ends with 1 above --most. With --url it is
 * restored to that Weaviate too, into a collection of its own that is dropped in the end.
 *
 * Options: --rows 300000, --dims 768, --most 350 (MB); --url, --grpc-url, --workers 1.
 */
/* eslint-disable n/no-unsupported-features/node-builtins -- zstd is experimental in the oldest Node, and fine for a bench */
import {Buffer} from 'node:buffer'
import {execFile} from 'node:child_process'
import {type FileHandle, mkdir, mkdtemp, open, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parseArgs, promisify} from 'node:util'
import {crc32, zstdCompressSync} from 'node:zlib'

import {EXPORT_COLUMNS} from '../src/codec/parquet/export.js'
import {type ColumnChunk, encodeFooter, encodePageHeader, type SchemaElement} from '../src/codec/parquet/internals.js'
import {describeMachine, HEAP} from './host.js'

const {values: options} = parseArgs({
  options: {
    dims: {default: '768', type: 'string'},
    'grpc-url': {type: 'string'},
    most: {default: '350', type: 'string'},
    rows: {default: '300000', type: 'string'},
    url: {type: 'string'},
    workers: {default: '1', type: 'string'},
  },
})
const rows = Number(options.rows)
const dims = Number(options.dims)
const PAGE_BYTES = 8 * 1024 * 1024
const FIXTURE = 'test/fixtures/native-export'
const READ = `import {peakBytes} from './bench/peak.mjs'
import {Verifier} from '@elysia/data-ops'
const {objectCount, problems} = await new Verifier({directory: '.'}).verifyBackup(process.env.ELYSIA_BENCH_EXPORT)
const {systemCPUTime, userCPUTime} = process.resourceUsage()
console.log(JSON.stringify({cpuMicros: systemCPUTime + userCPUTime, objectCount, peak: peakBytes(), problems}))
`
const RESTORE = `import {peakBytes} from './bench/peak.mjs'
import {connect, RestoreManager} from '@elysia/data-ops'
const {export: from, name, place, schema, server, workers} = JSON.parse(process.env.ELYSIA_BENCH_EXPORT)
const connection = await connect(server)
const begun = process.resourceUsage()
const started = performance.now()
const manager = new RestoreManager(connection, {directory: place})
const {restored} = await manager.restoreCollection(from, {name, schemaFrom: [schema], workers})
const {systemCPUTime, userCPUTime} = process.resourceUsage()
const cpuMicros = systemCPUTime + userCPUTime - begun.systemCPUTime - begun.userCPUTime
console.log(JSON.stringify({cpuMicros, peak: peakBytes(), restored, seconds: (performance.now() - started) / 1000}))
await connection.deleteCollection(name)
await connection.close()
`

type Value = (row: number) => Uint8Array | undefined

/** Of each column, in the order of the export's. */
const VALUES: readonly Value[] = [
  (row) => withLength(`${row.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`),
  () => time(1_700_000_000_000),
  () => time(1_700_000_000_000),
  () => withLength(randomVector()),
  () => undefined,
  () => undefined,
  (row) => withLength(JSON.stringify({number: row, text: `object ${row} `.repeat(20)})),
]

function randomVector(): Uint8Array {
  const {buffer, byteLength, byteOffset} = Float32Array.from({length: dims}, () => Math.random())
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function withLength(value: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(value as string)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

function time(ms: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(ms))
  return bytes
}

function elementOf(column: number): SchemaElement {
  const name = EXPORT_COLUMNS[column]?.name ?? ''
  const type = column === 1 || column === 2 ? 'INT64' : 'BYTE_ARRAY'
  return {name, repetition_type: column < 3 ? 'REQUIRED' : 'OPTIONAL', type}
}

/** As many bytes as the number takes in groups of seven bits. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]
}

class ExportFile {
  readonly #file: FileHandle
  #position = 0

  constructor(file: FileHandle) {
    this.#file = file
  }

  async append(...parts: Uint8Array[]): Promise<void> {
    for (const part of parts) {
      await this.#file.write(part)
      this.#position += part.length
    }
  }

  async column(index: number): Promise<ColumnChunk> {
    const start = this.#position
    let uncompressed = 0
    for (let row = 0; row < rows;) {
      const values: Uint8Array[] = []
      const first = row
      let bytes = 0
      for (; row < rows && bytes < PAGE_BYTES; row++) {
        const value = VALUES[index]?.(row)
        if (value) values.push(value)
        bytes += value?.length ?? 0
      }

      uncompressed += await this.#page(index, row - first, values)
    }

    const {name: column, type} = elementOf(index)
    return {
      file_offset: 0n,
      meta_data: {
        codec: 'ZSTD',
        data_page_offset: BigInt(start),
        encodings: ['PLAIN', 'RLE'],
        num_values: BigInt(rows),
        path_in_schema: [column],
        total_compressed_size: BigInt(this.#position - start),
        total_uncompressed_size: BigInt(uncompressed),
        type: type ?? 'BYTE_ARRAY',
      },
    }
  }

  /** Returns its bytes, decompressed. */
  async #page(column: number, count: number, values: readonly Uint8Array[]): Promise<number> {
    const isThere = values.length > 0
    const levels = column < 3 ? Buffer.alloc(0) : Buffer.from([...varint(count << 1), isThere ? 1 : 0])
    const plain = Buffer.concat(values)
    const packed = isThere ? zstdCompressSync(plain) : plain
    const body = Buffer.concat([levels, packed])
    const header = encodePageHeader({
      compressed_page_size: body.length,
      // Thrift's integers have a sign.
      crc: Int32Array.of(crc32(body))[0],
      data_page_header_v2: {
        definition_levels_byte_length: levels.length,
        encoding: 'PLAIN',
        is_compressed: true,
        num_nulls: isThere ? 0 : count,
        num_rows: count,
        num_values: count,
        repetition_levels_byte_length: 0,
      },
      type: 'DATA_PAGE_V2',
      uncompressed_page_size: levels.length + plain.length,
    })
    await this.append(header, body)
    return header.length + levels.length + plain.length
  }

  get bytes(): number {
    return this.#position
  }
}

const COLLECTION = 'ExpTarget'

async function writeFileOf(file: FileHandle): Promise<number> {
  const parquet = new ExportFile(file)
  await parquet.append(Buffer.from('PAR1'))
  const columns: ColumnChunk[] = []
  for (const index of VALUES.keys()) columns.push(await parquet.column(index))
  const bytes = BigInt(parquet.bytes - 4)
  const root = {name: 'schema', num_children: VALUES.length}
  await parquet.append(
    encodeFooter({
      createdBy: 'elysia bench',
      kvMetadata: [{key: 'collection', value: COLLECTION}],
      rowGroups: [{columns, num_rows: BigInt(rows), total_byte_size: bytes}],
      schema: [root, ...Array.from(VALUES, (_, column) => elementOf(column))],
    }),
  )
  return parquet.bytes
}

/** The small one that a server made says what an export says of itself. */
async function writeFacts(folder: string): Promise<string> {
  const facts = JSON.parse(await readFile(path.join(FIXTURE, 'export_metadata.json'), 'utf8')) as {
    classes: string[]
    nodeAssignments: Record<string, Record<string, string[]>>
    shardStatus: Record<string, Record<string, {objectsExported: number}>>
  }
  const [shard, state] = Object.entries(facts.shardStatus[COLLECTION] ?? {})[0] ?? ['', {objectsExported: 0}]
  state.objectsExported = rows
  facts.classes = [COLLECTION]
  facts.shardStatus = {[COLLECTION]: {[shard]: state}}
  for (const node of Object.keys(facts.nodeAssignments)) facts.nodeAssignments[node] = {[COLLECTION]: [shard]}
  await writeFile(path.join(folder, 'export_metadata.json'), JSON.stringify(facts))
  const node = {nodeName: 'probe', shardProgress: facts.shardStatus, status: 'SUCCESS', version: '1.39.0'}
  await writeFile(path.join(folder, 'node_probe_status.json'), JSON.stringify(node))
  return path.join(folder, `${COLLECTION}_${shard}_0000.parquet`)
}

/** In a process of its own: what it prints. */
async function run(code: string, given: string): Promise<string> {
  const {stdout} = await promisify(execFile)(process.execPath, [...HEAP, '--input-type=module', '-e', code], {
    env: {...process.env, ELYSIA_BENCH_EXPORT: given},
  })
  return stdout
}

/** To the Weaviate that is named. */
async function restore(url: string, folder: string): Promise<void> {
  const workers = Number(options.workers)
  const schema = path.join(directory, 'schema.json')
  await writeFile(
    schema,
    JSON.stringify({
      class: COLLECTION,
      properties: [
        {dataType: ['number'], indexFilterable: false, name: 'number'},
        {dataType: ['text'], indexFilterable: false, indexSearchable: false, name: 'text'},
      ],
      vectorIndexType: 'flat',
      vectorizer: 'none',
    }),
  )
  const given = {
    export: `${folder}#${COLLECTION}`,
    name: `BenchExport${process.pid}`,
    place: directory,
    schema,
    server: {grpcUrl: options['grpc-url'], url},
    workers,
  }
  const stdout = await run(RESTORE, JSON.stringify(given))
  const result = JSON.parse(stdout) as {cpuMicros: number; peak: number; restored: number; seconds: number}
  if (result.restored !== rows) throw new Error(`it was restored as ${stdout}`)
  const megabytes = Math.round(result.peak / 1e6)
  console.log(
    `restored by ${workers}: ${megabytes} MB at most, ${Math.round(result.cpuMicros / rows)} µs CPU an object, ${Math.round(rows / result.seconds)} objects/s`,
  )
  if (megabytes > Number(options.most)) process.exitCode = 1
}

const directory = await mkdtemp(path.join(tmpdir(), 'elysia-export-'))
try {
  const folder = path.join(directory, 'nightly')
  await mkdir(folder)
  const file = await open(await writeFacts(folder), 'w')
  const bytes = await writeFileOf(file)
  await file.close()
  const stdout = await run(READ, `${folder}#${COLLECTION}`)
  const result = JSON.parse(stdout) as {cpuMicros: number; objectCount: number; peak: number; problems: unknown[]}
  if (result.problems.length > 0 || result.objectCount !== rows) throw new Error(`it was read as ${stdout}`)
  const megabytes = Math.round(result.peak / 1e6)
  console.log(`an export of ${rows} × ${dims} in one row group, ${Math.round(bytes / 1e6)} MB, ${describeMachine()}\n`)
  console.log(
    `looked through and read: ${megabytes} MB at most, ${Math.round(result.cpuMicros / rows)} µs CPU an object`,
  )
  if (megabytes > Number(options.most)) process.exitCode = 1
  if (options.url !== undefined) await restore(options.url, folder)
} finally {
  await rm(directory, {force: true, recursive: true})
}
