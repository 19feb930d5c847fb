/** Transforms as they stand in a backup's metadata, made again. */
import type {Transform} from './transform.js'

import {isJsonObject, type JsonObject, type JsonValue} from '../../model/object.js'
import {chosenAgain} from './choose.js'
import {convert, drop, rename} from './properties.js'
import {intoTenant, outOfTenants, selectTenants, tenantFrom} from './tenants.js'
import {dropVector, moveVector, withoutVectors} from './vectors.js'

/** One that a record does not tell enough of, and what is to be given again. */
export interface Unknown {
  kind: string
  record: JsonObject
}

/**
 * `given`: transforms of this run, which stand in for those that a record cannot tell of (a list of ids, functions) when their records are the same.
 */
export function transformsAgain(
  records: readonly JsonValue[],
  given: readonly Transform[] = [],
): {transforms: Transform[]; unknown: Unknown[]} {
  const byRecord = new Map(given.map((transform) => [recordKey(transform.record), transform]))
  const transforms: Transform[] = []
  const unknown: Unknown[] = []
  for (const value of records) {
    const record = isJsonObject(value) ? value : {}
    const transform = byRecord.get(recordKey(record)) ?? again(record)
    if (transform) transforms.push(transform)
    else unknown.push({kind: typeof record.kind === 'string' ? record.kind : 'unknown', record})
  }

  return {transforms, unknown}
}

/** The same for the same record, whatever the order of its members. */
export function recordKey(record: JsonObject): string {
  return JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function again(record: JsonObject): Transform | undefined {
  const text = (name: string): string | undefined => (typeof record[name] === 'string' ? record[name] : undefined)
  const texts = (name: string): string[] | undefined => {
    const list = record[name]
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined
  }

  const makers: Readonly<Record<string, () => Transform | undefined>> = {
    convert: () => using(text('name'), text('type'), convert),
    drop: () => using(texts('names'), true, drop),
    'drop-vector': () => using(text('name'), true, dropVector),
    'into-tenant': () => using(text('tenant'), true, intoTenant),
    'no-vectors': () => withoutVectors(),
    'out-of-tenants': () => outOfTenants(),
    rename: () => (isJsonObject(record.names) ? rename(record.names as Record<string, string>) : undefined),
    'tenant-from': () => using(text('property'), true, tenantFrom),
    tenants: () => using(texts('rules'), true, selectTenants),
    vector: () => using(text('from'), text('to'), moveVector),
  }
  const kind = text('kind') ?? ''
  return Object.hasOwn(makers, kind) ? makers[kind]?.() : chosenAgain(record)
}

function using<A, B>(a: A | undefined, b: B | undefined, make: (a: A, b: B) => Transform): Transform | undefined {
  return a === undefined || b === undefined ? undefined : make(a, b)
}
