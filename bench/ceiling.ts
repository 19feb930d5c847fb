/** What the server alone can do, and what a backup cannot do without: the bench's yardsticks. Nothing is decoded or encoded. */
import {BinaryReader} from '@bufbuild/protobuf/wire'
import {Buffer} from 'node:buffer'
import {createHash, hash} from 'node:crypto'
import {open} from 'node:fs/promises'

import type {WeaviateObject} from '../src/model/object.js'
import type {WeaviateClass} from '../src/model/schema.js'

import {planCollection} from '../src/weaviate/collection-plan.js'
import {GrpcChannel, type GrpcChannelOptions, type GrpcMethod} from '../src/weaviate/grpc/channel.js'
import {encodeBatchObjects} from '../src/weaviate/grpc/encode.js'
import {searchRequest} from '../src/weaviate/grpc/requests.js'
import {type BatchObjectsReply, type SearchRequest, WeaviateService} from '../src/weaviate/proto/generated/weaviate.js'

export interface Ceiling {
  bytes: number
  /** User and system, of the client's process, while it ran. */
  cpuSeconds: number
  objects: number
  seconds: number
}

export interface ReadCeilingOptions {
  channel: GrpcChannelOptions
  /** Also hashes all bytes and each object, and writes the bytes to this file: what a backup cannot do without. */
  file?: string
  /** Bytes that a page aims at; default 2 MiB, as a backup's. */
  pageBytes?: number
  schema: WeaviateClass
  /** Of the UUID space, read at once; default 2. */
  slices?: number
  tenant?: string
}

const RAW_SEARCH: GrpcMethod<SearchRequest, Uint8Array> = {
  ...WeaviateService.search,
  responseDeserialize: (bytes) => bytes,
}

const PAGE_BYTES = 2 * 1024 * 1024
/** Objects of the first page, which tells how large they are. */
const FIRST_PAGE = 100

/** Reads a whole collection in slices, through the tool's own channel with its windows of 4 MiB, and looks at nothing but the ids. */
export async function readCeiling(options: ReadCeilingOptions): Promise<Ceiling> {
  const {file, pageBytes = PAGE_BYTES, schema, slices = 2, tenant} = options
  const plan = planCollection(schema)
  const channel = new GrpcChannel(options.channel)
  const floor = file === undefined ? undefined : await Floor.open(file)
  let bytes = 0
  let objects = 0
  const readSlice = async (slice: number) => {
    const end = slice + 1 < slices ? firstId(slice + 1, slices) : undefined
    let limit = FIRST_PAGE
    for (let after = slice === 0 ? undefined : firstId(slice, slices); ;) {
      const request = searchRequest(plan, {after, include: 'objects', limit, tenant}, false)
      const page = await channel.call(RAW_SEARCH, request, {action: 'measure reading'})
      const results = resultsOf(page)
      // What lies beyond the slice is another's.
      const own = end === undefined ? results : results.filter(({id}) => id <= end)
      await floor?.take(page, own)
      bytes += page.byteLength
      objects += own.length
      after = results.at(-1)?.id
      const isLast = results.length < limit || own.length < results.length
      if (results.length > 0) limit = Math.max(1, Math.floor((pageBytes / page.byteLength) * results.length))
      channel.release(page)
      if (after === undefined || isLast) return
    }
  }

  try {
    return await measure(async () => {
      await Promise.all(Array.from({length: slices}, async (_, slice) => readSlice(slice)))
      await floor?.finish()
      return {bytes, objects}
    })
  } finally {
    channel.close()
  }
}

/** Hashing and writing: the bytes of the objects, without the vector's second copy where an object has one (an unnamed one crosses the wire twice). */
class Floor {
  readonly #file: Awaited<ReturnType<typeof open>>
  readonly #sum = createHash('sha256')
  #tail: Promise<unknown> = Promise.resolve()

  private constructor(file: Awaited<ReturnType<typeof open>>) {
    this.#file = file
  }

  static async open(file: string): Promise<Floor> {
    return new Floor(await open(file, 'w'))
  }

  async take(page: Uint8Array, results: readonly Result[]): Promise<void> {
    for (const {end, start} of results) {
      const object = page.subarray(start + ((end - start) >> 1), end)
      hash('sha256', object, 'buffer')
      this.#sum.update(object)
    }

    const first = results[0]
    const last = results.at(-1)
    if (!first || !last) return
    const half = page.subarray(first.start, first.start + ((last.end - first.start) >> 1))
    this.#tail = this.#tail.then(async () => this.#file.write(half))
    await this.#tail
  }

  async finish(): Promise<void> {
    this.#sum.digest()
    await this.#file.close()
  }
}

export interface WriteCeilingOptions {
  /** Bytes that a batch aims at; default 2 MiB, as a restore's. */
  batchBytes?: number
  channel: GrpcChannelOptions
  /** Batches on their way at once; default 4. */
  inFlight?: number
  /** Encoded before the clock starts: all of them are held in memory. */
  objects: readonly WeaviateObject[]
  /** A collection that exists, and is not emptied here. */
  schema: WeaviateClass
}

const RAW_BATCH: GrpcMethod<Buffer, BatchObjectsReply> = {
  ...WeaviateService.batchObjects,
  requestSerialize: (bytes) => bytes,
}

/** Sends encoded batches. @throws Error when the server refuses an object. */
export async function writeCeiling(options: WriteCeilingOptions): Promise<Ceiling> {
  const {batchBytes = PAGE_BYTES, inFlight = 4, objects, schema} = options
  const plan = planCollection(schema)
  const one = encodeBatchObjects(plan, objects.slice(0, 1)).length
  const batchSize = Math.max(1, Math.floor(batchBytes / one))
  const batches: Buffer[] = []
  for (let start = 0; start < objects.length; start += batchSize) {
    batches.push(Buffer.from(encodeBatchObjects(plan, objects.slice(start, start + batchSize))))
  }

  const bytes = batches.reduce((sum, batch) => sum + batch.byteLength, 0)
  const channel = new GrpcChannel(options.channel)
  const queue = batches.values()
  const send = async () => {
    for (const batch of queue) {
      const {errors} = await channel.call(RAW_BATCH, batch, {action: 'measure writing'})
      if (errors[0]) throw new Error(`the server refused an object: ${errors[0].error}`)
    }
  }

  try {
    return await measure(async () => {
      await Promise.all(Array.from({length: inFlight}, send))
      return {bytes, objects: objects.length}
    })
  } finally {
    channel.close()
  }
}

async function measure(run: () => Promise<{bytes: number; objects: number}>): Promise<Ceiling> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const {bytes, objects} = await run()
  const seconds = (performance.now() - start) / 1000
  const {system, user} = process.cpuUsage(cpu)
  return {bytes, cpuSeconds: (user + system) / 1e6, objects, seconds}
}

/** The id below which the slices before this one lie. */
function firstId(slice: number, slices: number): string {
  const head = Math.floor((slice * 2 ** 32) / slices)
  return `${head.toString(16).padStart(8, '0')}-0000-0000-0000-000000000000`
}

interface Result {
  end: number
  id: string
  start: number
}

/** Where each object of a SearchReply stands, and its id; everything else is stepped over. */
function resultsOf(page: Uint8Array): Result[] {
  const results: Result[] = []
  const reader = new BinaryReader(page)
  eachField(reader, reader.len, 18 /* results */, () => {
    const end = endOf(reader)
    const start = reader.pos
    eachField(reader, end, 18 /* metadata */, () => {
      eachField(reader, endOf(reader), 10 /* id */, () => {
        results.push({end, id: reader.string(), start})
      })
    })
  })
  return results
}

function endOf(reader: BinaryReader): number {
  const length = reader.uint32()
  return reader.pos + length
}

function eachField(reader: BinaryReader, until: number, wanted: number, take: () => void): void {
  while (reader.pos < until) {
    const tag = reader.uint32()
    if (tag === wanted) take()
    else reader.skip(tag & 7, tag >>> 3)
  }
}
