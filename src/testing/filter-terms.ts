import type {SchemaProperty, WeaviateClass} from '../model/schema.js'
import type {StoredObject} from './store.js'

import {type Filter, OnlyStopwords, type Predicate, type Term} from './filter-model.js'
import {Refusal} from './refusal.js'
import {analyzerOf, stopwordsOf, termsOf} from './text-terms.js'
import {canonicalUuid, nanosecondsOf} from './values.js'

/** Compares the terms of a property with those of a filter's value. @throws Refusal 422. */
export function termTest(
  filter: Filter,
  read: (object: StoredObject) => Term[],
  of?: {property: SchemaProperty; schema: WeaviateClass},
): Predicate {
  const {operator, values} = filter
  const type = of?.property.dataType[0]?.replace('[]', '')
  if (of && type === 'text') return textTest(filter, read, of)
  const [wanted] = values as Term[]
  if (operator === 'Like' && type !== 'boolean') return likeTest(String(wanted), read, filter)
  const convert = converter(type)
  const terms = (object: StoredObject): Term[] => read(object).map((item) => convert(item))
  const predicate = comparison(operator, convert(wanted!), terms)
  // Such an index has all values at once, and no rows.
  return of?.property.indexRangeFilters === true ? (object) => predicate(object) : predicate
}

/** Terms of the value that was given are looked for each: all of them must match. */
function textTest(
  filter: Filter,
  read: (object: StoredObject) => Term[],
  {property, schema}: {property: SchemaProperty; schema: WeaviateClass},
): Predicate {
  const {operator, values} = filter
  const {tokenization} = property
  const analyzer = analyzerOf(property)
  const tokenize = termsOf(tokenization, analyzer)
  const text = values[0] as string
  const isLike = operator === 'Like'
  const stopwords = isLike || tokenization !== 'word' ? new Set() : stopwordsOf(schema, property)
  const wanted = termsOf(tokenization, analyzer, isLike)(text).filter((term) => !stopwords.has(term))
  if (wanted.length === 0) throw new OnlyStopwords()
  const terms = (object: StoredObject): Term[] => read(object).flatMap((item) => tokenize(String(item)))
  const tests = wanted.map((term) => (isLike ? rowsOf(terms, likeness(term)) : comparison(operator, term, terms)))
  return tests.length === 1 ? tests[0]! : (object) => tests.every((test) => test(object))
}

function likeTest(pattern: string, read: (object: StoredObject) => Term[], {type}: Filter): Predicate {
  if (type !== 'text') throw new Refusal('failed to read: like operator is not supported for this type')
  return rowsOf(read, likeness(pattern))
}

function likeness(pattern: string): (term: Term) => boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  const expression = new RegExp(`^${source}$`, 'u')
  return (term) => expression.test(String(term))
}

/** How values of a type are compared: dates by the moment, UUIDs by their bytes. */
function converter(type: string | undefined): (value: Term) => Term {
  if (type === 'date') return (value) => nanosecondsOf(String(value))
  if (type === 'uuid')
    return (value) => {
      const uuid = canonicalUuid(value)
      if (!uuid) throw new Refusal(`parse string as uuid: invalid UUID "${String(value)}"`)
      return uuid
    }

  return (value) => value
}

const ORDERS: Readonly<Record<string, (term: Term, value: Term) => boolean>> = {
  GreaterThan: (term, value) => term > value,
  GreaterThanEqual: (term, value) => term >= value,
  LessThan: (term, value) => term < value,
  LessThanEqual: (term, value) => term <= value,
}

function comparison(operator: string, value: Term, read: (object: StoredObject) => Term[]): Predicate {
  const order = ORDERS[operator]
  if (order) return rowsOf(read, (term) => order(term, value))
  if (operator === 'Equal' || operator === 'Like') return (object) => read(object).includes(value)
  if (operator === 'NotEqual') return (object) => !read(object).includes(value)
  throw new Refusal(`the embedded server does not know the filter operator ${operator} here`)
}

function rowsOf(read: (object: StoredObject) => Term[], isIn: (term: Term) => boolean): Predicate {
  const rows = (object: StoredObject): Term[] => read(object).filter((term) => isIn(term))
  return Object.assign((object: StoredObject) => rows(object).length > 0, {
    firstRow: (object: StoredObject) => rows(object).toSorted(compareTerms)[0]!,
  })
}

export function compareTerms(a: Term, b: Term): number {
  return a < b ? -1 : Number(a > b)
}
