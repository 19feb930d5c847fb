import type {SchemaProperty, WeaviateClass} from '../model/schema.js'
import type {StoredObject} from './store.js'

import {type Filter, OnlyStopwords, type Predicate} from './filter-model.js'
import {Refusal} from './refusal.js'
import {analyzerOf, stopwordsOf, termsOf} from './text-terms.js'
import {canonicalUuid, nanosecondsOf} from './values.js'

/** A value as an index has it: text by its tokens. */
export type Term = bigint | boolean | number | string

/** Compares the terms of a property with those of a filter's value. @throws Refusal 422. */
export function termTest(
  filter: Filter,
  read: (object: StoredObject) => Term[],
  of?: {property: SchemaProperty; schema: WeaviateClass},
): Predicate {
  const {operator, values} = filter
  const type = of?.property.dataType[0]?.replace('[]', '')
  if (of && (type === 'text' || type === 'string')) return textTest(filter, read, of)
  const [wanted] = values as Term[]
  if (operator === 'Like' && type !== 'boolean') return likeTest(String(wanted), read, filter)
  const convert = converter(type)
  const value = convert(wanted!)
  const test = comparison(operator, value)
  return (object) => test(read(object).map((item) => convert(item)))
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
  const tests = wanted.map((term) => (isLike ? likeness(term) : comparison(operator, term)))
  return (object) => {
    const found = read(object).flatMap((item) => tokenize(String(item)))
    return tests.every((test) => test(found))
  }
}

function likeTest(pattern: string, read: (object: StoredObject) => Term[], {type}: Filter): Predicate {
  if (type !== 'text') throw new Refusal(422, 'failed to read: like operator is not supported for this type')
  const test = likeness(pattern)
  return (object) => test(read(object))
}

function likeness(pattern: string): (found: Term[]) => boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  const expression = new RegExp(`^${source}$`, 'u')
  return (found) => found.some((item) => expression.test(String(item)))
}

/** How values of a type are compared: dates by the moment, UUIDs by their bytes. */
function converter(type: string | undefined): (value: Term) => Term {
  if (type === 'date') return (value) => nanosecondsOf(String(value))
  if (type === 'uuid')
    return (value) => {
      const uuid = canonicalUuid(value)
      if (!uuid) throw new Refusal(422, `parse string as uuid: invalid UUID "${String(value)}"`)
      return uuid
    }

  return (value) => value
}

function comparison(operator: string, value: Term): (found: Term[]) => boolean {
  switch (operator) {
    case 'Equal':
    case 'Like': {
      return (found) => found.includes(value)
    }

    case 'GreaterThan': {
      return (found) => found.some((item) => item > value)
    }

    case 'GreaterThanEqual': {
      return (found) => found.some((item) => item >= value)
    }

    case 'LessThan': {
      return (found) => found.some((item) => item < value)
    }

    case 'LessThanEqual': {
      return (found) => found.some((item) => item <= value)
    }

    case 'NotEqual': {
      return (found) => !found.includes(value)
    }

    default: {
      throw new Refusal(422, `the embedded server does not know the filter operator ${operator} here`)
    }
  }
}
