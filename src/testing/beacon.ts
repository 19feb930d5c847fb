import {Refusal} from './refusal.js'
import {canonicalUuid} from './values.js'

const HOST = 'weaviate://localhost/'

export interface Target {
  /** '' when the beacon names none. */
  collection: string
  id: string
}

export function beaconTo(target: Target): string {
  return `${HOST}${target.collection}${target.collection && '/'}${target.id}`
}

/** Reads `weaviate://localhost/[Class/]uuid`. @throws Refusal 422. */
export function parseBeacon(beacon: string): Target {
  const path = beacon.replace(/^weaviate:\/\/[^/]*/, '')
  // Empty ones count: `//uuid` names a class of no name, which is as none.
  const segments = path.split('/').slice(1)
  if (!beacon.startsWith('weaviate://') || segments.length === 0 || segments.length > 2)
    throw new Refusal(`invalid cref URI: path must be of format '<class>/<uuid>', but got '${path}'`)
  const text = segments.at(-1)!
  const id = canonicalUuid(text)
  if (!id) throw new Refusal(`invalid cref URI: ${segments.length}nd path segment must be uuid, but got '${text}'`)
  return {collection: segments.length === 2 ? segments[0]! : '', id}
}

/** Reads `weaviate://localhost/Class/uuid/property`, the source of a batch reference. @throws Refusal 422. */
export function parseSourceBeacon(beacon: string): Target & {property: string} {
  const segments = beacon.replace(/^weaviate:\/\/[^/]*\//, '').split('/')
  const [collection = '', text = '', property = ''] = segments
  const id = canonicalUuid(text)
  if (segments.length !== 3 || !id)
    throw new Refusal(`invalid cref URI: 2nd path segment must be uuid, but got '${text || property}'`)
  return {collection, id, property}
}
