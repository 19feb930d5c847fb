/**
 * The roads from objects to columnar files and back, each in a process of its own: ours, and `parquet-wasm`'s streaming writer and
 * reader fed with our Arrow batches. Figures stand in docs/adr/0002-parquet-writer.md.
 *
 *     tsx bench/parquet-roads.ts [objects] [path of an installed parquet-wasm]
 */
import {spawnSync} from 'node:child_process'
import {openAsBlob} from 'node:fs'
import {mkdtemp, open, rm, stat} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'

import type {PartCodec} from '../src/codec/codec.js'

import {arrowCodec} from '../src/codec/arrow/codec.js'
import {parquetCodec} from '../src/codec/parquet/codec.js'
import {nodePlatform as platform} from '../src/platform/node.js'
import {makeClass, makeObjects} from './data.js'
import {peakBytes} from './peak.mjs'

const PAGE_OBJECTS = 1000
const ROADS = ['parquet', 'parquet zstd', 'arrow', 'arrow zstd', 'wasm', 'wasm snappy', 'wasm zstd'] as const
type Road = (typeof ROADS)[number]

const dataOf = (objects: number) => ({className: 'Road', dims: 1536, objects})

/** CPU and wall milliseconds of what is timed, less what is paused. */
class Clock {
  private cpu = 0
  private wall = 0

  private async add<T>(work: () => Promise<T>, sign: number): Promise<T> {
    const cpu = process.cpuUsage()
    const start = performance.now()
    const result = await work()
    const {system, user} = process.cpuUsage(cpu)
    this.wall += sign * (performance.now() - start)
    this.cpu += (sign * (system + user)) / 1000
    return result
  }

  async pause<T>(work: () => Promise<T>): Promise<T> {
    return this.add(work, -1)
  }

  per(objects: number): string {
    const rate = Math.round((objects / this.wall) * 1000).toLocaleString('en')
    return `${rate.padStart(8)}/s ${((this.cpu / objects) * 1000).toFixed(1).padStart(6)} µs CPU`
  }

  async time<T>(work: () => Promise<T>): Promise<T> {
    return this.add(work, 1)
  }
}

/** Writes the file, and times everything but the making of the objects. */
async function write(road: Road, file: string, objects: number, wasm: string): Promise<Clock> {
  const clock = new Clock()
  const data = dataOf(objects)
  const schema = makeClass(data)
  const codec: PartCodec = road.startsWith('parquet') ? parquetCodec : arrowCodec
  const columns = codec.columns(schema)
  const handle = await open(file, 'w')
  const append = async (chunks: readonly Uint8Array[]) => {
    for (const chunk of chunks) await handle.write(chunk)
  }

  let made = 0
  const nextPage = async () =>
    clock.pause(async () => {
      const page = makeObjects(data, made, Math.min(objects, made + PAGE_OBJECTS))
      made += page.length
      return page
    })
  if (road.startsWith('wasm')) {
    const {RecordBatchStreamWriter, tableFromIPC} = await import('apache-arrow')
    const lib = (await import(pathToFileURL(`${wasm}/node/parquet_wasm.js`).href)) as ParquetWasm
    const codecs: Partial<Record<Road, string>> = {'wasm snappy': 'SNAPPY', 'wasm zstd': 'ZSTD'}
    const properties = new lib.WriterPropertiesBuilder()
      .setCompression(lib.Compression[codecs[road] ?? 'UNCOMPRESSED'])
      .setDictionaryEnabled(false)
      .setMaxRowGroupSize(PAGE_OBJECTS)
      .build()
    const batches = new ReadableStream({
      async pull(controller) {
        const page = await nextPage()
        if (page.length === 0) {
          controller.close()
          return
        }

        const encoder = codec.createEncoder({columns, compress: false, platform, rowGroupBytes: Infinity, schema})
        const bytes = Buffer.concat([...(await encoder.write(page)), ...(await encoder.finish())])
        const stream = RecordBatchStreamWriter.writeAll(tableFromIPC(bytes).batches).toUint8Array(true)
        controller.enqueue(lib.Table.fromIPCStream(stream).recordBatch(0))
      },
    })
    await clock.time(async () => {
      const output = (await lib.transformParquetStream(batches, properties)) as AsyncIterable<Uint8Array>
      for await (const chunk of output) await append([chunk])
    })
  } else {
    const encoder = codec.createEncoder({columns, compress: road.endsWith('zstd'), platform, schema})
    await clock.time(async () => {
      for (let page = await nextPage(); page.length > 0; page = await nextPage())
        await append(await encoder.write(page))
      await append(await encoder.finish())
    })
  }

  await handle.close()
  return clock
}

async function read(road: Road, file: string, objects: number, wasm: string): Promise<Clock> {
  const clock = new Clock()
  if (road.startsWith('wasm')) {
    const lib = (await import(pathToFileURL(`${wasm}/node/parquet_wasm.js`).href)) as ParquetWasm
    const {tableFromIPC} = await import('apache-arrow')
    await clock.time(async () => {
      const parquet = await lib.ParquetFile.fromFile(await openAsBlob(file))
      for await (const batch of (await parquet.stream({batchSize: PAGE_OBJECTS})) as AsyncIterable<WasmBatch>) {
        // Up to Arrow arrays only: objects would come on top.
        tableFromIPC(batch.intoIPCStream())
      }
    })
    return clock
  }

  const codec: PartCodec = road.startsWith('parquet') ? parquetCodec : arrowCodec
  const handle = await open(file)
  const source = {
    async read(start: number, end: number) {
      const bytes = Buffer.allocUnsafeSlow(end - start)
      await handle.read(bytes, 0, bytes.length, start)
      return bytes
    },
    size: (await handle.stat()).size,
  }
  await clock.time(async () => {
    const decoder = await codec.openDecoder(source, {platform, schema: makeClass(dataOf(objects))})
    let rows = 0
    for await (const page of decoder.read()) rows += page.objects.length
    if (rows !== objects) throw new Error(`read ${rows} of ${objects} objects`)
  })
  await handle.close()
  return clock
}

/** As much of parquet-wasm as is used. */
interface ParquetWasm {
  Compression: Record<string, number>
  ParquetFile: {fromFile: (blob: Blob) => Promise<{stream: (options: {batchSize: number}) => Promise<unknown>}>}
  Table: {fromIPCStream: (bytes: Uint8Array) => {recordBatch: (index: number) => unknown}}
  transformParquetStream: (batches: ReadableStream, properties: unknown) => Promise<unknown>
  WriterPropertiesBuilder: new () => PropertiesBuilder
}

interface PropertiesBuilder {
  build: () => unknown
  setCompression: (codec: number | undefined) => PropertiesBuilder
  setDictionaryEnabled: (enabled: boolean) => PropertiesBuilder
  setMaxRowGroupSize: (rows: number) => PropertiesBuilder
}

interface WasmBatch {
  intoIPCStream: () => Uint8Array
}

const [objects = '20000', wasm = '', road, step, file] = process.argv.slice(2)
if (road && file) {
  const clock = await (step === 'write' ? write : read)(road as Road, file, Number(objects), wasm)
  const size = ((await stat(file)).size / 1e6).toFixed(0)
  console.log(
    `${road.padEnd(13)} ${step!.padEnd(6)} ${clock.per(Number(objects))}  ${Math.round(peakBytes() / 1e6)} MB resident  ${size} MB`,
  )
} else {
  const folder = await mkdtemp(path.join(tmpdir(), 'roads-'))
  for (const name of ROADS) {
    if (name.startsWith('wasm') && !wasm) continue
    for (const each of ['write', 'read']) {
      const args = [
        '--import',
        'tsx',
        fileURLToPath(import.meta.url),
        objects,
        wasm,
        name,
        each,
        path.join(folder, 'part'),
      ]
      spawnSync(process.execPath, args, {stdio: 'inherit'})
    }
  }

  await rm(folder, {recursive: true})
}
