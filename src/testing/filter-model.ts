import type {SchemaProperty} from '../model/schema.js'
import type {Collection, Shard, StoredObject} from './store.js'

import {noSuchProperty} from './properties.js'
import {Refusal} from './refusal.js'

/** What kind of value a filter compares with: as REST's `value…` members are called, and `geoRange`. */
export type FilterType = 'boolean' | 'date' | 'geoRange' | 'int' | 'number' | 'text'

export interface GeoRange {
  /** Metres. */
  distance: number
  latitude: number
  longitude: number
}

/** Words without any that an index has. */
export class OnlyStopwords extends Refusal {
  constructor() {
    super(
      'invalid search term, only stopwords provided. Stopwords can be configured in class.invertedIndexConfig.stopwords',
    )
  }
}

/** As REST calls them, in order. */
export const OPERATORS: readonly string[] = [
  'And',
  'ContainsAll',
  'ContainsAny',
  'ContainsNone',
  'Equal',
  'GreaterThan',
  'GreaterThanEqual',
  'IsNull',
  'LessThan',
  'LessThanEqual',
  'Like',
  'Not',
  'NotEqual',
  'Or',
  'WithinGeoRange',
]

/** Those of filters in a filter. */
export const GROUPS: ReadonlySet<string> = new Set(['And', 'Not', 'Or'])

/** A filter in one form for both transports, operators named as over REST. */
export interface Filter {
  /** Of And, Or and Not; undefined for all others. */
  operands?: Filter[]
  operator: string
  /** A property; or a reference, the class that it leads to, a property there, and so on. */
  path: string[]
  /** Whether a list was given, be it of one. */
  isList?: boolean
  type: FilterType | undefined
  values: Array<boolean | GeoRange | number | string>
}

/** A value as an index has it: text by its tokens. */
export type Term = bigint | boolean | number | string

/** Whether a filter matches an object. */
export interface Predicate {
  (object: StoredObject): boolean
  /** Of a clause that is read off an index row by row, values ascending: the first row that has this object, which matches. */
  firstRow?: (object: StoredObject) => Term
}

/** Where a filter looks. */
export interface FilterScope {
  collection: Collection
  /** A class by name or alias. */
  find: (name: string) => Collection | undefined
  /** Whether it is of a delete: there the real server finds nothing by geo coordinates. */
  isDelete?: boolean
  /** The shard that references into a collection reach. */
  shardOf: (collection: Collection) => Shard | undefined
}

export function propertyOf({name: className, schema}: Collection, name: string): SchemaProperty {
  const property = schema.properties?.find((candidate) => candidate.name === name)
  if (!property) throw noSuchProperty(className, name)
  return property
}
