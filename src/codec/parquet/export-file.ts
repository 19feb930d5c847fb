/**
 * One file of Weaviate's own export. Its pages have a CRC, its footer and the headers of its pages have none: so that what these say is
 * held against each other, and against where everything lies.
 */
import type {WeaviateClass} from '../../model/schema.js'
import type {ByteSource, Platform} from '../codec.js'

import {asDamaged, damaged} from '../columns/columns.js'
import {checkCrc, extentOf, pageDecoder, size} from './chunks.js'
import {EXPORT_COLUMNS} from './export.js'
import {
  type ColumnChunk,
  decodeOffsetIndex,
  type FileMetadata,
  type PageHeader,
  type PageLocation,
  type SchemaElement,
} from './internals.js'
import {exportLayout, ParquetDecoder, readFooter, type SchemaNode, schemaNodes} from './reader.js'
import {WindowReader} from './window.js'
import {MAGIC} from './writer.js'

/** What a file of an export says of itself. */
export interface ExportFooter {
  collection: string
  metadata: FileMetadata
  rows: number
  /** Of a collection with tenants. */
  tenant?: string
}

/** The columns as Parquet has them. */
const TYPES: ReadonlyArray<Pick<SchemaElement, 'repetition_type' | 'type'>> = [
  {repetition_type: 'REQUIRED', type: 'BYTE_ARRAY'},
  {repetition_type: 'REQUIRED', type: 'INT64'},
  {repetition_type: 'REQUIRED', type: 'INT64'},
  ...Array.from({length: 4}, () => ({repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY'}) as const),
]
/** To read at once. Its pages are of about 8 MiB, and seven columns are read beside each other. */
const WINDOW_BYTES = 1024 * 1024
/** Chunks lie one behind another, from here on. */
const FIRST_BYTE = MAGIC.length

/** Reads the end of a file. @throws DataOpsError BACKUP_DAMAGED when it is none of an export. */
export async function readExportFooter(source: ByteSource): Promise<ExportFooter> {
  try {
    const metadata = await readFooter(source)
    checkColumns(metadata)
    checkExtents(metadata)
    const keys = new Map<string, string>()
    for (const {key, value = ''} of metadata.key_value_metadata ?? []) {
      if (keys.has(key)) throw new Error(`its metadata has "${key}" twice`)
      keys.set(key, value)
    }

    const collection = keys.get('collection')
    if (collection === undefined) throw new Error('it does not say of which collection it is')
    const tenant = keys.get('tenant')
    return {collection, metadata, rows: Number(metadata.num_rows), ...(tenant !== undefined && {tenant})}
  } catch (error) {
    throw asDamaged(error)
  }
}

function checkColumns({schema}: FileMetadata): void {
  const [root, ...columns] = schema
  const isOne =
    root?.num_children === EXPORT_COLUMNS.length &&
    columns.length === EXPORT_COLUMNS.length &&
    columns.every(
      ({name, num_children: children, repetition_type: repetition, type}, index) =>
        name === EXPORT_COLUMNS[index]?.name &&
        !children &&
        repetition === TYPES[index]?.repetition_type &&
        type === TYPES[index]?.type,
    )
  if (!isOne) throw damaged('It does not have the columns of an export.')
}

/** The chunks follow one another from the first byte on, in the order of the columns, and have a value or a null for each row. */
function checkExtents({num_rows: total, row_groups: groups}: FileMetadata): void {
  let at = FIRST_BYTE
  let rows = 0
  for (const {columns, num_rows: count} of groups) {
    const groupRows = size(count)
    rows += groupRows
    if (columns.length !== EXPORT_COLUMNS.length) throw new Error('a row group lacks a column')
    for (const [index, chunk] of columns.entries()) {
      const {end, start} = extentOf(chunk)
      const {num_values: values, path_in_schema: path, type} = chunk.meta_data ?? {}
      if (start !== at) throw new Error(`a column starts at byte ${start}, not at ${at}`)
      if (path?.join('.') !== EXPORT_COLUMNS[index]?.name || type !== TYPES[index]?.type) {
        throw new Error('a column is not where the schema says')
      }

      if (size(values) !== groupRows) throw new Error(`a column has ${values} values for ${groupRows} rows`)
      at = end
    }
  }

  if (rows !== size(total)) throw new Error(`its row groups have ${rows} rows, of ${total}`)
}

/**
 * Walks through every page of a file, from its first byte to the last. What footer and headers say of a page has no checksum, so that each
 * is decoded as well, as far as bytes.
 * @throws DataOpsError BACKUP_DAMAGED when a page has no CRC or another one, lies where the footer or the offset index does not say, or is
 * not what they say.
 */
export async function checkExportPages(
  source: ByteSource,
  {metadata}: ExportFooter,
  platform: Platform,
): Promise<void> {
  try {
    const start = await source.read(0, MAGIC.length)
    if (MAGIC.some((byte, index) => byte !== start[index])) throw new Error('it does not start like a Parquet file')
    const walked: Array<{chunk: ColumnChunk; pages: PageLocation[]}> = []
    const nodes = schemaNodes(metadata.schema)
    for (const {columns} of metadata.row_groups) {
      for (const [index, chunk] of columns.entries()) {
        walked.push({chunk, pages: await walk({chunk, node: nodes[index], platform, source})})
      }
    }

    // In the order in which they lie, for who reads from front to end.
    const indexed = walked.filter(({chunk}) => hasIndex(chunk))
    indexed.sort((a, b) => Number(a.chunk.offset_index_offset) - Number(b.chunk.offset_index_offset))
    for (const {chunk, pages} of indexed) checkIndex(await readIndex(chunk, source), pages)
  } catch (error) {
    throw asDamaged(error)
  }
}

interface Walked {
  chunk: ColumnChunk
  /** Of the schema. */
  node: SchemaNode | undefined
  platform: Platform
  source: ByteSource
}

async function walk({chunk, node, platform, source}: Walked): Promise<PageLocation[]> {
  const {end, start} = extentOf(chunk)
  const leaf = node?.leaf
  if (!leaf) throw new Error('a column is not where the schema says')
  const target = leaf.element.type === 'BYTE_ARRAY' ? 'binary' : 'number'
  const decode = await pageDecoder({chunk, leaf, platform, target})
  const meta = chunk.meta_data
  const reader = new WindowReader(source, start, end, WINDOW_BYTES)
  const pages: PageLocation[] = []
  let bytes = 0
  let row = 0
  while (reader.position < end) {
    const offset = reader.position
    const header = await reader.header()
    const body = reader.position
    if (header.crc === undefined) throw new Error(`the page at byte ${offset} has no CRC`)
    const page = await reader.bytes(header.compressed_page_size)
    checkCrc(header, page, platform)
    // Looked at, and kept by nobody.
    decode(header, page)?.memory?.leave()
    bytes += body - offset + header.uncompressed_page_size
    if (header.type === 'DICTIONARY_PAGE') {
      if (offset !== start || size(meta?.data_page_offset) !== reader.position)
        throw new Error('a dictionary is elsewhere')
      continue
    }

    if (pages.length === 0 && size(meta?.data_page_offset) !== offset) throw new Error('the first page is elsewhere')
    pages.push({bytes: reader.position - offset, offset, row})
    row += rowsOf(header)
  }

  if (row !== size(meta?.num_values)) throw new Error(`the pages of a column have ${row} rows, of ${meta?.num_values}`)
  if (bytes !== size(meta?.total_uncompressed_size)) throw new Error('the pages of a column have another size than it')
  return pages
}

/** Of a page with data; all its columns have one value, or none, a row. */
function rowsOf({data_page_header_v2: page, type}: PageHeader): number {
  if (type !== 'DATA_PAGE_V2' || !page) throw new Error(`a page is ${type}`)
  const {num_nulls: nulls, num_rows: rows, num_values: values, repetition_levels_byte_length: repetitions} = page
  if (values !== rows || !(nulls >= 0 && nulls <= values) || repetitions !== 0) {
    throw new Error(`a page has ${values} values and ${nulls} nulls for ${rows} rows`)
  }

  return rows
}

function hasIndex({offset_index_length: length}: ColumnChunk): boolean {
  return length !== undefined && length > 0
}

async function readIndex(chunk: ColumnChunk, source: ByteSource): Promise<PageLocation[]> {
  const start = size(chunk.offset_index_offset)
  const length = chunk.offset_index_length ?? 0
  if (start + length > source.size) throw new Error('an offset index lies outside the file')
  return decodeOffsetIndex(await source.read(start, start + length))
}

function checkIndex(index: readonly PageLocation[], pages: readonly PageLocation[]): void {
  const isSame =
    index.length === pages.length &&
    pages.every((page, at) => {
      const said = index[at]
      return said?.bytes === page.bytes && said.offset === page.offset && said.row === page.row
    })
  if (!isSame) throw new Error('its offset index and its pages contradict each other')
}

/** Objects of a file that `checkExportPages` has walked through: rows are found by the offset index. @throws DataOpsError BACKUP_DAMAGED. */
export async function openExportFile(
  source: ByteSource,
  {metadata, tenant}: ExportFooter,
  {platform, schema}: {platform: Platform; schema: WeaviateClass},
): Promise<ParquetDecoder> {
  try {
    const pageIndex: PageLocation[][][] = []
    for (const {columns} of metadata.row_groups) {
      const group: PageLocation[][] = []
      for (const chunk of columns) group.push(hasIndex(chunk) ? await readIndex(chunk, source) : [])
      pageIndex.push(group)
    }

    const layout = exportLayout(schemaNodes(metadata.schema), schema, tenant)
    return new ParquetDecoder(source, metadata, {...layout, pageIndex, windowBytes: WINDOW_BYTES}, platform)
  } catch (error) {
    throw asDamaged(error)
  }
}
