/** Weaviate's own Parquet export (1.37 and later), which Weaviate cannot import: vectors as bytes, the rest as JSON text. */
import type {PartColumn} from '../codec.js'

import {type JsonObject, type JsonValue, setOwn, type WeaviateObject} from '../../model/object.js'
import {referenceProperties, type WeaviateClass} from '../../model/schema.js'
import {damaged, REFERENCE} from '../columns/columns.js'
import {assembleObjects, type ValuesColumn} from '../columns/decode.js'

const SCALARS: PartColumn[] = [
  {name: 'id', role: 'id'},
  {name: 'creation_time', role: 'creation_time'},
  {name: 'update_time', role: 'update_time'},
  {name: 'vector', role: 'vector'},
]
/** Read as a property of their name, then taken apart. The references are among the properties. */
const JSON_COLUMNS: PartColumn[] = [
  {name: 'named_vectors', property: 'named_vectors', role: 'property', type: 'object'},
  {name: 'multi_vectors', property: 'multi_vectors', role: 'property', type: 'object'},
  {name: 'properties', property: 'properties', role: 'property', type: REFERENCE},
]

/** The columns of an export; undefined when the names are not those of one. */
export function exportColumns(names: readonly string[]): PartColumn[] | undefined {
  const columns = [...SCALARS, ...JSON_COLUMNS]
  return names.length === columns.length && columns.every(({name}) => names.includes(name)) ? columns : undefined
}

/** Objects of an export. The tenant stands in the file's metadata. */
export function exportObjects(
  schema: WeaviateClass,
  tenant: string | undefined,
  columns: readonly ValuesColumn[],
  from: number,
  to: number,
): WeaviateObject[] {
  const references = new Set(referenceProperties(schema).map(({name}) => name))
  return assembleObjects(columns, from, to).map((raw) => {
    const {multi_vectors: multi, named_vectors: named, properties} = raw.properties
    const object: WeaviateObject = {...raw, properties: {}}
    if (tenant !== undefined) object.tenant = tenant
    for (const [name, value] of members(properties)) {
      if (value === null) continue
      setOwn(object.properties, name, references.has(name) ? beacons(value) : value)
    }

    const vectors: NonNullable<WeaviateObject['vectors']> = new Map()
    for (const [name, vector] of members(named)) vectors.set(name, {bytes: floats(vector), kind: 'single'})
    for (const [name, rows] of members(multi)) {
      const first: unknown = Array.isArray(rows) ? rows[0] : undefined
      const dims = Array.isArray(first) ? first.length : 0
      vectors.set(name, {bytes: floats(Array.isArray(rows) ? rows.flat() : rows), dims, kind: 'multi'})
    }

    if (vectors.size > 0) object.vectors = vectors
    return object
  })
}

function members(value: JsonValue | undefined): Array<[string, JsonValue]> {
  return Object.entries((value ?? {}) as Record<string, JsonValue>)
}

function beacons(references: JsonValue): JsonValue {
  if (!Array.isArray(references)) return references
  return references.map((reference) => ({beacon: (reference as JsonObject | null)?.beacon ?? null}))
}

function floats(values: JsonValue): Uint8Array {
  if (!Array.isArray(values) || values.some((value) => typeof value !== 'number')) {
    throw damaged('A vector of the export is no array of numbers.')
  }

  const components = Float32Array.from(values)
  return new Uint8Array(components.buffer, components.byteOffset, components.byteLength)
}
