/** What a report says of one property. */
import type {JsonValue} from '../../model/object.js'

import {isReference, type SchemaProperty} from '../../model/schema.js'
import {DistinctCounter, NumberSketch, type NumberSummary} from './sketch.js'

export interface PropertyReport {
  /** Different values, of lists their elements; estimated (within a few %) from 8,192 on. */
  distinct: {estimated: boolean; value: number}
  /** Objects without it. */
  missing: number
  name: string
  /** `length`: characters of a text, elements of a list of texts; `value`: the numbers themselves; `time`: milliseconds since 1970. */
  numbers?: NumberSummary & {kind: NumberKind}
  /** Objects with it. */
  present: number
  /** All values with how often they were there, the most frequent first: where there are at most 12. Cut to 40 characters. */
  top?: Array<{count: number; value: string}>
  /** Its data type; `reference` for references. */
  type: string
}

export type NumberKind = 'length' | 'time' | 'value'

/** Different values of which all are counted, at most. */
const FEW = 12
/** Characters of a value that is shown. */
const SHOWN = 40

export class PropertySketch {
  readonly #distinct = new DistinctCounter()
  readonly #kind: NumberKind
  readonly name: string
  readonly #numbers = new NumberSketch()
  #present = 0
  #top: Map<string, number> | undefined = new Map()
  readonly type: string

  constructor(property: SchemaProperty) {
    this.name = property.name
    this.type = isReference(property) ? 'reference' : property.dataType.join('|')
    this.#kind = kindOf(this.type)
  }

  add(value: JsonValue | undefined): void {
    if (value === undefined || value === null) return
    this.#present++
    const items = Array.isArray(value) ? value : [value]
    if (this.#kind === 'length' && Array.isArray(value)) this.#numbers.add(value.length)
    for (const item of items) {
      const number = Array.isArray(value) && this.#kind === 'length' ? undefined : numberOf(item, this.#kind)
      if (number !== undefined) this.#numbers.add(number)
      const text = textOf(item)
      this.#distinct.add(text)
      if (this.#top) this.#countValue(shortText(text))
    }
  }

  #countValue(text: string): void {
    const top = this.#top ?? new Map<string, number>()
    top.set(text, (top.get(text) ?? 0) + 1)
    if (top.size > FEW) this.#top = undefined
  }

  report(objects: number): PropertyReport {
    const numbers = this.type === ALIKE ? undefined : this.#numbers.summary
    const distinct = this.#distinct.count
    // Values that are alike as far as they are shown are not counted as one.
    const top = this.#top?.size === distinct.value ? [...this.#top] : []
    return {
      distinct,
      missing: objects - this.#present,
      name: this.name,
      ...(numbers && {numbers: {...numbers, kind: this.#kind}}),
      present: this.#present,
      ...(top.length > 0 && {top: top.map(([value, count]) => ({count, value})).sort((a, b) => b.count - a.count)}),
      type: this.type,
    }
  }
}

/** All of its values have one length. */
const ALIKE = 'uuid'

function kindOf(type: string): NumberKind {
  if (/^date(?:\[\])?$/.test(type)) return 'time'
  return /^(?:int|number)(?:\[\])?$/.test(type) ? 'value' : 'length'
}

/** The number that a value is drawn by. */
export function numberOf(value: JsonValue, kind: NumberKind): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  if (kind === 'length') return value.length
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : at
}

export function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Cut to what is shown; a copy, so that the long text is not kept in memory by its beginning. */
export function shortText(text: string): string {
  const characters = [...text.slice(0, SHOWN * 2 + 1)]
  return characters.length > SHOWN ? `${characters.slice(0, SHOWN - 1).join('')}…` : characters.join('')
}
