/** Transforms that are functions of whoever uses this, in a program or in a file. */
import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {pathToFileURL} from 'node:url'

import type {Changed, Transform} from './transform.js'

import {DataOpsError} from '../../model/errors.js'
import {isJsonObject, type JsonObject, type NamedVector, type WeaviateObject} from '../../model/object.js'
import {type WeaviateClass} from '../../model/schema.js'
import {isUuid} from '../../model/uuid-range.js'
import {sha256Hex} from '../../platform/node.js'

/** An object as functions see it: vectors are numbers. */
export interface PlainObject {
  /** Milliseconds since 1970, as is `updated`; what is given back is not used. */
  created?: number
  id: string
  properties: JsonObject
  tenant?: string
  /** Milliseconds since 1970; what is given back is not used. */
  updated?: number
  /** The unnamed vector. */
  vector?: Float32Array | number[]
  /** By name; a list of vectors for multi-vectors. */
  vectors?: Record<string, Array<Float32Array | number[]> | Float32Array | number[]>
}

/** What functions are told of the object at hand. */
export interface FunctionContext {
  collection: string
  /** Of the objects that are given. */
  schema: WeaviateClass
}

/** Functions that change a schema and its objects on the way. */
export interface TransformFunctions {
  /** What becomes of an object: null leaves it out. All of one page are asked for together. */
  object?: (
    object: PlainObject,
    context: FunctionContext,
  ) => null | PlainObject | PlainObject[] | Promise<null | PlainObject | PlainObject[]>
  /** Whether objects, or members of them, are left out. Default: true where there is `object`. */
  partial?: boolean
  /** What becomes of the schema; absent: it stays. */
  schema?: (schema: WeaviateClass) => WeaviateClass
}

/** `name`: stands in the metadata and in messages, with whatever else tells this transform from another. */
export function transformObjects(functions: TransformFunctions, record: JsonObject & {name: string}): Transform {
  const {object: change, partial = change !== undefined, schema: changeSchema} = functions
  let given = 0
  return {
    ...(partial && {isPartial: true}),
    record: {...record, kind: 'functions'},
    ...(change && {
      async page(objects, schema) {
        const first = given + 1
        given += objects.length
        const context = {collection: schema.class, schema}
        return Promise.all(
          objects.map(async (object, index) =>
            guarded({name: record.name, number: first + index, object}, async () =>
              fromResult(await change(asPlain(object), context), object),
            ),
          ),
        )
      },
    }),
    ...(changeSchema && {schema: (schema) => changedSchema(schema, changeSchema, record.name)}),
  }
}

/**
 * A module that exports `object(object, context)`, `schema(schema)` or both, and `partial = false` where it leaves nothing out.
 * @throws DataOpsError INVALID_INPUT.
 */
export async function loadTransform(file: string): Promise<Transform> {
  let sha256: string
  let exported: Record<string, unknown>
  try {
    sha256 = sha256Hex(await readFile(file))
    const url = pathToFileURL(path.resolve(file))
    // By its content: of a name alone Node loads a module once, and a file that was changed since would run as it was.
    url.searchParams.set('sha256', sha256)
    exported = (await import(url.href)) as Record<string, unknown>
  } catch (error) {
    throw new DataOpsError('INVALID_INPUT', `The transform ${file} cannot be loaded: ${messageOf(error)}`, {
      cause: error,
      hint: 'It is a JavaScript module, for example my-transform.mjs.',
    })
  }

  const {object, partial, schema} = exported
  const isFunction = (value: unknown): boolean => value === undefined || typeof value === 'function'
  if ((object ?? schema) === undefined || !isFunction(object) || !isFunction(schema)) {
    throw new DataOpsError('INVALID_INPUT', `The transform ${file} exports no function object or schema.`, {
      hint: 'For example: export function object(object) { return object }.',
    })
  }

  const functions = {
    object: object as TransformFunctions['object'],
    schema: schema as TransformFunctions['schema'],
    ...(typeof partial === 'boolean' && {partial}),
  }
  const record = {name: path.basename(file), sha256}
  return {
    ...transformObjects(functions, record),
    sent: {kind: 'module', path: path.resolve(file), sha256},
  }
}

async function guarded<T>(
  {name, number, object}: {name: string; number: number; object: WeaviateObject},
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DataOpsError && error.code === 'INTERRUPTED') throw error
    const {id, tenant} = object
    throw new DataOpsError(
      'INVALID_INPUT',
      `The transform ${name} failed on object ${number}, ${id}${tenant === undefined ? '' : ` of tenant "${tenant}"`}: ${messageOf(error)}`,
      {
        cause: error,
        details: {id, number, transform: name, ...(tenant !== undefined && {tenant})},
        hint: 'Mend the transform, or leave such objects out with a filter, and run it again.',
      },
    )
  }
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.endsWith('.') ? message : `${message}.`
}

function changedSchema(
  schema: WeaviateClass,
  change: NonNullable<TransformFunctions['schema']>,
  name: string,
): WeaviateClass {
  const refuse = (reason: string, cause?: unknown): DataOpsError =>
    new DataOpsError('INVALID_INPUT', `The transform ${name} makes no schema: ${reason}`, {cause})
  let changed: WeaviateClass
  try {
    changed = change(structuredClone(schema))
  } catch (error) {
    throw refuse(messageOf(error), error)
  }

  if (!isJsonObject(changed) || !Array.isArray(changed.properties ?? [])) throw refuse('what it returns is none.')
  if (changed.class !== schema.class) {
    throw refuse('the name of a collection is given where it is restored, not by a transform.')
  }

  return changed
}

function asPlain(object: WeaviateObject): PlainObject {
  const {creationTimeUnix: created, id, lastUpdateTimeUnix: updated, properties, tenant, vector, vectors} = object
  return {
    ...(created !== undefined && {created}),
    id,
    properties: structuredClone(properties),
    ...(tenant !== undefined && {tenant}),
    ...(updated !== undefined && {updated}),
    ...(vector?.length && {vector: toNumbers(vector)}),
    ...(vectors && {
      vectors: Object.fromEntries(Array.from(vectors, ([name, named]) => [name, namedToNumbers(named)])),
    }),
  }
}

function toNumbers(bytes: Uint8Array): Float32Array {
  // A copy: vectors are views of any alignment.
  const copy = new ArrayBuffer(bytes.length)
  new Uint8Array(copy).set(bytes)
  return new Float32Array(copy)
}

function namedToNumbers(vector: NamedVector): Float32Array | Float32Array[] {
  const all = toNumbers(vector.bytes)
  if (vector.kind === 'single') return all
  const rows = vector.dims === 0 ? 0 : all.length / vector.dims
  return Array.from({length: rows}, (_, row) => all.slice(row * vector.dims, (row + 1) * vector.dims))
}

function fromResult(result: null | PlainObject | PlainObject[] | undefined, source: WeaviateObject): Changed {
  if (result === undefined) throw new Error('it returns nothing; null leaves an object out')
  if (result === null) return null
  return Array.isArray(result) ? result.map((one) => fromPlain(one, source)) : fromPlain(result, source)
}

function fromPlain(object: PlainObject, source: WeaviateObject): WeaviateObject {
  const {id, properties, tenant, vector, vectors} = object
  if (typeof id !== 'string' || !isUuid(id)) throw new Error(`its id ${JSON.stringify(id)} is no UUID`)
  if (!isJsonObject(properties)) throw new Error('its properties are no object')
  if (tenant !== undefined && typeof tenant !== 'string') throw new Error('its tenant is no text')
  const {creationTimeUnix, lastUpdateTimeUnix} = source
  return {
    ...(creationTimeUnix !== undefined && {creationTimeUnix}),
    id: id.toLowerCase(),
    ...(lastUpdateTimeUnix !== undefined && {lastUpdateTimeUnix}),
    // As JSON has it, whatever was given: no dates, nothing undefined.
    // eslint-disable-next-line unicorn/prefer-structured-clone
    properties: JSON.parse(JSON.stringify(properties)) as JsonObject,
    ...(tenant !== undefined && {tenant}),
    ...(vector && vector.length > 0 && {vector: toBytes(vector, 'its vector')}),
    ...(vectors && {
      vectors: new Map(
        Object.entries(vectors).map(([name, named]) => [name, namedFromNumbers(named, `its vector "${name}"`)]),
      ),
    }),
  }
}

function namedFromNumbers(vector: Array<Float32Array | number[]> | Float32Array | number[], what: string): NamedVector {
  const rows =
    Array.isArray(vector) && typeof vector[0] === 'object' ? (vector as Array<Float32Array | number[]>) : undefined
  if (!rows) return {bytes: toBytes(vector as Float32Array | number[], what), kind: 'single'}
  const dims = rows[0]!.length
  if (rows.some((row) => row.length !== dims)) throw new Error(`${what} has rows of different lengths`)
  return {
    bytes: toBytes(
      rows.flatMap((row) => [...row]),
      what,
    ),
    dims,
    kind: 'multi',
  }
}

function toBytes(vector: Float32Array | number[], what: string): Uint8Array {
  const isNumbers =
    vector instanceof Float32Array || (Array.isArray(vector) && vector.every((item) => typeof item === 'number'))
  if (!isNumbers) throw new Error(`${what} is no list of numbers`)
  const numbers = Float32Array.from(vector)
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}
