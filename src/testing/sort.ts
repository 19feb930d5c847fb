import type {Collection, StoredObject} from './store.js'

import {own} from '../model/object.js'
import {isReference, PRIMITIVE_TYPES} from '../model/schema.js'
import {propertyOf} from './filter-model.js'
import {Refusal, within} from './refusal.js'

export interface SortKey {
  ascending: boolean
  path: readonly string[]
}

export type Order = (a: StoredObject, b: StoredObject) => number

/** Objects without a value, or with none in a list, come first, going up; equal ones stay in order of their ids. @throws Refusal 422. */
export function compileSort(collection: Collection, keys: readonly SortKey[]): Order {
  const orders = keys.map((key, index) =>
    within(`sort parameter at position ${index}: `, () => compileKey(collection, key)),
  )
  return (a, b) => {
    for (const order of orders) {
      const difference = order(a, b)
      if (difference !== 0) return difference
    }

    return 0
  }
}

function compileKey(collection: Collection, {ascending, path}: SortKey): Order {
  const [name, ...rest] = path
  if (name === undefined) throw new Refusal('path parameter cannot be empty')
  if (rest.length > 0) throw new Refusal('sorting by reference not supported, path must have exactly one argument')
  const read = reader(collection, name)
  const direction = ascending ? 1 : -1
  return (a, b) => direction * compare(read(a), read(b))
}

type Sortable = boolean | number | string | undefined

function reader(collection: Collection, name: string): (object: StoredObject) => Sortable[] | undefined {
  if (name === 'id' || name === '_id') return (object) => [object.id]
  if (name === '_creationTimeUnix') return (object) => [object.created]
  if (name === '_lastUpdateTimeUnix') return (object) => [object.updated]
  const property = propertyOf(collection, name)
  const type = property.dataType[0]!
  if (type.startsWith('uuid'))
    throw new Refusal(
      `prop "${name}" is of type uuid/uuid[]: sorting by uuid is currently not supported - if you believe it should be, please open a feature request on github.com/weaviate/weaviate`,
    )
  if (isReference(property) || !PRIMITIVE_TYPES.has(type))
    throw new Refusal(`sorting by reference not supported, property "${name}" is a ref prop to the class "${type}"`)
  if (!/^(?:boolean|date|int|number|text)(?:\[\])?$/.test(type))
    throw new Refusal(`the embedded server does not sort by values of type ${type}`, 501, 12)
  const value = type.startsWith('date') ? (item: unknown) => Date.parse(item as string) : (item: unknown) => item
  return (object) => {
    const found = own(object.properties, name)
    if (found === undefined || (Array.isArray(found) && found.length === 0)) return undefined
    return [found].flat().map((item) => value(item) as Sortable)
  }
}

function compare(a: Sortable[] | undefined, b: Sortable[] | undefined): number {
  if (!a || !b) return a ? 1 : b ? -1 : 0
  for (const [index, item] of a.entries()) {
    const other = b[index]
    if (other === undefined) return 1
    const difference = typeof item === 'string' ? compareText(item, other as string) : Number(item) - Number(other)
    if (difference !== 0) return difference
  }

  return a.length - b.length
}

/** As the real server has it: capitals make no difference. */
function compareText(a: string, b: string): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()]
  return left < right ? -1 : Number(left > right)
}
