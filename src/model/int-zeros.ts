/** Ints are never -0. A server that was sent one keeps it, and shows it over REST and in its exports, but not over gRPC: it is one value all the same. */
import type {SchemaProperty, WeaviateClass} from './schema.js'

import {type JsonObject, type JsonValue, own, setOwn} from './object.js'

/** Changes values in place. */
type Settle = (values: JsonObject) => void

/** By schema; undefined where there are no ints. */
const known = new WeakMap<WeaviateClass, {settle: Settle | undefined}>()

/** Of an object that was just read: its values are changed in place. */
export function settleIntZeros(schema: WeaviateClass, properties: JsonObject): void {
  let found = known.get(schema)
  if (!found) {
    found = {settle: settleMembers(schema.properties ?? [])}
    known.set(schema, found)
  }

  found.settle?.(properties)
}

function settleMembers(properties: readonly SchemaProperty[]): Settle | undefined {
  const settlers = properties.flatMap(({dataType, name, nestedProperties}) => {
    const settle = settlerOf((dataType[0] ?? '').replace('[]', ''), nestedProperties ?? [])
    return settle ? [{name, settle}] : []
  })
  if (settlers.length === 0) return undefined
  return (values) => {
    for (const {name, settle} of settlers) {
      const value = own(values, name)
      if (value !== undefined) setOwn(values, name, settle(value))
    }
  }
}

function settlerOf(type: string, nested: readonly SchemaProperty[]): ((value: JsonValue) => JsonValue) | undefined {
  const inside = type === 'object' ? settleMembers(nested) : undefined
  if (type !== 'int' && !inside) return undefined
  const settle = (value: JsonValue): JsonValue => {
    if (value === 0) return 0
    if (value === null || typeof value !== 'object') return value
    if (Array.isArray(value)) return value.map((item) => settle(item))
    inside?.(value)
    return value
  }

  return settle
}
