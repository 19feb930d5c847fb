/** A backup's document written the plain way, in memory: what the readers are tried on. */
import {Buffer} from 'node:buffer'

import type {Platform} from '../../src/codec/codec.js'
import type {WeaviateObject} from '../../src/model/object.js'
import type {WeaviateClass} from '../../src/model/schema.js'

import {toHex, utf8} from '../../src/codec/bytes.js'
import {DigestSum} from '../../src/codec/digest-sum.js'
import {createDigester} from '../../src/codec/digest.js'
import {
  type Amendment,
  type BackupMetadata,
  type BackupSeal,
  documentHead,
  documentTail,
  sealLine,
} from '../../src/codec/document.js'
import {storedMember} from '../../src/codec/gzip.js'
import {JsonLinesEncoder} from '../../src/codec/json/lines.js'

export interface WriteDocumentOptions {
  amendments?: Amendment[]
  compress?: boolean
  /** Objects in a page, and in a gzip member. */
  pageObjects?: number
}

/** Every byte of a sealed document. */
export async function writeDocument(
  schema: WeaviateClass,
  objects: readonly WeaviateObject[],
  platform: Platform,
  {amendments = [], compress = false, pageObjects = 3}: WriteDocumentOptions = {},
): Promise<Uint8Array> {
  const metadata: BackupMetadata = {
    backup_id: '6f1c1e0a-6e0f-4d7e-8a43-000000000001',
    collection: schema.class,
    options: {compress, format: 'json', include_data: true},
    run_id: '6f1c1e0a-6e0f-4d7e-8a43-000000000002',
    timestamp: '2024-02-01T10:30:00Z',
    tool_version: '0.1.0',
    version: '1.0',
    weaviate_version: '1.39.0',
  }
  const sum = new DigestSum()
  const digester = createDigester(schema, platform)
  for (const object of objects) sum.add(digester.hash(object))

  const encoder = new JsonLinesEncoder(schema.class)
  const pieces: Uint8Array[] = [utf8(documentHead({metadata, schema}))]
  for (let at = 0; at < objects.length; at += pageObjects) {
    const isLast = at + pageObjects >= objects.length
    pieces.push(encoder.encode(objects.slice(at, at + pageObjects)), utf8(isLast ? '\n' : ',\n'))
  }

  const lines = Buffer.concat(pieces.slice(1))
  pieces.push(utf8(documentTail(objects.length)))
  const text = Buffer.concat(pieces)
  const members = compress
    ? Buffer.concat(await Promise.all(pieces.map(async (piece) => platform.gzip(piece))))
    : undefined
  const seal: Omit<BackupSeal, 'checksum'> = {
    amendments,
    digest: sum.hex(),
    document: {bytes: text.length, sha256: toHex(platform.sha256(text))},
    finished: '2024-02-01T10:31:00Z',
    object_count: objects.length,
    parts: [{bytes: lines.length, file: null, rows: objects.length, sha256: toHex(platform.sha256(lines))}],
    statistics: {bytes: 0, non_finite_vectors: 0, objects_without_vector: 0, references: 0, rows: objects.length},
    ...(members && {compressed: {bytes: members.length, sha256: toHex(platform.sha256(members))}}),
  }
  const line = utf8(sealLine(seal, (covered) => toHex(platform.sha256(utf8(covered)))))
  return Buffer.concat(members ? [members, storedMember(line)] : [text, line])
}

/** Bytes in chunks whose sizes go round. */
export async function* inChunks(bytes: Uint8Array, sizes: readonly number[] = [65_536]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length]!)
    yield bytes.subarray(at, at + size)
    at += size
  }
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  // Array.fromAsync is not in the library that the project is typed by.
  for await (const chunk of chunks) pieces.push(chunk)
  return Buffer.concat(pieces)
}

/** The first item; the rest is left, as a reader that breaks off leaves it. */
export async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  const iterator = items[Symbol.asyncIterator]()
  const {value} = (await iterator.next()) as {value: T | undefined}
  await iterator.return?.()
  return value
}

/** The bytes that a typed array shows. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** A vector of these components, as it comes over the wire. */
export function float32Bytes(...components: number[]): Uint8Array {
  return bytesOf(Float32Array.from(components))
}
