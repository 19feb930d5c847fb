import {isReference, type SchemaProperty} from '../model/schema.js'
import {type Filter, type FilterScope, propertyOf} from './filter-model.js'
import {orRefusal, Refusal} from './refusal.js'
import {lowerFirst} from './store.js'

/** What a clause may ask of a property, in the real server's words. @throws Refusal 422. */
export function checkFilter(scope: FilterScope, filter: Filter): void {
  if (!filter.operands) {
    checkClause(scope, filter)
    return
  }

  const problems = filter.operands.flatMap((operand, index) => {
    const problem = orRefusal(() => {
      checkFilter(scope, operand)
    })
    return problem instanceof Refusal ? [`child operand at position ${index}: ${problem.message}`] : []
  })
  if (problems.length > 0) throw new Refusal(problems.join(', '))
}

const LENGTH_OPERATORS = new Set(['Equal', 'GreaterThan', 'GreaterThanEqual', 'LessThan', 'LessThanEqual', 'NotEqual'])
const UUID_OPERATORS = new Set([...LENGTH_OPERATORS, 'ContainsAll', 'ContainsAny', 'ContainsNone'])

function checkClause(scope: FilterScope, filter: Filter): void {
  const {operator, path, type, values} = filter
  const name = path.at(-1) ?? ''
  if (name === 'id' || name === '_id') {
    if (type !== 'text') throw new Refusal('using ["_id"] to filter by uuid: must use "valueText" to specify the id')
    return
  }

  if (name === '_creationTimeUnix' || name === '_lastUpdateTimeUnix') {
    if (type !== 'date' && type !== 'text')
      throw new Refusal(`using ["${name}"] to filter by timestamp: must use "valueText" or "valueDate"`)
    return
  }

  const collection = path.length === 1 ? scope.collection : scope.find(path.at(-2)!)
  if (!collection) throw new Refusal(`class "${path.at(-2)}" does not exist in schema`)
  const length = /^len\((.*)\)$/.exec(name)?.[1]
  const property = propertyOf(collection, lowerFirst((length ?? name).split(/[.[]/, 1)[0]!))
  if (property.nestedProperties)
    throw new Refusal('the embedded server does not filter by what is in objects, as the real one does not by default')
  if (operator === 'IsNull') {
    if (type !== 'boolean') throw new Refusal(`operator IsNull requires a booleanValue, got ${valueName(type)} instead`)
    return
  }

  if (length !== undefined) checkLength(filter)
  else if (property.dataType[0]!.startsWith('uuid')) checkUuid(property, filter)
  else if (isReference(property)) checkCount(property, type)
  else checkType(property, type, values)
}

function checkLength({operator, type, values}: Filter): void {
  if (type !== 'int')
    throw new Refusal(`Filtering for property length requires IntValue, got "${valueName(type)}" instead`)
  if (!LENGTH_OPERATORS.has(operator))
    throw new Refusal(
      `Filtering for property length supports operators (not) equal and greater/less than (equal), got ${operator} instead`,
    )
  if (Number(values[0]) < 0)
    throw new Refusal(`Can only filter for positive property length got ${Number(values[0])} instead`)
}

function checkUuid({name}: SchemaProperty, {operator, type}: Filter): void {
  if (type !== 'text')
    throw new Refusal(`property "${name}" is of type "uuid" or "uuid[]": specify uuid as string using "valueText"`)
  if (!UUID_OPERATORS.has(operator)) throw new Refusal(`operator "${operator}" cannot be used on uuid/uuid[] props`)
}

function checkCount({dataType, name}: SchemaProperty, type: Filter['type']): void {
  if (type === 'int') return
  throw new Refusal(
    `Property "${name}" is a ref prop to the class "${dataType[0]}". Only "valueInt" can be used on a ref prop directly to count the number of refs. Or did you mean to filter on a primitive prop of the referenced class? In this case make sure your path contains 3 elements in the form of [<propName>, <ClassNameOfReferencedClass>, <primitvePropOnClass>]`,
  )
}

function checkType({dataType}: SchemaProperty, type: Filter['type'], values: Filter['values']): void {
  const own = dataType[0]!.replace('[]', '')
  const wanted = own === 'geoCoordinates' ? 'geoRange' : own
  if (type === wanted && values.length > 0) return
  const named = own === 'geoCoordinates' ? own : wanted
  throw new Refusal(
    `data type filter cannot use "${valueName(type)}" on type "${dataType[0]}", use "${valueName(named)}" instead`,
  )
}

function valueName(type: string | undefined): string {
  return `value${(type ?? '').slice(0, 1).toUpperCase()}${(type ?? '').slice(1)}`
}
