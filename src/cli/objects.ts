/** Objects as JSON, and as lines for a person. Pure. */
import type {JsonObject, JsonValue, NamedVector, WeaviateObject} from '../model/object.js'

import {viewOf} from '../codec/bytes.js'
import {shortestFloat32} from '../model/float32.js'
import {plural} from '../model/plural.js'
import {printable} from './format.js'
import {displayWidth, padEnd, truncate} from './width.js'

/** What `--json` shows. */
export interface ShownObject {
  /** RFC 3339. */
  created?: string
  id: string
  properties: JsonObject
  tenant?: string
  /** RFC 3339. */
  updated?: string
  vector?: number[]
  vectors?: Record<string, number[] | number[][]>
}

export function shownObject(object: WeaviateObject): ShownObject {
  const {creationTimeUnix, id, lastUpdateTimeUnix, properties, tenant, vector, vectors} = object
  return {
    ...(creationTimeUnix !== undefined && {created: new Date(creationTimeUnix).toISOString()}),
    id,
    properties,
    ...(tenant !== undefined && {tenant}),
    ...(lastUpdateTimeUnix !== undefined && {updated: new Date(lastUpdateTimeUnix).toISOString()}),
    ...(vector && {vector: numbersOf(vector)}),
    ...(vectors && {vectors: Object.fromEntries([...vectors].map(([name, named]) => [name, namedNumbers(named)]))}),
  }
}

/** NaN and infinities are null in JSON. */
function numbersOf(bytes: Uint8Array): number[] {
  const view = viewOf(bytes)
  return Array.from({length: bytes.byteLength >> 2}, (_, at) => shortestFloat32(view.getFloat32(at * 4, true)))
}

function namedNumbers(named: NamedVector): number[] | number[][] {
  const all = numbersOf(named.bytes)
  if (named.kind === 'single') return all
  const {dims} = named
  return Array.from({length: dims === 0 ? 0 : all.length / dims}, (_, row) => all.slice(row * dims, (row + 1) * dims))
}

export interface ObjectLinesOptions {
  /** Everything, however long. */
  full?: boolean
  /** Characters of a line. */
  width: number
}

/** Components of a vector that are shown. */
const COMPONENTS = 4

export function objectLines(object: ShownObject, {full = false, width}: ObjectLinesOptions): string[] {
  const {created, id, properties, tenant, vector, vectors = {}} = object
  const members: Array<[string, string]> = [
    ...Object.entries(properties).map(([name, value]): [string, string] => [name, valueText(value)]),
    ...(vector ? [['vector', vectorText(vector, full)] satisfies [string, string]] : []),
    ...Object.entries(vectors).map(([name, value]): [string, string] => [`vector ${name}`, vectorText(value, full)]),
  ]
  const label = Math.max(0, ...members.map(([name]) => displayWidth(name)))
  const isNarrow = !full && label > width / 2
  const room = full ? Infinity : Math.max(20, width - (isNarrow ? 0 : label) - 4)
  const notes = [tenant !== undefined && `tenant ${tenant}`, created && `created ${created}`].filter(Boolean).join(', ')
  return [
    `${id}${notes ? `  (${notes})` : ''}`,
    ...members.flatMap(([name, text]) => {
      const shown = truncate(printable(text), room)
      return isNarrow ? [`  ${name}`, `    ${shown}`] : [`  ${padEnd(name, label)}  ${shown}`]
    }),
  ]
}

export function valueText(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

function vectorText(vector: number[] | number[][], full: boolean): string {
  if (full) return JSON.stringify(vector)
  const [first] = vector
  if (Array.isArray(first)) return `${plural(vector.length, 'vector')} of ${plural(first.length, 'dimension')}`
  const shown = vector.slice(0, COMPONENTS).join(', ')
  return `[${shown}${vector.length > COMPONENTS ? ', …' : ''}] ${plural(vector.length, 'dimension')}`
}
