/** Objects put together from columns. */
import type {PartColumn, RowPage} from '../codec.js'

import {shortestFloat32} from '../../model/float32.js'
import {
  approximateBytes,
  type JsonObject,
  type JsonValue,
  type NamedVector,
  setOwn,
  type WeaviateObject,
} from '../../model/object.js'
import {isUuid} from '../../model/uuid-range.js'
import {columnShape, damaged, VECTOR_EXCEPTION} from './columns.js'

/** A multi vector as a column gives it: rows of `dims` float32 components. */
export interface VectorRows {
  bytes: Uint8Array
  dims: number
}

/**
 * A value as a column gives it: text (also of JSON), number, boolean, an array of them, `{latitude, longitude}`,
 * float32 bytes of a vector, rows of a multi vector, or undefined for null.
 */
export type ColumnValue = JsonValue | Uint8Array | undefined | VectorRows

export interface ValuesColumn {
  column: PartColumn
  values: readonly ColumnValue[]
}

/** Objects of the first `rows` rows of the columns. @throws DataOpsError BACKUP_DAMAGED when a value is not what its column holds. */
export function assembleObjects(columns: readonly ValuesColumn[], rows: number): WeaviateObject[] {
  const ids = columns.find(({column}) => column.role === 'id')
  if (!ids) throw damaged('The part has no id column.')
  const objects: WeaviateObject[] = []
  for (let row = 0; row < rows; row++) {
    const id = ids.values[row]
    if (typeof id !== 'string') throw damaged(`Row ${row} has no id.`)
    if (!isUuid(id)) throw damaged(`The id of row ${row} is no UUID.`)
    // As the server has them, whoever wrote the file.
    objects.push({id: id.toLowerCase(), properties: {}})
  }

  for (const source of columns) assembleColumn(objects, source)
  return objects
}

function assembleColumn(objects: WeaviateObject[], {column, values}: ValuesColumn): void {
  const set = setterOf(column)
  if (!set) return
  for (const [index, object] of objects.entries()) {
    const value = values[index]
    if (value !== undefined && value !== null) set(object, value)
  }
}

/** Puts a column's value into an object; undefined for the id, which is there from the start. */
// Long because it is a table: a case for each role.
function setterOf(column: PartColumn): ((object: WeaviateObject, value: ColumnValue) => void) | undefined {
  switch (column.role) {
    case 'creation_time': {
      return (object, value) => {
        object.creationTimeUnix = value as number
      }
    }

    case 'exceptions': {
      return applyExceptions
    }

    case 'id': {
      return undefined
    }

    case 'named_vector': {
      const name = column.vector!
      return (object, value) => {
        object.vectors ??= new Map()
        object.vectors.set(name, namedVector(value))
      }
    }

    case 'property': {
      const name = column.property!
      const {kind} = columnShape(column)
      if (kind === 'json')
        return (object, value) => {
          setOwn(object.properties, name, parseJson(value))
        }

      if (kind === 'geo')
        return (object, value) => {
          const {latitude, longitude} = value as {latitude: number; longitude: number}
          setOwn(object.properties, name, {
            latitude: shortestFloat32(latitude),
            longitude: shortestFloat32(longitude),
          })
        }

      return (object, value) => {
        setOwn(object.properties, name, value as JsonValue)
      }
    }

    case 'tenant': {
      return (object, value) => {
        object.tenant = value as string
      }
    }

    case 'update_time': {
      return (object, value) => {
        object.lastUpdateTimeUnix = value as number
      }
    }

    case 'vector': {
      return (object, value) => {
        object.vector = value as Uint8Array
      }
    }
  }
}

function namedVector(value: ColumnValue): NamedVector {
  if (value instanceof Uint8Array) return {bytes: value, kind: 'single'}
  return {...(value as VectorRows), kind: 'multi'}
}

function parseJson(text: ColumnValue): JsonValue {
  if (typeof text !== 'string') throw damaged('A column of JSON text holds something else.')
  try {
    return JSON.parse(text) as JsonValue
  } catch (error) {
    throw damaged('A column of JSON text holds text that is not JSON.', error)
  }
}

function applyExceptions(object: WeaviateObject, text: ColumnValue): void {
  const exceptions = parseJson(text)
  if (typeof exceptions !== 'object' || exceptions === null || Array.isArray(exceptions)) {
    throw damaged(`The exceptions of object ${object.id} are not a JSON object.`)
  }

  for (const [key, value] of Object.entries(exceptions)) {
    if (!key.startsWith(VECTOR_EXCEPTION)) {
      setOwn(object.properties, key, value)
      continue
    }

    const name = key.slice(VECTOR_EXCEPTION.length)
    const vector = parseVectorException(object.id, value)
    if (name === '') object.vector = vector.bytes
    else object.vectors = (object.vectors ?? new Map<string, NamedVector>()).set(name, vector)
  }
}

function parseVectorException(id: string, value: JsonValue): NamedVector {
  const {dims, hex, kind} = (value ?? {}) as JsonObject
  const isHex = typeof hex === 'string' && /^(?:[0-9a-f]{2})*$/.test(hex)
  if (isHex && kind === 'single') return {bytes: fromHex(hex), kind}
  if (isHex && kind === 'multi' && Number.isSafeInteger(dims)) return {bytes: fromHex(hex), dims: dims as number, kind}
  throw damaged(`An exceptional vector of object ${id} cannot be read.`)
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({length: hex.length / 2}, (_, index) =>
    Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16),
  )
}

export const DEFAULT_PAGE_BYTES = 8 * 1024 * 1024

/** The objects as pages of `pageBytes`, or as one where they are not much more than that. */
export function* pagesOf(objects: WeaviateObject[], firstRow: number, pageBytes: number): Generator<RowPage, void> {
  const sizes = objects.map((object) => approximateBytes(object))
  let bytes = 0
  for (const size of sizes) bytes += size
  if (bytes <= pageBytes * 1.5) {
    if (objects.length > 0) yield {firstRow, objects}
    return
  }

  let start = 0
  bytes = 0
  for (const [index, size] of sizes.entries()) {
    if (index > start && bytes + size > pageBytes) {
      yield {firstRow: firstRow + start, objects: objects.slice(start, index)}
      start = index
      bytes = 0
    }

    bytes += size
  }

  yield {firstRow: firstRow + start, objects: objects.slice(start)}
}

/** Leaves nothing of the objects but the properties of those names. */
export function onlyReferences(objects: WeaviateObject[], names: ReadonlySet<string>): WeaviateObject[] {
  for (const object of objects) {
    for (const name of Object.keys(object.properties))
      if (!names.has(name)) Reflect.deleteProperty(object.properties, name)
    delete object.vector
    delete object.vectors
  }

  return objects
}
