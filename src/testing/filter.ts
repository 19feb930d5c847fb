import type {SchemaProperty} from '../model/schema.js'
import type {Collection, StoredObject} from './store.js'

import {noSuchProperty} from './properties.js'
import {Refusal} from './refusal.js'
import {own} from './values.js'

/** A filter in one form for both transports, operators named as over REST. */
export interface Filter {
  operands: Filter[]
  operator: string
  /** `id`, `_creationTimeUnix`, `_lastUpdateTimeUnix` or a property. */
  path: string
  values: Array<boolean | number | string>
}

export type Predicate = (object: StoredObject) => boolean

/** @throws Refusal 422 for properties that are not there, and operators that the embedded server lacks. */
export function compileFilter(collection: Collection, filter: Filter): Predicate {
  const {operands, operator, path, values} = filter
  const compiled = operands.map((operand) => compileFilter(collection, operand))
  if (operator === 'And') return (object) => compiled.every((matches) => matches(object))
  if (operator === 'Or') return (object) => compiled.some((matches) => matches(object))
  if (operator === 'Not') return (object) => !compiled[0]!(object)
  const read = reader(collection, path)
  const test = comparison(operator, values)
  return (object) => test(read(object))
}

type Read = (object: StoredObject) => unknown[]

function reader(collection: Collection, path: string): Read {
  if (path === 'id' || path === '_id') return (object) => [object.id]
  if (path === '_creationTimeUnix') return (object) => [object.created]
  if (path === '_lastUpdateTimeUnix') return (object) => [object.updated]
  const property = collection.schema.properties?.find((candidate) => candidate.name === path)
  if (!property) throw noSuchProperty(collection.name, path)
  const words = tokenizer(property)
  return (object) => {
    const value = own(object.properties, path)
    const items: unknown[] = value === undefined ? [] : Array.isArray(value) ? value : [value]
    return items.flatMap((item) => (typeof item === 'string' ? words(item) : [item]))
  }
}

/** Text matches by its tokens, as in the inverted index. */
function tokenizer(property: SchemaProperty): (text: string) => string[] {
  switch (property.tokenization) {
    case 'lowercase': {
      return (text) => text.toLowerCase().split(/\s+/)
    }

    case 'whitespace': {
      return (text) => text.split(/\s+/)
    }

    case 'word': {
      return (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u)
    }

    default: {
      return (text) => [text.trim()]
    }
  }
}

function comparison(operator: string, values: Filter['values']): (found: unknown[]) => boolean {
  const isIn = (found: unknown[], value: unknown) =>
    found.some((item) => item === value || (typeof item === 'string' && item === String(value).toLowerCase()))
  const [first] = values
  switch (operator) {
    case 'ContainsAll': {
      return (found) => values.every((value) => isIn(found, value))
    }

    case 'ContainsAny': {
      return (found) => values.some((value) => isIn(found, value))
    }

    case 'ContainsNone': {
      return (found) => values.every((value) => !isIn(found, value))
    }

    case 'Equal': {
      const tokens = typeof first === 'string' ? first.split(/\s+/) : [first]
      return (found) => isIn(found, first) || tokens.every((token) => isIn(found, token))
    }

    case 'GreaterThan': {
      return (found) => found.some((item) => order(item, first) > 0)
    }

    case 'GreaterThanEqual': {
      return (found) => found.some((item) => order(item, first) >= 0)
    }

    case 'LessThan': {
      return (found) => found.some((item) => order(item, first) < 0)
    }

    case 'LessThanEqual': {
      return (found) => found.some((item) => order(item, first) <= 0)
    }

    case 'Like': {
      const pattern = String(first)
        .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
        .replaceAll('*', '.*')
        .replaceAll('?', '.')
      const expression = new RegExp(`^${pattern}$`, 'is')
      return (found) => found.some((item) => expression.test(String(item)))
    }

    case 'NotEqual': {
      return (found) => !isIn(found, first)
    }

    default: {
      throw new Refusal(422, `the embedded server does not know the filter operator ${operator}`)
    }
  }
}

/** NaN, which no comparison accepts, for what cannot be compared. */
function order(item: unknown, value: unknown): number {
  if (typeof item === 'number') return item - Number(value)
  if (typeof item !== 'string' || typeof value !== 'string') return NaN
  const [a, b] = [Date.parse(item), Date.parse(value)]
  if (!Number.isNaN(a) && !Number.isNaN(b)) return a - b
  return item < value ? -1 : Number(item > value)
}
