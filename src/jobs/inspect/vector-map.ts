/** A sample of the vectors in two dimensions, and what it can be coloured by. */
import type {JsonValue} from '../../model/object.js'
import type {MapPoint} from './vector-sketch.js'

import {project} from './pca.js'
import {numberOf, type PropertyReport, shortText, textOf} from './property-sketch.js'

export interface VectorMap {
  /** The first is the one that was asked for. */
  colourings: Colouring[]
  /** '' for the unnamed vector. */
  name: string
  points: Array<{x: number; y: number}>
  /** Share (0 to 1) of the variance that two dimensions show. */
  shown: number
}

export interface Colouring {
  /** Name of the property; `tenant` with `isTenant`. */
  by: string
  /** Values, or ranges of them; at most 8. */
  categories: string[]
  isTenant?: true
  /** The category of each point. */
  of: number[]
}

/** Colours that are told apart. */
const CATEGORIES = 8
/** Ways to colour a map that one may choose from. */
const COLOURINGS = 6
/** Ranges of numbers. */
const RANGES = 5
const NONE = '(none)'
const OTHERS = '(others)'

/** Data types whose values sort objects into groups. */
const GROUPS = new Set(['boolean', 'date', 'int', 'number', 'text', 'text[]'])

/** Whether a map may be coloured by it when nobody has asked. */
export function isGroup({distinct, present, top, type}: PropertyReport): boolean {
  if (!GROUPS.has(type) || distinct.value < 2) return false
  return type === 'text' || type === 'text[]' ? top !== undefined && present > distinct.value : true
}

export function vectorMap(
  name: string,
  points: readonly MapPoint[],
  reports: readonly PropertyReport[],
  asked?: string,
): VectorMap {
  const {points: places, shown} = project(points.map(({vector}) => vector))
  const wanted = reports.filter((report) => report.name === asked)
  // Few values make the better groups; a property that was asked for is first.
  const groups = reports.filter((report) => report.name !== asked && isGroup(report))
  const chosen = [...wanted, ...groups.filter(({top}) => top), ...groups.filter(({top}) => !top)]
  const tenants = points.map(({tenant}) => tenant)
  const colourings: Colouring[] = chosen.map((report) => ({
    by: report.name,
    ...colouring(
      points.map(({properties}) => properties[report.name]),
      report,
    ),
  }))
  const tenantCount = new Set(tenants).size
  if (tenantCount > 1) {
    // Where nearly all would be "(others)", what else there is comes first.
    const at = tenantCount <= CATEGORIES ? wanted.length : Math.min(colourings.length, COLOURINGS - 1)
    colourings.splice(at, 0, {by: 'tenant', isTenant: true, ...byValue(tenants)})
  }

  return {colourings: colourings.slice(0, COLOURINGS), name, points: places.map(([x, y]) => ({x, y})), shown}
}

function colouring(values: ReadonlyArray<JsonValue | undefined>, {numbers, top}: PropertyReport): Groups {
  const firsts = values.map((value) => (Array.isArray(value) ? value[0] : value))
  if (top || !numbers || numbers.kind === 'length') return byValue(firsts)
  const {kind} = numbers
  return byRange(
    firsts.map((value) => (value === undefined || value === null ? undefined : numberOf(value, kind))),
    kind === 'time' ? timeText : numberText,
  )
}

type Groups = Pick<Colouring, 'categories' | 'of'>

/** The most frequent values; all others are one. */
function byValue(values: ReadonlyArray<JsonValue | undefined>): Groups {
  const texts = values.map((value) => (value === undefined || value === null ? NONE : shortText(textOf(value))))
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  const all = [...counts].sort((a, b) => b[1] - a[1]).map(([text]) => text)
  const categories = all.length <= CATEGORIES ? all : [...all.slice(0, CATEGORIES - 1), OTHERS]
  const indexes = new Map(categories.map((text, index) => [text, index]))
  return {categories, of: texts.map((text) => indexes.get(text) ?? categories.length - 1)}
}

/** Ranges with as many points each, as far as equal numbers allow. */
function byRange(numbers: ReadonlyArray<number | undefined>, text: (value: number) => string): Groups {
  const sorted = numbers.filter((value) => value !== undefined).sort((a, b) => a - b)
  const [least] = sorted
  if (least === undefined) return {categories: [NONE], of: numbers.map(() => 0)}
  const starts = Array.from({length: RANGES}, (_, at) => sorted[Math.floor((at * sorted.length) / RANGES)] ?? least)
  const bounds = [...new Set(starts)]
  const last = sorted.at(-1) ?? least
  const categories = bounds.map((start, at) => {
    const next = bounds[at + 1]
    return next === undefined ? `${text(start)} to ${text(last)}` : `${text(start)} to below ${text(next)}`
  })
  const hasNone = sorted.length < numbers.length
  return {
    categories: hasNone ? [...categories, NONE] : categories,
    of: numbers.map((value) =>
      value === undefined ? categories.length : bounds.findLastIndex((start) => value >= start),
    ),
  }
}

function timeText(value: number): string {
  return new Date(value).toISOString().slice(0, 10)
}

function numberText(value: number): string {
  return String(Number(value.toPrecision(4)))
}
