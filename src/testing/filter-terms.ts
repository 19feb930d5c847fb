import type {JsonObject} from '../model/object.js'
import type {SchemaProperty, WeaviateClass} from '../model/schema.js'
import type {Filter, Predicate} from './filter-model.js'
import type {StoredObject} from './store.js'

import {Refusal} from './refusal.js'
import {canonicalUuid} from './values.js'

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
  if (operator === 'Like') return likeTest(String(wanted), read, filter)
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
  const tokenize = tokenizer(property.tokenization)
  const text = values[0] as string
  const isLike = operator === 'Like'
  const wanted = isLike
    ? tokenizer(property.tokenization, true)(text)
    : tokenize(text).filter((term) => property.tokenization !== 'word' || !isStopword(schema, term))
  if (wanted.length === 0)
    throw new Refusal(
      422,
      'invalid search term, only stopwords provided. Stopwords can be configured in class.invertedIndexConfig.stopwords',
    )
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

const DATE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/

function nanosecondsOf(text: string): bigint {
  const [, seconds = '', fraction = '', zone = ''] = DATE.exec(text) ?? []
  const time = Date.parse(`${seconds}${zone}`)
  if (Number.isNaN(time)) throw new Refusal(422, `trying parse time as RFC3339 string: parsing time "${text}"`)
  return BigInt(time) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
}

function comparison(operator: string, value: Term): (found: Term[]) => boolean {
  switch (operator) {
    case 'Equal': {
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

/** Splits text as its property is indexed; `hasWildcards` keeps * and ?. @throws Refusal for those that need a dictionary. */
export function tokenizer(tokenization: unknown, hasWildcards = false): (text: string) => string[] {
  const words = hasWildcards ? /[^\p{L}\p{N}*?]+/u : /[^\p{L}\p{N}]+/u
  switch (tokenization) {
    case 'field': {
      return (text) => [text.trim()]
    }

    case 'lowercase': {
      return (text) => text.toLowerCase().split(/\s+/u).filter(Boolean)
    }

    case 'trigram': {
      return (text) => trigrams(text.toLowerCase().split(words).join(''))
    }

    case 'whitespace': {
      return (text) => text.split(/\s+/u).filter(Boolean)
    }

    case 'word': {
      return (text) => text.toLowerCase().split(words).filter(Boolean)
    }

    default: {
      throw new Refusal(422, `the embedded server does not tokenize by ${String(tokenization)}`)
    }
  }
}

function trigrams(text: string): string[] {
  const letters = [...text]
  return letters.slice(2).map((_, index) => letters.slice(index, index + 3).join(''))
}

/** Values of filters are looked for without them. */
function isStopword({invertedIndexConfig}: WeaviateClass, term: string): boolean {
  const {
    additions,
    preset = 'en',
    removals,
  } = ((invertedIndexConfig as JsonObject | undefined)?.stopwords ?? {}) as {
    additions?: null | string[]
    preset?: string
    removals?: null | string[]
  }
  if (removals?.includes(term)) return false
  return additions?.includes(term) === true || (preset === 'en' && STOPWORDS.has(term))
}

/** The server's English ones. */
const STOPWORDS = new Set(
  'a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with'.split(
    ' ',
  ),
)
