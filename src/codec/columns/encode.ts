/** Objects taken apart into columns, whose memory is laid out as Parquet or Arrow has it. */
import type {PartColumn} from '../codec.js'

import {DataOpsError} from '../../model/errors.js'
import {type JsonObject, type JsonValue, type NamedVector, setOwn, type WeaviateObject} from '../../model/object.js'
import {toHex} from '../bytes.js'
import {type ColumnShape, columnShape, VECTOR_EXCEPTION} from './columns.js'
import {jsonText} from './json-text.js'
import {canHold, isCoordinate, type LeafBatch, LeafBuilder} from './leaf-builder.js'

/** Some rows of one column. */
export interface ColumnBatch {
  column: PartColumn
  /** Elements of each inner list, of columns with two levels of lists. */
  innerLengths: number[]
  /** Two for geo, else one. */
  leaves: LeafBatch[]
  /** One a row: -1 for null, else the elements of the list (1 without lists). */
  lengths: number[]
  shape: ColumnShape
}

export interface RowsBatch {
  columns: ColumnBatch[]
  /** The least and the greatest id, compared as JavaScript text. */
  maxId: string
  minId: string
  rows: number
}

/**
 * Collects objects as columns, until `take` hands them over. In layout `parquet` nulls take no place among the values and each text
 * is preceded by its length (u32); in layout `arrow` a null takes the place of a value, and texts follow one another.
 */
export class ColumnsBuilder {
  private readonly columns: ColumnBuilder[]
  private readonly exceptions: ColumnBuilder
  private readonly id: ColumnBuilder
  private readonly properties: ColumnBuilder[]
  private readonly vectors: ColumnBuilder[]
  private readonly rest: ColumnBuilder[]
  private minId = ''
  private maxId = ''
  rows = 0

  constructor(columns: readonly PartColumn[], layout: 'arrow' | 'parquet') {
    this.columns = columns.map((column) => new ColumnBuilder(column, layout))
    const withRole = (...roles: Array<PartColumn['role']>) =>
      this.columns.filter(({column}) => roles.includes(column.role))
    const [id] = withRole('id')
    const [exceptions] = withRole('exceptions')
    if (!id || !exceptions) throw new DataOpsError('UNEXPECTED', 'The columns of a part need an id and exceptions.')
    this.id = id
    this.exceptions = exceptions
    this.properties = withRole('property')
    this.vectors = withRole('vector', 'named_vector')
    this.rest = withRole('tenant', 'creation_time', 'update_time')
  }

  private appendProperties(properties: JsonObject): JsonObject | undefined {
    let exceptions: JsonObject | undefined
    let found = 0
    for (const builder of this.properties) {
      const value = builder.propertyOf(properties)
      if (value === undefined || value === null) {
        builder.appendNull()
        continue
      }

      found++
      if (builder.appendValue(value)) continue
      builder.appendNull()
      setOwn((exceptions ??= {}), builder.column.property!, value)
    }

    let present = 0
    for (const key in properties) if (properties[key] !== undefined && properties[key] !== null) present++
    if (present === found) return exceptions
    // A property that the schema did not have when the columns were made.
    const known = new Set(this.properties.map(({column}) => column.property))
    for (const [key, value] of Object.entries(properties)) {
      if (value !== undefined && value !== null && !known.has(key)) setOwn((exceptions ??= {}), key, value)
    }

    return exceptions
  }

  private appendVectors(object: WeaviateObject, others: JsonObject | undefined): JsonObject | undefined {
    const {vector: unnamed, vectors} = object
    let exceptions = others
    let found = 0
    for (const builder of this.vectors) {
      const name = builder.column.vector
      const vector = name === undefined ? unnamed && {bytes: unnamed, kind: 'single' as const} : vectors?.get(name)
      if (vector) found++
      const isHeld = vector !== undefined && builder.appendVector(vector)
      if (!isHeld) builder.appendNull()
      if (vector && (!isHeld || isRowless(vector))) exceptions = withVector(exceptions, name ?? '', vector)
    }

    return found === (unnamed ? 1 : 0) + (vectors?.size ?? 0) ? exceptions : this.otherVectors(object, exceptions)
  }

  /** Those that the schema did not have when the columns were made. */
  private otherVectors({vector, vectors}: WeaviateObject, others: JsonObject | undefined): JsonObject | undefined {
    let exceptions = others
    const known = new Set(this.vectors.map(({column}) => column.vector))
    if (vector && !known.has(undefined)) exceptions = withVector(exceptions, '', {bytes: vector, kind: 'single'})
    for (const [name, named] of vectors ?? []) if (!known.has(name)) exceptions = withVector(exceptions, name, named)
    return exceptions
  }

  /** Bytes collected, near enough to bound them by. */
  get bytes(): number {
    let bytes = this.rows * this.columns.length
    for (const column of this.columns) bytes += column.bytes
    return bytes
  }

  append(object: WeaviateObject): void {
    this.id.appendScalar(object.id)
    if (this.rows === 0 || object.id < this.minId) this.minId = object.id
    if (this.rows === 0 || object.id > this.maxId) this.maxId = object.id
    this.rows++
    let hasTenant = object.tenant === undefined
    for (const builder of this.rest) {
      if (builder.column.role === 'tenant') {
        hasTenant = true
        builder.appendValue(object.tenant)
      } else {
        const time = builder.column.role === 'creation_time' ? object.creationTimeUnix : object.lastUpdateTimeUnix
        if (!builder.appendValue(time)) builder.appendNull()
      }
    }

    if (!hasTenant) throw new DataOpsError('UNEXPECTED', `Object ${object.id} has a tenant, its collection has none.`)
    let exceptions = this.appendProperties(object.properties)
    exceptions = this.appendVectors(object, exceptions)
    if (exceptions) this.exceptions.appendScalar(jsonText(exceptions))
    else this.exceptions.appendNull()
  }

  /** The memory of what was taken is used for what comes, once nobody looks at it any more; without `released` it is its taker's. */
  async recycle(released?: () => Promise<void>): Promise<void> {
    if (!released) return
    await released()
    for (const column of this.columns) column.recycle()
  }

  /** The rows collected: theirs is the memory until `recycle`. */
  take(): RowsBatch {
    const {maxId, minId, rows} = this
    this.rows = 0
    return {columns: this.columns.map((column) => column.take()), maxId, minId, rows}
  }
}

/** A list without rows has nowhere to keep their length. */
function isRowless(vector: NamedVector): boolean {
  return vector.kind === 'multi' && vector.bytes.length === 0 && vector.dims > 0
}

function withVector(others: JsonObject | undefined, name: string, vector: NamedVector): JsonObject {
  const exceptions = others ?? {}
  const value = {hex: toHex(vector.bytes), kind: vector.kind}
  setOwn(exceptions, VECTOR_EXCEPTION + name, vector.kind === 'multi' ? {...value, dims: vector.dims} : value)
  return exceptions
}

class ColumnBuilder {
  private readonly leaves: LeafBuilder[]
  private lengths: number[] = []
  private innerLengths: number[] = []
  /** A name that every object inherits something by. */
  private readonly inherited: boolean
  readonly shape: ColumnShape

  constructor(
    readonly column: PartColumn,
    layout: 'arrow' | 'parquet',
  ) {
    this.shape = columnShape(column)
    const {kind, leaf} = this.shape
    this.leaves = Array.from({length: kind === 'geo' ? 2 : 1}, () => new LeafBuilder(leaf, layout))
    this.inherited = column.property !== undefined && Reflect.has(Object.prototype, column.property)
  }

  private appendGeo(value: JsonValue): boolean {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    const {latitude, longitude} = value
    if (!isCoordinate(latitude) || !isCoordinate(longitude) || Object.keys(value).length !== 2) return false
    this.lengths.push(1)
    this.leaves[0]!.append(latitude)
    this.leaves[1]!.append(longitude)
    return true
  }

  get bytes(): number {
    let {bytes} = this.leaves[0]!
    if (this.leaves.length > 1) bytes *= 2
    return bytes
  }

  propertyOf(properties: JsonObject): JsonValue | undefined {
    const name = this.column.property!
    return this.inherited && !Object.hasOwn(properties, name) ? undefined : properties[name]
  }

  appendNull(): void {
    this.lengths.push(-1)
    if (this.shape.lists === 0) for (const leaf of this.leaves) leaf.appendNull()
  }

  appendScalar(value: boolean | number | string): void {
    this.lengths.push(1)
    this.leaves[0]!.append(value)
  }

  /** False, and nothing appended, when the column cannot hold the value exactly. */
  appendValue(value: JsonValue | undefined): boolean {
    const {kind, leaf, lists} = this.shape
    if (value === undefined) {
      this.appendNull()
      return true
    }

    if (kind === 'json') {
      this.appendScalar(jsonText(value))
      return true
    }

    if (kind === 'geo') return this.appendGeo(value)
    if (lists === 0) {
      if (!canHold(leaf, value)) return false
      this.appendScalar(value as boolean | number | string)
      return true
    }

    if (!Array.isArray(value) || value.some((item) => !canHold(leaf, item))) return false
    this.lengths.push(value.length)
    for (const item of value) this.leaves[0]!.append(item as boolean | number | string)
    return true
  }

  appendVector(vector: NamedVector): boolean {
    const {bytes} = vector
    if (bytes.length % 4 !== 0 || (vector.kind === 'multi') !== (this.shape.lists === 2)) return false
    if (vector.kind === 'multi') {
      const rowBytes = vector.dims * 4
      if (rowBytes === 0 ? bytes.length > 0 : bytes.length % rowBytes !== 0) return false
      const rows = rowBytes === 0 ? 0 : bytes.length / rowBytes
      this.lengths.push(rows)
      for (let row = 0; row < rows; row++) this.innerLengths.push(vector.dims)
    } else {
      this.lengths.push(bytes.length / 4)
    }

    this.leaves[0]!.appendFloats(bytes)
    return true
  }

  recycle(): void {
    for (const leaf of this.leaves) leaf.recycle()
  }

  take(): ColumnBatch {
    const batch = {
      column: this.column,
      innerLengths: this.innerLengths,
      leaves: this.leaves.map((leaf) => leaf.take()),
      lengths: this.lengths,
      shape: this.shape,
    }
    this.lengths = []
    this.innerLengths = []
    return batch
  }
}
