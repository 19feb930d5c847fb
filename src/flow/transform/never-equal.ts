/** Comparisons in a filter that say the same of every object, since the two sides are never of one kind: a date beside a text. */
import {UnsignedInt} from '@marcbachmann/cel-js/evaluator'

import {type JsonValue} from '../../model/object.js'
import {isReference, type SchemaProperty, type WeaviateClass} from '../../model/schema.js'

/** As the parser gives it: what the arguments are depends on `op`. */
interface Node {
  args: unknown
  op: string
}

type Kind = 'a boolean' | 'a length of time' | 'a date' | 'a list' | 'a number' | 'a text' | 'bytes'

const KINDS: Readonly<Record<string, Kind>> = {
  blob: 'a text',
  boolean: 'a boolean',
  date: 'a date',
  int: 'a number',
  number: 'a number',
  string: 'a text',
  text: 'a text',
  uuid: 'a text',
}

/** What an expression may name beside properties. */
export const FIXED: ReadonlyMap<string, Kind | undefined> = new Map<string, Kind | undefined>([
  ['created', 'a date'],
  ['id', 'a text'],
  ['properties', undefined],
  ['tenant', 'a text'],
  ['updated', 'a date'],
])

/** What an expression stands for, as far as that is known of each object; null, which it may be as well, equals null alone. */
interface Known {
  /** Of a list: what each of its values is. */
  each?: Known
  /** Of a number that no property can be. */
  isUnsigned?: boolean
  kind?: Kind
  /** Of an object: what is in it. */
  members?: Scope
  name: string
}

/** What names stand for; undefined: nothing is known of it. */
type Scope = ReadonlyMap<string, Known | undefined>

/** Calls on a list in which the first argument is a name for each of its values. */
const OVER_LISTS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'filter', 'map'])

/** Those of them that say whether. */
const SAYING: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one'])

/** The first of them, in a sentence without its dot; undefined: there is none. */
export function neverEqual(ast: unknown, schema: WeaviateClass): string | undefined {
  const members = new Map<string, Known | undefined>()
  for (const property of schema.properties ?? []) {
    if (!isReference(property)) members.set(property.name, knownOf(property, property.name, false))
  }

  const scope = new Map(members)
  for (const [name, kind] of FIXED) scope.set(name, {kind, name})
  scope.set('properties', {members, name: 'properties'})
  return firstIn(ast, scope)
}

/**
 * The library finds an unsigned number equal to others by itself only; as one of a list or as a value of a map it is equal to unsigned
 * ones alone.
 */
function ofUnsigned({args, op}: Node, scope: Scope): string | undefined {
  const values: unknown[] = Array.isArray(args) ? args : []
  const [first, second] = values
  const compared = op === 'list' ? [...values] : op === 'map' ? values.map((entry) => (entry as unknown[])[1]) : []
  // Keys of a map are found by their text.
  if (op === 'in' && !(isNode(second) && second.op === 'map')) compared.push(first)
  const number = firstOf(compared, (each) => unsigned(each, scope))
  return number && `${number} equals nothing in a list: write it as a number without u`
}

/** Those that a comparison of unsigned numbers with nothing else is made of; undefined: it is none. */
function unsignedAlone({args, op}: Node, scope: Scope): unknown[] | undefined {
  if (!Array.isArray(args) || !['!=', '==', 'in'].includes(op)) return undefined
  const [a, b] = args as [unknown, unknown]
  const few = op === 'in' ? [a] : itemsOf(a)
  const items = [...few, ...itemsOf(b)]
  const isOne = few.length > 0 && items.length > few.length
  return isOne && items.every((each) => unsigned(each, scope) !== undefined) ? items : undefined
}

/** Of a list that stands in the expression. */
function itemsOf(node: unknown): unknown[] {
  return isNode(node) && node.op === 'list' && Array.isArray(node.args) ? node.args : []
}

const COUNTING: ReadonlySet<string> = new Set(['%', '*', '+', '-', '/'])

/** How it is shown, where it is one. */
function unsigned(node: unknown, scope: Scope): string | undefined {
  if (!isNode(node)) return undefined
  const {args, op} = node
  if (op === 'value') return args instanceof UnsignedInt ? `${String(args.valueOf())}u` : undefined
  if (op === 'id') return typeof args === 'string' && scope.get(args)?.isUnsigned ? args : undefined
  if (!Array.isArray(args)) return undefined
  if (op === 'call') return args[0] === 'uint' ? 'uint(…)' : undefined
  return COUNTING.has(op) || op === '?:'
    ? firstOf(args.slice(op === '?:' ? 1 : 0), (each) => unsigned(each, scope))
    : undefined
}

/** Dates are dates in an object's own properties; within those they are what the server shows. */
function knownOf({dataType, nestedProperties}: SchemaProperty, name: string, isWithin: boolean): Known {
  const type = dataType[0] ?? ''
  if (type.endsWith('[]')) {
    const one = {dataType: [type.slice(0, -2)], name, nestedProperties}
    return {each: knownOf(one, `each of ${name}`, isWithin), kind: 'a list', name}
  }

  if (type === 'object') {
    const members = (nestedProperties ?? []).map((each): [string, Known] => [
      each.name,
      knownOf(each, `${name}.${each.name}`, true),
    ])
    return {members: new Map(members), name}
  }

  return {kind: isWithin && type === 'date' ? 'a text' : KINDS[type], name}
}

function firstOf(nodes: readonly unknown[], find: (node: unknown) => string | undefined): string | undefined {
  for (const node of nodes) {
    const found = find(node)
    if (found !== undefined) return found
  }

  return undefined
}

function firstIn(node: unknown, scope: Scope): string | undefined {
  if (Array.isArray(node)) return firstOf(node, (each) => firstIn(each, scope))
  if (!isNode(node)) return undefined
  const named = namedIn(node, scope)
  if (!named) {
    const alone = unsignedAlone(node, scope)
    return alone
      ? firstIn(alone, scope)
      : (ofUnsigned(node, scope) ?? ofComparison(node, scope) ?? firstIn(node.args, scope))
  }

  const {inside, known, name, outside} = named
  return firstIn(outside, scope) ?? firstIn(inside, new Map([...scope, [name, known]]))
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}

function ofComparison({args, op}: Node, scope: Scope): string | undefined {
  if (!Array.isArray(args) || args.length !== 2) return undefined
  const [a, b] = args as [unknown, unknown]
  if (op === '==' || op === '!=') return apart(knownIn(a, scope), b) ?? apart(knownIn(b, scope), a)
  if (op !== 'in') return undefined
  if (isNode(b) && b.op === 'list' && Array.isArray(b.args)) {
    const known = knownIn(a, scope)
    return firstOf(b.args, (item) => apart(known, item))
  }

  return apart(knownIn(b, scope)?.each, a)
}

function apart(known: Known | undefined, other: unknown): string | undefined {
  const literal = literalIn(other)
  if (!known?.kind || literal === undefined || known.kind === literal.kind) return undefined
  const {shown} = literal
  const help = known.kind === 'a date' && literal.kind === 'a text' ? `: compare it with timestamp(${shown})` : ''
  return `"${known.name}" is ${known.kind}, which ${shown} never equals${help}`
}

const MADE: ReadonlyMap<string, Kind> = new Map([
  ['bytes', 'bytes'],
  ['duration', 'a length of time'],
  ['timestamp', 'a date'],
])

/** A value that stands in the expression, and how it is shown. */
function literalIn(node: unknown): undefined | {kind: Kind; shown: string; value?: JsonValue} {
  if (!isNode(node)) return undefined
  if (node.op === 'call' && Array.isArray(node.args)) {
    const [called, given] = node.args as [string, unknown[] | undefined]
    const kind = MADE.get(called)
    return kind && {kind, shown: `${called}(${literalIn(given?.[0])?.shown ?? '…'})`}
  }

  if (node.op !== 'value') return undefined
  const value: unknown = node.args
  if (typeof value === 'string') return {kind: 'a text', shown: JSON.stringify(value), value}
  if (typeof value === 'boolean') return {kind: 'a boolean', shown: String(value), value}
  if (value instanceof Uint8Array) return {kind: 'bytes', shown: `b${JSON.stringify(new TextDecoder().decode(value))}`}
  if (typeof value === 'number' || typeof value === 'bigint')
    return {kind: 'a number', shown: String(value), value: Number(value)}
  return undefined
}

/** A name, a member of an object, or a value of a list. */
function knownIn(node: unknown, scope: Scope): Known | undefined {
  if (!isNode(node)) return undefined
  if (node.op === 'id' && typeof node.args === 'string') return scope.get(node.args)
  if ((node.op !== '.' && node.op !== '[]') || !Array.isArray(node.args)) return undefined
  const [of, member] = node.args as unknown[]
  const {each, members} = knownIn(of, scope) ?? {}
  const name = typeof member === 'string' ? member : literalIn(member)?.value
  return typeof name === 'string' ? members?.get(name) : node.op === '[]' ? each : undefined
}

interface Named {
  /** Where the name stands for what it was given for. */
  inside: unknown[]
  known: Known | undefined
  name: string
  outside: unknown[]
}

/** Of a call that gives values a name of its own: `tags.exists(tag, …)`, `cel.bind(name, value, …)`. */
function namedIn({args, op}: Node, scope: Scope): Named | undefined {
  if (op !== 'rcall' || !Array.isArray(args)) return undefined
  const [called, of, given] = args as unknown[]
  if (!Array.isArray(given)) return undefined
  const [variable, ...rest] = given as unknown[]
  if (!isNode(variable) || variable.op !== 'id' || typeof variable.args !== 'string') return undefined
  const name = variable.args
  if (typeof called === 'string' && OVER_LISTS.has(called)) {
    const items = itemsOf(of)
    const isUnsigned = items.length > 0 && items.every((each) => unsigned(each, scope) !== undefined)
    const known = isUnsigned ? {isUnsigned, name} : knownIn(of, scope)?.each
    // What these say is no list in its turn.
    return {inside: rest, known, name, outside: isUnsigned && SAYING.has(called) ? items : [of]}
  }

  const isBind = called === 'bind' && isNode(of) && of.op === 'id' && of.args === 'cel'
  if (!isBind) return undefined
  const known = unsigned(rest[0], scope) === undefined ? knownIn(rest[0], scope) : {isUnsigned: true, name}
  return {inside: rest.slice(1), known, name, outside: [rest[0]]}
}

/** Which of some names an expression says, other than for values that it has named so itself. */
export function saidIn(node: unknown, names: ReadonlySet<string>): ReadonlySet<string> {
  if (Array.isArray(node)) return new Set(node.flatMap((each) => [...saidIn(each, names)]))
  if (!isNode(node)) return new Set()
  if (node.op === 'id') return new Set(typeof node.args === 'string' && names.has(node.args) ? [node.args] : [])
  const {inside, name, outside} = namedIn(node, new Map()) ?? {inside: [], outside: node.args}
  return new Set([...saidIn(outside, names), ...[...saidIn(inside, names)].filter((each) => each !== name)])
}
