/** A Parquet file back into objects: ours page by page without looking at a vector's components, any other writer's too. */
import type {WeaviateObject} from '../../model/object.js'
import type {
  ByteSource,
  PartColumn,
  PartDecoder,
  PartDecoderOptions,
  Platform,
  ReadRowsOptions,
  RowPage,
} from '../codec.js'

import {DataOpsError, throwIfAborted} from '../../model/errors.js'
import {referenceProperties, type WeaviateClass} from '../../model/schema.js'
import {
  asDamaged,
  checkColumnsListed,
  COLUMNS_KEY,
  columnShape,
  columnsToRead,
  damaged,
  foreignColumns,
  GEO_MEMBERS,
  parseColumns,
  referenceNames,
} from '../columns/columns.js'
import {assembleObjects, DEFAULT_PAGE_BYTES, onlyReferences, pagesOf, type ValuesColumn} from '../columns/decode.js'
import {EXPORT_COLUMNS, exportObjects, isExport} from './export.js'
import {type Field, FieldCursor} from './field-cursor.js'
import {decodeFooter, type FileMetadata, type PageLocation, type RowGroup, type SchemaElement} from './internals.js'
import {meaningOf} from './meaning.js'
import {NotedSource} from './noted-source.js'
import {HeldPages} from './page-memory.js'
import {type Leaf} from './sinks.js'
import {MAGIC} from './writer.js'

/** Length of the footer, and the magic. */
const TRAILER_BYTES = 8
const TAIL_BYTES = 64 * 1024
const MAX_FOOTER_BYTES = 64 * 1024 * 1024
const MAX_BATCH_ROWS = 65_536

/** @throws DataOpsError BACKUP_DAMAGED on anything that is not a Parquet file with the rows of objects. */
export async function openParquet(source: ByteSource, options: PartDecoderOptions): Promise<ParquetDecoder> {
  try {
    const metadata = await readFooter(source)
    const nodes = schemaNodes(metadata.schema)
    return new ParquetDecoder(source, metadata, layoutOf(metadata, nodes, options), options.platform)
  } catch (error) {
    throw asDamaged(error)
  }
}

export async function readFooter(source: ByteSource): Promise<FileMetadata> {
  const {size} = source
  if (size < MAGIC.length + TRAILER_BYTES) throw damaged('The part is too short for a Parquet file.')
  const end = await source.read(Math.max(0, size - TAIL_BYTES), size)
  if (MAGIC.some((byte, index) => end.at(index - MAGIC.length) !== byte)) {
    throw damaged('The part does not end like a Parquet file: it is unfinished or something else.')
  }

  const length = new DataView(end.buffer, end.byteOffset + end.length - TRAILER_BYTES).getUint32(0, true)
  if (length > Math.min(size - MAGIC.length - TRAILER_BYTES, MAX_FOOTER_BYTES)) {
    throw damaged(`The Parquet footer claims ${length} bytes.`)
  }

  const footerBytes = length + TRAILER_BYTES
  return decodeFooter(footerBytes > end.length ? await source.read(size - footerBytes, size) : end, length)
}

/** A node of the file's schema under its root. */
export interface SchemaNode {
  children: SchemaNode[]
  element: SchemaElement
  /** Set on nodes that hold values. */
  leaf?: Leaf
}

export function schemaNodes(elements: readonly SchemaElement[]): SchemaNode[] {
  let next = 1
  let leaves = 0
  const node = (path: readonly string[], definition: number, repeated: readonly number[]): SchemaNode => {
    const element = elements[next++]
    if (!element || path.length > 16) throw new RangeError('the schema does not add up')
    const here = [...path, element.name]
    const maxDefinition = definition + (element.repetition_type === 'REQUIRED' ? 0 : 1)
    const lists = element.repetition_type === 'REPEATED' ? [...repeated, maxDefinition] : [...repeated]
    if (element.type) {
      return {children: [], element, leaf: {element, index: leaves++, maxDefinition, path: here, repeated: lists}}
    }

    return {children: children(element, here, maxDefinition, lists), element}
  }

  const children = (parent: SchemaElement, path: string[], definition: number, repeated: number[]): SchemaNode[] => {
    const nodes: SchemaNode[] = []
    for (let count = 0; count < (parent.num_children ?? 0); count++) nodes.push(node(path, definition, repeated))
    return nodes
  }

  const [root] = elements
  if (!root) throw new RangeError('the schema is empty')
  return children(root, [], 0, [])
}

export interface Layout {
  /** The first `rows` of what was read of columns, as objects. */
  assemble: (columns: readonly ValuesColumn[], rows: number) => WeaviateObject[]
  fields: Field[]
  /** By row group and leaf: where pages lie, for columns without lists. Nothing here proves it right. */
  pageIndex?: ReadonlyArray<ReadonlyArray<readonly PageLocation[]>>
  /** Names of reference properties. */
  references: ReadonlySet<string>
  /** Of each column, to read at once; default 16 MiB. */
  windowBytes?: number
}

function layoutOf(metadata: FileMetadata, nodes: readonly SchemaNode[], options: PartDecoderOptions): Layout {
  const byName = new Map(nodes.map((node) => [node.element.name, node]))
  const keyValues = new Map((metadata.key_value_metadata ?? []).map(({key, value}) => [key, value]))
  const recorded = options.columns ?? parseColumns(keyValues.get(COLUMNS_KEY))
  const isExported = !recorded && isExport(nodes.map(({element}) => element.name))
  if (isExported) return exportLayout(nodes, options.schema, keyValues.get('tenant'))
  const columns =
    recorded ??
    foreignColumns(
      options.schema,
      nodes.map((node) => describeNode(node)),
    )
  checkColumnsListed(columns, [...byName.keys()])
  return {
    assemble: assembleObjects,
    fields: columns.map((column) => bind(column, byName)),
    references: referenceNames(columns),
  }
}

/** Of a file of Weaviate's own export; the tenant stands in its metadata. */
export function exportLayout(nodes: readonly SchemaNode[], schema: WeaviateClass, tenant: string | undefined): Layout {
  const byName = new Map(nodes.map((node) => [node.element.name, node]))
  const references = new Set(referenceProperties(schema).map(({name}) => name))
  return {
    assemble: (columns, count) => exportObjects(columns, {count, references, tenant}),
    fields: EXPORT_COLUMNS.map((column) => bind(column, byName)),
    references,
  }
}

/** The only leaf below a node, however many groups of one are around it. */
function onlyLeaf(node: SchemaNode): Leaf | undefined {
  if (node.leaf) return node.leaf
  const [child, ...others] = node.children
  return child && others.length === 0 ? onlyLeaf(child) : undefined
}

function bind(column: PartColumn, byName: ReadonlyMap<string, SchemaNode>): Field {
  const node = byName.get(column.name)
  if (!node) throw damaged(`The part has no column "${column.name}".`)
  const {kind, leaf: type, lists} = columnShape(column)
  if (kind === 'geo') {
    const leaves = GEO_MEMBERS.map((member) => node.children.find(({element}) => element.name === member)?.leaf)
    if (leaves.some((leaf) => !leaf || leaf.repeated.length > 0)) throw misfit(column)
    return {column, leaves: leaves as Leaf[], target: 'float32'}
  }

  const leaf = onlyLeaf(node)
  if (!leaf) throw misfit(column)
  // Weaviate's own export keeps vectors as their bytes.
  if (kind === 'vector' && leaf.repeated.length === 0 && leaf.element.type === 'BYTE_ARRAY' && lists === 1) {
    return {column, leaves: [leaf], target: 'binary'}
  }

  if (leaf.repeated.length !== lists) throw misfit(column)
  const targets = {boolean: 'boolean', float32: 'float32', float64: 'number', int64: 'number', text: 'text'} as const
  return {column, leaves: [leaf], target: kind === 'time' ? 'time' : targets[type]}
}

function misfit(column: PartColumn): Error {
  return damaged(`Column "${column.name}" of the part has a type that does not fit ${column.type ?? column.role}.`)
}

/** A column that nobody has described, by its name and Parquet type. */
function describeNode(node: SchemaNode): {lists: number; name: string; type: string | undefined} {
  const {name} = node.element
  if (GEO_MEMBERS.every((member) => node.children.some(({element}) => element.name === member))) {
    return {lists: 0, name, type: 'geoCoordinates'}
  }

  const leaf = onlyLeaf(node)
  return {lists: leaf?.repeated.length ?? 0, name, type: leaf && weaviateType(leaf.element)}
}

function weaviateType(element: SchemaElement): string | undefined {
  const meaning = meaningOf(element)
  switch (element.type) {
    case 'BOOLEAN': {
      return 'boolean'
    }

    case 'BYTE_ARRAY': {
      return meaning === 'other' ? undefined : 'text'
    }

    case 'DOUBLE': {
      return 'number'
    }

    case 'FIXED_LEN_BYTE_ARRAY': {
      return meaning === 'uuid' ? 'uuid' : undefined
    }

    case 'FLOAT': {
      return 'float'
    }

    case 'INT32':
    case 'INT64': {
      if (meaning === 'other') return undefined
      return meaning === 'timestamp' ? 'date' : 'int'
    }

    case 'INT96':
    case undefined: {
      return undefined
    }
  }
}

interface ReadGroupOptions {
  pageBytes: number
  pageIndex?: ReadonlyArray<readonly PageLocation[]>
  signal?: AbortSignal
  /** Rows that are passed over. */
  skip: number
}

export class ParquetDecoder implements PartDecoder {
  readonly rows: number

  constructor(
    private readonly source: ByteSource,
    private readonly metadata: FileMetadata,
    private readonly layout: Layout,
    private readonly platform: Platform,
  ) {
    let rows = 0
    for (const {num_rows: count} of metadata.row_groups) {
      if (count < 0n) throw damaged('A row group of the part has less than no rows.')
      rows += Number(count)
    }

    if (!Number.isSafeInteger(rows) || rows !== Number(metadata.num_rows)) {
      throw damaged('The row groups of the part do not add up to its rows.')
    }

    this.rows = rows
  }

  /** Rows of a group in batches near `pageBytes`; `firstRow` counts from the group's first. */
  private async *readRowGroup(
    group: RowGroup,
    fields: readonly Field[],
    {pageBytes, pageIndex, signal, skip}: ReadGroupOptions,
  ): AsyncGenerator<RowPage, void> {
    const rows = Number(group.num_rows)
    try {
      const at = pageIndex && {index: pageIndex, row: skip}
      const {windowBytes} = this.layout
      const source = new NotedSource(this.source)
      const columns = fields.map(
        (field) => new FieldCursor(field, {at, group, platform: this.platform, source, windowBytes}),
      )
      let bytes = 0
      for (const column of columns) bytes += column.bytes
      const batchRows = batchSize(rows, bytes, pageBytes)
      // Of a group that is one page nothing is left to read once it is decoded.
      const isOnePage = skip === 0 && batchRows >= rows
      if (!isOnePage) source.stop()
      if (at) {
        const passedOver = new HeldPages()
        for (const column of columns) await column.take(skip - column.firstRow, passedOver)
        passedOver.leave()
      }

      let row = at ? skip : 0
      while (row < rows) {
        throwIfAborted(signal)
        const count = Math.min(batchRows, (row < skip ? skip : rows) - row)
        const values: ValuesColumn[] = []
        const held = new HeldPages()
        for (const [index, {column}] of fields.entries()) {
          values.push({column, values: await columns[index]!.take(count, held).catch(inColumn(column))})
        }

        if (row >= skip) {
          const objects = this.layout.assemble(values, count)
          const release = (): void => {
            held.leave()
            if (isOnePage) source.giveAllBack()
          }

          yield {firstRow: row, objects, release}
        } else held.leave()

        row += count
      }
    } catch (error) {
      throw asDamaged(error)
    }
  }

  async *read(options: ReadRowsOptions = {}): AsyncGenerator<RowPage, void> {
    const {columns = 'all', fromRow = 0, signal} = options
    const pageBytes = options.pageBytes ?? DEFAULT_PAGE_BYTES
    const wanted = new Set(
      columnsToRead(
        this.layout.fields.map(({column}) => column),
        columns,
      ),
    )
    const fields = this.layout.fields.filter(({column}) => wanted.has(column))
    let groupStart = 0
    for (const [index, group] of this.metadata.row_groups.entries()) {
      const rows = Number(group.num_rows)
      const skip = Math.min(rows, Math.max(0, fromRow - groupStart))
      if (skip < rows) {
        const read = {pageBytes, pageIndex: this.layout.pageIndex?.[index], signal, skip}
        for await (const batch of this.readRowGroup(group, fields, read)) {
          const page = columns === 'references' ? onlyReferences(batch.objects, this.layout.references) : batch.objects
          const pages = [...pagesOf(page, groupStart + batch.firstRow, pageBytes)]
          const [first] = pages
          if (first && pages.length === 1 && batch.release) yield {...first, release: batch.release}
          else yield* pages
        }
      }

      groupStart += rows
    }
  }
}

/** Says in which column it was. */
function inColumn({name}: PartColumn): (error: unknown) => never {
  return (error) => {
    if (error instanceof DataOpsError) throw error
    throw damaged(
      `Column "${name}" of the part cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      error,
    )
  }
}

/** Rows to decode at once. A row group that is not much larger than a page is taken whole. */
function batchSize(rows: number, bytes: number, pageBytes: number): number {
  if (bytes <= pageBytes * 1.25) return Math.min(rows, MAX_BATCH_ROWS)
  return Math.max(1, Math.min(MAX_BATCH_ROWS, Math.floor((pageBytes / bytes) * rows)))
}
