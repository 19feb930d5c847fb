/** The leaf columns of a row group as cursors that read page by page: memory follows pages, whatever the size of the row group. */
import type {JsonValue} from '../../model/object.js'
import type {ByteSource, Platform} from '../codec.js'
import type {ColumnValue, VectorRows} from '../columns/decode.js'

import {concatBytes} from '../bytes.js'
import {crc32} from '../gzip.js'
import {
  type ColumnChunk,
  type CompressionCodec,
  decodePageHeader,
  type Encoding,
  loadDecompressors,
  type PageHeader,
  type SchemaElement,
} from './internals.js'
import {bitWidth, RunReader} from './levels.js'
import {decodeValues, type LeafTarget, type PageValues} from './pages.js'

/** A leaf of the file's schema, with what its levels mean. */
export interface Leaf {
  element: SchemaElement
  /** Ordinal among the leaves: that of its chunk in a row group. */
  index: number
  maxDefinition: number
  path: string[]
  /** Definition level from which on the list of that depth has an element; one for each level of lists. */
  repeated: number[]
}

/** Chunks up to this are read at once, larger ones in windows of this many bytes. */
const WINDOW_BYTES = 16 * 1024 * 1024
/** A page is decoded as a whole; DuckDB writes them up to 100 MB. */
const MAX_PAGE_BYTES = 256 * 1024 * 1024
/** Values in the lists of the rows that are taken at once. */
const MAX_LIST_VALUES = 2 ** 24

interface Page {
  /** Values in the page. */
  count: number
  definitions?: RunReader
  /** Values, nulls and empty lists that are left. */
  left: number
  repetitions?: RunReader
  /** Values taken. */
  taken: number
  values: PageValues
}

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
  private readonly leaf: Leaf
  private readonly pages: AsyncGenerator<Page, void>
  private page: Page | undefined

  constructor(column: LeafChunk) {
    this.leaf = column.leaf
    this.pages = readPages(column)
  }

  private async currentPage(): Promise<Page | undefined> {
    while (!this.page || this.page.left === 0) {
      const next = await this.pages.next()
      if (next.done) return undefined
      this.page = next.value
    }

    return this.page
  }

  /** The next `count` rows' values: see `ColumnValue`. @throws Error when there are fewer, or anything about them is wrong. */
  async take(count: number): Promise<ColumnValue[]> {
    const {maxDefinition, repeated} = this.leaf
    const sink = repeated.length === 0 ? new FlatSink() : new ListSink(repeated.length)
    for (;;) {
      const page = await this.currentPage()
      if (!page) break
      const {definitions, repetitions} = page
      if (repetitions?.count === 0) repetitions.advance()
      if (definitions?.count === 0) definitions.advance()
      const repetition = repetitions ? repetitions.value : 0
      const definition = definitions ? definitions.value : maxDefinition
      if (definition > maxDefinition || repetition > repeated.length) throw new RangeError('levels out of range')
      const length = Math.min(page.left, repetitions?.count ?? Infinity, definitions?.count ?? Infinity)
      // Entries that start rows are taken up to the last row wanted, others to the end of their run.
      const entries = repetition === 0 ? Math.min(length, count - sink.rows) : length
      if (entries === 0) break
      const values = definition === maxDefinition ? entries : 0
      if (page.taken + values > page.count) throw new RangeError('more values in the levels than in the page')
      sink.add(repetition, listState(definition, this.leaf), entries, page, values)
      page.taken += values
      page.left -= entries
      if (repetitions) repetitions.count -= entries
      if (definitions) definitions.count -= entries
      // Without lists a row is complete at once, and the next page need not be there yet.
      if (repeated.length === 0 && sink.rows === count) break
    }

    if (sink.rows !== count) throw new RangeError('a column ends early')
    return sink.finish()
  }
}

/** What an entry says: `depth` lists are there, the last of them empty unless `hasValue`; a null list when depth is 0. */
interface ListState {
  depth: number
  empty: boolean
  isNull: boolean
}

function listState(definition: number, {maxDefinition, repeated}: Leaf): ListState {
  let depth = 0
  for (const level of repeated) if (definition >= level - 1) depth++
  const isEmpty = depth > 0 && definition < repeated[depth - 1]!
  return {depth, empty: isEmpty, isNull: definition < maxDefinition}
}

interface Sink {
  add: (repetition: number, state: ListState, entries: number, page: Page, values: number) => void
  finish: () => ColumnValue[]
  readonly rows: number
}

class FlatSink implements Sink {
  private readonly values: ColumnValue[] = []

  get rows(): number {
    return this.values.length
  }

  add(_repetition: number, {isNull}: ListState, entries: number, page: Page): void {
    if (!isNull && 'floats' in page.values) {
      const view = viewOf(page.values.floats)
      for (let index = 0; index < entries; index++) this.values.push(view.getFloat32((page.taken + index) * 4, true))
      return
    }

    for (let index = 0; index < entries; index++) {
      this.values.push(isNull || 'floats' in page.values ? undefined : page.values.items[page.taken + index])
    }
  }

  finish(): ColumnValue[] {
    return this.values
  }
}

/** Lists, and lists of lists of float32. */
class ListSink implements Sink {
  private readonly lists: ColumnValue[] = []
  /** The list at hand: undefined before the first row, null for a null. */
  private list: null | undefined | {floats: Uint8Array[]; inner: number[]; isFloat: boolean; items: ColumnValue[]}
  private total = 0
  rows = 0

  constructor(private readonly levels: number) {}

  private extend(repetition: number, state: ListState, entries: number, page: Page, from: number): void {
    const {list} = this
    if (!list || (state.empty && state.depth === 1)) {
      if (repetition > 0) throw new RangeError('a list continues that is not there')
      return
    }

    this.total += entries
    if (this.levels === 2) {
      if (state.depth < 2) throw new TypeError('a multi vector has a row that is null')
      if (repetition < 2) for (let index = 0; index < entries; index++) list.inner.push(state.empty ? 0 : 1)
      else list.inner.push(list.inner.pop()! + entries)
      if (state.empty) return
    }

    if ('floats' in page.values) {
      if (state.isNull) throw new TypeError('a vector has a component that is null')
      list.floats.push(page.values.floats.subarray(from * 4, (from + entries) * 4))
    } else {
      if (this.total > MAX_LIST_VALUES) throw new RangeError('lists of too many values')
      for (let index = 0; index < entries; index++) {
        list.items.push(state.isNull ? null : page.values.items[from + index])
      }
    }
  }

  private endRow(): void {
    const {list} = this
    if (list === undefined) return
    if (list === null) this.lists.push(undefined)
    else if (this.levels === 2) this.lists.push(vectorRows(list.floats, list.inner))
    else this.lists.push(list.isFloat ? joinViews(list.floats) : (list.items as JsonValue[]))
  }

  add(repetition: number, state: ListState, entries: number, page: Page, values: number): void {
    if (repetition === 0) {
      for (let index = 0; index < entries; index++) {
        this.endRow()
        this.rows++
        this.list = state.depth === 0 ? null : {floats: [], inner: [], isFloat: 'floats' in page.values, items: []}
        this.extend(repetition, state, 1, page, page.taken + (values > 0 ? index : 0))
      }
    } else {
      if (!this.list) throw new RangeError('a list continues before it starts')
      this.extend(repetition, state, entries, page, page.taken)
    }
  }

  finish(): ColumnValue[] {
    this.endRow()
    return this.lists
  }
}

function vectorRows(floats: Uint8Array[], inner: readonly number[]): VectorRows {
  const dims = inner[0] ?? 0
  if (inner.some((length) => length !== dims)) throw new TypeError('a multi vector has rows of different lengths')
  return {bytes: joinViews(floats), dims}
}

/** One view of parts that follow one another in memory, a copy of those that do not. */
function joinViews(parts: readonly Uint8Array[]): Uint8Array {
  const first = parts[0]
  if (!first) return new Uint8Array(0)
  let end = first.byteOffset
  for (const part of parts) {
    if (part.buffer !== first.buffer || part.byteOffset !== end) return concatBytes(parts)
    end += part.length
  }

  return new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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

async function* readPages({
  chunk,
  from,
  leaf,
  platform,
  source,
  target,
  windowBytes,
}: LeafChunk): AsyncGenerator<Page, void> {
  const meta = chunk.meta_data
  if (!meta || chunk.file_path !== undefined || meta.path_in_schema.join('\0') !== leaf.path.join('\0')) {
    throw new Error('a column is not where the schema says')
  }

  const {end, start} = extentOf(chunk)
  const hasDictionary = start !== size(meta.data_page_offset)
  let reader = new WindowReader(source, from && !hasDictionary ? from.offset : start, end, windowBytes)
  let isAtStart = from !== undefined && hasDictionary
  const decompress = await decompressor(meta.codec, platform)
  let left = size(meta.num_values) - (from?.row ?? 0)
  let dictionary: PageValues | undefined
  while (left > 0) {
    const header = await reader.header()
    if (from && isAtStart && header.type !== 'DICTIONARY_PAGE') {
      isAtStart = false
      reader = new WindowReader(source, from.offset, end, windowBytes)
      continue
    }

    const body = await reader.bytes(header.compressed_page_size)
    checkCrc(header, body, platform)
    const bodySize = header.uncompressed_page_size
    if (!(bodySize >= 0 && bodySize <= MAX_PAGE_BYTES)) throw new RangeError(`a page of ${bodySize} bytes`)
    if (header.type === 'DICTIONARY_PAGE' && header.dictionary_page_header) {
      const {num_values: count} = header.dictionary_page_header
      const bytes = decompress(body, bodySize)
      dictionary = decodeValues({bytes, count, element: leaf.element, encoding: 'PLAIN', target})
    } else if (header.type === 'DATA_PAGE' || header.type === 'DATA_PAGE_V2') {
      const page = decodePage({body, decompress, dictionary, header, leaf, target})
      left -= page.left
      if (left < 0) throw new RangeError('more values in the pages than in their column')
      yield page
    }
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
  header: PageHeader
  leaf: Leaf
  target: LeafTarget
}

function decodePage({body, decompress, dictionary, header, leaf, target}: DataPage): Page {
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

async function decompressor(codec: CompressionCodec, platform: Platform): Promise<Decompress> {
  if (codec === 'UNCOMPRESSED') return (bytes) => bytes
  const decompress =
    codec === 'ZSTD' && platform.zstdDecompress ? platform.zstdDecompress : (await loadDecompressors())[codec]
  if (!decompress) throw new Error(`compression ${codec} is not known`)
  return (bytes, outputLength) => {
    if (outputLength < 0) throw new RangeError(`a page of ${outputLength} bytes`)
    const output = decompress(bytes, outputLength)
    if (output.length !== outputLength) throw new RangeError('a page is not as long as its header says')
    return output
  }
}

const HEADER_BYTES = 64 * 1024

/** Reads a range of the source from its start to its end, a window at a time. What it returns are views of the window. */
export class WindowReader {
  private window: Uint8Array = new Uint8Array(0)
  private windowStart = 0

  constructor(
    private readonly source: ByteSource,
    private at: number,
    private readonly end: number,
    private readonly windowBytes = WINDOW_BYTES,
  ) {
    if (!Number.isSafeInteger(at) || !(at >= 0 && at <= end && end <= source.size)) {
      throw new RangeError('a column lies outside the file')
    }
  }

  /** Where it goes on. */
  get position(): number {
    return this.at
  }

  private async reach(count: number): Promise<void> {
    if (this.at + count <= this.windowStart + this.window.length) return
    const end = Math.min(this.end, this.at + Math.max(count, this.windowBytes))
    this.window = await this.source.read(this.at, end)
    if (this.window.length !== end - this.at) throw new RangeError('the file ends early')
    this.windowStart = this.at
  }

  async bytes(count: number): Promise<Uint8Array> {
    if (!(count >= 0 && count <= this.end - this.at)) throw new RangeError('a page is longer than its column')
    await this.reach(count)
    const start = this.at - this.windowStart
    this.at += count
    return this.window.subarray(start, start + count)
  }

  async header(): Promise<PageHeader> {
    for (let reach = HEADER_BYTES; ; reach *= 16) {
      const count = Math.min(reach, this.end - this.at)
      if (count <= 0) throw new RangeError('a column ends early')
      await this.reach(count)
      try {
        const start = this.at - this.windowStart
        const {end, header} = decodePageHeader(this.window, start)
        this.at += end - start
        return header
      } catch (error) {
        // A header with long bounds in it may go on.
        if (count < reach || reach >= WINDOW_BYTES) throw error
      }
    }
  }
}
