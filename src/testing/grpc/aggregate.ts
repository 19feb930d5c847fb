import type {Collection} from '../store.js'

import {
  AggregateReply,
  type AggregateReply_Aggregations_Aggregation,
  type AggregateRequest,
  type AggregateRequest_Aggregation,
} from '../../weaviate/proto/generated/aggregate.js'
import {type Aggregated, TOP_OCCURRENCES, type Wanted} from '../aggregate.js'
import {propertyOf} from '../filter-model.js'
import {within} from '../refusal.js'

/** What is asked of each property; the last time counts where one is named twice, as on the real server. */
export function wantedOf(
  collection: Collection,
  {aggregations}: Pick<AggregateRequest, 'aggregations'>,
): Map<string, Wanted> {
  return new Map(
    aggregations.map(({aggregation, property: name}): [string, Wanted] => {
      const property = within(`property ${name}: property ${name}: `, () => propertyOf(collection, name))
      return [name, {aggregators: aggregatorsOf(aggregation), property, topLimit: topLimitOf(aggregation)}]
    }),
  )
}

type Asked = AggregateRequest_Aggregation['aggregation']

function aggregatorsOf(asked: Asked): Set<string> {
  const flags = Object.entries(asked?.value ?? {}).filter(([, value]) => value === true)
  return new Set(flags.map(([name]) => name))
}

function topLimitOf(asked: Asked): number {
  return asked?.$case === 'text' ? (asked.value.topOccurencesLimit ?? TOP_OCCURRENCES) : TOP_OCCURRENCES
}

/** The answer, with what is asked of it. */
export function aggregateReply(
  {count, properties}: {count: number; properties: ReadonlyMap<string, Aggregated>},
  wanted: ReadonlyMap<string, Wanted>,
  {isFiltered}: {isFiltered: boolean},
): AggregateReply {
  const aggregations = [...properties].flatMap(([name, found]): AggregateReply_Aggregations_Aggregation[] => {
    const asked = wanted.get(name)!
    // References are told of by their type alone.
    if (found.kind === 'reference' && !isFiltered && !asked.aggregators.has('type')) return []
    return [{aggregation: aggregationOf(found, asked), property: name}]
  })
  return AggregateReply.fromPartial({
    result: {
      $case: 'singleResult',
      value: {
        aggregations: aggregations.length > 0 ? {aggregations} : undefined,
        objectsCount: BigInt(count),
      },
    },
    took: 0,
  })
}

function aggregationOf(
  found: Aggregated,
  {aggregators, property}: Wanted,
): AggregateReply_Aggregations_Aggregation['aggregation'] {
  const [dataType = ''] = property.dataType
  const type = aggregators.has('type') ? dataType : ''
  switch (found.kind) {
    case 'boolean': {
      const {count, percentageFalse, percentageTrue, totalFalse, totalTrue} = found
      const counts = {count: BigInt(count), totalFalse: BigInt(totalFalse), totalTrue: BigInt(totalTrue)}
      return {$case: 'boolean', value: {...counts, percentageFalse, percentageTrue, type}}
    }

    case 'date': {
      const {count, kind, ...moments} = found
      const shown = picked(moments, aggregators)
      if (aggregators.has('count')) Object.assign(shown, {count: BigInt(count)})
      return {$case: kind, value: {...shown, ...(Object.keys(shown).length > 0 && {type})}}
    }

    case 'numerical': {
      const {kind: _, ...numbers} = found
      const shown = picked(numbers, aggregators)
      const {count, mean, median, ...others} = shown
      const typed = {mean, median, ...(Object.keys(shown).length > 0 && {type})}
      return dataType.startsWith('int')
        ? {$case: 'int', value: {...typed, ...integers({count, ...others})}}
        : {$case: 'number', value: {...typed, ...others, ...integers({count})}}
    }

    case 'reference': {
      return {$case: 'reference', value: {pointingTo: found.pointingTo, type: type && 'cref'}}
    }

    case 'text': {
      const items = found.topOccurrences.map(({occurs, value}) => ({occurs: BigInt(occurs), value}))
      return {
        $case: 'text',
        value: {count: BigInt(found.count), topOccurences: items.length > 0 ? {items} : undefined, type},
      }
    }
  }
}

function picked<T extends object>(found: T, aggregators: ReadonlySet<string>): Partial<T> {
  const entries = Object.entries(found).filter(([name]) => aggregators.has(name))
  return Object.fromEntries(entries) as Partial<T>
}

function integers<T extends object>(shown: T): Partial<Record<keyof T, bigint>> {
  const known = Object.entries(shown).filter((entry): entry is [string, number] => typeof entry[1] === 'number')
  return Object.fromEntries(known.map(([name, value]) => [name, BigInt(Math.trunc(value))])) as Partial<
    Record<keyof T, bigint>
  >
}
