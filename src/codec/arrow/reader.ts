/** An Arrow IPC file back into objects, a record batch at a time; only the buffers of the columns wanted are read. */
import type {
  ByteSource,
  PartColumn,
  PartDecoder,
  PartDecoderOptions,
  Platform,
  ReadRowsOptions,
  RowPage,
} from '../codec.js'

import {throwIfAborted} from '../../model/errors.js'
import {
  asDamaged,
  checkColumnsListed,
  COLUMNS_KEY,
  type ColumnShape,
  columnShape,
  columnsToRead,
  damaged,
  type ForeignColumn,
  foreignColumns,
  parseColumns,
  referenceNames,
} from '../columns/columns.js'
import {
  assembleObjects,
  type ColumnValue,
  DEFAULT_PAGE_BYTES,
  onlyReferences,
  pagesOf,
  type ValuesColumn,
} from '../columns/decode.js'
import {arraysOf, arrayValues, type ArrowArray, loadArray, type LoadedArray} from './arrays.js'
import {
  type ArrowBatch,
  type ArrowField,
  type ArrowFile,
  type ArrowTypeName,
  LISTS,
  readArrowFile,
  TEXTS,
} from './format.js'

/** @throws DataOpsError BACKUP_DAMAGED on anything that is not an Arrow IPC file with the rows of objects. */
export async function openArrow(source: ByteSource, options: PartDecoderOptions): Promise<ArrowDecoder> {
  try {
    const file = await readArrowFile(source)
    const {fields, metadata} = file.schema
    const columns =
      options.columns ??
      parseColumns(metadata.get(COLUMNS_KEY)) ??
      foreignColumns(
        options.schema,
        fields.map((field) => describeField(field)),
      )
    for (const column of columns) checkColumn(column, fields)
    checkColumnsListed(
      columns,
      fields.map(({name}) => name),
    )
    return new ArrowDecoder(source, file, columns, options.platform)
  } catch (error) {
    throw asDamaged(error)
  }
}

function listsOf(field: ArrowField): number {
  const [child] = field.children
  return child && LISTS.has(field.type) ? 1 + listsOf(child) : 0
}

/** What the lists of a field are of, at last. */
function itemOf(field: ArrowField): ArrowField {
  const [child] = field.children
  return child && LISTS.has(field.type) ? itemOf(child) : field
}

const WEAVIATE_TYPES: Readonly<Record<string, string>> = {
  boolean: 'boolean',
  float32: 'float',
  float64: 'number',
  int16: 'int',
  int32: 'int',
  int64: 'int',
  int8: 'int',
  'large-utf8': 'text',
  struct: 'geoCoordinates',
  utf8: 'text',
  view: 'text',
}

function describeField(field: ArrowField): ForeignColumn {
  return {lists: listsOf(field), name: field.name, type: WEAVIATE_TYPES[itemOf(field).type]}
}

const NUMBERS: ArrowTypeName[] = ['float32', 'float64', 'int16', 'int32', 'int64', 'int8']

function expectedTypes({kind, leaf}: ColumnShape): readonly ArrowTypeName[] {
  if (kind === 'time') return ['timestamp', 'int64']
  if (kind === 'geo') return ['struct']
  if (kind === 'vector') return ['float32', 'float64']
  if (leaf === 'boolean') return ['boolean']
  return leaf === 'text' ? [...TEXTS] : NUMBERS
}

function checkColumn(column: PartColumn, fields: readonly ArrowField[]): void {
  const field = fields.find(({name}) => name === column.name)
  if (!field) throw damaged(`The part has no column "${column.name}".`)
  const {lists} = columnShape(column)
  const {type} = itemOf(field)
  const expected = expectedTypes(columnShape(column))
  if ((type === 'null' && column.role !== 'id') || (listsOf(field) === lists && expected.includes(type))) return
  throw damaged(`Column "${column.name}" of the part has a type that does not fit ${column.type ?? column.role}.`)
}

/** A batch is read as a whole. Ours are of a few megabytes. */
const MAX_BATCH_BYTES = 512 * 1024 * 1024

interface ColumnArray {
  array: ArrowArray
  column: PartColumn
}

export class ArrowDecoder implements PartDecoder {
  readonly rows: number

  constructor(
    private readonly source: ByteSource,
    private readonly file: ArrowFile,
    private readonly columns: readonly PartColumn[],
    private readonly platform: Platform,
  ) {
    let rows = 0
    for (const batch of file.batches) rows += batch.rows
    // An id alone takes more than a byte.
    if (rows > source.size) throw damaged(`The part claims ${rows} rows, more than its bytes can hold.`)
    this.rows = rows
  }

  /** Rows of a batch from `skip` on, in runs near `pageBytes`. */
  private async *readBatch(
    batch: ArrowBatch,
    columns: readonly PartColumn[],
    {pageBytes, signal, skip}: {pageBytes: number; signal?: AbortSignal; skip: number},
  ): AsyncGenerator<RowPage, void> {
    try {
      throwIfAborted(signal)
      const {fields} = this.file.schema
      const arrays = arraysOf(fields, batch)
      const wanted = columns.map((column): ColumnArray => {
        const array = arrays[fields.findIndex(({name}) => name === column.name)]!
        if (array.length !== batch.rows) throw new RangeError(`column ${column.name} has ${array.length} rows`)
        return {array, column}
      })
      const bytes = wanted.reduce((sum, {array}) => sum + bytesOf(array), 0)
      if (bytes > MAX_BATCH_BYTES) {
        throw damaged(`A record batch of ${bytes} bytes is too large to read; at most ${MAX_BATCH_BYTES} are.`)
      }

      const loaded: Array<{array: LoadedArray; column: PartColumn}> = []
      for (const {array, column} of wanted) {
        const {isCompressed} = batch
        loaded.push({
          array: await loadArray(array, {isCompressed, platform: this.platform, source: this.source}),
          column,
        })
      }

      const runRows = Math.max(1, bytes <= pageBytes * 1.25 ? batch.rows : Math.floor((pageBytes / bytes) * batch.rows))
      for (let row = skip; row < batch.rows; row += runRows) {
        throwIfAborted(signal)
        const end = Math.min(batch.rows, row + runRows)
        const values = loaded.map(({array, column}): ValuesColumn => {
          const isVector = columnShape(column).kind === 'vector'
          return {column, values: fit(column, arrayValues(array, row, end, isVector))}
        })
        yield {firstRow: row, objects: assembleObjects(values, end - row)}
      }
    } catch (error) {
      throw asDamaged(error)
    }
  }

  async *read(options: ReadRowsOptions = {}): AsyncGenerator<RowPage, void> {
    const {columns: kind = 'all', fromRow = 0, pageBytes = DEFAULT_PAGE_BYTES, signal} = options
    const columns = columnsToRead(this.columns, kind)
    const references = referenceNames(this.columns)
    let batchStart = 0
    for (const batch of this.file.batches) {
      const skip = Math.max(0, fromRow - batchStart)
      if (skip < batch.rows) {
        for await (const run of this.readBatch(batch, columns, {pageBytes, signal, skip})) {
          const objects = kind === 'references' ? onlyReferences(run.objects, references) : run.objects
          yield* pagesOf(objects, batchStart + run.firstRow, pageBytes)
        }
      }

      batchStart += batch.rows
    }
  }
}

function bytesOf({buffers, children}: ArrowArray): number {
  let bytes = 0
  for (const {end, start} of buffers) bytes += end - start
  for (const child of children) bytes += bytesOf(child)
  return bytes
}

/** Makes float32 coordinates of what a foreign file may keep as float64. */
function fit(column: PartColumn, values: ColumnValue[]): ColumnValue[] {
  if (columnShape(column).kind !== 'geo') return values
  return values.map((value) => {
    const {latitude, longitude} = (value ?? {}) as {latitude?: number; longitude?: number}
    if (latitude === undefined || longitude === undefined) return undefined
    return {latitude: Math.fround(latitude), longitude: Math.fround(longitude)}
  })
}
