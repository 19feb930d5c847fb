import {randomUUID} from 'node:crypto'

import type {NamedVector} from '../../model/object.js'
import type {IncomingObject} from '../objects.js'
import type {Incoming} from '../properties.js'

import {type Filter, type FilterType, GROUPS, OPERATORS} from '../filter-model.js'
import {Refusal, within} from '../refusal.js'
import {bytesOf, canonicalUuid, filled} from '../values.js'
import {InvalidBody} from './router.js'

/** An object as it stands in a request's body. */
export interface ObjectBody {
  class?: string
  id?: string
  properties?: Incoming | null
  tenant?: string
  vector?: null | number[]
  vectors?: null | Record<string, null | number[] | number[][]>
}

/** @throws InvalidBody when the id is no UUID. */
export function incomingObject(body: ObjectBody): IncomingObject {
  if (filled(body.id) !== undefined && !canonicalUuid(body.id))
    throw new InvalidBody(601, `id in body must be of type uuid: ${JSON.stringify(body.id)}`)
  if (!body.class) throw new Refusal('invalid object: the given class is empty')
  if (Array.isArray(body.properties)) throw new Refusal("invalid object: could not recognize object's properties: []")
  if (body.vector && !isNumbers(body.vector))
    throw new InvalidBody(400, 'parsing body body from "" failed, because json: cannot unmarshal Object.vector')
  const named = Object.entries(body.vectors ?? {}).flatMap(([name, vector]): Array<[string, NamedVector]> =>
    vector === null ? [] : [[name, namedVector(vector)]],
  )
  return {
    collection: body.class,
    id: filled(body.id) ?? randomUUID(),
    properties: body.properties ?? {},
    tenant: body.tenant ?? '',
    transport: 'rest',
    ...(body.vector && {vector: bytesOf(body.vector)}),
    ...(named.length > 0 && {vectors: new Map(named)}),
  }
}

function isNumbers(vector: unknown): boolean {
  return Array.isArray(vector) && vector.every((component) => typeof component === 'number')
}

function namedVector(vector: number[] | number[][]): NamedVector {
  if (!Array.isArray(vector[0])) return {bytes: bytesOf(vector as number[]), kind: 'single'}
  const rows = vector as number[][]
  const dims = rows[0]!.length
  if (rows.some((row) => row.length !== dims))
    throw new Refusal('multi vector array consists of vectors with varying dimensions', 500)
  return {bytes: bytesOf(rows.flat()), dims, kind: 'multi'}
}

export interface WhereBody {
  operands?: null | WhereBody[]
  operator?: string
  path?: null | string[]
  [value: string]: unknown
}

const WHERE_VALUES: Record<string, {is: (value: unknown) => boolean; type: FilterType}> = {
  valueBoolean: {is: (value) => typeof value === 'boolean', type: 'boolean'},
  valueDate: {is: (value) => typeof value === 'string', type: 'date'},
  valueInt: {is: (value) => Number.isInteger(value), type: 'int'},
  valueNumber: {is: (value) => typeof value === 'number', type: 'number'},
  valueString: {is: (value) => typeof value === 'string', type: 'text'},
  valueText: {is: (value) => typeof value === 'string', type: 'text'},
}

/** @throws InvalidBody, Refusal 422. */
export function incomingFilter(where: WhereBody): Filter {
  const {operands, operator = '', path} = where
  if (!OPERATORS.includes(operator))
    throw new InvalidBody(606, `match.where.operator in body should be one of [${OPERATORS.join(' ')}]`)
  const values = valuesOf(where)
  if (!GROUPS.has(operator)) return within('invalid where filter: ', () => clause(operator, path ?? [], values))
  return within('invalid where filter: ', () => {
    const otherwise = 'or switch to compare operator (eg. Equal, NotEqual, etc.)'
    const name = `operator '${operator}'`
    if (path) throw new Refusal(`${name} not compatible with field 'path', remove 'path' ${otherwise}`)
    if (values.length > 0)
      throw new Refusal(`${name} not compatible with field 'value<Type>', remove value field ${otherwise}`)
    if (!operands?.length) throw new Refusal(`${name}, but no operands set - add at least one operand`)
    const read = operands.map((operand, index) => within(`operand ${index}: `, () => incomingFilter(operand)))
    return {operands: read, operator, path: [], type: undefined, values: []}
  })
}

type WhereValue = Pick<Filter, 'isList' | 'type' | 'values'>

function clause(operator: string, path: string[], values: WhereValue[]): Filter {
  const [value] = values
  if (values.length > 1) throw new Refusal('found more than one values the clause')
  if (!value) throw new Refusal(`got operator '${operator}', but no value<Type> field set`)
  if (path.length === 0) throw new Refusal("field 'path': must have at least one element")
  if (path.length % 2 === 0)
    throw new Refusal("field 'path': path must have an odd number of elements: property, class, property, …")
  return {operator, path, ...value}
}

function valuesOf(where: WhereBody): WhereValue[] {
  const found: WhereValue[] = []
  for (const [name, {is, type}] of Object.entries(WHERE_VALUES)) {
    const single = where[name]
    const list = where[`${name}Array`] as undefined | unknown[]
    for (const value of [...(single === undefined || single === null ? [] : [single]), ...(list ?? [])])
      if (!is(value))
        throw new InvalidBody(
          400,
          `parsing body body from "" failed, because json: cannot unmarshal ${goKind(value)} into Go struct field WhereFilter.match.where.${name}`,
        )
    if (single !== undefined && single !== null) found.push({isList: false, type, values: [single as string]})
    else if (list?.length) found.push({type, values: list as string[]})
  }

  const range = where.valueGeoRange as GeoRangeBody | undefined
  if (range) {
    const {distance, geoCoordinates: {latitude = 0, longitude = 0} = {}} = range
    found.push({type: 'geoRange', values: [{distance: distance?.max ?? 0, latitude, longitude}]})
  }

  return found
}

interface GeoRangeBody {
  distance?: {max?: number}
  geoCoordinates?: {latitude?: number; longitude?: number}
}

function goKind(value: unknown): string {
  if (typeof value === 'number') return `number ${value}`
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'string' ? 'string' : 'object'
}
