import {own} from '../model/object.js'
import {isReference, type SchemaProperty} from '../model/schema.js'
import {parseBeacon} from './beacon.js'
import {
  type Filter,
  type FilterScope,
  type GeoRange,
  OnlyStopwords,
  type Predicate,
  propertyOf,
  type Term,
} from './filter-model.js'
import {checkFilter} from './filter-rules.js'
import {termTest} from './filter-terms.js'
import {Refusal} from './refusal.js'
import {lowerFirst, type StoredObject} from './store.js'

/** @throws Refusal 422 for what the real server refuses, and operators that the embedded server lacks. */
export function compileFilter(scope: FilterScope, filter: Filter): Predicate {
  checkFilter(scope, filter)
  return compile(scope, filter)
}

function compile(scope: FilterScope, filter: Filter): Predicate {
  const {operands, operator} = filter
  if (!operands) return compileClause(scope, filter)
  const compiled = operands.map((operand) => compile(scope, operand))
  if (operator !== 'Not' && compiled.length === 1) return compiled[0]!
  if (operator === 'And') return (object) => compiled.every((matches) => matches(object))
  if (operator === 'Or') return (object) => compiled.some((matches) => matches(object))
  return (object) => !compiled[0]!(object)
}

function compileClause(scope: FilterScope, filter: Filter): Predicate {
  const {operator, path} = filter
  if (operator.startsWith('Contains')) return compileContains(scope, filter)
  const [name = '', target, ...rest] = path
  if (target !== undefined) return compileReference(scope, {filter, name, path: rest, target})
  if (name === 'id' || name === '_id') return termTest(filter, (object) => [object.id])
  if (name === '_creationTimeUnix' || name === '_lastUpdateTimeUnix') return compileTime(scope, filter, name)
  const length = /^len\((.*)\)$/.exec(name)?.[1]
  if (length !== undefined) return compileLength(scope, filter, length)
  const property = propertyOf(scope.collection, name)
  if (operator === 'IsNull') return compileNull(scope, filter, property)
  if (isReference(property))
    return termTest({...filter, type: 'int'}, (object) => [listOf(own(object.properties, property.name)).length])
  requireIndex(property)
  if (property.dataType[0] === 'geoCoordinates') return scope.isDelete ? () => false : compileGeo(filter, property.name)
  return compileTerms(scope, filter, property)
}

/** Each value for itself, and what is found put together. */
function compileContains(scope: FilterScope, filter: Filter): Predicate {
  const {isList, operator, values} = filter
  if (isList === false) throw new Refusal('value type should be []string but is string')
  const tests = values.flatMap((value) => {
    try {
      return compileClause(scope, {...filter, operator: 'Equal', values: [value]})
    } catch (error) {
      // Of ContainsAny what remains is looked for.
      if (operator !== 'ContainsAny' || !(error instanceof OnlyStopwords)) throw error
      return []
    }
  })
  if (tests.length === 0 && values.length > 0) throw new OnlyStopwords()
  if (filter.operator === 'ContainsAll') return (object) => tests.every((matches) => matches(object))
  const isAny: Predicate = (object) => tests.some((matches) => matches(object))
  return filter.operator === 'ContainsAny' ? isAny : (object) => !isAny(object)
}

function compileReference(
  scope: FilterScope,
  {filter, name, path, target}: {filter: Filter; name: string; path: string[]; target: string},
): Predicate {
  const property = propertyOf(scope.collection, lowerFirst(name))
  const collection = scope.find(target)
  if (!collection) throw new Refusal(`class "${target}" does not exist in schema`)
  const matches = compileClause({...scope, collection}, {...filter, path})
  return (object) =>
    listOf(own(object.properties, property.name)).some((item) => {
      const {collection: named, id} = parseBeacon((item as {beacon: string}).beacon)
      if (named !== '' && scope.find(named) !== collection) return false
      const found = scope.shardOf(collection)?.get(id)
      return found !== undefined && matches(found)
    })
}

/** Times are compared as text or, given as a date, as the milliseconds that it means. */
function compileTime(scope: FilterScope, filter: Filter, name: string): Predicate {
  const {class: className, invertedIndexConfig} = scope.collection.schema
  if (!(invertedIndexConfig as undefined | {indexTimestamps?: boolean})?.indexTimestamps)
    throw new Refusal(
      `Timestamps must be indexed to be filterable! Add \`IndexTimestamps: true\` to the InvertedIndexConfig in ${className}`,
    )
  const values = filter.values.map((value) =>
    filter.type === 'date' ? millisecondsOf(String(value as Term)) : Number(value),
  )
  const read = (object: StoredObject): Term[] => [name === '_creationTimeUnix' ? object.created : object.updated]
  return termTest({...filter, type: 'int', values}, read)
}

function millisecondsOf(text: string): number {
  const time = Date.parse(text)
  if (Number.isNaN(time) || !/^\d{4}-\d\d-\d\dT/.test(text))
    throw new Refusal(`trying parse time as RFC3339 string: parsing time "${text}"`)
  return Math.floor(time)
}

function compileLength(scope: FilterScope, filter: Filter, name: string): Predicate {
  const {schema} = scope.collection
  const property = propertyOf(scope.collection, name)
  const config = schema.invertedIndexConfig as undefined | {indexNullState?: boolean; indexPropertyLength?: boolean}
  if (!config?.indexPropertyLength)
    throw new Refusal(
      `Property length must be indexed to be filterable! add \`IndexPropertyLength: true\` to the invertedIndexConfig in ${schema.class}.  Geo-coordinates, phone numbers and data blobs are not supported by property length.`,
    )
  if (/^(?:blob|blobHash|boolean|date|geoCoordinates|int|number|object|phoneNumber)$/.test(property.dataType[0]!))
    throw new Refusal(
      `resolve doc ids for prop/value pair: bucket for prop ${name}_propertyLength not found - is it indexed?`,
    )
  // What an object lacks has a length only in a class that indexes what is null.
  const missing = config.indexNullState ? [0] : []
  return termTest({...filter, type: 'int'}, (object) => {
    const value = own(object.properties, property.name)
    if (Array.isArray(value)) return isReference(property) && value.length === 0 ? [] : [value.length]
    if (typeof value !== 'string') return missing
    return property.dataType[0] === 'uuid' ? [] : [[...value].length]
  })
}

function compileNull(scope: FilterScope, filter: Filter, property: SchemaProperty): Predicate {
  const {invertedIndexConfig} = scope.collection.schema
  if (!(invertedIndexConfig as undefined | {indexNullState?: boolean})?.indexNullState)
    throw new Refusal(
      'Nullstate must be indexed to be filterable! Add `indexNullState: true` to the invertedIndexConfig',
    )
  // The index has nothing of these, be they there or not.
  if (/^(?:blob|blobHash|geoCoordinates|phoneNumber)$/.test(property.dataType[0]!)) return () => false
  return (object) => {
    const value = own(object.properties, property.name) ?? null
    if (value === null) return filter.values[0] === true
    const isEmpty = value === '' || (Array.isArray(value) && value.length === 0)
    // No references are neither.
    return isEmpty === filter.values[0] && !(isEmpty && isReference(property))
  }
}

function compileTerms({collection: {schema}}: FilterScope, filter: Filter, property: SchemaProperty): Predicate {
  const read = (object: StoredObject): Term[] => listOf(own(object.properties, property.name)) as Term[]
  return termTest(filter, read, {property, schema})
}

const EARTH_RADIUS = 6_371_000

function compileGeo({operator, values}: Filter, name: string): Predicate {
  if (operator !== 'WithinGeoRange')
    throw new Refusal(`the embedded server does not know the operator ${operator} of geo coordinates`)
  const range = values[0] as GeoRange
  return (object) => {
    const place = own(object.properties, name) as GeoRange | undefined
    return place !== undefined && metres(place, range) <= range.distance
  }
}

/** Great-circle distance. */
function metres(a: Omit<GeoRange, 'distance'>, b: Omit<GeoRange, 'distance'>): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const latitudes = Math.sin(radians(b.latitude - a.latitude) / 2) ** 2
  const longitudes = Math.sin(radians(b.longitude - a.longitude) / 2) ** 2
  const chord = latitudes + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * longitudes
  return 2 * EARTH_RADIUS * Math.asin(Math.sqrt(chord))
}

function requireIndex({indexFilterable, indexRangeFilters, indexSearchable, name}: SchemaProperty): void {
  if (indexFilterable === false && !indexSearchable && !indexRangeFilters)
    throw new Refusal(
      `Filtering by property '${name}' requires inverted index. Is \`indexFilterable\` option of property '${name}' enabled? Set it to \`true\` or leave empty`,
    )
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}
