/** Whether what is there was restored from a backup, by the times of its objects: a server gives new ones to what is written to it. */
import type {ObjectSource} from '../../flow/source.js'
import type {WeaviateClass} from '../../model/schema.js'
import type {Connection} from '../../weaviate/connection.js'

import {persistent} from '../../flow/persistent.js'
import {objectKey, type WeaviateObject} from '../../model/object.js'
import {isOffloaded} from '../../model/tenant.js'
import {LiveSide, type LiveSideOptions} from './live-side.js'

/** Objects of a backup that are looked for at a time, and how often. */
const SAMPLE = 100
const SAMPLES = 10

/**
 * An object that came into being when the backup says is the one that was backed up. False also where none of them is there, and where the
 * backup does not say when they came into being.
 */
export async function isRestoredFrom(
  archive: Pick<ObjectSource, 'pages'>,
  {connection, schema}: {connection: Connection; schema: WeaviateClass},
  options: LiveSideOptions & {tenants?: readonly string[]},
): Promise<boolean> {
  const {onWarning, signal, tenants = []} = options
  const side = new LiveSide(persistent(connection, {onWarning, signal}), schema, options)
  const there = new Set((await side.tenants()).filter((tenant) => !isOffloaded(tenant)).map(({name}) => name))
  const isAsked = ({creationTimeUnix, tenant}: WeaviateObject): boolean =>
    creationTimeUnix !== undefined &&
    (tenant === undefined || (there.has(tenant) && (tenants.length === 0 || tenants.includes(tenant))))
  let samples = 0
  let isNew = false
  for await (const {objects} of archive.pages({signal})) {
    const asked = objects.filter((object) => isAsked(object)).slice(0, SAMPLE)
    if (asked.length === 0) continue
    const found = await timesOf(side, asked)
    const known = asked.filter(({id, tenant}) => found.has(objectKey(tenant, id)))
    if (known.some(({creationTimeUnix, id, tenant}) => found.get(objectKey(tenant, id)) === creationTimeUnix)) {
      return false
    }

    isNew ||= known.length > 0
    samples++
    if (isNew || samples >= SAMPLES) break
  }

  return isNew
}

async function timesOf(
  side: LiveSide,
  objects: readonly WeaviateObject[],
): Promise<ReadonlyMap<string, number | undefined>> {
  const times = new Map<string, number | undefined>()
  await side.eachGroup(new Set(objects.map(({tenant}) => tenant)), async (isOpen) => {
    for await (const found of side.find(objects.filter(({tenant}) => isOpen(tenant))))
      for (const [key, {creationTimeUnix}] of found) times.set(key, creationTimeUnix)
  })
  return times
}
