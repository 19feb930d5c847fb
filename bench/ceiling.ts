/** What the server alone can do: the same bytes with nobody decoding or encoding them. The bench's yardstick. */
import {BinaryReader} from '@bufbuild/protobuf/wire'
import {Buffer} from 'node:buffer'

import type {WeaviateObject} from '../src/model/object.js'
import type {WeaviateClass} from '../src/model/schema.js'

import {planCollection} from '../src/weaviate/collection-plan.js'
import {GrpcChannel, type GrpcChannelOptions, type GrpcMethod} from '../src/weaviate/grpc/channel.js'
import {encodeBatchObjects} from '../src/weaviate/grpc/encode.js'
import {searchRequest} from '../src/weaviate/grpc/requests.js'
import {type BatchObjectsReply, type SearchRequest, WeaviateService} from '../src/weaviate/proto/generated/weaviate.js'

export interface Ceiling {
  bytes: number
  objects: number
  objectsPerSecond: number
  seconds: number
}

export interface ReadCeilingOptions {
  channel: GrpcChannelOptions
  /** Objects in a page; default 500. */
  limit?: number
  schema: WeaviateClass
  /** Of the UUID space, read at once; default 2. */
  slices?: number
  tenant?: string
}

const RAW_SEARCH: GrpcMethod<SearchRequest, Uint8Array> = {
  ...WeaviateService.search,
  responseDeserialize: (bytes) => bytes,
}

/** Reads a whole collection in slices and looks at nothing but the last id of each page. */
export async function readCeiling(options: ReadCeilingOptions): Promise<Ceiling> {
  const {limit = 500, schema, slices = 2, tenant} = options
  const plan = planCollection(schema)
  const channel = new GrpcChannel(options.channel)
  let bytes = 0
  let objects = 0
  const readSlice = async (slice: number) => {
    const end = slice + 1 < slices ? firstId(slice + 1, slices) : undefined
    for (let after = slice === 0 ? undefined : firstId(slice, slices); ;) {
      const request = searchRequest(plan, {after, include: 'objects', limit, tenant}, false)
      const page = await channel.call(RAW_SEARCH, request, {action: 'measure reading'})
      const ids = idsOf(page)
      bytes += page.byteLength
      // What lies beyond the slice is another's.
      objects += end === undefined ? ids.length : ids.filter((id) => id <= end).length
      after = ids.at(-1)
      if (after === undefined || ids.length < limit || (end !== undefined && after >= end)) return
    }
  }

  try {
    return await measure(async () => {
      await Promise.all(Array.from({length: slices}, async (_, slice) => readSlice(slice)))
      return {bytes, objects}
    })
  } finally {
    channel.close()
  }
}

export interface WriteCeilingOptions {
  /** Objects in a batch; default 200. */
  batchSize?: number
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
  const {batchSize = 200, inFlight = 4, objects, schema} = options
  const plan = planCollection(schema)
  const batches: Buffer[] = []
  for (let start = 0; start < objects.length; start += batchSize) {
    const batch = encodeBatchObjects(plan, objects.slice(start, start + batchSize))
    batches.push(Buffer.from(batch))
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
  const start = performance.now()
  const {bytes, objects} = await run()
  const seconds = (performance.now() - start) / 1000
  return {bytes, objects, objectsPerSecond: objects / seconds, seconds}
}

/** The id below which the slices before this one lie. */
function firstId(slice: number, slices: number): string {
  const head = Math.floor((slice * 2 ** 32) / slices)
  return `${head.toString(16).padStart(8, '0')}-0000-0000-0000-000000000000`
}

/** Steps over everything else in a SearchReply. */
function idsOf(page: Uint8Array): string[] {
  const ids: string[] = []
  const reader = new BinaryReader(page)
  eachField(reader, reader.len, 18 /* results */, () => {
    eachField(reader, endOf(reader), 18 /* metadata */, () => {
      eachField(reader, endOf(reader), 10 /* id */, () => {
        ids.push(reader.string())
      })
    })
  })
  return ids
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
