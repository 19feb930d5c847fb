import {isReference} from '../../model/schema.js'
import {type Filters, Filters_Operator, type FilterTarget} from '../../weaviate/proto/generated/weaviate.js'
import {
  type Filter,
  type FilterScope,
  type FilterType,
  type GeoRange,
  GROUPS,
  OPERATORS,
  propertyOf,
} from '../filter-model.js'
import {Refusal} from '../refusal.js'
import {type Collection, lowerFirst, upperFirst} from '../store.js'

/** @throws Refusal in the real server's words. */
export function incomingFilter(filters: Filters, scope: FilterScope): Filter {
  const operator = operatorOf(filters)
  if (!OPERATORS.includes(operator)) throw new Refusal(`unknown filter operator ${Filters_Operator[filters.operator]}`)
  if (GROUPS.has(operator)) {
    const operands = filters.filters.map((operand) => incomingFilter(operand, scope))
    return {operands, operator, path: [], type: undefined, values: []}
  }

  if (!filters.target && filters.on.length % 2 !== 1)
    throw new Refusal(
      `paths needs to have a uneven number of components: property, class, property, ...., got [${filters.on.join(' ')}]`,
    )
  const path = filters.target ? pathOf(filters.target, scope, scope.collection) : filters.on
  const type = typeOf(path, operator, scope)
  const value = filters.testValue?.value
  if (value === undefined) throw new Refusal('unknown value type <nil>')
  if (isGeo(value)) return {operator, path, type, values: [value]}
  const list = typeof value === 'object' ? value.values : [value]
  const values = list.map((item) => coerced(typeof item === 'bigint' ? Number(item) : item, type))
  return {isList: typeof value === 'object', operator, path, type: type === 'geoRange' ? 'text' : type, values}
}

/** ContainsAll of OPERATOR_CONTAINS_ALL. */
function operatorOf({operator}: Filters): string {
  // A client may send a number that is none.
  const name = Filters_Operator[operator] as string | undefined
  const [, ...words] = name?.split('_') ?? []
  return words.map((word) => upperFirst(word.toLowerCase())).join('')
}

function isGeo(value: object | bigint | boolean | number | string): value is GeoRange {
  return typeof value === 'object' && 'latitude' in value
}

/** The path that REST would have: property, class, property, … */
function pathOf({target}: FilterTarget, scope: FilterScope, collection: Collection): string[] {
  switch (target?.$case) {
    case 'count': {
      return [lowerFirst(target.value.on)]
    }

    case 'multiTarget': {
      const {on, target: inner, targetCollection} = target.value
      return innerPath({inner, name: lowerFirst(on), scope, targetCollection})
    }

    case 'property': {
      return [target.value]
    }

    case 'singleTarget': {
      const name = lowerFirst(target.value.on)
      const {dataType} = propertyOf(collection, name)
      if (dataType.length !== 1)
        throw new Refusal(`expected reference property with a single target, got [${dataType.join(' ')}] for ${name} `)
      return innerPath({inner: target.value.target, name, scope, targetCollection: dataType[0]!})
    }

    default: {
      throw new Refusal('unknown target type <nil>')
    }
  }
}

interface Inner {
  inner: FilterTarget | undefined
  name: string
  scope: FilterScope
  targetCollection: string
}

function innerPath({inner, name, scope, targetCollection}: Inner): string[] {
  const linked = classNamed(scope, targetCollection)
  if (!inner) throw new Refusal('unknown target type <nil>')
  return [name, linked.name, ...pathOf(inner, scope, linked)]
}

function classNamed(scope: FilterScope, name: string): Collection {
  const collection = scope.find(name)
  if (!collection) throw new Refusal(`could not find class ${upperFirst(name)} in schema`)
  return collection
}

/** What kind of value the innermost property is compared with. */
function typeOf(path: string[], operator: string, scope: FilterScope): FilterType {
  const name = path.at(-1) ?? ''
  if (name === '_id' || name === 'id') return 'text'
  if (name === '_creationTimeUnix' || name === '_lastUpdateTimeUnix') return 'date'
  if (operator === 'IsNull') return 'boolean'
  if (/^len\(.*\)$/.test(name)) return 'int'
  const collection = path.length === 1 ? scope.collection : classNamed(scope, path.at(-2)!)
  const property = propertyOf(collection, name.split(/[.[]/, 1)[0]!)
  if (isReference(property)) return 'int'
  const type = property.dataType[0]!.replace('[]', '')
  if (type === 'uuid') return 'text'
  return type === 'geoCoordinates' ? 'geoRange' : (type as FilterType)
}

/** Numbers in another form than the property's are taken, as the real server does. */
function coerced(value: boolean | number | string, type: FilterType): boolean | number | string {
  if (type !== 'int' && type !== 'number') return mustBe(value, type)
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number !== 'number' || (Number.isNaN(number) && typeof value === 'string'))
    throw new Refusal(`expected ${type === 'int' ? 'an integer' : 'a number'} value, but got '${String(value)}'`)
  if (type === 'int' && !Number.isInteger(number))
    throw new Refusal(`filtering for integer, but received a floating point number ${number}`)
  return number
}

function mustBe(value: boolean | number | string, type: FilterType): boolean | number | string {
  const wanted = type === 'boolean' ? 'boolean' : 'string'
  if (typeof value === wanted) return value
  const shown = wanted === 'boolean' ? 'bool' : wanted
  throw new Refusal(`expected value to be ${shown}, got '${typeof value}'`)
}
