import {Buffer} from 'node:buffer'

import type {Predicate} from './filter-model.js'
import type {Shard, StoredObject} from './store.js'

import {own} from '../model/object.js'
import {isReference, type SchemaProperty} from '../model/schema.js'
import {Refusal, within} from './refusal.js'
import {nanosecondsOf} from './values.js'

/** Top occurrences that are told where no limit is given. */
export const TOP_OCCURRENCES = 5

/** What is asked of one property. */
export interface Wanted {
  /** Their names as over GraphQL: count, type, mean, topOccurrences, … */
  aggregators: ReadonlySet<string>
  property: SchemaProperty
  /** Of topOccurrences. */
  topLimit: number
}

/** What is found: members that no value gives (the mean of nothing) are left out. */
export type Aggregated =
  | NumbersAggregated
  | {
      count: number
      kind: 'boolean'
      /** NaN of nothing. */
      percentageFalse: number
      percentageTrue: number
      totalFalse: number
      totalTrue: number
    }
  | {count: number; kind: 'date'; maximum?: string; median?: string; minimum?: string; mode?: string}
  | {count: number; kind: 'text'; topOccurrences: Array<{occurs: number; value: string}>}
  | {kind: 'reference'; pointingTo: string[]}

interface NumbersAggregated {
  count: number
  kind: 'numerical'
  maximum?: number
  mean?: number
  median?: number
  minimum?: number
  mode?: number
  sum?: number
}

export type AggregatedKind = Aggregated['kind']

/** How values of a property are put together; undefined where they cannot be. */
export function aggregatedKind(property: SchemaProperty): AggregatedKind | undefined {
  if (isReference(property)) return 'reference'
  return KINDS[property.dataType[0]!.replace('[]', '')]
}

const KINDS: Record<string, AggregatedKind> = {
  boolean: 'boolean',
  date: 'date',
  int: 'numerical',
  number: 'numerical',
  text: 'text',
}

/**
 * `isFiltered` says whether the objects are those of a filter: without one the real server reads single values from the index,
 * which must be there, and which has dates in UTC.
 * @throws Refusal in the real server's words.
 */
export function aggregateProperty(
  {property, topLimit}: Wanted,
  {isFiltered, objects}: {isFiltered: boolean; objects: readonly StoredObject[]},
): Aggregated {
  const {dataType, name} = property
  const type = dataType[0]!
  const kind = aggregatedKind(property)
  if (kind === 'reference') return {kind, pointingTo: dataType}
  if (kind === undefined)
    throw new Refusal(
      type === 'geoCoordinates' || type === 'phoneNumber'
        ? `property ${name}: dataType ${type} can't be aggregated`
        : `property ${name}: unrecoginzed dataType ${type}`,
    )
  const isIndexed = !isFiltered && !type.endsWith('[]') && kind !== 'text'
  if (isIndexed && property.indexFilterable === false)
    throw new Refusal(`property ${name}: could not find bucket for prop ${name}`)
  const values = objects.flatMap((object) => own(object.properties, name) ?? [])
  if (kind === 'boolean') return booleans(values as boolean[])
  if (kind === 'numerical') return numbers(values as number[])
  return kind === 'text' ? texts(values as string[], topLimit) : dates(values as string[], isIndexed)
}

function booleans(values: boolean[]): Aggregated {
  const count = values.length
  const totalTrue = values.filter(Boolean).length
  const totalFalse = count - totalTrue
  return {
    count,
    kind: 'boolean',
    percentageFalse: totalFalse / count,
    percentageTrue: totalTrue / count,
    totalFalse,
    totalTrue,
  }
}

function numbers(values: number[]): Aggregated {
  const count = values.length
  if (count === 0) return {count, kind: 'numerical'}
  const sorted = values.toSorted((a, b) => a - b)
  const {isPair, lower, upper} = middleOf(sorted)
  let sum = 0
  for (const value of values) sum += value
  return {
    count,
    kind: 'numerical',
    maximum: sorted.at(-1)!,
    mean: sum / count,
    median: isPair ? (lower + upper) / 2 : lower,
    minimum: sorted[0]!,
    mode: mostFrequent(sorted),
    sum,
  }
}

function dates(values: string[], isIndexed: boolean): Aggregated {
  const count = values.length
  if (count === 0) return {count, kind: 'date'}
  const nanoseconds = values.map((value) => nanosecondsOf(value))
  const shown = new Map<bigint, string>()
  for (const [index, moment] of nanoseconds.entries())
    if (!shown.has(moment)) shown.set(moment, isIndexed ? utcText(moment) : values[index]!)
  const sorted = nanoseconds.toSorted((a, b) => (a < b ? -1 : Number(a > b)))
  const {isPair, lower, upper} = middleOf(sorted)
  const textOf = (moment: bigint): string => shown.get(moment)!
  return {
    count,
    kind: 'date',
    maximum: textOf(sorted.at(-1)!),
    median: isPair ? utcText(lower + (upper - lower) / 2n) : textOf(lower),
    minimum: textOf(sorted[0]!),
    mode: textOf(mostFrequent(sorted)),
  }
}

/** Of sorted values; `isPair`: there are two in the middle, and they differ. */
function middleOf<T>(sorted: readonly T[]): {isPair: boolean; lower: T; upper: T} {
  const lower = sorted[(sorted.length - 1) >> 1]!
  const upper = sorted[sorted.length >> 1]!
  return {isPair: lower !== upper, lower, upper}
}

/** The first of the most frequent of sorted values. */
function mostFrequent<T extends bigint | number>(sorted: readonly T[]): T {
  let best = sorted[0]!
  let most = 0
  let run = 0
  for (const [index, value] of sorted.entries()) {
    run = value === sorted[index - 1] ? run + 1 : 1
    if (run > most) [best, most] = [value, run]
  }

  return best
}

function texts(values: string[], topLimit: number): Aggregated {
  if (values.length > 0 && topLimit < 1)
    throw new Refusal(`the embedded server does not tell top occurrences up to ${topLimit}`, 501, 12)
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const topOccurrences = Array.from(counts, ([value, occurs]) => ({occurs, value}))
    .toSorted((a, b) => b.occurs - a.occurs || Buffer.compare(Buffer.from(a.value), Buffer.from(b.value)))
    .slice(0, topLimit)
  return {count: values.length, kind: 'text', topOccurrences}
}

/** As RFC 3339 with as many digits as are needed. */
function utcText(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n - (nanoseconds % 1_000_000_000n < 0n ? 1n : 0n)
  const fraction = String(nanoseconds - seconds * 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '')
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  return `${text}${fraction && `.${fraction}`}Z`
}

/** Of a shard's objects, those that match: how many, and what their properties give, by name. */
export function aggregateShard(
  shard: Shard,
  matches: Predicate | undefined,
  wanted: ReadonlyMap<string, Wanted>,
): {count: number; properties: Map<string, Aggregated>} {
  const isFiltered = matches !== undefined
  if (wanted.size === 0 && !matches) return {count: shard.size, properties: new Map()}
  const objects = [...shard.written()].filter((object) => !matches || matches(object))
  const context = `shard ${shard.name}: aggregate properties: ${isFiltered ? 'prepare aggregators for props: ' : ''}`
  const properties = within(context, () =>
    Array.from(wanted, ([name, each]): [string, Aggregated] => [name, aggregateProperty(each, {isFiltered, objects})]),
  )
  return {count: objects.length, properties: new Map(properties)}
}
