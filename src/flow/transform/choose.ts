/** Transforms that leave objects out. */
import {Environment} from '@marcbachmann/cel-js'

import type {JsonObject, JsonValue, WeaviateObject} from '../../model/object.js'
import type {Warning} from '../../model/progress.js'

import {DataOpsError, throwIfAborted} from '../../model/errors.js'
import {nearestNames} from '../../model/nearest.js'
import {isMultiTenant, isReference, type SchemaProperty, type WeaviateClass} from '../../model/schema.js'
import {isUuid} from '../../model/uuid-range.js'
import {sha256Hex} from '../../platform/node.js'
import {ChosenKeys} from './chosen-keys.js'
import {FIXED, neverEqual, saidIn} from './never-equal.js'
import {eachObject, type Look, type Transform} from './transform.js'

const EXAMPLE = 'It is an expression in CEL, for example year >= 2020 && "news" in tags.'

/**
 * Objects for which a CEL expression is true: over `id`, `tenant`, `created`, `updated` (timestamps), `properties`, and each property by
 * its own name (null where the object has none). @throws DataOpsError INVALID_INPUT when it does not parse.
 */
export function where(expression: string): Transform {
  if (expression.trim() === '') {
    throw new DataOpsError('INVALID_INPUT', 'A filter is empty.', {details: {expression}, hint: EXAMPLE})
  }

  const parse = filterParser(expression)
  // What cannot be right with any schema is said at once.
  parse()
  let compiled: undefined | {filter: (object: WeaviateObject) => boolean; schema: WeaviateClass}
  return {
    isPartial: true,
    record: {expression, kind: 'where'},
    remark: (schema) => meantOtherwise(expression, schema),
    page(objects, schema) {
      if (compiled?.schema !== schema) compiled = {filter: parse(schema), schema}
      const {filter} = compiled
      return objects.map((object) => (filter(object) ? object : null))
    },
    schema(schema) {
      parse(schema)
      return schema
    },
  }
}

/** Without a schema: only whether it can be understood at all. */
function filterParser(expression: string): (schema?: WeaviateClass) => (object: WeaviateObject) => boolean {
  return (schema) => {
    const environment = new Environment({unlistedVariablesAreDyn: schema === undefined})
    for (const name of FIXED.keys()) environment.registerVariable(name, 'dyn')
    const members = (schema?.properties ?? []).filter(({name}) => !FIXED.has(name) && isOurs(environment, name))
    const readers = new Map((schema?.properties ?? []).map((property) => [property.name, readerOf(property)]))
    const evaluate = checked(environment, expression, schema)
    return (object) => {
      const properties: Record<string, unknown> = {}
      for (const [name, value] of Object.entries(object.properties))
        properties[name] = readers.get(name)?.(value) ?? value
      const context: Record<string, unknown> = {
        created: timeOf(object.creationTimeUnix),
        id: object.id,
        properties,
        tenant: object.tenant ?? null,
        updated: timeOf(object.lastUpdateTimeUnix),
      }
      for (const {name} of members) context[name] = properties[name] ?? null
      return decide(evaluate, context, {expression, object})
    }
  }
}

/** The next step where a filter is not understood. */
function howToSay(expression: string, problem: string, schema: undefined | WeaviateClass): string {
  const [word] = wordsIn(expression)
  if (word !== undefined)
    return `"${word}" is a word of CEL, the language of filters: a property of that name is properties["${word}"].`
  const unknown = /^Unknown variable: (\w+)$/.exec(problem)?.[1]
  if (unknown === undefined || !schema) return EXAMPLE
  const names = (schema.properties ?? []).map(({name}) => name)
  const near = nearestNames(unknown, names)
  return near.length > 0
    ? `Did you mean ${near.join(', ')}?`
    : `"${schema.class}" has ${names.join(', ') || 'no properties'}.`
}

/** Whether a variable can have that name: words of the language cannot, such as `type`; `properties["type"]` is the property. */
function isOurs(environment: Environment, name: string): boolean {
  try {
    environment.registerVariable(name, 'dyn')
    return true
  } catch {
    return false
  }
}

/** Words of the language that stand in an expression where a property may be meant. */
function wordsIn(expression: string): string[] {
  const names = expression.replaceAll(/"[^"]*"|'[^']*'/g, '""').match(/(?<![.\w])[A-Za-z_]\w*(?!\w|\s*\()/g) ?? []
  const all = new Environment()
  return [...new Set(names)].filter((name) => !isOurs(all, name) && !CONSTANTS.has(name) && !FIXED.has(name))
}

/** Names that a property may have, and that say something else of an object all the same. */
const OF_OBJECTS: ReadonlyMap<string, string> = new Map([
  ['created', 'when an object was created'],
  ['tenant', 'the tenant of an object'],
  ['updated', 'when an object was last written'],
])

/** Those of an expression that are properties of the collection too. */
function bothIn(ast: unknown, {properties}: WeaviateClass): string[] {
  const own = new Set((properties ?? []).map(({name}) => name).filter((name) => OF_OBJECTS.has(name)))
  return own.size === 0 ? [] : [...saidIn(ast, own)]
}

const TIMES: ReadonlySet<string> = new Set(['created', 'updated'])

/** Whether a filter of that record, as it stands in a backup's metadata, asks for times that the server gives each object anew where it is restored. */
export function asksForTimes({expression, kind}: JsonObject): boolean {
  if (kind !== 'where' || typeof expression !== 'string') return false
  const {ast} = new Environment({unlistedVariablesAreDyn: true}).parse(expression)
  return saidIn(ast, TIMES).size > 0
}

function meantOtherwise(expression: string, schema: WeaviateClass): undefined | Warning {
  const names = bothIn(new Environment({unlistedVariablesAreDyn: true}).parse(expression).ast, schema)
  if (names.length === 0) return undefined
  const said = names.map((name) => `"${name}" is ${OF_OBJECTS.get(name)}, and the property is properties["${name}"]`)
  return {
    code: 'filter-name',
    details: {collection: schema.class, expression, names},
    message: `In the filter ${expression} ${said.join('; ')}.`,
  }
}

const CONSTANTS = new Set(['false', 'in', 'null', 'true'])

type Evaluate = (context: Record<string, unknown>) => unknown

function checked(environment: Environment, expression: string, schema?: WeaviateClass): Evaluate {
  try {
    const parsed = environment.parse(expression)
    const wrong = schema && neverEqual(parsed.ast, schema)
    if (wrong !== undefined) throw new Error(wrong)
    if (schema && !isMultiTenant(schema) && bothIn(parsed.ast, schema).includes('tenant'))
      throw new Error('the collection has no tenants, and the property "tenant" is properties["tenant"]')
    const {error, type, valid} = parsed.check()
    if (!valid) throw error ?? new Error('it is not valid')
    if (type !== 'bool' && type !== 'dyn') throw new Error(`it is of type ${type}, not true or false`)
    return (context) => parsed(context) as unknown
  } catch (error) {
    throw new DataOpsError('INVALID_INPUT', `The filter ${expression} cannot be understood: ${firstLine(error)}.`, {
      cause: error,
      details: {expression},
      hint: howToSay(expression, firstLine(error), schema),
    })
  }
}

function decide(
  evaluate: Evaluate,
  context: Record<string, unknown>,
  {expression, object}: {expression: string; object: WeaviateObject},
): boolean {
  let result: unknown
  let reason: string | undefined
  try {
    result = evaluate(context)
  } catch (error) {
    reason = firstLine(error)
  }

  if (typeof result === 'boolean') return result
  throw new DataOpsError(
    'INVALID_INPUT',
    `The filter ${expression} says neither true nor false of the object ${object.id}${object.tenant === undefined ? '' : ` of tenant "${object.tenant}"`}: ${reason ?? 'its value is something else'}.`,
    {
      details: {expression, id: object.id, ...(object.tenant !== undefined && {tenant: object.tenant})},
      hint: 'A property that an object lacks is null: ask for that first, as in year != null && year > 2000.',
    },
  )
}

function firstLine(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1)
  return line.replace(/\.$/, '')
}

function timeOf(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms)
}

/** Values as CEL has them: ints are no doubles, dates are timestamps. */
function readerOf(property: SchemaProperty): ((value: JsonValue) => unknown) | undefined {
  if (isReference(property)) return undefined
  const type = property.dataType[0] ?? ''
  const one = type.startsWith('int') ? asInt : type.startsWith('date') ? asDate : undefined
  if (!one) return undefined
  return type.endsWith('[]') ? (value) => (Array.isArray(value) ? value.map((item) => one(item)) : value) : one
}

function asInt(value: JsonValue): unknown {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
}

function asDate(value: JsonValue): unknown {
  const date = typeof value === 'string' ? new Date(value) : undefined
  return date && !Number.isNaN(date.getTime()) ? date : value
}

/**
 * Objects with these UUIDs, of any tenant. Which of them are not there is looked for first, and warned of (`ids-not-there`).
 * @throws DataOpsError INVALID_INPUT naming what is no UUID, and for a list of none.
 */
export function onlyIds(ids: Iterable<string>): Transform {
  const wanted = new Set<string>()
  for (const id of ids) {
    if (!isUuid(id)) {
      throw new DataOpsError('INVALID_INPUT', `"${id.slice(0, 80)}" is no UUID.`, {hint: 'Give one UUID a line.'})
    }

    wanted.add(id.toLowerCase())
  }

  if (wanted.size === 0) throw new DataOpsError('INVALID_INPUT', 'The list of ids is empty: nothing would be left.')
  const record = {ids: wanted.size, kind: 'ids', sha256: sha256Hex([...wanted].sort().join('\n'))}
  const made = (warning?: Warning): Transform => ({
    ...choice(record, ({id}) => wanted.has(id)),
    async look(look) {
      return made(absentWarning(await absentOf(look, wanted), wanted.size, look.schema.class))
    },
    get sent() {
      return {ids: [...wanted], kind: 'ids'}
    },
    ...(warning && {warning}),
  })
  return made()
}

async function absentOf({pages, signal}: Look, wanted: ReadonlySet<string>): Promise<string[]> {
  const absent = new Set(wanted)
  for await (const objects of pages()) {
    throwIfAborted(signal)
    for (const {id} of objects) absent.delete(id)
  }

  return [...absent].sort()
}

/** Ids that a warning names at most. */
const NAMED_IDS = 5

function absentWarning(absent: readonly string[], asked: number, collection: string): undefined | Warning {
  if (absent.length === 0) return undefined
  const named = absent.slice(0, NAMED_IDS)
  const more = absent.length > named.length ? ', …' : ''
  return {
    code: 'ids-not-there',
    details: {absent: absent.length, asked, ids: named},
    message: `${absent.length} of the ${asked} ids are not those of objects of "${collection}": ${named.join(', ')}${more}`,
  }
}

/** The first so many objects, by UUID (and tenant). */
export function limit(objects: number): Transform {
  return chosen('limit', {objects}, (object) => keyOf(object))
}

/** So many objects, or with `1%` such a share of them, spread evenly; the same for the same seed. @throws DataOpsError INVALID_INPUT. */
export function sample(size: number | string, seed = ''): Transform {
  const rank = rankBy(seed)
  const share = typeof size === 'string' && size.endsWith('%') ? Number(size.slice(0, -1)) : undefined
  const objects = Number(size)
  if (share === undefined && !Number.isNaN(objects)) return chosen('sample', {objects, seed}, rank)
  if (share === undefined || !(share > 0 && share <= 100)) {
    throw new DataOpsError('INVALID_INPUT', `A sample of ${size} is none.`, {hint: 'For example 1% or 1000.'})
  }

  // Of the 53 bits that a number holds whole.
  const isIn = (object: WeaviateObject): boolean =>
    Number.parseInt(rank(object).slice(0, 13), 16) / 2 ** 52 < share / 100
  return choice({kind: 'sample', percent: share, seed}, isIn)
}

/** By what is known without properties and vectors. */
function choice(record: Transform['record'], isChosen: (object: WeaviateObject) => boolean): Transform {
  return {isPartial: true, page: eachObject((object) => (isChosen(object) ? object : null)), reads: 'ids', record}
}

/** Those of the lowest rank: all are looked at first, so that which they are does not depend on the order of reading. */
function chosen(
  kind: 'limit' | 'sample',
  options: {objects: number; seed?: string},
  rank: (object: WeaviateObject) => string,
): Transform {
  if (!Number.isSafeInteger(options.objects) || options.objects < 1) {
    throw new DataOpsError('INVALID_INPUT', `A ${kind} of ${options.objects} objects is none.`, {
      hint: 'Give a whole number above 0.',
    })
  }

  return {
    isPartial: true,
    async look(look) {
      const {last, ranks} = await lowestRanks(look, options.objects, rank)
      const among = look.isLive ? ChosenKeys.of(ranks) : undefined
      return upTo(kind, {...options, ...(last !== undefined && {last})}, {among, rank})
    },
    reads: 'ids',
    record: {...options, kind},
  }
}

/** `among`: those that were there, of a source that may have others by now. */
function upTo(
  kind: string,
  bound: {last?: string; objects: number; seed?: string},
  {among, rank}: {among?: ChosenKeys; rank: (object: WeaviateObject) => string},
): Transform {
  const {last} = bound
  const record = {...bound, kind}
  const isChosen = (object: WeaviateObject): boolean => {
    const own = rank(object)
    return (last === undefined || own <= last) && (among?.has(own) ?? true)
  }

  return {
    ...choice(record, isChosen),
    ...(among && {
      get sent() {
        return {...record, among: among.sent}
      },
    }),
  }
}

/** So many lowest ranks, and the highest of them: undefined when there are no more objects than that. */
async function lowestRanks(
  {pages, signal}: Look,
  count: number,
  rank: (object: WeaviateObject) => string,
): Promise<{last?: string; ranks: string[]}> {
  let lowest: string[] = []
  let all = 0
  let bound: string | undefined
  const cut = (): void => {
    lowest = lowest.sort().slice(0, count)
    if (lowest.length === count) bound = lowest.at(-1)
  }

  for await (const objects of pages()) {
    throwIfAborted(signal)
    all += objects.length
    for (const object of objects) {
      const own = rank(object)
      if (bound === undefined || own < bound) lowest.push(own)
    }

    if (lowest.length > count * 2 + 1000) cut()
  }

  cut()
  return {ranks: lowest, ...(all > count && {last: lowest.at(-1)})}
}

function rankBy(seed: string): (object: WeaviateObject) => string {
  return (object) => sha256Hex(`${seed}\n${keyOf(object)}`)
}

function keyOf({id, tenant}: WeaviateObject): string {
  return `${id}/${tenant ?? ''}`
}

/** From what stands in a backup's metadata; undefined: what decides is not there (a list of ids). */
export function chosenAgain(record: Record<string, unknown>): Transform | undefined {
  const {among, expression, kind, last, objects, percent, seed = ''} = record
  if (kind === 'where' && typeof expression === 'string') return where(expression)
  if (kind === 'sample' && typeof percent === 'number' && typeof seed === 'string') return sample(`${percent}%`, seed)
  if (typeof objects !== 'number' || typeof seed !== 'string') return undefined
  const decided = {objects, ...(typeof last === 'string' && {last})}
  const chosenOf = typeof among === 'string' ? {among: ChosenKeys.received(among)} : {}
  if (kind === 'limit') return upTo(kind, decided, {...chosenOf, rank: keyOf})
  if (kind === 'sample') return upTo(kind, {...decided, seed}, {...chosenOf, rank: rankBy(seed)})
  return undefined
}
