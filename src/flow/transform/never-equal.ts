/** Comparisons in a filter that say the same of every object, since the two sides are never of one kind: a date beside a text. */
import {type JsonValue} from '../../model/object.js'
import {isReference, type WeaviateClass} from '../../model/schema.js'

/** As the parser gives it: what the arguments are depends on `op`. */
interface Node {
  args: unknown
  op: string
}

type Kind = 'a boolean' | 'a date' | 'a list' | 'a number' | 'a text'

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

/** A property, or what each of its values is. */
interface Side {
  kind: Kind
  name: string
}

/** The first of them, in a sentence without its dot; undefined: there is none. */
export function neverEqual(ast: unknown, schema: WeaviateClass): string | undefined {
  const kinds = new Map<string, string>()
  for (const property of schema.properties ?? [])
    if (!isReference(property)) kinds.set(property.name, property.dataType[0] ?? '')
  return firstIn(ast, kinds)
}

type Types = ReadonlyMap<string, string>

function firstIn(node: unknown, types: Types): string | undefined {
  if (Array.isArray(node)) {
    for (const each of node) {
      const found = firstIn(each, types)
      if (found !== undefined) return found
    }

    return undefined
  }

  if (!isNode(node)) return undefined
  return ofComparison(node, types) ?? firstIn(node.args, types)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}

function ofComparison({args, op}: Node, types: Types): string | undefined {
  if (!Array.isArray(args) || args.length !== 2) return undefined
  const [a, b] = args as [unknown, unknown]
  if (op === '==' || op === '!=') return apart(sideOf(a, types), b) ?? apart(sideOf(b, types), a)
  if (op !== 'in') return undefined
  if (isNode(b) && b.op === 'list' && Array.isArray(b.args)) {
    const side = sideOf(a, types)
    return b.args.map((item) => apart(side, item)).find((found) => found !== undefined)
  }

  return apart(elementOf(b, types), a)
}

function apart(side: Side | undefined, other: unknown): string | undefined {
  const literal = literalIn(other)
  if (!side || literal === undefined || side.kind === literal.kind) return undefined
  const shown = JSON.stringify(literal.value)
  const help = side.kind === 'a date' && literal.kind === 'a text' ? `: compare it with timestamp(${shown})` : ''
  return `"${side.name}" is ${side.kind}, which ${shown} never equals${help}`
}

function literalIn(node: unknown): undefined | {kind: Kind; value: JsonValue} {
  if (!isNode(node) || node.op !== 'value') return undefined
  const value: unknown = node.args
  if (typeof value === 'string') return {kind: 'a text', value}
  if (typeof value === 'boolean') return {kind: 'a boolean', value}
  if (typeof value === 'number' || typeof value === 'bigint') return {kind: 'a number', value: Number(value)}
  return undefined
}

/** `name`, `properties.name` or `properties["name"]`. */
function nameIn(node: unknown): undefined | {isOwn: boolean; name: string} {
  if (!isNode(node)) return undefined
  if (node.op === 'id' && typeof node.args === 'string') return {isOwn: false, name: node.args}
  if ((node.op !== '.' && node.op !== '[]') || !Array.isArray(node.args)) return undefined
  const [of, member] = node.args as unknown[]
  if (!isNode(of) || of.op !== 'id' || of.args !== 'properties') return undefined
  const name = typeof member === 'string' ? member : literalIn(member)?.value
  return typeof name === 'string' ? {isOwn: true, name} : undefined
}

function sideOf(node: unknown, types: Types): Side | undefined {
  const found = nameIn(node)
  if (!found) return undefined
  const {isOwn, name} = found
  const fixed = isOwn ? undefined : FIXED.get(name)
  if (fixed) return {kind: fixed, name}
  const type = types.get(name)
  const kind = type?.endsWith('[]') ? 'a list' : KINDS[type ?? '']
  return kind && {kind, name}
}

function elementOf(node: unknown, types: Types): Side | undefined {
  const name = nameIn(node)?.name
  const type = name === undefined ? undefined : types.get(name)
  if (name === undefined || !type?.endsWith('[]')) return undefined
  const kind = KINDS[type.replace('[]', '')]
  return kind && {kind, name: `each of ${name}`}
}
