import {randomUUID} from 'node:crypto'

import type {NamedVector} from '../../object.js'
import type {Filter} from '../filter.js'
import type {IncomingObject} from '../objects.js'
import type {Incoming} from '../properties.js'

import {Refusal} from '../refusal.js'
import {bytesOf, canonicalUuid} from '../values.js'
import {InvalidBody} from './schema-routes.js'

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
  if (body.id !== undefined && body.id !== '' && !canonicalUuid(body.id))
    throw new InvalidBody(601, `id in body must be of type uuid: ${JSON.stringify(body.id)}`)
  if (!body.class) throw new Refusal(422, 'invalid object: the given class is empty')
  const named = Object.entries(body.vectors ?? {}).flatMap(([name, vector]): Array<[string, NamedVector]> =>
    vector === null ? [] : [[name, namedVector(vector)]],
  )
  return {
    collection: body.class,
    id: body.id || randomUUID(),
    properties: body.properties ?? {},
    tenant: body.tenant ?? '',
    transport: 'rest',
    ...(body.vector && {vector: bytesOf(body.vector)}),
    ...(named.length > 0 && {vectors: new Map(named)}),
  }
}

function namedVector(vector: number[] | number[][]): NamedVector {
  if (!Array.isArray(vector[0])) return {bytes: bytesOf(vector as number[]), kind: 'single'}
  return {bytes: bytesOf((vector as number[][]).flat()), dims: vector[0].length, kind: 'multi'}
}

export interface WhereBody {
  operands?: null | WhereBody[]
  operator: string
  path?: string[]
  [value: string]: unknown
}

export function incomingFilter(where: WhereBody): Filter {
  const [, value] = Object.entries(where).find(([name]) => name.startsWith('value')) ?? []
  return {
    operands: (where.operands ?? []).map((operand) => incomingFilter(operand)),
    operator: where.operator,
    path: where.path?.at(-1) ?? '',
    values: (Array.isArray(value) ? value : value === undefined ? [] : [value]) as Filter['values'],
  }
}
