import type {SchemaProperty} from '../../model/schema.js'
import type {Predicate} from '../filter-model.js'
import type {Collection, Shard} from '../store.js'

import {
  type Aggregated,
  aggregatedKind,
  type AggregatedKind,
  aggregateShard,
  TOP_OCCURRENCES,
  type Wanted,
} from '../aggregate.js'
import {Refusal} from '../refusal.js'
import {type Field, QueryError, requireSelection} from './graphql-document.js'

const NUMBERS = ['count', 'maximum', 'mean', 'median', 'minimum', 'mode', 'sum', 'type']
const TEXT = ['count', 'topOccurrences', 'type']
/** What can be asked of a property, by how its values are put together. */
const FIELDS: Record<AggregatedKind, string[]> = {
  boolean: ['count', 'percentageFalse', 'percentageTrue', 'totalFalse', 'totalTrue', 'type'],
  date: ['count', 'maximum', 'median', 'minimum', 'mode'],
  numerical: NUMBERS,
  reference: ['pointingTo', 'type'],
  text: TEXT,
}

/** What a query asks of a collection's aggregate, checked. @throws QueryError for what the collection does not have. */
export function readAggregate(
  collection: Collection,
  field: Field,
): (from: {count: (found: number) => number; matches: Predicate | undefined; shard: Shard}) => unknown {
  requireSelection(field, `[Aggregate${collection.name}]`)
  const wanted = new Map<string, Wanted>()
  for (const each of field.fields) {
    const asked = checkField(collection, each)
    if (asked) wanted.set(each.name, asked)
  }

  return ({count, matches, shard}) => {
    const found = aggregateShard(shard, matches, wanted)
    const entries = field.fields.map((each): [string, unknown] => [
      each.alias,
      shownField(collection, each, {
        count: () => count(found.count),
        found: found.properties.get(each.name),
        wanted: wanted.get(each.name),
      }),
    ])
    return [Object.fromEntries(entries)]
  }
}

/** What is to be aggregated; undefined for what is told without. */
function checkField({name: className, schema}: Collection, field: Field): undefined | Wanted {
  const {column, fields, name} = field
  if (name === '__typename') return undefined
  if (name === 'meta') {
    checkMembers(fields, ['count'], `Aggregate${className}MetaObject`)
    return undefined
  }

  const property = schema.properties?.find((candidate) => candidate.name === name)
  const known = property && membersOf(property)
  if (name === 'groupedBy') throw new QueryError('the embedded server does not group: it has no groupedBy', column)
  if (!known) throw new QueryError(`Cannot query field "${name}" on type "Aggregate${className}".`, column)
  const type = `Aggregate${className}${name}Obj`
  requireSelection(field, type)
  checkMembers(fields, known, type)
  const tops = fields.filter((member) => member.name === 'topOccurrences')
  for (const top of tops) checkTop(top, `Aggregate${className}${name}TopOccurrencesObj`)
  const aggregators = new Set(fields.map((member) => member.name))
  return {aggregators, property, topLimit: Number(tops[0]?.arguments.limit ?? TOP_OCCURRENCES)}
}

/** Blobs can be asked for, and are refused when it comes to it. */
function membersOf(property: SchemaProperty): string[] | undefined {
  const kind = aggregatedKind(property)
  if (kind) return FIELDS[kind]
  return property.dataType[0]!.startsWith('blob') ? TEXT : undefined
}

function checkMembers(fields: readonly Field[], known: readonly string[], type: string): void {
  const other = fields.find(({name}) => name !== '__typename' && !known.includes(name))
  if (other) throw new QueryError(`Cannot query field "${other.name}" on type "${type}".`, other.column)
}

function checkTop(top: Field, type: string): void {
  requireSelection(top, `[${type}]`)
  checkMembers(top.fields, ['occurs', 'value'], type)
}

interface Shown {
  count: () => number
  found: Aggregated | undefined
  wanted: undefined | Wanted
}

function shownField({name: className}: Collection, {fields, name}: Field, {count, found, wanted}: Shown): unknown {
  if (name === '__typename') return `Aggregate${className}`
  if (name === 'meta') return members(fields, {__typename: `Aggregate${className}MetaObject`, count: count()})
  if (!found || !wanted) return null
  const {aggregators, property} = wanted
  if (found.kind === 'reference') {
    // The real server finds out where references point to only beside their type.
    if (!aggregators.has('type'))
      throw new Refusal(`the embedded server tells what ${name} points to only with its type`, 501)
    return members(fields, {...found, type: 'cref'})
  }

  const shown = {...withoutNothing(found), __typename: `Aggregate${className}${name}Obj`, type: property.dataType[0]}
  return members(fields, shown)
}

/** Shares of nothing are null. */
function withoutNothing(found: Aggregated): Record<string, unknown> {
  return found.kind === 'boolean' && found.count === 0
    ? {...found, percentageFalse: null, percentageTrue: null}
    : {...found}
}

/** Of each member what is asked of it, by the name that it is asked by. */
function members(fields: readonly Field[], shown: Record<string, unknown>): unknown {
  const entries = fields.map(({alias, fields: inner, name}) => {
    const value = shown[name] ?? null
    if (inner.length === 0 || !Array.isArray(value)) return [alias, value]
    return [alias, value.map((item) => members(inner, item as Record<string, unknown>))]
  })
  return Object.fromEntries(entries) as unknown
}
