import type {JsonObject, JsonValue, NamedVector} from '../../model/object.js'
import type {StoredObject} from '../store.js'

import {jsonText} from '../../codec/columns/json-text.js'
import {floatsOf, rowsOf, shortestFloat32} from '../values.js'

/** A vector component that JSON has no text for: the real server then answers 200 with no body at all. */
export class NonFiniteVector extends Error {}

function floatsText(bytes: Uint8Array): string {
  const texts: string[] = []
  for (const component of floatsOf(bytes)) {
    if (!Number.isFinite(component)) throw new NonFiniteVector()
    texts.push(Object.is(component, -0) ? '-0' : String(shortestFloat32(component)))
  }

  return `[${texts.join(',')}]`
}

function namedVectorText(vector: NamedVector): string {
  if (vector.kind === 'single') return floatsText(vector.bytes)
  const rows = rowsOf(vector).map((row) => floatsText(row))
  return `[${rows.join(',')}]`
}

export interface ObjectTextOptions {
  className: string
  tenant: string
  /** Whether `vectorWeights` is in it: in answers to reads only. */
  hasWeights: boolean
  hasVector: boolean
}

/** An object as REST shows it. @throws NonFiniteVector. */
export function objectText(object: StoredObject, options: ObjectTextOptions): string {
  const members = [
    `"class":${JSON.stringify(options.className)}`,
    `"creationTimeUnix":${object.created}`,
    `"id":"${object.id}"`,
    `"lastUpdateTimeUnix":${object.updated}`,
    `"properties":${jsonText(withLinks(object.properties))}`,
  ]
  if (options.tenant) members.push(`"tenant":${JSON.stringify(options.tenant)}`)
  if (options.hasVector && object.vector) members.push(`"vector":${floatsText(object.vector)}`)
  if (options.hasWeights) members.push('"vectorWeights":null')
  if (options.hasVector && object.vectors) {
    const vectors = [...object.vectors].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const texts = vectors.map(([name, vector]) => `${JSON.stringify(name)}:${namedVectorText(vector)}`)
    members.push(`"vectors":{${texts.join(',')}}`)
  }

  return `{${members.join(',')}}`
}

/** References get the `href` that REST shows beside the beacon. */
function withLinks(properties: JsonObject): JsonObject {
  const linked = Object.entries(properties).map(([name, value]): [string, JsonValue] => {
    const isReference = Array.isArray(value) && value.some((item) => isBeacon(item))
    return [name, isReference ? value.map((item) => (isBeacon(item) ? withLink(item) : item)) : value]
  })
  return Object.fromEntries(linked)
}

function isBeacon(value: JsonValue): value is {beacon: string} {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length === 1 &&
    typeof value.beacon === 'string' &&
    value.beacon.startsWith('weaviate://localhost/')
  )
}

function withLink({beacon}: {beacon: string}): JsonObject {
  return {beacon, href: `/v1/objects/${beacon.slice('weaviate://localhost/'.length)}`}
}
