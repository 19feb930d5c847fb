/** Pages of a range of a file, some of them longer than what is read at once. */
import {expect, it} from 'vitest'

import {encodePageHeader, type PageHeader} from '../../../src/codec/parquet/internals.js'
import {WindowReader} from '../../../src/codec/parquet/window.js'

const WINDOW = 64 * 1024

function headerOf(bytes: number): PageHeader {
  return {
    compressed_page_size: bytes,
    data_page_header_v2: {
      definition_levels_byte_length: 0,
      encoding: 'PLAIN',
      is_compressed: false,
      num_nulls: 0,
      num_rows: 1,
      num_values: 1,
      repetition_levels_byte_length: 0,
    },
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: bytes,
  }
}

/** A file of pages, each of one byte again and again; and every read that was asked of it. */
function fileOf(sizes: readonly number[]) {
  const pieces = sizes.flatMap((bytes, index) => [
    encodePageHeader(headerOf(bytes)),
    new Uint8Array(bytes).fill(index + 1),
  ])
  const file = Buffer.concat(pieces)
  const reads: Array<[number, number]> = []
  return {
    async read(start: number, end: number) {
      reads.push([start, end])
      return new Uint8Array(file.subarray(start, end))
    },
    reads,
    size: file.length,
  }
}

async function pagesOf(sizes: readonly number[]) {
  const source = fileOf(sizes)
  const reader = new WindowReader(source, 0, source.size, WINDOW)
  const pages: Array<{bytes: Uint8Array; isAlone: boolean}> = []
  while (reader.position < source.size) {
    const {compressed_page_size: size} = await reader.header()
    pages.push({bytes: await reader.bytes(size), isAlone: reader.isAlone})
  }

  for (const [index, {bytes}] of pages.entries()) {
    expect(bytes).toEqual(new Uint8Array(sizes[index]!).fill(index + 1))
  }

  return {pages, source}
}

it('a page that is longer than a window is read by itself, and its memory is its own', async () => {
  const sizes = [200_000, 300_000, 100, 250_000]
  const {pages, source} = await pagesOf(sizes)
  expect(pages.map(({isAlone}) => isAlone)).toEqual([true, true, false, true])
  for (const {bytes, isAlone} of pages) if (isAlone) expect(bytes.buffer.byteLength).toBe(bytes.length)
  // Each header by a window of its own, and nothing beside a page.
  const lengths = source.reads.map(([start, end]) => end - start)
  expect(lengths.filter((length) => sizes.includes(length))).toEqual([200_000, 300_000, 250_000])
})

it('pages that lie in one window are nobody’s alone', async () => {
  const {pages, source} = await pagesOf([1000, 2000, 3000])
  expect(pages.map(({isAlone}) => isAlone)).toEqual([false, false, false])
  expect(source.reads).toEqual([[0, source.size]])
})
