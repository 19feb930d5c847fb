import type {JsonObject} from './object.js'

/** A property, or a nested property, of a class as `/v1/schema` returns it. */
export interface SchemaProperty {
  [key: string]: unknown
  /** `['text']`, `['object[]']`, or for references the target classes. */
  dataType: string[]
  name: string
  /** As for a class. */
  nestedProperties?: null | SchemaProperty[]
}

/** A class as `/v1/schema/{class}` returns it: kept whole, only what is needed here is typed. */
export interface WeaviateClass {
  [key: string]: unknown
  class: string
  multiTenancyConfig?: {[key: string]: unknown; enabled?: boolean}
  /** The server says null of a class without properties (1.39.0). */
  properties?: null | SchemaProperty[]
  /** Set when the class has an unnamed vector (alone, or beside named ones). */
  vectorIndexType?: string
  vectorConfig?: Record<string, JsonObject>
}

const UNLISTED = ['blob', 'blobHash', 'geoCoordinates', 'phoneNumber']
/** Data types of which there are lists, too. */
const LISTED = ['boolean', 'date', 'int', 'number', 'object', 'string', 'text', 'uuid']

/** Weaviate's primitive and nested data types; anything else in `dataType` is a reference target (starts upper-case). */
export const PRIMITIVE_TYPES = new Set([...UNLISTED, ...LISTED.flatMap((type) => [type, `${type}[]`])])

export function isReference(property: SchemaProperty): boolean {
  return !PRIMITIVE_TYPES.has(property.dataType[0] ?? '')
}

export function referenceProperties(schema: WeaviateClass): SchemaProperty[] {
  return (schema.properties ?? []).filter((property) => isReference(property))
}

export function isMultiTenant(schema: WeaviateClass): boolean {
  return schema.multiTenancyConfig?.enabled === true
}
