/** A small collection with every data type, and what the tests of part codecs do with parts in memory. */
import {Buffer} from 'node:buffer'

import type {
  ByteSource,
  PartCodec,
  PartColumn,
  PartDecoderOptions,
  PartEncoderOptions,
  ReadRowsOptions,
} from '../../src/codec/codec.js'
import type {JsonObject, NamedVector, WeaviateObject} from '../../src/model/object.js'
import type {WeaviateClass} from '../../src/model/schema.js'

import {nodePlatform} from '../../src/platform/node.js'

export const sampleClass: WeaviateClass = {
  class: 'Sample',
  properties: [
    ...[
      'text',
      'int',
      'number',
      'boolean',
      'date',
      'uuid',
      'text[]',
      'int[]',
      'number[]',
      'boolean[]',
      'date[]',
      'uuid[]',
      'blob',
      'geoCoordinates',
      'phoneNumber',
      'object',
      'object[]',
    ].map((type) => ({dataType: [type], name: `p_${type.replace('[]', '_list')}`})),
    {dataType: ['Sample'], name: 'ref'},
  ],
  vectorConfig: {colbert: {vectorIndexConfig: {multivector: {enabled: true}}}, title: {}},
  vectorIndexType: 'hnsw',
}

/** Little-endian float32 bytes. */
export function floats(...components: number[]): Uint8Array {
  const bytes = new Uint8Array(components.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [index, component] of components.entries()) view.setFloat32(index * 4, component, true)
  return bytes
}

export function sampleObjects(count = 50): WeaviateObject[] {
  return Array.from({length: count}, (_, index) => {
    const vectors = new Map<string, NamedVector>([['title', {bytes: floats(1, 2), kind: 'single'}]])
    if (index % 2 === 1) {
      const components = Array.from({length: 2 * (index % 4)}, (__, component) => component)
      vectors.set('colbert', {bytes: floats(...components), dims: 2, kind: 'multi'})
    }

    const id = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
    return {
      creationTimeUnix: 1_700_000_000_000 + index,
      id,
      lastUpdateTimeUnix: 1_700_000_001_000 + index,
      properties: index % 5 === 4 ? {} : sampleProperties(id, index),
      ...(index % 7 !== 3 && {vector: floats(index, index + 0.5, -index)}),
      vectors,
    }
  })
}

function sampleProperties(id: string, index: number): JsonObject {
  return {
    p_blob: Buffer.from(`x${index}`).toString('base64'),
    p_boolean: index % 2 === 0,
    p_boolean_list: [true, false, index % 2 === 0],
    p_date: '2024-02-29T23:59:59.123456789+05:45',
    p_date_list: ['2024-01-01T00:00:00Z'],
    p_geoCoordinates: {latitude: 52.3, longitude: 4.9},
    p_int: index === 7 ? -0 : index * 2 ** 40,
    p_int_list: [index, -index - 1],
    p_number: index / 3,
    p_number_list: [-0, index],
    p_object: {a: 1, b: {c: -0}},
    p_object_list: [{x: 1}],
    p_phoneNumber: {defaultCountry: 'nl', input: '020'},
    p_text: `\u{FEFF}täxt ${index}`,
    p_text_list: index % 3 ? ['a', `b${index}`] : [],
    p_uuid: id,
    p_uuid_list: [id],
    ref: [{beacon: `weaviate://localhost/Sample/${id}`}],
  }
}

export function sourceOf(bytes: Uint8Array): ByteSource {
  return {read: async (start, end) => bytes.subarray(start, end), size: bytes.length}
}

/** Objects into one part, in pages of `pageObjects`. */
export async function encodePart(
  codec: PartCodec,
  schema: WeaviateClass,
  objects: readonly WeaviateObject[],
  options: Partial<PartEncoderOptions> & {pageObjects?: number} = {},
): Promise<Uint8Array> {
  const {pageObjects = 7, ...rest} = options
  const columns: PartColumn[] = codec.columns(schema)
  const encoder = codec.createEncoder({columns, compress: false, platform: nodePlatform, schema, ...rest})
  const chunks: Uint8Array[] = []
  for (let at = 0; at < objects.length; at += pageObjects) {
    chunks.push(...(await encoder.write(objects.slice(at, at + pageObjects))))
  }

  chunks.push(...(await encoder.finish()))
  return new Uint8Array(Buffer.concat(chunks))
}

/** The same by an encoder that uses its memory again; what it returns is copied as late as a store may: when it asks for its memory, and no sooner. */
export async function encodeReleasing(
  codec: PartCodec,
  schema: WeaviateClass,
  objects: readonly WeaviateObject[],
  options: Partial<PartEncoderOptions> & {pageObjects?: number} = {},
): Promise<Uint8Array> {
  const pieces: Buffer[] = []
  let held: Uint8Array[] = []
  const released = async () => {
    await Promise.resolve()
    pieces.push(Buffer.concat(held))
    held = []
  }

  const holding: PartCodec = {
    ...codec,
    createEncoder(given) {
      const encoder = codec.createEncoder({...given, released})
      const hold = async (chunks: Promise<Uint8Array[]>) => {
        // Awaited first: meanwhile what was held may be copied, and another list begun.
        const more = await chunks
        held.push(...more)
        return []
      }

      return {
        finish: async () => hold(encoder.finish()),
        rows: 0,
        write: async (some) => hold(encoder.write(some)),
      }
    },
  }
  await encodePart(holding, schema, objects, options)
  await released()
  return new Uint8Array(Buffer.concat(pieces))
}

/** All pages' objects; fails when the pages are not consecutive. */
export async function decodePart(
  codec: PartCodec,
  bytes: Uint8Array,
  options: Partial<PartDecoderOptions> & {read?: ReadRowsOptions; schema: WeaviateClass},
): Promise<WeaviateObject[]> {
  const {read, ...rest} = options
  const decoder = await codec.openDecoder(sourceOf(bytes), {platform: nodePlatform, ...rest})
  const objects: WeaviateObject[] = []
  let next = read?.fromRow ?? 0
  for await (const page of decoder.read(read)) {
    if (page.firstRow !== next) throw new Error(`page starts at row ${page.firstRow}, not ${next}`)
    next += page.objects.length
    objects.push(...page.objects)
  }

  if (next < decoder.rows) throw new Error(`read to row ${next} of ${decoder.rows}`)
  return objects
}
