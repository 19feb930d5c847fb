/** Weaviate's own Parquet export (1.37 and later), which Weaviate cannot import: vectors as bytes, the rest as JSON text. */
import type {PartColumn} from '../codec.js'

import {isJsonObject, type JsonValue, type NamedVector, setOwn, type WeaviateObject} from '../../model/object.js'
import {damaged, REFERENCE} from '../columns/columns.js'
import {assembleObjects, type ColumnValue, type ValuesColumn} from '../columns/decode.js'

/** In their order. JSON is read as a property of its column's name, then taken apart; the references are among the properties. */
export const EXPORT_COLUMNS: readonly PartColumn[] = [
  {name: 'id', role: 'id'},
  {name: 'creation_time', role: 'creation_time'},
  {name: 'update_time', role: 'update_time'},
  {name: 'vector', role: 'vector'},
  {name: 'named_vectors', property: 'named_vectors', role: 'property', type: 'object'},
  {name: 'multi_vectors', property: 'multi_vectors', role: 'property', type: 'object'},
  {name: 'properties', property: 'properties', role: 'property', type: REFERENCE},
]

const OPTIONAL: ReadonlySet<string> = new Set(['vector', 'named_vectors', 'multi_vectors', 'properties'])
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether those are the columns of an export. */
export function isExport(names: readonly string[]): boolean {
  return names.length === EXPORT_COLUMNS.length && EXPORT_COLUMNS.every(({name}) => names.includes(name))
}

export interface ExportRows {
  /** How many. */
  count: number
  /** Names of reference properties. */
  references: ReadonlySet<string>
  /** Of the whole file. */
  tenant?: string
}

/** Objects of an export. @throws DataOpsError BACKUP_DAMAGED on what the server does not write. */
export function exportObjects(columns: readonly ValuesColumn[], rows: ExportRows): WeaviateObject[] {
  const {count, references, tenant} = rows
  const full = columns.map((column) => withoutEmpty(column))
  return assembleObjects(full, count).map((raw) => {
    const {id} = raw
    if (!UUID.test(id)) throw damaged(`${JSON.stringify(id).slice(0, 60)} is no UUID.`)
    if (raw.vector && raw.vector.length % 4 !== 0) {
      throw damaged(`The vector of object ${id} has ${raw.vector.length} bytes.`)
    }

    const {multi_vectors: multi, named_vectors: named, properties} = raw.properties
    const object: WeaviateObject = {...raw, properties: {}}
    if (tenant !== undefined) object.tenant = tenant
    for (const [name, value] of members(id, properties)) {
      if (value === null) continue
      setOwn(object.properties, name, references.has(name) ? beacons(id, value) : value)
    }

    const vectors = new Map<string, NamedVector>()
    for (const [name, vector] of members(id, named)) vectors.set(name, {bytes: floats(id, vector), kind: 'single'})
    for (const [name, vector] of members(id, multi)) vectors.set(name, multiVector(id, vector))
    if (vectors.size > 0) object.vectors = vectors
    return object
  })
}

/**
 * After as many values as nulls before them, the writer of the server (1.39) gives values of no bytes where it means nulls. Nothing that it
 * means to write has none.
 */
function withoutEmpty(source: ValuesColumn): ValuesColumn {
  if (!OPTIONAL.has(source.column.name)) return source
  const isEmpty = (value: ColumnValue): boolean =>
    (typeof value === 'string' || value instanceof Uint8Array) && value.length === 0
  return {...source, values: source.values.map((value) => (isEmpty(value) ? undefined : value))}
}

function members(id: string, value: JsonValue | undefined): Array<[string, JsonValue]> {
  if (value === undefined || value === null) return []
  if (!isJsonObject(value)) throw damaged(`A column of object ${id} holds JSON that is no object.`)
  return Object.entries(value)
}

function beacons(id: string, references: JsonValue): JsonValue {
  if (!Array.isArray(references)) throw damaged(`References of object ${id} are no list.`)
  return references.map((reference) => {
    const beacon = isJsonObject(reference) ? reference.beacon : undefined
    if (typeof beacon !== 'string') throw damaged(`A reference of object ${id} has no beacon.`)
    return {beacon}
  })
}

function multiVector(id: string, rows: JsonValue): NamedVector {
  if (!Array.isArray(rows)) throw damaged(`A multi vector of object ${id} is no list.`)
  const dims = Array.isArray(rows[0]) ? rows[0].length : 0
  if (rows.some((row) => !Array.isArray(row) || row.length !== dims)) {
    throw damaged(`A multi vector of object ${id} has rows of different lengths.`)
  }

  return {bytes: floats(id, rows.flat()), dims, kind: 'multi'}
}

function floats(id: string, values: JsonValue): Uint8Array {
  if (!Array.isArray(values) || values.some((value) => typeof value !== 'number')) {
    throw damaged(`A vector of object ${id} is no array of numbers.`)
  }

  const components = Float32Array.from(values as number[])
  if (components.some((component) => !Number.isFinite(component))) {
    throw damaged(`A vector of object ${id} has a number that no float32 holds.`)
  }

  return new Uint8Array(components.buffer, components.byteOffset, components.byteLength)
}
