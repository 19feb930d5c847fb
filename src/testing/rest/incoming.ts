import {randomUUID} from 'node:crypto'

import type {NamedVector} from '../../model/object.js'
import type {Filter} from '../filter.js'
import type {IncomingObject} from '../objects.js'
import type {Incoming} from '../properties.js'

import {Refusal} from '../refusal.js'
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
  if (body.id !== undefined && body.id !== '' && !canonicalUuid(body.id))
    throw new InvalidBody(601, `id in body must be of type uuid: ${JSON.stringify(body.id)}`)
  if (!body.class) throw new Refusal(422, 'invalid object: the given class is empty')
  if (Array.isArray(body.properties))
    throw new Refusal(422, "invalid object: could not recognize object's properties: []")
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
    throw new Refusal(500, 'multi vector array consists of vectors with varying dimensions')
  return {bytes: bytesOf(rows.flat()), dims, kind: 'multi'}
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
