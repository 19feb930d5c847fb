/** Transforms that are functions of whoever uses this, in a program or in a file. */
import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {pathToFileURL} from 'node:url'

import type {Transform} from './transform.js'

import {DataOpsError} from '../../model/errors.js'
import {isJsonObject, type JsonObject, type WeaviateObject} from '../../model/object.js'
import {flawOfClass} from '../../model/schema-fields.js'
import {type WeaviateClass} from '../../model/schema.js'
import {sha256Hex} from '../../platform/node.js'
import {hashOfImports} from './imports.js'
import {keptProperties} from './kept.js'
import {asPlain, fromResult, type PlainObject} from './plain.js'

/** What functions are told of the object at hand. */
export interface FunctionContext {
  collection: string
  /** Of the objects that are given; a copy. */
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
  // Of each collection by itself: one transform may be that of several.
  const given = new WeakMap<WeaviateClass, number>()
  const after = (schema: WeaviateClass): WeaviateClass =>
    changeSchema ? changedSchema(schema, changeSchema, record.name) : schema
  let known: undefined | {context: FunctionContext; kept: Kept; of: WeaviateClass}
  const knownOf = (schema: WeaviateClass): NonNullable<typeof known> => {
    if (known?.of !== schema) {
      const context = {collection: schema.class, schema: structuredClone(schema)}
      known = {context, kept: keptProperties(after(schema).properties ?? []), of: schema}
    }

    return known
  }

  return {
    ...(partial && {isPartial: true}),
    record: {...record, kind: 'functions'},
    ...(change && {
      async page(objects, schema) {
        const before = given.get(schema) ?? 0
        given.set(schema, before + objects.length)
        const {context, kept} = knownOf(schema)
        return allAnswered(
          objects.map((object, index) => ({name: record.name, number: before + index + 1, object})),
          async ({object}) => fromResult(await change(asPlain(object), context), object, kept),
        )
      },
    }),
    ...(changeSchema && {schema: after}),
  }
}

type Kept = (properties: JsonObject) => JsonObject

/** An object that a function is asked about. */
interface Asked {
  /** Of the transform. */
  name: string
  /** Of the objects of its collection, from 1. */
  number: number
  object: WeaviateObject
}

/**
 * A module that exports `object(object, context)`, `schema(schema)` or both, and `partial = false` where it leaves nothing out.
 * @throws DataOpsError INVALID_INPUT.
 */
export async function loadTransform(file: string): Promise<Transform> {
  let sha256: string
  let imports: string | undefined
  let exported: Record<string, unknown>
  try {
    const bytes = await readFile(file)
    sha256 = sha256Hex(bytes)
    imports = await hashOfImports(file, bytes.toString('utf8'))
    const url = pathToFileURL(path.resolve(file))
    // By its content: of a name alone Node loads a module once, and a file that was changed since would run as it was.
    url.searchParams.set('sha256', sha256)
    exported = await orStuck(
      import(url.href) as Promise<Record<string, unknown>>,
      () => new Error('it waits for what never comes'),
    )
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
  const hashes = {...(imports !== undefined && {imports}), sha256}
  const record = {name: path.basename(file), ...hashes}
  return {
    ...transformObjects(functions, record),
    sent: {kind: 'module', path: path.resolve(file), ...hashes},
  }
}

/** All at once. @throws DataOpsError INVALID_INPUT that names the object of the first failure, or of one that is never answered. */
async function allAnswered<T>(asked: readonly Asked[], ask: (one: Asked) => Promise<T>): Promise<T[]> {
  const open = new Set(asked)
  const answers = asked.map(async (one) => {
    try {
      return await ask(one)
    } catch (error) {
      throw error instanceof DataOpsError && error.code === 'INTERRUPTED' ? error : failure(one, error)
    } finally {
      open.delete(one)
    }
  })
  return orStuck(Promise.all(answers), () => {
    const [one] = open
    return one && failure(one, new Error('it never answers'))
  })
}

/** Fails once nothing is left in the program that could end the task: it would end here, as if all were well. */
async function orStuck<T>(task: Promise<T>, why: () => Error | undefined): Promise<T> {
  const {promise: stuck, reject} = Promise.withResolvers<never>()
  const onEnd = (): void => {
    const error = why()
    if (error) reject(error)
  }

  process.on('beforeExit', onEnd)
  try {
    return await Promise.race([stuck, task])
  } finally {
    process.off('beforeExit', onEnd)
  }
}

function failure({name, number, object: {id, tenant}}: Asked, error: unknown): DataOpsError {
  return new DataOpsError(
    'INVALID_INPUT',
    `The transform ${name} failed on object ${number}, ${id}${tenant === undefined ? '' : ` of tenant "${tenant}"`}: ${messageOf(error)}`,
    {
      cause: error,
      details: {id, number, transform: name, ...(tenant !== undefined && {tenant})},
      hint: 'Mend the transform, or leave such objects out with a filter, and run it again.',
    },
  )
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : textOf(error)
  return message.endsWith('.') ? message : `${message}.`
}

/** What is thrown need be no text, nor become one. */
function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'it throws what is no error'
  }
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
  const flaw = flawOfClass(changed)
  if (flaw !== undefined) throw refuse(`${flaw}.`)
  if (changed.class !== schema.class) {
    throw refuse('the name of a collection is given where it is restored, not by a transform.')
  }

  return changed
}
