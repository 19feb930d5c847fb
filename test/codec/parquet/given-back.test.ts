/** Memory of pages that nobody looks at any more. */
import {expect, it} from 'vitest'

import type {ByteSource, Platform} from '../../../src/codec/codec.js'
import type {WeaviateObject} from '../../../src/model/object.js'

import {parquetCodec} from '../../../src/codec/parquet/codec.js'
import {nodePlatform} from '../../../src/platform/node.js'
import {encodePart, floats, sampleClass, sampleObjects} from '../part-sample.js'

const objects = sampleObjects(200).map((object, index) => ({...object, vector: floats(index, -index, 0.5)}))

/** Whatever is given back is written over, as by a later read. */
function scribbling(part: Uint8Array): ByteSource & {pieces: Uint8Array[]} {
  const pieces: Uint8Array[] = []
  return {
    giveBack(bytes) {
      const {buffer} = bytes
      new Uint8Array(buffer, 0, buffer.byteLength).fill(0xaa)
      pieces.push(bytes)
    },
    pieces,
    read: async (start, end) => part.slice(start, end),
    size: part.length,
  }
}

async function openPart(source: ByteSource) {
  return parquetCodec.openDecoder(source, {platform: nodePlatform, schema: sampleClass})
}

const part = await encodePart(parquetCodec, sampleClass, objects, {rowGroupBytes: 10_000})

it('a released page gives back all that was read for its row group, once, and nothing of another', async () => {
  const source = scribbling(part)
  const decoder = await openPart(source)
  const seen: WeaviateObject[] = []
  const kept: WeaviateObject[][] = []
  let pages = 0
  for await (const {objects: some, release} of decoder.read()) {
    // Every other page is released as soon as it was looked at; the others must stay as they are.
    seen.push(...some.map((object) => structuredClone(object)))
    if (pages++ % 2 === 0) {
      const before = source.pieces.length
      expect(release).toBeTypeOf('function')
      release?.()
      const given = source.pieces.length
      expect(given).toBeGreaterThan(before)
      release?.()
      expect(source.pieces).toHaveLength(given)
    } else kept.push(some)
  }

  expect(pages).toBeGreaterThan(4)
  expect(seen.map(({vector}) => vector)).toEqual(objects.map(({vector}) => vector))
  const ids = new Set(kept.flat().map(({id}) => id))
  expect(kept.flat().map(({vector}) => vector)).toEqual(objects.filter(({id}) => ids.has(id)).map(({vector}) => vector))
})

it('pages of a row group that is read in several give back nothing that was read', async () => {
  const source = scribbling(part)
  const decoder = await openPart(source)
  let pages = 0
  for await (const {release} of decoder.read({pageBytes: 1000})) {
    pages++
    release?.()
  }

  expect(pages).toBeGreaterThan(20)
  expect(source.pieces).toEqual([])
})

/** Freed memory is written over, and counted. */
function scribblingPlatform(): {freed: Set<ArrayBufferLike>; platform: Platform} {
  const freed = new Set<ArrayBufferLike>()
  return {
    freed,
    platform: {
      ...nodePlatform,
      free({buffer}) {
        expect(freed.has(buffer)).toBe(false)
        freed.add(buffer)
        new Uint8Array(buffer).fill(0xaa)
      },
      // Small pieces lie in a pool, which Node's own platform leaves alone.
      zstdDecompress: (bytes, length) => Uint8Array.from(nodePlatform.zstdDecompress!(bytes, length)),
    },
  }
}

it.each([
  ['one', 1_000_000],
  ['several', 1000],
])('what was decompressed is freed once nobody looks at it: a row group in %s', async (_, pageBytes) => {
  const {freed, platform} = scribblingPlatform()
  const compressed = await encodePart(parquetCodec, sampleClass, objects, {compress: true, rowGroupBytes: 10_000})
  const source = scribbling(compressed)
  const decoder = await parquetCodec.openDecoder(source, {platform, schema: sampleClass})
  const vectors: Array<WeaviateObject['vector']> = []
  const kept: WeaviateObject[][] = []
  // Some time after they were read, as a restore does whose server has not answered.
  const waiting: Array<() => void> = []
  for await (const {objects: some, release} of decoder.read({pageBytes})) {
    vectors.push(...some.map(({vector}) => vector && new Uint8Array(vector)))
    if (kept.length < 3) kept.push(some)
    else if (release) waiting.push(release)
    if (waiting.length > 3) waiting.shift()?.()
  }

  for (const release of waiting) {
    release()
    release()
  }

  expect(vectors).toEqual(objects.map(({vector}) => vector))
  const first = kept.flat()
  expect(first.map(({vector}) => vector)).toEqual(objects.slice(0, first.length).map(({vector}) => vector))
  expect(freed.size).toBeGreaterThan(50)
})
