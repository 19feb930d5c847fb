/** The leaf columns of a row group as cursors that read page by page: memory follows pages, whatever the size of the row group. */
import type {ByteSource, Platform} from '../codec.js'
import type {ColumnValue} from '../columns/decode.js'

import {viewOf} from '../bytes.js'
import {crc32} from '../gzip.js'
import {
  type ColumnChunk,
  type CompressionCodec,
  type Encoding,
  loadDecompressors,
  type PageHeader,
} from './internals.js'
import {bitWidth, RunReader} from './levels.js'
import {type LeafTarget} from './meaning.js'
import {type HeldPages, PageMemory} from './page-memory.js'
import {decodeDictionary, decodeValues, type PageValues} from './pages.js'
import {FlatSink, type Leaf, ListSink, listState, type Page} from './sinks.js'
import {WindowReader} from './window.js'

/** A page is decoded as a whole; DuckDB writes them up to 100 MB. */
const MAX_PAGE_BYTES = 256 * 1024 * 1024

/** A leaf's values in one row group, and what to make of them. */
export interface LeafChunk {
  chunk: ColumnChunk
  /** Where reading starts: a page, and the row that it starts with. Of leaves without lists only. Default: the first. */
  from?: {offset: number; row: number}
  leaf: Leaf
  platform: Platform
  source: ByteSource
  target: LeafTarget
  /** Bytes to read at once; default 16 MiB. A page that is larger is read whole. */
  windowBytes?: number
}

export class LeafCursor {
  /** Values are views of the bytes of their page. */
  private readonly givesViews: boolean
  private readonly leaf: Leaf
  private readonly pages: AsyncGenerator<Page, void>
  private page: Page | undefined

  constructor(column: LeafChunk) {
    this.givesViews = column.target === 'binary' || column.target === 'float32'
    this.leaf = column.leaf
    this.pages = readPages(column)
  }

  private async currentPage(): Promise<Page | undefined> {
    while (!this.page || this.page.left === 0) {
      this.leavePage()
      const next = await this.pages.next()
      if (next.done) return undefined
      this.page = next.value
    }

    return this.page
  }

  private leavePage(): void {
    this.page?.memory?.leave()
    this.page = undefined
  }

  /**
   * The next `count` rows' values: see `ColumnValue`. `held`: gets the pages that they are views of.
   * @throws Error when there are fewer, or anything about them is wrong.
   */
  async take(count: number, held: HeldPages): Promise<ColumnValue[]> {
    const {maxDefinition, repeated} = this.leaf
    const sink = repeated.length === 0 ? new FlatSink() : new ListSink(repeated.length)
    for (;;) {
      // Waiting for what is there costs more than a vector's run of levels.
      const page = this.page && this.page.left > 0 ? this.page : await this.currentPage()
      if (!page) break
      const {memory} = page
      if (memory && this.givesViews) held.add(memory)
      const {definition, length, repetition} = runAt(page, this.leaf)
      // Entries that start rows are taken up to the last row wanted, others to the end of their run.
      const entries = repetition === 0 ? Math.min(length, count - sink.rows) : length
      if (entries === 0) break
      const values = definition === maxDefinition ? entries : 0
      if (page.taken + values > page.count) throw new RangeError('more values in the levels than in the page')
      sink.add({entries, page, repetition, state: listState(definition, this.leaf), values})
      pass(page, entries, values)
      // Without lists a row is complete at once, and the next page need not be there yet.
      if (repeated.length === 0 && sink.rows === count) break
    }

    if (this.page?.left === 0) this.leavePage()
    if (sink.rows !== count) throw new RangeError('a column ends early')
    return sink.finish()
  }
}

/** Entries that come next, and are alike. */
function runAt(
  {definitions, left, repetitions}: Page,
  {maxDefinition, repeated}: Leaf,
): {definition: number; length: number; repetition: number} {
  if (repetitions?.count === 0) repetitions.advance()
  if (definitions?.count === 0) definitions.advance()
  const repetition = repetitions ? repetitions.value : 0
  const definition = definitions ? definitions.value : maxDefinition
  if (definition > maxDefinition || repetition > repeated.length) throw new RangeError('levels out of range')
  const length = Math.min(left, repetitions?.count ?? Infinity, definitions?.count ?? Infinity)
  return {definition, length, repetition}
}

function pass(page: Page, entries: number, values: number): void {
  const {definitions, repetitions} = page
  page.taken += values
  page.left -= entries
  if (repetitions) repetitions.count -= entries
  if (definitions) definitions.count -= entries
}

/** Bytes of the values of a chunk, decompressed. @throws Error when the chunk is not described as one of that leaf. */
export function uncompressedBytes({meta_data: meta}: ColumnChunk): number {
  return size(meta?.total_uncompressed_size)
}

/** Where the pages of a chunk lie, its dictionary among them. @throws Error when the footer does not say it. */
export function extentOf({meta_data: meta}: ColumnChunk): {end: number; start: number} {
  // Some writers say 0 for no dictionary.
  const dictionary = size(meta?.dictionary_page_offset ?? 0n)
  const start = dictionary > 0 ? dictionary : size(meta?.data_page_offset)
  return {end: start + size(meta?.total_compressed_size), start}
}

/** A count or offset of the footer, which may lack it or hold anything. */
export function size(value: bigint | undefined): number {
  const number = typeof value === 'bigint' ? Number(value) : NaN
  if (!Number.isSafeInteger(number) || number < 0)
    throw new RangeError(`a column chunk with ${value} in its description`)
  return number
}

async function* readPages(column: LeafChunk): AsyncGenerator<Page, void> {
  const {chunk, from, leaf, platform, source, windowBytes} = column
  const meta = chunk.meta_data
  if (!meta || chunk.file_path !== undefined || meta.path_in_schema.join('\0') !== leaf.path.join('\0')) {
    throw new Error('a column is not where the schema says')
  }

  const {end, start} = extentOf(chunk)
  const hasDictionary = start !== size(meta.data_page_offset)
  let reader = new WindowReader(source, from && !hasDictionary ? from.offset : start, end, windowBytes)
  let isAtStart = from !== undefined && hasDictionary
  const decode = await pageDecoder(column)
  let left = size(meta.num_values) - (from?.row ?? 0)
  while (left > 0) {
    const header = await reader.header()
    if (from && isAtStart && header.type !== 'DICTIONARY_PAGE') {
      isAtStart = false
      reader = new WindowReader(source, from.offset, end, windowBytes)
      continue
    }

    const body = await reader.bytes(header.compressed_page_size)
    checkCrc(header, body, platform)
    const page = decode(header, body)
    if (!page) continue
    if (reader.isAlone) page.memory?.alsoFree(() => source.giveBack?.(body))
    left -= page.left
    if (left < 0) throw new RangeError('more values in the pages than in their column')
    yield page
  }
}

/** Decodes the pages of a chunk, given in their order; undefined for those without rows, of which a dictionary is remembered. */
export async function pageDecoder(
  column: Pick<LeafChunk, 'chunk' | 'leaf' | 'platform' | 'target'>,
): Promise<(header: PageHeader, body: Uint8Array) => Page | undefined> {
  const {chunk, leaf, platform, target} = column
  const codec = chunk.meta_data?.codec
  const decompress = await decompressor(codec, platform)
  const free = codec === 'ZSTD' && platform.zstdDecompress ? platform.free : undefined
  let dictionary: PageValues | undefined
  return (header, body) => {
    const bodySize = header.uncompressed_page_size
    if (!(bodySize >= 0 && bodySize <= MAX_PAGE_BYTES)) throw new RangeError(`a page of ${bodySize} bytes`)
    if (header.type === 'DICTIONARY_PAGE' && header.dictionary_page_header) {
      const {num_values: count} = header.dictionary_page_header
      const bytes = decompress(body, bodySize)
      dictionary = decodeDictionary({bytes, count, element: leaf.element, target})
    } else if (header.type === 'DATA_PAGE' || header.type === 'DATA_PAGE_V2') {
      return decodePage({body, decompress, dictionary, free, header, leaf, target})
    }

    return undefined
  }
}

/** Of the page as it lies in the file, where its writer put one: Weaviate's export does. Footers and headers have none. */
export function checkCrc({crc}: PageHeader, body: Uint8Array, platform: Platform): void {
  if (crc === undefined) return
  const found = platform.crc32?.(body) ?? crc32(body)
  // Thrift's integers have a sign.
  if (found !== crc >>> 0) throw new RangeError('a page does not have the CRC that its header says')
}

interface DataPage {
  body: Uint8Array
  decompress: Decompress
  dictionary: PageValues | undefined
  /** Of what `decompress` makes; undefined where that may be somebody else's. */
  free: Platform['free']
  header: PageHeader
  leaf: Leaf
  target: LeafTarget
}

function decodePage({body, decompress, dictionary, free, header, leaf, target}: DataPage): Page {
  const {levels, page, values} = header.data_page_header_v2
    ? splitPageV2(header, body, decompress)
    : splitPageV1(header, body, leaf, decompress)
  const {encoding, num_values: left} = page
  if (!Number.isSafeInteger(left) || left < 0) throw new RangeError(`${left} values in a page`)
  const {element, maxDefinition, repeated} = leaf
  const runs = (part: Uint8Array, max: number) => (max === 0 ? undefined : new RunReader(part, 0, bitWidth(max)))
  const count = countValues(runs(levels.definitions, maxDefinition), left, maxDefinition)
  return {
    count,
    definitions: runs(levels.definitions, maxDefinition),
    left,
    ...(free &&
      values.buffer !== body.buffer && {
        memory: new PageMemory(() => {
          free(values)
        }),
      }),
    repetitions: runs(levels.repetitions, repeated.length),
    taken: 0,
    values: decodeValues({bytes: values, count, dictionary, element, encoding, target}),
  }
}

interface SplitPage {
  levels: {definitions: Uint8Array; repetitions: Uint8Array}
  page: {encoding: Encoding; num_values: number}
  values: Uint8Array
}

function splitPageV2(header: PageHeader, body: Uint8Array, decompress: Decompress): SplitPage {
  const page = header.data_page_header_v2!
  const {definition_levels_byte_length: definitions, repetition_levels_byte_length: repetitions} = page
  const start = repetitions + definitions
  if (!(repetitions >= 0 && definitions >= 0 && start <= body.length)) throw new RangeError('levels end early')
  const rest = body.subarray(start)
  return {
    levels: {definitions: body.subarray(repetitions, start), repetitions: body.subarray(0, repetitions)},
    page,
    // A page of nothing but nulls may have no bytes at all, not even compressed ones.
    values: page.is_compressed && rest.length > 0 ? decompress(rest, header.uncompressed_page_size - start) : rest,
  }
}

function splitPageV1(header: PageHeader, body: Uint8Array, leaf: Leaf, decompress: Decompress): SplitPage {
  const page = header.data_page_header
  if (!page) throw new Error('a page without a header')
  const bytes = decompress(body, header.uncompressed_page_size)
  const view = viewOf(bytes)
  let at = 0
  const part = (isThere: boolean) => {
    if (!isThere) return bytes.subarray(0, 0)
    const start = at + 4
    at = start + view.getUint32(at, true)
    if (at > bytes.length) throw new RangeError('levels end early')
    return bytes.subarray(start, at)
  }

  const repetitions = part(leaf.repeated.length > 0)
  const definitions = part(leaf.maxDefinition > 0)
  return {levels: {definitions, repetitions}, page, values: bytes.subarray(at)}
}

/** Entries that have a value; the headers' count of nulls is understood differently by different writers. */
function countValues(definitions: RunReader | undefined, entries: number, maxDefinition: number): number {
  if (!definitions) return entries
  let count = 0
  for (let left = entries; left > 0; left -= definitions.count) {
    definitions.count = 0
    definitions.advance()
    if (definitions.value === maxDefinition) count += Math.min(left, definitions.count)
  }

  return count
}

type Decompress = (bytes: Uint8Array, outputLength: number) => Uint8Array

async function decompressor(codec: CompressionCodec | undefined, platform: Platform): Promise<Decompress> {
  if (codec === 'UNCOMPRESSED') return (bytes) => bytes
  const decompress =
    codec === 'ZSTD' && platform.zstdDecompress ? platform.zstdDecompress : (await loadDecompressors())[codec ?? '']
  if (!decompress) throw new Error(`compression ${codec} is not known`)
  return (bytes, outputLength) => {
    if (outputLength < 0) throw new RangeError(`a page of ${outputLength} bytes`)
    // Such as the dictionary of nothing but nulls; of LZ4 nobody here reads that.
    if (outputLength === 0) return new Uint8Array(0)
    const output = decompress(bytes, outputLength)
    if (output.length !== outputLength) throw new RangeError('a page is not as long as its header says')
    return output
  }
}
