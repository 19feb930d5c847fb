/**
 * Weaviate objects as columns (docs/format.md, "Parquet and Arrow parts"): which columns a class has, how each is typed, and what the
 * columns of someone else's file may hold. `encode.ts` takes objects apart, `decode.ts` puts them together.
 */
import type {JsonObject} from '../../model/object.js'

import {DataOpsError, outOfMemory, throwIfOutOfMemory} from '../../model/errors.js'
import {isMultiTenant, isReference, type SchemaProperty, type WeaviateClass} from '../../model/schema.js'
import {COLUMN_ROLES, type PartColumn, type ReadRowsOptions} from '../codec.js'

/** Key of a part's own metadata whose value is the JSON text of its columns. */
export const COLUMNS_KEY = 'elysia:columns'

/** Bytes of objects that a row group or record batch holds unless told. */
export const DEFAULT_ROW_GROUP_BYTES = 8 * 1024 * 1024

/** `type` of a reference property's column; Weaviate's own name for a cross-reference. */
export const REFERENCE = 'cref'

/** The columns of a class, in their order. */
export function partColumns(schema: WeaviateClass): PartColumn[] {
  const properties = schema.properties ?? []
  const taken = new Set(properties.map(({name}) => name.toLowerCase()))
  const free = (wanted: string) => {
    let name = wanted
    while (taken.has(name.toLowerCase())) name = `_${name}`
    taken.add(name.toLowerCase())
    return name
  }

  const columns: PartColumn[] = [{name: free('id'), role: 'id'}]
  if (isMultiTenant(schema)) columns.push({name: free('tenant'), role: 'tenant'})
  columns.push(
    {name: free('creation_time'), role: 'creation_time'},
    {name: free('update_time'), role: 'update_time'},
    ...properties.map((property) => propertyColumn(property)),
  )
  const named = Object.entries(schema.vectorConfig ?? {})
  const hasUnnamed = named.length === 0 || (schema.vectorIndexType ?? '') !== ''
  if (hasUnnamed) columns.push({name: free('vector'), role: 'vector'})
  for (const [vector, config] of named) {
    columns.push({name: free(`vector_${vector}`), role: 'named_vector', vector, vectorKind: vectorKind(config)})
  }

  columns.push({name: free('_exceptions'), role: 'exceptions'})
  return columns
}

function propertyColumn(property: SchemaProperty): PartColumn {
  const type = isReference(property) ? REFERENCE : property.dataType[0]
  return {name: property.name, property: property.name, role: 'property', type}
}

function vectorKind(config: JsonObject): 'multi' | 'single' {
  const index = config.vectorIndexConfig as undefined | {multivector?: {enabled?: boolean}}
  return index?.multivector?.enabled === true ? 'multi' : 'single'
}

function isReferenceColumn(column: PartColumn): boolean {
  return column.role === 'property' && column.type === REFERENCE
}

/** Which columns a reader needs. References may stand among the exceptions. */
export function columnsToRead(
  columns: readonly PartColumn[],
  wanted: NonNullable<ReadRowsOptions['columns']>,
): PartColumn[] {
  if (wanted === 'all') return [...columns]
  const roles: ReadonlyArray<PartColumn['role']> =
    wanted === 'ids' ? ['id', 'tenant', 'creation_time', 'update_time'] : ['id', 'tenant', 'exceptions']
  return columns.filter(
    (column) => roles.includes(column.role) || (wanted === 'references' && isReferenceColumn(column)),
  )
}

/** The names of the reference properties among the columns. */
export function referenceNames(columns: readonly PartColumn[]): Set<string> {
  return new Set(columns.filter((column) => isReferenceColumn(column)).map(({property}) => property!))
}

/** The columns of a part that says itself what they are; undefined when it does not, or not understandably. */
export function parseColumns(text: string | undefined): PartColumn[] | undefined {
  try {
    const columns = JSON.parse(text ?? '') as PartColumn[]
    return Array.isArray(columns) &&
      columns.every(({name, role}) => typeof name === 'string' && COLUMN_ROLES.includes(role))
      ? columns
      : undefined
  } catch (error) {
    throwIfOutOfMemory(error)
    return undefined
  }
}

/** What a part holds and does not list would be left out without a word. @throws DataOpsError BACKUP_DAMAGED. */
export function checkColumnsListed(columns: readonly PartColumn[], found: readonly string[]): void {
  const listed = new Set(columns.map(({name}) => name))
  const other = found.find((name) => !listed.has(name))
  if (other !== undefined) throw damaged(`Column "${other}" of the part is not in its list of columns.`)
}

/** A column of a file that another program has written. `type`: a Weaviate data type, or `float` for float32. */
export interface ForeignColumn {
  lists: number
  name: string
  type: string | undefined
}

/** What the columns of a foreign file hold: by the names that the class's own parts would have, else by name and type. */
export function foreignColumns(schema: WeaviateClass, found: readonly ForeignColumn[]): PartColumn[] {
  const expected = new Map(partColumns(schema).map((column) => [column.name, column]))
  return found.map(({lists, name, type}): PartColumn => {
    const column = expected.get(name)
    if (column) return column
    const isVector = (type === 'float' || type === 'number') && lists > 0
    if (isVector && name.startsWith('vector_')) {
      const vector = name.slice('vector_'.length)
      return {name, role: 'named_vector', vector, vectorKind: lists === 2 ? 'multi' : 'single'}
    }

    if (isVector && name === 'vector') return {name, role: 'vector'}
    if (type === undefined || lists > 1) throw damaged(`Column "${name}" of the part is of no type that can be read.`)
    return {name, property: name, role: 'property', type: (type === 'float' ? 'number' : type) + '[]'.repeat(lists)}
  })
}

export type LeafType = 'boolean' | 'float32' | 'float64' | 'int64' | 'text'

/** How a column is typed, in terms that Parquet and Arrow share. */
export interface ColumnShape {
  /** geo is a struct of two leaves; json is text that is JSON; time is int64 milliseconds. */
  kind: 'geo' | 'json' | 'plain' | 'time' | 'vector'
  leaf: LeafType
  /** Levels of lists around the leaf. */
  lists: 0 | 1 | 2
  required: boolean
}

const LEAVES: Readonly<Record<string, LeafType>> = {
  blob: 'text',
  blobHash: 'text',
  boolean: 'boolean',
  date: 'text',
  int: 'int64',
  number: 'float64',
  string: 'text',
  text: 'text',
  uuid: 'text',
}

export const GEO_MEMBERS = ['latitude', 'longitude'] as const

export function columnShape(column: PartColumn): ColumnShape {
  const plain = {kind: 'plain', leaf: 'text', lists: 0, required: false} as const
  switch (column.role) {
    case 'creation_time':
    case 'update_time': {
      return {...plain, kind: 'time', leaf: 'int64'}
    }

    case 'exceptions': {
      return {...plain, kind: 'json'}
    }

    case 'id': {
      return {...plain, required: true}
    }

    case 'named_vector':
    case 'vector': {
      return {...plain, kind: 'vector', leaf: 'float32', lists: column.vectorKind === 'multi' ? 2 : 1}
    }

    case 'property': {
      const type = column.type ?? ''
      if (type === 'geoCoordinates') return {...plain, kind: 'geo', leaf: 'float32'}
      const isArray = type.endsWith('[]')
      const leaf = Object.hasOwn(LEAVES, type.replace(/\[\]$/, '')) ? LEAVES[type.replace(/\[\]$/, '')] : undefined
      // Phone numbers, objects, references, and whatever a later server invents: JSON text holds any value.
      return leaf ? {...plain, leaf, lists: isArray ? 1 : 0} : {...plain, kind: 'json'}
    }

    case 'tenant': {
      return plain
    }
  }
}

/** What a vector's exceptions start with: `:` occurs in no property name. The unnamed vector has the empty name. */
export const VECTOR_EXCEPTION = 'vector:'

export function damaged(message: string, cause?: unknown): DataOpsError {
  return outOfMemory(cause) ?? new DataOpsError('BACKUP_DAMAGED', message, cause === undefined ? {} : {cause})
}

/** What came out of reading a part, as the error that it is: anything that is not a DataOpsError is a damaged part. */
export function asDamaged(error: unknown): DataOpsError {
  if (error instanceof DataOpsError) return error
  return damaged(`The part cannot be read: ${error instanceof Error ? error.message : String(error)}.`, error)
}
